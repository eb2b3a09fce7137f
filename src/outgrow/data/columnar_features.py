"""Features in a Parquet or Arrow file: which columns they are, and their batches.

One column of lists of one length (fixed-size or not), or many numeric columns. The label of a wide table is
never taken for a feature.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from outgrow.data.files import check_ids, missing_column, quoted, row_name
from outgrow.data.tables import BATCH_ROWS, Columnar, as_ids
from outgrow.errors import DataError

BESIDE = ("label", "split", "group", "truth")
"""Columns that usually stand beside features, and are none themselves."""

PANDAS_INDEX = "__index_level_"
"""How the names of columns begin that pandas writes for an unnamed index: row numbers, no features."""


class ColumnarFeatures:
    """A features file in columns, opened and understood but not yet read.

    Parameters
    ----------
    path : Path
        An existing Parquet or Arrow file.
    pattern : str, tuple of str or None
        Shell pattern of the feature columns; or their names, in order, for files that have any of them; None
        for "features", the only column of lists, or all numeric columns.
    id_column : str
        The column of ids.
    exclude : collection of str
        Columns that are no features unless the pattern names them.

    Attributes
    ----------
    table : Columnar
        The opened file.
    ids : numpy.ndarray or None
        Object array of strings, where the file has ids.
    names : tuple of str
        Names of the numeric columns; empty for a column of lists.

    Raises
    ------
    FileError
        When the file is damaged.
    DataError
        When no column fits or several could, there are no rows, or ids are missing or duplicated.
    """

    def __init__(
        self,
        path: Path,
        pattern: str | tuple[str, ...] | None,
        id_column: str,
        exclude: Collection[str] = BESIDE,
    ) -> None:
        self.table = Columnar(path)
        self._where = str(path)
        if self.table.rows == 0:
            raise DataError("features are empty: no rows", self._where, "Give at least one row.")
        self._columns, self._is_list = _pick_columns(self.table, pattern, id_column, exclude)
        self.names = () if self._is_list else tuple(self._columns)
        self.ids: np.ndarray | None = None
        if id_column in self.table.names:
            self.ids = check_ids(as_ids(self.table.column(id_column), id_column, self._where), self._where)
        elif id_column != "id":
            raise missing_column(path, id_column, self.table.names, "id")

    def batches(self, size: int = BATCH_ROWS) -> Iterator[tuple[int, np.ndarray]]:
        """Read features batch by batch.

        Parameters
        ----------
        size : int
            Most rows in a batch.

        Yields
        ------
        int
            Number of the batch's first row.
        numpy.ndarray
            Its values (b, d), as stored.

        Raises
        ------
        FileError
            When the file is damaged.
        DataError
            When lists are missing or of several lengths.
        """
        start, width = 0, None
        for batch in self.table.batches(self._columns, size):
            if self._is_list:
                block = _list_block(batch.column(self._columns[0]), self._where, self.ids, start, width)
            else:
                block = np.column_stack([_numbers(batch.column(key), self._where) for key in self._columns])
            width = block.shape[1]
            yield start, block
            start += len(block)


def _pick_columns(
    table: Columnar, pattern: str | tuple[str, ...] | None, id_column: str, exclude: Collection[str]
) -> tuple[list[str], bool]:
    """Choose the features: what the pattern or tuple names, "features", the only lists, or all numbers."""
    import pyarrow as pa

    kinds = {field.name: field.type for field in table.schema if field.name != id_column}
    lists = [key for key, kind in kinds.items() if _is_list(kind)]
    numeric = [key for key, kind in kinds.items() if pa.types.is_floating(kind) or pa.types.is_integer(kind)]
    numeric += [key for key, kind in kinds.items() if pa.types.is_boolean(kind)]
    where, present = str(table.path), f"Columns present: {quoted(table.names, 20)}."
    if isinstance(pattern, tuple):
        lost = [key for key in pattern if key not in numeric]
        if not lost:
            return list(pattern), False
        if len(lost) < len(pattern):
            raise DataError(f"{len(lost)} feature columns are missing: {quoted(lost)}", where, present)
    elif pattern is not None:
        matched = [key for key in kinds if fnmatch.fnmatchcase(key, pattern)]
        if not matched:
            raise DataError(f"no column matches {pattern!r}", where, present)
        if len(matched) == 1 and matched[0] in lists:
            return matched, True
        wrong = [key for key in matched if key not in numeric]
        if wrong:
            raise DataError(
                f"columns matched by {pattern!r} are not numeric: {quoted(wrong)}",
                where,
                "Narrow the pattern.",
            )
        return matched, False
    if "features" in lists or len(lists) == 1:
        return ["features" if "features" in lists else lists[0]], True
    if lists:
        raise DataError(
            f"several columns hold lists: {quoted(lists)}", where, "Choose one with --feature-columns."
        )
    chosen = [k for k in kinds if k in numeric and k not in exclude and not k.startswith(PANDAS_INDEX)]
    if not chosen:
        raise DataError("no column holds features (lists or numbers)", where, present)
    return chosen, False


def _is_list(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_fixed_size_list(kind) or pa.types.is_list(kind) or pa.types.is_large_list(kind))


def _list_block(array: Any, where: str, ids: np.ndarray | None, start: int, width: int | None) -> np.ndarray:
    import pyarrow as pa
    import pyarrow.compute as pc

    if array.null_count:
        row = start + int(pc.index(pc.is_null(array), True).as_py())
        raise DataError(f"{row_name(ids, row)} has no features", where, "Encode that row, or remove it.")
    if pa.types.is_fixed_size_list(array.type):
        width = array.type.list_size
    else:
        lengths = pc.list_value_length(array).to_numpy(zero_copy_only=False)
        width = int(lengths[0]) if width is None else width
        odd = np.flatnonzero(lengths != width)
        if odd.size:
            raise _ragged(where, row_name(ids, start + int(odd[0])), int(lengths[odd[0]]), width)
    return _numbers(array.flatten(), where).reshape(len(array), width)


def _ragged(where: str, row: str, length: int, width: int) -> DataError:
    return DataError(
        f"ragged features: {row} has {length} values, the rows before it {width}",
        where,
        "Encode all rows alike.",
    )


def _numbers(array: Any, where: str) -> np.ndarray:
    values = np.asarray(array.to_numpy(zero_copy_only=False))
    if values.dtype.kind not in "fiub":
        raise DataError(f"features are not numbers (type {array.type})", where, "Give lists of floats.")
    return values
