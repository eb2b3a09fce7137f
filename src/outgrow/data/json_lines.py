"""JSON lines (.jsonl, .ndjson): one object per line, every value as it was written.

Lines are read one by one, so that a bad one is named by its number; a value is never taken for a date or a
number that it was not. Text that is not UTF-8 is kept aside under its row, for whoever may leave rows out.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from outgrow.data.files import quoted
from outgrow.errors import DataError, FileError

ENDINGS = (".jsonl", ".ndjson")
"""Endings of files of JSON lines."""


class JsonLines:
    """A file of JSON lines, read whole.

    Parameters
    ----------
    path : Path
        An existing file; empty lines are passed over.

    Attributes
    ----------
    names : list of str
        Every key that a line has, in order of appearance.
    undecoded : dict of int to str
        Rows that are not UTF-8, and why; all their values read as missing.

    Raises
    ------
    FileError
        When a line is not JSON.
    DataError
        When a line holds something else than an object, or a key twice.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.undecoded: dict[int, str] = {}
        self._rows: list[dict[str, Any]] = []
        with path.open("rb") as stream:
            for number, line in enumerate(stream, 1):
                body = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
                if body.strip():
                    self._rows.append(self._row(body, number))
        self.names: list[str] = list(dict.fromkeys(name for row in self._rows for name in row))

    def _row(self, line: bytes, number: int) -> dict[str, Any]:
        where = f"{self.path}, line {number}"
        try:
            row = json.loads(line.decode("utf-8"), object_pairs_hook=lambda pairs: _unique(pairs, where))
        except UnicodeDecodeError:
            self.undecoded[len(self._rows)] = "is not UTF-8 text"
            return {}
        except (json.JSONDecodeError, RecursionError) as error:
            raise FileError(
                "is not JSON, or was cut short",
                where,
                'Write one JSON object per line, such as {"text": ...}.',
            ) from error
        if not isinstance(row, dict):
            raise DataError("is not a JSON object", where, "Write one JSON object per line.")
        return row

    def column(self, name: str) -> Any:
        """Give one column.

        Parameters
        ----------
        name : str
            A key.

        Returns
        -------
        pyarrow.ChunkedArray
            Null where a line does not have the key; text where lines differ in kind.

        Raises
        ------
        DataError
            When values are lists or objects in some lines and not in others.
        """
        import pyarrow as pa

        values = [row.get(name) for row in self._rows]
        try:
            return pa.chunked_array([pa.array(values)])
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, UnicodeEncodeError) as error:
            if any(isinstance(value, (list, dict)) for value in values):
                raise DataError(
                    f"column {name!r} holds lists or objects in some lines", str(self.path), "Write one kind."
                ) from error
        # Numbers beside text: written out, as a CSV file would have them.
        texts = [value if value is None or isinstance(value, str) else json.dumps(value) for value in values]
        lone = next(
            (row for row, text in enumerate(texts) if text is not None and not _is_unicode(text)), None
        )
        if lone is not None:
            raise DataError(
                f"row {lone} holds half of a surrogate pair in {name!r}", str(self.path), "Correct it."
            )
        return pa.chunked_array([pa.array(texts, type=pa.large_string())])


def _unique(pairs: list[tuple[str, Any]], where: str) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        names = [name for name, _ in pairs]
        twice = [name for name in row if names.count(name) > 1]
        raise DataError(f"several values are called {quoted(twice)}", where, "Rename them.")
    return row


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
