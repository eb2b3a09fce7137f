"""Exact leave-one-out residuals, against refits without each row by numpy's lstsq."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import RidgeCV

from outgrow.errors import DataError
from outgrow.linalg.least_squares import least_squares


def refits(X, y, alpha, weights=None, intercept=True):
    """y_i less the prediction without row i; the total penalty stays (sum of all weights times alpha)."""
    m, d = X.shape
    w = np.full(m, 1 / m) if weights is None else weights / weights.sum()
    out = np.empty_like(y)
    for i in range(m):
        rest = np.arange(m) != i
        share = w[rest] / w[rest].sum()
        x_mean = share @ X[rest] * intercept
        y_mean = share @ y[rest] * intercept
        root = np.sqrt(w[rest])[:, None]
        A = np.vstack([root * (X[rest] - x_mean), np.sqrt(alpha) * np.eye(d)])
        b = np.vstack([root * (y[rest] - y_mean), np.zeros((d, y.shape[1]))])
        theta = np.linalg.lstsq(A, b, rcond=1e-12)[0]
        out[i] = y[i] - y_mean - (X[i] - x_mean) @ theta
    return out


def problem(rng, m, d):
    X = rng.standard_normal((m, d)) * np.logspace(0, -2, d) + 3
    return X, X @ rng.standard_normal((d, 2)) + rng.standard_normal((m, 2))


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("intercept", [True, False], ids=["intercept", "none"])
@pytest.mark.parametrize("alpha", [0.0, 1e-6, 0.3])
@pytest.mark.parametrize("shape", [(25, 6), (8, 30), (12, 12), (13, 12), (12, 13), (3, 1), (2, 5)], ids=str)
def test_equals_refits(rng, shape, alpha, intercept, weighted):
    X, y = problem(rng, *shape)
    weights = rng.uniform(0.3, 3, size=len(X)) if weighted else None
    brute = refits(X, y, alpha, weights, intercept)
    fit = least_squares(X, y, alpha, weights=weights, intercept=intercept)
    np.testing.assert_allclose(fit.loo_residuals, brute, rtol=1e-8, atol=1e-8 * (1 + abs(brute).max()))
    if alpha > 1e-3:
        for method in ("primal", "dual"):
            gram = least_squares(X, y, alpha, weights=weights, intercept=intercept, method=method)
            np.testing.assert_allclose(gram.loo_residuals, brute, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("alpha", [0.0, 0.1])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("m", [20, 5])
def test_duplicated_and_constant_columns(rng, m, intercept, alpha):
    base = rng.standard_normal((m, 4))
    X, y = np.column_stack([base, base[:, :2], np.ones(m), np.zeros(m)]), rng.standard_normal((m, 2))
    fit = least_squares(X, y, alpha, intercept=intercept)
    np.testing.assert_allclose(fit.loo_residuals, refits(X, y, alpha, None, intercept), rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("alpha", [0.0, 0.1])
def test_a_row_that_alone_spans_a_direction(rng, alpha):
    # Interpolated among others that are not: without it the direction is gone, and minimum norm ignores it.
    X, y = rng.standard_normal((15, 3)), rng.standard_normal((15, 1))
    X = np.column_stack([X, np.arange(15) == 4])
    fit = least_squares(X, y, alpha)
    np.testing.assert_allclose(fit.loo_residuals, refits(X, y, alpha), rtol=1e-8)
    without = np.linalg.lstsq(
        np.column_stack([np.delete(X, 4, 0), np.ones(14)]), np.delete(y, 4, 0), rcond=None
    )[0]
    if alpha == 0:
        assert fit.loo_residuals[4, 0] == pytest.approx(y[4, 0] - X[4, :3] @ without[:3, 0] - without[4, 0])


def test_ill_conditioned_rows(rng):
    # Singular values down to 1e-7 in directions that are no columns.
    U, V = (np.linalg.qr(rng.standard_normal(shape))[0] for shape in ((30, 8), (8, 8)))
    X = (U * np.logspace(0, -7, 8)) @ V.T
    y = rng.standard_normal((30, 1))
    np.testing.assert_allclose(
        least_squares(X, y, intercept=False).loo_residuals, refits(X, y, 0.0, None, False), rtol=1e-6
    )


def test_repeated_rows_and_zero_weights(rng):
    X, y = problem(rng, 12, 4)
    weights = rng.uniform(0.5, 2, size=12)
    weights[[2, 7]] = 0.0
    found = least_squares(X, y, 0.1, weights=weights)
    brute = refits(X, y, 0.1, weights)
    np.testing.assert_allclose(found.loo_residuals, brute, rtol=1e-8)
    # A row that weighs nothing was never in: its residual is that of the fit.
    np.testing.assert_allclose(found.loo_residuals[2], y[2] - found.predict(X[2:3])[0], rtol=1e-12)
    twice = np.concatenate([X, X]), np.concatenate([y, y])
    np.testing.assert_allclose(
        least_squares(*twice, 0.05).loo_residuals, refits(*twice, 0.05), rtol=1e-8, atol=1e-10
    )


def test_equals_scikit_learn_without_intercept(rng):
    X, y = problem(rng, 30, 5)
    theirs = RidgeCV(alphas=[30 * 0.1], fit_intercept=False, store_cv_results=True).fit(X, y)
    found = least_squares(X, y, 0.1, intercept=False).loo_residuals
    np.testing.assert_allclose(found**2, theirs.cv_results_[..., 0], rtol=1e-8)


def test_tiny_penalty_joins_the_ridgeless_limit(rng):
    X, y = problem(rng, 8, 40)
    path = least_squares(X, y, [0.0, 1e-13]).loo_residuals
    np.testing.assert_allclose(path[1], path[0], rtol=1e-6)


def test_a_single_row(rng):
    X, y = rng.standard_normal((1, 3)), np.array([2.0])
    assert least_squares(X, y, intercept=False).loo_residuals == pytest.approx(y)
    assert least_squares(X, y, 0.5, intercept=False).loo_residuals == pytest.approx(y)
    line = "leave-one-out: a single row has weight, and without it nothing is left"
    for rows, targets, weights in ((X, y, None), (np.ones((3, 1)), np.arange(3.0), np.array([0, 1, 0]))):
        fit = least_squares(rows, targets, weights=weights)
        with pytest.raises(DataError) as found:
            _ = fit.loo_residuals
        assert str(found.value) == line
