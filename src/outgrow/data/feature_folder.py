"""Reading a feature store: a folder of Parquet shards and their manifest, whole or in batches.

A shard's bytes are read once, checked against the manifest's sha256, and only then decoded from memory: what
was checked is what is used. Page checksums alone would not do, as they leave the footer out; hashing a shard
costs a sixth (float16) to a third (float32) of decoding it. Page checksums are checked as well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from outgrow.data.feature_manifest import AGAIN, BUILDING, MANIFEST, Manifest, read_manifest
from outgrow.data.features_file import FeatureTable, as_features
from outgrow.data.files import check_ids, damaged
from outgrow.data.numeric import check_finite
from outgrow.data.tables import BATCH_ROWS, Columnar, as_ids
from outgrow.errors import DataError, FileError
from outgrow.linalg.rows import Batch, known_blocks, known_positions


def is_store(path: str | Path) -> bool:
    """Tell whether a path is a feature store, complete or not."""
    try:
        return (Path(path) / MANIFEST).is_file() or (Path(path) / BUILDING).is_dir()
    except (OSError, ValueError):  # ValueError: a null character in the path
        return False


def shard_schema(manifest: Manifest) -> Any:
    """Give the columns of a store's shards."""
    import pyarrow as pa

    kind = pa.float16() if manifest.dtype == "float16" else pa.float32()
    fields = [pa.field("id", pa.string()), pa.field("features", pa.list_(kind, manifest.width))]
    return pa.schema(fields, metadata={"encoder": manifest.encoder})


def read_shard(folder: Path, manifest: Manifest, number: int) -> tuple[np.ndarray, Float[np.ndarray, "b d"]]:
    """Read one shard, verified.

    Returns object array of b strings; array (b, d) of float32, to which float16 is widened.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    entry = manifest.shards[number]
    path = folder / entry.name
    where = str(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise FileError("the shard is missing", where, AGAIN) from None
    except OSError as error:
        raise damaged(path, "readable", error) from error
    if hashlib.sha256(content).hexdigest() != entry.sha256:
        raise FileError("is damaged: its sha256 is not the one in the manifest", where, AGAIN)
    try:
        file = pq.ParquetFile(
            pa.BufferReader(content), page_checksum_verification=True, pre_buffer=False, memory_map=False
        )
        table = file.read(use_threads=False)
    except Exception as error:  # a hostile file can make the reader raise anything
        raise damaged(path, "a Parquet file", error) from error
    # Parquet adds field numbers of its own, so the fields' metadata are not compared.
    schema = shard_schema(manifest)
    if not table.schema.equals(schema) or table.schema.metadata != schema.metadata:
        raise FileError("its columns are not those of the manifest", where, AGAIN)
    if table.num_rows != entry.rows:
        raise FileError(f"holds {table.num_rows} rows, the manifest says {entry.rows}", where, AGAIN)
    if table.column("features").null_count:
        raise FileError("rows without features", where, AGAIN)
    ids = as_ids(table.column("id"), "id", where)
    flat = table.column("features").combine_chunks().flatten()
    if flat.null_count:
        raise FileError("rows with missing features", where, AGAIN)
    stored = np.asarray(flat.to_numpy(zero_copy_only=False)).reshape(entry.rows, manifest.width)
    values = np.asarray(stored, dtype=np.float32)
    check_finite(values, where, ids)
    return ids, values


def read_feature_folder(folder: str | Path, name: str | None = None) -> FeatureTable:
    """Read a feature store as a feature set."""
    folder = Path(folder)
    manifest = read_manifest(folder)
    _refuse_empty(manifest, folder)
    try:
        values = np.empty((manifest.rows, manifest.width), np.float32)
    except (MemoryError, ValueError) as error:
        reason = ValueError(f"{manifest.rows} rows of {manifest.width} numbers are declared")
        raise damaged(folder / MANIFEST, "small enough for this machine", reason) from error
    ids = np.empty(manifest.rows, dtype=object)
    start = 0
    for number, entry in enumerate(manifest.shards):
        ids[start : start + entry.rows], values[start : start + entry.rows] = read_shard(
            folder, manifest, number
        )
        start += entry.rows
    return as_features(
        values,
        ids=ids,
        name=name or manifest.name,
        where=str(folder),
        source=folder.name,
        encoder=manifest.encoder,
        stored=manifest.dtype,
    )


class StoreSource:
    """Rows of a feature store, one shard in memory at a time; a `RowSource`."""

    in_memory = False

    def __init__(self, folder: str | Path, *, name: str | None = None) -> None:
        self._folder = Path(folder)
        self.manifest = read_manifest(self._folder)
        _refuse_empty(self.manifest, self._folder)
        self._name = name or self.manifest.name
        self._ids: np.ndarray | None = None

    def __len__(self) -> int:
        """Count the rows."""
        return self.manifest.rows

    @property
    def ids(self) -> np.ndarray:
        """Object array of n strings; read when they are first asked for."""
        if self._ids is None:
            parts = []
            for entry in self.manifest.shards:
                # Only the ids' pages are read; the shard is hashed when its features are.
                path = self._folder / entry.name
                if not path.is_file():
                    raise FileError("the shard is missing", str(path), AGAIN)
                table = Columnar(path)
                if "id" not in table.names or table.rows != entry.rows:
                    raise FileError("is not the file that was written", str(path), AGAIN)
                parts.append(as_ids(table.column("id"), "id", str(path)))
            self._ids = check_ids(np.concatenate(parts), str(self._folder))
        return self._ids

    @property
    def schema(self) -> Mapping[str, int]:
        """Width of the one block by name."""
        return {self._name: self.manifest.width}

    def batches(
        self,
        *,
        rows: Int[np.ndarray, " m"] | None = None,
        columns: Sequence[str] | None = None,
        size: int = BATCH_ROWS,
    ) -> Iterator[Batch]:
        """Iterate over rows in increasing position."""
        names = known_blocks(columns, self.schema)
        wanted = known_positions(rows, self.manifest.rows)
        start = 0
        for number, entry in enumerate(self.manifest.shards):
            stop = start + entry.rows
            inside = np.arange(start, stop)
            if wanted is not None:
                inside = wanted[np.searchsorted(wanted, start) : np.searchsorted(wanted, stop)]
            if len(inside):
                _, values = read_shard(self._folder, self.manifest, number)
                for first in range(0, len(inside), size):
                    chosen = inside[first : first + size]
                    block = values[chosen - start]
                    yield Batch(chosen, dict.fromkeys(names, block))
            start = stop


def _refuse_empty(manifest: Manifest, folder: Path) -> None:
    if manifest.rows == 0:
        raise DataError("features are empty: no rows", str(folder), "All rows of the input were skipped.")
