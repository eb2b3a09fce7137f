"""JSON lines (.jsonl, .ndjson), and JSON (.json): a list of objects, or columns as pandas writes them.

Lines are read one by one, so that a bad one is named by its number; a value is never taken for a date or a
number that it was not. Text that is not UTF-8 is kept aside under its row, for whoever may leave rows out.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from outgrow.data.files import content_of, ending_of, is_unicode, quoted
from outgrow.data.tables import MemoryTable
from outgrow.errors import DataError, FileError

WHOLE = (".json", ".json.gz")
"""Endings of files that hold one JSON value, or JSON lines: some tools call them so."""

ENDINGS = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz", *WHOLE)
"""Endings of files of JSON."""


def read_json_lines(path: Path) -> MemoryTable:
    """Read a file of JSON lines; empty lines are passed over.

    A column is null where a line does not have its key, and text where lines differ in kind.
    """
    content = content_of(path)
    undecoded: dict[int, str] = {}
    records = _records(content, str(path)) if ending_of(path) in WHOLE else None
    rows: list[dict[str, Any]] = records or []
    for number, line in enumerate(content.split(b"\n") if records is None else (), 1):
        body = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
        if not body.strip():
            continue
        try:
            rows.append(_row(body.decode("utf-8"), f"{path}, line {number}"))
        except UnicodeDecodeError:
            undecoded[len(rows)] = "is not UTF-8 text"
            rows.append({})
    names = list(dict.fromkeys(name for row in rows for name in row))
    arrays = [_column([row.get(name) for row in rows], name, str(path)) for name in names]
    table = MemoryTable(pa.Table.from_arrays(arrays, names), str(path), "JSON lines")
    table.rows, table.undecoded = len(rows), undecoded
    return table


def _records(content: bytes, where: str) -> list[dict[str, Any]] | None:
    """Give the rows of one JSON value; None where others follow it, as in JSON lines."""
    try:
        held = json.loads(content, object_pairs_hook=lambda pairs: _unique(pairs, where))
    except json.JSONDecodeError as error:
        if error.msg.startswith("Extra data"):
            return None
        raise _no_json(where) from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise _no_json(where) from error
    if isinstance(held, dict):
        # Keys that count are pandas' row numbers; of others, rows and columns cannot be told apart.
        columns = [
            list(c.values()) if isinstance(c, dict) and list(c) == list(map(str, range(len(c)))) else c
            for c in held.values()
        ]
        if columns and all(isinstance(c, list) and len(c) == len(columns[0]) for c in columns):
            return [dict(zip(held, row, strict=True)) for row in zip(*columns, strict=True)]
    elif isinstance(held, list) and all(isinstance(row, dict) for row in held):
        return held
    raise DataError(
        "holds neither a list of objects nor columns of one length",
        where,
        "Write records: [{...}, {...}], as pandas does with to_json(orient='records').",
    )


def _no_json(where: str) -> FileError:
    return FileError(
        "is not JSON, or was cut short", where, 'Write one JSON object per line, such as {"text": ...}.'
    )


def _row(line: str, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line, object_pairs_hook=lambda pairs: _unique(pairs, where))
    except (json.JSONDecodeError, RecursionError) as error:
        raise _no_json(where) from error
    if not isinstance(row, dict):
        raise DataError("is not a JSON object", where, "Write one JSON object per line.")
    return row


def _column(values: list[Any], name: str, where: str) -> Any:
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, UnicodeEncodeError) as error:
        if any(isinstance(value, (list, dict)) for value in values):
            raise DataError(
                f"column {name!r} holds lists or objects in some lines", where, "Write one kind."
            ) from error
    # Numbers beside text: written out, as a CSV file would have them.
    texts = [value if value is None or isinstance(value, str) else json.dumps(value) for value in values]
    lone = next((row for row, text in enumerate(texts) if text is not None and not is_unicode(text)), None)
    if lone is not None:
        raise DataError(f"row {lone} holds half of a surrogate pair in {name!r}", where, "Correct it.")
    return pa.array(texts, type=pa.large_string())


def _unique(pairs: list[tuple[str, Any]], where: str) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        names = [name for name, _ in pairs]
        twice = [name for name in row if names.count(name) > 1]
        raise DataError(f"several values are called {quoted(twice)}", where, "Rename them.")
    return row
