"""Fits of a pair against brute force: every left-out row means a refit of both stages by scikit-learn."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from outgrow.heads import logistic_columns
from outgrow.heads.expected_error import choose
from outgrow.heads.fit_pair import HEADS, INTERPOLATES, NO_CEILING, fit_pair, folds_of
from outgrow.heads.head import Labelled, PoolRows
from outgrow.heads.route_forecasts import route_forecasts
from outgrow.heads.two_stage import Pool, penalties
from outgrow.results import Estimate


class Rows(NamedTuple):
    """Labelled rows and a pool."""

    weak: np.ndarray
    strong: np.ndarray
    y: np.ndarray
    pool_weak: np.ndarray
    pool_strong: np.ndarray
    folds: list
    groups: list | None = None


def fitted(head, rows):
    labelled = Labelled({"w": rows.weak}, rows.strong, rows.y, rows.folds, rows.groups)
    return fit_pair(HEADS[head], labelled, PoolRows(rows.pool_weak, rows.pool_strong))


def rows_of(rng, n=14, N=20, d_w=3, d_s=5, noise=1.0, grouped=False):
    mix = rng.normal(size=(d_w, d_s))
    W, U = rng.normal(size=(n, d_w)) + 1, rng.normal(size=(N, d_w))
    S, T = W @ mix + rng.normal(size=(n, d_s)), U @ mix + rng.normal(size=(N, d_s)) - 1
    y = (W.sum(axis=1) + S[:, 0])[:, None] * [1.0, -0.5] + noise * rng.normal(size=(n, 2)) + 4
    groups = [np.arange(n)[i::5] for i in range(5)] if grouped else None
    return Rows(W, S, y, U, T, folds_of(y, groups, np.random.RandomState(0), 4), groups)


def minimum_norm(X, y):
    """Least squares of least norm, intercept by centring: an implementation with nothing in common."""
    coef = np.linalg.pinv(X - X.mean(axis=0), rcond=1e-10) @ (y - y.mean(axis=0))
    return lambda new: (new - X.mean(axis=0)) @ coef + y.mean(axis=0)


def ridge(X, y, alpha, m):
    """The total penalty stays as it was with all m rows."""
    return Ridge(alpha=alpha * m, solver="svd").fit(X, y).predict


def left_out(rows, fit, features):
    """Squared loss of each row (or group) under a fit of the others."""
    losses = np.empty(len(rows.y))
    for gone in rows.groups or [np.array([i]) for i in range(len(rows.y))]:
        kept = np.setdiff1d(np.arange(len(rows.y)), gone)
        losses[gone] = np.sum((fit(kept)(features[gone]) - rows.y[gone]) ** 2, axis=1)
    return losses


@pytest.mark.parametrize("grouped", [False, True])
def test_ridge_equals_brute_force(rng, grouped):
    rows = rows_of(rng, grouped=grouped)
    found = fitted("ridge", rows)
    n, N = len(rows.y), len(rows.pool_weak)
    alphas_w, alphas_s = penalties(rows.weak), penalties(rows.strong)

    def one(features, alpha):
        return lambda kept: ridge(features[kept], rows.y[kept], alpha, n)

    def both(a, b):
        def student(kept):
            teacher = ridge(rows.weak[kept], rows.y[kept], a, n)
            return ridge(rows.pool_strong, teacher(rows.pool_weak), b, N)

        return student

    pool = Pool.from_rows(rows.pool_weak, rows.pool_strong)
    pair = route_forecasts(rows.weak, rows.strong, rows.y, pool, rows.folds)
    alone = route_forecasts(rows.weak, rows.strong, rows.y, pool, rows.folds, alone=True)
    forecasts = {
        "teacher": pair.errors("teacher", alphas_w),
        "baseline": alone.errors("baseline", alphas_s),
        "student": pair.errors("student", alphas_w, alphas_s),
    }
    for kind, features, alphas, key in (
        ("teacher", rows.weak, alphas_w, "alpha_w"),
        ("baseline", rows.strong, alphas_s, "alpha_s"),
    ):
        table = np.stack([left_out(rows, one(features, alpha), features) for alpha in alphas])
        best, expected = choose(table, rows.folds, forecasts[kind])
        assert found.settings[kind] == {key: pytest.approx(alphas[best])}
        risk = dict(found.risks.items())[kind]
        assert risk.value == pytest.approx(expected.values[0], rel=1e-7)
    table = np.stack([left_out(rows, both(a, b), rows.strong) for a in alphas_w for b in alphas_s])
    best, expected = choose(table, rows.folds, forecasts["student"])
    a, b = divmod(best, len(alphas_s))
    chosen = found.settings["student"]
    assert chosen == {"alpha_w": pytest.approx(alphas_w[a]), "alpha_s": pytest.approx(alphas_s[b])}
    assert found.risks.student.value == pytest.approx(expected.values[0], rel=1e-7)
    everything = both(chosen["alpha_w"], chosen["alpha_s"])(np.arange(n))
    np.testing.assert_allclose(found.student.predict(rows.strong), everything(rows.strong), rtol=1e-7)
    source = ridge(rows.weak, rows.y, chosen["alpha_w"], n)
    np.testing.assert_allclose(found.pseudo_labels, source(rows.pool_weak), rtol=1e-7)
    assert found.risks.ceiling is NO_CEILING


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("N", [4, 20])
def test_ridgeless_equals_brute_force(rng, grouped, N):
    """N = 4 is below d_s: the student interpolates its pseudo-labels, and rows are left out all the same."""
    rows = rows_of(rng, N=N, grouped=grouped)
    found = fitted("ridgeless", rows)

    def student(kept):
        teacher = minimum_norm(rows.weak[kept], rows.y[kept])
        return minimum_norm(rows.pool_strong, teacher(rows.pool_weak))

    fits = {
        "teacher": (lambda kept: minimum_norm(rows.weak[kept], rows.y[kept]), rows.weak),
        "baseline": (lambda kept: minimum_norm(rows.strong[kept], rows.y[kept]), rows.strong),
        "student": (student, rows.strong),
    }
    for kind, (fit, features) in fits.items():
        risk = dict(found.risks.items())[kind]
        assert risk.value == pytest.approx(left_out(rows, fit, features).mean(), rel=1e-6)
        model = getattr(found, kind)
        np.testing.assert_allclose(model.predict(features), fit(np.arange(len(rows.y)))(features), rtol=1e-6)
    np.testing.assert_allclose(found.pseudo_labels, found.teacher.predict(rows.pool_weak))
    assert found.settings == {}


def test_a_fit_that_interpolates_has_no_left_out_risk(rng):
    rows = rows_of(rng, n=6, d_w=3, d_s=9)
    found = fitted("ridgeless", rows)
    assert found.risks.baseline is INTERPOLATES
    assert isinstance(found.risks.teacher, Estimate)
    assert isinstance(found.risks.student, Estimate)
    np.testing.assert_allclose(found.baseline.predict(rows.strong), rows.y, rtol=1e-8)
    wide = fitted("ridgeless", rows_of(rng, n=6, d_w=9, d_s=3))
    assert wide.risks.teacher is INTERPOLATES
    assert wide.risks.student is INTERPOLATES
    # One row that alone moves a column is fitted whatever its label, for n > d as well.
    lone = rows_of(rng)
    lone.weak[:, 0] = 0.0
    lone.weak[3, 0] = 1.0
    assert fitted("ridgeless", lone).risks.teacher is INTERPOLATES


@pytest.mark.parametrize(
    ("sizes", "codes"),
    [
        ({"n": 14, "N": 40, "d_w": 3, "d_s": 5}, []),
        ({"n": 14, "N": 40, "d_w": 12, "d_s": 5}, ["OG201"]),
        ({"n": 14, "N": 40, "d_w": 3, "d_s": 12}, ["OG202"]),
        ({"n": 30, "N": 14, "d_w": 3, "d_s": 12}, ["OG203"]),
        ({"n": 14, "N": 0, "d_w": 3, "d_s": 5}, ["OG210"]),
        # Far beyond the peak: the rows are used up, but the sets are wider by far.
        ({"n": 14, "N": 40, "d_w": 90, "d_s": 5}, []),
        ({"n": 14, "N": 40, "d_w": 3, "d_s": 200}, []),
        ({"n": 14, "N": 0, "d_w": 90, "d_s": 90}, ["OG210"]),
    ],
)
def test_ridgeless_checks(rng, sizes, codes):
    assert [check.code for check in fitted("ridgeless", rows_of(rng, **sizes)).checks] == codes


def test_a_penalty_at_the_edge_is_said(rng):
    # Labels without noise: the smaller the penalty the better, down to the end of the grid.
    rows = rows_of(rng, n=40, N=60, noise=0.0)
    exact = Rows(rows.weak, rows.strong, rows.weak, rows.pool_weak, rows.pool_strong, rows.folds)
    details = [check.detail for check in fitted("ridge", exact).checks if check.code == "OG208"]
    assert "teacher: alpha_w" in details


def test_folds_partition_rows_and_keep_groups_whole(rng):
    groups = [np.array(g) for g in np.array_split(rng.permutation(23), 7)]
    content = rng.normal(size=(23, 2))
    for given in (None, groups):
        folds = folds_of(content, given, np.random.RandomState(3), 4)
        assert len(folds) == 4
        np.testing.assert_array_equal(np.sort(np.concatenate(folds)), np.arange(23))
        for group in given or []:
            assert sum(bool(np.isin(group, fold).any()) for fold in folds) == 1
    # Another order of the rows: the same rows stand together.
    order = rng.permutation(23)
    mixed = folds_of(content[order], None, np.random.RandomState(3), 4)
    plain = folds_of(content, None, np.random.RandomState(3), 4)
    assert [set(order[fold]) for fold in mixed] == [set(fold) for fold in plain]
    assert len(folds_of(content[:3], None, np.random.RandomState(0), 10)) == 3


def test_logistic_fits_that_stop_short_are_said(rng, monkeypatch):
    rows = rows_of(rng, n=40, N=50)
    labels = np.digitize(rows.y[:, 0], np.quantile(rows.y[:, 0], [0.4, 0.7]))
    rows = rows._replace(y=np.eye(3)[labels])
    found = fitted("logistic", rows)
    np.testing.assert_allclose(found.pseudo_labels.sum(axis=1), 1)
    assert found.risks.teacher.value < np.log(3)  # better than not looking at all
    assert "cross-entropy" in found.risks.teacher.method
    assert "OG301" not in [check.code for check in found.checks]
    monkeypatch.setattr(logistic_columns, "ITERATIONS", 1)
    short = [check.detail.split(":")[0] for check in fitted("logistic", rows).checks if check.code == "OG301"]
    assert short == ["teacher", "baseline", "student"]
