"""PGR, OPR and their closed forms; the inequalities say what the differences of risks say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outgrow.errors import DataError
from outgrow.results import Estimate, Risks, Undefined
from outgrow.theory.exact_risks import exact_risks
from outgrow.theory.gain import (
    opr,
    opr_well_specified,
    pgr,
    pgr_well_specified,
    student_beats_baseline,
    student_beats_teacher,
)
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
    found = pgr(Risks(Estimate(1.0), missing, Estimate(1.0), Estimate(0.5)))
    assert found == Undefined("the risk of the student is not defined: too few rows", "Buy more.")
    # What a gain does not divide by need not be defined.
    assert opr(Risks(missing, Estimate(1.0), Estimate(2.0), missing)).value == 2.0
    assert pgr(Risks(Estimate(2.0), Estimate(1.0), missing, Estimate(0.5))).value == pytest.approx(2 / 3)


def test_a_gain_over_different_points_is_labelled():
    p = Population(d_w=6, d_s=5, d_sw=2.0, sigma2=1.0)
    mixed = exact_risks(p, 30, 60, design="own_points")
    assert "mixes point sets" in pgr(mixed, "own_points").method
    assert "mixes point sets" in opr(mixed, "own_points").method
    for design in ("fresh", "in_sample"):
        same = exact_risks(p, 30, 60, design=design)
        assert "mixes" not in pgr(same, design).method + opr(same, design).method
    assert "fresh points" in pgr(exact_risks(p, 30, 60)).method


sizes = st.tuples(st.integers(1, 15), st.integers(1, 15), st.floats(0, 1))


@settings(deadline=None)
@given(sizes, st.integers(17, 300), st.integers(17, 3000), st.floats(0.01, 10))
def test_closed_forms_are_those_of_the_exact_risks(dims, n, N, sigma2):
    d_w, d_s, share = dims
    d_sw = share * min(d_w, d_s)
    p = Population(d_w=d_w, d_s=d_s, d_sw=d_sw, sigma2=sigma2)
    exact = exact_risks(p, n, N, intercept=False)
    closed = pgr_well_specified(d_w=d_w, d_s=d_s, d_sw=d_sw, n=n, N=N)
    if exact.teacher.value <= exact.ceiling.value * (1 + 1e-12):
        assert isinstance(closed, Undefined) or abs(exact.teacher.value / exact.ceiling.value - 1) < 1e-9
    else:
        assert closed.value == pytest.approx(pgr(exact).value, rel=1e-6, abs=1e-9)
    closed = opr_well_specified(d_w=d_w, d_s=d_s, d_sw=d_sw, n=n, N=N)
    # The exact student's risk is what is left of terms as large as the target, whose variance is 1 here.
    rounding = 1e-15 / exact.student.value
    assert closed.value == pytest.approx(opr(exact).value, rel=1e-9 + rounding)


def test_closed_forms_are_undefined_near_the_peaks():
    for n, N in ((6, 50), (30, 6), (30, 3)):
        assert isinstance(pgr_well_specified(d_w=5, d_s=5, d_sw=2, n=n, N=N), Undefined)
        assert isinstance(opr_well_specified(d_w=5, d_s=5, d_sw=2, n=n, N=N), Undefined)
    # Few labels for the baseline concern the OPR only.
    assert isinstance(opr_well_specified(d_w=5, d_s=9, d_sw=2, n=10, N=50), Undefined)
    assert isinstance(pgr_well_specified(d_w=5, d_s=9, d_sw=2, n=10, N=50), Estimate)
    assert "OG205" in pgr_well_specified(d_w=2, d_s=12, d_sw=2, n=50, N=20).reason


def test_pgr_rises_and_opr_falls_with_labels_as_the_page_says():
    rising = [pgr_well_specified(d_w=10, d_s=20, d_sw=4, n=n, N=500).value for n in (30, 60, 120, 240)]
    assert rising == sorted(rising)
    falling = [opr_well_specified(d_w=10, d_s=20, d_sw=4, n=n, N=500).value for n in (30, 60, 120, 240)]
    assert falling == sorted(falling, reverse=True)
    other = [opr_well_specified(d_w=20, d_s=10, d_sw=4, n=n, N=500).value for n in (30, 60, 120, 240)]
    assert other == sorted(other)


@settings(deadline=None, max_examples=200)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 10),
    st.integers(1, 10),
    st.integers(14, 300),
    st.integers(14, 3000),
    st.booleans(),
)
def test_the_inequalities_are_the_differences_of_risks(lab, seed, d_w, d_s, n, N, intercept):
    rng = np.random.default_rng(seed)
    k = rng.integers(0, min(d_w, d_s) + 1)
    world = lab(rng, d_w, d_s, rng.uniform(size=k), weak=rng.uniform(), strong=rng.uniform())
    p = world.population()
    found = exact_risks(p, n, N, intercept=intercept)
    for contest, other in (
        (student_beats_baseline(p, n, N, intercept=intercept), found.baseline),
        (student_beats_teacher(p, n, N, intercept=intercept), found.teacher),
    ):
        margin = other.value - found.student.value
        assert contest.margin == pytest.approx(margin, rel=1e-7, abs=1e-10)
        if abs(margin) > 1e-9:
            assert contest.won == (margin > 0)


def test_both_sides_as_the_page_prints_them():
    p = Population(d_w=6, d_s=5, d_sw=2.0, rho_w=0.3, rho_s=0.2, e2=0.15, g0=0.05, v=1.0, sigma2=0.5)
    n, N = 30, 80
    q, n_w = 5 / 74, 23
    contest = student_beats_baseline(p, n, N, intercept=False)
    assert contest.gain == pytest.approx(0.7 * 5 / 24)
    assert contest.cost == pytest.approx(0.15 + q * 0.05 + 0.8 * (2 + q * 4) / n_w)
    contest = student_beats_teacher(p, n, N, intercept=False)
    assert contest.gain == pytest.approx(0.8 * 4 * (1 - q) / n_w)
    assert contest.cost == pytest.approx(0.2 + 0.15 + q * 0.05 - 0.3)


def test_contests_are_undefined_where_the_risks_are():
    p = Population(d_w=6, d_s=9, d_sw=2.0, sigma2=0.5)
    assert isinstance(student_beats_baseline(p, 11, 80), Undefined)
    assert not isinstance(student_beats_teacher(p, 11, 80), Undefined)
    assert isinstance(student_beats_teacher(p, 8, 80), Undefined)
    assert isinstance(student_beats_teacher(p, 30, 5), Undefined)
    with pytest.raises(DataError, match="not a number of rows"):
        student_beats_teacher(p, 30.5, 80)
