"""The command line: one verb per question, each calling one public function.

A user's mistake gives one line on standard error and status 2; a fault of ours gives status 1, and its
traceback with --debug. Progress is drawn on terminals only.
"""

from __future__ import annotations

import json
import os
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, CycloptsError, Parameter
from cyclopts.config import Toml
from rich.console import Console

from outgrow import __version__
from outgrow.config import DemoConfig, MeasureConfig, RunConfig, explain
from outgrow.errors import ConfigError, FileError, OutgrowError

app = App(
    name="outgrow",
    version=__version__,
    help="Tells, before anyone pays for it, whether a strong student will outgrow its weak teacher,"
    " and then trains it.",
)

Flat = Parameter(name="*")
Out = Annotated[Path, Parameter(help="Folder to make.")]
Overwrite = Annotated[bool, Parameter(negative="", help="Replace an earlier run in that folder.")]
AsJson = Annotated[bool, Parameter(name="--json", negative="", help="Print the result as JSON.")]


@app.command
def run(
    *, config: Annotated[RunConfig, Flat], out: Out, overwrite: Overwrite = False, as_json: AsJson = False
) -> None:
    """Train every route on features and labels, say which to take, and write a report."""
    from outgrow import api

    with _progress() as tell:
        made = api.run(config, out, overwrite=overwrite, progress=tell)
    if as_json:
        print(json.dumps(made.outcome, ensure_ascii=False))
        return
    _show_run(made.outcome, out)


@app.command
def measure(*, config: Annotated[MeasureConfig, Flat], as_json: AsJson = False) -> None:
    """Measure intrinsic dimensions and the correlation dimension of feature sets; no labels needed."""
    from outgrow import api
    from outgrow.report.tables import geometry_table

    with _progress() as tell:
        found = api.measure(config, progress=tell)
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
        return
    for weak, geometry in found["pairs"].items():
        _console().print(geometry_table(weak, found["strong"], geometry, found["note"]))


@app.command
def predict(
    folder: Path,
    *,
    input: Annotated[list[str], Parameter(help="Feature file; one per feature set the model reads.")],
    model: Annotated[str, Parameter(help='Route, such as "student"; the recommended one by default.')] = (
        "recommended"
    ),
    out: Annotated[Path | None, Parameter(help="Write a CSV or Parquet file instead of printing.")] = None,
    id_column: str = "id",
) -> None:
    """Predict new rows with a model of a run."""
    from outgrow import api

    columns = api.predict(folder, input, model=model, id_column=id_column)
    api.write_columns(columns, out)


@app.command
def replay(folder: Path) -> None:
    """Do a run again from its own configuration and compare the numbers."""
    from outgrow import api

    with _progress() as tell:
        _, moved = api.replay(folder, progress=tell)
    for name, change in moved.items():
        print(f"{name}: largest relative change {change:.1e}")
    # Threaded sums may differ in their last digits between machines; more than that is another result.
    if max(moved.values(), default=0.0) > 1e-6:
        raise OutgrowError("the numbers are not those of the run", str(folder), "See the lines above.")
    print("The run repeats.")


@app.command
def report(folder: Path) -> None:
    """Draw the report of a run again."""
    from outgrow import api

    print(api.redraw(folder))


@app.command
def demo(
    *,
    config: Annotated[DemoConfig | None, Flat] = None,
    out: Out = Path("outgrow-demo"),
    overwrite: Overwrite = False,
) -> None:
    """Run the main job on embedded real data: movie reviews rated by people, four text encoders."""
    from outgrow import api

    with _progress() as tell:
        made = api.demo(out, config or DemoConfig(), overwrite=overwrite, progress=tell)
    for folder, outcome in made.items():
        _show_run(outcome, folder)
        print()


def _show_run(outcome: Any, out: Path) -> None:
    from outgrow.report.tables import risk_table, summary_lines

    console = _console()
    console.print(summary_lines(outcome))
    console.print(risk_table(outcome))
    for check in outcome["checks"]:
        console.print(f"{check['code']} {check['detail']}", style="yellow", markup=False)
    console.print(f"Report: {out / 'report.html'}", markup=False, soft_wrap=True)


def _console() -> Console:
    # A pipe gets wide lines that a program can cut; a terminal its own width.
    return Console() if sys.stdout.isatty() else Console(width=140)


@contextmanager
def _progress() -> Iterator[Callable[[str, float], None] | None]:
    if not sys.stderr.isatty():
        yield None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=1.0)
        yield lambda what, share: bar.update(task, description=what, completed=share)


def _read_config(words: list[str]) -> list[str]:
    """Take `--config FILE` out of the words; its values stand behind those given on the command line."""
    app.config = ()
    if "--config" not in words:
        return words
    place = words.index("--config")
    if place + 1 == len(words):
        raise ConfigError("--config names no file", remedy="Give a TOML file.")
    path = Path(words[place + 1])
    try:
        tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is not UTF-8 text"
        raise FileError(f"cannot be read ({reason})", str(path), "Give a TOML file.") from None
    except tomllib.TOMLDecodeError as error:
        raise FileError(f"is not valid TOML ({error})", str(path), "Mend the line named.") from None
    app.config = (Toml(path, use_commands_as_keys=False, must_exist=True),)
    return words[:place] + words[place + 2 :]


def _one_line(text: str) -> str:
    return " ".join(text.split())


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
    try:
        words = _read_config(words)
        app(words, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        cause = error.__cause__ or error.__context__
        said = (
            explain(cause) if type(cause).__name__ == "ValidationError" and cause else _one_line(str(error))
        )
        _fail(said, 2, debug)
    except OutgrowError as error:
        _fail(_one_line(str(error)), 2, debug)
    except KeyboardInterrupt:
        _fail("interrupted; nothing half-written was kept", 130, debug)
    except BrokenPipeError:
        # The reader of our output has gone; so may we.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except MemoryError:
        _fail("the memory does not suffice; use fewer rows, or a lower --rank", 2, debug)
    except Exception as error:
        said = f"a fault of outgrow's own: {type(error).__name__}: {_one_line(str(error))}"
        _fail(f"{said} (--debug shows where)", 1, debug)


def _fail(line: str, status: int, debug: bool) -> None:
    if debug:
        raise
    print(f"outgrow: {line}", file=sys.stderr)
    sys.exit(status)
