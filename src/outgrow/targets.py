"""Make or replace one target, a file or a folder, so that no kill, full disk or second process can spoil it.

What is new is made in a hidden folder beside the target, whose name is known from the target's and ends in
what nobody can foresee; then names are exchanged. Whoever comes next clears away, or completes, what a killed
process left. One at a time: a lock beside the target says who is at work.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager, suppress
from pathlib import Path

from outgrow.errors import FileError, unwritable
from outgrow.folder_lock import FolderLock

WAIT_S = 10.0
"""Seconds to wait for another writer of one target: renames take none, and a table of a million rows two."""

NEW, OLD = "new", "old"
"""In the hidden folder: what is being made, and what it replaces until that is done."""

_OURS = re.compile(r"\.outgrow-[0-9a-f]{12}(\.lock|-.{8})")
MOST_NAMED = 5
"""Strange files named in a message: enough to recognise whose they are."""


def _beside(target: Path, ending: str) -> Path:
    # By a digest, so that names of any length have one.
    key = hashlib.sha256(os.fsencode(target.name)).hexdigest()[:12]
    return target.parent / f".outgrow-{key}{ending}"


def lock_of(target: str | Path, wait: float = WAIT_S, remedy: str = "Choose another --out.") -> FolderLock:
    """Lock a target, wherever it will stand."""
    return FolderLock(_beside(absolute(target), ".lock"), str(target), wait, remedy)


def absolute(path: str | Path) -> Path:
    """Give a path whose last part is a name, also for "." and "a/..", without following links."""
    if "\0" in str(path):
        raise FileError("no name holds a null character", repr(str(path)), "Choose another name.")
    return Path(os.path.abspath(path))  # noqa: PTH100 (Path.absolute keeps "..")


@contextmanager
def replacement(out: str | Path, check: Callable[[], None], durable: bool = True) -> Iterator[Path]:
    """Give a free place; what is made there takes the name `out`, whole, if nothing fails.

    `check` raises where what has the name may not be replaced; it is asked before and after the work.
    Durable is what is whole also after the power went, which takes a tenth of a second for a folder.
    """
    target = absolute(out)
    with lock_of(out):
        _settle_all(target)
        check()
        work: Path | None = None
        try:
            work = Path(tempfile.mkdtemp(prefix=_beside(target, "-").name, dir=target.parent))
            yield work / NEW
            check()
            if durable:
                flush(work / NEW)
            if _is_folder(target):
                target.rename(work / OLD)
                (work / NEW).rename(target)
            else:
                (work / NEW).replace(target)
            if durable:
                sync(target.parent)
        except OSError as error:
            raise unwritable(error, out) from None
        finally:
            if work is not None:
                _settle(work, target)


def put(content: bytes | memoryview, target: Path, work: Path) -> None:
    """Write a file by way of another one, whole on the disk before it takes its name; under a lock held."""
    work.write_bytes(content)
    sync(work)
    work.replace(target)


def check_replaceable(
    target: Path, overwrite: bool, ours: Callable[[Path], Set[str]], kind: str, writer: str
) -> None:
    """Refuse to replace a folder unless told to, and unless `ours` knows its files and nothing else is there.

    `ours` lists the files of a folder of this kind; none where it is not one.
    """
    if not os.path.lexists(target):
        return
    if not overwrite:
        raise FileError("exists already", str(target), "Choose another --out, or give --overwrite.")
    if not _is_folder(target):
        raise FileError("is not a folder", str(target), "Choose another --out.")
    if not any(target.iterdir()):
        return
    if not (names := ours(target)):
        raise FileError(
            f"is not {kind}, and is not replaced", str(target), "Choose another --out, or empty it."
        )
    refuse_strangers(target, names, writer)


def check_writable(out: str | Path) -> None:
    """Refuse a place where nothing can be made or replaced, before any work: by making something there."""
    target = absolute(out)
    if os.path.ismount(target):
        raise FileError(
            "is where a disk is mounted, and cannot be replaced", str(out), "Name a folder inside it."
        )
    try:
        # A folder changes its parent as it is replaced, and with that itself.
        for one in (_nearest(target), *[target] * _is_folder(target)):
            Path(tempfile.mkdtemp(prefix=_beside(target, "-").name, dir=one)).rmdir()
    except OSError as error:
        raise unwritable(error, out, "Choose another --out.") from None


def room_for(
    out: str | Path,
    needed: int,
    what: str = "the run needs",
    remedy: str = "Free some space or choose another --out.",
) -> None:
    """Refuse to start when the disk cannot hold the result."""
    free = shutil.disk_usage(_nearest(absolute(out))).free
    if free < needed:
        raise FileError(
            f"the disk has {size_of(free)} free, {what} about {size_of(needed)}", str(out), remedy
        )


def size_of(count: float) -> str:
    """Write a number of bytes for people."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def sha256_of(path: Path) -> str:
    """Hash a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_folder(path: Path) -> bool:
    """Whether a path is a folder itself, and no link to one."""
    return path.is_dir() and not path.is_symlink()


def _nearest(target: Path) -> Path:
    """Give the folder that there is of those that a target is to stand in; a name too long is an error."""
    for place in (target, *target.parents):
        with suppress(FileNotFoundError):
            place.lstat()
            return target.parent if place == target else place
    return target.parent


def flush(path: Path) -> None:
    """Have what is written on the disk, whose power may go, before its name says that it is complete."""
    for place, folders, files in os.walk(path, topdown=False):
        for name in (*files, *folders):
            if not (Path(place) / name).is_symlink():
                sync(Path(place) / name)
    sync(path)


def sync(path: Path) -> None:
    """Have a file's content, or a folder's names, on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        # What some disks of a network say of folders; they have nothing to wait for.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)


def recover(out: str | Path) -> None:
    """Clear away what a killed writer of a target left, and give the target back where it had no name."""
    target = absolute(out)
    if not any(_left(target)) and not _beside(target, ".lock").exists():
        return
    try:
        lock = lock_of(out, 0.0)
    except FileError:  # someone is at work: nothing is left over
        return
    with lock:
        _settle_all(target)


def clear_leftovers(folder: Path) -> None:
    """Clear away what killed writers left inside a folder; for whoever holds the folder's own lock."""
    for path in folder.glob(".outgrow-*"):
        if not _OURS.fullmatch(path.name) or path.is_symlink():
            continue
        if path.is_dir() and not {one.name for one in path.iterdir()} - {NEW, OLD}:
            shutil.rmtree(path, ignore_errors=True)
        elif path.suffix == ".lock":
            path.unlink(missing_ok=True)


def _left(target: Path) -> Iterator[Path]:
    for path in target.parent.glob(f"{_beside(target, '-').name}*"):
        if _OURS.fullmatch(path.name) and _is_folder(path):
            yield path


def _settle_all(target: Path) -> None:
    for work in list(_left(target)):
        _settle(work, target)


def _settle(work: Path, target: Path) -> None:
    """Leave one whole target, whenever its writer ended: the old one moves when the new one is complete."""
    if {path.name for path in work.iterdir()} - {NEW, OLD}:
        return  # not made here
    if (work / OLD).exists() and not os.path.lexists(target):
        try:
            (work / (NEW if (work / NEW).exists() else OLD)).rename(target)
        except OSError:
            return  # both are kept where they are
    shutil.rmtree(work, ignore_errors=True)


def strangers(folder: Path, ours: Set[str]) -> list[str]:
    """List what in a folder, at any depth, is neither listed as ours nor left by a killed writer."""
    paths = []
    for place, folders, files in os.walk(folder):
        links = [name for name in folders if (Path(place) / name).is_symlink()]
        folders[:] = [name for name in folders if not _OURS.fullmatch(name)]
        for name in (*files, *links):
            path = (Path(place) / name).relative_to(folder).as_posix()
            if path not in ours and not _OURS.fullmatch(name):
                paths.append(path)
    return sorted(paths)


def refuse_strangers(folder: Path, ours: Set[str], what: str) -> None:
    """Refuse to replace a folder that holds anything but ours, naming it."""
    if strange := strangers(folder, ours):
        named = ", ".join(map(repr, strange[:MOST_NAMED]))
        more = f" and {len(strange) - MOST_NAMED} more" if len(strange) > MOST_NAMED else ""
        raise FileError(
            f"is in the way: it holds {named}{more}, which {what} did not write",
            str(folder),
            "Move that elsewhere, or choose another place.",
        )
