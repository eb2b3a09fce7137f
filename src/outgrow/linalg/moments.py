"""Moments of named feature blocks in one pass over the rows: weighted, mergeable, by split and group.

Products are taken of shifted values (the shift is the first chunk's mean), so that a large mean costs no
digits: float32 rows are multiplied in float32 a chunk at a time and summed in float64, float64 rows are
float64 throughout. Merging moves one sum to the other's shift, so batches, streams, devices and clusters
differ only in who adds the blocks. The result is a `MomentTable`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import array_api_compat
import numpy as np
from jaxtyping import Float, Int

from outgrow.errors import DataError, FileError
from outgrow.linalg.cells import Cell
from outgrow.linalg.moment_table import BlockMoments, MomentTable
from outgrow.linalg.shifted_products import (
    BUFFER_BYTES,
    CHUNK_ROWS,
    Array,
    Shifter,
    as_host,
    is_numpy,
    product_dtype,
)

__all__ = ["BlockMoments", "MomentTable", "Moments"]

SHIFT_ROWS = 1_000
"""Rows whose mean is the shift: it is then within a tenth of a standard deviation of their population's
mean, which costs no digits, and reading them takes no time."""


class Moments:
    """Running first and second moments of named blocks, filed by split and jackknife group.

    An accumulator: `update` with batches, `merge` with others, `finalize` to read. One object is for one
    thread; merge those of several.

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

    def __init__(self) -> None:
        self._shifts: dict[str, Float[np.ndarray, " d"]] = {}
        self._cells: dict[tuple[str, int], Cell] = {}
        self._handed_out = False
        self._shifter: Shifter | None = None

    def update(
        self,
        batch: Mapping[str, Array],
        *,
        split: str = "all",
        groups: int | Int[np.ndarray, " m"] = 0,
        weights: Float[np.ndarray, " m"] | None = None,
    ) -> None:
        """Add a batch of rows."""
        blocks = self._checked(batch)
        count = next(iter(blocks.values())).shape[0]
        if not count:
            return
        labels = _per_row(groups, count)
        root = None if weights is None else np.sqrt(_checked_weights(weights, count))
        if self._handed_out:
            self._cells = {key: cell.copy() for key, cell in self._cells.items()}
            self._handed_out = False
        size = self._chunk_rows(blocks)
        if not self._shifts:
            self._shifts = {name: _shift(block[:SHIFT_ROWS], name) for name, block in blocks.items()}
        if self._shifter is None:
            self._shifter = Shifter(self._shifts)
        for group, rows in _runs(labels, count):
            if (split, group) not in self._cells:
                self._cells[split, group] = Cell.empty(self._widths)
            for part in _parts(rows, size):
                chunk = {name: _take(block, part) for name, block in blocks.items()}
                self._add(self._cells[split, group], chunk, None if root is None else root[part], part)

    def merge(self, other: Moments) -> Moments:
        """Join with the moments of other rows, moving them to this object's shifts."""
        if not other._shifts:
            return self
        if not self._shifts:
            self._shifts = dict(other._shifts)
        if other._widths != self._widths:
            raise DataError(f"blocks {other._widths} cannot be merged into {self._widths}", "moments")
        if self._handed_out:
            self._cells = {key: cell.copy() for key, cell in self._cells.items()}
            self._handed_out = False
        moves = {name: other._shifts[name] - shift for name, shift in self._shifts.items()}
        for key, cell in other._cells.items():
            moved = cell.moved(moves)
            if key in self._cells:
                self._cells[key].add(moved)
            else:
                self._cells[key] = moved
        return self

    def finalize(self) -> MomentTable:
        """Give the moments read so far."""
        if not self._cells:
            raise DataError("there are no rows", "moments")
        self._handed_out = True
        return MomentTable(dict(self._shifts), dict(self._cells))

    def to_bytes(self) -> bytes:
        """Write the state as safetensors."""
        from safetensors.numpy import save

        keys = list(self._cells)
        header = {"format": "outgrow-moments", "version": 1, "cells": keys}
        tensors = {"header": np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)}
        tensors |= {f"shift/{name}": shift for name, shift in self._shifts.items()}
        for i, key in enumerate(keys):
            tensors |= {f"cell/{i}/{part}": array for part, array in self._cells[key].arrays().items()}
        return save({name: np.ascontiguousarray(array) for name, array in tensors.items()})

    @classmethod
    def from_bytes(cls, data: bytes) -> Moments:
        """Read a state written by `to_bytes`."""
        from safetensors import SafetensorError
        from safetensors.numpy import load

        moments = cls()
        try:
            tensors = load(data)
            header = json.loads(tensors["header"].tobytes())
            if header["format"] != "outgrow-moments" or header["version"] != 1:
                raise ValueError("format")
            for name, shift in tensors.items():
                if name.startswith("shift/"):
                    if shift.ndim != 1 or shift.dtype != np.float64 or not np.isfinite(shift).all():
                        raise ValueError(name)
                    moments._shifts[name.removeprefix("shift/")] = shift.copy()
            if header["cells"] and not moments._shifts:
                raise ValueError("shift")
            for i, (split, group) in enumerate(header["cells"]):
                if not isinstance(split, str) or not isinstance(group, int):
                    raise TypeError("cells")
                moments._cells[split, group] = Cell.from_arrays(tensors, f"cell/{i}/", moments._widths)
        except (SafetensorError, KeyError, ValueError, TypeError, RecursionError) as error:
            raise FileError("these bytes hold no moments", "moments", "Accumulate them again.") from error
        return moments

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

    def _chunk_rows(self, blocks: Mapping[str, Array]) -> int:
        bytes_per_row = sum(b.shape[1] * product_dtype(b, name).itemsize for name, b in blocks.items())
        return max(1, min(CHUNK_ROWS, BUFFER_BYTES // bytes_per_row))

    def _add(
        self, cell: Cell, chunk: Mapping[str, Array], root: np.ndarray | None, part: slice | np.ndarray
    ) -> None:
        assert self._shifter is not None
        with np.errstate(invalid="ignore", over="ignore"):
            found = self._shifter.products(chunk, root)
        for name, total in found.sums.items():
            # NaN and infinity reach their column's sum; squares that overflow reach the diagonal.
            if not (np.isfinite(total) & np.isfinite(np.diagonal(found.products[name, name]))).all():
                raise _not_finite(name, chunk[name], part)
        count = next(iter(chunk.values())).shape[0]
        weight = float(count) if root is None else float(root @ root)
        eps = {name: float(np.finfo(product_dtype(b, name)).eps) for name, b in chunk.items()}
        cell.add_chunk(found.sums, found.products, count, weight, eps)


def _not_finite(name: str, chunk: Array, part: slice | np.ndarray) -> DataError:
    values = as_host(chunk)
    wrong = np.argwhere(~np.isfinite(values))
    if not len(wrong):
        return DataError("values so large that their squares overflow", f"block {name!r}", "Rescale them.")
    row, column = wrong[0]
    at = part.start + row if isinstance(part, slice) else part[row]
    return DataError(f"row {at} of the batch, column {column} is {values[row, column]}", f"block {name!r}")


def _shift(block: Array, name: str) -> Float[np.ndarray, " d"]:
    # From the first row, so that a constant column's mean is that constant to the last bit.
    rows = as_host(block)
    with np.errstate(invalid="ignore", over="ignore"):
        mean = rows[0] + (rows - rows[0]).mean(axis=0)
        # Representable in float32 where the rows are: taking it off then rounds only the difference.
        return np.asarray(mean.astype(product_dtype(block, name)), dtype=np.float64)


def _per_row(groups: int | np.ndarray, count: int) -> int | np.ndarray:
    if isinstance(groups, (int, np.integer)):
        return int(groups)
    # Integers as they are: float64 would take large ones (hashes, say) for one another.
    whole = is_numpy(groups) and groups.dtype.kind in "iu"
    labels = np.asarray(groups) if whole else as_host(groups)
    if labels.shape != (count,) or not (whole or (labels == np.round(labels)).all()):
        raise DataError(f"one whole number per row is needed ({count} rows)", "groups")
    return labels.astype(np.int64)


def _checked_weights(weights: Array, count: int) -> Float[np.ndarray, " m"]:
    values = as_host(weights)
    if values.shape != (count,):
        raise DataError(f"one weight per row is needed ({count} rows, shape {values.shape})", "weights")
    if not (np.isfinite(values) & (values >= 0)).all():
        raise DataError("weights must be finite and at least 0", "weights")
    return values


def _runs(labels: int | np.ndarray, count: int) -> Iterator[tuple[int, range | np.ndarray]]:
    if isinstance(labels, int):
        yield labels, range(count)
        return
    order = np.argsort(labels, kind="stable")
    edges = np.flatnonzero(np.diff(labels[order])) + 1
    for rows in np.split(order, edges):
        first, last = int(rows[0]), int(rows[-1])
        # Rows of a group that stand together are read where they are, not copied together first.
        yield int(labels[first]), range(first, last + 1) if last - first == len(rows) - 1 else rows


def _parts(rows: range | np.ndarray, size: int) -> Iterator[slice | np.ndarray]:
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        yield slice(part.start, part.stop) if isinstance(part, range) else part


def _take(block: Array, part: slice | np.ndarray) -> Array:
    if isinstance(part, slice) or is_numpy(block):
        return block[part]
    xp = array_api_compat.array_namespace(block)
    return xp.take(block, xp.asarray(part, device=array_api_compat.device(block)), axis=0)
