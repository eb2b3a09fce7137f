"""The budget optimum against brute force over all whole splits, and against the closed form written out."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outgrow.errors import DataError
from outgrow.forecasts.budget import best_allocation
from outgrow.results import Undefined
from outgrow.theory.exact_risks import exact_risks
from outgrow.theory.population import Population


@settings(deadline=None, max_examples=150)
@given(
    st.integers(1, 8),
    st.integers(1, 8),
    st.floats(0, 1),
    st.sampled_from([Fraction(1), Fraction(3, 10), Fraction(5), Fraction(20)]),
    st.sampled_from([Fraction(1), Fraction(1, 10), Fraction(3, 100), Fraction(4)]),
    st.integers(0, 400),
)
def test_no_whole_split_is_better(d_w, d_s, share, label_cost, row_cost, extra):
    d_sw = share * min(d_w, d_s)
    budget = label_cost * (d_w + 2) + row_cost * (d_s + 2) + extra * min(label_cost, 1)
    found = best_allocation(
        d_w=d_w,
        d_s=d_s,
        d_sw=d_sw,
        label_cost=float(label_cost),
        row_cost=float(row_cost),
        budget=float(budget),
    )
    assert label_cost * found.n + row_cost * found.N <= budget
    best = math.inf
    for n in range(d_w + 2, int(budget / label_cost) + 2):
        # Fractions: no rounding in what the budget buys.
        N = math.floor((budget - label_cost * n) / row_cost)
        left = N - d_s - 1
        if left > 0:
            q = d_s / left
            best = min(best, (d_sw + q * (d_w - d_sw)) / (n - d_w - 1))
    assert found.variance == pytest.approx(best, rel=1e-12)


@pytest.mark.parametrize("d_sw", [0.0, 1e-9, 3.0, 7.9])
def test_closed_form_written_out(d_sw):
    d_w, d_s, c_l, c_u, B = 10, 8, 2.0, 0.5, 300.0
    found = best_allocation(d_w=d_w, d_s=d_s, d_sw=d_sw, label_cost=c_l, row_cost=c_u, budget=B)
    spare = B - c_l * (d_w + 1) - c_u * (d_s + 1)
    K = d_s * (d_w - d_sw)
    u = spare / (2 * c_u)
    if d_sw > 1e-6:
        u = K / d_sw * (math.sqrt(1 + d_sw * spare / (K * c_u)) - 1)
    assert found.real_N == pytest.approx(u + d_s + 1, rel=1e-6)
    assert found.real_n == pytest.approx((spare - c_u * u) / c_l + d_w + 1, rel=1e-6)
    assert abs(found.n - found.real_n) <= 1
    assert c_l * found.real_n + c_u * found.real_N == pytest.approx(B)


def test_variance_is_the_risk_of_the_student():
    found = best_allocation(d_w=10, d_s=8, d_sw=3.0, label_cost=1.0, row_cost=0.1, budget=100.0)
    p = Population(d_w=10, d_s=8, d_sw=3.0, sigma2=2.0)
    risk = exact_risks(p, found.n, found.N, intercept=False).student.value
    assert 2.0 * found.variance == pytest.approx(risk, rel=1e-12)


def test_a_student_that_shares_everything_wants_no_more_rows_than_it_must():
    found = best_allocation(d_w=5, d_s=8, d_sw=5.0, label_cost=1.0, row_cost=1.0, budget=100.0)
    assert (found.n, found.N) == (90, 10)


def test_large_budgets_are_quick():
    found = best_allocation(d_w=384, d_s=768, d_sw=120.5, label_cost=1.0, row_cost=1e-4, budget=1e7)
    assert found.n + 1e-4 * found.N <= 1e7
    assert abs(found.n - found.real_n) / found.n < 1e-3


def test_budget_too_small_and_errors():
    small = best_allocation(d_w=5, d_s=8, d_sw=2.0, label_cost=1.0, row_cost=1.0, budget=16.9)
    assert isinstance(small, Undefined)
    assert small.reason == "a budget of 16.9 does not reach n = 7 and N = 10, which cost 17"
    exact = best_allocation(d_w=5, d_s=8, d_sw=2.0, label_cost=1.0, row_cost=1.0, budget=17.0)
    assert (exact.n, exact.N) == (7, 10)
    arguments = {"d_w": 5, "d_s": 8, "d_sw": 2.0, "label_cost": 1.0, "row_cost": 1.0, "budget": 50.0}
    with pytest.raises(DataError, match="row_cost must be positive, not 0"):
        best_allocation(**{**arguments, "row_cost": 0.0})
    with pytest.raises(DataError, match=r"d_sw of 6.0 is outside \[0, 5\]"):
        best_allocation(**{**arguments, "d_sw": 6.0})
    with pytest.raises(DataError, match="a budget of inf cannot be split"):
        best_allocation(**{**arguments, "budget": math.inf})
