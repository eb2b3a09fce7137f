"""Published bounds: the formulas, where they are exact, and by how much a risk can exceed them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outgrow.errors import DataError
from outgrow.results import Undefined
from outgrow.theory.exact_risks import exact_risks
from outgrow.theory.gain import opr, pgr
from outgrow.theory.population import Population
from outgrow.theory.published_bounds import published_bounds

ROUTES = ("teacher", "student", "baseline", "ceiling")


@settings(deadline=None)
@given(
    st.integers(1, 15),
    st.integers(1, 15),
    st.floats(0, 1),
    st.integers(17, 300),
    st.integers(17, 3000),
    st.floats(0.01, 10),
)
def test_exact_on_own_points_where_both_hold_the_target(d_w, d_s, share, n, N, sigma2):
    p = Population(d_w=d_w, d_s=d_s, d_sw=share * min(d_w, d_s), sigma2=sigma2)
    exact = exact_risks(p, n, N, design="own_points", intercept=False)
    bounds = published_bounds(p, n, N)
    for route in ROUTES:
        assert getattr(bounds, route).value == pytest.approx(getattr(exact, route).value, rel=1e-9)


@settings(deadline=None, max_examples=200)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 10),
    st.integers(1, 10),
    st.integers(14, 300),
    st.integers(14, 3000),
)
def test_own_points_keep_to_them_but_for_inherited_misfit(lab, seed, d_w, d_s, n, N):
    rng = np.random.default_rng(seed)
    k = rng.integers(0, min(d_w, d_s) + 1)
    p = lab(rng, d_w, d_s, rng.uniform(size=k), weak=rng.uniform(), strong=rng.uniform()).population()
    exact = exact_risks(p, n, N, design="own_points", intercept=False)
    bounds = published_bounds(p, n, N)
    slack = 1e-9 * p.v
    for route in ("teacher", "baseline", "ceiling"):
        assert getattr(exact, route).value <= getattr(bounds, route).value + slack
    inherited = p.rho_w / (n - d_w - 1) * (p.d_sw + d_s / N * (d_w - p.d_sw))
    assert exact.student.value <= bounds.student.value + inherited + slack


def test_a_student_beyond_its_bound():
    # The synthetic world of the publication, n near d_w: misfit acts as noise does.
    p = Population(
        d_w=200,
        d_s=100,
        d_sw=50.0,
        rho_w=2.34e-4,
        rho_s=5.48e-5,
        e2=2.25e-4,
        g0=4.57e-5,
        v=3.14e-4,
        sigma2=0.01,
    )
    exact = exact_risks(p, 250, 5000, design="own_points", intercept=False).student.value
    bound = published_bounds(p, 250, 5000).student.value
    assert 1 < exact / bound < 1 + p.rho_w / p.sigma2
    late = exact_risks(p, 5000, 5000, design="own_points", intercept=False).student.value
    assert late < published_bounds(p, 5000, 5000).student.value


def test_written_out():
    p = Population(d_w=6, d_s=5, d_sw=2.0, rho_w=0.3, rho_s=0.2, e2=0.15, g0=0.05, v=1.0, sigma2=0.5)
    n, N = 30, 80
    bounds = published_bounds(p, n, N)
    teacher, baseline, ceiling = 0.5 * 6 / 30 + 0.3, 0.5 * 5 / 30 + 0.2, 0.5 * 5 / 110 + 0.2
    student = 0.5 / 23 * (2 + 5 / 80 * 4) + 0.5
    values = [getattr(bounds, route).value for route in ROUTES]
    assert values == pytest.approx([teacher, student, baseline, ceiling])
    assert pgr(bounds).value == pytest.approx((teacher - student) / (teacher - ceiling))
    assert opr(bounds).value == pytest.approx(baseline / student)
    # Teacher and student are not on the same points, and the gains say so.
    assert "mixes point sets" in pgr(bounds, "own_points").method and "ICML 2025" in opr(bounds).method


def test_where_there_is_no_bound():
    p = Population(d_w=6, d_s=9, d_sw=2.0, sigma2=0.5)
    for n, N in ((7, 80), (5, 80), (30, 8), (30, 0)):
        assert isinstance(published_bounds(p, n, N).student, Undefined)
        assert isinstance(pgr(published_bounds(p, n, N)), Undefined)
    assert "infinite" in published_bounds(p, 7, 80).student.reason
    few = published_bounds(p, 30, 8).student.reason
    assert few.startswith("8 rows (N unlabelled) are fewer than 9 dimensions")
    # On own points a single fit needs as many rows as dimensions, no more.
    bounds = published_bounds(p, 8, 80)
    assert "n labelled" in bounds.baseline.reason and bounds.teacher.value == 0.5 * 6 / 8
    assert published_bounds(p, 9, 80).baseline.value == 0.5
    assert not isinstance(published_bounds(p, 30, 9).student, Undefined)
    with pytest.raises(DataError, match="n must be a whole number of at least 1, not 0"):
        published_bounds(p, 0, 80)
    with pytest.raises(DataError, match=r"N must be a whole number of at least 0, not 2\.5"):
        published_bounds(p, 30, 2.5)
