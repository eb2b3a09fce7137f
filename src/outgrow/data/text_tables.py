"""CSV and TSV files, every column as text: "007" stays "007", and an id may well be called "NA".

What is not UTF-8, has no line of column names, or is separated by something else is named as that, since a
file read wrongly would pass for data.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from outgrow.data.files import damaged, quoted, repeated
from outgrow.errors import DataError, FileError


class TextTable:
    """A .csv or .tsv file, read whole.

    Parameters
    ----------
    path : Path
        An existing file.

    Attributes
    ----------
    schema : pyarrow.Schema
        Names and types, all of them strings.
    names : list of str
        Names of the columns.

    Raises
    ------
    FileError
        When the file is not UTF-8, or its rows do not fit its columns.
    DataError
        When its first line holds no column names, two share one, or another separator is used.
    """

    def __init__(self, path: Path) -> None:
        import pyarrow as pa
        import pyarrow.csv as csv

        tab = path.suffix.lower() == ".tsv"
        with path.open("rb") as stream:
            if b"\0" in stream.read(4096):  # UTF-16, as spreadsheets write it, or no text at all
                raise _not_text(path)
        # A block must hold a whole row: 16 MB holds any sane one.
        read = csv.ReadOptions(block_size=1 << 24)
        parse = csv.ParseOptions(delimiter="\t" if tab else ",", newlines_in_values=True)
        try:
            with path.open("rb") as stream:
                self.names: list[str] = list(csv.open_csv(stream, read, parse).schema.names)
            # In a single column an empty line is a missing value: leaving it out would shift all that follow.
            parse.ignore_empty_lines = len(self.names) > 1
            convert = csv.ConvertOptions(
                column_types={name: pa.string() for name in self.names}, strings_can_be_null=False
            )
            self._table = csv.read_csv(path, read, parse, convert)
        except Exception as error:  # pyarrow raises ArrowInvalid, UnicodeDecodeError and others
            if isinstance(error, UnicodeDecodeError) or "utf8" in str(error).lower().replace("-", ""):
                raise _not_text(path) from error
            raise damaged(path, "a TSV file" if tab else "a CSV file", error) from error
        self.schema = self._table.schema
        self._check_names(str(path))

    def _check_names(self, where: str) -> None:
        if len(set(self.names)) < len(self.names):
            twice = repeated(np.array(self.names, dtype=object))
            raise DataError(f"several columns are called {quoted(twice)}", where, "Rename them.")
        if all(is_number(name) for name in self.names):
            raise DataError(
                f"the first line holds numbers ({quoted(self.names)}), not column names",
                where,
                "Write the names of the columns, such as id,label, in the first line.",
            )
        for mark, spoken in ((";", "semicolons"), ("\t", "tabs"), (",", "commas")):
            if len(self.names) == 1 and mark in self.names[0]:
                raise DataError(
                    f"columns seem to be separated by {spoken}",
                    where,
                    "Use commas in .csv and tabs in .tsv files.",
                )

    def column(self, name: str) -> Any:
        """Give one column.

        Parameters
        ----------
        name : str
            Its name.

        Returns
        -------
        pyarrow.ChunkedArray
            Of strings; empty ones where the file has nothing.
        """
        return self._table.column(name)


def _not_text(path: Path) -> FileError:
    return FileError("is not UTF-8 text", str(path), "Save it as UTF-8.")


def is_number(text: str) -> bool:
    """Tell whether text reads as a number.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    bool
        True for what `float` takes, except digits grouped by underscores.
    """
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text
