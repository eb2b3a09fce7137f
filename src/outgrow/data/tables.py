"""Parquet and Arrow files, read in batches of chosen columns, with whatever is wrong said in one line.

Parquet's page checksums are verified and Arrow's buffers validated before they are followed; nothing is ever
unpickled or evaluated. Whatever the library raises on a damaged file leaves here as a `FileError`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from outgrow.data.files import damaged, quoted, repeated
from outgrow.errors import DataError, FileError

COLUMNAR = {".parquet": "Parquet", ".pq": "Parquet", ".arrow": "Arrow", ".feather": "Arrow", ".ipc": "Arrow"}
"""Endings of the columnar formats, and which reader takes them."""

BATCH_ROWS = 8192
"""Rows read at a time: 8192 x 768 float16 values are 12 MB, large enough for full speed."""


class Columnar:
    """A Parquet or Arrow file, read in batches of chosen columns.

    Parameters
    ----------
    path : Path
        An existing file whose ending is in `COLUMNAR`.

    Attributes
    ----------
    schema : pyarrow.Schema
        Names and types.
    names : list of str
        Names of the columns.
    rows : int
        Row count as the file declares it.

    Raises
    ------
    FileError
        When the file is damaged, on opening or later while reading.
    DataError
        When two columns share a name.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.kind = COLUMNAR[path.suffix.lower()]
        self._article = "an Arrow file" if self.kind == "Arrow" else "a Parquet file"
        try:
            self._open()
            self.names: list[str] = list(self.schema.names)
        except Exception as error:  # a hostile file can make the readers raise anything
            raise damaged(path, self._article, error) from error
        if len(set(self.names)) < len(self.names):
            twice = repeated(np.array(self.names, dtype=object))
            raise DataError(f"several columns are called {quoted(twice)}", str(path), "Rename them.")

    def _open(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._parquet: Any = None
        if self.kind == "Parquet":
            # pre_buffer would hold whole row groups in memory.
            self._parquet = pq.ParquetFile(self.path, page_checksum_verification=True, pre_buffer=False)
            self.schema = self._parquet.schema_arrow
            self.rows = int(self._parquet.metadata.num_rows)
            return
        source = pa.memory_map(str(self.path))
        is_file = source.read(6) == b"ARROW1"
        source.seek(0)
        if is_file:
            self._table = pa.ipc.open_file(source).read_all()
        else:
            self._table = pa.ipc.open_stream(source).read_all()
        self.schema = self._table.schema
        self.rows = int(self._table.num_rows)

    @property
    def metadata(self) -> dict[str, str]:
        """The schema's own key-value metadata, as text."""
        raw = self.schema.metadata or {}
        return {
            key.decode("utf-8", "replace"): value.decode("utf-8", "replace") for key, value in raw.items()
        }

    def batches(self, columns: Sequence[str], size: int = BATCH_ROWS) -> Iterator[Any]:
        """Read chosen columns in order, verified.

        Parameters
        ----------
        columns : sequence of str
            Names of columns.
        size : int
            Most rows in a batch.

        Yields
        ------
        pyarrow.RecordBatch
            At most `size` rows.

        Raises
        ------
        FileError
            When a page fails its checksum or cannot be decoded, or rows are missing.
        """
        columns = list(columns)
        try:
            if self._parquet is not None:
                source = self._parquet.iter_batches(batch_size=size, columns=columns)
            else:
                table = self._table.select(columns)
                # Offsets come from the file as they are: unvalidated ones would be followed out of bounds.
                table.validate(full=True)
                source = iter(table.to_batches(max_chunksize=size))
        except Exception as error:
            raise damaged(self.path, self._article, error) from error
        done = 0
        while True:
            try:
                batch = next(source, None)
            except Exception as error:
                raise damaged(self.path, self._article, error) from error
            if batch is None:
                break
            done += batch.num_rows
            yield batch
        if done != self.rows:
            raise FileError(
                f"holds {done} rows where {self.rows} are declared", str(self.path), "Write it again."
            )

    def column(self, name: str) -> Any:
        """Read one column whole.

        Parameters
        ----------
        name : str
            Its name.

        Returns
        -------
        pyarrow.ChunkedArray
            The column.
        """
        import pyarrow as pa

        return pa.chunked_array(
            [batch.column(name) for batch in self.batches([name])], type=self.schema.field(name).type
        )


def as_ids(column: Any, name: str, where: str) -> np.ndarray:
    """Turn an Arrow column into ids: strings as they are, whole numbers in decimal.

    Parameters
    ----------
    column : pyarrow.Array or pyarrow.ChunkedArray
        The id column.
    name : str
        Its name, for messages.
    where : str
        The file, for messages.

    Returns
    -------
    numpy.ndarray
        Object array of n strings.

    Raises
    ------
    DataError
        When an id is missing, or the column is of another kind.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if not (is_text(kind) or pa.types.is_integer(kind)):
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


def is_text(kind: Any) -> bool:
    """Tell whether an Arrow type is text.

    Parameters
    ----------
    kind : pyarrow.DataType
        The type.

    Returns
    -------
    bool
        True for strings of any layout.
    """
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))
