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

import numpy as np
from jaxtyping import Float
from pydantic_core import from_json

from outgrow.data.feature_manifest import (
    BUILDING,
    DTYPES,
    MANIFEST,
    Manifest,
    ShardEntry,
    check_version,
    encoder_label,
    read_manifest,
    shard_count,
    shard_name,
)
from outgrow.data.files import check_ids, quoted
from outgrow.errors import ConfigError, DataError, FileError, read_back, unwritable
from outgrow.features.protocols import EncoderIdentity
from outgrow.features.room import check_memory, disk_for, memory_for_storing
from outgrow.features.shard_file import as_stored, shard_bytes
from outgrow.folder_lock import FolderLock
from outgrow.targets import lock_of, put, refuse_strangers, room_for, sha256_of, sync

SHARD_ROWS = 4_096
"""Rows of input per shard: 12 MB of float32 at width 768, and a minute or two of a CPU's work to lose."""

PLAN = "plan.json"
"""In `.building`: what the unfinished store will be."""

NEW = "new"
"""In `.building`: the file that is being written."""

OLD_LOCK = ".lock"
"""Left in a store by a writer of version 0.1 that was killed; locks stand beside their targets since."""

LIBRARIES = ("numpy", "outgrow", "pyarrow")
"""Always in the manifest; encoders add their own."""

REMOVE = "Choose another folder, or remove this one."

Skips = tuple[tuple[str, str], ...]
"""Ids of rows that have no features, and why."""


class StoreWriter:
    """A store being made; from `open_store`, and to be closed (it is a context manager)."""

    def __init__(
        self, folder: Path, lock: FolderLock, plan: Manifest, ids: np.ndarray, finished: Manifest | None
    ) -> None:
        self.folder = folder
        self._lock, self._plan, self._ids, self._finished = lock, plan, ids, finished
        self._shards = shard_count(len(ids), plan.shard_rows)
        self._done: dict[int, tuple[ShardEntry, Skips]] = {}
        if finished is None:
            self._done = {number: note for number in range(self._shards) if (note := self._note(number))}

    def missing(self) -> list[int]:
        """List the shards still to be written, from 0; none where the store is complete."""
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
        entry = ShardEntry(
            name=shard_name(shard), rows=len(names), sha256=hashlib.sha256(content).hexdigest()
        )
        note = entry.model_dump(exclude={"name"}) | {"skipped": skips}
        with self._writing():
            self._put(entry.name, content)
            self._put(f"{BUILDING}/{entry.name}.json", json.dumps(note, ensure_ascii=False))
        self._done[shard] = (entry, skips)

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
        manifest = self._plan.model_copy(
            update={
                "rows": sum(entry.rows for entry, _ in notes),
                "skipped": tuple(pair for _, skips in notes for pair in skips),
                "shards": tuple(entry for entry, _ in notes),
            }
        )
        with self._writing():
            sync(self.folder)  # the shards' names are on disk before the manifest that lists them
            self._put(MANIFEST, manifest.to_json())
            sync(self.folder)
            shutil.rmtree(self.folder / BUILDING)
        self._finished = manifest
        return manifest

    def begin(self) -> None:
        """Make room, and note what the store will be; what was begun goes on as it was noted."""
        missing = self.missing()
        rows = sum(len(self._ids[self.rows_of(number)]) for number in missing)
        letters = sum(len(name.encode()) for name in self._ids) // max(1, len(self._ids))
        plan = self._plan
        room_for(
            self.folder,
            disk_for(rows, plan.width, plan.dtype, plan.shard_rows, letters + 8),
            "the features need",
            "Free some space, choose a folder on another disk, or store float16 (--dtype float16).",
        )
        check_memory(memory_for_storing(rows, plan.width, plan.shard_rows), str(self.folder))
        if not (self.folder / BUILDING / PLAN).is_file():
            (self.folder / BUILDING).mkdir(parents=True)
            self._put(f"{BUILDING}/{PLAN}", json.dumps(plan.model_dump(mode="json"), ensure_ascii=False))

    def close(self) -> None:
        """Let others write; may be called twice."""
        self._lock.release()

    def __enter__(self) -> StoreWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _note(self, number: int) -> tuple[ShardEntry, Skips] | None:
        """Give what is known of a finished shard; nothing where it is not what its note says."""
        name = shard_name(number)
        path, beside = self.folder / name, self.folder / BUILDING / f"{name}.json"
        try:
            note = json.loads(beside.read_text(encoding="utf-8"))
            entry = ShardEntry(name=name, rows=note["rows"], sha256=note["sha256"])
            skips = tuple((str(item), str(why)) for item, why in note["skipped"])
            whole = sha256_of(path) == entry.sha256
        except (OSError, ValueError, KeyError, TypeError):
            whole = False
        # A shard whose note was never written, or one damaged since, is made again.
        return (entry, skips) if whole else None

    def _in_order(
        self, shard: int, span: np.ndarray, ids: list[str], skipped: list[tuple[str, str]]
    ) -> tuple[np.ndarray, Skips]:
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
        skips = sorted(((name, _clean(why)) for name, why in skipped), key=lambda pair: place[pair[0]])
        return np.array([place[name] for name in ids], dtype=np.int64), tuple(skips)

    def _put(self, name: str, content: memoryview | str) -> None:
        written = content.encode() if isinstance(content, str) else content
        put(written, self.folder / name, self.folder / BUILDING / NEW)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            with suppress(OSError):  # a disk that is gone: the next run clears away what is left
                (self.folder / BUILDING / NEW).unlink(missing_ok=True)
            raise unwritable(
                error,
                self.folder,
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
    plan = Manifest.model_validate(
        {
            "identity": asdict(identity) | {"digest": identity.digest},
            "dtype": dtype,
            "input": input_digest,
            "shard_rows": shard_rows,
            "libraries": {name: version(name) for name in LIBRARIES} | dict(libraries or {}),
        }
    )
    if os.path.lexists(folder) and not folder.is_dir():
        raise FileError("is not a folder", str(folder), "Choose another one.")
    lock = lock_of(folder, wait, "Choose another folder.")
    made = not folder.exists()
    try:
        return _opened(folder, lock, plan, ids)
    except BaseException as error:
        if made:
            shutil.rmtree(folder / BUILDING, ignore_errors=True)
            with suppress(OSError):  # it was never made, or somebody put a file there
                folder.rmdir()
        lock.release()
        if isinstance(error, OSError):
            raise unwritable(error, folder, "Choose another folder.") from None
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
        refuse_strangers(folder, {f"{BUILDING}/{NEW}", OLD_LOCK}, "encode")
        shutil.rmtree(building, ignore_errors=True)
    writer = StoreWriter(folder, lock, plan, ids, None)
    writer.begin()
    return writer


def _read_plan(path: Path) -> Manifest:
    with read_back(path, REMOVE):
        fields = from_json(path.read_bytes())
        check_version(fields, path)
        return Manifest.model_validate(fields)


def _same(wanted: Manifest, stored: Manifest, where: str, libraries: bool) -> None:
    """Refuse to mix two stores, saying in what they differ."""
    remedy, differs = REMOVE, []
    if stored.identity["digest"] != wanted.identity["digest"]:
        labels = [encoder_label(one.name, one.identity["digest"]) for one in (stored, wanted)]
        differs.append(f"features of {labels[0]!r}, not of {labels[1]!r}")
    if stored.input != wanted.input:
        differs.append("features of another input")
    if stored.dtype != wanted.dtype:
        differs.append(f"{stored.dtype} features, not {wanted.dtype}")
        remedy = f"Give --dtype {stored.dtype}, choose another folder, or remove this one."
    if stored.shard_rows != wanted.shard_rows:
        differs.append(f"shards of {stored.shard_rows} rows, not {wanted.shard_rows}")
    if not differs and libraries:
        names = sorted(stored.libraries.keys() | wanted.libraries.keys())
        for name in names:
            old, new = stored.libraries.get(name, "none"), wanted.libraries.get(name, "none")
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
