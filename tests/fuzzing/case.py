"""One case: a sound command in a folder of its own, spoilt in one way or two, done, and judged."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import shutil
import stat
import traceback
import warnings
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from fuzzing.sound import WRITES, command
from fuzzing.spoil import STRANGE, mangled, spoil_file, spoil_folder
from outgrow.cli import app, main
from outgrow.config import COMMAND_ALONE

LONG = ["x" * 300, "x" * 5000, "é" * 300, "\udcff"]
WORK = ("seeds", "jobs", "workers", "pictures")
"""Options that ask for work: what is tried must end."""
PLANTED = 64
"""Bytes: planted files are smaller."""
ALONE = {f"--{name.replace('_', '-')}" for name in COMMAND_ALONE}


@dataclass
class Case:
    """What was done, and how it ended."""

    seed: int
    words: list[str] = field(default_factory=list)
    spoilt: list[str] = field(default_factory=list)
    status: int = -1
    out: str = ""
    err: str = ""
    faults: list[str] = field(default_factory=list)


def do(seed: int, sound: Path, root: Path) -> Case:
    """Do one case below `root`, which must not exist yet and is removed."""
    work = root / "a" / "b" / "work"
    case = Case(seed)
    before = Path.cwd()
    try:
        _plant(sound, work)
        os.chdir(work)
        os.environ["OUTGROW_CACHE"] = str(root / "cache")
        _spoil(case, work, random.Random(seed))
        held = _snapshot(root)
        _end(case)
        _judge(case, root, work, held)
        _compare(case, sound)
    finally:
        os.chdir(before)
        shutil.rmtree(root, ignore_errors=True)
    return case


def _plant(sound: Path, work: Path) -> None:
    shutil.copytree(sound, work, symlinks=True, copy_function=os.link)
    for place in (work.parents[2], work.parents[0], work, work / "mine"):
        place.mkdir(exist_ok=True)
        (place / "notes.md").write_text("mine\n")
        (place / ".hidden").write_text("mine too\n")
    (work / "mine" / "manifest.json").write_text('{"name": "my web app"}')
    (work / "notes.csv").write_text("my,notes\n1,2\n")
    (work / ".outgrow-notes").write_text("a name like theirs\n")
    (work / "empty.csv").touch()
    (work / "locked.csv").mkdir(mode=0)
    (work / "link.npy").symlink_to("gone.npy")
    (work / "loop.csv").symlink_to("loop.csv")
    os.mkfifo(work / "pipe.npy")
    os.mkfifo(work / "pipe.csv")


def _spoil(case: Case, work: Path, rng: random.Random) -> None:
    case.words = command(rng)
    if rng.random() < 0.1 and "made" in case.words:
        (work / "made" / "notes.md").write_text("mine\n")
        case.spoilt.append("a note in the run")
    ways = [_spoil_input, _spoil_input, _spoil_words, _spoil_config]
    for way in rng.choices(ways, k=rng.choice([1, 1, 1, 2])):
        way(case, work, rng)


def _spoil_input(case: Case, work: Path, rng: random.Random) -> None:
    def path(word: str) -> str:
        return word.partition("=")[2] or word.removeprefix("static:")

    kept = case.words.index("--out") if "--out" in case.words else len(case.words)
    names = [path(word) for word in case.words[1:kept]]
    found = [name for name in names if name and len(name) < 200 and "\0" not in name and _readable(name)]
    if not found:
        return _spoil_words(case, work, rng)
    name = rng.choice(found)
    if Path(name).is_dir():
        case.spoilt.append(f"{name}/{spoil_folder(Path(name), rng)}")
    else:
        spoil_file(Path(name), rng)
        case.spoilt.append(name)
    return None


def _readable(name: str) -> bool:
    # Only sound inputs, unless an earlier step has put something else there.
    return not name.startswith(("/", ".")) and (
        (Path(name).is_file() and Path(name).stat().st_size > 0)
        or (Path(name).is_dir() and any(Path(name).glob("*.*")) and name != "mine" and name != "locked.csv")
    )


def _spoil_words(case: Case, _work: Path, rng: random.Random) -> None:
    words = case.words
    if len(words) == 1:
        words.append("")
    options = _options(words[0])
    at = rng.randrange(1, len(words))
    way = rng.randrange(8)
    if way == 0:
        del words[at]
    elif way <= 2:
        option = next((word for word in reversed(words[: at + 1]) if word.startswith("--")), "")
        words[at] = _value(option, rng, words[0])
    elif way == 3 and options:
        option = rng.choice(options)
        words[at:at] = [option]
    elif way <= 5 and options:
        option = rng.choice(options)
        value = _value(option, rng, words[0])
        words += rng.choice([[option, value], [option, value, value], [f"{option}={value}"]])
    elif way == 6:
        words.insert(at, _value("", rng, words[0]))
    else:
        words[at] = rng.choice(
            [
                words[at][:-1],
                words[at].upper(),
                words[at] + "x",
                f"{words[at]}=1",
                words[at].replace("--", "-"),
            ]
        )
    case.spoilt.append("words")


@cache
def _options(verb: str) -> list[str]:
    return [one.names[0] for one in app[verb].assemble_argument_collection() if one.names[0] != "*"]


def _value(option: str, rng: random.Random, verb: str) -> str:
    name = option.lstrip("-").partition("=")[0]
    if _is_work(name, verb):
        return rng.choice(STRANGE["work"])
    if name == "out":
        return rng.choice(STRANGE["outs"] + LONG)
    return rng.choice(STRANGE[rng.choice(["words", "words", "paths"])] + LONG)


def _is_work(name: str, verb: str) -> bool:
    return name in WORK or (verb == "reproduce" and name in ("n", "N"))


def _spoil_config(case: Case, work: Path, rng: random.Random) -> None:
    """Put the options into a file, and spoil that."""
    options: dict[str, list[str]] = {}
    kept: list[str] = []
    into = kept
    for word in case.words:
        if word.startswith("--"):
            into = (
                kept if word in ALONE or "=" in word else options.setdefault(word[2:].replace("-", "_"), [])
            )
            if into is kept:
                kept.append(word)
        else:
            into.append(word)
    lines = [f"{name} = {_toml(name, values)}" for name, values in options.items()]
    verb = case.words[0]
    names = [option[2:].replace("-", "_") for option in _options(verb)]
    at = rng.randrange(len(lines)) if lines else 0
    way = rng.randrange(6)
    other = rng.choice(names) if names else "x"
    if way <= 1 and lines:
        name = lines[at].partition(" ")[0]
        lines[at] = f"{name} = {_literal(name, verb, rng)}"
    elif way <= 3:
        lines.append(f"{other} = {_literal(other, verb, rng)}")
    elif way == 4:
        lines.insert(at, rng.choice(STRANGE["lines"] + lines[:1]))
    data = "\n".join(lines).encode("utf-8", "replace") + b"\n"
    (work / "c.toml").write_bytes(mangled(data, rng) if way == 5 else data)
    case.words = [*kept[:1], *rng.choice([["--config", "c.toml"], ["--config=c.toml"]]), *kept[1:]]
    case.spoilt.append("config")


def _literal(name: str, verb: str, rng: random.Random) -> str:
    return rng.choice(STRANGE["work_literals" if _is_work(name, verb) else "literals"])


MANY = {"weak", "pseudo_labels", "model", "rank", "text_column"}


def _toml(name: str, values: list[str]) -> str:
    said = [_number(value) for value in values]
    return json.dumps(said if len(said) != 1 or name in MANY else said[0]) if said else "true"


def _number(word: str) -> Any:
    try:
        return int(word)
    except ValueError:
        pass
    try:
        return float(word) if word.strip("0123456789.") == "" else word
    except ValueError:
        return word


def _snapshot(root: Path) -> dict[str, tuple[Any, ...]]:
    """What every file is, and when it was changed; of the planted ones also what they say."""
    found: dict[str, tuple[Any, ...]] = {}
    for place, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = f"{place}/{name}"
            one = os.lstat(path)
            of_file = (one.st_ino, one.st_size, one.st_mtime_ns) if stat.S_ISREG(one.st_mode) else ()
            said = Path(path).read_bytes() if of_file and one.st_size < PLANTED else b""
            found[os.path.relpath(path, root)] = (one.st_mode, *of_file, said)
    return found


def _end(case: Case) -> None:
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        warnings.catch_warnings(record=True) as warned,
    ):
        warnings.simplefilter("default")
        try:
            main(list(case.words))
            case.status = 0
        except SystemExit as ended:
            case.status = int(ended.code or 0)
            if case.status == 1 and (fault := ended.__context__):
                case.faults += traceback.format_exception(fault)[-3:]
        except BaseException as error:
            case.faults += ["nobody caught: ", *traceback.format_exception(error)]
    case.out, case.err = out.getvalue(), err.getvalue()
    ours = [one for one in warned if issubclass(one.category, (RuntimeWarning, UserWarning, FutureWarning))]
    case.faults += [f"warned: {one.filename}:{one.lineno}: {one.message}" for one in ours]


def _judge(case: Case, root: Path, work: Path, held: dict[str, tuple[Any, ...]]) -> None:
    if case.status not in (0, 2):
        case.faults.append(f"status {case.status}")
    said = [line for line in case.err.split("\n") if line.startswith("outgrow: ")]
    if len(said) != (case.status != 0) or "Traceback" in case.err:
        case.faults.append("not one line")
    # Predictions that are no terminal's are data, with the user's texts as they stand.
    if "\x1b" in case.err + (case.out if case.words[0] != "predict" else ""):
        case.faults.append("steers the terminal")
    if case.status == 0 and "--json" in case.words and case.words[0] in WRITES and "--help" not in case.out:
        try:
            json.loads(case.out, parse_constant=_no_constant)
        except ValueError as error:
            case.faults.append(f"no JSON: {error}")
    # Folders that lead to what was asked for are made on the way.
    allowed = [Path(os.path.abspath(one)) for one in _targets(case)] if case.status == 0 else []  # noqa: PTH100
    now = _snapshot(root)
    for name in sorted(held.keys() | now.keys()):
        path = root / name
        fine = any(path == one or one in path.parents or path in one.parents for one in allowed)
        # What was encoded is kept in the cache, for others too.
        if held.get(name) != now.get(name) and not fine and name.partition("/")[0] != "cache":
            case.faults.append(f"{'changed' if name in held else 'left'}: {name}")
    case.faults += [f"left: {name}" for name in now if ".outgrow-" in name and name not in held]


def _compare(case: Case, sound: Path) -> None:
    """What a run predicts does not hang on words in its JSON files: it is right, or refused."""
    words = case.words
    plain = words[:2] == ["predict", "made"] and not {"--out", "recommended", "--help"} & {*words}
    of_json = (
        len(case.spoilt) == 1 and case.spoilt[0].startswith("made/") and case.spoilt[0].endswith(".json")
    )
    if case.status == 0 and plain and of_json:
        again = Case(case.seed, ["predict", str(sound / "made"), *words[2:]])
        _end(again)
        case.faults += ["predicts something else"] if again.out != case.out else []


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _targets(case: Case) -> list[str]:
    words = case.words
    found = [word.partition("=")[2] for word in words if word.startswith("--out=")]
    found += [after for word, after in pairwise(words) if word == "--out"]
    if words[0] == "report":
        found += words[1:]
    if words[0] == "demo" and not found:
        found.append("outgrow-demo")
    return found
