"""Moments of blocks of rows, taken once for all seeds: the only pass over the data.

Kept per block are the Gram matrix of every student's features, their products with every teacher's, and those
with the labels of every noise level and seed. What a seed needs of a pool are sums of blocks. Values are
shifted by the mean of all rows where intercepts are fitted, so that large means cost no digits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from jaxtyping import Float, Int

from outgrow.linalg.cells import Cell, MakeArray
from outgrow.linalg.moments import Moments
from outgrow.linalg.row_space import pieces
from outgrow.sweeps.grid import SweepData, SweepGrid
from outgrow.sweeps.layout import Cut, Layout
from outgrow.sweeps.noisy_labels import NoisyLabels

LABELS = ""
"""The block of labels: no feature set has this name."""


class LabelColumns:
    """Labels of all noise levels and seeds as columns, each draw once."""

    def __init__(self, labels: NoisyLabels, grid: SweepGrid) -> None:
        self._draws: list[np.ndarray] = []
        self.starts = np.zeros((len(grid.noise), grid.seeds), dtype=np.int64)
        known: dict[int, int] = {}
        for level, noise in enumerate(grid.noise):
            for seed in range(grid.seeds):
                values = labels.draw(noise, seed)
                # Where nothing is drawn the same array comes back, and its products are taken once.
                if id(values) not in known:
                    known[id(values)] = sum(draw.shape[1] for draw in self._draws)
                    self._draws.append(values)
                self.starts[level, seed] = known[id(values)]
        self.width = int(self._draws[0].shape[1])
        self.count = sum(draw.shape[1] for draw in self._draws)

    def rows(self, rows: Int[np.ndarray, " m"]) -> Float[np.ndarray, "m c"]:
        """Give all columns of some rows."""
        return np.hstack([draw[rows] for draw in self._draws])

    def columns(self, seed: int) -> Int[np.ndarray, " lk"]:
        """Give the columns of one seed, levels first."""
        return (self.starts[:, seed][:, None] + np.arange(self.width)).ravel()


class Blocks:
    """Moments of every block for one student and its teachers."""

    def __init__(
        self,
        data: SweepData,
        grid: SweepGrid,
        student: str,
        cut: Cut,
        columns: LabelColumns,
        shifts: dict[str, Float[np.ndarray, " _"]],
        into: MakeArray = np.zeros,
    ) -> None:
        self.student, self.size = student, cut.size
        self.teachers = tuple(weak for weak, strong in grid.pairs if strong == student)
        moments = self._moments(shifts, columns.count, into)
        for block in range(cut.count):
            self._add(moments, data, cut.rows(block), columns.rows, block)
        cells = moments.finalize().cells
        self.cells = [cells["all", block] for block in range(cut.count)]

    def _moments(
        self, shifts: dict[str, Float[np.ndarray, " _"]], labels: int, into: MakeArray = np.zeros
    ) -> Moments:
        sets = dict.fromkeys((self.student, *self.teachers, LABELS))
        about = {**{name: shifts[name] for name in sets if name != LABELS}, LABELS: np.zeros(labels)}
        return Moments([(self.student, name) for name in sets], about, wide=True, zeros=into)

    def _add(
        self,
        moments: Moments,
        data: SweepData,
        rows: Int[np.ndarray, " m"],
        labels: Callable[[Int[np.ndarray, " p"]], Float[np.ndarray, "p c"]],
        block: int = 0,
    ) -> None:
        for part in pieces(rows):
            places = data.train[part]
            views = {name: data.views[name][places] for name in (self.student, *self.teachers)}
            moments.update({**views, LABELS: labels(part)}, groups=block)

    def pools(
        self,
        data: SweepData,
        layout: Layout,
        sizes: Sequence[int],
        chosen: Int[np.ndarray, " c"],
        labels: Float[np.ndarray, "R c"],
        shifts: dict[str, Float[np.ndarray, " _"]],
    ) -> Iterator[Cell]:
        """Add up the pools of one seed, each of which holds the smaller ones."""
        done = 0
        first = self.cells[0].columns(LABELS, chosen)
        at = Cell.empty({name: len(total) for name, total in first.sums.items()}, first.products)
        for N in sizes:
            # The rows that end a pool are of no block, and may be more than one block holds.
            whole = min(N // self.size, len(layout.blocks))
            for block in layout.blocks[done:whole]:
                at.add(self.cells[block].columns(LABELS, chosen))
            done = max(done, whole)
            pool, rest = at.copy(), layout.pool[whole * self.size : N]
            if len(rest):
                moments = self._moments(shifts, len(chosen))
                self._add(moments, data, rest, labels.__getitem__)
                pool.add(moments.finalize().select().cell)
            yield pool


def block_bytes(data: SweepData, grid: SweepGrid, student: str, count: int, columns: int) -> int:
    """Say what the blocks of one student take."""
    width = {name: view.shape[1] for name, view in data.views.items()}
    student_width = width[student]
    taught = sum((student_width + 1) * width[weak] for weak, strong in grid.pairs if strong == student)
    return 8 * count * (student_width * (student_width + columns + 1) + columns + taught)


def shifted(
    data: SweepData, view: str, rows: Int[np.ndarray, " m"], shifts: dict[str, Float[np.ndarray, " _"]]
) -> Float[np.ndarray, "m d"]:
    """Give rows to train on about the shift of their view."""
    values = data.views[view][data.train[rows]].astype(np.float64)
    values -= shifts[view]
    return values


def shifts_and_scales(
    data: SweepData, grid: SweepGrid
) -> tuple[dict[str, Float[np.ndarray, " _"]], dict[str, float]]:
    """Give what is taken off each view, and the unit of its penalties.

    Returns by view, its mean over the rows to train on; zeros without intercepts; its mean variance per
    column; without intercepts the mean square.
    """
    shifts, scales = {}, {}
    for name in dict.fromkeys((*grid.teachers, *grid.students)):
        view = data.views[name]
        total, squares = np.zeros(view.shape[1]), np.zeros(view.shape[1])
        # About the first row, so that a large mean costs no digits.
        origin = view[data.train[0]].astype(np.float64) if grid.intercept else np.zeros(view.shape[1])
        for rows in pieces(np.arange(len(data.train))):
            values = view[data.train[rows]] - origin
            total += values.sum(axis=0)
            squares += np.einsum("md,md->d", values, values)
        mean, square = total / len(data.train), float(squares.mean()) / len(data.train)
        shifts[name] = origin + mean if grid.intercept else np.zeros(view.shape[1])
        scales[name] = square - float(mean @ mean) / len(mean) if grid.intercept else square
    return shifts, scales
