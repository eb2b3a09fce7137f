"""Everything measured for one student on one seed: its own fits, and those of its teachers.

Labelled rows are fitted by growing sums. A pool's Gram matrix is factored once for the pseudo-labels of all
teachers, noise levels, n and penalties, which are columns of one solve; the joint student shares the factor
of the ceiling.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from outgrow.linalg.cells import Cell
from outgrow.linalg.moments import Moments
from outgrow.linalg.normal_equations import Path, Products, Rows, fit
from outgrow.sweeps.blocks import LABELS, Blocks, shifted
from outgrow.sweeps.grid import SweepData, SweepGrid
from outgrow.sweeps.layout import Layout
from outgrow.sweeps.scoring import TestRows
from outgrow.sweeps.sketched import sketched
from outgrow.sweeps.table import Key, Measured, keys_of


def penalties(grid: SweepGrid, alphas: Sequence[float], variance: float, m: int) -> tuple[float, ...]:
    """Give penalties of a fit to m rows in the unit of docs/theory.md, of a view of some mean variance."""
    factor = {"variance": variance, "absolute": 1.0, "total": 1.0 / m}[grid.unit]
    return tuple(alpha * factor for alpha in alphas)


Place = tuple[slice | int, ...]
"""Where on the axes of a model's risks."""


class SeedFits:
    """The fits of one seed."""

    def __init__(
        self,
        data: SweepData,
        grid: SweepGrid,
        layout: Layout,
        labels: Float[np.ndarray, "R lk"],
        shifts: dict[str, np.ndarray],
        scales: dict[str, float],
    ) -> None:
        self.data, self.grid, self.layout, self.labels = data, grid, layout, labels
        self.shifts, self.scales = shifts, scales
        self.k = labels.shape[1] // len(grid.noise)

    def single(self, view: str, alphas: Sequence[float]) -> tuple[list[Path], list[Products]]:
        """Fit a view on the labelled rows, for every n.

        Returns by n; columns are levels and targets; by n.
        """
        X = shifted(self.data, view, self.layout.labelled, self.shifts)
        Y = self.labels[self.layout.labelled]
        d = X.shape[1]
        about = {view: np.zeros(d), LABELS: np.zeros(Y.shape[1])}
        moments, work = Moments([(view, view), (view, LABELS)], about, wide=True), np.empty((d, d))
        paths, sums, done = [], [], 0
        for n in self.grid.n:
            moments.update({view: X[done:n], LABELS: Y[done:n]})
            done = n
            sums.append(_products(moments.finalize().select().cell, view))

            def rows(n: int = n) -> tuple[np.ndarray, np.ndarray]:
                return X[:n], Y[:n]

            paths.append(self._fit(sums[-1], view, alphas, rows, work=work))
        return paths, sums

    def _fit(
        self, sums: Products, view: str, values: Sequence[float], rows: Rows, **known: np.ndarray
    ) -> Path:
        alphas = penalties(self.grid, values, self.scales[view], sums.rows)
        if self.grid.sketch is not None and len(sums.total) > self.grid.sketch:
            return sketched(*rows(), alphas, self.grid.sketch, intercept=self.grid.intercept)
        return fit(sums, alphas, rows, intercept=self.grid.intercept, **known)

    def measured_single(self, model: str, paths: Sequence[Path], test: TestRows) -> Measured:
        """Score fits on the labelled rows."""
        scores = Measured.of(model, self.grid)
        for i, path in enumerate(paths):
            self._put(scores, (slice(None), i), path, (len(self.grid.noise),), test)
        return scores

    def student(
        self,
        blocks: Blocks,
        teachers: dict[str, list[Path]],
        baseline: Sequence[Products],
        columns: Int[np.ndarray, " lk"],
        test: TestRows,
    ) -> dict[Key, Measured]:
        """Measure students, joint students and ceilings."""
        strong, shape = blocks.student, (len(self.grid.noise), len(self.grid.n), len(self.grid.alphas_w))
        # In the order of a sweep's table.
        keys = (
            key for model in ("student", "ceiling", "joint") for key in keys_of(self.grid) if key[0] == model
        )
        scores = {key: Measured.of(key[0], self.grid) for key in keys}
        taught = {weak: _Taught.of(paths, len(self.grid.noise), self.k) for weak, paths in teachers.items()}
        pools = blocks.pools(self.data, self.layout, self.grid.N, columns, self.labels, self.shifts)
        for j, cell in enumerate(pools):
            sums = _products(cell, strong)
            pseudo = {weak: one.answers(cell, strong, weak) for weak, one in taught.items()}
            path = self._students(strong, sums, taught, pseudo)
            parts = _split(path, [math.prod(shape) * self.k] * len(taught))
            for weak, part in zip(taught, parts, strict=True):
                self._put(scores["student", weak, strong], np.s_[:, :, j], part, shape, test)
            self._unions(scores, j, strong, sums, baseline, taught, pseudo, path.inverse, test)
        return scores

    def _students(
        self, strong: str, sums: Products, taught: dict[str, _Taught], pseudo: dict[str, _Answers]
    ) -> Path:
        """Fit all students of a pool: columns are (teacher, level, n, alpha_w, target)."""
        pool = self.layout.pool[: sums.rows]

        def rows() -> tuple[np.ndarray, np.ndarray]:
            made = [one.predict(shifted(self.data, weak, pool, self.shifts)) for weak, one in taught.items()]
            flat = [values.reshape(len(pool), -1) for values in made]
            return shifted(self.data, strong, pool, self.shifts), np.hstack(flat)

        products = Products(
            sums.rows,
            sums.total,
            sums.gram,
            np.concatenate([one.targets.ravel() for one in pseudo.values()]),
            np.hstack([one.answers.reshape(len(sums.total), -1) for one in pseudo.values()]),
        )
        return self._fit(products, strong, self.grid.alphas_s, rows)

    def _unions(
        self,
        scores: dict[Key, Measured],
        j: int,
        strong: str,
        sums: Products,
        baseline: Sequence[Products],
        taught: dict[str, _Taught],
        pseudo: dict[str, _Answers],
        inverse: Float[np.ndarray, " b"],
        test: TestRows,
    ) -> None:
        """Fit labelled rows and pool together, with true labels or with pseudo-labels on the pool."""
        grid, k, levels = self.grid, self.k, len(self.grid.noise)
        joint = list(taught) if grid.joint else []
        a = len(grid.alphas_w)
        # One of each for all n: new arrays of this size cost as much as what is done with them.
        gram, work = np.empty_like(sums.gram), np.empty_like(sums.gram)
        for i, labelled in enumerate(baseline):
            d = len(labelled.total)
            mine = labelled.targets.reshape(levels, 1, k), labelled.answers.reshape(d, levels, 1, k)
            targets, answers = [labelled.targets + sums.targets], [labelled.answers + sums.answers]
            for weak in joint:
                targets.append((mine[0] + pseudo[weak].targets[:, i]).ravel())
                answers.append((mine[1] + pseudo[weak].answers[:, :, i]).reshape(d, -1))

            def rows(i: int = i, n: int = labelled.rows) -> tuple[np.ndarray, np.ndarray]:
                return self._union_rows(strong, n, sums.rows, i, {weak: taught[weak] for weak in joint})

            np.add(labelled.gram, sums.gram, out=gram)
            total = labelled.total + sums.total
            products = Products(
                labelled.rows + sums.rows, total, gram, np.concatenate(targets), np.hstack(answers)
            )
            path = self._fit(products, strong, grid.alphas_s, rows, inverse=inverse, work=work)
            first, *others = _split(path, [levels * k] + [levels * a * k] * len(joint))
            self._put(scores["ceiling", strong], np.s_[:, i, j], first, (levels,), test)
            for weak, part in zip(joint, others, strict=True):
                self._put(scores["joint", weak, strong], np.s_[:, i, j], part, (levels, a), test)

    def _union_rows(
        self, strong: str, n: int, N: int, i: int, taught: dict[str, _Taught]
    ) -> tuple[np.ndarray, np.ndarray]:
        labelled, pool = self.layout.labelled[:n], self.layout.pool[:N]
        X = np.vstack([shifted(self.data, strong, rows, self.shifts) for rows in (labelled, pool)])
        columns = [self.labels[np.concatenate([labelled, pool])]]
        for weak, one in taught.items():
            made = one.predict(shifted(self.data, weak, pool, self.shifts))[:, :, i]
            mine = self.labels[labelled].reshape(n, len(self.grid.noise), 1, self.k)
            both = np.concatenate([np.broadcast_to(mine, (n, *made.shape[1:])), made])
            columns.append(both.reshape(n + N, -1))
        return X, np.hstack(columns)

    def _put(
        self, scores: Measured, place: Place, path: Path, shape: tuple[int, ...], test: TestRows
    ) -> None:
        """Score fits whose columns are of a shape and k targets: the path's penalties run last."""
        b, d, _ = path.theta.shape
        count = math.prod(shape)
        theta = path.theta.reshape(b, d, count, self.k).transpose(2, 0, 1, 3).reshape(count * b, d, self.k)
        level = path.level.reshape(b, count, self.k).transpose(1, 0, 2).reshape(count * b, self.k)
        risk, right = test.score(theta, level, np.tile(path.from_rows, count))
        scores.risk[place] = risk.reshape(*shape, b)
        if right is not None:
            scores.accuracy[place] = right.reshape(*shape, b)
        scores.from_rows[place], scores.condition[place] = path.from_rows, path.condition


@dataclass(frozen=True, eq=False)
class _Answers:
    """Sums of pseudo-labels, and of their products with strong features, over a pool."""

    targets: Float[np.ndarray, "l i a k"]
    answers: Float[np.ndarray, "d l i a k"]


@dataclass(frozen=True, eq=False)
class _Taught:
    """A teacher's fits for all levels, n and penalties."""

    theta: Float[np.ndarray, "d c"]
    level: Float[np.ndarray, " c"]
    shape: tuple[int, ...]

    @classmethod
    def of(cls, paths: Sequence[Path], levels: int, k: int) -> _Taught:
        theta = np.stack([path.theta for path in paths])  # (i, a, d, l k)
        i, a, d, _ = theta.shape
        level = np.stack([path.level for path in paths]).reshape(i, a, levels, k)
        theta = theta.reshape(i, a, d, levels, k).transpose(2, 3, 0, 1, 4)
        shape = (levels, i, a, k)
        return cls(np.ascontiguousarray(theta).reshape(d, -1), level.transpose(2, 0, 1, 3).ravel(), shape)

    def predict(self, X: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "m l i a k"]:
        return (X @ self.theta + self.level).reshape(len(X), *self.shape)

    def answers(self, pool: Cell, strong: str, weak: str) -> _Answers:
        total = pool.sums[strong]
        targets = pool.sums[weak] @ self.theta + pool.n * self.level
        answers = pool.product(strong, weak) @ self.theta + np.outer(total, self.level)
        return _Answers(targets.reshape(self.shape), answers.reshape(len(total), *self.shape))


def _products(cell: Cell, view: str) -> Products:
    """Give what a fit of a view on the labels needs of sums."""
    return Products(
        cell.n, cell.sums[view], cell.product(view, view), cell.sums[LABELS], cell.product(view, LABELS)
    )


def _split(path: Path, widths: Sequence[int]) -> list[Path]:
    """Part the columns of fits."""
    edges = np.cumsum(widths)[:-1]
    thetas, levels = np.split(path.theta, edges, axis=2), np.split(path.level, edges, axis=1)
    return [replace(path, theta=theta, level=level) for theta, level in zip(thetas, levels, strict=True)]
