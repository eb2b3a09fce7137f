"""One table in several files of a folder, and which files of a folder are parts of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa

from outgrow.data.files import quoted
from outgrow.data.tables import Table
from outgrow.errors import DataError


class Parts(Table):
    """A folder of files with the same columns, as Spark, DuckDB and pyarrow write one table.

    Files are read in the order of the numbers in their names; what begins with "_" or "." is none of them.
    A folder called "key=value" gives its rows a column "key".
    """

    def __init__(self, folder: Path, files: Sequence[Path], opened: Callable[[Path], Table]) -> None:
        self._opened, self._files = opened, list(files)
        self._constants = [_partition(file.relative_to(folder)) for file in files]
        whole: Any = None
        rows = 0
        for file, constants in zip(files, self._constants, strict=True):
            part = opened(file)  # not kept: thousands of parts would be thousands of open files
            rows += part.rows
            schema = part.schema
            for key in constants:
                schema = schema.append(pa.field(key, pa.string()))
            if whole is None:
                whole, kind = schema, part.kind
                continue
            # A line of JSON leaves out what is missing, and numbers there may all be whole in one file.
            odd = [] if part.kind == "JSON lines" else sorted(set(whole.names) ^ set(schema.names))
            try:
                whole = pa.unify_schemas([whole, schema], promote_options="permissive")
            except pa.ArrowException:
                both = [name for name in whole.names if name in schema.names]
                odd += [name for name in both if whole.field(name).type != schema.field(name).type]
            if odd:
                raise DataError(
                    f"its columns are not those of {files[0].name}: {quoted(odd)}",
                    str(file),
                    "Write all parts alike.",
                )
        super().__init__(str(folder), kind, whole, rows)

    def _read(self, columns: list[str], size: int) -> Iterator[Any]:
        for file, constants in zip(self._files, self._constants, strict=True):
            part = self._opened(file)
            held = set(part.names)
            # Some column has to be read for the number of rows.
            for batch in part.batches([name for name in columns if name in held] or part.names[:1], size):
                arrays = []
                for name in columns:
                    kind = self.schema.field(name).type
                    if name in held:
                        stored = batch.column(name)
                        arrays.append(stored if stored.type == kind else stored.cast(kind))
                    else:
                        arrays.append(pa.array([constants.get(name)] * batch.num_rows, kind))
                yield pa.RecordBatch.from_arrays(arrays, columns)


def is_hidden(inside: Path) -> bool:
    """Tell whether a path within a folder is what tools put beside data: "_SUCCESS", ".crc" files."""
    return any(name.startswith(("_", ".")) for name in inside.parts)


def part_files(folder: Path, endings: Sequence[str]) -> list[Path]:
    """List the files of a table stored as a folder, in the order of the numbers in their names."""
    files: list[Path] = []
    for path in folder.rglob("*"):
        inside = path.relative_to(folder)
        if not is_hidden(inside) and str(path).lower().endswith(tuple(endings)) and path.is_file():
            files.append(path)
    apart = [path for path in files if not all("=" in name for name in path.relative_to(folder).parent.parts)]
    if apart:
        raise DataError(
            f"holds a table in a folder of its own: {quoted([apart[0].relative_to(folder)])}",
            str(folder),
            "Name that folder, or put all parts in one.",
        )

    def natural(path: Path) -> list[Any]:
        pieces = re.split(r"(\d+)", path.relative_to(folder).as_posix())
        return [(0, int(piece), "") if piece.isdecimal() else (1, 0, piece) for piece in pieces]

    return sorted(files, key=natural)


def _partition(inside: Path) -> dict[str, str | None]:
    pairs = (name.split("=", 1) for name in inside.parent.parts)
    return {key: None if value == "__HIVE_DEFAULT_PARTITION__" else unquote(value) for key, value in pairs}
