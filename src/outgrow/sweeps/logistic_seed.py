"""Everything measured for logistic heads on one seed: risks are cross-entropies, and fits need the rows.

Each view's rows are turned once to the axes of their covariance, where L-BFGS takes few steps. Teachers of
all n and noise levels are columns of one descent, so are the students of all these teachers, and joint
students, whose labelled rows weigh nothing beyond their n. Penalties go from large to small and pools grow;
every descent starts where its neighbour ended, the joint student's where the student's did.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from outgrow.heads.logistic import cross_entropy
from outgrow.heads.logistic_columns import LogisticColumns, fit_columns
from outgrow.sweeps.blocks import shifted, shifts_and_scales
from outgrow.sweeps.grid import SweepData, SweepGrid
from outgrow.sweeps.layout import Layout
from outgrow.sweeps.seed import penalties
from outgrow.sweeps.table import Key, Measured

COLUMNS = 64
"""Fits that descend together: a product of the rows with so many columns is at full speed, and what is kept
of 20,000 rows for all of them stays near 100 MB for two classes."""


def logistic_seed(data: SweepData, grid: SweepGrid, seed: int, layout: Layout) -> dict[Key, Measured]:
    """Measure logistic teachers, students, joint students, baselines and ceilings on one seed.

    Risks are mean cross-entropies of the test rows in nats, probabilities below the rounding unit counting as
    that; all fits are from rows, and the condition is NaN, or infinite for a fit that stopped before it
    converged.
    """
    shifts, scales = shifts_and_scales(data, grid)
    labels = np.stack([data.labels.draw(noise, seed) for noise in grid.noise])
    fits = _SeedFits(data, grid, layout, labels.transpose(2, 1, 0))
    views = {name: _View.of(data, grid, layout, name, shifts, scales[name]) for name in shifts}
    scores: dict[Key, Measured] = {}
    taught: dict[str, LogisticColumns] = {}
    for weak in grid.teachers:
        paths = fits.single(views[weak], grid.alphas_w)
        scores["teacher", weak] = fits.measured_single("teacher", views[weak], paths)
        taught[weak] = _side_by_side(paths)
    for strong in grid.students:
        paths = fits.single(views[strong], grid.alphas_s)
        scores["baseline", strong] = fits.measured_single("baseline", views[strong], paths)
        scores["ceiling", strong] = fits.ceiling(views[strong])
    for weak, strong in grid.pairs:
        scores |= {
            (model, weak, strong): one
            for model, one in fits.students(views[strong], views[weak], taught[weak]).items()
        }
    return scores


@dataclass(frozen=True, eq=False)
class _View:
    """One feature set of a seed, in coordinates whose covariance is diagonal."""

    rows: Float[np.ndarray, "m d"]
    """Labelled rows, then the pool; ones in the last column where intercepts are fitted."""
    test: Float[np.ndarray, "t d"]
    """Test rows likewise."""
    moments: Float[np.ndarray, " d"]
    """Mean squares of the columns of `rows`."""
    unit: float
    """Mean variance per column: what the grid's penalties may be numbers of."""

    @classmethod
    def of(
        cls,
        data: SweepData,
        grid: SweepGrid,
        layout: Layout,
        name: str,
        shifts: dict[str, Float[np.ndarray, " _"]],
        unit: float,
    ) -> _View:
        rows = shifted(data, name, np.concatenate([layout.labelled, layout.pool]), shifts)
        test = data.views[name][data.test].astype(np.float64) - shifts[name]
        moments, axes = np.linalg.eigh(rows.T @ rows / len(rows))
        # Directions in which no row moves, but for rounding, have no coefficients: the penalty sees to that.
        moving = moments > len(moments) * np.finfo(np.float64).eps * moments[-1]
        moments, axes = moments[moving], axes[:, moving]
        rows, test = rows @ axes, test @ axes
        if grid.intercept:
            rows, test = (np.hstack([part, np.ones((len(part), 1))]) for part in (rows, test))
            moments = np.append(moments, 1.0)
        return cls(rows, test, moments, unit)


class _SeedFits:
    """The logistic fits of one seed."""

    def __init__(
        self, data: SweepData, grid: SweepGrid, layout: Layout, labels: Float[np.ndarray, "k R levels"]
    ) -> None:
        self.grid, self.truth = grid, data.truth
        self.labelled, self.others = labels[:, layout.labelled], labels[:, layout.pool]
        self.sizes = np.array(grid.n)

    def single(self, view: _View, alphas: Sequence[float]) -> list[LogisticColumns]:
        """Fit a view on the labelled rows: columns are (level, n), by penalty."""
        level, i = self._places(len(self.grid.noise), len(self.sizes))
        weights = self._weights(self.sizes[i], 0)
        rows = view.rows[: len(weights)]
        return self._path(view, rows, self.labelled[:, :, level], alphas, self.sizes[i], weights)

    def measured_single(self, model: str, view: _View, paths: Sequence[LogisticColumns]) -> Measured:
        """Score fits on the labelled rows."""
        scores, columns = Measured.of(model, self.grid), self._places(len(self.grid.noise), len(self.sizes))
        for b, fits in enumerate(paths):
            self._put(scores, (*columns, b), fits, view)
        return scores

    def ceiling(self, view: _View) -> Measured:
        """Measure fits on labelled rows and pool with true labels."""
        scores = Measured.of("ceiling", self.grid)
        every, every_i = self._places(len(self.grid.noise), len(self.sizes))
        for columns in _batches(len(every)):
            level, i = every[columns], every_i[columns]
            truth = self.others[:, :, level]
            start: list[LogisticColumns] | None = None
            for j in range(len(self.grid.N)):
                start = self._union(view, j, level, i, truth, start)
                for b, fits in enumerate(start):
                    self._put(scores, (level, i, j, b), fits, view)
        return scores

    def students(self, view: _View, weak: _View, taught: LogisticColumns) -> dict[str, Measured]:
        """Measure students and joint students of a teacher."""
        models = ("student", "joint") if self.grid.joint else ("student",)
        scores = {model: Measured.of(model, self.grid) for model in models}
        places = self._places(len(self.grid.noise), len(self.sizes), len(self.grid.alphas_w))
        n = len(self.labelled[0])
        for columns in _batches(len(places[0])):
            level, i, a = (place[columns] for place in places)
            pseudo = taught.take(columns).predict(weak.rows[n:])
            start: list[LogisticColumns] | None = None
            for j, N in enumerate(self.grid.N):
                rows, sizes = view.rows[n : n + N], np.full(len(columns), N)
                start = self._path(view, rows, pseudo[:, :N], self.grid.alphas_s, sizes, start=start)
                fits = {"student": start}
                if self.grid.joint:
                    fits["joint"] = self._union(view, j, level, i, pseudo, start)
                for model, paths in fits.items():
                    for b, one in enumerate(paths):
                        self._put(scores[model], (level, i, j, a, b), one, view)
        return scores

    def _put(
        self, scores: Measured, place: tuple[np.ndarray | int, ...], fits: LogisticColumns, view: _View
    ) -> None:
        """Score the fits of one descent on the test rows of their view."""
        probable = fits.predict(view.test)
        scores.risk[place] = [
            cross_entropy(values, self.truth).mean() for values in probable.transpose(2, 1, 0)
        ]
        right = probable.argmax(axis=0) == self.truth.argmax(axis=1)[:, None]
        scores.accuracy[place] = right.mean(axis=0)
        scores.condition[place] = np.where(fits.converged, np.nan, np.inf)

    def _union(
        self,
        view: _View,
        j: int,
        level: Int[np.ndarray, " c"],
        i: Int[np.ndarray, " c"],
        others: Float[np.ndarray, "k N c"],
        start: list[LogisticColumns] | None,
    ) -> list[LogisticColumns]:
        """Fit labelled rows and a pool together, by penalty: true labels on these, others on that."""
        N = self.grid.N[j]
        targets = np.concatenate([self.labelled[:, :, level], others[:, :N]], axis=1)
        sizes, weights = self.sizes[i] + N, self._weights(self.sizes[i], N)
        rows = view.rows[: len(weights)]
        return self._path(view, rows, targets, self.grid.alphas_s, sizes, weights, start)

    def _path(
        self,
        view: _View,
        rows: Float[np.ndarray, "m d"],
        targets: Float[np.ndarray, "k m c"],
        alphas: Sequence[float],
        sizes: Int[np.ndarray, " c"],
        weights: Float[np.ndarray, "m c"] | None = None,
        start: list[LogisticColumns] | None = None,
    ) -> list[LogisticColumns]:
        """Fit along penalties from the largest on, each from where it was started or from the one before."""
        by_size = np.array([penalties(self.grid, alphas, view.unit, int(size)) for size in sizes])
        fits: dict[int, LogisticColumns] = {}
        before = None
        for b in np.argsort(alphas)[::-1].tolist():
            first = before if start is None else start[b]
            before = fits[b] = fit_columns(
                rows,
                targets,
                by_size[:, b],
                moments=view.moments,
                intercept=self.grid.intercept,
                weights=weights,
                start=None if first is None else first.coef,
            )
        return [fits[b] for b in range(len(alphas))]

    def _weights(self, sizes: Int[np.ndarray, " c"], N: int) -> Float[np.ndarray, "m c"]:
        """Weigh labelled rows up to each column's n, and the pool, alike; rows beyond not at all."""
        place = np.arange(self.labelled.shape[1])[:, None]
        used = np.concatenate([place < sizes, np.ones((N, len(sizes)), dtype=bool)])
        return used / (sizes + N)

    @staticmethod
    def _places(*shape: int) -> tuple[np.ndarray, ...]:
        return tuple(place.ravel() for place in np.indices(shape))


def _side_by_side(paths: Sequence[LogisticColumns]) -> LogisticColumns:
    """Make the fits along penalties columns, penalties running fastest."""
    return LogisticColumns(
        np.stack([fits.coef for fits in paths], axis=-1).reshape(*paths[0].coef.shape[:2], -1),
        np.stack([fits.seen for fits in paths], axis=-1).reshape(len(paths[0].seen), -1),
        np.stack([fits.converged for fits in paths], axis=-1).ravel(),
    )


def _batches(count: int) -> Iterator[Int[np.ndarray, " c"]]:
    for start in range(0, count, COLUMNS):
        yield np.arange(start, min(start + COLUMNS, count))
