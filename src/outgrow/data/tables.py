"""Tables, whatever they are stored in: names, types, and rows in batches of chosen columns.

Parquet's page checksums are verified and Arrow's buffers validated before they are followed; nothing is ever
unpickled or evaluated. Whatever the library raises on a damaged file leaves here as a `FileError`. Types that
say the same thing in several ways (dictionaries, views, tensors, UUIDs, decimals) come out in one.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from outgrow.data.files import damaged, quoted, repeated
from outgrow.errors import DataError, FileError
from outgrow.linalg.rows import BATCH_ROWS

COLUMNAR = {".parquet": "Parquet", ".pq": "Parquet", ".arrow": "Arrow", ".feather": "Arrow", ".ipc": "Arrow"}
"""Endings of the columnar formats, and which reader takes them."""

SAVED_INDEX = ("index", "level_0", "row", "row_nr", "row_number", "rownames")
"""Names that pandas, polars and R give a column of row numbers."""


def is_saved_index(name: str) -> bool:
    """Tell whether a column is called as tools call row numbers that they save beside the data."""
    return not name or name.startswith(("Unnamed: ", PANDAS_INDEX)) or name.lower() in SAVED_INDEX


PANDAS_INDEX = "__index_level_"
"""How the names of columns begin that pandas writes for an unnamed index."""


class Table:
    """Rows in named columns."""

    split: np.ndarray | None = None
    """Part of every row, where the rows are stored in parts."""

    def __init__(self, where: str, kind: str, schema: Any, rows: int) -> None:
        self.where, self.kind, self.rows = where, kind, rows
        names = list(schema.names)
        if len(set(names)) < len(names):
            twice = repeated(np.array(names, dtype=object))
            raise DataError(f"several columns are called {quoted(twice)}", where, "Rename them.")
        fields = [pa.field(field.name, plain(pa.nulls(0, field.type)).type) for field in schema]
        self.schema = pa.schema(fields, metadata=schema.metadata)
        self._simplified = {new.name for new, old in zip(fields, schema, strict=True) if new.type != old.type}
        self.undecoded: dict[int, str] = {}

    @property
    def names(self) -> list[str]:
        """Names of the columns."""
        return list(self.schema.names)

    @property
    def encoder(self) -> str | None:
        """What made the rows' features, where the file's metadata say it."""
        name = (self.schema.metadata or {}).get(b"encoder")
        return None if name is None else name.decode("utf-8", "replace")

    def _read(self, columns: list[str], size: int) -> Iterator[Any]:
        """Give record batches as they are stored."""
        raise NotImplementedError

    def batches(self, columns: Sequence[str], size: int = BATCH_ROWS) -> Iterator[Any]:
        """Read chosen columns in order, verified."""
        done = 0
        for batch in self._read(list(columns), size):
            done += batch.num_rows
            if not self._simplified.isdisjoint(columns):
                arrays = [self._simplify(batch.column(name), name) for name in columns]
                batch = pa.RecordBatch.from_arrays(arrays, list(columns))
            yield batch
        if done != self.rows:
            raise FileError(
                f"holds {done} rows where {self.rows} are declared", self.where, "Write it again."
            )

    def _simplify(self, array: Any, name: str) -> Any:
        try:
            return plain(array)
        except pa.ArrowInvalid:
            message = f"column {name!r} of type {array.type} holds whole numbers beyond 64 bits"
            raise DataError(message, self.where, "Write them as text.") from None

    def whole(self) -> Any:
        """Read all columns, as an Arrow table."""
        return pa.Table.from_batches(list(self.batches(self.names)), self.schema)

    def column(self, name: str) -> Any:
        """Read one column whole."""
        parts = [batch.column(name) for batch in self.batches([name])]
        return pa.chunked_array(parts, self.schema.field(name).type)


class MemoryTable(Table):
    """A table read whole."""

    def __init__(self, table: Any, where: str, kind: str) -> None:
        super().__init__(where, kind, table.schema, int(table.num_rows))
        self._table = table

    def _read(self, columns: list[str], size: int) -> Iterator[Any]:
        yield from self._table.select(columns).to_batches(max_chunksize=size)


class Columnar(Table):
    """A Parquet or Arrow file, read in batches; a `FileError` where it is damaged, now or later.

    With `content`, the bytes of a Parquet file are read from there.
    """

    def __init__(self, path: Path, content: bytes | None = None) -> None:
        self.path = path
        kind = COLUMNAR[path.suffix.lower()]
        self._article = "an Arrow file" if kind == "Arrow" else "a Parquet file"
        self._parquet: Any = None
        try:
            schema, rows = self._open(kind, content)
            super().__init__(str(path), kind, schema, rows)
        except DataError:
            raise
        except Exception as error:  # a hostile file can make the readers raise anything
            raise damaged(path, self._article, error) from error

    def _open(self, kind: str, content: bytes | None) -> tuple[Any, int]:
        import pyarrow.parquet as pq

        if kind == "Parquet":
            # pre_buffer would hold whole row groups in memory.
            stored = self.path if content is None else pa.BufferReader(content)
            self._parquet = pq.ParquetFile(stored, page_checksum_verification=True, pre_buffer=False)
            return self._parquet.schema_arrow, int(self._parquet.metadata.num_rows)
        source = pa.memory_map(str(self.path))
        opened = pa.ipc.open_file if source.read(6) == b"ARROW1" else pa.ipc.open_stream
        source.seek(0)
        self._table = opened(source).read_all()
        return self._table.schema, int(self._table.num_rows)

    def _read(self, columns: list[str], size: int) -> Iterator[Any]:
        try:
            if self._parquet is not None:
                source = self._parquet.iter_batches(batch_size=size, columns=columns)
            else:
                table = self._table.select(columns)
                # Offsets come from the file as they are: unvalidated ones would be followed out of bounds.
                table.validate(full=True)
                source = iter(table.to_batches(max_chunksize=size))
            while (batch := next(source, None)) is not None:
                yield batch
        except Exception as error:
            raise damaged(self.path, self._article, error) from error


def plain(array: Any) -> Any:
    """Bring an Arrow array to the simplest type that says the same."""
    kind = array.type
    if isinstance(kind, pa.FixedShapeTensorType):
        vector = sum(side != 1 for side in kind.shape) <= 1
        return array.storage if vector else array
    if isinstance(kind, pa.UuidType):
        return _uuids(array.storage)
    if isinstance(kind, pa.BaseExtensionType):
        return plain(array.storage)
    if pa.types.is_fixed_size_binary(kind) and kind.byte_width == 16:
        return _uuids(array)
    if pa.types.is_dictionary(kind):
        return plain(array.dictionary_decode())
    if pa.types.is_run_end_encoded(kind):
        return plain(pc.run_end_decode(array))
    if pa.types.is_string_view(kind):
        return array.cast(pa.large_string())
    if pa.types.is_decimal(kind):
        # As databases store whole numbers, ids among them.
        return array.cast(pa.float64() if kind.scale > 0 else pa.int64())
    return array


def _uuids(array: Any) -> Any:
    texts = [None if item is None else str(uuid.UUID(bytes=item)) for item in array.to_pylist()]
    return pa.array(texts, pa.string())


def the_only(candidates: Sequence[str], table: Table, role: str, usual: str = "") -> str:
    """Give the only column that could be meant, where none is named and none has the usual name."""
    if len(candidates) == 1:
        return candidates[0]
    raise DataError(
        f"there is no column {usual or role!r}, and "
        + ("no other column could be it" if not candidates else "several could be it"),
        table.where,
        f"Name it with --{role}-column. Columns present: {quoted(table.names, 20)}.",
    )


def as_ids(column: Any, name: str, where: str) -> np.ndarray:
    """Turn an Arrow column into ids: strings as they are, whole numbers in decimal."""
    kind = column.type
    binary = pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
    if not (is_text(kind) or binary or pa.types.is_integer(kind)):
        raise DataError(
            f"the id column {name!r} is of type {kind}", where, "Store ids as strings or whole numbers."
        )
    if column.null_count:
        row = int(pc.index(pc.is_null(column), True).as_py())
        raise DataError(f"row {row} has no id in column {name!r}", where, "Give every row an id.")
    try:
        ids = np.asarray(column.cast(pa.large_string()).to_numpy(zero_copy_only=False), dtype=object)
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise FileError(f"the ids in column {name!r} are not UTF-8 text", where, "Write it again.") from error
    empty = np.flatnonzero(ids == "")
    if empty.size:
        raise DataError(f"row {empty[0]} has no id in column {name!r}", where, "Give every row an id.")
    return ids


def is_numeric(kind: Any) -> bool:
    """Tell whether an Arrow type is numbers, truth values among them."""
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind))


def is_text(kind: Any) -> bool:
    """Tell whether an Arrow type is text."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))
