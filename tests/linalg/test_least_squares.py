"""Least squares: against numpy and scikit-learn, one method against another, invariances, and every error."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression, Ridge

from outgrow.errors import DataError
from outgrow.linalg.least_squares import least_squares, least_squares_from_moments
from outgrow.linalg.moments import Moments

SHAPES = ((40, 6), (8, 20), (15, 15), (16, 15), (15, 16), (1, 4), (5, 1))
METHODS = ("auto", "svd", "primal", "dual")


def problem(rng, m, d, k=2):
    X = rng.standard_normal((m, d)) @ rng.standard_normal((d, d)) + 2
    return X, X @ rng.standard_normal((d, k)) + rng.standard_normal((m, k)) - 5


def moments_of(blocks, weights=None):
    moments = Moments()
    moments.update(blocks, weights=weights)
    return moments.finalize().select()


def centred_lstsq(X, y):
    """Minimum norm with an intercept, by numpy."""
    coef, _, rank, _ = np.linalg.lstsq(X - X.mean(axis=0), y - y.mean(axis=0), rcond=None)
    return coef, y.mean(axis=0) - X.mean(axis=0) @ coef, rank


def ridge_by_rows(X, y, alpha, weights, intercept):
    """The objective as written, minimized by lstsq on stacked rows, the intercept a column of its own."""
    m, d = X.shape
    root = np.sqrt(weights / weights.sum())[:, None]
    A = np.vstack(
        [root * np.hstack([X, np.full((m, 1), float(intercept))]), np.eye(d, d + 1) * np.sqrt(alpha)]
    )
    b = np.vstack([root * y, np.zeros((d, y.shape[1]))])
    found = np.linalg.lstsq(A, b, rcond=None)[0]
    return found[:d], found[d] * intercept


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_minimum_norm_equals_lstsq(rng, shape):
    X, y = problem(rng, *shape)
    plain = least_squares(X, y, intercept=False)
    coef, _, rank, singular = np.linalg.lstsq(X, y, rcond=None)
    np.testing.assert_allclose(plain.coef, coef, rtol=1e-8, atol=1e-10)
    assert (plain.rank, plain.intercept.tolist()) == (rank, [0, 0])
    assert plain.condition == pytest.approx(singular[0] / singular[rank - 1], rel=1e-6)
    fitted = least_squares(X, y)
    coef, level, rank = centred_lstsq(X, y)
    np.testing.assert_allclose(fitted.coef, coef, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(fitted.intercept, level, rtol=1e-8, atol=1e-8)
    assert fitted.rank == rank == min(shape[0] - 1, shape[1])
    assert fitted.df == pytest.approx(rank + 1)
    if shape[0] > shape[1]:
        theirs = LinearRegression().fit(X, y)
        np.testing.assert_allclose(fitted.coef, theirs.coef_.T, rtol=1e-7)
        np.testing.assert_allclose(fitted.predict(X), theirs.predict(X), rtol=1e-7)


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("m", [30, 4])
def test_deficient_features(rng, m, intercept):
    base = rng.standard_normal((m, 3)) + 100
    # A duplicated column, a constant one, a zero one, and a sum of two others.
    X = np.column_stack([base, base[:, 0], np.full(m, 0.1), np.zeros(m), base[:, 1] + base[:, 2]])
    y = rng.standard_normal((m, 2))
    found = least_squares(X, y, intercept=intercept)
    # numpy's own cutoff takes the rounding of the sum, centred, for a direction.
    means = (X.mean(axis=0), y.mean(axis=0)) if intercept else (np.zeros(7), np.zeros(2))
    coef = np.linalg.pinv(X - means[0], 1e-11) @ (y - means[1])
    np.testing.assert_allclose(found.coef, coef, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(found.intercept, means[1] - means[0] @ coef, rtol=1e-6, atol=1e-6)
    assert found.rank == (3 if intercept else 4)
    if intercept:
        np.testing.assert_allclose(found.coef[4:6], 0, atol=1e-12)
    np.testing.assert_allclose(found.coef[0], found.coef[3], rtol=1e-6, atol=1e-8)
    # No other solution that fits as well is shorter: anything in the null space is orthogonal to it.
    centred = X - X.mean(axis=0) * intercept
    null = np.linalg.svd(centred)[2][found.rank :]
    np.testing.assert_allclose(null @ found.coef, 0, atol=1e-8)


def test_constant_features_leave_the_mean(rng):
    y = rng.standard_normal((6, 2))
    found = least_squares(np.full((6, 3), 0.1), y, [0.0, 1.0])
    assert (found.rank, found.condition) == (0, 1.0)
    np.testing.assert_array_equal(found.coef, 0)
    np.testing.assert_allclose(found.predict(np.ones((2, 3)))[1, 0], y.mean(axis=0))
    np.testing.assert_allclose(found.loo_residuals[0], (y - y.mean(axis=0)) * 6 / 5, rtol=1e-12)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_penalty_is_scikit_learns_over_m(rng, shape, method):
    m = shape[0]
    X, y = problem(rng, *shape)
    for alpha in (1e-2, 3.0):
        for intercept in (True, False):
            ours = least_squares(X, y, alpha, intercept=intercept, method=method)
            theirs = Ridge(alpha=m * alpha, fit_intercept=intercept, solver="svd").fit(X, y)
            np.testing.assert_allclose(ours.coef, theirs.coef_.T, rtol=1e-7, atol=1e-9)
            np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-7, atol=1e-8)
            weights = rng.exponential(size=m)
            ours = least_squares(X, y, alpha, weights=weights, intercept=intercept, method=method)
            theirs = Ridge(alpha=weights.sum() * alpha, fit_intercept=intercept, solver="svd")
            theirs.fit(X, y, sample_weight=weights)
            np.testing.assert_allclose(ours.coef, theirs.coef_.T, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_minimizes_the_objective_as_written(rng, shape, intercept):
    X, y = problem(rng, *shape)
    weights = rng.exponential(size=len(X))
    found = least_squares(X, y, 0.3, weights=weights, intercept=intercept)
    coef, level = ridge_by_rows(X, y, 0.3, weights, intercept)
    np.testing.assert_allclose(found.coef, coef, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(found.intercept, level, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("alpha", [0.0, 0.2])
def test_weights_act_as_repeated_rows(rng, alpha):
    X, y = problem(rng, 12, 5)
    counts = rng.integers(0, 4, size=12)
    weighted = least_squares(X, y, alpha, weights=counts)
    repeated = least_squares(np.repeat(X, counts, axis=0), np.repeat(y, counts, axis=0), alpha)
    np.testing.assert_allclose(weighted.coef, repeated.coef, rtol=1e-8)
    np.testing.assert_allclose(weighted.intercept, repeated.intercept, rtol=1e-8)
    assert weighted.df == pytest.approx(repeated.df)
    # Only ratios matter, also where the sum of weights overflows.
    huge = least_squares(X, y, alpha, weights=counts * (np.finfo(np.float64).max / 4))
    np.testing.assert_allclose(huge.coef, weighted.coef, rtol=1e-10)


def test_shapes_of_paths_and_targets(rng):
    X, y = problem(rng, 20, 4, k=3)
    alphas = np.array([1.0, 0.0, 0.01])
    for method in METHODS:
        path = least_squares(X, y, alphas, method=method)
        assert path.coef.shape == (3, 4, 3) and path.intercept.shape == (3, 3)
        assert path.predict(X[:5]).shape == (3, 5, 3)
        assert path.loo_residuals.shape == (3, 20, 3)
        assert path.df.shape == path.alpha.shape == (3,)
        for i, alpha in enumerate(alphas):
            one = least_squares(X, y, alpha, method="svd")
            np.testing.assert_allclose(path.coef[i], one.coef, rtol=1e-8, atol=1e-12)
            np.testing.assert_allclose(path.predict(X)[i], one.predict(X), rtol=1e-9)
            np.testing.assert_allclose(path.loo_residuals[i], one.loo_residuals, rtol=1e-7)
            assert path.df[i] == pytest.approx(one.df)
            single = least_squares(X, y[:, 1], alpha)
            assert single.coef.shape == (4,) and isinstance(single.intercept, float)
            assert single.predict(X).shape == single.loo_residuals.shape == (20,)
            np.testing.assert_allclose(single.coef, one.coef[:, 1], rtol=1e-9)
        flat = least_squares(X, y[:, 1], alphas, method=method)
        assert flat.coef.shape == (3, 4) and flat.intercept.shape == (3,)
        assert flat.loo_residuals.shape == (3, 20)
        np.testing.assert_allclose(flat.predict(X), path.predict(X)[..., 1], rtol=1e-9)
    assert least_squares(X, y[:, 0].tolist()).coef.shape == (4,)


@pytest.mark.parametrize("shape", [(40, 6), (8, 20)], ids=str)
def test_method_is_stated(rng, shape):
    X, y = problem(rng, *shape)
    assert least_squares(X, y, 0.0).method == "svd"
    assert least_squares(X, y, [1.0, 0.0]).method == "svd"
    assert least_squares(X, y, 1e4).method == ("primal" if shape[0] > shape[1] else "dual")
    # A penalty below a Gram matrix's rounding is served by rows.
    assert least_squares(X, y, 1e-9).method == "svd"
    for method in ("svd", "primal", "dual"):
        assert least_squares(X, y, 1.0, method=method).method == method
    with pytest.raises(DataError, match=r"no method is called 'qr'\. Methods: auto, svd, primal, dual\."):
        least_squares(X, y, method="qr")


@pytest.mark.parametrize("method", ["svd", "primal", "dual"])
def test_df_is_the_trace_of_the_hat_matrix(rng, method):
    X, _ = problem(rng, 9, 4)
    weights = rng.exponential(size=9)
    for alpha in (0.0, 0.5):
        found = least_squares(X, np.eye(9), alpha, weights=weights, method=method)
        assert found.df == pytest.approx(np.trace(found.predict(X)), rel=1e-9)


def test_ill_conditioned_rows(rng):
    # Singular values down to 1e-9: rows resolve them all, their Gram matrix not half.
    U, _ = np.linalg.qr(rng.standard_normal((50, 10)))
    V, _ = np.linalg.qr(rng.standard_normal((10, 10)))
    X = (U * np.logspace(0, -9, 10)) @ V.T
    theta = V @ np.ones(10)
    found = least_squares(X, X @ theta, intercept=False)
    assert found.rank == 10 and found.condition == pytest.approx(1e9, rel=1e-4)
    np.testing.assert_allclose(found.coef, theta, rtol=1e-4)
    assert least_squares(X, X @ theta, intercept=False, method="primal").rank < 10


def test_far_means_cost_no_rank(rng):
    for far in (1e6, 1e8, 1e10):
        X = rng.standard_normal((60, 5)) + far
        X = np.column_stack([X, X[:, 0] + X[:, 1] - far])
        for method in ("svd", "primal", "dual"):
            assert least_squares(X, X[:, 0], method=method).rank == 5


# From moments


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("alpha", [0.0, 0.1, [0.01, 1.0]], ids=str)
def test_from_moments_equals_from_rows(rng, alpha, intercept):
    X, y = problem(rng, 50, 6)
    weights = rng.exponential(size=50)
    moments = moments_of({"a": X[:, :4], "b": X[:, 4:], "y": y}, weights)
    found = least_squares_from_moments(moments, ["a", "b"], "y", alpha, intercept=intercept)
    rows = least_squares(X, y, alpha, weights=weights, intercept=intercept)
    np.testing.assert_allclose(found.coef, rows.coef, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(found.intercept, rows.intercept, rtol=1e-8)
    np.testing.assert_allclose(found.df, rows.df, rtol=1e-9)
    np.testing.assert_allclose(found.predict(X), rows.predict(X), rtol=1e-8)
    assert (found.rank, found.method, found.checks) == (6, "moments", ())
    assert found.condition == pytest.approx(rows.condition, rel=1e-6)
    assert found.loo_residuals is None
    one = least_squares_from_moments(moments, "a", "y", alpha, intercept=intercept)
    theirs = least_squares(X[:, :4], y, alpha, weights=weights, intercept=intercept)
    np.testing.assert_allclose(one.coef, theirs.coef, rtol=1e-8, atol=1e-10)


def test_wide_moments_are_minimum_norm(rng):
    # Rows less one directions exist, and all are found: nothing is missing, so nothing is to be checked.
    X, y = problem(rng, 8, 20)
    found = least_squares_from_moments(moments_of({"x": X, "y": y}), "x", "y")
    np.testing.assert_allclose(found.coef, centred_lstsq(X, y)[0], rtol=1e-5, atol=1e-7)
    assert (found.rank, found.checks) == (7, ())


def test_moments_that_cannot_resolve_fall_back_on_rows(rng):
    X = rng.standard_normal((300, 5)) * np.array([1, 1, 1, 1, 1e-5])
    theta = np.array([1.0, 1.0, 1.0, 1.0, 1e5])
    y = X @ theta + 3
    narrow = moments_of({"x": X.astype(np.float32), "y": y})
    left_out = least_squares_from_moments(narrow, "x", "y")
    assert left_out.rank == 4 and left_out.method == "moments"
    (check,) = left_out.checks
    assert check.code == "OG209"
    assert check.detail.startswith("1 of 5 directions have variances below ")
    assert check.detail.endswith(", the error of the moments")
    with_rows = least_squares_from_moments(narrow, "x", "y", rows=(X, y))
    assert with_rows.method == "svd: the moments resolve 4 of 5 directions"
    assert (with_rows.rank, with_rows.checks) == (5, ())
    np.testing.assert_allclose(with_rows.coef[:, 0], theta, rtol=1e-8)
    assert with_rows.loo_residuals.shape == (300, 1)
    # float64 moments resolve it; a penalty above the error outweighs what float32 ones cannot.
    assert least_squares_from_moments(moments_of({"x": X, "y": y}), "x", "y").rank == 5
    ridge = least_squares_from_moments(narrow, "x", "y", 1e-3, rows=(X, y))
    assert (ridge.rank, ridge.method, ridge.checks) == (5, "moments", ())
    np.testing.assert_allclose(ridge.coef, least_squares(X, y[:, None], 1e-3).coef, rtol=1e-2, atol=1e-3)


def test_duplicated_columns_are_reported_from_moments(rng):
    x, y = rng.standard_normal((40, 2)), rng.standard_normal(40)
    X = np.column_stack([x, x[:, 0], np.ones(40)])
    found = least_squares_from_moments(moments_of({"x": X, "y": y}), "x", "y")
    np.testing.assert_allclose(found.coef[:, 0], centred_lstsq(X, y)[0], rtol=1e-9, atol=1e-12)
    assert found.checks[0].detail.startswith("1 of 3 directions")


def test_means_far_from_zero_without_intercept(rng):
    X, y = problem(rng, 200, 4)
    X += 1e8
    moments = moments_of({"x": X, "y": y})
    found = least_squares_from_moments(moments, "x", "y", intercept=False)
    # Second moments lose what the means' squares swamp, and say so.
    assert found.rank < 4 and found.checks[0].code == "OG209"
    rows = least_squares_from_moments(moments, "x", "y", intercept=False, rows=(X, y))
    np.testing.assert_allclose(rows.coef, np.linalg.lstsq(X, y, rcond=None)[0], rtol=1e-6, atol=1e-7)


def test_float32_moments_without_intercept(rng):
    # The error of second moments is that of the covariance and of the means: far less than the share of the
    # covariance's own in an eigenvalue that the means' squares make huge.
    X, y = rng.standard_normal((2_000, 4)) + 1000, rng.standard_normal((2_000, 1))
    X = X.astype(np.float32).astype(np.float64)
    found = least_squares_from_moments(
        moments_of({"x": X.astype(np.float32), "y": y}), "x", "y", intercept=False
    )
    assert (found.rank, found.checks) == (4, ())
    np.testing.assert_allclose(found.coef, np.linalg.lstsq(X, y, rcond=None)[0], atol=1e-3)


def test_rows_must_be_those_of_the_moments(rng):
    X, y = problem(rng, 30, 3)
    X[:, 2] = X[:, 1]
    weights = np.full(30, 2.0)
    moments = moments_of({"x": X, "y": y}, weights)
    given = least_squares_from_moments(moments, "x", "y", rows=(X, y), weights=weights)
    assert given.method.startswith("svd: ")
    with pytest.raises(DataError, match=r"rows: rows of shape \(29, 3\) are not the moments' \(30, 3\)"):
        least_squares_from_moments(moments, "x", "y", rows=(X[1:], y[1:]), weights=weights[1:])
    with pytest.raises(DataError, match=r"rows: the rows weigh 30 and the moments 60\. Give the rows of"):
        least_squares_from_moments(moments, "x", "y", rows=(X, y))
    with pytest.raises(DataError, match="there is no block 'z'"):
        least_squares_from_moments(moments, "z", "y")


# Invariances


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
    fit = least_squares(X, y, alpha, weights=weights)
    if fit.condition > 1e4:
        return
    query = rng.standard_normal((4, d))
    base = fit.predict(query)
    order = rng.permutation(m)
    turn = np.linalg.qr(rng.standard_normal((d, d)))[0]
    move, level = rng.standard_normal(d) * 10, np.array([3.0, -7.0])
    tolerance = {"rtol": 1e-6, "atol": 1e-6}
    shuffled = least_squares(X[order], y[order], alpha, weights=None if weights is None else weights[order])
    np.testing.assert_allclose(shuffled.predict(query), base, **tolerance)
    turned = least_squares(X @ turn, y, alpha, weights=weights)
    np.testing.assert_allclose(turned.predict(query @ turn), base, **tolerance)
    moved = least_squares(X + move, y + level, alpha, weights=weights)
    np.testing.assert_allclose(moved.predict(query + move), base + level, **tolerance)
    scaled = least_squares(X * 8, y, alpha * 64, weights=weights)
    np.testing.assert_allclose(scaled.predict(query * 8), base, **tolerance)
    padded = least_squares(np.hstack([X, np.zeros((m, 2))]), y, alpha, weights=weights)
    np.testing.assert_allclose(
        padded.predict(np.hstack([query, query[:, :1], query[:, :1]])), base, **tolerance
    )
    for other in (shuffled, turned, moved, scaled, padded):
        assert other.rank == fit.rank
        assert other.condition == pytest.approx(fit.condition, rel=1e-6)
        assert other.df == pytest.approx(fit.df, rel=1e-6)
    np.testing.assert_allclose(
        least_squares(X, 3 * y, alpha, weights=weights).predict(query), 3 * base, **tolerance
    )


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), m=st.integers(2, 15), d=st.integers(1, 15))
def test_ridgeless_is_the_limit_of_ridge(seed, m, d):
    rng = np.random.default_rng(seed)
    X, y = rng.standard_normal((m, d)), rng.standard_normal(m)
    path = least_squares(X, y, [0.0, 1e-12])
    if path.condition < 1e3:
        np.testing.assert_allclose(path.coef[1], path.coef[0], atol=1e-5 * (1 + np.linalg.norm(path.coef[0])))
        assert np.linalg.norm(path.coef[1]) <= np.linalg.norm(path.coef[0]) * (1 + 1e-9)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ((np.ones(3), np.ones(3)), "X: rows of at least one column are needed, not shape (3,)"),
        ((np.ones((0, 2)), np.ones(0)), "X: rows of at least one column are needed, not shape (0, 2)"),
        ((np.ones((2, 0)), np.ones(2)), "X: rows of at least one column are needed, not shape (2, 0)"),
        ((np.ones((2, 2)), np.ones(3)), "least squares: X has 2 rows and y 3"),
        ((np.ones((2, 2)), np.float64(1)), "y: rows of at least one column are needed, not shape ()"),
        ((np.array([[1, np.nan]]), np.ones(1)), "X: row 0, column 1 is nan"),
        ((np.ones((2, 2)), np.array([0, np.inf])), "y: row 1, column 0 is inf"),
        ((np.ones((2, 2), complex), np.ones(2)), "X: complex128 is no type of real numbers"),
        ((np.ones((2, 2)), np.array(["a", "b"])), "y: <U1 is no type of real numbers"),
        ((np.ones((2, 2)), np.ones(2), -1.0), "alpha: penalties must be finite and at least 0, not -1.0"),
        ((np.ones((2, 2)), np.ones(2), np.inf), "alpha: penalties must be finite and at least 0, not inf"),
        ((np.ones((2, 2)), np.ones(2), []), "alpha: penalties must be finite and at least 0, not []"),
    ],
)
def test_errors(arguments, line):
    with pytest.raises(DataError) as found:
        least_squares(*arguments)
    assert str(found.value) == line


@pytest.mark.parametrize(
    ("weights", "line"),
    [
        (np.ones(2), "weights: one weight per row is needed (3 rows, shape (2,))"),
        (np.array([1, -1, 1]), "weights: weights must be finite and at least 0, and not all 0"),
        (np.array([1, np.nan, 1]), "weights: weights must be finite and at least 0, and not all 0"),
        (np.zeros(3), "weights: weights must be finite and at least 0, and not all 0"),
    ],
)
def test_errors_of_weights(weights, line):
    with pytest.raises(DataError) as found:
        least_squares(np.ones((3, 1)), np.ones(3), weights=weights)
    assert str(found.value) == line


def test_errors_of_predict(rng):
    X, y = problem(rng, 10, 3)
    for alpha in (0.0, [0.0, 1.0]):
        fit = least_squares(X, y, alpha)
        with pytest.raises(DataError, match=r"predict: features of width 3 are needed, not shape \(2, 4\)"):
            fit.predict(np.ones((2, 4)))
        with pytest.raises(DataError, match=r"not shape \(3,\)"):
            fit.predict(np.ones(3))
