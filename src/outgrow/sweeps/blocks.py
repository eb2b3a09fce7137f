"""Moments of blocks of rows, taken once for all seeds: the only pass over the data.

Kept per block are the Gram matrix of every student's features, their products with every teacher's, and those
with the labels of every noise level and seed. What a seed needs of a pool are sums of blocks. Values are
shifted by the mean of all rows where intercepts are fitted, so that large means cost no digits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from outgrow.linalg.row_space import pieces
from outgrow.sweeps.grid import LabelDraws, SweepData, SweepGrid
from outgrow.sweeps.layout import Cut, Layout


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums over the rows of a pool for one student."""

    rows: int
    """N."""
    total: Float[np.ndarray, " d_s"]
    """Sum of shifted strong features."""
    gram: Float[np.ndarray, "d_s d_s"]
    """Sum of their products."""
    weak: dict[str, Float[np.ndarray, " _"]]
    """Sum of shifted weak features by teacher."""
    cross: dict[str, Float[np.ndarray, "d_s _"]]
    """Products of strong and weak features by teacher."""
    labels: Float[np.ndarray, " c"]
    """Sum of labels."""
    answers: Float[np.ndarray, "d_s c"]
    """Products of strong features and labels."""


class LabelColumns:
    """Labels of all noise levels and seeds as columns, each draw once."""

    def __init__(self, labels: LabelDraws, grid: SweepGrid) -> None:
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
        into: Any = np.zeros,
    ) -> None:
        self.student, self.size = student, cut.size
        self.teachers = tuple(weak for weak, strong in grid.pairs if strong == student)
        d = data.views[student].shape[1]
        count = cut.count
        widths = {weak: data.views[weak].shape[1] for weak in self.teachers}
        self.total = into((count, d))
        self.gram = into((count, d, d))
        self.weak = {weak: into((count, width)) for weak, width in widths.items()}
        self.cross = {weak: into((count, d, width)) for weak, width in widths.items()}
        self.labels = into((count, columns.count))
        self.answers = into((count, d, columns.count))
        for block in range(count):
            for rows in pieces(cut.rows(block)):
                self._add(block, data, rows, columns.rows(rows), shifts)

    def _add(
        self, block: int, data: SweepData, rows: np.ndarray, y: np.ndarray, shifts: dict[str, np.ndarray]
    ) -> None:
        S = shifted(data, self.student, rows, shifts)
        self.total[block] += S.sum(axis=0)
        self.gram[block] += S.T @ S
        for weak in self.teachers:
            W = S if weak == self.student else shifted(data, weak, rows, shifts)
            self.weak[weak][block] += W.sum(axis=0)
            self.cross[weak][block] += S.T @ W
        self.labels[block] += y.sum(axis=0)
        self.answers[block] += S.T @ y

    def pools(
        self,
        data: SweepData,
        layout: Layout,
        sizes: Sequence[int],
        chosen: Int[np.ndarray, " c"],
        labels: Float[np.ndarray, "R c"],
        shifts: dict[str, Float[np.ndarray, " _"]],
    ) -> Iterator[Sums]:
        """Add up the pools of one seed, each of which holds the smaller ones."""
        done = 0
        d = self.gram.shape[1]
        zero = {weak: np.zeros(cross.shape[2]) for weak, cross in self.cross.items()}
        cross0 = {weak: np.zeros((d, cross.shape[2])) for weak, cross in self.cross.items()}
        at = Sums(0, np.zeros(d), np.zeros((d, d)), zero, cross0, np.zeros(len(chosen)),
                  np.zeros((d, len(chosen))))  # fmt: skip
        for N in sizes:
            # The rows that end a pool are of no block, and may be more than one block holds.
            whole = min(N // self.size, len(layout.blocks))
            for block in layout.blocks[done:whole]:
                np.add(at.total, self.total[block], out=at.total)
                np.add(at.gram, self.gram[block], out=at.gram)
                for weak in self.teachers:
                    at.weak[weak][:] += self.weak[weak][block]
                    at.cross[weak][:] += self.cross[weak][block]
                at.labels[:] += self.labels[block][chosen]
                at.answers[:] += self.answers[block][:, chosen]
            done = max(done, whole)
            yield self._with_rest(at, data, layout.pool[whole * self.size : N], N, labels, shifts)

    def _with_rest(
        self,
        at: Sums,
        data: SweepData,
        rest: Int[np.ndarray, " r"],
        N: int,
        labels: Float[np.ndarray, "R c"],
        shifts: dict[str, Float[np.ndarray, " _"]],
    ) -> Sums:
        total, gram = at.total.copy(), at.gram.copy()
        weak = {name: values.copy() for name, values in at.weak.items()}
        cross = {name: values.copy() for name, values in at.cross.items()}
        sums, answers = at.labels.copy(), at.answers.copy()
        for rows in pieces(rest):
            S = shifted(data, self.student, rows, shifts)
            total += S.sum(axis=0)
            gram += S.T @ S
            for name in self.teachers:
                W = S if name == self.student else shifted(data, name, rows, shifts)
                weak[name] += W.sum(axis=0)
                cross[name] += S.T @ W
            sums += labels[rows].sum(axis=0)
            answers += S.T @ labels[rows]
        return Sums(N, total, gram, weak, cross, sums, answers)


def block_bytes(data: SweepData, grid: SweepGrid, student: str, count: int, columns: int) -> int:
    """Say what the blocks of one student take."""
    width = {name: view.shape[1] for name, view in data.views.items()}
    own = width[student]
    taught = sum((own + 1) * width[weak] for weak, strong in grid.pairs if strong == student)
    return 8 * count * (own * (own + columns + 1) + columns + taught)


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
