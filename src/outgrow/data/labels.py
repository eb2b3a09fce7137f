"""Reading labels, and what stands beside them: split, group and truth, from any table.

Ids are read as text ("007" stays "007"). A label may be missing (empty, NaN, NA or null): the row is then
unlabelled. Labels that are all numbers become floats, anything else stays text; which task they make is
decided in `task`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict, Unpack

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from outgrow.data.files import check_ids, missing_column, quoted, row_name, row_numbers
from outgrow.data.open_table import open_table
from outgrow.data.tables import Table, as_ids, is_numeric, is_saved_index, is_text, the_only
from outgrow.data.text_tables import PLAIN, TextStyle, is_number
from outgrow.data.written_labels import (
    MISSING,
    column_called,
    id_in,
    looks_like,
    refuse_spellings,
    suspicious_marks,
)
from outgrow.errors import DataError
from outgrow.results import Check

SPLIT = "split"
"""The column that says labelled, unlabelled or test where nobody names one."""

NO_SPLIT = "none"
"""Said instead of a column: draw every part, whatever the table holds."""


@dataclass(frozen=True)
class LabelTable:
    """Labels by id, with what stands beside them."""

    ids: np.ndarray
    """Object array of m strings; row numbers from 0 where the file has no ids."""
    values: np.ndarray
    """Array of m labels: floats with NaN where missing, or an object array of strings with None."""
    split: np.ndarray | None = None
    """Object array of the part each row was assigned to, None where missing."""
    groups: np.ndarray | None = None
    """Object array of group names, None where missing."""
    truth: np.ndarray | None = None
    """Like `values`: the noise-free label, where known."""
    has_ids: bool = True
    """Whether the file had ids."""
    source: str = "labels"
    """The file, as messages name it."""
    answers: tuple[str, ...] = ()
    """Names of the label and truth columns: no feature may be called so."""
    split_column: str = ""
    """Where the split is from; "" for none, or the parts a data set is stored in."""
    table: Table | None = field(default=None, repr=False, compare=False)
    """What they were read from, to look for ids under another name."""
    checks: tuple[Check, ...] = ()
    """What is unusual about the labels."""


class Beside(TypedDict, total=False):
    """Which columns of a table say what, and how its text is written; what is not named is looked for."""

    id_column: str
    label_column: str | None
    split_column: str | None
    group_column: str | None
    truth_column: str | None
    style: TextStyle


def read_labels(path: str | Path, **beside: Unpack[Beside]) -> LabelTable:
    """Read labels from a table; one of features that also holds a label column will do."""
    table = open_table(path, beside.get("style", PLAIN))
    labels = labels_beside(table, wanted=True, **beside)
    if not table.rows:
        raise DataError("no rows below the column names", table.where, "Give at least one labelled row.")
    if not present_mask(labels.values).any():
        raise DataError(
            f"all labels are missing in column {labels.answers[0]!r}", table.where, "Give some labels."
        )
    return labels


def labels_beside(
    table: Table,
    *,
    label_column: str | None = None,
    id_column: str = "id",
    split_column: str | None = None,
    group_column: str | None = None,
    truth_column: str | None = None,
    style: TextStyle = PLAIN,
    wanted: bool = False,
    leave_out: Mapping[int, str] | None = None,
) -> LabelTable:
    """Read labels, ids and whatever else stands beside the rows of a table.

    Raw rows may have no labels: unless they are `wanted`, all are then missing. Rows that are to be left out
    may lack an id.
    """
    where = table.where
    split = split_column or (column_called(table.names, SPLIT, where) if table.split is None else None)
    if split_column is None and split in (label_column, group_column, truth_column, id_column):
        split = None
    if split_column == NO_SPLIT and NO_SPLIT not in table.names:
        split = None
    named = {"truth": truth_column, "split": split, "group": group_column, "label": label_column}
    for role, column in named.items():
        if column is not None and column not in table.names:
            raise missing_column(where, column, table.names, role)
    key = id_in(table, id_column)
    label = label_column or column_called(table.names, "label", where)
    if label is None and wanted:
        label = _only_label(table, {key, split, group_column, truth_column})
    elif label_column is None and label is not None and not wanted and not _may_label(table, label):
        label = None  # a column that merely happens to be called so is no reason to refuse the rows
    missing = missing_marks(table)
    parts = table.split if split_column is None and split is None else None
    if split is not None:
        parts = name_values(table.column(split), split, where, missing)
    ids = None
    if key is not None:
        ids = as_ids(_filled(table.column(key), leave_out or {}), key, where)
        _check_once(ids, parts, where)

    def values(column: str | None) -> tuple[np.ndarray, Check | None]:
        if column is None:
            return np.full(table.rows, np.nan), None
        return label_values(table.column(column), column, where, ids, missing, style)

    labels, check = values(label)
    groups = None
    if group_column is not None:
        groups = name_values(table.column(group_column), group_column, where, missing)
        names = dict.fromkeys(name for name in groups if name is not None)
        refuse_spellings(names, f"{where}, column {group_column!r}", "group")
    if label_column is None and label is not None and labels.dtype == object and label in labels:
        row = row_name(ids, int(np.argmax(labels == label)))
        raise DataError(
            f"the name of column {label!r} is also a label in {row}",
            where,
            "Write names of columns in the first line and nowhere else; if it is a class: --label-column.",
        )
    return LabelTable(
        ids=row_numbers(table.rows) if ids is None else ids,
        values=labels,
        split=parts,
        groups=groups,
        truth=None if truth_column is None else values(truth_column)[0],
        has_ids=ids is not None,
        source=where,
        answers=tuple(name for name in (label, truth_column) if name is not None),
        split_column=split or "",
        table=table,
        checks=() if check is None else (check,),
    )


def _may_label(table: Table, name: str) -> bool:
    kind = table.schema.field(name).type
    return is_text(kind) or (pa.types.is_primitive(kind) and not pa.types.is_temporal(kind))


def missing_marks(table: Table) -> frozenset[str]:
    """Give what stands for a missing value: elsewhere than in text files "NA" may be a name."""
    return MISSING if table.kind == "text" else frozenset(("",))


def _filled(column: Any, rows: Mapping[int, str]) -> Any:
    """Give rows that will be left out an id for the time being: their number."""
    if not rows:
        return column
    values = column.cast(pa.large_string()).to_pylist()
    for row in rows:
        if not values[row]:
            values[row] = f"row {row}"
    return pa.chunked_array([pa.array(values, type=pa.large_string())])


def as_values(
    values: Any, where: str = "labels", ids: np.ndarray | None = None, style: TextStyle = PLAIN
) -> np.ndarray:
    """Bring labels to one of two forms: floats where all are numbers, else strings."""
    array = np.asarray(values)
    if array.ndim != 1:
        raise DataError(f"labels have shape {array.shape}", where, "Give one label per row.")
    if array.dtype.kind == "c":
        raise DataError("labels are complex", where, "Give real numbers or text.")
    if array.dtype.kind in "fiub":
        numbers = array.astype(np.float64)
    else:
        texts = np.empty(len(array), dtype=object)
        texts[:] = [None if item is None or item != item else str(item) for item in array.tolist()]
        read = [np.nan if item is None else style.number(item) for item in texts]
        if None in read:
            return texts
        numbers = np.array(read, dtype=np.float64)
    infinite = np.flatnonzero(np.isinf(numbers))
    if infinite.size:
        raise DataError(f"infinity in {row_name(ids, int(infinite[0]))}", where, "Correct or remove it.")
    return numbers


def present_mask(values: np.ndarray) -> np.ndarray:
    """Tell which labels are there."""
    if values.dtype == object:
        return np.array([item is not None for item in values], dtype=bool)
    return ~np.isnan(values)


def _check_once(ids: np.ndarray, split: np.ndarray | None, where: str) -> None:
    if split is not None and len(set(ids.tolist())) < len(ids):
        first: dict[str, Any] = {}
        both = [i for i, part in zip(ids, split, strict=True) if first.setdefault(i, part) != part]
        if both:
            raise DataError(
                f"the same id stands in two parts of the split: {quoted(dict.fromkeys(both))}",
                where,
                "Keep each id in one part: a row trained on must not be tested on.",
            )
    check_ids(ids, where)


def _only_label(table: Table, taken: set[str | None]) -> str:
    free = [name for name in table.names if name not in taken and not is_saved_index(name)]
    return the_only([name for name in free if not table.schema.field(name).type.num_fields], table, "label")


def label_values(
    column: Any, name: str, where: str, ids: np.ndarray | None, missing: frozenset[str], style: TextStyle
) -> tuple[np.ndarray, Check | None]:
    """Turn a column into floats where every present value is a number, else into strings; tell odd marks."""
    kind, of = column.type, f"{where}, column {name!r}"
    if is_numeric(kind) or pa.types.is_null(kind):
        numbers = as_values(pc.cast(column, pa.float64(), safe=False).to_numpy(zero_copy_only=False), of, ids)
        return numbers, suspicious_marks((), numbers)
    if pa.types.is_temporal(kind):
        raise DataError(
            f"column {name!r} holds dates or times ({kind})",
            where,
            "Write numbers, such as days since a date.",
        )
    if not is_text(kind):
        raise DataError(f"column {name!r} is of type {kind}", where, "Labels are numbers or text.")
    values = as_values(name_values(column, name, where, missing), of, ids, style)
    if values.dtype == object and style.marked:
        # What these options do not read must not be read in another way behind them.
        odd = next(
            (
                i
                for i, text in enumerate(values)
                if text is not None and style.number(text) is None and (is_number(text) or looks_like(text))
            ),
            None,
        )
        if odd is not None:
            raise DataError(
                f"the label {quoted([values[odd]])} in {row_name(ids, odd)} is no number as --decimal and"
                " --thousands say that they are written",
                of,
                "Correct it, or the options.",
            )
    return values, suspicious_marks(column.to_pylist(), values, missing)


def name_values(column: Any, name: str, where: str, missing: frozenset[str]) -> np.ndarray:
    """Turn a column of text or whole numbers into strings, None where missing."""
    if column.type.num_fields:
        raise DataError(f"column {name!r} is of type {column.type}", where, "It must hold text or numbers.")
    try:
        texts = column.cast(pa.large_string()).to_pylist()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, UnicodeDecodeError) as error:
        raise DataError(
            f"column {name!r} of type {column.type} is not text", where, "Write it as text."
        ) from error
    out = np.empty(len(texts), dtype=object)
    out[:] = [None if text is None or text.strip() in missing else text.strip() for text in texts]
    return out
