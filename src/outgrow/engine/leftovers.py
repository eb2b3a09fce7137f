"""What a process shares with its workers: in a folder that says whose it is, so that the next clears up.

The folder is locked, and a lock ends with its process. In it stands the process's number, which joblib puts
into the names of what it shares.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MEMORY = "/dev/shm"
"""Memory that has files' names, where the system has that."""

PREFIX = "outgrow-sweep-"
"""Of the folders' names."""

LOCK = "in-use"
"""The file in each folder that is locked as long as its process lives."""

YOUNG_S = 60.0
"""Seconds in which a folder without a lock may be about to get it, which takes less than one."""


@contextmanager
def temporary_folder(place: str) -> Iterator[Path]:
    """Give a folder that is gone afterwards, or, if this process is killed, when the next one begins."""
    remove_abandoned(place)
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=place) as folder, _in_use(Path(folder)):
        yield Path(folder)


@contextmanager
def _in_use(folder: Path) -> Iterator[None]:
    if sys.platform == "win32":  # which has no such locks, and removes no files in use
        yield
        return
    import fcntl

    new = folder / f"{LOCK}.new"
    with new.open("w", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(str(os.getpid()))
        file.flush()
        # The name appears when the lock is held: before, nobody takes the folder for one left behind.
        new.rename(folder / LOCK)
        yield


def remove_abandoned(place: str) -> None:
    """Remove what killed processes left in a place: folders that no living process has locked."""
    if sys.platform == "win32":
        return
    import fcntl

    for folder in Path(place).glob(f"{PREFIX}*"):
        try:
            lock = folder / LOCK
            if not lock.exists() and time.time() - folder.stat().st_mtime > YOUNG_S:
                lock = folder / f"{LOCK}.new"
                if not any(folder.iterdir()):
                    folder.rmdir()
            with lock.open(encoding="ascii") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                number = file.read()
                shutil.rmtree(folder, ignore_errors=True)
        # In use, not locked yet, gone meanwhile, or somebody else's.
        except (OSError, ValueError):
            continue
        if number.isdecimal() and not Path(f"/proc/{number}").exists():
            _remove_joblibs(number, place)


def _remove_joblibs(number: str, place: str) -> None:
    """Remove what joblib shared for a process that is gone: its own tracker was killed with it."""
    for shared in {MEMORY, place}:
        for path in (
            *Path(shared).glob(f"sem.loky-{number}-*"),
            *Path(shared).glob(f"joblib_memmapping_folder_{number}_*"),
        ):
            with suppress(OSError):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
