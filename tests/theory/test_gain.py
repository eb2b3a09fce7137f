"""PGR and OPR of risks, and what the theory page says of them in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outgrow.results import Estimate, Risks, Undefined
from outgrow.theory.exact_risks import exact_risks
from outgrow.theory.gain import opr, pgr
from outgrow.theory.population import Population


def risks(teacher, student, baseline, ceiling):
    return Risks(*(Estimate(x) for x in (teacher, student, baseline, ceiling)))


def test_pgr_and_opr_of_given_risks():
    assert pgr(risks(2.0, 1.0, 9.0, 0.5)).value == pytest.approx(2 / 3)
    assert pgr(risks(2.0, 0.0, 9.0, 1.0)).value == 2.0
    assert pgr(risks(2.0, 3.0, 9.0, 1.0)).value == -1.0
    assert opr(risks(2.0, 1.0, 0.5, 0.5)).value == 0.5


def test_a_meaningless_gain_is_undefined():
    found = pgr(risks(1.0, 0.5, 1.0, 1.2))
    assert found.reason == "the ceiling is not better than the teacher (OG205): 1.2 against 1"
    assert isinstance(pgr(risks(1.0, 0.5, 1.0, 1.0)), Undefined)
    assert "is not above zero" in opr(risks(1.0, 0.0, 1.0, 1.2)).reason
    missing = Undefined("too few rows", "Buy more.")
    for gain in (pgr, opr):
        found = gain(Risks(Estimate(1.0), missing, Estimate(1.0), Estimate(0.5)))
        assert found == Undefined("the risk of the student is not defined: too few rows", "Buy more.")
    # What a gain does not divide by need not be defined.
    assert opr(Risks(missing, Estimate(1.0), Estimate(2.0), missing)).value == 2.0
    assert pgr(Risks(Estimate(2.0), Estimate(1.0), missing, Estimate(0.5))).value == pytest.approx(2 / 3)


def test_a_gain_over_different_points_is_labelled():
    p = Population(d_w=6, d_s=5, d_sw=2.0, sigma2=1.0)
    mixed = exact_risks(p, 30, 60, design="own_points")
    for gain in (pgr, opr):
        assert "mixes point sets" in gain(mixed, "own_points").method
        for design in ("fresh", "in_sample"):
            assert "mixes" not in gain(exact_risks(p, 30, 60, design=design), design).method
    assert "fresh points" in pgr(exact_risks(p, 30, 60)).method


def closed_forms(p, n, N):
    """T3's PGR and OPR where both feature sets express the target: neither noise nor target matter."""
    q = p.d_s / (N - p.d_s - 1)
    gap = 1 - p.d_s / p.d_w * (n - p.d_w - 1) / (n + N - p.d_s - 1)
    gains = p.d_s / (n - p.d_s - 1) * (n - p.d_w - 1) / (p.d_sw + q * (p.d_w - p.d_sw))
    return (1 - p.d_sw / p.d_w) * (1 - q) / gap if gap > 0 else None, gains


@settings(deadline=None)
@given(
    st.integers(1, 15),
    st.integers(1, 15),
    st.floats(0, 1),
    st.integers(17, 300),
    st.integers(17, 3000),
    st.floats(0.01, 10),
)
def test_gains_of_exact_risks_are_the_closed_forms(d_w, d_s, share, n, N, sigma2):
    p = Population(d_w=d_w, d_s=d_s, d_sw=share * min(d_w, d_s), sigma2=sigma2)
    exact = exact_risks(p, n, N, intercept=False)
    of_gap, of_baseline = closed_forms(p, n, N)
    if abs(exact.teacher.value / exact.ceiling.value - 1) > 1e-9:
        found = pgr(exact)
        assert isinstance(found, Undefined) == (of_gap is None)
        assert of_gap is None or found.value == pytest.approx(of_gap, rel=1e-6, abs=1e-9)
    # The exact student's risk is what is left of terms as large as the target, whose variance is 1 here.
    rounding = 1e-15 / exact.student.value
    assert opr(exact).value == pytest.approx(of_baseline, rel=1e-9 + rounding)


@settings(deadline=None, max_examples=200)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 10),
    st.integers(1, 10),
    st.integers(14, 300),
    st.integers(14, 3000),
)
def test_when_the_student_wins_as_the_page_says(lab, seed, d_w, d_s, n, N):
    rng = np.random.default_rng(seed)
    k = rng.integers(0, min(d_w, d_s) + 1)
    p = lab(rng, d_w, d_s, rng.uniform(size=k), weak=rng.uniform(), strong=rng.uniform()).population()
    exact = exact_risks(p, n, N, intercept=False)
    q, n_w = d_s / (N - d_s - 1), n - d_w - 1
    cost = p.e2 + q * p.g0 + p.s / n_w * (p.d_sw + q * (d_w - p.d_sw))
    over_baseline = (p.sigma2 + p.rho_s) * d_s / (n - d_s - 1) - cost
    over_teacher = p.s / n_w * (d_w - p.d_sw) * (1 - q) - (p.rho_s + p.e2 + q * p.g0 - p.rho_w)
    for rival, margin in ((exact.baseline, over_baseline), (exact.teacher, over_teacher)):
        assert rival.value - exact.student.value == pytest.approx(margin, rel=1e-7, abs=1e-10)
