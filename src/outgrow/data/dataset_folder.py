"""Hugging Face `datasets`: a folder saved by `save_to_disk`, read without that library, or a name on the hub.

A folder holds Arrow streams listed in state.json; a folder of several such folders is one dataset in parts,
and its parts become the split. Classes are read by their names, and -1, which stands for "not known" there,
as missing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from outgrow.data.files import quoted
from outgrow.data.tables import Columnar, MemoryTable
from outgrow.errors import ConfigError, DataError, FileError, read_back

STATE, INFO, PARTS = "state.json", "dataset_info.json", "dataset_dict.json"
"""Files that `save_to_disk` writes: what holds the rows, what they are, and the parts of a dataset."""


def _table_of(parts: Mapping[str, pa.Table], classes: Mapping[str, Sequence[str]], where: str) -> MemoryTable:
    """Put parts one below the other, with classes by their names."""
    first = next(iter(parts.values())).column_names
    for name, part in parts.items():
        if set(part.column_names) != set(first):
            raise DataError(
                f"part {name!r} has the columns {quoted(part.column_names, 20)}, the first one"
                f" {quoted(first, 20)}",
                where,
                "Name one part of it.",
            )
    try:
        whole = pa.concat_tables(
            [part.select(first) for part in parts.values()], promote_options="permissive"
        )
    except pa.ArrowException as error:
        raise DataError("its parts hold columns of different types", where, "Name one part of it.") from error
    for name, spoken in classes.items():
        if name in first and pa.types.is_integer(whole.field(name).type):
            whole = whole.set_column(first.index(name), name, [_named(whole.column(name), spoken)])
    table = MemoryTable(whole, where, "Arrow")
    if set(parts) != {""}:
        table.split = np.repeat(np.array(list(parts), dtype=object), [len(part) for part in parts.values()])
    return table


def _named(codes: Any, classes: Sequence[str]) -> Any:
    names = dict(enumerate(classes))
    return pa.array([names.get(code) for code in codes.to_pylist()], type=pa.string())


def is_dataset(folder: Path) -> bool:
    """Tell whether a folder was saved by `save_to_disk`."""
    return (folder / STATE).is_file() or (folder / PARTS).is_file()


def read_dataset(folder: Path) -> MemoryTable:
    """Read a folder saved by `save_to_disk`."""
    if not (folder / PARTS).is_file():
        table, classes = _read_part(folder)
        return _table_of({"": table}, classes, str(folder))
    names = _json(folder / PARTS).get("splits")
    if not isinstance(names, list) or not names or not all(_is_plain(name) for name in names):
        raise FileError("names no parts", str(folder / PARTS), "Save the dataset again.")
    read = {name: _read_part(folder / name) for name in names}
    return _table_of({name: table for name, (table, _) in read.items()}, read[names[0]][1], str(folder))


def _read_part(folder: Path) -> tuple[Any, dict[str, list[str]]]:
    state = _json(folder / STATE)
    if any(state.get(key) for key in ("_indices_files", "_indices_data_files")):
        raise FileError(
            "its rows were chosen or shuffled without being written so",
            str(folder),
            "Call flatten_indices() before save_to_disk().",
        )
    with read_back(folder / STATE, "Save the dataset again."):
        files = [entry["filename"] for entry in state["_data_files"]]
    if not files or not all(_is_plain(name) for name in files):
        raise FileError("names no files of rows", str(folder / STATE), "Save the dataset again.")
    tables = []
    for name in files:
        path = folder / str(name)
        if not path.is_file():
            raise FileError("the file is missing", str(path), "Save or copy the dataset again.")
        tables.append(Columnar(path).whole())
    try:
        table = pa.concat_tables(tables)
    except pa.ArrowInvalid as error:
        raise FileError(
            "its files differ in their columns", str(folder), "Save the dataset again."
        ) from error
    return table, _classes(_json(folder / INFO).get("features")) if (folder / INFO).is_file() else {}


def _json(path: Path) -> dict[str, Any]:
    with read_back(path, "Save or copy the dataset again."):
        return dict(json.loads(path.read_text(encoding="utf-8")))


def _is_plain(name: object) -> bool:
    # The lists come from the folder itself: nothing outside of it is opened on its word.
    return isinstance(name, str) and name not in ("", ".", "..") and Path(name).name == name


def _classes(features: object) -> dict[str, list[str]]:
    classes = {}
    for name, kind in features.items() if isinstance(features, dict) else ():
        if (
            isinstance(kind, dict)
            and kind.get("_type") == "ClassLabel"
            and isinstance(kind.get("names"), list)
        ):
            classes[str(name)] = [str(item) for item in kind["names"]]
    return classes


def load_from_hub(name: str) -> MemoryTable:
    """Load a dataset by its name on the hub."""
    try:
        import datasets
    except ImportError as error:
        raise ConfigError(
            "is neither a file or folder here, nor can hub names be read: datasets is not installed",
            name,
            "Check the path, or install it: pip install 'outgrow[hub]'.",
        ) from error
    hub_name, _, configuration = name.partition(":")
    try:
        loaded = datasets.load_dataset(hub_name, configuration or None)
    except Exception as error:  # the library raises what the network and the dataset's owner make of it
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise DataError(
            f"cannot be loaded from the hub ({first[:160]})", name, "Check the name, or the network."
        ) from error
    parts = {str(part): rows.with_format("arrow")[:] for part, rows in loaded.items()}
    kinds = next(iter(loaded.values())).features
    classes = {
        column: list(kind.names) for column, kind in kinds.items() if type(kind).__name__ == "ClassLabel"
    }
    return _table_of(parts, classes, name)
