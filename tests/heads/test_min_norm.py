"""Minimum-norm regression against numpy and scikit-learn, and by its own definition."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from sklearn.utils.estimator_checks import parametrize_with_checks

from outgrow import MinNormRegressor
from outgrow.errors import DataError


@parametrize_with_checks([MinNormRegressor(), MinNormRegressor(fit_intercept=False)])
def test_scikit_learn_compatible(estimator, check):
    check(estimator)


@pytest.fixture(params=[(30, 8), (8, 30), (12, 12), (30, 9, 4)], ids=str)
def world(request, rng):
    """Tall, wide, square, and rank-deficient."""
    n, d, *rank = request.param
    X = rng.normal(size=(n, d)) + 2
    if rank:
        X = rng.normal(size=(n, rank[0])) @ rng.normal(size=(rank[0], d)) + 2
    return X, X[:, :3] + rng.normal(size=(n, 3)) - 4


@pytest.mark.parametrize("targets", [1, 3])
@pytest.mark.parametrize("intercept", [True, False])
def test_equals_lstsq_on_centred_data(world, targets, intercept):
    X, y = world
    y = y[:, 0] if targets == 1 else y
    model = MinNormRegressor(fit_intercept=intercept).fit(X, y)
    x_mean, y_mean = (X.mean(axis=0), y.mean(axis=0)) if intercept else (0.0, 0.0)
    coef, _, rank, _ = np.linalg.lstsq(X - x_mean, y - y_mean, rcond=None)
    np.testing.assert_allclose(model.coef_, coef.T, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(model.predict(X), (X - x_mean) @ coef + y_mean, rtol=1e-8, atol=1e-9)
    assert model.rank_ == rank
    assert np.shape(model.intercept_) == (() if targets == 1 else (3,))


def test_weights_act_like_repeated_rows(world, rng):
    X, y = world
    weights = rng.integers(0, 4, len(X))
    weights[:2] = 1
    weighted = MinNormRegressor().fit(X, y, sample_weight=weights)
    repeated = MinNormRegressor().fit(np.repeat(X, weights, axis=0), np.repeat(y, weights, axis=0))
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(weighted.intercept_, repeated.intercept_, rtol=1e-7, atol=1e-9)
    assert weighted.rank_ == repeated.rank_
    again = MinNormRegressor().fit(X, y, sample_weight=0.1 * weights)
    np.testing.assert_allclose(again.coef_, weighted.coef_, rtol=1e-7, atol=1e-9)


def test_errors():
    X, y = np.eye(3), np.arange(3.0)
    with pytest.raises(DataError, match=r"sample_weight: every sample weight is zero\. Weigh one row"):
        MinNormRegressor().fit(X, y, sample_weight=np.zeros(3))
    with pytest.raises(DataError, match="weights: weights must be finite and at least 0, and not all 0"):
        MinNormRegressor().fit(X, y, sample_weight=[1.0, -1.0, 1.0])
    with pytest.raises(TypeError, match="Sparse data was passed"):
        MinNormRegressor().fit(sparse.csr_array(X), y)
    with pytest.raises(ValueError, match="Input y contains NaN"):
        MinNormRegressor().fit(X, [1.0, np.nan, 2.0])
    with pytest.raises(ValueError, match="X has 2 features, but MinNormRegressor is expecting 3 features"):
        MinNormRegressor().fit(X, y).predict(X[:, :2])
