"""CSV and TSV files, every column as text: "007" stays "007", and an id may well be called "NA".

What is not UTF-8, has no line of column names, or is separated by something else is named as that, since a
file read wrongly would pass for data. How numbers are written and columns separated is the user's to say
(`TextStyle`), never guessed.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as arrow_csv

from outgrow.data.files import content_of, damaged, ending_of, quoted
from outgrow.data.tables import MemoryTable
from outgrow.errors import ConfigError, DataError, FileError

ENDINGS = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
"""Endings of files of text in columns."""

SEPARATORS = {";": "semicolons", "\t": "tabs", ",": "commas", "|": "bars"}
"""What columns are separated by, and how that is called."""


@dataclass(frozen=True)
class TextStyle:
    """How text files separate columns and write numbers."""

    delimiter: str | None = None
    """Between columns; a comma in .csv and a tab in .tsv by default."""
    decimal: str = "."
    """Before the decimals of a number."""
    thousands: str | None = None
    """Between groups of three digits."""

    def __post_init__(self) -> None:
        between = self.delimiter
        if between is not None and (len(between) != 1 or not between.isascii() or between in '"\r\n\0'):
            remedy = "Give one character of ASCII, or tab."
            raise ConfigError(f"{between!r} cannot separate columns", "--delimiter", remedy)
        for option, mark in (("--decimal", self.decimal), ("--thousands", self.thousands)):
            if mark is not None and (len(mark) != 1 or mark.isalnum() or mark in "+-"):
                raise ConfigError(f"{mark!r} is no mark within a number", option, "Give one character.")
        if self.decimal == self.thousands:
            raise ConfigError("is the same as --decimal", "--thousands", "Give two different marks.")

    @property
    def marked(self) -> bool:
        """Whether numbers are written otherwise than 1234.5."""
        return self.decimal != "." or self.thousands is not None

    def number(self, text: str) -> float | None:
        """Read a number, or None where the text is none."""
        if not self.marked:
            return _plain_number(text)
        point = re.escape(self.decimal)
        whole = r"\d+"
        if self.thousands is not None:
            # A space between digits is often one that does not break.
            mark = r"[ \u00a0\u202f]" if self.thousands.isspace() else re.escape(self.thousands)
            text, whole = text.strip(), rf"(?:[1-9]\d{{0,2}}(?:{mark}\d{{3}})+|\d+)"
        if (
            re.fullmatch(rf"[+\u2212-]?(?:{whole}(?:{point}\d*)?|{point}\d+)(?:[eE][+-]?\d+)?", text.strip())
            is None
        ):
            # NaN and infinity are written alike everywhere.
            return _plain_number(text) if not re.search(r"\d", text) else None
        if self.thousands is not None:
            text = re.sub(mark, "", text)
        return float(text.replace("\u2212", "-").replace(self.decimal, "."))


PLAIN = TextStyle()
"""1234.5, separated as the file's ending says."""


def _plain_number(text: str) -> float | None:
    # float() takes digits grouped by underscores, which no file of data means as a number, and no minus sign.
    try:
        return float(text.replace("\u2212", "-")) if "_" not in text else None
    except ValueError:
        return None


def is_number(text: str) -> bool:
    """Tell whether text reads as a number to anybody."""
    return _plain_number(text) is not None


class TextTable(MemoryTable):
    """A .csv or .tsv file, read whole; a `FileError` where rows do not fit the columns.

    Rows of which a cell is not UTF-8 are listed in `undecoded`, and that cell is empty.
    """

    def __init__(self, path: Path, style: TextStyle = PLAIN) -> None:
        content = content_of(path)
        if b"\0" in content[:4096]:  # UTF-16, as spreadsheets write it, or no text at all
            raise not_text(path)
        self._tab = ending_of(path).startswith(".tsv")
        mark = style.delimiter or ("\t" if self._tab else ",")
        content = content[comment_length(content, mark) :]
        # A block must hold a whole row: 16 MB holds any sane one.
        read = arrow_csv.ReadOptions(block_size=1 << 24)
        parse = arrow_csv.ParseOptions(delimiter=mark, newlines_in_values=True)
        # Looked at by itself: rows of another separator or with decimal commas would not fit these names.
        first = re.split(rb"[\r\n]", content, maxsplit=1)[0].decode("utf-8-sig", "replace")
        try:
            names = [name for cells in csv.reader([first], delimiter=mark) for name in cells]
        except csv.Error as error:
            raise self._unreadable(path, error) from error
        check_names(names, mark, str(path))
        # In a single column an empty line is a missing value: leaving it out would shift all that follow.
        parse.ignore_empty_lines = len(names) > 1
        try:
            names = list(arrow_csv.open_csv(pa.py_buffer(content), read, parse).schema.names)
            convert = arrow_csv.ConvertOptions(
                column_types={name: pa.binary() for name in names}, strings_can_be_null=False
            )
            table = arrow_csv.read_csv(pa.py_buffer(content), read, parse, convert)
        except UnicodeDecodeError as error:
            raise not_text(path) from error
        except Exception as error:
            raise self._unreadable(path, error) from error
        undecoded: dict[int, str] = {}
        columns = []
        for column in table.columns:
            try:
                columns.append(column.cast(pa.string()))
            except pa.ArrowInvalid:
                texts, bad = decoded(column)
                undecoded |= bad
                columns.append(pa.array([text or "" for text in texts], pa.string()))
        if undecoded and b"\0" in content:  # another encoding altogether
            raise not_text(path)
        super().__init__(pa.Table.from_arrays(columns, names), str(path), "text")
        self.undecoded = undecoded

    def _unreadable(self, path: Path, error: Exception) -> FileError:
        damage = damaged(path, "a TSV file" if self._tab else "a CSV file", error)
        if re.search(r"Expected \d+ columns, got", str(error)):
            quote = "Quote values that hold the separator, say what separates columns (--delimiter)"
            return FileError(damage.what, damage.where, f"{quote}, or write it again.")
        return damage


def decoded(column: Any) -> tuple[list[str | None], dict[int, str]]:
    """Decode a column cell by cell, None where missing; and say which rows are not UTF-8."""
    texts: list[str | None] = []
    bad = {}
    for row, cell in enumerate(column.cast(pa.large_binary()).to_pylist()):
        try:
            texts.append(None if cell is None else cell.decode())
        except UnicodeDecodeError:
            texts.append(None)
            bad[row] = NOT_TEXT
    return texts, bad


def comment_length(content: bytes, mark: str) -> int:
    """Count the bytes before the column names: empty lines, and "#" with fewer columns than what follows.

    A line such as "#id,label" is one of column names, as some tools write it.
    """
    separator, start = mark.encode(), 0
    if content.startswith(b"\xef\xbb\xbf#"):
        start = 3
    while content[start : start + 1] in (b"#", b"\n", b"\r"):
        if content[start : start + 1] != b"#":
            start += 1
            continue
        end = content.find(b"\n", start) + 1
        line = content[start:end]
        after = content[end : content.find(b"\n", end)] if content.find(b"\n", end) > 0 else content[end:]
        spoken = line[1:2] in b" \t#!\r\n" or b" " in line.strip()
        if not end or not (line.count(separator) < after.count(separator) or spoken):
            break
        start = end
    return start


FEWEST_COUNTED = 5
"""Columns from which on a first line of rising numbers is one of names: a row of fewer may rise by chance."""


def check_names(names: Sequence[str], mark: str, where: str) -> None:
    """Refuse a first line that holds no column names, or several in one."""
    if names[:1] and names[0].lower().startswith("sep=") and not any(names[1:]):
        raise DataError(
            f"the first line ({mark.join(names).strip()}) tells a spreadsheet what separates columns",
            where,
            "Remove that line; where it is not the comma, say so with --delimiter.",
        )
    numbers = [float(name) for name in names if is_number(name) and re.search(r"\d", name)]
    # Names that are numbers count columns (pandas writes 0, 1, 2, ...) or are wavelengths, and rise; of few
    # that do, and of a lone one with decimals, the line is rather a row that would be lost.
    rising = numbers == sorted(set(numbers)) and (len(numbers) > 1 or all(item % 1 == 0 for item in numbers))
    if numbers and not (rising and (len(numbers) < len(names) or len(names) >= FEWEST_COUNTED)):
        raise DataError(
            f"the first line holds numbers ({quoted(names)}), not column names",
            where,
            "Write the names of the columns, such as id,label, in the first line.",
        )
    for other, spoken in SEPARATORS.items():
        if len(names) == 1 and other != mark and other in names[0]:
            raise DataError(
                f"columns seem to be separated by {spoken}",
                where,
                f"Say so: --delimiter {'tab' if other == chr(9) else repr(other)}"
                + (" (and --decimal ',' where numbers have commas)." if other == ";" else "."),
            )


NOT_TEXT = "is not UTF-8 text"


def not_text(path: Path) -> FileError:
    """Say that a file is written in another encoding."""
    return FileError(NOT_TEXT, str(path), "Save it as UTF-8.")
