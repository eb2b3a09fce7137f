"""Where rows come from: a `RowSource` gives named blocks of them in batches, as often as asked.

Arrays in memory (numpy's, memory maps, torch's) are one here; files and stores are others, in `data`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

import array_api_compat
import numpy as np
from jaxtyping import Int

from outgrow.errors import DataError

Array: TypeAlias = Any
"""An array of numpy, torch or another library with the array API."""

BATCH_ROWS = 8_192
"""Rows read at a time by default: 25 MB of 768 float32."""


@dataclass(frozen=True)
class Batch:
    """Some rows of a source.

    Parameters
    ----------
    rows : numpy.ndarray
        Their b positions in the source.
    blocks : mapping of str to array
        For each block asked for, an array (b, d), or (b,) where it has one column.
    """

    rows: Int[np.ndarray, " b"]
    blocks: Mapping[str, Array]


@runtime_checkable
class RowSource(Protocol):
    """Rows with ids, over named feature blocks; may be read again and again."""

    def __len__(self) -> int:
        """Count the rows."""
        ...

    @property
    def ids(self) -> np.ndarray:
        """Object array of n strings."""
        ...

    @property
    def schema(self) -> Mapping[str, int]:
        """Width of each block by name."""
        ...

    @property
    def in_memory(self) -> bool:
        """Whether any rows are read as fast as neighbours; else all are best read once, in order."""
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


class ArraySource:
    """Rows of arrays in memory, which are given as they are: nothing is converted.

    >>> source = ArraySource({"weak": np.ones((5, 2)), "strong": np.ones((5, 3))})
    >>> [len(batch.rows) for batch in source.batches(size=2)]
    [2, 2, 1]
    """

    in_memory = True

    def __init__(self, blocks: Mapping[str, Array], ids: np.ndarray | None = None) -> None:
        if not blocks:
            raise DataError("no feature block is given", "ArraySource", "Give at least one array.")
        # A memory map's own class slows every slice down.
        self._blocks = {k: np.asarray(v) if isinstance(v, np.ndarray) else v for k, v in blocks.items()}
        counts = {name: int(values.shape[0]) for name, values in self._blocks.items()}
        first, self._count = next(iter(counts.items()))
        for name, count in counts.items():
            if count != self._count:
                raise DataError(f"{count} rows, but {first!r} has {self._count}", name, "Give equal counts.")
        if ids is not None and len(ids) != self._count:
            raise DataError(f"{len(ids)} ids for {self._count} rows", "ids", "Give one id per row.")
        self._ids = ids

    def __len__(self) -> int:
        """Count the rows."""
        return self._count

    @property
    def ids(self) -> np.ndarray:
        """Object array of n strings; row numbers where none were given."""
        if self._ids is None:
            self._ids = np.array([str(row) for row in range(self._count)], dtype=object)
        return self._ids

    @property
    def schema(self) -> Mapping[str, int]:
        """Width of each block by name."""
        return {k: int(v.shape[1]) if v.ndim > 1 else 1 for k, v in self._blocks.items()}

    def batches(
        self,
        *,
        rows: Int[np.ndarray, " m"] | None = None,
        columns: Sequence[str] | None = None,
        size: int = BATCH_ROWS,
    ) -> Iterator[Batch]:
        """Iterate over rows in increasing position; those that stand together are views."""
        names = known_blocks(columns, self.schema)
        wanted = known_positions(rows, self._count)
        for start in range(0, self._count if wanted is None else len(wanted), size):
            if wanted is None:
                chosen = np.arange(start, min(start + size, self._count))
            else:
                chosen = wanted[start : start + size]
            yield Batch(chosen, {name: taken(self._blocks[name], chosen) for name in names})


def taken(block: Array, rows: Int[np.ndarray, " m"]) -> Array:
    """Give some rows: those that stand together are read where they are, not copied together first."""
    if not len(rows) or bool((np.diff(rows) == 1).all()):
        return block[slice(int(rows[0]), int(rows[-1]) + 1) if len(rows) else slice(0, 0)]
    if isinstance(block, np.ndarray):
        return block[rows]
    xp = array_api_compat.array_namespace(block)
    return xp.take(block, xp.asarray(rows, device=array_api_compat.device(block)), axis=0)


def known_blocks(columns: Sequence[str] | None, schema: Mapping[str, int]) -> list[str]:
    """Check the blocks asked for; all where None."""
    names = list(schema) if columns is None else list(columns)
    for name in names:
        if name not in schema:
            raise DataError(f"there is no block {name!r}", "columns", f"Blocks: {', '.join(schema)}.")
    return names


def known_positions(rows: Int[np.ndarray, " m"] | None, count: int) -> Int[np.ndarray, " k"] | None:
    """Check the positions asked for, and put them in order, each once; None stays None."""
    if rows is None:
        return None
    wanted = np.unique(np.asarray(rows, dtype=np.int64))
    if len(wanted) and not 0 <= wanted[0] <= wanted[-1] < count:
        raise DataError(f"positions run from {wanted[0]} to {wanted[-1]}", "rows", f"There are {count} rows.")
    return wanted
