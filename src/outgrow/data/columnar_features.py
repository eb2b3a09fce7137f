"""Features in a table: which columns they are, and their batches.

One column of lists of one length (fixed-size or not), or many numeric columns. The label of a wide table is
never taken for a feature.
"""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from outgrow.data.files import ending_of, quoted, row_name
from outgrow.data.numeric import check_shape
from outgrow.data.tables import PANDAS_INDEX, MemoryTable, Table, as_ids, is_numeric, is_saved_index, is_text
from outgrow.data.text_tables import PLAIN, TextStyle
from outgrow.data.written_labels import MISSING, id_in, looks_like, spelling
from outgrow.errors import DataError
from outgrow.linalg.rows import BATCH_ROWS

BESIDE = ("label", "split", "group", "truth")
"""Columns that usually stand beside features, and are none themselves."""


class ColumnarFeatures:
    """Features in a table, understood but not yet read.

    `pattern` is a shell pattern of the feature columns; or their names, in order, for tables that have any of
    them; None for "features", the only column of lists, or all numeric columns but those in `exclude`. `ids`
    are None where the table has none, `names` are empty for a column of lists.
    """

    finite = False

    def __init__(
        self,
        table: Table,
        pattern: str | tuple[str, ...] | None,
        id_column: str,
        exclude: Collection[str] = BESIDE,
        style: TextStyle = PLAIN,
    ) -> None:
        self._where = table.where
        if table.rows == 0:
            raise DataError("features are empty: no rows", self._where, "Give at least one row.")
        key = id_in(table, id_column)
        beside = {key or id_column, *(() if pattern else exclude)}
        if isinstance(pattern, str):
            beside |= {name for name in table.names if not fnmatch.fnmatchcase(name, pattern)}
        elif pattern and not set(pattern).isdisjoint(table.names):
            beside |= set(table.names) - set(pattern)
        self.table = table
        self._typed = typed(table, beside, style) if table.kind == "text" else table
        self.rows, self.encoder, self.dtype = table.rows, table.encoder, ""
        self.name = Path(table.where).name.removesuffix(ending_of(Path(table.where)))
        self._columns, self._is_list = _pick_columns(self._typed, pattern, key, exclude)
        self.names = () if self._is_list else tuple(self._columns)
        self.ids: np.ndarray | None = None
        if key is not None:
            self.ids = as_ids(table.column(key), key, self._where)

    @property
    def width(self) -> int:
        """Features per row, as the first row has them."""
        _, first = next(self.batches(1))
        check_shape(first.shape, first.dtype, self._where)
        return int(first.shape[1])

    def batches(
        self, size: int | None = None, wanted: np.ndarray | None = None
    ) -> Iterator[tuple[int, np.ndarray]]:
        """Read features batch by batch: the number of the batch's first row, and its values as stored.

        All are read, whatever is `wanted`: where a batch begins in a file is known from those before it.
        """
        start, width = 0, None
        # An Arrow file is mapped: read as one batch, its numbers need not be copied at all.
        size = size or (self.rows if self.table.kind == "Arrow" else BATCH_ROWS)
        for batch in self._typed.batches(self._columns, size):
            if self._is_list:
                block = _list_block(batch.column(self._columns[0]), self._where, self.ids, start, width)
            else:
                block = np.column_stack([_numbers(batch.column(key), self._where) for key in self._columns])
            width = block.shape[1]
            yield start, block
            start += len(block)


def typed(table: Table, beside: Collection[str], style: TextStyle) -> Table:
    """Read the numbers of a table of text; of columns that hold some and something else, the row is named."""
    arrays = [
        table.column(name)
        if name in beside
        else _typed(table.column(name), f"{table.where}, column {name!r}", style)
        for name in table.names
    ]
    return MemoryTable(pa.Table.from_arrays(arrays, table.names), table.where, table.kind)


def _typed(column: Any, where: str, style: TextStyle) -> Any:
    if not style.marked:
        try:
            return pc.cast(column, pa.float64())
        except pa.ArrowInvalid:
            pass
    texts = [text.strip() for text in column.to_pylist()]
    if all(text.startswith("[") and text.endswith("]") for text in texts):
        try:
            return pa.chunked_array([pa.array([json.loads(text) for text in texts], pa.list_(pa.float64()))])
        except (ValueError, pa.ArrowException, RecursionError) as error:
            raise DataError(
                "lists are not written as [0.5, 1.5, ...]", where, "Store features in Parquet or .npy."
            ) from error
    numbers = [None if text in MISSING else style.number(text) for text in texts]
    known = sum(text not in MISSING for text in texts)
    read = sum(number is not None for number in numbers)
    if not read:
        looks = [looks_like(text) for text in texts if text not in MISSING]
        spoken = next((look for look in looks if look is not None), None)
        if spoken is not None and None not in looks and not spoken[0].startswith("dates"):
            raise DataError(f"values look like {spoken[0]}: {quoted(texts, 3)}", where, spoken[1])
        return column
    if read < known:
        row = next(row for row, text in enumerate(texts) if text not in MISSING and numbers[row] is None)
        if 2 * read < known:
            return column  # a column of names, of which some are numbers
        raise DataError(
            f"{quoted([texts[row]])} in row {row} is not a number, though {read} others are",
            where,
            "Correct it; --decimal and --thousands say how numbers are written.",
        )
    return pa.chunked_array([pa.array(numbers, pa.float64())])


def refuse_row_numbers(values: np.ndarray, names: tuple[str, ...], where: str) -> None:
    """Refuse columns that number the rows: by their name, or since they are all the numbers in a row."""
    if len(values) < 2:
        return
    numbering = []
    spread = values.max(axis=0).astype(np.float64) - values.min(axis=0)
    for name, reach, column in zip(names, spread, values.T, strict=True):
        named = is_saved_index(name) or _CALLED_ID.search(name) is not None
        # Of fewer than ten rows, counts may be one another's neighbours by chance.
        counts = reach == len(values) - 1 and len(values) >= 10
        if (named or counts) and (column % 1 == 0).all() and len(np.unique(column)) == len(column):
            numbering.append(name)
    if numbering:
        raise DataError(
            f"columns among the features number the rows: {quoted(numbering)}",
            where,
            "Leave them out, or pick the feature columns with --feature-columns, such as 'x*'; name ids with"
            " --id-column.",
        )


_CALLED_ID = re.compile(
    r"(?:^|[_\W])(?:id|ids|uid|key|idx|rowid|row_?num(?:ber)?)$|[a-z]I[dD]$", re.ASCII | re.IGNORECASE
)


def _pick_columns(
    table: Table, pattern: str | tuple[str, ...] | None, key: str | None, exclude: Collection[str]
) -> tuple[list[str], bool]:
    """Choose the features: what the pattern or tuple names, "features", the only lists, or all numbers."""
    kinds = {field.name: field.type for field in table.schema if field.name != key}
    lists = [key for key, kind in kinds.items() if _is_list(kind)]
    numeric = [key for key, kind in kinds.items() if is_numeric(kind)]
    where, present = table.where, f"Columns present: {quoted(table.names, 20)}."
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
    written = [
        key for key, kind in kinds.items() if pattern is None and is_text(kind) and _of_lists(table, key)
    ]
    if written:
        raise DataError(
            f"{quoted(written)} holds lists written as text",
            where,
            "Write them as lists of numbers; or pick other columns with --feature-columns.",
        )
    if lists:
        raise DataError(
            f"several columns hold lists: {quoted(lists)}", where, "Choose one with --feature-columns."
        )
    answers = {spelling(name) for name in exclude}
    chosen = [k for k in numeric if spelling(k) not in answers and not k.startswith(PANDAS_INDEX)]
    if not chosen:
        tensors = [key for key, kind in kinds.items() if isinstance(kind, pa.FixedShapeTensorType)]
        if tensors:
            raise DataError(f"{quoted(tensors)} holds {kinds[tensors[0]]}", where, "Give one vector per row.")
        raise DataError("no column holds features (lists or numbers)", where, present)
    return chosen, False


def _of_lists(table: Table, name: str) -> bool:
    first = next(iter(table.batches([name], 1))).column(name)[0].as_py()
    return re.match(r"\s*\[\s*[-+]?\.?\d.*\]\s*$", first or "", re.DOTALL) is not None


def _is_list(kind: Any) -> bool:
    return bool(pa.types.is_fixed_size_list(kind) or pa.types.is_list(kind) or pa.types.is_large_list(kind))


def _list_block(array: Any, where: str, ids: np.ndarray | None, start: int, width: int | None) -> np.ndarray:
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
            name = row_name(ids, start + int(odd[0]))
            message = f"ragged features: {name} has {lengths[odd[0]]} values, the rows before it {width}"
            raise DataError(message, where, "Encode all rows alike.")
    values = array.flatten()
    if width == 1 and _is_list(values.type):  # one row in brackets of its own: [[...]]
        return _list_block(values, where, ids, start, None)
    return _numbers(values, where).reshape(len(array), width)


def _numbers(array: Any, where: str) -> np.ndarray:
    values = np.asarray(array.to_numpy(zero_copy_only=False))
    if values.dtype.kind not in "fiub":
        raise DataError(f"features are not numbers (type {array.type})", where, "Give lists of floats.")
    return values
