"""Arrays that several processes read: files that they map, instead of copies that each of them is sent.

The files lie in memory that has a file's name, where the system has that and enough of it; else on the disk.
What a killed sweep left behind is removed by the next one.
"""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import numpy as np

from outgrow.engine.leftovers import MEMORY, temporary_folder
from outgrow.linalg.cells import MakeArray

MARGIN = 1.2
"""Room wanted for each byte: the workers' library puts the features beside the blocks."""


def place_for(needed: int) -> str | None:
    """Find a folder to share arrays in."""
    with suppress(OSError):  # no folder for temporary files at all: its text names every place looked at
        for place in (MEMORY, tempfile.gettempdir()):
            if os.access(place, os.W_OK) and shutil.disk_usage(place).free > MARGIN * needed:
                return place
    return None


@contextmanager
def shared_arrays(place: str) -> Iterator[MakeArray]:
    """Give what makes shared arrays, until they are no longer needed."""
    with temporary_folder(place) as folder:
        count = itertools.count()

        def make(shape: tuple[int, ...]) -> np.ndarray:
            return np.asarray(np.memmap(folder / f"{next(count)}.bin", np.float64, "w+", shape=shape))

        yield make
