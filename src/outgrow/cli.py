"""The command line: one verb per question, each calling one public function.

A user's mistake gives one line on standard error and status 2; a fault of ours gives status 1, and its
traceback with --debug. Progress is drawn on terminals only.
"""

from __future__ import annotations

import io
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from cyclopts import (
    App,
    CycloptsError,
    MissingArgumentError,
    Parameter,
    UnusedCliTokensError,
)
from cyclopts.argument import ArgumentCollection, Token
from pydantic import BaseModel
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from outgrow import __version__
from outgrow.config import (
    DemoConfig,
    EncodeConfig,
    ForecastConfig,
    MeasureConfig,
    PlanConfig,
    RankConfig,
    RawConfig,
    ReproduceConfig,
    RunConfig,
    SweepConfig,
    explain,
    toml_values,
)
from outgrow.errors import ConfigError, FileError, OutgrowError, printable


class _Console(Console):
    """Shows names from outside as text, not as commands to the terminal; tells `main` of readers that go."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=printable(segment.text))

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


app = App(
    name="outgrow",
    version=__version__,
    help="Tells, before anyone pays for it, whether a strong student will outgrow its weak teacher,"
    " and then trains it.",
    default_parameter=Parameter(negative_iterable=""),
    suppress_keyboard_interrupt=False,
    console=_Console(),
)

Flat = Parameter(name="*", consume_multiple=True)
Out = Annotated[Path, Parameter(help="Folder to make.")]
Folder = Annotated[Path | None, Parameter(help="Folder to write findings and report to.")]
Jobs = Annotated[int | None, Parameter(help="Processes; by default as many as pay.")]
Overwrite = Annotated[bool, Parameter(negative="", help="Replace an earlier run in that folder.")]
Code = Annotated[
    tuple[str, ...],
    Parameter(
        name="--allow-code",
        consume_multiple=True,
        help="Callable, or model with code of its own, that may be run.",
    ),
]
AsJson = Annotated[bool, Parameter(name="--json", negative="", help="Print the result as JSON.")]


@dataclass(frozen=True)
class Asked:
    """What decides no number: where a verb writes, what code it may run, and how it answers."""

    out: Folder = None
    overwrite: Overwrite = False
    allow_code: Code = ()
    as_json: AsJson = False


ASKED = Asked()


@app.command
def run(
    *,
    config: Annotated[RunConfig, Flat],
    out: Out,
    overwrite: Overwrite = False,
    allow_code: Code = (),
    as_json: AsJson = False,
) -> None:
    """Train every route on features and labels (or raw rows and models), say which to take, and report."""
    _answer("run", config, Asked(out, overwrite, allow_code, as_json))


@app.command
def encode(
    *,
    config: Annotated[EncodeConfig, Flat],
    out: Annotated[
        Path | None, Parameter(help="Folder to put the feature sets in; the cache keeps them anyway.")
    ] = None,
    overwrite: Annotated[bool, Parameter(negative="", help="Replace other feature sets there.")] = False,
    allow_code: Code = (),
) -> None:
    """Turn texts or pictures into feature sets, one per model; what was interrupted goes on."""
    from outgrow import api

    with _progress() as tell:
        made = api.encode(config, out, overwrite=overwrite, progress=tell, allow_code=allow_code)
    for encoding in made:
        _say(f"{encoding.name}: {encoding.rows:,} rows ({encoding.fresh:,} encoded now) in {encoding.folder}")
        for row, reason in encoding.skipped:
            _say(f"  left out: {row}: {reason}")


@app.command
def inspect(
    model: str,
    *,
    config: Annotated[RawConfig | None, Flat] = None,
    kind: Annotated[Literal["text", "image"], Parameter(help="What it reads, without --input.")] = "text",
    input: Annotated[str | None, Parameter(help="Raw rows to try it on; made-up ones by default.")] = None,
    rows: Annotated[int, Parameter(help="Rows to estimate time and room for.")] = 100_000,
    allow_code: Code = (),
) -> None:
    """Look at a model before it is trusted: what it gives, whether it repeats itself, what it costs."""
    from outgrow import api
    from outgrow.report.inspection import inspection_lines

    inspection = api.inspect(model, config, kind=kind, source=input, rows=rows, allow_code=allow_code)
    for line in inspection_lines(inspection):
        _say(line)


@app.command
def verify(store: Path) -> None:
    """Check every page and id of a feature store, or every file of a run."""
    from outgrow import api

    wrong = api.verify(store)
    for line in wrong:
        _say(line)
    if wrong:
        raise FileError(f"has {len(wrong)} faults", str(store), "Remove it and make it again.")
    _say(f"{store} is sound.")


@app.command
def forecast(
    folder: Annotated[
        Path | None, Parameter(help="A run, whose features, labels and measured risks are used.")
    ] = None,
    *,
    config: Annotated[ForecastConfig | None, Flat] = None,
    asked: Annotated[Asked, Flat] = ASKED,
) -> None:
    """Forecast every route's risk for any n and N before anything is trained, from few labels."""
    _answer("forecast", config, asked, run=folder)


@app.command
def rank(
    *,
    config: Annotated[RankConfig, Flat],
    asked: Annotated[Asked, Flat] = ASKED,
) -> None:
    """Rank weak teachers by the forecast risk of the student each would have; ties are told as ties."""
    _answer("rank", config, asked)


@app.command
def plan(
    *,
    config: Annotated[PlanConfig, Flat],
    asked: Annotated[Asked, Flat] = ASKED,
) -> None:
    """Say how many labels and pseudo-labels to buy, and for which route: for a budget, or to reach a risk."""
    _answer("plan", config, asked)


@app.command
def sweep(
    *,
    config: Annotated[SweepConfig, Flat],
    out: Annotated[Path | None, Parameter(help="Folder to write tables, figure and report to.")] = None,
    overwrite: Annotated[
        bool,
        Parameter(
            negative="", help="Replace an earlier sweep there, and throw away unfinished parts of another."
        ),
    ] = False,
    jobs: Jobs = None,
    allow_code: Code = (),
    as_json: AsJson = False,
) -> None:
    """Measure every model on a grid of n, N, penalties, noise, teachers, students and seeds.

    `outgrow sweep CONFIG.toml --out DIR` reads the options from a file. Every seed is kept; a sweep that was
    interrupted goes on when the same command is given again.
    """
    from outgrow.report.terminal import sweep_lines

    lines = partial(sweep_lines, written=out is not None)
    _answer("sweep", config, Asked(out, overwrite, allow_code, as_json), jobs=jobs, lines=lines)


@app.command
def reproduce(
    name: str,
    *,
    config: Annotated[ReproduceConfig | None, Flat] = None,
    out: Annotated[Path | None, Parameter(help="Folder to write data, tables, figure and report to.")] = None,
    overwrite: Overwrite = False,
    jobs: Jobs = None,
    allow_code: Code = (),
    as_json: AsJson = False,
) -> None:
    """Do a published experiment again: synthetic, utkface, coloredmnist, sst2, movies or ceiling-table.

    Gives data, tables, the figure and a verdict: matches or does not match, because. synthetic, movies and
    ceiling-table need nothing; the others need your copy of the data, or features made of it.
    """
    _answer("reproduce", config, Asked(out, overwrite, allow_code, as_json), name, jobs=jobs)


@app.command
def measure(
    *, config: Annotated[MeasureConfig, Flat], allow_code: Code = (), as_json: AsJson = False
) -> None:
    """Measure intrinsic dimensions and the correlation dimension of feature sets; no labels needed."""
    from outgrow import api
    from outgrow.report.terminal import measure_lines

    with _progress() as tell:
        outcome = api.measure(config, progress=tell, allow_code=allow_code)
    _show(outcome, measure_lines(outcome), None, as_json)


@app.command
def predict(
    folder: Path,
    *,
    input: Annotated[
        list[str],
        Parameter(help="Feature file, one per feature set the model reads; or raw rows, as the run had."),
    ],
    model: Annotated[str, Parameter(help='Route, such as "student"; the recommended one by default.')] = (
        "recommended"
    ),
    out: Annotated[
        Path | None, Parameter(help="Write a CSV, Parquet or JSON lines file instead of printing.")
    ] = None,
    overwrite: Annotated[bool, Parameter(negative="", help="Replace an earlier file there.")] = False,
    with_text: Annotated[
        bool, Parameter(negative="", help="Put the text of every raw row beside its prediction.")
    ] = False,
    id_column: Annotated[
        str | None, Parameter(help="Column of ids; that of the run's features by default.")
    ] = None,
    on_error: Annotated[
        Literal["fail", "skip"] | None,
        Parameter(help="What is done about raw rows that cannot be read; as in the run by default."),
    ] = None,
    allow_code: Code = (),
) -> None:
    """Predict new rows with a model of a run."""
    from outgrow import api

    api.check_output(out, overwrite)
    with _progress() as tell:
        columns = api.predict(
            folder,
            input,
            model=model,
            id_column=id_column,
            on_error=on_error,
            with_text=with_text,
            progress=tell,
            allow_code=allow_code,
        )
    api.write_columns(columns, out, overwrite)


@app.command
def replay(folder: Path, *, allow_code: Code = ()) -> None:
    """Do a run again from its own configuration and compare the numbers."""
    from outgrow import api

    with _progress() as tell:
        _, moved = api.replay(folder, progress=tell, allow_code=allow_code)
    for name, change in moved.items():
        _say(f"{name}: largest relative change {change:.1e}")
    # Threaded sums may differ in their last digits between machines; more than that is another result.
    if max(moved.values(), default=0.0) > 1e-6:
        raise OutgrowError("the numbers are not those of the run", str(folder), "See the lines above.")
    print("The run repeats.")


@app.command
def report(folder: Path) -> None:
    """Draw the report of a run again, or of what another verb wrote."""
    from outgrow import api

    _say(str(api.redraw(folder)))


@app.command(name="explain")
def explain_check(code: str) -> None:
    """Say what a check means, why it matters and what to do: outgrow explain OG106."""
    from outgrow.report.check_lines import explained

    print(explained(code))


@app.command
def demo(
    *,
    config: Annotated[DemoConfig | None, Flat] = None,
    out: Out = Path("outgrow-demo"),
    overwrite: Overwrite = False,
) -> None:
    """Run the main job on embedded real data: rated movie reviews, a lexicon and four text encoders."""
    from outgrow import api

    with _progress() as tell:
        made = api.demo(out, config or DemoConfig(), overwrite=overwrite, progress=tell)
    for folder, outcome in made.items():
        _show(outcome, api.VERBS["run" if "verdict" in outcome else "forecast"].lines(outcome), folder)
        print()


def _say(line: str) -> None:
    print(printable(line))


def _answer(
    verb: str,
    config: BaseModel | None,
    asked: Asked,
    *of: str,
    lines: Callable[[Any], RenderableType] | None = None,
    **options: object,
) -> None:
    """Ask a verb that may leave a folder, and show what it found."""
    from outgrow import api

    options |= {"out": asked.out, "overwrite": asked.overwrite, "allow_code": asked.allow_code}
    with _progress(remaining="jobs" in options) as tell:
        result = getattr(api, verb)(*of, config, progress=tell, **options)
    _show(result.outcome, (lines or api.VERBS[verb].lines)(result.outcome), result.folder, asked.as_json)


def _show(
    outcome: Mapping[str, Any], lines: RenderableType, folder: Path | None, as_json: bool = False
) -> None:
    from outgrow.report.check_lines import check_lines
    from outgrow.report.reading_line import reading_line

    if as_json:
        print(json.dumps(outcome, ensure_ascii=False))
        return
    console = _console()
    console.print(reading_line(outcome), soft_wrap=True)
    console.print(check_lines(outcome, serious=True))
    console.print(lines)
    console.print(check_lines(outcome, serious=False))
    if folder is not None:
        console.print(f"Report: {folder / 'report.html'}", markup=False, soft_wrap=True)


def _console() -> Console:
    # A pipe gets wide lines that a program can cut; a terminal its own width.
    return _Console() if sys.stdout.isatty() else _Console(width=140)


@contextmanager
def _progress(remaining: bool = False) -> Iterator[Callable[[str, float], None] | None]:
    if not sys.stderr.isatty():
        yield None
        return
    from rich.progress import (
        BarColumn,
        Progress,
        ProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    # Names of feature sets stand in the description: brackets in them are no styles.
    columns: list[ProgressColumn] = [TextColumn("{task.description}", markup=False), BarColumn()]
    columns += [TimeElapsedColumn(), *([TimeRemainingColumn()] if remaining else [])]
    with Progress(*columns, console=_Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=1.0)
        yield lambda what, share: bar.update(task, description=what, completed=share)


def _read_config(words: list[str]) -> list[str]:
    """Take `--config FILE` out of the words; its values stand behind those given on the command line."""
    app.config = ()
    if words[:1] == ["sweep"] and "--config" not in words:
        # Options may stand before the file, as long as it is plainly one.
        first = [1] if words[1:] and not words[1].startswith("-") else []
        files = (place for place, word in enumerate(words) if word.endswith(".toml") and Path(word).is_file())
        for place in (*first, *files)[:1]:
            words = [*words[:place], "--config", *words[place:]]
    glued = "--config="
    words = [
        part for word in words for part in ([glued[:-1], word[9:]] if word.startswith(glued) else [word])
    ]
    if "--config" not in words:
        return words
    place = words.index("--config")
    if place + 1 == len(words):
        raise ConfigError("--config names no file", remedy="Give a TOML file.")
    path = Path(words[place + 1])
    try:
        if path.is_fifo() and path.parent != Path("/dev/fd"):  # where shells keep <(...)
            raise FileError("is a named pipe", str(path), "Give a TOML file.")
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "is not UTF-8 text"
        raise FileError(f"cannot be read ({reason})", str(path), "Give a TOML file.") from None
    app.config = (partial(_fill_in, text, str(path)),)
    return words[:place] + words[place + 2 :]


def _fill_in(
    text: str, where: str, _app: App, _commands: tuple[str, ...], arguments: ArgumentCollection
) -> None:
    """Give the verb's configuration what the file says, as values, wherever the command line says nothing."""
    kinds = [argument.hint for argument in arguments if argument.names == ("*",)]
    if not kinds:
        raise ConfigError("this verb reads no configuration", where, "Leave out --config.")
    fields = {argument.keys: argument for argument in arguments if argument.keys}
    for name, value in toml_values(text, _model(kinds[0]), where).items():
        if not (field := fields[name,]).tokens:
            field.append(Token(keyword=name, source=where, implicit_value=value))


def _model(hint: Any) -> type[BaseModel]:
    # "Config | None" where every field has a default.
    model: type[BaseModel] = next((kind for kind in get_args(hint) if kind is not type(None)), hint)
    return model


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _mistake(error: CycloptsError) -> str:
    """Say what is wrong with the words of a command."""
    cause = error.__cause__ or error.__context__
    if type(cause).__name__ == "ValidationError" and cause:
        return explain(cause, option=lambda name: f"--{name.replace('_', '-')}")
    if isinstance(error, MissingArgumentError) and error.argument is not None and not error.argument.tokens:
        return f"{error.argument.name} is missing (--help lists the options)"
    if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        return f"nothing asks for {', '.join(map(repr, error.unused_tokens))} (--help lists the options)"
    return _one_line(str(error))


def _stop(signum: int, _frame: object) -> None:
    # By way of an exception, so that half-written folders are removed on the way out; nothing disturbs that.
    for number in STOPS:
        signal.signal(number, signal.SIG_IGN)
    sys.exit(128 + signum)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its status.

    Parameters
    ----------
    arguments : sequence of str, optional
        The words after the program's name; those of the process by default.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    if sys.stderr is None:
        sys.stderr = io.StringIO()
    # What is ignored stays ignored: so nohup asks.
    heard = [number for number in STOPS if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, _stop) for number in heard}
    if logging.lastResort is not None:  # where nobody else listens: what is told must not steer a terminal
        logging.lastResort.setFormatter(_Plain())
    try:
        if sys.stdout is None:
            raise OutgrowError("standard output is closed, and the answer would be lost", remedy="Open it.")
        if wrong := [word for word in words if not _is_text(word)]:
            raise ConfigError(
                "is not UTF-8 text", printable(wrong[0]), "Rename the file, or mend the option."
            )
        words = _read_config(words)
        app(words, exit_on_error=False, print_error=False, result_action="return_value")
        sys.stdout.flush()
    except CycloptsError as error:
        _fail(_mistake(error), 2, debug)
    except OutgrowError as error:
        _fail(str(error), 2, debug)
    except KeyboardInterrupt as stop:
        _fail(str(stop) or "interrupted; nothing half-written was kept", 130, debug)
    except BrokenPipeError:
        # The reader of our output has gone; so may we.
        _drop_output()
        sys.exit(0)
    except OSError as error:
        # What no room could say better: a full disk or output, a folder that was removed, a name too long.
        _drop_output()
        # Of a name that is missing the system says which, unless it is that of the folder we are in.
        nameless = "the working directory: " if isinstance(error, FileNotFoundError) else ""
        place = f"{error.filename}: " if isinstance(error.filename, str) else nameless
        _fail(f"{place}{(error.strerror or str(error)).lower()}", 2, debug)
    except UnicodeError as error:
        _fail(f"a name or text is not UTF-8 ({error})", 2, debug)
    except MemoryError:
        _fail("the memory does not suffice; use fewer rows, or a lower --rank", 2, debug)
    except Exception as error:
        message = f"a fault of outgrow's own: {type(error).__name__}: {error}"
        _fail(f"{message} (--debug shows where)", 1, debug)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


STOPS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""Signals that end a verb in order: a scheduler's, and that of a terminal that is closed."""


class _Plain(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


def _is_text(word: str) -> bool:
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True


def _drop_output() -> None:
    """Point standard output to nowhere where it takes no more: Python would try again at exit, and fail."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(line: str, status: int, debug: bool) -> None:
    if debug:
        raise
    print(f"outgrow: {printable(_one_line(line))}", file=sys.stderr)
    sys.exit(status)
