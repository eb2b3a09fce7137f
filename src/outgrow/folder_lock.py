"""One writer per target: a lock file that says who holds it, and that a dead holder cannot keep.

The lock is the operating system's (POSIX record locks, through fcntl): it goes when its process goes,
however that happens. Worker processes do not inherit it, so that none of them keeps it after a kill, and
network file systems know it. It does not tell threads of one process apart; a table here does.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from outgrow.errors import FileError, reason, unwritable

POLL_S = 0.2
"""Seconds between two tries while waiting: nobody notices, and nothing is kept busy."""

GONE = 10
"""Tries after which a folder that is gone each time is taken for one that cannot be made: two seconds."""

_held: set[tuple[int, Path]] = set()
# By process too: a forked worker has a copy of this table, but none of the locks.
_guard = threading.Lock()

SOMEONE = "another process"
"""Who holds a lock, where its file does not say so."""


class FolderLock:
    """The right to write, held until it is released or its process ends.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with FolderLock(Path(folder) / ".lock", "the store"):
    ...         print((Path(folder) / ".lock").exists())
    ...     print((Path(folder) / ".lock").exists())
    True
    False
    """

    def __init__(
        self, path: Path, what: str, wait: float = 0.0, remedy: str = "Choose another folder."
    ) -> None:
        self._path, self._what, self._remedy = Path(path), what, remedy
        self._key = (os.getpid(), self._path.absolute())
        self._file: int | None = None
        self._gone = 0
        self._made: list[Path] = []
        end = time.monotonic() + wait
        while (holder := self._try()) is not None:
            if time.monotonic() >= end and not self._gone:
                raise FileError(
                    f"{holder} is writing here", what, "Wait until it has ended, or end it; nothing is lost."
                )
            time.sleep(POLL_S)

    def _try(self) -> str | None:
        """Take the lock, or tell who has it."""
        with _guard:
            # Not even opened where this process holds it: closing any handle of a file gives up its locks.
            if self._key in _held:
                return f"this process ({os.getpid()})"
            try:
                self._made += [place for place in self._path.parents if not place.exists()]
                self._path.parent.mkdir(parents=True, exist_ok=True)
                file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
            except OSError as error:
                self._gone += 1
                if isinstance(error, FileNotFoundError) and self._gone < GONE:
                    return SOMEONE  # which has just removed the folder it made
                raise unwritable(error, self._what, self._remedy) from None
            self._gone = 0
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                holder = _holder(file)
                os.close(file)
                if error.errno in (errno.EACCES, errno.EAGAIN):
                    return holder
                raise FileError(
                    f"cannot be locked ({reason(error)})", self._what, "Use a folder on another disk."
                ) from None
            if not _still_there(file, self._path):
                # Its holder removed it between our opening and our locking: the next try makes a new one.
                os.close(file)
                return SOMEONE
            holder = json.dumps({"pid": os.getpid(), "host": socket.gethostname()})
            with suppress(OSError):  # a full disk: then nobody learns who has it
                os.ftruncate(file, 0)
                os.pwrite(file, holder.encode(), 0)
            self._file = file
            _held.add(self._key)
            return None

    def release(self) -> None:
        """Give the lock back; may be called twice."""
        with _guard:
            if self._file is None:
                return
            if os.getpid() == self._key[0]:
                # Removed while it is still held: whoever gets the old file finds it gone and tries again.
                if _still_there(self._file, self._path):
                    self._path.unlink(missing_ok=True)
                _held.discard(self._key)
                # Folders made for nothing; the first that holds something ends it.
                with suppress(OSError):
                    for place in self._made:
                        place.rmdir()
            os.close(self._file)
            self._file = None

    def __enter__(self) -> FolderLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _still_there(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file))
    except OSError:
        return False


def _holder(file: int) -> str:
    try:
        holder = json.loads(os.pread(file, 4096, 0))
        pid, host = int(holder["pid"]), str(holder["host"])
    except (OSError, ValueError, KeyError, TypeError):
        return SOMEONE
    return f"process {pid}" + ("" if host == socket.gethostname() else f" on {host!r}")
