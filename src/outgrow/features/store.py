"""Writing a feature store so that no kill, full disk or second process can spoil it.

A shard holds a fixed range of input rows, whatever was interrupted where, so that the bytes of a resumed run
are those of an undisturbed one. Shards appear by atomic rename, each with a note of its sha256 beside it;
the manifest is made of these notes and written last. Whoever writes holds a lock, so what an earlier run left
over can be cleared away without asking.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from jaxtyping import Float

from outgrow.data.feature_manifest import (
    BUILDING,
    DTYPES,
    MANIFEST,
    VERSION,
    Manifest,
    ShardEntry,
    encoder_label,
    read_manifest,
    shard_count,
    shard_name,
)
from outgrow.data.files import check_ids, quoted
from outgrow.errors import ConfigError, DataError, FileError
from outgrow.features.protocols import EncoderIdentity
from outgrow.features.room import check_disk, check_memory, room_for_features
from outgrow.features.shard_file import as_stored, shard_bytes
from outgrow.folder_lock import FolderLock
from outgrow.targets import sync

SHARD_ROWS = 4_096
"""Rows of input per shard: 12 MB of float32 at width 768, and a minute or two of a CPU's work to lose."""

LOCK = ".lock"
"""Lock file in the folder of a store that is being written."""

PLAN = "plan.json"
"""In `.building`: what the unfinished store will be."""

LIBRARIES = ("numpy", "outgrow", "pyarrow")
"""Always in the manifest; encoders add their own."""

REMOVE = "Choose another folder, or remove this one."


class StoreWriter:
    """A store being made; from `open_store`, and to be closed (it is a context manager)."""

    def __init__(
        self, folder: Path, lock: FolderLock, plan: Manifest, ids: np.ndarray, finished: Manifest | None
    ) -> None:
        self.folder = folder
        self._lock, self._plan, self._ids, self._finished = lock, plan, ids, finished
        self._shards = shard_count(len(ids), plan.shard_rows)
        self._done: dict[int, tuple[ShardEntry, tuple[tuple[str, str], ...]]] = {}
        if finished is None:
            self._done = {number: note for number in range(self._shards) if (note := self._note(number))}

    def missing(self) -> list[int]:
        """List the shards still to be written.

        Their numbers, from 0; none where the store is complete.
        """
        if self._finished is not None:
            return []
        return [number for number in range(self._shards) if number not in self._done]

    def rows_of(self, shard: int) -> slice:
        """Say which rows of the input a shard holds."""
        start = shard * self._plan.shard_rows
        return slice(start, min(start + self._plan.shard_rows, len(self._ids)))

    def write(
        self,
        shard: int,
        ids: Sequence[str] | np.ndarray,
        features: Float[np.ndarray, "b d"],
        skipped: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Write one shard; afterwards it is there whole, or, if anything fails, not at all."""
        span = self._ids[self.rows_of(shard)]
        rows, skips = self._in_order(shard, span, list(ids), list(skipped))
        values = np.asarray(features)
        if values.shape != (len(rows), self._plan.width):
            raise DataError(
                f"the encoder gave features of shape {values.shape} for {len(rows)} rows of width"
                f" {self._plan.width}",
                str(self.folder),
            )
        names = span[np.sort(rows)]
        if (np.diff(rows) < 0).any():  # else they need not be copied
            values = values[np.argsort(rows)]
        stored = as_stored(values, names, self._plan.dtype, str(self.folder))
        content = shard_bytes(self._plan, names, stored)
        entry = ShardEntry(shard_name(shard), len(names), hashlib.sha256(content).hexdigest())
        note = {"rows": entry.rows, "sha256": entry.sha256, "skipped": skips}
        with self._said():
            self._put(self.folder / entry.name, content)
            self._put(self._beside(entry.name), _json(note))
        self._done[shard] = (entry, tuple((name, why) for name, why in skips))

    def finish(self) -> Manifest:
        """Write the manifest: the store is then complete."""
        if self._finished is not None:
            return self._finished
        if lacking := self.missing():
            raise FileError(
                f"{len(lacking)} of {self._shards} shards are missing",
                str(self.folder),
                "Run the same encode again to go on.",
            )
        notes = [self._done[number] for number in range(self._shards)]
        entries = tuple(entry for entry, _ in notes)
        manifest = Manifest(
            **{
                **vars(self._plan),
                "rows": sum(entry.rows for entry in entries),
                "skipped": tuple(pair for _, skips in notes for pair in skips),
                "shards": entries,
            }
        )
        with self._said():
            sync(self.folder)  # the shards' names are on disk before the manifest that lists them
            self._put(self.folder / MANIFEST, manifest.to_json().encode())
            sync(self.folder)
            shutil.rmtree(self.folder / BUILDING)
        self._finished = manifest
        return manifest

    def close(self) -> None:
        """Let others write; may be called twice."""
        self._lock.release()

    def __enter__(self) -> StoreWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _beside(self, name: str) -> Path:
        return self.folder / BUILDING / f"{name}.json"

    def _note(self, number: int) -> tuple[ShardEntry, tuple[tuple[str, str], ...]] | None:
        """Give what is known of a finished shard; nothing where it is not what its note says."""
        name = shard_name(number)
        path, beside = self.folder / name, self._beside(name)
        try:
            said = json.loads(beside.read_text(encoding="utf-8"))
            entry = ShardEntry(name, int(said["rows"]), str(said["sha256"]))
            skips = tuple((str(item), str(why)) for item, why in said["skipped"])
            with path.open("rb") as file:
                whole = hashlib.file_digest(file, "sha256").hexdigest() == entry.sha256
        except (OSError, ValueError, KeyError, TypeError):
            whole = False
        if whole:
            return entry, skips
        # A shard whose note was never written, or one damaged since: it is made again.
        beside.unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        return None

    def _in_order(
        self, shard: int, span: np.ndarray, ids: list[str], skipped: list[tuple[str, str]]
    ) -> tuple[np.ndarray, list[list[str]]]:
        """Give each id's place in the shard, and the rows skipped in the input's order."""
        place = {name: i for i, name in enumerate(span.tolist())}
        given = [*ids, *(name for name, _ in skipped)]
        unknown = [name for name in given if name not in place]
        lacking = place.keys() - set(given)
        if unknown or lacking or len(given) != len(place):
            wrong = (
                f"unknown rows {quoted(unknown)}"
                if unknown
                else f"no features of rows {quoted(sorted(lacking, key=place.__getitem__))}"
                if lacking
                else "rows given twice"
            )
            raise DataError(
                f"shard {shard}: {wrong}", str(self.folder), "An encoder gives or names every row, once."
            )
        skips = sorted(([name, _clean(why)] for name, why in skipped), key=lambda pair: place[pair[0]])
        return np.array([place[name] for name in ids], dtype=np.int64), skips

    def _put(self, target: Path, content: bytes | memoryview) -> None:
        work = self.folder / BUILDING / "new"
        with work.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        work.replace(target)

    @contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            with suppress(OSError):  # a disk that is gone: the next run clears away what is left
                (self.folder / BUILDING / "new").unlink(missing_ok=True)
            raise FileError(
                f"cannot be written ({(error.strerror or str(error)).lower()})",
                str(self.folder),
                f"Free some space and run the same encode again: {len(self._done)} of {self._shards} shards"
                " are kept.",
            ) from None


def open_store(
    folder: str | Path,
    identity: EncoderIdentity,
    input_digest: str,
    ids: np.ndarray,
    dtype: str = "float32",
    shard_rows: int = SHARD_ROWS,
    *,
    libraries: Mapping[str, str] | None = None,
    wait: float = 0.0,
) -> StoreWriter:
    """Begin a store, or go on with one that is not complete."""
    folder = Path(folder)
    if dtype not in DTYPES:
        raise ConfigError(f"features cannot be stored as {dtype!r}", "--dtype", f"Use {' or '.join(DTYPES)}.")
    if shard_rows < 1:
        raise ConfigError(f"{shard_rows} rows per shard", "shard_rows", "Use 1 or more.")
    ids = np.asarray(ids, dtype=object)
    _check_ids(ids, str(folder))
    plan = Manifest(
        identity=asdict(identity) | {"digest": identity.digest},
        dtype=dtype,
        rows=0,
        input=input_digest,
        shard_rows=shard_rows,
        skipped=(),
        shards=(),
        libraries={name: version(name) for name in LIBRARIES} | dict(libraries or {}),
    )
    if folder.exists() and not folder.is_dir():
        raise FileError("is not a folder", str(folder), "Choose another one.")
    made = not folder.exists()
    lock = FolderLock(folder / LOCK, str(folder), wait)
    try:
        return _opened(folder, lock, plan, ids)
    except BaseException as error:
        if made:
            shutil.rmtree(folder / BUILDING, ignore_errors=True)
        lock.release()
        if made:
            with suppress(OSError):  # another process may have begun to write here
                folder.rmdir()
        if isinstance(error, OSError):
            reason = (error.strerror or str(error)).lower()
            raise FileError(f"cannot be written ({reason})", str(folder), "Choose another folder.") from None
        raise


def _opened(folder: Path, lock: FolderLock, plan: Manifest, ids: np.ndarray) -> StoreWriter:
    building = folder / BUILDING
    if (folder / MANIFEST).exists():
        finished = read_manifest(folder)
        _same(plan, finished, str(folder), libraries=False)
        for entry in finished.shards:
            if not (folder / entry.name).is_file():
                raise FileError("the shard is missing", str(folder / entry.name), REMOVE)
        shutil.rmtree(building, ignore_errors=True)  # left by a run that was killed at its very end
        return StoreWriter(folder, lock, finished, ids, finished)
    if (building / PLAN).is_file():
        begun = _read_plan(building / PLAN)
        _same(plan, begun, str(folder), libraries=True)
        plan = begun
    else:
        strange = sorted(path.name for path in folder.iterdir() if path.name not in (LOCK, BUILDING))
        if strange:
            raise FileError(
                f"is not a feature store, but holds {quoted(strange)}", str(folder), "Choose another folder."
            )
        shutil.rmtree(building, ignore_errors=True)
    writer = StoreWriter(folder, lock, plan, ids, None)
    missing = writer.missing()
    rows = sum(len(ids[writer.rows_of(number)]) for number in missing)
    letters = sum(len(name.encode()) for name in ids) // max(1, len(ids))
    room = room_for_features(rows, plan.width, plan.dtype, plan.shard_rows, letters + 8)
    check_disk(folder, room.disk)
    check_memory(room.storing, str(folder))
    if not (building / PLAN).is_file():
        building.mkdir()
        writer._put(building / PLAN, _json({"version": VERSION} | vars(plan)))
    return writer


def _read_plan(path: Path) -> Manifest:
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        number = said.pop("version")
        plan = Manifest(**said)
        if plan.width < 1 or not plan.encoder:
            raise ValueError("width below 1")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise FileError("is damaged", str(path), REMOVE) from None
    if number != VERSION:
        raise FileError(f"is of format version {number!r}, not {VERSION}", str(path), REMOVE)
    return plan


def _same(wanted: Manifest, found: Manifest, where: str, libraries: bool) -> None:
    """Refuse to mix two stores, saying in what they differ."""
    remedy, differs = REMOVE, []
    if found.identity["digest"] != wanted.identity["digest"]:
        labels = [encoder_label(one.name, one.identity["digest"]) for one in (found, wanted)]
        differs.append(f"features of {labels[0]!r}, not of {labels[1]!r}")
    if found.input != wanted.input:
        differs.append("features of another input")
    if found.dtype != wanted.dtype:
        differs.append(f"{found.dtype} features, not {wanted.dtype}")
        remedy = f"Give --dtype {found.dtype}, choose another folder, or remove this one."
    if found.shard_rows != wanted.shard_rows:
        differs.append(f"shards of {found.shard_rows} rows, not {wanted.shard_rows}")
    if not differs and libraries:
        names = sorted(found.libraries.keys() | wanted.libraries.keys())
        for name in names:
            old, new = found.libraries.get(name, "none"), wanted.libraries.get(name, "none")
            if old != new:
                differs.append(f"shards made with {name} {old}, now {new}")
        remedy = "Install that version again, choose another folder, or remove this one."
    if differs:
        raise FileError(f"holds {'; '.join(differs)}", where, remedy)


def _check_ids(ids: np.ndarray, where: str) -> None:
    if not len(ids):
        raise DataError("there are no rows to store", where, "Give at least one.")
    for i, name in enumerate(ids):
        if not isinstance(name, str) or not name:
            raise DataError(f"row {i} has no id", where, "Give every row an id.")
        if _clean(name) != name:
            raise DataError(f"the id {name!r} of row {i} is not UTF-8 text", where, "Rename it.")
    check_ids(ids, where)


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _json(said: Mapping[str, Any]) -> bytes:
    return json.dumps(said, ensure_ascii=False).encode()
