"""Batches come in order and complete from any number of workers, and no worker outlives its use."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from outgrow.errors import ConfigError, OutgrowError
from outgrow.features.image_batches import PictureBatches

ROWS = 23


@pytest.fixture
def paths(needs: Callable[..., None], rng: np.random.Generator, tmp_path: Path) -> list[Path]:
    """Pictures of which every seventh cannot be read."""
    needs("PIL")
    from PIL import Image

    made = []
    for row in range(ROWS):
        made.append(tmp_path / f"{row:02d}.png")
        Image.fromarray(rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)).save(made[-1])
        if row % 7 == 3:
            made[-1].write_bytes(made[-1].read_bytes()[:60])
    return made


@pytest.fixture
def opened() -> Iterator[Callable[..., PictureBatches]]:
    """Make batches that are closed afterwards, come what may."""
    made: list[PictureBatches] = []

    def make(transform: Any, **options: Any) -> PictureBatches:
        made.append(PictureBatches(transform, **options))
        return made[-1]

    yield make
    for batches in made:
        batches.close()


def children() -> set[int]:
    """Processes that this one started and that are not gone."""
    return {
        int(child) for child in Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    }


@pytest.mark.parametrize("workers", [0, 1, 3])
@pytest.mark.parametrize("batch_size", [1, 4, 100])
def test_every_row_once_and_in_order(
    workers: int, batch_size: int, paths: list[Path], opened: Callable[..., PictureBatches]
) -> None:
    from PIL import Image

    batches = list(opened(np.asarray, batch_size=batch_size, workers=workers).batches(paths))
    positions = np.concatenate([batch.positions for batch in batches])
    assert positions.tolist() == [row for row in range(ROWS) if row % 7 != 3]
    bad = [row for batch in batches for row in batch.bad]
    assert [row for row, _ in bad] == [3, 10, 17]
    assert all("cannot be decoded" in why for _, why in bad)
    for batch in batches:
        for position, pixels in zip(batch.positions, batch.pixels, strict=True):
            with Image.open(paths[position]) as picture:
                np.testing.assert_array_equal(pixels, np.asarray(picture))


def test_workers_serve_one_stretch_after_another_and_end_when_closed(
    paths: list[Path], opened: Callable[..., PictureBatches]
) -> None:
    before = children()
    pictures = opened(np.asarray, batch_size=2, workers=2)
    assert children() == before  # nothing is started before it is needed
    first = [batch.positions.tolist() for batch in pictures.batches(paths)]
    started = children() - before
    assert len(started) == 2
    assert [batch.positions.tolist() for batch in pictures.batches(paths)] == first
    assert children() - before == started
    pictures.close()
    assert children() == before
    pictures.close()
    assert [batch.positions.tolist() for batch in pictures.batches(paths)] == first


def test_whoever_stops_half_way_gets_fresh_answers_next_time(
    paths: list[Path], opened: Callable[..., PictureBatches]
) -> None:
    pictures = opened(np.asarray, batch_size=2, workers=2)
    running = pictures.batches(paths)
    next(running)
    running.close()
    running = pictures.batches(paths)
    next(running)
    with pytest.raises(RuntimeError, match="cannot be read from one set of workers at a time"):
        next(pictures.batches(paths))
    running.close()
    again = list(pictures.batches(paths[:3] * 2))
    assert np.concatenate([batch.positions for batch in again]).tolist() == list(range(6))


def test_a_worker_that_is_killed_is_one_line(
    paths: list[Path], opened: Callable[..., PictureBatches]
) -> None:
    before = children()
    pictures = opened(np.asarray, batch_size=1, workers=2)
    running = pictures.batches(paths)
    next(running)
    for child in children() - before:
        os.kill(child, signal.SIGKILL)
    with pytest.raises(
        OutgrowError, match=r"process that decodes pictures was ended by signal 9\. .*--workers 0"
    ):
        list(running)
    assert children() == before


TRANSFORMS = """
import numpy as np
def talks(picture):
    print("what is printed must not end up among the pixels")
    return np.asarray(picture)
def fails(picture):
    raise KeyError("size")
def grows(picture, seen=[]):
    seen.append(1)
    return np.zeros(len(seen))
"""


@pytest.mark.parametrize("workers", [0, 2])
def test_a_transform_that_fails_or_prints(
    workers: int,
    paths: list[Path],
    opened: Callable[..., PictureBatches],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A module of the user's, on sys.path as a script's folder is.
    (tmp_path / "own_transform.py").write_text(TRANSFORMS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_transform", raising=False)
    own = import_module("own_transform")
    made = list(opened(own.talks, batch_size=4, workers=workers).batches(paths))
    assert sum(len(batch.positions) for batch in made) == ROWS - 3
    with pytest.raises(ConfigError, match=r"the transform failed on a picture \(KeyError: 'size'"):
        list(opened(own.fails, batch_size=4, workers=workers).batches(paths))
    with pytest.raises(ConfigError, match="arrays of several shapes"):
        list(opened(own.grows, batch_size=4, workers=workers).batches(paths))


def test_a_transform_that_cannot_be_sent_is_used_here(
    paths: list[Path], opened: Callable[..., PictureBatches]
) -> None:
    before = children()
    pictures = opened(lambda picture: np.asarray(picture), batch_size=4)
    assert pictures.workers == 0
    assert len(list(pictures.batches(paths))) == 6
    assert children() == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch of 0"),
        ({"workers": -1}, "-1 workers"),
        ({"transform": lambda picture: picture, "workers": 2}, "cannot be sent to worker processes"),
    ],
)
def test_options_that_do_not_fit(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        PictureBatches(**{"transform": np.asarray, "batch_size": 4, **options})


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_worker_is_left_behind(how: signal.Signals, paths: list[Path], tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    # Not guarded by __name__, as scripts are: workers must not run it again.
    script.write_text(
        textwrap.dedent(f"""
        import signal
        from pathlib import Path
        from outgrow.features.image_batches import PictureBatches
        import numpy as np
        paths = sorted(Path({str(tmp_path)!r}).glob("*.png"))
        for batch in PictureBatches(np.asarray, batch_size=2, workers=2).batches(paths):
            print("started", flush=True)
            signal.pause()
        """)
    )
    # A session of its own, in which Ctrl-C reaches whoever shares the group, as in a terminal.
    process = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None and process.stderr is not None
    try:
        assert process.stdout.readline() == "started\n"
        workers = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        assert len(workers) == 2
        os.killpg(process.pid, how)
        _, said = process.communicate(timeout=600)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode != 0
    # One KeyboardInterrupt, the script's own: workers say nothing.
    assert said.count("Traceback") == (how == signal.SIGINT)
    deadline = time.monotonic() + 120
    while any(alive(worker) for worker in workers):
        assert time.monotonic() < deadline, "a worker was left behind"
        time.sleep(0.05)


def alive(process: str) -> bool:
    """Whether a process runs: one that ended and was not asked for yet does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
