"""Reading labels, and what stands beside them: split, group and truth, from CSV, TSV, Parquet or Arrow.

Ids are read as text ("007" stays "007"). A label may be missing (empty, NaN, NA or null): the row is then
unlabelled. Labels that are all numbers become floats, anything else stays text; which task they make is
decided in `task`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from outgrow.data.columnar_features import PANDAS_INDEX
from outgrow.data.files import (
    check_ids,
    existing_file,
    missing_column,
    quoted,
    row_name,
    row_numbers,
)
from outgrow.data.tables import COLUMNAR, Columnar, as_ids, is_text
from outgrow.data.text_tables import TextTable, is_number
from outgrow.errors import DataError

FORMATS = (".csv", ".tsv", *COLUMNAR)
"""Endings of the files labels are read from."""

MISSING = ("", "nan", "NaN", "NAN", "NA", "null", "NULL")
"""Spellings of a missing value in text files: what pandas, R and SQL exports write."""


@dataclass(frozen=True)
class LabelTable:
    """Labels by id, with what stands beside them.

    Parameters
    ----------
    ids : numpy.ndarray
        Object array of m strings; row numbers from 0 where the file has no ids.
    values : numpy.ndarray
        Array of m labels: floats with NaN where missing, or an object array of strings with None.
    split : numpy.ndarray or None
        Object array of the part each row was assigned to, None where missing.
    groups : numpy.ndarray or None
        Object array of group names, None where missing.
    truth : numpy.ndarray or None
        Like `values`: the noise-free label, where known.
    columns : tuple of str
        All columns of the file.
    has_ids : bool
        Whether the file had ids.
    source : str
        The file, as messages name it.
    answers : tuple of str
        Names of the label and truth columns: no feature may be called so.
    """

    ids: np.ndarray
    values: np.ndarray
    split: np.ndarray | None = None
    groups: np.ndarray | None = None
    truth: np.ndarray | None = None
    columns: tuple[str, ...] = ()
    has_ids: bool = True
    source: str = "labels"
    answers: tuple[str, ...] = ()


def read_labels(
    path: str | Path,
    *,
    label_column: str | None = None,
    id_column: str = "id",
    split_column: str | None = None,
    group_column: str | None = None,
    truth_column: str | None = None,
) -> LabelTable:
    """Read labels from a file; a features file that also holds a label column will do.

    Parameters
    ----------
    path : str or Path
        A .csv or .tsv file (UTF-8, with a line of column names), or a Parquet or Arrow file.
    label_column : str, optional
        The column of labels; "label", or the only column left, by default.
    id_column : str
        The column of ids, used where it is there; without it rows are known by their number.
    split_column, group_column, truth_column : str, optional
        Columns that hold the part a row was assigned to, its group, and its noise-free label.

    Returns
    -------
    LabelTable
        In the order of the file.

    Raises
    ------
    FileError
        When the file is missing, of another format, damaged, or not UTF-8.
    DataError
        When a column is not there, ids are duplicated or missing, or no row has a label.
    """
    path = existing_file(path, FORMATS)
    where = str(path)
    table: TextTable | Columnar = Columnar(path) if path.suffix.lower() in COLUMNAR else TextTable(path)
    present: list[str] = list(table.names)
    beside = {"split": split_column, "group": group_column, "truth": truth_column}
    for role, column in beside.items():
        if column is not None and column not in present:
            raise missing_column(path, column, present, role)
    label = _label_column(path, table, label_column, {id_column, *filter(None, beside.values())})
    has_ids = id_column in present
    if not has_ids and id_column != "id":
        raise missing_column(path, id_column, present, "id")
    # Text files have no other way to say that a value is missing; elsewhere "NA" may be a name.
    missing = MISSING if isinstance(table, TextTable) else ("",)

    def names(column: str | None) -> np.ndarray | None:
        return None if column is None else name_values(table.column(column), column, where, missing)

    split, rows = names(split_column), len(table.column(label))
    if rows == 0:
        raise DataError("no rows below the column names", where, "Give at least one labelled row.")
    if has_ids:
        ids = as_ids(table.column(id_column), id_column, where)
        _check_once(ids, split, where)
    else:
        ids = row_numbers(rows)
    named = ids if has_ids else None
    values = label_values(table.column(label), label, where, named, missing)
    if not present_mask(values).any():
        raise DataError(f"all labels are missing in column {label!r}", where, "Give some labels.")
    truth = None
    if truth_column is not None:
        truth = label_values(table.column(truth_column), truth_column, where, named, missing)
    return LabelTable(
        ids=ids,
        values=values,
        split=split,
        groups=names(group_column),
        truth=truth,
        columns=tuple(present),
        has_ids=has_ids,
        source=where,
        answers=(label,) if truth_column is None else (label, truth_column),
    )


def as_labels(values: Any, *, ids: Any = None, where: str = "labels") -> LabelTable:
    """Make labels in memory a label table.

    Parameters
    ----------
    values : array-like
        The m labels: numbers (NaN where missing) or text (None where missing).
    ids : array-like, optional
        Their ids; without them labels are matched to features by row number.
    where : str
        How messages name them.

    Returns
    -------
    LabelTable
        With floats or strings.

    Raises
    ------
    DataError
        When labels are not one-dimensional, missing altogether or infinite, or ids are duplicated.

    Examples
    --------
    >>> as_labels(["cat", None, "dog"]).values.tolist()
    ['cat', None, 'dog']
    """
    named = None if ids is None else np.array([str(item) for item in ids], dtype=object)
    labels = as_values(values, where, named)
    if named is not None and len(named) != len(labels):
        raise DataError(f"{len(named)} ids for {len(labels)} labels", where, "Give one id per label.")
    if not present_mask(labels).any():
        raise DataError("all labels are missing", where, "Give some labels.")
    if named is None:
        return LabelTable(row_numbers(len(labels)), labels, has_ids=False, source=where)
    return LabelTable(check_ids(named, where), labels, source=where)


def as_values(values: Any, where: str = "labels", ids: np.ndarray | None = None) -> np.ndarray:
    """Bring labels to one of two forms: floats where all are numbers, else strings.

    Parameters
    ----------
    values : array-like
        The m labels, in any mixture of numbers, text and None.
    where : str
        How messages name them.
    ids : numpy.ndarray, optional
        Ids of the rows, for messages.

    Returns
    -------
    numpy.ndarray
        Floats with NaN, or an object array of strings with None, where missing.

    Raises
    ------
    DataError
        When labels are not one-dimensional, complex, or infinite.

    Examples
    --------
    >>> as_values(["1", 2, None])
    array([ 1.,  2., nan])
    """
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
        if not all(item is None or is_number(item) for item in texts):
            return texts
        numbers = np.array([np.nan if item is None else float(item) for item in texts], dtype=np.float64)
    infinite = np.flatnonzero(np.isinf(numbers))
    if infinite.size:
        raise DataError(f"infinity in {row_name(ids, int(infinite[0]))}", where, "Correct or remove it.")
    return numbers


def present_mask(values: np.ndarray) -> np.ndarray:
    """Tell which labels are there.

    Parameters
    ----------
    values : numpy.ndarray
        Floats with NaN, or objects with None, where missing.

    Returns
    -------
    numpy.ndarray
        Booleans, as many as labels.

    Examples
    --------
    >>> present_mask(np.array([1.0, np.nan]))
    array([ True, False])
    """
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


def _label_column(path: Path, table: TextTable | Columnar, wanted: str | None, taken: set[str]) -> str:
    present = list(table.names)
    if wanted is not None:
        if wanted not in present:
            raise missing_column(path, wanted, present, "label")
        return wanted
    if "label" in present:
        return "label"
    open_names = [name for name in present if name not in taken and not name.startswith(PANDAS_INDEX)]
    scalar = [name for name in open_names if not table.schema.field(name).type.num_fields]
    if len(scalar) != 1:
        raise DataError(
            "there is no column 'label', and "
            + ("no other column could be it" if not scalar else "several could be it"),
            str(path),
            f"Name it with --label-column. Columns present: {quoted(present, 20)}.",
        )
    return scalar[0]


def label_values(
    column: Any, name: str, where: str, ids: np.ndarray | None, missing: tuple[str, ...]
) -> np.ndarray:
    """Turn a column into floats where every present value is a number, else into strings.

    Parameters
    ----------
    column : pyarrow.ChunkedArray
        The column.
    name, where : str
        Its name and its file, for messages.
    ids : array of shape (m,) or None
        Ids of the rows, for messages.
    missing : tuple of str
        Spellings of a missing value.

    Returns
    -------
    array of shape (m,)
        Floats with NaN, or objects with None, where missing.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    numeric = pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind)
    if numeric or pa.types.is_null(kind):
        values = pc.cast(column, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    elif is_text(kind):
        values = name_values(column, name, where, missing)
    else:
        raise DataError(f"column {name!r} is of type {kind}", where, "Labels are numbers or text.")
    return as_values(values, f"{where}, column {name!r}", ids)


def name_values(column: Any, name: str, where: str, missing: tuple[str, ...]) -> np.ndarray:
    """Turn a column of text or whole numbers into strings, None where missing.

    Parameters
    ----------
    column : pyarrow.ChunkedArray
        The column.
    name, where : str
        Its name and its file, for messages.
    missing : tuple of str
        Spellings of a missing value.

    Returns
    -------
    array of shape (m,)
        Objects.
    """
    import pyarrow as pa

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
