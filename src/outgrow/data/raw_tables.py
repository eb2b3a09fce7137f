"""Any table of raw rows behind one face: names of columns, and columns by name.

CSV, TSV, Parquet, Arrow, JSON lines and saved datasets are told apart here and nowhere else. What stands
beside texts and paths of pictures (ids, labels, groups, splits) is read in one way from all of them.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from outgrow.data import json_lines
from outgrow.data.dataset_folder import is_dataset, load_from_hub, read_dataset
from outgrow.data.files import check_ids, damaged, existing_file, missing_column, quoted
from outgrow.data.json_lines import JsonLines
from outgrow.data.labels import MISSING, label_values, name_values
from outgrow.data.tables import COLUMNAR, Columnar, as_ids, is_text
from outgrow.data.text_tables import TextTable
from outgrow.errors import DataError, FileError

FORMATS = (".csv", ".tsv", *COLUMNAR, *json_lines.ENDINGS)
"""Endings of the tables raw rows are read from."""


class Table(Protocol):
    """What raw rows are read from."""

    names: list[str]

    def column(self, name: str) -> Any:
        """Give one column.

        Parameters
        ----------
        name : str
            Its name.

        Returns
        -------
        pyarrow.ChunkedArray
            The column.
        """
        ...


class UndecodedTable(TextTable):
    """A .csv or .tsv file that is not UTF-8 in some of its cells, which are kept aside.

    Parameters
    ----------
    path : Path
        An existing file.

    Attributes
    ----------
    names : list of str
        Names of the columns.
    undecoded : dict of int to str
        Rows that are not UTF-8, and why.

    Raises
    ------
    FileError
        When rows do not fit the columns.
    """

    def __init__(self, path: Path) -> None:
        self.undecoded: dict[int, str] = {}
        self._rows: list[list[str]] = []
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
            reader = csv.reader(stream, delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
            try:
                self.names = next(reader, [])
                for cells in reader:
                    if cells:
                        self._add(cells, f"{path}, line {reader.line_num}")
            except csv.Error as error:
                raise damaged(path, "a table", error) from error
        if not _decodes("".join(self.names)):
            raise FileError("the names of its columns are not UTF-8 text", str(path), "Save it as UTF-8.")
        self._check_names(str(path))

    def _add(self, cells: list[str], where: str) -> None:
        if len(cells) != len(self.names):
            raise FileError(
                f"{len(cells)} values for {len(self.names)} columns", where, "Write or download it again."
            )
        if not _decodes("".join(cells)):
            self.undecoded[len(self._rows)] = "is not UTF-8 text"
            cells = [cell if _decodes(cell) else "" for cell in cells]
        self._rows.append(cells)

    def column(self, name: str) -> Any:
        """Give one column.

        Parameters
        ----------
        name : str
            Its name.

        Returns
        -------
        pyarrow.ChunkedArray
            Of strings; empty where the cell is not UTF-8.
        """
        import pyarrow as pa

        place = self.names.index(name)
        return pa.chunked_array([pa.array([row[place] for row in self._rows], type=pa.string())])


def _decodes(text: str) -> bool:
    # Bytes that are not UTF-8 were read as lone surrogates, which no UTF-8 text holds.
    return text.isascii() or not any("\udc80" <= letter <= "\udcff" for letter in text)


def open_table(source: str | Path) -> Table:
    """Open a table of raw rows.

    Parameters
    ----------
    source : str or Path
        A file whose ending is in `FORMATS`, a folder saved by `datasets`, or, where nothing of that name is
        on disk and it looks like one, the name of a dataset on the hub.

    Returns
    -------
    Table
        Read whole, or ready to be.

    Raises
    ------
    FileError
        When the file is missing, damaged or of another format.
    ConfigError
        When it could only be on the hub, and `datasets` is not installed.
    """
    path = Path(source)
    if is_dataset(path):
        return read_dataset(path)
    if path.is_dir():
        raise FileError(
            "is a folder, but not one saved by datasets",
            str(path),
            "Name one file in it, or a folder made by save_to_disk.",
        )
    if not path.exists() and _may_be_on_hub(str(source)):
        return load_from_hub(str(source))
    path = existing_file(path, FORMATS)
    ending = path.suffix.lower()
    if ending in COLUMNAR:
        return Columnar(path)
    if ending in json_lines.ENDINGS:
        return JsonLines(path)
    try:
        return TextTable(path)
    except FileError as error:
        # A file of another encoding altogether has null characters; one of few bad cells has none.
        if "UTF-8" not in error.what or b"\0" in path.read_bytes():
            raise
        return UndecodedTable(path)


def _may_be_on_hub(name: str) -> bool:
    # "owner/name" or "name:configuration", and nothing that looks like a path or a file.
    base = name.partition(":")[0]
    plain = all(letter.isalnum() or letter in "-_./" for letter in base) and bool(base)
    looks_like_path = (
        base.startswith((".", "/", "~")) or base.count("/") > 1 or Path(base).suffix.lower() in FORMATS
    )
    here = "/" in base and Path(base).parent.is_dir()
    return plain and not looks_like_path and not here and ("/" in base or ":" in name)


@dataclass(frozen=True, eq=False)
class Beside:
    """What stands beside the rows of a table.

    Parameters
    ----------
    ids : numpy.ndarray or None
        Object array of n strings, where the table has ids.
    labels : numpy.ndarray or None
        Floats with NaN, or objects with None, where missing.
    groups, split : numpy.ndarray or None
        Object arrays, None where missing.
    """

    ids: np.ndarray | None
    labels: np.ndarray | None
    groups: np.ndarray | None
    split: np.ndarray | None


def read_beside(
    table: Table,
    where: str,
    *,
    id_column: str = "id",
    label_column: str | None = None,
    group_column: str | None = None,
    split_column: str | None = None,
    leave_out: Mapping[int, str] | None = None,
) -> Beside:
    """Read ids, labels, groups and splits.

    Parameters
    ----------
    table : Table
        As opened.
    where : str
        How messages name it.
    id_column : str
        Used where it is there; without it rows have no ids yet.
    label_column : str, optional
        "label", where it is there, by default.
    group_column, split_column : str, optional
        Columns that hold groups and parts; the parts of a saved dataset are its split by default.
    leave_out : mapping of int to str, optional
        Rows that will be left out, whose ids may be missing.

    Returns
    -------
    Beside
        In the order of the table.

    Raises
    ------
    DataError
        When a column named is not there, or ids are missing or duplicated.
    """
    named = {"label": label_column, "group": group_column, "split": split_column}
    if id_column != "id":
        named["id"] = id_column
    for role, column in named.items():
        if column is not None and column not in table.names:
            raise missing_column(Path(where), column, table.names, role)
    ids = None
    if id_column in table.names:
        column = table.column(id_column)
        if leave_out:
            column = _filled(column, leave_out)
        ids = check_ids(as_ids(column, id_column, where), where)
    missing = MISSING if isinstance(table, TextTable) else ("",)
    label = label_column or ("label" if "label" in table.names else None)
    labels = None
    if label is not None:
        column = table.column(label)
        # A column that merely happens to be called so is no reason to refuse the rows.
        if label_column is not None or not column.type.num_fields:
            labels = label_values(column, label, where, ids, missing)

    def names(column: str | None) -> np.ndarray | None:
        return None if column is None else name_values(table.column(column), column, where, missing)

    split = names(split_column)
    if split_column is None:
        split = getattr(table, "split", None)
    return Beside(ids, labels, names(group_column), split)


def _filled(column: Any, rows: Mapping[int, str]) -> Any:
    """Give rows that will be left out an id for the time being: their number."""
    import pyarrow as pa

    values = column.cast(pa.large_string()).to_pylist()
    for row in rows:
        if not values[row]:
            values[row] = f"row {row}"
    return pa.chunked_array([pa.array(values, type=pa.large_string())])


def text_column(
    table: Table, name: str, where: str, role: str = "text"
) -> tuple[list[str | None], dict[int, str]]:
    """Read one column of text.

    Parameters
    ----------
    table : Table
        As opened.
    name : str
        A column of it.
    where : str
        How messages name the table.
    role : str
        What the column holds, for messages.

    Returns
    -------
    texts : list of str or None
        One per row, None where the row has none that can be read.
    bad : dict of int to str
        Rows without text, and why.

    Raises
    ------
    DataError
        When the column does not hold text.
    """
    import pyarrow as pa

    column = table.column(name)
    kind = column.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
        column = column.cast(kind)
    texts: list[str | None] = []
    bad: dict[int, str] = dict(getattr(table, "undecoded", {}))
    if pa.types.is_null(kind):
        texts = [None] * len(column)
    elif is_text(kind):
        # Decoded one by one: Parquet promises UTF-8 and nobody checks it, and a bad row must be named.
        for chunk in column.chunks:
            for row, content in enumerate(chunk.cast(pa.large_binary()).to_pylist(), len(texts)):
                try:
                    texts.append(None if content is None else content.decode("utf-8"))
                except UnicodeDecodeError:
                    texts.append(None)
                    bad[row] = "is not UTF-8 text"
    else:
        raise DataError(
            f"column {name!r} is of type {column.type}", where, f"The {role} column must hold text."
        )
    for row, text in enumerate(texts):
        if row not in bad and (text is None or not text.strip()):
            bad[row] = f"has no {role} in column {name!r}"
    return texts, bad


def only_text_column(
    table: Table, where: str, taken: Sequence[str | None], preferred: Sequence[str], role: str
) -> str:
    """Find the column meant where none is named.

    Parameters
    ----------
    table : Table
        As opened.
    where : str
        How messages name it.
    taken : sequence of str or None
        Columns that hold something else.
    preferred : sequence of str
        Names by which it is usually known, best first.
    role : str
        "text" or "image".

    Returns
    -------
    str
        A preferred name, or the only column of text besides those taken.

    Raises
    ------
    DataError
        When none or several could be meant; the columns present are listed.
    """
    for name in preferred:
        if name in table.names and name not in taken:
            return name
    found = [name for name in table.names if name not in taken and is_text(table.column(name).type)]
    if len(found) == 1:
        return found[0]
    raise DataError(
        f"there is no column {preferred[0]!r}, and "
        + ("no other column could be it" if not found else "several could be it"),
        where,
        f"Name it with --{role}-column. Columns present: {quoted(table.names, 20)}.",
    )
