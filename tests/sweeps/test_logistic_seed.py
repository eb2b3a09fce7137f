"""Logistic heads of a sweep: equal to refits with scikit-learn, wherever descents start."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from outgrow.errors import ConfigError
from outgrow.heads import logistic as heads
from outgrow.heads import logistic_columns
from outgrow.sweeps import logistic_seed as logistic
from outgrow.sweeps.grid import SweepData, SweepGrid, check_grid
from outgrow.sweeps.layout import Layout
from outgrow.sweeps.logistic_seed import logistic_seed
from outgrow.sweeps.noisy_labels import NoisyLabels

GRID = SweepGrid(
    (("weak", "strong"),),
    n=(20, 45),
    N=(30, 90, 150),
    noise=(0.0, 0.2),
    alphas_w=(0.003, 0.1),
    alphas_s=(0.1, 0.003),
    head="logistic",
)


def data_of(rng, k):
    hidden = rng.standard_normal((280, 9))
    weak = hidden[:, :6] @ rng.standard_normal((6, 6)) + rng.standard_normal((280, 6)) + 3
    # Wider than some fits have rows, with a column twice, one that does not vary, and means far from zero.
    strong = np.hstack([hidden @ rng.standard_normal((9, 24)) / 3, rng.standard_normal((280, 24))]) - 2
    strong = np.hstack([strong, strong[:, :1], np.full((280, 1), 0.3)]) * np.geomspace(0.1, 2, 50)
    labels = np.argmax(hidden[:, :k] + rng.gumbel(size=(280, k)), axis=1)
    order = rng.permutation(280)
    train, test = order[:200], order[200:]
    y = np.eye(k)[labels]
    views = {"weak": weak.astype(np.float32), "strong": strong}
    return SweepData(views, train, test, NoisyLabels(y[train], k), y[test], classes=k)


@pytest.fixture(params=[2, 3])
def data(request, rng):
    return data_of(rng, request.param)


@pytest.fixture
def layout(rng):
    rows = rng.permutation(200)
    return Layout(rows[:45], rows[45:195], np.arange(0))


class Refits:
    """Fits one cell after another with scikit-learn, on rows chosen anew."""

    def __init__(self, data, grid, layout, seed, level):
        self.grid, self.layout, self.k = grid, layout, data.classes
        self.train, self.test = (
            {name: view[rows].astype(float) for name, view in data.views.items()}
            for rows in (data.train, data.test)
        )
        self.truth = data.truth.argmax(axis=1)
        self.y = data.labels.draw(grid.noise[level], seed)

    def fit(self, view, rows, targets, alpha):
        X = self.train[view][rows]
        whole = self.train[view]
        m = len(X)
        if self.grid.unit == "variance":
            alpha = alpha * (whole.var(axis=0) if self.grid.intercept else (whole**2).mean(axis=0)).mean()
        elif self.grid.unit == "total":
            alpha = alpha / m
        # One row per row and class, weighing what the class is given: soft labels.
        C = 1 / (m * alpha) if self.k == 2 else 1 / (2 * m * alpha)
        model = LogisticRegression(C=C, tol=1e-10, max_iter=100_000, fit_intercept=self.grid.intercept)
        labels = np.tile(np.arange(self.k), m)
        return model.fit(np.repeat(X, self.k, axis=0), labels, sample_weight=targets.ravel())

    def cell(self, model, i, j, a, b):
        own, pool = self.layout.labelled[: self.grid.n[i]], self.layout.pool[: self.grid.N[j]]
        union = np.concatenate([own, pool])
        alpha_w, alpha_s = self.grid.alphas_w[a], self.grid.alphas_s[b]
        teacher = self.fit("weak", own, self.y[own], alpha_w)
        pseudo = teacher.predict_proba(self.train["weak"][pool])
        if model == "teacher":
            return self.score(teacher, "weak")
        rows, targets = {
            "baseline": (own, self.y[own]),
            "ceiling": (union, self.y[union]),
            "student": (pool, pseudo),
            "joint": (union, np.concatenate([self.y[own], pseudo])),
        }[model]
        return self.score(self.fit("strong", rows, targets, alpha_s), "strong")

    def score(self, model, view):
        probable = model.predict_proba(self.test[view])
        right = probable.argmax(axis=1) == self.truth
        return -np.log(probable[np.arange(len(right)), self.truth]).mean(), right.mean()


KEYS = {
    "teacher": (("teacher", "weak"), "lia"),
    "baseline": (("baseline", "strong"), "lib"),
    "ceiling": (("ceiling", "strong"), "lijb"),
    "student": (("student", "weak", "strong"), "lijab"),
    "joint": (("joint", "weak", "strong"), "lijab"),
}


def test_equals_refits(data, layout):
    found = logistic_seed(data, GRID, 4, layout)
    assert set(found) == {key for key, _ in KEYS.values()}
    cells = [(0, 0, 0, 0, 0), (1, 1, 1, 1, 0), (0, 1, 2, 0, 1), (1, 0, 1, 0, 1), (1, 1, 0, 1, 1)]
    sizes = {"l": 2, "i": 2, "j": 3, "a": 2, "b": 2}
    for model, (key, axes) in KEYS.items():
        measured = found[key]
        assert measured.risk.shape == tuple(sizes[axis] for axis in axes)
        for cell in cells:
            at = dict(zip("lijab", cell, strict=True))
            place = tuple(at[axis] for axis in axes)
            risk, right = Refits(data, GRID, layout, 4, at["l"]).cell(model, *cell[1:])
            assert measured.risk[place] == pytest.approx(risk, abs=1e-5)
            assert measured.accuracy[place] == pytest.approx(right)
        assert measured.from_rows.all() and np.isnan(measured.condition).all()
        assert measured.accuracy.shape == measured.from_rows.shape == measured.condition.shape


@pytest.mark.parametrize("change", [{"unit": "absolute"}, {"unit": "total"}, {"intercept": False}])
def test_units_and_intercepts(data, layout, change):
    grid = replace(GRID, **change)
    found = logistic_seed(data, grid, 0, layout)
    for model in ("teacher", "joint"):
        key, axes = KEYS[model]
        at = {"l": 1, "i": 1, "j": 1, "a": 0, "b": 0}
        risk, _ = Refits(data, grid, layout, 0, 1).cell(model, 1, 1, 0, 0)
        assert found[key].risk[tuple(at[axis] for axis in axes)] == pytest.approx(risk, abs=1e-5)


def test_starts_do_not_matter(data, layout):
    """Every cell alone, from zero, against the whole grid, each fit from its neighbour."""
    whole = logistic_seed(data, GRID, 1, layout)
    for i, j, a, b in [(0, 0, 0, 1), (1, 2, 1, 1), (0, 2, 0, 1), (1, 1, 0, 0)]:
        alone = replace(
            GRID, n=(GRID.n[i],), N=(GRID.N[j],), alphas_w=(GRID.alphas_w[a],), alphas_s=(GRID.alphas_s[b],)
        )
        rows = Layout(layout.labelled[: GRID.n[i]], layout.pool[: GRID.N[j]], layout.blocks)
        cold = logistic_seed(data, alone, 1, rows)
        at = {"l": slice(None), "i": [i], "j": [j], "a": [a], "b": [b]}
        for key, axes in KEYS.values():
            warm = whole[key].risk
            for axis, name in enumerate(axes):
                warm = warm[(slice(None),) * axis + (at[name],)]
            np.testing.assert_allclose(warm, cold[key].risk, atol=1e-6)


def test_batches_and_their_order_do_not_matter(data, layout, monkeypatch):
    whole = logistic_seed(data, GRID, 1, layout)
    monkeypatch.setattr(logistic, "COLUMNS", 3)
    turned = replace(GRID, alphas_s=GRID.alphas_s[::-1], noise=GRID.noise[::-1])
    other = logistic_seed(data, turned, 1, layout)
    for key, axes in KEYS.values():
        flip = tuple(slice(None, None, -1) if axis in "lb" else slice(None) for axis in axes)
        np.testing.assert_allclose(other[key].risk[flip], whole[key].risk, atol=1e-6)
        np.testing.assert_array_equal(other[key].accuracy[flip], whole[key].accuracy)


def test_several_pairs_share_what_they_have(data, layout):
    pairs = (("weak", "strong"), ("strong", "strong"), ("weak", "weak"))
    found = logistic_seed(data, replace(GRID, pairs=pairs, joint=False), 1, layout)
    assert len(found) == 2 + 2 * 2 + 3
    key = ("student", "weak", "strong")
    np.testing.assert_allclose(found[key].risk, logistic_seed(data, GRID, 1, layout)[key].risk, atol=1e-9)
    # The teacher of alpha_w is the baseline of alpha_s.
    baseline = found["baseline", "strong"].risk[:, :, ::-1]
    np.testing.assert_allclose(found["teacher", "strong"].risk, baseline, atol=1e-6)


def test_a_class_without_labels(rng, layout):
    """It has probability zero, which costs its rows what rounding does, and the student learns it so."""
    data = data_of(rng, 3)
    y = data.labels.y.copy()
    few = layout.labelled[:20]
    y[few] = np.eye(3)[y[few].argmax(axis=1) % 2]
    data = replace(data, labels=NoisyLabels(y, 3))
    grid = replace(GRID, noise=(0.0,))
    found = logistic_seed(data, grid, 0, layout)
    lost = data.truth[:, 2].mean() * -np.log(np.finfo(float).eps)
    for model in ("teacher", "baseline", "student"):
        risk = found[KEYS[model][0]].risk
        assert np.all(risk[0, 0] > lost) and np.all(risk[0, 0] < lost + 5) and np.all(risk[0, 1] < 5)
    # With true labels of the pool it is seen.
    assert np.all(found["ceiling", "strong"].risk < 5)
    X, Z = (data.views[name][data.train].astype(float) for name in ("weak", "strong"))
    alphas = np.array(GRID.alphas_w)
    (teacher, _) = heads.path(X[few], y[few], alphas * X.var(axis=0).mean())
    pool = layout.pool[:90]
    targets = teacher.predict(X[pool])
    (_, student) = heads.path(Z[pool], targets, alphas * Z.var(axis=0).mean())
    losses = heads.cross_entropy(student.predict(data.views["strong"][data.test]), data.truth)
    assert found[KEYS["student"][0]].risk[0, 0, 1, 0, 0] == pytest.approx(losses.mean(), abs=1e-3)


def test_fits_that_stop_short_are_marked(data, layout, monkeypatch):
    monkeypatch.setattr(logistic_columns, "ITERATIONS", 12)
    found = logistic_seed(data, GRID, 1, layout)
    condition = found["baseline", "strong"].condition
    # The larger penalty comes first in the grid.
    assert np.isposinf(condition[..., 1]).any() and not np.isneginf(condition).any()
    assert np.isfinite(found["baseline", "strong"].risk).all()


def test_what_cannot_be_fitted_is_refused(data):
    with pytest.raises(ConfigError) as error:
        check_grid(data, replace(GRID, alphas_s=(0.1, 0.0)))
    assert str(error.value) == (
        "--alpha-s: without a penalty a logistic fit has no end where a hyperplane parts the classes."
        " Name penalties above 0, such as 0.0001 to 1 mean variances."
    )
    with pytest.raises(ConfigError, match="--alpha-w: without a penalty"):
        check_grid(data, replace(GRID, alphas_w=(0.0,)))
    with pytest.raises(ConfigError, match="--head: a logistic head is for classes"):
        check_grid(replace(data, classes=0), GRID)
