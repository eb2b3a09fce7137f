"""What the moments say once read: by split, with or without a group, and how exactly.

A `MomentTable` holds the sums of every split and jackknife group; `select` adds the wanted ones (leaving a
group out is one subtraction) and gives `BlockMoments`: means, covariances, second moments, and the relative
error that the arithmetic leaves in the covariances.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from outgrow.errors import DataError
from outgrow.linalg.cells import Cell

CANCELS = 2.0
"""Where a group holds half of the rows or of a block's squares, taking it off would cost a bit or more: the
others are added up instead. Groups of a jackknife hold far less."""


@dataclass(frozen=True, eq=False)
class BlockMoments:
    """Means and covariances (divided by m, not m - 1) of named blocks over one selection of rows."""

    cell: Cell = field(repr=False)
    """Sums about the shifts."""
    shifts: Mapping[str, Float[np.ndarray, " d"]] = field(repr=False)
    """What was taken off each block's rows."""

    @property
    def n(self) -> int:
        """Number of rows."""
        return self.cell.n

    @property
    def blocks(self) -> tuple[str, ...]:
        """Names of the blocks, sorted."""
        return tuple(self.shifts)

    def width(self, block: str) -> int:
        """Give the number of columns of a block."""
        return len(self._shift(block))

    def mean(self, block: str) -> Float[np.ndarray, " d"]:
        """Give the mean of a block."""
        return self._shift(block) + self.cell.sums[block] / self.n

    def covariance(self, a: str, b: str | None = None) -> Float[np.ndarray, "d_a d_b"]:
        """Give the centred covariance of two blocks."""
        b = a if b is None else b
        self._shift(a), self._shift(b)
        centred = self.cell.product(a, b) / self.n
        centred -= np.outer(self.cell.sums[a] / self.n, self.cell.sums[b] / self.n)
        if a == b:
            # Rounding may leave a constant column's variance a hair below zero: it covaries with nothing.
            constant = np.diagonal(centred) <= 0
            centred[constant], centred[:, constant] = 0.0, 0.0
        return centred

    def second(self, a: str, b: str | None = None) -> Float[np.ndarray, "d_a d_b"]:
        """Give the uncentred second moment E x_a x_b'."""
        b = a if b is None else b
        return self.covariance(a, b) + np.outer(self.mean(a), self.mean(b))

    @property
    def relative_error(self) -> float:
        """Largest `relative_error_of` over the blocks."""
        return max(self.relative_error_of(block) for block in self.blocks)

    def relative_error_of(self, block: str) -> float:
        """Estimate the spectral norm of the covariance's error, relative to its largest eigenvalue.

        By Weyl's inequality no eigenvalue is off by more than this times the largest one, so smaller
        ones cannot be told from zero. How it is estimated: `outgrow.linalg.rounding`.
        """
        covariance, mean = self.covariance(block), self.cell.sums[block] / self.n
        return self.cell.rounding[block].relative_error(self.n, covariance, mean)

    def _shift(self, block: str) -> Float[np.ndarray, " d"]:
        if block not in self.shifts:
            raise DataError(f"there is no block {block!r}", "moments", f"Blocks: {', '.join(self.shifts)}.")
        return self.shifts[block]


@dataclass(frozen=True, eq=False)
class MomentTable:
    """Moments by split and jackknife group."""

    shifts: Mapping[str, Float[np.ndarray, " d"]] = field(repr=False)
    """What was taken off each block's rows."""
    cells: Mapping[tuple[str, int], Cell] = field(repr=False)
    """Sums by split and group."""
    _totals: dict[tuple[str, ...], Cell] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits, sorted."""
        return tuple(sorted({split for split, _ in self.cells}))

    @property
    def groups(self) -> tuple[int, ...]:
        """Jackknife groups, sorted."""
        return tuple(sorted({group for _, group in self.cells}))

    @property
    def blocks(self) -> tuple[str, ...]:
        """Names of the blocks, sorted."""
        return tuple(sorted(self.shifts))

    def select(
        self,
        splits: str | Sequence[str] | None = None,
        without_group: int | None = None,
        groups: Sequence[int] | None = None,
    ) -> BlockMoments:
        """Add up the rows wanted."""
        named = (splits,) if isinstance(splits, str) else splits
        wanted = self.splits if named is None else tuple(sorted(set(named)))
        for kind, names, known in (
            ("split", wanted, self.splits),
            ("group", tuple(groups or ()), self.groups),
            ("group", () if without_group is None else (without_group,), self.groups),
        ):
            for name in names:
                if name not in known:
                    raise DataError(
                        f"there is no {kind} {name!r}", "moments", f"There are {', '.join(map(str, known))}."
                    )
        if groups is None:
            total = self._total(wanted)
            if without_group is not None:
                total = self._without(total, wanted, without_group)
        else:
            kept = set(groups) - {without_group}
            total = self._sum([k for k in self.cells if k[0] in wanted and k[1] in kept])
        if not total.n:
            raise DataError("no rows are left in this selection", "moments")
        return BlockMoments(total, {name: self.shifts[name] for name in self.blocks})

    def beside(self, other: MomentTable) -> MomentTable:
        """Lay what another table holds of more pairs of blocks beside this, of the same rows and shifts."""
        cells = {key: cell.beside(other.cells[key]) for key, cell in self.cells.items()}
        return MomentTable({**other.shifts, **self.shifts}, cells)

    def _without(self, total: Cell, splits: tuple[str, ...], group: int) -> Cell:
        left = total.copy()
        for split in splits:
            if (split, group) in self.cells:
                left.add(self.cells[split, group], sign=-1)
        diagonals = [product for product in ((a, a) for a in self.blocks) if product in total.products]
        squares = [(c.n, *(np.trace(c.products[pair]) for pair in diagonals)) for c in (total, left)]
        if all(big < CANCELS * small for big, small in zip(*squares, strict=True) if big):
            return left
        return self._sum([key for key in self.cells if key[0] in splits and key[1] != group])

    def _total(self, splits: tuple[str, ...]) -> Cell:
        if splits not in self._totals:
            self._totals[splits] = self._sum([key for key in self.cells if key[0] in splits])
        return self._totals[splits]

    def _sum(self, keys: Sequence[tuple[str, int]]) -> Cell:
        cells = [self.cells[key] for key in keys]
        if len(cells) == 1:  # nothing to add up, and nobody changes what is selected
            return cells[0]
        widths = {name: len(shift) for name, shift in self.shifts.items()}
        total = Cell.empty(widths, cells[0].products if cells else ())
        for cell in cells:
            total.add(cell)
        return total
