"""Ridge along a path: against numpy and scikit-learn, refits without rows and groups, and invariances."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression, Ridge

from outgrow.errors import DataError
from outgrow.linalg.ridge_path import RidgePath

SHAPES = ((40, 6), (8, 20), (15, 15), (16, 15), (15, 16), (2, 4), (5, 1))
LARGE = 1e4
"""A penalty for which a Gram matrix takes the place of rows."""


def fit(X, y, alpha=0.0, **options):
    path = RidgePath(X, y, np.array([alpha]), **options)
    return path, path.model(0)


def problem(rng, m, d, k=2):
    X = rng.standard_normal((m, d)) @ rng.standard_normal((d, d)) + 2
    return X, X @ rng.standard_normal((d, k)) + rng.standard_normal((m, k)) - 5


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_minimum_norm_equals_lstsq(rng, shape):
    X, y = problem(rng, *shape)
    plain, model = fit(X, y, intercept=False)
    coef, _, rank, singular = np.linalg.lstsq(X, y, rcond=None)
    np.testing.assert_allclose(model.coef, coef, rtol=1e-8, atol=1e-10)
    assert (model.info, model.intercept.tolist()) == ({"rank": rank}, [0, 0])
    assert plain.condition == pytest.approx(singular[0] / singular[rank - 1], rel=1e-6)
    _, model = fit(X, y)
    centre, level = X.mean(axis=0), y.mean(axis=0)
    coef, _, rank, _ = np.linalg.lstsq(X - centre, y - level, rcond=None)
    np.testing.assert_allclose(model.coef, coef, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(model.intercept, level - centre @ coef, rtol=1e-8, atol=1e-8)
    assert model.info["rank"] == rank == min(shape[0] - 1, shape[1])
    if shape[0] > shape[1]:
        theirs = LinearRegression().fit(X, y)
        np.testing.assert_allclose(model.coef, theirs.coef_.T, rtol=1e-7)
        np.testing.assert_allclose(model.predict(X), theirs.predict(X), rtol=1e-7)


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("m", [30, 4])
def test_deficient_features(rng, m, intercept):
    base = rng.standard_normal((m, 3)) + 100
    # A duplicated column, a constant one, a zero one, and a sum of two others.
    X = np.column_stack([base, base[:, 0], np.full(m, 0.1), np.zeros(m), base[:, 1] + base[:, 2]])
    y = rng.standard_normal((m, 2))
    path, model = fit(X, y, intercept=intercept)
    # numpy's own cutoff takes the rounding of the sum, centred, for a direction.
    means = (X.mean(axis=0), y.mean(axis=0)) if intercept else (np.zeros(7), np.zeros(2))
    coef = np.linalg.pinv(X - means[0], 1e-11) @ (y - means[1])
    np.testing.assert_allclose(model.coef, coef, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(model.intercept, means[1] - means[0] @ coef, rtol=1e-6, atol=1e-6)
    assert len(path.values) == (3 if intercept else 4)
    if intercept:
        np.testing.assert_allclose(model.coef[4:6], 0, atol=1e-12)
    # No other solution that fits as well is shorter: anything in the null space is orthogonal to it.
    null = np.linalg.svd(X - X.mean(axis=0) * intercept)[2][len(path.values) :]
    np.testing.assert_allclose(null @ model.coef, 0, atol=1e-8)


def test_constant_features_leave_the_mean(rng):
    y = rng.standard_normal((6, 2))
    path = RidgePath(np.full((6, 3), 0.1), y, np.array([0.0, 1.0]))
    assert (len(path.values), path.condition) == (0, 1.0)
    np.testing.assert_array_equal(path.model(1).coef, 0)
    np.testing.assert_allclose(path.model(1).predict(np.ones((2, 3)))[0], y.mean(axis=0))
    np.testing.assert_allclose(path.deleted_residuals[:, 0], (y - y.mean(axis=0)) * 6 / 5, rtol=1e-12)


@pytest.mark.parametrize("alpha", [1e-2, 3.0, LARGE])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_penalty_is_scikit_learns_over_m(rng, shape, intercept, alpha):
    X, y = problem(rng, *shape)
    for weights in (np.ones(len(X)), rng.exponential(size=len(X))):
        _, ours = fit(X, y, alpha, weights=weights, intercept=intercept)
        theirs = Ridge(alpha=weights.sum() * alpha, fit_intercept=intercept, solver="svd")
        theirs.fit(X, y, sample_weight=weights)
        np.testing.assert_allclose(ours.coef, theirs.coef_.T, rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-7, atol=1e-8)
    _, plain = fit(X, y, alpha, intercept=intercept)
    _, even = fit(X, y, alpha, weights=np.full(len(X), 3.0), intercept=intercept)
    np.testing.assert_allclose(plain.coef, even.coef, rtol=1e-9, atol=1e-12)


def test_only_ratios_of_weights_matter_also_where_their_sum_overflows(rng):
    X, y = problem(rng, 12, 5)
    counts = rng.integers(0, 4, size=12).astype(float)
    plain, huge = (fit(X, y, 0.2, weights=counts * by)[1] for by in (1, np.finfo(np.float64).max / 4))
    np.testing.assert_allclose(huge.coef, plain.coef, rtol=1e-10)


def test_ill_conditioned_rows(rng):
    # Singular values down to 1e-9: rows resolve them all, their Gram matrix not half.
    U, _ = np.linalg.qr(rng.standard_normal((50, 10)))
    V, _ = np.linalg.qr(rng.standard_normal((10, 10)))
    X = (U * np.logspace(0, -9, 10)) @ V.T
    theta = V @ np.ones((10, 1))
    path, model = fit(X, X @ theta, intercept=False)
    assert len(path.values) == 10 and path.condition == pytest.approx(1e9, rel=1e-4)
    np.testing.assert_allclose(model.coef, theta, rtol=1e-4)


@pytest.mark.parametrize("alpha", [0.0, LARGE])
@pytest.mark.parametrize("far", [1e6, 1e8, 1e10])
def test_far_means_cost_no_rank(rng, far, alpha):
    X = rng.standard_normal((60, 5)) + far
    X = np.column_stack([X, X[:, 0] + X[:, 1] - far])
    assert len(fit(X, X[:, :1], alpha)[0].values) == 5


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1),
    m=st.integers(3, 25),
    d=st.integers(1, 25),
    alpha=st.sampled_from([0.0, 1e-3, 1.0]),
    weighted=st.booleans(),
)
def test_invariances(seed, m, d, alpha, weighted):
    rng = np.random.default_rng(seed)
    X, y = rng.standard_normal((m, d)), rng.standard_normal((m, 2))
    weights = rng.uniform(0.5, 2, size=m) if weighted else None
    path, model = fit(X, y, alpha, weights=weights)
    if path.condition > 1e4:
        return
    query = rng.standard_normal((4, d))
    base = model.predict(query)
    order, turn = rng.permutation(m), np.linalg.qr(rng.standard_normal((d, d)))[0]
    move, level = rng.standard_normal(d) * 10, np.array([3.0, -7.0])
    reordered = None if weights is None else weights[order]
    cases = [
        (fit(X[order], y[order], alpha, weights=reordered), query, base),
        (fit(X @ turn, y, alpha, weights=weights), query @ turn, base),
        (fit(X + move, y + level, alpha, weights=weights), query + move, base + level),
        (fit(X * 8, y, alpha * 64, weights=weights), query * 8, base),
        (fit(X, 3 * y, alpha, weights=weights), query, 3 * base),
    ]
    for (other, one), rows, expected in cases:
        np.testing.assert_allclose(one.predict(rows), expected, rtol=1e-6, atol=1e-6)
        assert len(other.values) == len(path.values)
        assert other.condition == pytest.approx(path.condition, rel=1e-6)


# Rows and groups left out


def refits(X, y, alpha, weights, intercept, groups):
    """Residuals of each group under a fit of the others; the total penalty stays."""
    w = np.full(len(X), 1 / len(X)) if weights is None else weights / weights.sum()
    out = np.empty_like(y)
    for gone in groups or np.arange(len(X))[:, None]:
        rest = np.setdiff1d(np.arange(len(X)), gone)
        share = w[rest] / w[rest].sum()
        x_mean, y_mean = share @ X[rest] * intercept, share @ y[rest] * intercept
        root = np.sqrt(w[rest])[:, None]
        A = np.vstack([root * (X[rest] - x_mean), np.sqrt(alpha) * np.eye(X.shape[1])])
        b = np.vstack([root * (y[rest] - y_mean), np.zeros((X.shape[1], y.shape[1]))])
        theta = np.linalg.lstsq(A, b, rcond=1e-12)[0]
        out[gone] = y[gone] - y_mean - (X[gone] - x_mean) @ theta
    return out


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize(
    ("shape", "alpha"), [((25, 6), 0.0), ((25, 6), 0.3), ((8, 30), 0.01), ((12, 12), LARGE), ((4, 1), 0.0)]
)
def test_left_out_residuals_equal_refits(rng, shape, alpha, intercept, weighted, grouped):
    X = rng.standard_normal(shape) * np.logspace(0, -2, shape[1]) + 3
    y = X @ rng.standard_normal((shape[1], 2)) + rng.standard_normal((shape[0], 2))
    weights = rng.uniform(0.3, 3, size=len(X)) if weighted else None
    groups = [np.arange(len(X))[i::4] for i in range(min(4, len(X)))] if grouped else None
    path, _ = fit(X, y, alpha, groups=groups, weights=weights, intercept=intercept)
    assert path.leaves_out
    brute = refits(X, y, alpha, weights, intercept, groups)
    np.testing.assert_allclose(path.deleted_residuals[:, 0], brute, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(path.row_losses[0], np.sum(brute**2, axis=1), rtol=1e-6, atol=1e-8)


def test_rows_that_weigh_nothing_were_never_in(rng):
    X, y = rng.standard_normal((12, 4)), rng.standard_normal((12, 2))
    weights = rng.uniform(0.5, 2, size=12)
    weights[[2, 7]] = 0.0
    path, model = fit(X, y, 0.1, weights=weights)
    np.testing.assert_allclose(path.deleted_residuals[:, 0], refits(X, y, 0.1, weights, 1, None), rtol=1e-8)
    np.testing.assert_allclose(path.deleted_residuals[2, 0], y[2] - model.predict(X[2:3])[0], rtol=1e-9)


@pytest.mark.parametrize(
    ("rows", "groups", "what"),
    [
        (5, None, "one row"),
        (1, None, "one row"),
        # Three rows are left for six directions.
        (23, [np.arange(20), np.arange(20, 23)], "a group"),
    ],
)
def test_a_fit_that_interpolates_leaves_nothing_out(rng, rows, groups, what):
    X, y = rng.standard_normal((rows, 6)), rng.standard_normal((rows, 1))
    path = RidgePath(X, y, np.array([0.0, 1.0]), groups)
    assert not path.leaves_out
    with pytest.raises(DataError, match=f"leaving {what} out is not defined for a fit that interpolates"):
        _ = path.deleted_residuals
    assert RidgePath(X, y, np.array([0.1, 1.0]), groups).leaves_out == (rows > 1)
