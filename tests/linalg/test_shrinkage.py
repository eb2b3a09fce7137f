"""Degrees of freedom and the effective penalty: their equation, their limits, their order, against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outgrow.errors import DataError
from outgrow.linalg.shrinkage import df1, df2, solve_kappa

eigenvalues = st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=30).map(np.array)
penalties = st.one_of(st.just(0.0), st.floats(1e-8, 1e6))


def residual(values, m, alpha, kappa):
    return kappa * (1 - df1(values, kappa) / m) - alpha


@settings(deadline=None, max_examples=300)
@given(values=eigenvalues, m=st.floats(0.5, 60), alpha=penalties)
def test_kappa_solves_its_equation(values, m, alpha):
    kappa = solve_kappa(values, m, alpha)
    assert kappa >= alpha
    if alpha == 0 and len(values) <= m:
        assert kappa == 0
        return
    # The residual at the root, relative to its terms.
    assert abs(residual(values, m, alpha, kappa)) <= 1e-11 * (alpha + kappa * (1 + len(values) / m))
    # The largest root: above it the equation's left side exceeds alpha.
    assert residual(values, m, alpha, kappa * 1.01) > 0


def test_closed_form_for_equal_eigenvalues():
    # kappa (1 - d / (m (1 + kappa))) = alpha is a quadratic.
    for d, m, alpha in ((10, 20, 0.5), (30, 20, 0.5), (30, 20, 0.0), (20, 20, 1e-10), (20, 20, 1e-30)):
        b = 1 - d / m - alpha
        root = np.sqrt(b * b + 4 * alpha)
        expected = (root - b) / 2 if b < 0 else 2 * alpha / (root + b)
        assert solve_kappa(np.ones(d), m, alpha) == pytest.approx(expected, rel=1e-9, abs=0)


def test_limits():
    values = np.array([4.0, 2.0, 1.0, 0.0, 0.0])
    # Zeros count nothing: three directions fit into three samples.
    assert solve_kappa(values, 3, 0.0) == 0
    assert 0 < solve_kappa(values, 2.999, 0.0) < 1e-2
    kappa = solve_kappa(values, 2, 0.0)
    assert df1(values, kappa) == pytest.approx(2, rel=1e-12)
    # A vanishing penalty joins the ridgeless solution, on both sides of the rank.
    assert solve_kappa(values, 2, 1e-14) == pytest.approx(kappa, rel=1e-10)
    assert solve_kappa(values, 10, 1e-14) == pytest.approx(1e-14 / (1 - 3 / 10), rel=1e-9, abs=0)
    # At the rank itself it goes as the root of the penalty, also where lambda / (lambda + kappa) rounds to 1.
    for alpha in (1e-20, 1e-60, 1e-250):
        assert solve_kappa(values, 3, alpha) == pytest.approx(
            np.sqrt(alpha * 3 / (1 / 4 + 1 / 2 + 1)), rel=1e-6, abs=0
        )
    # Many samples, or a large penalty, leave it alone.
    assert solve_kappa(values, 1e9, 0.7) == pytest.approx(0.7, rel=1e-8)
    assert solve_kappa(values, 5, 1e9) == pytest.approx(1e9, rel=1e-8)
    assert solve_kappa(np.zeros(3), 5, 0.25) == solve_kappa(np.zeros(0), 5, 0.25) == 0.25


@settings(deadline=None, max_examples=100)
@given(values=eigenvalues, a=st.floats(0, 1e6), b=st.floats(0, 1e6), m=st.floats(0.5, 60))
def test_order(values, a, b, m):
    low, high = sorted((a, b))
    rank = len(values)
    for df in (df1, df2):
        assert 0 <= df(values, high) <= df(values, low) <= rank
    assert df2(values, low) <= df1(values, low)
    assert df1(values, low) ** 2 <= rank * df2(values, low) * (1 + 1e-12)
    slack = 1 - 1e-12
    assert solve_kappa(values, m, high) >= solve_kappa(values, m, low) * slack
    assert solve_kappa(values, m, low) >= solve_kappa(values, 2 * m, low) * slack
    # Scale: penalties are in the units of the eigenvalues.
    assert solve_kappa(8 * values, m, 8 * low) == pytest.approx(
        8 * solve_kappa(values, m, low), rel=1e-9, abs=1e-300
    )


def test_degrees_of_freedom_are_traces(rng):
    X = rng.standard_normal((30, 6))
    S = X.T @ X / 30
    values = np.linalg.eigvalsh(S)
    H = np.linalg.solve(S + 0.3 * np.eye(6), S)
    assert df1(values, 0.3) == pytest.approx(np.trace(H))
    assert df2(values, 0.3) == pytest.approx(np.trace(H @ H))
    assert df1(np.array([2.0, 0.0]), 0.0) == df2(np.array([2.0, 0.0]), 0.0) == 1
    assert df1(values, np.inf) == 0


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ((np.ones(2), 0, 1.0), "kappa: m must be positive, not 0"),
        ((np.ones(2), np.nan, 1.0), "kappa: m must be positive, not nan"),
        ((np.ones(2), 3, -1.0), "kappa: alpha must be finite and at least 0, not -1.0"),
        ((np.ones(2), 3, np.inf), "kappa: alpha must be finite and at least 0, not inf"),
        ((np.array([1.0, -1.0]), 3, 1.0), "kappa: eigenvalues must be finite and at least 0"),
        ((np.array([1.0, np.nan]), 3, 1.0), "kappa: eigenvalues must be finite and at least 0"),
    ],
)
def test_errors(arguments, line):
    with pytest.raises(DataError) as found:
        solve_kappa(*arguments)
    assert str(found.value) == line


@pytest.mark.parametrize("df", [df1, df2])
@pytest.mark.parametrize("kappa", [-0.1, np.nan])
def test_errors_of_degrees_of_freedom(df, kappa):
    with pytest.raises(DataError) as found:
        df(np.ones(2), kappa)
    assert str(found.value) == f"degrees of freedom: kappa must be at least 0, not {kappa}"
