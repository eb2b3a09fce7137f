"""Tests of outgrow.probes.min_norm."""

from __future__ import annotations

from sklearn.utils.estimator_checks import parametrize_with_checks

from outgrow import MinNormRegressor


@parametrize_with_checks([MinNormRegressor(), MinNormRegressor(fit_intercept=False)])
def test_scikit_learn_compatible(estimator, check):
    check(estimator)
