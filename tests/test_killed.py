"""Verbs that write, stopped at any moment: nothing left, nothing else touched, the same bytes in the end.

`python tests/test_killed.py 200` stops them 200 times, `... 200 sweep run` these verbs only, and tells how
often each signal found each of them at work; a few run in `make test`. Drawn are the moment (over the time
that an undisturbed verb takes), the signal, whom it is sent to (the process, or its workers too, as terminals
and schedulers do), whether an earlier result is replaced, and whether the next start is stopped as well.
"""

from __future__ import annotations

import fcntl
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

SETS = "--weak weak.npy --strong strong.npy --labels labels.csv --test 0.3"
AXES = "--n 20 --N 40 --seeds 6 --alpha-w 1 --alpha-s 1"


@dataclass(frozen=True)
class Verb:
    """A command, and another whose result it replaces."""

    words: str
    other: str = "--seed 1"
    out: str = "out"


VERBS = {
    "run": Verb(f"run {SETS} --n 50"),
    "sweep": Verb(f"sweep {SETS} {AXES} --jobs 1"),
    "sweep --jobs 2": Verb(f"sweep {SETS} {AXES} --jobs 2"),
    # On threads.
    "reproduce": Verb("reproduce synthetic --seeds 2 --n 220 --N 400 --noise 1 --jobs 2"),
    "encode": Verb(
        "encode --input texts.csv --model counts=callable:letters:counts --allow-code letters:counts",
        "--dtype float16",
    ),
    "forecast": Verb(f"forecast {SETS} --m 50 --n 60 --N 100"),
    "predict": Verb("predict base --input strong.npy", "--model baseline", "out.csv"),
}

ALONE, ALL = "the process", "its workers too"
SIGNALS = {"SIGKILL": -9, "SIGTERM": 143, "SIGINT": 130, "SIGHUP": 129}
"""And the status of a verb that each of them stops."""

AGAIN = 0.25
"""Share of starts after a stop that are stopped too."""

LONG = 300.0
"""Seconds after which something hangs."""

GONE = 60.0
"""Seconds within which all processes of a verb have ended: workers look twice a second whether it lives, and
the machine may be busy."""


@pytest.mark.slow
def test_stopped_at_any_moment(tmp_path: Path) -> None:
    # In a process of its own, which forks: pytest's has threads.
    words = [sys.executable, __file__, "8", "run", "sweep --jobs 2", "encode", "predict"]
    ended = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


DRAWING = """
import json, sys, time
time.sleep(0.3)
for _, _, path in json.load(sys.stdin):
    (open(path, "w") if path else sys.stdout).write("drawn")
"""
"""Stands for the drawing library in its process, which takes ten times as long as all the rest."""


def prepare() -> None:
    rng = np.random.default_rng(0)
    latent = rng.normal(size=(150, 6))
    np.save("weak.npy", latent[:, :3])
    np.save("strong.npy", latent @ rng.normal(size=(6, 8)))
    y = latent.sum(axis=1) + rng.normal(size=150)
    Path("labels.csv").write_text("label\n" + "\n".join(f"{v:.5f}" for v in y) + "\n")
    texts = (f"text {i} {'a' * (i % 7)}" for i in range(20_000))
    Path("texts.csv").write_text("text\n" + "\n".join(texts) + "\n")
    Path("letters.py").write_text("def counts(items):\n    return [[len(i), i.count('a')] for i in items]\n")
    Path("notes.txt").write_text("years of work")
    for name in (".outgrow-notes", "out.unfinished.txt", ".out.new"):  # nearly names of ours
        Path(name).write_text("years of work")
    Path("tmp").mkdir()


def begun(words: list[str]) -> int:
    """Start a verb in a session of its own, deaf to nothing, and give its process."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in ("SIGTERM", "SIGHUP"):
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    said = os.open("../said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(said, 1)
    os.dup2(said, 2)
    from outgrow.cli import main

    main(words)
    sys.exit(0)


def ended(child: int) -> int:
    until = time.monotonic() + LONG
    while time.monotonic() < until:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    raise AssertionError(f"still at work after {LONG:.0f} s: {said()}")


def said() -> str:
    return Path("../said").read_text(errors="replace")


def done(words: list[str]) -> float:
    """Do a verb undisturbed, and give the seconds that it took."""
    start = time.monotonic()
    status = ended(begun(words))
    assert status == 0, f"{' '.join(words)}: status {status}, {said()}"
    return time.monotonic() - start


def living(session: int) -> list[str]:
    """Tell the processes of a session that have not ended."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = stat.read_text().rpartition(")")
            words = stat.with_name("cmdline").read_text().replace("\0", " ")
        except OSError:
            continue
        state, _, _, its = rest.split()[:4]
        if int(its) == session and state != "Z":
            found.append(f"{name}) {words[:90]}")
    return found


SHARED = Path("/dev/shm")


def shared(children: list[int], before: set[Path]) -> list[str]:
    """Tell what these processes left in shared memory: names hold their number, or nobody has locked them."""
    found = []
    for path in set(SHARED.iterdir()) - before:  # numbers come again
        its = re.match(r"(?:sem\.loky-|joblib_memmapping_folder_)(\d+)", path.name)
        if its and int(its[1]) in children:
            found.append(path.name)
        elif path.name.startswith("outgrow-"):
            try:
                with next(path.glob("in-use*")).open() as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                found.append(path.name)
            except (OSError, StopIteration):  # somebody else's, in use or about to be
                continue
    return found


def eventually(look, what: str) -> float:
    """Wait until nothing is seen any more."""
    start = time.monotonic()
    while found := look():
        assert time.monotonic() < start + GONE, f"{what}: {found}"
        time.sleep(0.02)
    return time.monotonic() - start


SECONDS = re.compile(rb'"seconds": [-+.\de]+|It took [^<]*|(?<=<dt>Wall time</dt> <dd>)[^<]*')
SUMS = re.compile(rb': "[0-9a-f]{64}"')


def bytes_of(path: Path) -> bytes:
    """Give what of a file must not depend on a stop: all but seconds, and the sums of files with them."""
    content = path.read_bytes()
    if path.suffix in (".json", ".html"):
        content = SECONDS.sub(b"", content)
    # A run's; that of a feature store is the same to the last byte.
    return SUMS.sub(b"", content) if path.name == "manifest.json" and b"config.toml" in content else content


def tree() -> dict[str, bytes]:
    """Give every file below this folder."""
    return {str(path): bytes_of(path) for path in sorted(Path().rglob("*")) if not path.is_dir()}


def differing(found: dict[str, bytes], wanted: dict[str, bytes]) -> list[str]:
    return sorted(key for key in found.keys() | wanted.keys() if found.get(key) != wanted.get(key))


class Trial:
    """One verb in a folder of its own: stopped, looked at, begun again, and looked at again."""

    def __init__(self, name: str, counts: Counter[str]) -> None:
        self.name, self.counts = name, counts
        self.home = Path(name.replace(" ", "")).absolute()
        self.out = VERBS[name].out
        self.words = [*VERBS[name].words.split(), "--overwrite", "--out", self.out]
        self.slowest = 0.0
        self.enter(None)
        if name == "predict":
            done([*VERBS["run"].words.split(), "--out", "base"])
        self.mine = tree()
        shutil.copytree(".", self.home / "clean")
        done([*self.words, *VERBS[name].other.split()])
        shutil.copytree(".", self.home / "earlier")
        self.enter("clean")
        self.took = done(self.words)
        self.wanted = tree()
        assert self.wanted.keys() > self.mine.keys()

    def enter(self, start: str | None) -> None:
        """Begin with a copy of a folder, or with what is the user's own."""
        self.home.mkdir(exist_ok=True)
        os.chdir(self.home)
        shutil.rmtree("place", ignore_errors=True)
        if start:
            shutil.copytree(start, "place")
        else:
            Path("place").mkdir()
        os.chdir("place")
        os.environ |= {"TMPDIR": str(Path("tmp").absolute()), "OUTGROW_CACHE": str(Path("cache").absolute())}
        sys.path[0] = str(Path.cwd())  # where the encoder's module is
        if not start:
            prepare()

    def once(self, number: int) -> None:
        """Stop it at moments that the number draws."""
        rng = random.Random(f"{self.name} {number}")
        start = rng.choice(["clean", "earlier"])
        self.enter(start)
        names = {path.name for path in Path().iterdir()}
        kept = {key: value for key, value in tree().items() if key.startswith("cache")}
        story, children = f"{self.name} {number}, {start}", []
        self.shared = set(SHARED.iterdir())
        again = 1.0
        while rng.random() < again:
            which, whom = rng.choice(list(SIGNALS)), rng.choice([ALONE, ALL])
            moment = rng.uniform(0, self.took)
            story += f", {which} to {whom} after {moment:.3f} of {self.took:.3f} s"
            children.append(self.stopped(which, whom, moment, story))
            self.looked_at(story, names if self.orderly else None, children)
            again = AGAIN
        children.append(begun(self.words))
        assert (status := ended(children[-1])) == 0, f"{story}: then status {status}: {said()}"
        wrong = differing(tree(), kept | self.wanted)
        assert not wrong, f"{story}: differing in the end: {wrong}"
        eventually(lambda: living(children[-1]), f"{story}: at work after the end")
        eventually(lambda: shared(children, self.shared), f"{story}: left in shared memory")
        assert not any(Path("tmp").iterdir()), f"{story}: {list(Path('tmp').iterdir())}"

    def stopped(self, which: str, whom: str, moment: float, story: str) -> int:
        number = getattr(signal, which)
        child = begun(self.words)
        time.sleep(moment)
        (os.kill if whom == ALONE else os.killpg)(child, number)
        status = ended(child)
        # As the system ends it: drawn before the verb had begun to listen.
        assert status in (0, SIGNALS[which], -number), f"{story}: status {status}: {said()}"
        assert "Traceback" not in said(), f"{story}: {said()}"
        self.counts[f"{self.name}: {which if status else 'too late'}"] += 1
        self.orderly = which != "SIGKILL" and status != -number
        return child

    def looked_at(self, story: str, names: set[str] | None, children: list[int]) -> None:
        """Look for what a stopped verb left; names are what was there, where nothing at all may be left."""
        gone = eventually(lambda: living(children[-1]), f"{story}: still at work")
        self.slowest = max(self.slowest, gone)
        found = tree()
        touched = [key for key, value in self.mine.items() if found.get(key) != value]
        assert not touched, f"{story}: touched {touched}"
        if names is None:
            return
        eventually(lambda: shared(children[-1:], self.shared), f"{story}: left at once in shared memory")
        left = (
            {path.name for path in Path().iterdir()} - names - {self.out, f"{self.out}.unfinished", "cache"}
        )
        # What an earlier stop in this case left is cleared by the next start that gets so far.
        assert len(children) > 1 or not left, f"{story}: left at once {left}"


def main(times: int, names: list[str]) -> None:
    """Stop the verbs in turn, as often as told."""
    # Once, for all of them.
    import altair  # noqa: F401
    import cloudpickle  # noqa: F401
    import joblib  # noqa: F401
    import pyarrow.parquet  # noqa: F401

    import outgrow.api
    import outgrow.cli  # noqa: F401
    from outgrow.report import drawing_process

    drawing_process.CHILD = DRAWING
    home, counts = Path.cwd(), Counter[str]()
    trials, failed = [], 0
    for name in names:
        os.chdir(home)
        trials.append(Trial(name, counts))
    number = -1
    while counts.total() < times:
        trial = trials[(number := number + 1) % len(trials)]
        try:
            trial.once(number)
        except AssertionError as error:
            failed += 1
            print(f"FAILED {error}", flush=True)
    for name, count in sorted(counts.items()):
        print(f"{name}: {count}")
    print(
        f"{number + 1} cases, {counts.total()} stops, {failed} failed; last process gone after "
        f"{max(trial.slowest for trial in trials):.1f} s"
    )
    sys.exit(failed > 0)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:] or list(VERBS))
