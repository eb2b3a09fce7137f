"""One door for tables: files, folders of parts, saved datasets and names on the hub are told apart here."""

from __future__ import annotations

from pathlib import Path

from outgrow.data import json_lines, text_tables
from outgrow.data.dataset_folder import is_dataset, load_from_hub, read_dataset
from outgrow.data.files import ending_of, existing_file
from outgrow.data.json_lines import read_json_lines
from outgrow.data.table_parts import Parts, is_hidden, part_files
from outgrow.data.tables import COLUMNAR, Columnar, Table
from outgrow.data.text_tables import PLAIN, TextStyle, TextTable, not_text
from outgrow.errors import FileError

FORMATS = (*text_tables.ENDINGS, *COLUMNAR, *json_lines.ENDINGS)
"""Endings of the tables that can be read."""


def is_table_folder(path: Path) -> bool:
    """Tell whether a folder holds one table and nothing else: a saved dataset, or files of parts.

    A folder of pictures may well have a table of them beside it.
    """
    if is_dataset(path) or not path.is_dir():
        return is_dataset(path)
    inside = (file for file in path.rglob("*") if file.is_file() and not is_hidden(file.relative_to(path)))
    return all(ending_of(file) in FORMATS for file in inside) and bool(part_files(path, FORMATS))


def open_table(source: str | Path, style: TextStyle = PLAIN, *, keep_undecoded: bool = False) -> Table:
    """Open a table.

    A file whose ending is in `FORMATS`, a folder saved by `datasets` or of such files, or, where nothing of
    that name is on disk and it looks like one, the name of a dataset on the hub. With `keep_undecoded`, rows
    of text that are not UTF-8 are kept aside instead of refused.
    """
    path = Path(source)
    if is_dataset(path):
        return read_dataset(path)
    if path.is_dir():
        # Beside rows of another kind, .json says what they are.
        whole = json_lines.WHOLE
        files = part_files(path, [end for end in FORMATS if end not in whole]) or part_files(path, whole)
        if not files:
            raise FileError(
                "is a folder that holds no table",
                str(path),
                "Name one file in it, or a folder of Parquet files.",
            )
        return Parts(path, files, lambda part: _open_file(part, style, keep_undecoded))
    if not path.exists() and _may_be_on_hub(str(source)):
        return load_from_hub(str(source))
    return _open_file(path, style, keep_undecoded)


def _open_file(path: Path, style: TextStyle, keep_undecoded: bool) -> Table:
    ending = ending_of(existing_file(path, FORMATS))
    if ending in COLUMNAR:
        return Columnar(path)
    table = read_json_lines(path) if ending in json_lines.ENDINGS else TextTable(path, style)
    if table.undecoded and not keep_undecoded:
        raise not_text(path)
    return table


def _may_be_on_hub(name: str) -> bool:
    # "owner/name" or "name:configuration", and nothing that looks like a path or a file.
    base = name.partition(":")[0]
    plain = all(letter.isalnum() or letter in "-_./" for letter in base) and bool(base)
    looks_like_path = (
        base.startswith((".", "/", "~")) or base.count("/") > 1 or Path(base).suffix.lower() in FORMATS
    )
    here = "/" in base and Path(base).parent.is_dir()
    return plain and not looks_like_path and not here and ("/" in base or ":" in name)
