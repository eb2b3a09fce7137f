"""The seams of data: where rows come from, and what pseudo-labels are.

A `RowSource` gives rows in batches, as often as asked, over one or several named feature blocks; arrays in
memory and Parquet files are two, and whoever writes another needs only `ids`, `schema` and `batches`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from outgrow.data.columnar_features import BESIDE, ColumnarFeatures
from outgrow.data.files import check_ids, existing_file, row_numbers
from outgrow.data.numeric import check_finite, check_shape, working_dtype
from outgrow.data.tables import BATCH_ROWS, COLUMNAR, Columnar
from outgrow.errors import DataError


@dataclass(frozen=True)
class Batch:
    """Some rows of a source.

    Parameters
    ----------
    rows : numpy.ndarray
        Their b positions in the source.
    blocks : mapping of str to numpy.ndarray
        For each block asked for, an array (b, d) of float32 or float64.
    """

    rows: Int[np.ndarray, " b"]
    blocks: Mapping[str, Float[np.ndarray, "b _"]]


@runtime_checkable
class RowSource(Protocol):
    """Rows with ids, over named feature blocks; may be read again and again."""

    @property
    def ids(self) -> np.ndarray:
        """Object array of n strings."""
        ...

    @property
    def schema(self) -> Mapping[str, int]:
        """Width of each block by name."""
        ...

    def batches(
        self,
        *,
        rows: Int[np.ndarray, " m"] | None = None,
        columns: Sequence[str] | None = None,
        size: int = BATCH_ROWS,
    ) -> Iterator[Batch]:
        """Iterate over rows in increasing position.

        Parameters
        ----------
        rows : numpy.ndarray, optional
            Positions wanted; all by default.
        columns : sequence of str, optional
            Names of blocks wanted; all by default.
        size : int
            Most rows in a batch.

        Yields
        ------
        Batch
            At most `size` rows.
        """
        ...


@dataclass(frozen=True)
class PseudoLabels:
    """Labels made by a model, or given from outside.

    Parameters
    ----------
    ids : numpy.ndarray
        Object array of N strings.
    values : numpy.ndarray
        Array (N,) or (N, k) of pseudo-labels.
    kind : str
        "score" for real values, "class" for hard decisions.
    weights : numpy.ndarray, optional
        Array (N,) of non-negative weights; all equal when None.
    origin : str
        Who made them, such as the teacher's name.
    """

    ids: np.ndarray
    values: Float[np.ndarray, "N ..."]
    kind: str = "score"
    weights: Float[np.ndarray, " N"] | None = None
    origin: str = ""


class ArraySource:
    """Rows of arrays in memory.

    Parameters
    ----------
    blocks : mapping of str to numpy.ndarray
        Arrays (n, d) of real numbers, one per block, rows alike in order.
    ids : numpy.ndarray, optional
        The n ids; row numbers when not given.

    Raises
    ------
    DataError
        When a block is no (n, d) table, or counts differ.

    Examples
    --------
    >>> source = ArraySource({"weak": np.ones((5, 2)), "strong": np.ones((5, 3))})
    >>> [len(batch.rows) for batch in source.batches(size=2)]
    [2, 2, 1]
    """

    def __init__(self, blocks: Mapping[str, np.ndarray], ids: np.ndarray | None = None) -> None:
        if not blocks:
            raise DataError("no feature block is given", "ArraySource", "Give at least one array.")
        self._blocks = {name: np.asarray(values) for name, values in blocks.items()}
        for name, values in self._blocks.items():
            check_shape(values.shape, values.dtype, name)
        first, count = next((name, len(values)) for name, values in self._blocks.items())
        for name, values in self._blocks.items():
            if len(values) != count:
                raise DataError(f"{len(values)} rows, but {first!r} has {count}", name, "Give equal counts.")
        self._ids = row_numbers(count) if ids is None else check_ids(np.asarray(ids, dtype=object), "ids")
        if len(self._ids) != count:
            raise DataError(f"{len(self._ids)} ids for {count} rows", "ids", "Give one id per row.")

    @property
    def ids(self) -> np.ndarray:
        """Object array of n strings."""
        return self._ids

    @property
    def schema(self) -> Mapping[str, int]:
        """Width of each block by name."""
        return {name: int(values.shape[1]) for name, values in self._blocks.items()}

    def batches(
        self,
        *,
        rows: Int[np.ndarray, " m"] | None = None,
        columns: Sequence[str] | None = None,
        size: int = BATCH_ROWS,
    ) -> Iterator[Batch]:
        """Iterate over rows in increasing position.

        Parameters
        ----------
        rows : numpy.ndarray, optional
            Positions wanted; all by default.
        columns : sequence of str, optional
            Names of blocks wanted; all by default.
        size : int
            Most rows in a batch.

        Yields
        ------
        Batch
            At most `size` rows, as float32 or float64.
        """
        names = known_blocks(columns, self.schema)
        wanted = known_positions(rows, len(self._ids))
        for start in range(0, len(self._ids) if wanted is None else len(wanted), size):
            # A slice of all rows is a view; positions make a copy of one batch.
            if wanted is None:
                chosen = np.arange(start, min(start + size, len(self._ids)))
                blocks = {name: self._blocks[name][start : start + size] for name in names}
            else:
                chosen = wanted[start : start + size]
                blocks = {name: self._blocks[name][chosen] for name in names}
            yield Batch(chosen, {k: np.asarray(v, dtype=working_dtype(v.dtype)) for k, v in blocks.items()})


class ParquetSource:
    """Rows of one Parquet or Arrow features file, read in batches.

    Parameters
    ----------
    path : str or Path
        The file.
    name : str, optional
        Name of its one block; the file's name without its ending by default.
    feature_columns : str, optional
        As for `read_features`.
    id_column : str
        As for `read_features`.
    exclude : sequence of str
        As for `read_features`.

    Raises
    ------
    FileError
        When the file is missing, of another format or damaged.
    DataError
        When its content is no finite table of real numbers.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        name: str | None = None,
        feature_columns: str | None = None,
        id_column: str = "id",
        exclude: Sequence[str] = BESIDE,
    ) -> None:
        self._path = existing_file(path, COLUMNAR)
        self._table = Columnar(self._path)
        self._name = name or self._path.stem
        self._how = (feature_columns, id_column, tuple(exclude))
        source = ColumnarFeatures(self._table, *self._how)
        self._ids = row_numbers(source.table.rows) if source.ids is None else source.ids
        _, first = next(source.batches(1))
        check_shape(first.shape, first.dtype, str(path))
        self._width = int(first.shape[1])

    @property
    def ids(self) -> np.ndarray:
        """Object array of n strings."""
        return self._ids

    @property
    def schema(self) -> Mapping[str, int]:
        """Width of the one block by name."""
        return {self._name: self._width}

    def batches(
        self,
        *,
        rows: Int[np.ndarray, " m"] | None = None,
        columns: Sequence[str] | None = None,
        size: int = BATCH_ROWS,
    ) -> Iterator[Batch]:
        """Iterate over rows in increasing position.

        Parameters
        ----------
        rows : numpy.ndarray, optional
            Positions wanted; all by default.
        columns : sequence of str, optional
            Names of blocks wanted; all by default.
        size : int
            Most rows in a batch; where `rows` picks few of a stretch, batches are smaller.

        Yields
        ------
        Batch
            At most `size` rows, as float32 or float64.
        """
        names = known_blocks(columns, self.schema)
        wanted = known_positions(rows, len(self._ids))
        source = ColumnarFeatures(self._table, *self._how)
        for start, block in source.batches(size):
            chosen = np.arange(start, start + len(block))
            if wanted is not None:
                chosen = wanted[np.searchsorted(wanted, start) : np.searchsorted(wanted, start + len(block))]
                block = block[chosen - start]
            if not len(chosen):
                continue
            values = np.asarray(block, dtype=working_dtype(block.dtype))
            check_finite(values, str(self._path), self._ids[chosen], source.names)
            yield Batch(chosen, dict.fromkeys(names, values))


def known_blocks(columns: Sequence[str] | None, schema: Mapping[str, int]) -> list[str]:
    """Check the blocks asked for.

    Parameters
    ----------
    columns : sequence of str or None
        Names of blocks; all when None.
    schema : mapping of str to int
        The blocks there are.

    Returns
    -------
    list of str
        Names.

    Raises
    ------
    DataError
        When there is no such block.
    """
    names = list(schema) if columns is None else list(columns)
    for name in names:
        if name not in schema:
            raise DataError(f"there is no block {name!r}", "columns", f"Blocks: {', '.join(schema)}.")
    return names


def known_positions(rows: Int[np.ndarray, " m"] | None, count: int) -> Int[np.ndarray, " k"] | None:
    """Check the positions asked for, and put them in order, each once.

    Parameters
    ----------
    rows : numpy.ndarray or None
        Positions; all when None.
    count : int
        How many rows there are.

    Returns
    -------
    numpy.ndarray or None
        Increasing positions; None for all.

    Raises
    ------
    DataError
        When a position is outside.
    """
    if rows is None:
        return None
    wanted = np.unique(np.asarray(rows, dtype=np.int64))
    if len(wanted) and not 0 <= wanted[0] <= wanted[-1] < count:
        raise DataError(f"positions run from {wanted[0]} to {wanted[-1]}", "rows", f"There are {count} rows.")
    return wanted
