"""Any verb, on anything: one line and status 2, or an answer; and nobody's files are touched.

The fast part runs with the other tests; `python tests/test_fuzz.py 20000` does as many as wanted, and
`python tests/test_fuzz.py --seed 123` one alone.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from faulthandler import cancel_dump_traceback_later, dump_traceback_later
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parent))

from fuzzing.case import do
from fuzzing.sound import make
from fuzzing.spoil import seal
from outgrow.cli import main

CASES = 80
"""Of the fast part."""

PIECE = 1000
"""Cases of one process: its start is then a small part of its time, and a leak of memory stays small."""

LIMIT_S = 300
"""Seconds for one case: the longest, a demo, takes twenty, and up to ten times that on a busy machine."""

MEMORY = 8 << 30
"""Bytes a process may take: a header that promises terabytes is not to end the machine."""


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("sound")
    here, before = Path.cwd(), dict(os.environ)
    os.environ |= {"OUTGROW_CACHE": str(folder.with_name("cache")), "HF_HUB_OFFLINE": "1"}
    make(folder)
    os.chdir(here)
    yield folder
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.timeout(LIMIT_S)
@pytest.mark.parametrize("seed", range(CASES))
def test_a_spoilt_command_is_one_line_or_an_answer(sound: Path, tmp_path: Path, seed: int) -> None:
    case = do(seed, sound, tmp_path / "root")
    assert not case.faults, (case.faults, case.words, case.spoilt, case.err)


def test_replay_asks_for_what_it_compares(
    sound: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for spoilt in (
        "[]",
        "{}",
        '{"routes": [{"name": 3}]}',
        '{"routes": [{"name": "a", "risk": {"value": NaN}}]}',
    ):
        shutil.copytree(sound / "made", tmp_path / "run", dirs_exist_ok=True)
        (tmp_path / "run" / "run.json").write_text(spoilt)
        seal(tmp_path / "run")
        with pytest.raises(SystemExit) as ended:
            main(["replay", str(tmp_path / "run")])
        assert ended.value.code == 2
        assert "run.json: is damaged, or not what it should be" in capsys.readouterr().err


def piece(start: int, stop: int, sound: Path) -> None:
    """Do some cases in this process, a line of JSON each."""
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(start, stop):
            dump_traceback_later(LIMIT_S, exit=True)
            print(json.dumps(asdict(do(seed, sound, Path(folder, "root")))), flush=True)
            cancel_dump_traceback_later()


def pieces(start: int, stop: int, sound: Path) -> Iterator[dict[str, Any]]:
    """Do some cases in processes that may hang or crash."""
    while start < stop:
        words = [sys.executable, __file__, "--piece", str(start), str(stop), str(sound)]
        with tempfile.TemporaryFile("w+") as said:
            with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=said, text=True) as process:
                for line in process.stdout or ():
                    yield json.loads(line)
                    start += 1
            if start < stop:
                said.seek(0)
                faults = ["hung or crashed", said.read()[-3000:]]
                yield {"seed": start, "words": ["?"], "status": process.returncode, "faults": faults}
                start += 1


def many(start: int, stop: int, jobs: int, log: Path | None) -> int:
    """Do many cases, and say how they ended."""
    ends: Counter[tuple[str, int]] = Counter()
    faulty: list[int] = []

    def some(sound: Path, at: int) -> None:
        for case in pieces(at, min(at + PIECE, stop), sound):
            ends[case["words"][0], case["status"]] += 1
            line = json.dumps(case) + "\n"
            if case["faults"]:
                faulty.append(case["seed"])
                sys.stdout.write(line)
                sys.stdout.flush()
            if log:
                with log.open("a") as stream:
                    stream.write(line)

    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(jobs) as pool:
        sound = made(Path(folder))
        list(pool.map(lambda at: some(sound, at), range(start, stop, PIECE)))
    for (verb, status), count in sorted(ends.items()):
        print(f"{verb} ended with {status}: {count}")
    print(f"{sum(ends.values())} cases, {len(faulty)} with faults")
    return len(faulty)


def made(folder: Path) -> Path:
    os.environ |= {"OUTGROW_CACHE": str(folder / "cache"), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    (folder / "sound").mkdir()
    subprocess.run(
        [sys.executable, __file__, "--make", str(folder / "sound")], check=True, stdout=subprocess.DEVNULL
    )
    return folder / "sound"


if __name__ == "__main__":
    words = argparse.ArgumentParser()
    words.add_argument("cases", nargs="?", type=int, default=CASES)
    words.add_argument("--start", type=int, default=0)
    words.add_argument("--jobs", type=int, default=1)
    words.add_argument("--log", type=Path)
    words.add_argument("--seed", type=int)
    words.add_argument("--make", type=Path)
    words.add_argument("--piece", nargs=3)
    said = words.parse_args()
    if said.make:
        make(said.make)
    elif said.piece:
        piece(int(said.piece[0]), int(said.piece[1]), Path(said.piece[2]))
    elif said.seed is not None:
        with tempfile.TemporaryDirectory() as place:
            for key, value in asdict(do(said.seed, made(Path(place)), Path(place, "root"))).items():
                print(f"{key}: {value if isinstance(value, (str, int)) else json.dumps(value, indent=1)}")
    else:
        sys.exit(many(said.start, said.start + said.cases, said.jobs, said.log) > 0)
