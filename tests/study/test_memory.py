"""What studies say that they take of memory is what they take at most, in whole processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from outgrow.errors import ConfigError
from outgrow.study.memory import Memory, SetSize, memory_of, size_of

WATCHED = """
import re, resource, sys
from pathlib import Path
from outgrow.cli import main
main(sys.argv[1:])
print()
status = Path("/proc/self/status")
if status.exists():
    print(1024 * int(re.search(r"VmHWM:\\s+(\\d+)", status.read_text())[1]))
else:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024))
"""
"""On Linux ru_maxrss begins at the peak of the process that started this one, pytest's; VmHWM does not."""

SMALL = {
    "tall": (1_500, 150, 250, "f8", 200, ()),
    "wide": (90, 1_500, 3_000, "f4", 30, ()),
    "ranked": (1_200, 300, 700, "f4", 100, ("--rank", "20", "40")),
}
LARGE = {
    "taller": (20_000, 300, 400, "f4", 3_000, ()),
    "wider": (200, 4_096, 8_192, "f8", 60, ()),
    "both": (1_500, 1_400, 1_400, "f4", 400, ()),
    "ranked": (4_000, 2_048, 2_048, "f4", 200, ("--rank", "128")),
}
VERBS = {
    "run": ["--labels", "labels.csv", "--out", "out"],
    "measure": [],
    "forecast": ["--labels", "labels.csv"],
    "rank": ["--labels", "labels.csv"],
    "sweep": ["--labels", "labels.csv", "--test", "0.2", "--seeds", "2", "--jobs", "1"],
    "plan": ["--labels", "labels.csv", "--budget", "500", "--label-cost", "1", "--unlabelled-cost", ".01"],
}


def taken_and_told(verb, shape, folder):
    rows, d_w, d_s, dtype, n, beside = shape
    rng = np.random.default_rng(0)
    shared = rng.standard_normal((rows, 5))
    for name, width in (("weak", d_w), ("strong", d_s)):
        np.save(
            folder / f"{name}.npy", np.hstack([shared, rng.standard_normal((rows, width - 5))]).astype(dtype)
        )
    y = shared.sum(axis=1) + rng.standard_normal(rows)
    # A sweep deals rows that all have labels.
    lines = [f"{value:.4f}" if row < n or verb == "sweep" else "" for row, value in enumerate(y)]
    (folder / "labels.csv").write_text("\n".join(["label", *lines]) + "\n")
    words = [verb, "--weak", "weak.npy", "--strong", "strong.npy", *VERBS[verb], *beside, "--json"]
    ended = subprocess.run(
        [sys.executable, "-c", WATCHED, *words], cwd=folder, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    found, taken = ended.stdout.strip().rsplit("\n", 1)
    return int(taken), sum(json.loads(found)["reading"]["memory"].values())


@pytest.mark.parametrize("shape", SMALL)
@pytest.mark.parametrize("verb", ["run", "measure", "forecast", "sweep"])
def test_no_verb_takes_more_than_it_tells(verb, shape, tmp_path):
    taken, told = taken_and_told(verb, SMALL[shape], tmp_path)
    assert taken <= told
    assert told <= 2.5 * taken  # an estimate that is far too large would refuse what fits


@pytest.mark.slow
@pytest.mark.skipif(
    "OUTGROW_LARGE" not in os.environ, reason="OUTGROW_LARGE is not set: it takes half an hour"
)
@pytest.mark.parametrize("shape", LARGE)
@pytest.mark.parametrize("verb", VERBS)
def test_no_verb_takes_more_than_it_tells_of_large_sets(verb, shape, tmp_path):
    taken, told = taken_and_told(verb, LARGE[shape], tmp_path)
    assert taken <= told
    assert told <= 2.5 * taken


def test_what_is_not_there_is_refused_with_a_remedy(monkeypatch):
    monkeypatch.setattr("outgrow.study.memory.free_memory", lambda: 2_000_000_000)
    Memory({"program": 1, "rows": 1_900_000_000}, 0).check()
    # What is taken already is not asked for again.
    Memory({"program": 1, "rows": 4_000_000_000}, 3_000_000_000).check()
    with pytest.raises(ConfigError, match=r"3\.0 GB more are needed, and 2\.0 GB are free .*--rank"):
        Memory({"rows": 1_000_000_000, "products": 2_000_000_000}, 0).check()
    monkeypatch.setattr("outgrow.study.memory.free_memory", lambda: None)
    Memory({"rows": 10**18}, 0).check()


def test_a_rank_and_few_rows_make_the_estimate_small():
    wide = SetSize(4_096, 4, 4_096)
    whole = memory_of("run", [wide], wide, 10_000, (400, 9_600))
    ranked = SetSize(4_096, 4, 256, 256)
    assert memory_of("run", [ranked], ranked, 10_000, (400, 9_600)).total < whole.total / 8
    few = size_of(np.empty((120, 3_072), np.float32), 120, None)
    assert few == SetSize(3_072, 4, 120)
    assert memory_of("run", [few], few, 120, (30, 90)).total < 1e9
    assert size_of(np.empty((500, 30)), 400, 50) == SetSize(30, 8, 30)
    assert size_of(np.empty((500, 30)), 400, 5) == SetSize(30, 8, 5, 5)
