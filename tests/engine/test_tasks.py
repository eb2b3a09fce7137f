"""Tasks side by side: results as they come, workers that are killed, backends other than joblib's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import joblib
import pytest

from outgrow.engine.tasks import TRIES, cores, run_tasks
from outgrow.errors import DataError, OutgrowError

# Functions stand inside tests: workers cannot import test modules, and are sent such ones by value.


def test_one_job_or_one_task_runs_here_and_in_order() -> None:
    for names, jobs in (("cab", 1), ("c", 2)):
        found = list(run_tasks(os.getpid, dict.fromkeys(names, ()), jobs))
        assert found == [(name, os.getpid()) for name in names]


def test_workers_are_other_processes_and_results_come_as_they_are_finished(tmp_path: Path) -> None:
    last = tmp_path / "last"

    def work(name: int) -> tuple[int, int]:
        # The first waits for the last, so it cannot come first.
        if name == 0:
            while not last.exists():
                time.sleep(0.01)
        if name == 4:
            last.touch()
        return name * 10, os.getpid()

    found = list(run_tasks(work, {name: (name,) for name in range(5)}, 2))
    assert {name: result[0] for name, result in found} == {name: name * 10 for name in range(5)}
    assert os.getpid() not in {result[1] for _, result in found}
    assert found[0][0] != 0


def killing(folder: Path, kills: Callable[[int], bool], once: bool) -> Callable[[int], int]:
    """A task that kills its own process, and writes down that it did."""

    def work(name: int) -> int:
        import os
        import signal
        import time

        if kills(name) and not (once and (folder / "killed").exists()):
            # Until the others have come out, so that what is left is this one alone.
            while not once and len(list(folder.glob("came-*"))) < 3:
                time.sleep(0.01)
            with (folder / "killed").open("a") as file:
                file.write("x")
            os.kill(os.getpid(), signal.SIGKILL)
        return name * 10

    return work


def test_a_killed_worker_stops_nothing(tmp_path: Path) -> None:
    work = killing(tmp_path, lambda name: name == 1, once=True)
    found = list(run_tasks(work, {name: (name,) for name in range(6)}, 2))
    assert sorted(found) == [(name, name * 10) for name in range(6)]
    assert (tmp_path / "killed").read_text() == "x"


def test_a_task_that_always_kills_ends_the_rest_after_three_tries(tmp_path: Path) -> None:
    work = killing(tmp_path, lambda name: name == 3, once=False)
    found: dict[int, int] = {}
    with pytest.raises(OutgrowError) as ended:
        # Taken one by one, as whoever keeps them does.
        for name, result in run_tasks(work, {name: (name,) for name in range(4)}, 2):
            found[name] = result
            (tmp_path / f"came-{name}").touch()
    assert str(ended.value) == (
        "the workers: workers were killed 3 times in a row, 1 of 4 tasks are left. Memory may be short:"
        " use --jobs 1. With --out, what was finished is kept."
    )
    # Once in company, then alone; what was finished has come out before.
    assert len((tmp_path / "killed").read_text()) in (TRIES, TRIES + 1)
    assert found == {0: 0, 1: 10, 2: 20}
    # And the next ones find new workers.
    assert len(dict(run_tasks(os.getpid, dict.fromkeys(range(3), ()), 2))) == 3


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_exception_comes_out_as_it_is(jobs: int) -> None:
    def work(name: int) -> int:
        if name == 2:
            raise DataError("row 7 is nan", "part-3.parquet", "Encode it again.")
        return name

    with pytest.raises(DataError) as found:
        list(run_tasks(work, {name: (name,) for name in range(4)}, jobs))
    assert str(found.value) == "part-3.parquet: row 7 is nan. Encode it again."


def test_stopping_early_leaves_nothing_behind() -> None:
    run = run_tasks(os.getpid, dict.fromkeys(range(20), ()), 2)
    next(run)
    run.close()
    assert len(dict(run_tasks(os.getpid, dict.fromkeys(range(3), ()), 2))) == 3


def test_threads_are_used_where_they_are_asked_for() -> None:
    meeting = threading.Barrier(2, timeout=600)

    def work(name: int) -> int:
        # Neither returns before both have started.
        meeting.wait()
        return os.getpid()

    with joblib.parallel_config(backend="threading"):
        assert dict(run_tasks(work, {0: (0,), 1: (1,)}, 2)) == {0: os.getpid(), 1: os.getpid()}


def test_a_backend_without_generators_works_in_waves() -> None:
    # Ray's backend is of this kind. In a process of its own: pytest's has threads, and forks badly.
    code = """
import json, os, joblib
from outgrow.engine.tasks import run_tasks
with joblib.parallel_config(backend="multiprocessing"):
    found = list(run_tasks(os.getppid, {name: () for name in range(11)}, 2))
print(json.dumps([os.getpid(), found]))
"""
    made = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=600
    )
    parent, found = json.loads(made.stdout)
    assert found == [[name, parent] for name in range(11)]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    code = f"""
import time
from pathlib import Path
from outgrow.engine.tasks import run_tasks, workers_end

def work(name):
    import os, time
    (Path({str(tmp_path)!r}) / f"{{os.getpid()}}").touch()
    time.sleep(600 if name else 0)

with workers_end({str(place)!r}):
    list(run_tasks(work, {{name: (name,) for name in range(4)}}, 2, {str(place)!r}))
"""
    parent = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    until = time.monotonic() + 120
    while len(list(tmp_path.iterdir())) < 3 and time.monotonic() < until:
        time.sleep(0.05)
    workers = [int(path.name) for path in tmp_path.iterdir() if path != place]
    assert len(workers) == 2
    assert all(alive(worker) for worker in workers)
    assert any(place.iterdir())
    parent.kill()
    parent.wait()
    while session_of(parent.pid) and time.monotonic() < until:
        time.sleep(0.05)
    # joblib's trackers of resources too, which clean up after the last of them.
    assert session_of(parent.pid) == []
    assert list(place.iterdir()) == []


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def session_of(pid: int) -> list[int]:
    """Living processes of a session."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, session = stat.read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(session) == pid and state != "Z":
            found.append(int(stat.parent.name))
    return found


def test_jobs_are_counted_as_joblib_does() -> None:
    assert (cores(1), cores(7)) == (1, 7)
    assert cores(-1) == joblib.cpu_count()
    assert cores(-1000) == 1
