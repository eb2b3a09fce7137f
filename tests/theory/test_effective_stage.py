"""Effective penalties: the equation they solve, its limits, and samples whose populations are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outgrow.errors import DataError
from outgrow.linalg.shrinkage import df1, df2, solve_kappa
from outgrow.theory.effective_stage import MOST, effective_stages

POWER = np.arange(1, 41.0) ** -1.2


def penalty(values, shrink):
    """The k behind shrinkage factors, from the smallest eigenvalue, which it moves most."""
    return values[-1] * (1 / shrink[:, -1] - 1)


@settings(deadline=None, max_examples=80)
@given(
    st.integers(1, 30),
    st.floats(0, 3),
    st.integers(4, 200),
    st.sampled_from([1e-6, 1e-3, 0.1, 5.0]),
    st.booleans(),
)
def test_equal_to_one_solution_at_a_time(d, decay, m, alpha, intercept):
    values = np.arange(1, d + 1.0) ** -decay
    found = effective_stages(values, np.array([m]), np.array([alpha]), intercept=intercept)
    free = m - intercept
    kappa = solve_kappa(values, free, alpha * m / free)
    assert found.shrink[0] == pytest.approx(values / (values + kappa), rel=1e-9)
    assert found.df1[0] == pytest.approx(df1(values, kappa), rel=1e-9)
    for degrees in (found.df2, found.df2_here):
        assert degrees[0] == pytest.approx(df2(values, kappa), rel=1e-9)
    assert found.inflation[0] == 1 and found.spare[0] == free
    assert found.first[0] == found.second[0] == 1


def test_minimum_norm_on_both_sides_of_the_peak():
    found = effective_stages(POWER, np.array([25, 60]), np.zeros(2), intercept=False)
    assert found.df1 == pytest.approx([25, 40], rel=1e-9)
    assert (found.shrink[1] == 1).all() and found.spare.tolist() == [25, 59]
    assert found.gain[1] == pytest.approx(40 / 59) and found.rest[1] == pytest.approx(19 / 59)
    fitted = effective_stages(POWER, np.array([60]), np.zeros(1))
    # T2: the intercept costs a row, and adds the variance of a mean.
    assert fitted.gain[0] == pytest.approx(40 / 58 + 1 / 60)


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("rows", [41, 80, 1000])
def test_the_equation_with_both_sizes(rows, intercept):
    m, alpha = np.array([30, 80, 500, 2000]), np.array([0.003, 0.0, 0.1, 0.01])
    found = effective_stages(POWER, m, alpha, rows=rows, intercept=intercept)
    free, limit = m - intercept, rows - intercept
    k = penalty(POWER, found.shrink)
    fine = np.isfinite(k)
    # Barely more rows than directions: they tell of large penalties only.
    assert fine[2] and (fine[0] or rows == 41)
    asked = k * (1 - found.df1 / free) / (1 - found.df1 / limit)
    assert asked[fine] == pytest.approx((alpha * m / free)[fine], rel=1e-9, abs=1e-12)
    assert found.inflation[fine] == pytest.approx(1 / (1 - found.df1[fine] / limit))


def test_both_ends_of_the_number_of_rows_behind():
    m, alpha = np.array([50, 300]), np.array([0.02, 0.02])
    endless = effective_stages(POWER, m, alpha, rows=10**12, intercept=False)
    plain = effective_stages(POWER, m, alpha, intercept=False)
    assert endless.shrink == pytest.approx(plain.shrink, rel=1e-9)
    assert endless.df2 == pytest.approx(plain.df2, rel=1e-9)
    # The rows themselves: their ridge fit has just the penalty asked for.
    same = effective_stages(POWER, np.array([50]), np.array([0.02]), rows=50, intercept=False)
    assert penalty(POWER, same.shrink) == pytest.approx(0.02, rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("rows", [60, 200])
def test_a_sample_tells_the_populations_degrees_of_freedom(rng, rows):
    """What a plug-in of the sample's eigenvalues gets wrong, the step from k to kappa puts right."""
    values = np.arange(1, 101.0) ** -1.0
    # With 60 rows behind it, penalties from which two thirds of these are free.
    m, alpha = np.array([40, 150, 1000]), np.array([0.01, 0.03, 0.03]) * (5 if rows == 60 else 1)
    truth = effective_stages(values, m, alpha)
    kappa = penalty(values, truth.shrink)
    found, naive = [], []
    for _ in range(60):
        X = rng.standard_normal((rows, 100)) * np.sqrt(values)
        sample = np.linalg.eigvalsh(np.cov(X.T, bias=True))
        sample = sample[sample > 1e-12 * sample[-1]][::-1]
        there = effective_stages(sample, m, alpha, rows=rows)
        found.append([there.df2, there.inflation * penalty(sample, there.shrink)])
        plain = effective_stages(sample, m, alpha)
        naive.append([plain.df2, penalty(sample, plain.shrink)])
    ratio = np.mean(found, axis=0) / np.array([truth.df2, kappa])
    assert np.abs(ratio - 1).max() < 0.03, ratio
    ratio = np.mean(naive, axis=0) / np.array([truth.df2, kappa])
    assert np.abs(ratio - 1).max() > 0.06, ratio


def test_not_a_number_exactly_where_the_expectation_is_infinite():
    m = np.arange(36, 46)
    for intercept in (True, False):
        free = m - intercept
        bare = effective_stages(POWER, m, np.zeros(len(m)), intercept=intercept)
        infinite = np.abs(free - len(POWER)) <= 1
        for name in ("df1", "df2", "df2_here", "inflation", "rest", "gain"):
            assert (np.isnan(getattr(bare, name)) == infinite).all(), name
        assert (np.isnan(bare.shrink) == infinite[:, None]).all()
        ridge = effective_stages(POWER, m, np.full(len(m), 1e-6), intercept=intercept)
        assert np.isfinite(ridge.df2).all()


def test_a_pool_too_small_to_tell_gives_not_a_number():
    # 30 rows have 29 positive eigenvalues; what a minimum-norm fit on more rows does is beyond them.
    seen = effective_stages(POWER[:29], np.array([20, 100]), np.zeros(2), rows=30)
    assert np.isfinite(seen.df2[0]) and np.isnan(seen.df2[1])
    ridge = effective_stages(POWER[:29], np.array([100]), np.array([0.1]), rows=30)
    assert 1 < ridge.inflation[0] < MOST


def test_one_size_is_not_changed_by_its_neighbours():
    m, alpha = np.array([20, 41, 300]), np.array([0.0, 0.0, 0.05])
    together = effective_stages(POWER, m, alpha, rows=500)
    for i in range(3):
        alone = effective_stages(POWER, m[i : i + 1], alpha[i : i + 1], rows=500)
        np.testing.assert_array_equal(alone.shrink[0], together.shrink[i])


def test_errors():
    one = np.array([10])
    with pytest.raises(DataError, match=r"eigenvalues must be positive and finite\. Cut those that are zero"):
        effective_stages(np.array([1.0, 0.0]), one, np.zeros(1))
    with pytest.raises(DataError, match="eigenvalues must be positive"):
        effective_stages(np.zeros(0), one, np.zeros(1))
    with pytest.raises(DataError, match="a fit needs at least 2 rows"):
        effective_stages(POWER, np.array([1]), np.zeros(1))
    with pytest.raises(DataError, match="penalties must be finite and at least 0"):
        effective_stages(POWER, one, np.array([-0.1]))
    with pytest.raises(DataError, match="2 rows hold no covariance"):
        effective_stages(POWER, one, np.zeros(1), rows=2)
