"""Arrays that several processes read: files that they map, instead of copies that each of them is sent.

The files lie in memory that has a file's name, where the system has that and enough of it; else on the disk.
What a killed sweep left behind is removed by the next one: a folder in use is locked, and a lock ends with
its process.
"""

from __future__ import annotations

import itertools
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import numpy as np

MakeArray: TypeAlias = Callable[[tuple[int, ...]], np.ndarray]
"""Makes an array of zeros, float64, of a shape."""

PREFIX = "outgrow-sweep-"
"""Of the folders' names."""

LOCK = "in-use"
"""The file in each folder that is locked as long as its process lives."""

MARGIN = 1.2
"""Room wanted for each byte: the workers' library puts the features beside the blocks."""


def place_for(needed: int) -> str | None:
    """Find a folder to share arrays in."""
    for place in ("/dev/shm", tempfile.gettempdir()):
        if os.access(place, os.W_OK) and shutil.disk_usage(place).free > MARGIN * needed:
            return place
    return None


@contextmanager
def shared_arrays(place: str) -> Iterator[MakeArray]:
    """Give what makes shared arrays, until they are no longer needed."""
    remove_abandoned(place)
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=place) as folder, _in_use(Path(folder)):
        count = itertools.count()

        def make(shape: tuple[int, ...]) -> np.ndarray:
            path = Path(folder) / f"{next(count)}.bin"
            return np.asarray(np.memmap(path, np.float64, "w+", shape=shape))

        yield make


@contextmanager
def _in_use(folder: Path) -> Iterator[None]:
    if sys.platform == "win32":  # which has no such locks, and removes no files in use
        yield
        return
    import fcntl

    with (folder / f"{LOCK}.new").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        # The name appears when the lock is held: before, nobody takes the folder for one left behind.
        (folder / f"{LOCK}.new").rename(folder / LOCK)
        yield


def remove_abandoned(place: str) -> None:
    """Remove what killed sweeps left in a place: folders that no living process has locked."""
    if sys.platform == "win32":
        return
    import fcntl

    for folder in Path(place).glob(f"{PREFIX}*"):
        try:
            with (folder / LOCK).open() as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        # In use, not locked yet, gone meanwhile, or somebody else's.
        except OSError:
            continue
