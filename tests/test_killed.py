"""Verbs that write, killed where they change a folder: nothing lost, nothing left, the same bytes again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SAME = {
    "run": ("results.parquet", "pseudo_labels.parquet", "geometry.json", "models/models.json"),
    "sweep": ("sweep.parquet", "cells.parquet"),
    "report": ("report.html", "manifest.json"),
    "predict": ("",),
}
"""What must not depend on a kill; other files hold how long it took."""

SETS = ["--weak", "weak.npy", "--strong", "strong.npy", "--labels", "labels.csv", "--test", "0.3"]
AXES = ["--n", "20", "--N", "40", "--seeds", "2", "--alpha-w", "1", "--alpha-s", "1", "--jobs", "1"]
WORDS = {
    "run": ["run", *SETS, "--n", "50", "--overwrite", "--out", "out"],
    "sweep": ["sweep", *SETS, *AXES, "--overwrite", "--out", "out"],
    "report": ["report", "out"],
    "predict": [
        "predict",
        "base",
        "--input",
        "strong.npy",
        "--model",
        "student",
        "--overwrite",
        "--out",
        "out.csv",
    ],
}

KILLS = 2
"""Of each verb, spread over its steps; `python tests/test_killed.py VERB 1000` tries every one."""

CHANGES = ("mkdir", "rename", "replace", "unlink", "rmdir")


@pytest.mark.slow
# The other two write one file each, which tests/test_runs.py kills at every step.
@pytest.mark.parametrize("verb", ["run", "sweep"])
def test_killed_at_any_step(verb: str, tmp_path: Path) -> None:
    # In a process of its own, which forks: pytest's has threads.
    ended = subprocess.run(
        [sys.executable, __file__, verb, str(KILLS)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) >= KILLS


def prepare() -> None:
    rng = np.random.default_rng(0)
    latent = rng.normal(size=(150, 6))
    np.save("weak.npy", latent[:, :3])
    np.save("strong.npy", latent @ rng.normal(size=(6, 8)))
    y = latent.sum(axis=1) + rng.normal(size=150)
    Path("labels.csv").write_text("label\n" + "\n".join(f"{v:.5f}" for v in y) + "\n")


def ended(words: list[str], step: int = 0) -> int:
    """Status of a verb in a child, killed at a step; of step -1, the number of steps there are."""
    from outgrow.cli import main

    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    count = 0

    def counted(function):
        def call(*args, **kwargs):
            nonlocal count
            count += 1
            if count == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*args, **kwargs)

        return call

    for name in CHANGES:
        setattr(os, name, counted(getattr(os, name)))
    status = 0
    try:
        main(words)
    except SystemExit as stop:
        status = 255 if stop.code else 0
    os._exit(count if step < 0 and not status else status)


def here() -> set[str]:
    return {path.name for path in Path().iterdir()}


def contents(verb: str) -> list[bytes]:
    out = Path(WORDS[verb][-1])
    return [(out / name).read_bytes() for name in SAME[verb]]


def check(verb: str, kills: int) -> int:
    """Kill, look, do it again, and look again."""
    from outgrow.report import figure_files, page

    # Drawing takes most of the time, and is not what is killed here.
    page.draw = figure_files.draw = lambda calls: [path.write_bytes(b"") for _, _, path in calls]
    prepare()
    words, replaced = WORDS[verb], verb in ("run", "sweep")
    if verb in ("report", "predict"):
        assert ended([*WORDS["run"][:-1], "out" if verb == "report" else "base"]) == 0
    steps = ended(words, -1)
    assert 0 < steps < 255, steps
    wanted, names = contents(verb), here()
    if replaced:  # by what stands there one sees which of the two it is
        assert ended([*words, "--seed", "1"]) == 0
        shutil.move("out", "other")
    done = 0
    for step in range(1, steps + 1, max(1, steps // kills)):
        if replaced:
            shutil.rmtree("out", ignore_errors=True)
            shutil.copytree("other", "out")
        assert ended(words, step) == -signal.SIGKILL, step
        if verb != "predict":
            assert ended(["verify", "out"]) == 0, f"step {step}: the target is lost"
        assert ended(words) == 0, step
        assert contents(verb) == wanted, step
        assert here() - {"other"} == names, (step, here() - names)
        done += 1
    return done


if __name__ == "__main__":
    print(check(sys.argv[1], int(sys.argv[2])))
