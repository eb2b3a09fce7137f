"""Moments of named feature blocks in one pass over the rows: weighted, mergeable, by split and group.

Products are taken of shifted values (the shift is the first rows' mean), so that a large mean costs no
digits. `Moments` takes them in the rows' own precision, float32 a chunk at a time, or in float64 throughout;
sums over chunks are float64. Merging moves one sum to the other's shift, so batches, streams, devices and
clusters differ only in who adds the blocks. The result is a `MomentTable`. `moments_of` reads any source of
rows, by split and group, over an engine: every study's moments are its.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations_with_replacement
from typing import Any

import array_api_compat
import numpy as np
from jaxtyping import Float, Int

from outgrow.engine import Engine, LocalEngine
from outgrow.errors import DataError
from outgrow.linalg.cells import Cell, MakeArray
from outgrow.linalg.moment_table import BlockMoments, MomentTable
from outgrow.linalg.rows import Array, RowSource, taken
from outgrow.linalg.shifted_products import (
    CHUNK_ROWS,
    Pair,
    Shifter,
    as_host,
    is_numpy,
    product_dtype,
)

__all__ = ["BlockMoments", "MomentTable", "Moments", "moments_of"]

SHIFT_ROWS = 1_000
"""Rows whose mean is the shift: it is then within a tenth of a standard deviation of their population's
mean, which costs no digits, and reading them takes no time."""

DOUBLE = np.dtype(np.float64)


def moments_of(
    source: RowSource,
    blocks: Sequence[str] | None = None,
    splits: Mapping[str, Int[np.ndarray, " _"]] | None = None,
    groups: Int[np.ndarray, " n"] | None = None,
    engine: Engine | None = None,
    *,
    pairs: Iterable[Pair] | None = None,
) -> MomentTable:
    """Add up rows in float64, by split (positions that no two share) and by group (a number per row).

    All blocks and their pairs by default. Whatever the engine, the bits are the same.
    """
    count = len(source)
    parts = {"all": np.arange(count)} if splits is None else splits
    split, names = np.full(count, -1), list(parts)
    for place, rows in enumerate(parts.values()):
        split[rows] = place
    numbers = np.zeros(count, dtype=np.int64) if groups is None else groups
    wanted = np.flatnonzero(split >= 0)
    if sum(map(len, parts.values())) > len(wanted):
        raise DataError("rows stand in two splits, or twice in one", "moments")
    pairs = None if pairs is None else tuple(pairs)
    # One shift for all shards, so that none is moved when they are merged.
    shifts = next((shifts_of(b.blocks) for b in source.batches(rows=_first(parts), columns=blocks)), None)

    def read(moments: Moments, rows: Int[np.ndarray, " m"]) -> None:
        for batch in source.batches(rows=rows, columns=blocks):
            for place in np.unique(split[batch.rows]):
                mine = np.flatnonzero(split[batch.rows] == place)
                part = {name: taken(block, mine) for name, block in batch.blocks.items()}
                moments.update(part, split=names[place], groups=numbers[batch.rows[mine]])

    shards = [wanted]
    if source.in_memory and len(wanted):
        # Rows of one split and group, so that products are of many rows, and no two shards add to one sum.
        order = wanted[np.lexsort((wanted, numbers[wanted], split[wanted]))]
        steps = (np.diff(split[order]) != 0) | (np.diff(numbers[order]) != 0)
        shards = np.split(order, np.flatnonzero(steps) + 1)
    run = LocalEngine() if engine is None else engine
    return run.map_reduce(lambda: Moments(pairs, shifts, wide=True), shards, read).finalize()


def _first(parts: Mapping[str, Int[np.ndarray, " _"]]) -> Int[np.ndarray, " m"]:
    return next((rows[:SHIFT_ROWS] for rows in parts.values() if len(rows)), np.zeros(0, dtype=np.int64))


class Moments:
    """Running first and second moments of named blocks, filed by split and jackknife group.

    An accumulator: `update` with batches, `merge` with others, `finalize` to read. One object is for one
    thread; merge those of several. By default, products are kept of all pairs of blocks, about a shift of
    its own, and in float32 where all rows are (not if `wide`).

    Examples
    --------
    >>> import numpy as np
    >>> rows = np.array([[1.0, 2.0], [3.0, 2.0], [5.0, 2.0]])
    >>> moments = Moments()
    >>> moments.update({"weak": rows, "y": np.array([1.0, 2.0, 3.0])})
    >>> table = moments.finalize()
    >>> table.select().mean("weak")
    array([3., 2.])
    >>> table.select().covariance("weak", "y").round(3)
    array([[1.333],
           [0.   ]])
    """

    def __init__(
        self,
        pairs: Iterable[Pair] | None = None,
        shifts: Mapping[str, Float[np.ndarray, " d"]] | None = None,
        *,
        wide: bool = False,
        zeros: MakeArray = np.zeros,
    ) -> None:
        self._asked = None if pairs is None else tuple(pairs)
        self._shifts = dict(shifts or {})
        self._wide, self._zeros = wide, zeros
        self._cells: dict[tuple[str, int], Cell] = {}
        # Cells that somebody else holds too: they are copied before they are added to.
        self._lent: set[tuple[str, int]] = set()
        self._shifter: Shifter | None = None

    def update(
        self,
        batch: Mapping[str, Array],
        *,
        split: str = "all",
        groups: int | Int[np.ndarray, " m"] = 0,
    ) -> None:
        """Add a batch of rows."""
        blocks = self._checked(batch)
        count = next(iter(blocks.values())).shape[0]
        if not count:
            return
        dtype = DOUBLE if self._wide else product_dtype(blocks)
        if not self._shifts:
            self._shifts = shifts_of(blocks, dtype)
        if self._shifter is None:
            self._shifter = Shifter(self._shifts, self._pairs)
        for group, rows in _runs(groups, count):
            cell = self._cell(split, group)
            for part in np.array_split(rows, -(-len(rows) // CHUNK_ROWS)):
                self._add(cell, blocks, part, dtype)

    def merge(self, other: Moments) -> Moments:
        """Join with the moments of other rows, moving them to this object's shifts."""
        if not other._cells:
            return self
        if not self._shifts:
            self._shifts, self._asked = dict(other._shifts), other._pairs
        if other._widths != self._widths:
            raise DataError(f"blocks {other._widths} cannot be merged into {self._widths}", "moments")
        moves = {name: other._shifts[name] - shift for name, shift in self._shifts.items()}
        still = not any(move.any() for move in moves.values())
        for key, cell in other._cells.items():
            if key in self._cells or not still:
                self._cell(*key).add(cell if still else cell.moved(moves))
            else:
                self._cells[key] = cell
                self._lent.add(key)
                other._lent.add(key)
        return self

    def finalize(self) -> MomentTable:
        """Give the moments read so far."""
        if not self._cells:
            raise DataError("there are no rows", "moments")
        self._lent = set(self._cells)
        return MomentTable(dict(self._shifts), dict(self._cells))

    def _cell(self, split: str, group: int) -> Cell:
        """Give the cell of a split and group, empty where there is none, to be added to."""
        key = (split, group)
        if key not in self._cells:
            self._cells[key] = Cell.empty(self._widths, self._pairs, self._zeros)
        elif key in self._lent:
            self._cells[key] = self._cells[key].copy()
            self._lent.remove(key)
        return self._cells[key]

    @property
    def _pairs(self) -> tuple[Pair, ...]:
        return self._asked or tuple(combinations_with_replacement(sorted(self._shifts), 2))

    @property
    def _widths(self) -> dict[str, int]:
        return {name: len(shift) for name, shift in sorted(self._shifts.items())}

    def _checked(self, batch: Mapping[str, Array]) -> dict[str, Array]:
        if not batch:
            raise DataError("a batch needs at least one block", "moments")
        for name, block in batch.items():
            if block.ndim not in (1, 2) or 0 in block.shape[1:]:
                raise DataError(
                    f"rows of at least one column are needed, not shape {tuple(block.shape)}",
                    f"block {name!r}",
                )
        blocks = {name: block[:, None] if block.ndim == 1 else block for name, block in batch.items()}
        rows = {block.shape[0] for block in blocks.values()}
        widths = {name: int(block.shape[1]) for name, block in sorted(blocks.items())}
        if len(rows) > 1:
            counts = ", ".join(f"{name} {block.shape[0]}" for name, block in blocks.items())
            raise DataError(f"the blocks differ in rows: {counts}", "moments")
        if self._shifts and widths != self._widths:
            raise DataError(
                f"blocks and widths {widths} differ from the first batch's {self._widths}", "moments"
            )
        foreign = [block for block in blocks.values() if not is_numpy(block)]
        if foreign:
            # Products need both factors on one device: numpy's blocks (labels, mostly) go to the others.
            xp = array_api_compat.array_namespace(*foreign)
            where = array_api_compat.device(foreign[0])
            blocks = {k: xp.asarray(b, device=where) if is_numpy(b) else b for k, b in blocks.items()}
        else:
            # A memory map's own class slows every slice down.
            blocks = {name: np.asarray(block) for name, block in blocks.items()}
        return blocks

    def _add(
        self,
        cell: Cell,
        blocks: Mapping[str, Array],
        part: Int[np.ndarray, " m"],
        dtype: np.dtype[Any],
    ) -> None:
        assert self._shifter is not None
        with np.errstate(invalid="ignore", over="ignore"):
            chunk = self._shifter.products(blocks, part, dtype)
        for name, total in chunk.sums.items():
            # NaN and infinity reach their column's sum; squares that overflow reach the diagonal.
            squares = chunk.products.get((name, name))
            fine = np.isfinite(total) & (squares is None or np.isfinite(np.diagonal(squares)))
            if not fine.all():
                raise _not_finite(name, taken(blocks[name], part), part)
        cell.add_chunk(chunk, len(part), float(np.finfo(dtype).eps))


def _not_finite(name: str, chunk: Array, part: Int[np.ndarray, " m"]) -> DataError:
    values = as_host(chunk)
    wrong = np.argwhere(~np.isfinite(values))
    if not len(wrong):
        return DataError("values so large that their squares overflow", f"block {name!r}", "Rescale them.")
    row, column = wrong[0]
    return DataError(
        f"row {part[row]} of the batch, column {column} is {values[row, column]}", f"block {name!r}"
    )


def shifts_of(
    blocks: Mapping[str, Array], dtype: np.dtype[Any] = DOUBLE
) -> dict[str, Float[np.ndarray, " d"]]:
    """Give what is taken off rows like these: the first ones' means, which the products' type can hold."""
    return {name: _shift(block, dtype) for name, block in blocks.items()}


def _shift(block: Array, dtype: np.dtype[Any]) -> Float[np.ndarray, " d"]:
    # From the first row, so that a constant column's mean is that constant to the last bit.
    rows = as_host(block[:SHIFT_ROWS])
    rows = rows[:, None] if rows.ndim == 1 else rows
    with np.errstate(invalid="ignore", over="ignore"):
        mean = rows[0] + (rows - rows[0]).mean(axis=0)
        # Representable in float32 where products are: taking it off then rounds only the difference.
        # What is not finite is reported where it is added.
        return np.where(np.isfinite(mean), mean, 0.0).astype(dtype).astype(np.float64)


def _runs(groups: int | np.ndarray, count: int) -> Iterator[tuple[int, Int[np.ndarray, " m"]]]:
    if not isinstance(groups, (int, np.integer)) and (
        groups.shape != (count,) or groups.dtype.kind not in "iu"
    ):
        raise DataError(f"one whole number per row is needed ({count} rows)", "groups")
    labels = np.broadcast_to(groups, count)
    if (labels == labels[0]).all():
        yield int(labels[0]), np.arange(count)
        return
    order = np.argsort(labels, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(labels[order])) + 1):
        yield int(labels[rows[0]]), rows
