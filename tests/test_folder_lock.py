"""A lock is held by one, says by whom, and survives the moments between two system calls."""

from __future__ import annotations

import errno
import fcntl
import socket
from pathlib import Path

import pytest

from outgrow import folder_lock
from outgrow.errors import FileError
from outgrow.folder_lock import FolderLock


def test_a_lock_file_removed_while_we_lock_it_is_not_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, real, calls = tmp_path / ".lock", fcntl.lockf, 0

    def racing(file: int, how: int) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:  # its holder has just released it: the next comer will make a new one
            path.unlink()
        real(file, how)

    monkeypatch.setattr(folder_lock.fcntl, "lockf", racing)
    with FolderLock(path, "store", wait=5.0):
        assert path.exists()
        assert calls == 2
    assert not path.exists()


def test_a_folder_that_cannot_be_made_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_such(*_: object, **__: object) -> None:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(folder_lock, "POLL_S", 0.0)
    monkeypatch.setattr(folder_lock.os, "open", no_such)
    for wait in (0.0, 60.0):
        with pytest.raises(FileError, match=r"cannot be written \(no such file or directory\)"):
            FolderLock(tmp_path / "deep" / ".lock", "the store", wait=wait)


def test_folders_made_for_nothing_do_not_stay(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    place = tmp_path / "mine" / "a" / "b"
    with FolderLock(place / ".lock", "the store"):
        assert place.exists()
    assert not any((tmp_path / "mine").iterdir())
    with FolderLock(place / ".lock", "the store"):
        (place.parent / "made").touch()
    assert not place.exists() and (place.parent / "made").exists()


@pytest.mark.parametrize(
    ("number", "holder", "line"),
    [
        (errno.EAGAIN, f'{{"pid": 7, "host": "{socket.gethostname()}"}}', "process 7 is writing here"),
        (errno.EAGAIN, '{"pid": 7, "host": "node-3"}', "process 7 on 'node-3' is writing here"),
        (errno.EACCES, "", "another process is writing here"),
        (errno.EAGAIN, "[1]", "another process is writing here"),
        (errno.ENOLCK, "", r"cannot be locked \(no locks available\)\. Use a folder on another disk"),
    ],
)
def test_who_holds_it_is_said(
    number: int, holder: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken(_file: int, _how: int) -> None:
        raise OSError(number, "no words of ours")

    monkeypatch.setattr(folder_lock.fcntl, "lockf", taken)
    path = tmp_path / ".lock"
    path.write_text(holder)
    with pytest.raises(FileError, match=f"store: {line}"):
        FolderLock(path, "store")
    assert path.read_text() == holder


def test_a_lock_is_given_back_once(tmp_path: Path) -> None:
    first = FolderLock(tmp_path / ".lock", "store")
    first.release()
    with FolderLock(tmp_path / ".lock", "store"):
        first.release()  # not the second one's
        with pytest.raises(FileError, match="this process"):
            FolderLock(tmp_path / ".lock", "store")


def test_a_full_disk_still_has_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(folder_lock.os, "pwrite", full)
    with FolderLock(tmp_path / ".lock", "store"), pytest.raises(FileError, match="is writing here"):
        FolderLock(tmp_path / ".lock", "store")
    assert list(tmp_path.iterdir()) == []
