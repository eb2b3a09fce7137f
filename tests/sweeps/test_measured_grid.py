"""Sweeps against refits with scikit-learn, cell by cell, whatever the blocks."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, Ridge

from outgrow.errors import ConfigError
from outgrow.sweeps.blocks import block_bytes, shifts_and_scales
from outgrow.sweeps.grid import SweepData, SweepGrid
from outgrow.sweeps.layout import MOST_BLOCKS, cut
from outgrow.sweeps.measured_grid import measure_sweep, memory_of
from outgrow.sweeps.noisy_labels import NoisyLabels
from outgrow.sweeps.summary import arrays_of

TRAIN, TEST = 900, 200

GRID = SweepGrid(
    (("w1", "s"), ("w2", "s")), n=(8, 40, 120), N=(15, 90, 330, 500), noise=(0.0, 0.7), alphas_w=(0.0, 0.3),
    alphas_s=(0.0, 0.05, 2.0), unit="absolute", seeds=2,
)  # fmt: skip


class Sketched:
    """Ridge on what a random range of the rows keeps, by its normal equations."""

    def __init__(self, X: np.ndarray, Y: np.ndarray, alpha: float, grid: SweepGrid) -> None:
        assert grid.sketch is not None and not grid.intercept
        start = np.random.RandomState(0).normal(size=(X.shape[1], grid.sketch + 10))
        Q = np.linalg.qr(X @ start)[0]
        B = Q.T @ X
        self.theta = B.T @ np.linalg.solve(B @ B.T + alpha * np.eye(len(B)), Q.T @ Y)

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.asarray(X @ self.theta)


class Refit:
    """The same models, one by one, as anyone would write them."""

    def __init__(self, data: SweepData, grid: SweepGrid, seed: int) -> None:
        self.data, self.grid = data, grid
        self.layout = cut(len(data.train), grid).deal(max(grid.n), max(grid.N), seed)
        self.seed = seed

    def fitted(self, X: np.ndarray, Y: np.ndarray, alpha: float) -> Any:
        if self.grid.unit == "absolute":
            alpha *= len(X)
        if self.grid.sketch is not None and X.shape[1] > self.grid.sketch:
            return Sketched(X, Y, alpha, self.grid)
        if alpha == 0:
            # On more columns than rows, scipy's gelsd gives the minimum norm, as LinearRegression documents.
            # By default singular values below 1e-6 of the largest are cut since scikit-learn 1.7: that is no
            # rounding, and not ridgeless.
            cut_off = {"tol": 1e-12} if "tol" in LinearRegression().get_params() else {}
            return LinearRegression(fit_intercept=self.grid.intercept, **cut_off).fit(X, Y)
        return Ridge(alpha, fit_intercept=self.grid.intercept, solver="svd").fit(X, Y)

    def cell(self, weak: str, noise: float, n: int, N: int, alpha_w: float, alpha_s: float) -> dict[str, Any]:
        views = {name: view.astype(np.float64) for name, view in self.data.views.items()}
        y = self.data.labels.draw(noise, self.seed)
        own, pool = self.layout.labelled[:n], self.layout.pool[:N]
        both = np.concatenate([own, pool])
        assert len(set(both.tolist())) == n + N
        W, S = views[weak][self.data.train], views["s"][self.data.train]
        teacher = self.fitted(W[own], y[own], alpha_w)
        pseudo = teacher.predict(W[pool]).reshape(N, -1)
        models = {
            "teacher": (teacher, weak),
            "student": (self.fitted(S[pool], pseudo, alpha_s), "s"),
            "baseline": (self.fitted(S[own], y[own], alpha_s), "s"),
            "ceiling": (self.fitted(S[both], y[both], alpha_s), "s"),
            "joint": (self.fitted(S[both], np.concatenate([y[own], pseudo]), alpha_s), "s"),
        }
        out = {}
        for name, (model, view) in models.items():
            predicted = model.predict(views[view][self.data.test]).reshape(TEST, -1)
            risk = np.mean(np.sum((predicted - self.data.truth) ** 2, axis=1))
            right = np.mean(predicted.argmax(axis=1) == self.data.truth.argmax(axis=1))
            out[name] = risk, right
        return out


def compare(data: SweepData, grid: SweepGrid, tolerance: float = 1e-9) -> None:
    table = measure_sweep(data, grid, jobs=1)
    risks = arrays_of(table, grid)
    right = arrays_of(table, grid, "accuracy")
    axes = (grid.noise, grid.n, grid.N, grid.alphas_w, grid.alphas_s)
    cells = list(itertools.product(*[range(len(axis)) for axis in axes]))
    picked = np.random.default_rng(0).permutation(len(cells))[:40]
    for seed in range(grid.seeds):
        refit = Refit(data, grid, seed)
        for weak, place in itertools.product(grid.teachers, picked):
            l, i, j, a, b = cells[place]
            found = refit.cell(weak, *[axis[k] for axis, k in zip(axes, cells[place], strict=True)])
            where = {
                ("teacher", weak): (l, i, a, seed),
                ("student", weak, "s"): (l, i, j, a, b, seed),
                ("baseline", "s"): (l, i, b, seed),
                ("ceiling", "s"): (l, i, j, b, seed),
                ("joint", weak, "s"): (l, i, j, a, b, seed),
            }
            for key, at in where.items():
                risk, share = found[key[0]]
                assert risks[key][at] == pytest.approx(risk, rel=tolerance), (key, at)
                if data.classes:
                    assert right[key][at] == pytest.approx(share, abs=1e-12), (key, at)


ONE = {"pairs": (("w1", "s"),)}


@pytest.mark.parametrize(
    ("change", "drawn", "tolerance"),
    [
        ({}, {}, 1e-9),
        ({"intercept": False, "noise": (0.7,)}, {}, 1e-9),
        # Classes are fitted one-hot, and scored by the largest.
        ({**ONE, "noise": (0.0, 0.3), "unit": "total"}, {"classes": 3}, 1e-9),
        # float32 rows are computed with in float64.
        ({"noise": (0.0,), "n": (8, 40), "N": (15, 90)}, {"dtype": np.float32}, 1e-9),
        # A large mean costs no digits.
        ({"noise": (0.0,), "n": (40, 120), "N": (90, 330)}, {"mean": 1e4}, 1e-8),
        # Pools need no whole blocks; with all rows taken, those that whole blocks leave over end the pool.
        ({**ONE, "n": (13, 101), "N": (97, 331), "seeds": 1}, {}, 1e-9),
        ({**ONE, "n": (13, TRAIN - 331), "N": (97, 331), "seeds": 1}, {}, 1e-9),
    ],
)
def test_every_cell_is_that_of_refits(
    made: Any, change: dict[str, Any], drawn: dict[str, Any], tolerance: float
) -> None:
    compare(made(rows=TRAIN, test=TEST, **drawn), replace(GRID, **change), tolerance)


def test_wide_sets_may_go_through_a_randomized_svd(made: Any) -> None:
    # 13 directions are all of w1, and not of w2 and s.
    grid = replace(GRID, sketch=3, intercept=False, unit="total", alphas_w=(0.01, 0.3), n=(8, 40), seeds=1)
    data = made(rows=TRAIN, test=TEST)
    compare(data, grid, tolerance=1e-7)
    exact, through = (
        arrays_of(measure_sweep(data, each, jobs=1), each) for each in (replace(grid, sketch=None), grid)
    )
    np.testing.assert_allclose(through["teacher", "w1"], exact["teacher", "w1"], rtol=1e-7)
    # Eight rows have no more directions than are kept; forty have.
    few, more = np.moveaxis(abs(through["teacher", "w2"] / exact["teacher", "w2"] - 1), 1, 0)
    assert (few < 1e-7).all() and (more > 1e-3).all()


@pytest.mark.parametrize(("rows", "n", "N"), [(900, 450, 450), (997, 331, 666), (101, 98, 3), (97, 2, 90)])
@pytest.mark.parametrize("most", [1, 2, 7, MOST_BLOCKS])
def test_blocks_of_any_number_hold_what_the_rows_hold(rows: int, n: int, N: int, most: int) -> None:
    blocks = cut(rows, replace(GRID, n=(n,), N=(N,)), most)
    assert blocks.count <= most
    layout = blocks.deal(n, N, 3)
    assert (len(layout.labelled), len(layout.pool)) == (n, N)
    assert len(set(layout.labelled.tolist()) | set(layout.pool.tolist())) == n + N
    whole = [row for block in layout.blocks.tolist() for row in blocks.rows(block).tolist()]
    assert layout.pool.tolist()[: len(whole)] == whole[:N]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_what_sums_cannot_resolve_comes_from_rows_and_is_scored_by_rows(made: Any, dtype: type) -> None:
    data = made(rows=TRAIN, test=TEST, dtype=dtype)
    spoiled = data.views["s"].copy()
    # Two columns all but the same: the Gram matrix' condition is beyond 1e10, that of the rows its root. Or
    # columns apart by what float32 can tell: coefficients of millions, whose squares hold no digit of a risk.
    spoiled[:, 2] = spoiled[:, 0] + (spoiled[:, 1] if dtype is np.float32 else 1e-4 * spoiled[:, 2])
    data = replace(data, views={**data.views, "s": spoiled})
    grid = replace(GRID, **ONE, n=(60, 120), N=(90, 330), noise=(0.0,), alphas_s=(0.0, 0.05))
    table = measure_sweep(data, grid, jobs=1)
    rows = table["solver"] == "rows"
    np.testing.assert_array_equal(rows, (table["alpha_s"] == 0) & (table["model"] != "teacher"))
    assert table["condition"][rows].min() > (1e14 if dtype is np.float32 else 1e9)
    compare(data, grid, tolerance=1e-6)


def test_noise_levels_share_their_draws_and_zero_noise_is_the_labels(made: Any) -> None:
    labels = made(rows=TRAIN).labels
    assert labels.draw(0.0, 0) is labels.draw(0.0, 5)
    one, two = labels.draw(1.0, 3) - labels.draw(0.0, 3), labels.draw(2.0, 3) - labels.draw(0.0, 3)
    np.testing.assert_allclose(two, 2 * one, atol=1e-12)
    assert abs(one.std() - 1) < 0.1
    classes = made(rows=TRAIN, classes=4).labels
    swapped = [classes.draw(share, 0).argmax(1) != classes.draw(0.0, 0).argmax(1) for share in (0.2, 0.5)]
    assert abs(swapped[0].mean() - 0.2) < 0.05
    assert (swapped[1] | ~swapped[0]).all()
    # Labels may be drawn themselves; noise is then added to what was drawn.
    drawn = NoisyLabels(lambda seed: np.full((TRAIN, 1), float(seed)))
    np.testing.assert_allclose(drawn.draw(1.0, 3) - 3, one, atol=1e-12)


def test_the_order_of_blocks_is_dealt_anew_by_every_seed() -> None:
    blocks = cut(TRAIN, GRID)
    first, second = blocks.deal(120, 500, 0), blocks.deal(120, 500, 1)
    assert not np.array_equal(first.pool, second.pool)
    assert len(set(first.labelled.tolist()) & set(second.labelled.tolist())) < 120


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"N": (90, 800)}, "n = 120 with N = 800 takes 920 rows, and 900 with labels are there"),
        ({"n": ()}, "--n names no size"),
        ({"N": (90, 90)}, "sizes do not increase"),
        ({"n": (1, 20)}, "--n: 1 rows are asked for"),
        ({"pairs": (("weak", "s"),)}, "there is no feature set .weak.. There are: w1, w2, s"),
        ({"pairs": (("w22", "s"),)}, "Did you mean .w2.?"),
        ({"alphas_w": (0.1, 0.1)}, "--alpha-w: 0.1 is named twice"),
        ({"seeds": 0}, "0 seeds measure nothing"),
        ({"head": "logistic"}, "a logistic head is for classes"),
    ],
)
def test_a_grid_that_does_not_fit_is_refused(made: Any, change: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        measure_sweep(made(rows=TRAIN), replace(GRID, **change))


def test_memory_is_said_before_anything_is_read(made: Any) -> None:
    data = made(rows=TRAIN)
    one = block_bytes(data, GRID, "s", 1, len(GRID.noise) * GRID.seeds)
    memory, blocks = memory_of(data, GRID, free=10**9)
    assert memory.blocks == one * blocks.count
    # Ten blocks fit: coarser ones are made, and rows beyond whole blocks are read one by one.
    fewer, coarse = memory_of(data, GRID, free=int(one * 10.5 / 0.8))
    assert fewer.blocks <= 10 * one and coarse.size > blocks.size
    assert memory_of(data, GRID, free=int(one * 1.5 / 0.8))[1].count == 1
    with pytest.raises(ConfigError, match=r"sums over rows take 0\.0 GB, and 0\.0 GB are free"):
        memory_of(data, GRID, free=int(one * 0.9 / 0.8))


def test_progress_tells_the_share_done(made: Any) -> None:
    told: list[tuple[str, float]] = []
    grid = replace(GRID, n=(40,), N=(90,))
    measure_sweep(made(rows=TRAIN), grid, jobs=1, progress=lambda *said: told.append(said))
    assert [share for _, share in told] == [0.0, 0.5, 1.0]


@pytest.mark.parametrize("intercept", [True, False])
def test_the_unit_of_penalties_is_worked_out_in_float64(made: Any, intercept: bool) -> None:
    data, grid = made(dtype=np.float32, mean=100.0), replace(GRID, intercept=intercept)
    exact = replace(data, views={name: view.astype(np.float64) for name, view in data.views.items()})
    for name, scale in shifts_and_scales(exact, grid)[1].items():
        assert shifts_and_scales(data, grid)[1][name] == pytest.approx(scale, rel=1e-12)
