"""The cache: the same input and encoder are never encoded twice.

A store's place is the hash of all that its bytes depend on: encoder, input, type, shards and format. What is
found there is checked before it is used; what is damaged is moved aside, said, and made again.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Set
from pathlib import Path

from outgrow.data.feature_manifest import MANIFEST, VERSION, files_of, read_manifest
from outgrow.errors import ConfigError, FileError, reason
from outgrow.features.protocols import EncoderIdentity
from outgrow.features.store import SHARD_ROWS
from outgrow.features.verify import verify
from outgrow.folder_lock import FolderLock
from outgrow.targets import check_replaceable, lock_of, recover, replacement

WAIT_S = 600.0
"""Seconds to wait while another process checks the same stored features: 100 GB are read in that time."""

REMEDY = "Name a folder that can be written in OUTGROW_CACHE."


def cache_folder() -> Path:
    """Say where the cache is: $OUTGROW_CACHE, else $XDG_CACHE_HOME/outgrow, else ~/.cache/outgrow."""
    if chosen := os.environ.get("OUTGROW_CACHE"):
        return Path(chosen).expanduser()
    # The XDG specification has relative paths ignored.
    if (shared := os.environ.get("XDG_CACHE_HOME", "")) and Path(shared).is_absolute():
        return Path(shared) / "outgrow"
    try:
        return Path.home() / ".cache" / "outgrow"
    except RuntimeError:
        raise ConfigError("there is no home folder for the cache", "OUTGROW_CACHE", REMEDY) from None


def cache_key(encoder: str, input_digest: str, dtype: str, shard_rows: int) -> str:
    """Hash all that the bytes of a store depend on."""
    parts = [encoder, input_digest, dtype, str(shard_rows), str(VERSION)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def cached_store(
    identity: EncoderIdentity,
    input_digest: str,
    dtype: str = "float32",
    shard_rows: int = SHARD_ROWS,
    *,
    on_damage: Callable[[str], None] | None = None,
) -> Path:
    """Give the place of a store in the cache, for `open_store`; what is there is sound."""
    key = cache_key(identity.digest, input_digest, dtype, shard_rows)
    folder = cache_folder() / "features" / key
    with FolderLock(folder.with_name(f".{key}.lock"), str(folder.parent), WAIT_S, REMEDY):
        if wrong := _wrong(folder, key):
            aside = folder.with_name(f"{key}.damaged")
            try:
                # The writer's lock too: nobody is at work in what is moved.
                with lock_of(folder, WAIT_S, REMEDY):
                    if aside.exists():
                        shutil.rmtree(aside)
                    folder.rename(aside)
            except OSError as error:
                raise FileError(
                    f"is damaged and cannot be moved ({reason(error)})", str(folder), REMEDY
                ) from None
            if on_damage is not None:
                on_damage(f"{folder}: damaged ({wrong}); moved to {aside.name} and made again")
    return folder


def _wrong(folder: Path, key: str) -> str:
    """Say what is wrong with a complete store."""
    if not (folder / MANIFEST).exists():
        return ""
    if findings := verify(folder):
        more = f", and {len(findings) - 1} more" if len(findings) > 1 else ""
        return f"{findings[0]}{more}"
    manifest = read_manifest(folder)
    actual = cache_key(manifest.identity["digest"], manifest.input, manifest.dtype, manifest.shard_rows)
    return "" if actual == key else "it holds other features than its name says"


def export(folder: str | Path, out: str | Path, overwrite: bool = False) -> Path:
    """Give a complete store a second name outside the cache, without a second copy where the disk allows."""
    folder, target = Path(folder), Path(out)
    names = files_of(read_manifest(folder))
    recover(target)
    if _same_store(folder, target, names):
        return target

    def check() -> None:
        check_replaceable(target, overwrite, _files_of_store, "a feature store", "encode")

    with replacement(target, check) as work:
        work.mkdir()
        for name in names:
            _link(folder / name, work / name)
    return target


def _files_of_store(folder: Path) -> Set[str]:
    try:
        return files_of(read_manifest(folder))
    except FileError:
        return frozenset()


def _same_store(folder: Path, target: Path, names: Set[str]) -> bool:
    if not target.is_dir() or {path.name for path in target.iterdir()} != names:
        return False
    same = (folder / MANIFEST).read_bytes() == (target / MANIFEST).read_bytes()
    return same and not verify(target)


def _link(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError:  # another disk, or one without links
        shutil.copyfile(source, target)
