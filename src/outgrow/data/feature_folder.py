"""Reading a feature store: a folder of Parquet shards and their manifest, whole or in batches.

A shard's bytes are read once, checked against the manifest's sha256, and only then decoded from memory: what
was checked is what is used. Page checksums alone would not do, as they leave the footer out; hashing a shard
costs a sixth (float16) to a third (float32) of decoding it. Page checksums are checked as well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float, Int

from outgrow.data.feature_manifest import AGAIN, BUILDING, MANIFEST, Manifest, read_manifest
from outgrow.data.files import damaged
from outgrow.data.numeric import check_finite
from outgrow.data.tables import Columnar, Table, as_ids
from outgrow.errors import DataError, FileError


def is_store(path: str | Path) -> bool:
    """Tell whether a path is a feature store, complete or not."""
    try:
        return (Path(path) / MANIFEST).is_file() or (Path(path) / BUILDING).is_dir()
    except (OSError, ValueError):  # ValueError: a null character in the path
        return False


def shard_schema(manifest: Manifest) -> Any:
    """Give the columns of a store's shards."""
    kind = pa.float16() if manifest.dtype == "float16" else pa.float32()
    fields = [pa.field("id", pa.string()), pa.field("features", pa.list_(kind, manifest.width))]
    return pa.schema(fields, metadata={"encoder": manifest.encoder})


def read_shard(folder: Path, manifest: Manifest, number: int) -> tuple[np.ndarray, Float[np.ndarray, "b d"]]:
    """Read one shard, verified.

    Returns object array of b strings; array (b, d) of float32, to which float16 is widened.
    """
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
    table = Columnar(path, content).whole()
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


class StoreFeatures:
    """Features of a store, understood but not yet read; `ColumnarFeatures` is the same of a table."""

    finite = True
    """Shards with NaN or infinity are refused."""
    names: tuple[str, ...] = ()
    table: Table | None = None

    def __init__(self, folder: Path) -> None:
        self._folder, self._manifest = folder, read_manifest(folder)
        manifest = self._manifest
        self.rows, self.width, self.name = manifest.rows, manifest.width, manifest.name
        self.encoder, self.dtype = manifest.encoder, manifest.dtype
        self._ids: dict[int, np.ndarray] = {}
        if manifest.rows == 0:
            raise DataError("features are empty: no rows", str(folder), "All rows of the input were skipped.")

    @property
    def ids(self) -> np.ndarray:
        """Object array of n strings, read when they are first asked for."""
        for number, entry in enumerate(self._manifest.shards):
            if number in self._ids:
                continue
            # Only the ids' pages are read; the shard is hashed when its features are.
            path = self._folder / entry.name
            if not path.is_file():
                raise FileError("the shard is missing", str(path), AGAIN)
            table = Columnar(path)
            if "id" not in table.names or table.rows != entry.rows:
                raise FileError("is not the file that was written", str(path), AGAIN)
            self._ids[number] = as_ids(table.column("id"), "id", str(path))
        return np.concatenate([self._ids[number] for number in sorted(self._ids)])

    def batches(
        self, size: int | None = None, wanted: Int[np.ndarray, " m"] | None = None
    ) -> Iterator[tuple[int, Float[np.ndarray, "b d"]]]:
        """Read shards whole, whatever `size`; those that hold none of the rows wanted are passed over."""
        start = 0
        for number, entry in enumerate(self._manifest.shards):
            stop = start + entry.rows
            if wanted is None or np.diff(np.searchsorted(wanted, (start, stop))):
                self._ids[number], values = read_shard(self._folder, self._manifest, number)
                yield start, values
            start = stop
