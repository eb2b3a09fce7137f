"""Reading feature sets: arrays, tables of any kind and stores, to one table of rows with ids.

A feature set is (n, d) numbers, one row per example, with an id per row where the format can hold one.
Arrays are mapped from the file where the format allows it and are read-only; float16 is widened to
float32, since factorizations follow. Every value is checked to be finite, and nothing is unpickled.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from outgrow.data.array_files import read_npy, read_npz, read_safetensors
from outgrow.data.columnar_features import BESIDE, ColumnarFeatures, refuse_row_numbers
from outgrow.data.feature_folder import StoreFeatures, is_store
from outgrow.data.files import check_ids, damaged, ending_of, existing_file, row_numbers
from outgrow.data.numeric import check_finite, check_shape, row_chunks, working_dtype
from outgrow.data.open_table import FORMATS as TABLES
from outgrow.data.open_table import open_table
from outgrow.data.tables import Table
from outgrow.data.text_tables import PLAIN, TextStyle
from outgrow.errors import DataError

ARRAYS = (".npy", ".npz", ".safetensors")
"""Endings of the files that hold an array."""

FORMATS = (*ARRAYS, *TABLES)
"""Endings of the files features are read from."""


@dataclass(frozen=True)
class FeatureIdentity:
    """What a feature set is, so that results and saved models can name what they were computed from."""

    name: str
    """The feature set's name in reports."""
    width: int
    """Number of features, d."""
    dtype: str
    """Type of the numbers as stored, such as "float16"."""
    sha256: str
    """Of the values as read, in row order: the same for the same numbers in any format."""
    source: str = ""
    """Base name of the file or store, or "" for an array in memory."""
    columns: tuple[str, ...] = ()
    """Names of the columns of a wide table; empty for lists and arrays."""
    encoder: str | None = None
    """What made the features, where the file's metadata says it under "encoder", or the store's manifest."""


@dataclass(frozen=True)
class FeatureTable:
    """A feature set in memory: one row of numbers per id."""

    ids: np.ndarray
    """Object array of n strings; row numbers from 0 where the file has no ids."""
    has_ids: bool
    """Whether the file had ids."""
    values: Float[np.ndarray, "n d"]
    """Array (n, d) of float32 or float64, finite, read-only."""
    identity: FeatureIdentity
    """Where the numbers are from."""
    table: Table | None = field(default=None, repr=False, compare=False)
    """What they were read from where it has no ids, to look for ids under another name."""


def read_features(
    path: str | Path,
    *,
    name: str | None = None,
    feature_columns: str | tuple[str, ...] | None = None,
    id_column: str = "id",
    exclude: Collection[str] = BESIDE,
    style: TextStyle = PLAIN,
) -> FeatureTable:
    """Read a feature set from a file or a store."""
    path = Path(path)
    if not path.is_dir():
        existing_file(path, FORMATS)
    suffix = ending_of(path)
    if path.is_dir() or suffix not in ARRAYS:
        stored = open_features(path, feature_columns, id_column, exclude, style)
        return _read_whole(stored, path, name, checked=feature_columns is None)
    encoder, ids = None, None
    if suffix == ".npy":
        values = read_npy(path)
    elif suffix == ".npz":
        values, ids = read_npz(path)
    else:
        values, encoder = read_safetensors(path)
    return as_features(
        values, ids=ids, name=name or path.stem, where=str(path), source=path.name, encoder=encoder
    )


def open_features(
    path: Path,
    columns: str | tuple[str, ...] | None = None,
    id_column: str = "id",
    exclude: Collection[str] = BESIDE,
    style: TextStyle = PLAIN,
) -> ColumnarFeatures | StoreFeatures:
    """Open a store, or a table of features, to be read in batches."""
    if is_store(path):
        return StoreFeatures(path)
    return ColumnarFeatures(open_table(path, style), columns, id_column, exclude, style)


def as_features(
    values: Any,
    *,
    ids: Any = None,
    name: str = "features",
    where: str = "",
    source: str = "",
    columns: tuple[str, ...] = (),
    encoder: str | None = None,
    stored: str | None = None,
) -> FeatureTable:
    """Check an array and make it a feature set, without a copy where its type allows."""
    where = where or name
    try:
        array = np.asarray(values)
    except ValueError as error:  # numpy refuses ragged lists
        raise DataError("features are ragged", where, "Give rows of one length.") from error
    check_shape(array.shape, array.dtype, where)
    wide = np.asarray(array, dtype=working_dtype(array.dtype)).view()
    wide.flags.writeable = False
    if ids is None:
        given = row_numbers(len(wide))
    else:
        given = np.array(
            [item.decode() if isinstance(item, bytes) else str(item) for item in ids], dtype=object
        )
        if len(given) != len(wide):
            raise DataError(f"{len(given)} ids for {len(wide)} rows", where, "Give one id per row.")
        check_ids(given, where)
    check_finite(wide, where, None if ids is None else given, columns)
    identity = FeatureIdentity(
        name, int(wide.shape[1]), stored or str(array.dtype), _sha256(wide), source, columns, encoder
    )
    return FeatureTable(given, ids is not None, wide, identity)


def _sha256(values: Float[np.ndarray, "n d"]) -> str:
    digest = hashlib.sha256(f"{values.dtype.str}{values.shape}".encode())
    for chunk in row_chunks(values):
        digest.update(np.ascontiguousarray(values[chunk]).data)
    return digest.hexdigest()


def _read_whole(
    source: ColumnarFeatures | StoreFeatures, path: Path, name: str | None, *, checked: bool
) -> FeatureTable:
    rows = source.rows
    values: np.ndarray | None = None
    stored = source.dtype
    for start, block in source.batches():
        dtype = working_dtype(block.dtype)
        if values is None:
            stored = stored or str(block.dtype)
            if len(block) == rows and dtype == block.dtype:
                values = block
                continue
            try:
                values = np.empty((rows, block.shape[1]), dtype)
            except (MemoryError, ValueError) as error:
                reason = ValueError(f"{rows} rows of {block.shape[1]} numbers are declared")
                raise damaged(path, "small enough for this machine", reason) from error
        if dtype.itemsize > values.dtype.itemsize:
            values = values.astype(dtype)
        values[start : start + len(block)] = block
    assert values is not None, "a source without rows is refused when it is opened"
    made = as_features(
        values,
        ids=source.ids,
        name=name or source.name,
        where=str(path),
        source=path.name,
        columns=source.names,
        encoder=source.encoder,
        stored=stored,
    )
    if checked and source.names:
        refuse_row_numbers(made.values, source.names, str(path))
    return made if made.has_ids else replace(made, table=source.table)
