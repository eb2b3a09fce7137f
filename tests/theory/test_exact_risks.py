"""Exact risks against Monte Carlo and against the formulas of the theory page written out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outgrow.errors import ConfigError, DataError
from outgrow.results import Undefined
from outgrow.theory.exact_risks import exact_risks, min_norm_risks
from outgrow.worlds.gaussian import World

CASES = {
    "halves": (6, 5, [0.5] * 4, 22, 30),
    "ones": (6, 9, [1.0] * 3, 20, 24),
    "unrelated": (4, 6, [], 26, 19),
    "weak inside": (4, 7, [1.0] * 4, 20, 25),
    "mixed": (9, 5, [1.0, 0.8, 0.3], 25, 40),
}


@pytest.mark.slow
@pytest.mark.parametrize("intercept", [True, False], ids=["intercepts", "known means"])
@pytest.mark.parametrize("case", CASES)
def test_every_design_against_monte_carlo(lab, compare, rng, case, intercept):
    d_w, d_s, squared, n, N = CASES[case]
    world = lab(rng, d_w, d_s, squared)
    z = compare(world, n, N, intercept, exact_risks, 3000, rng)
    # 120 comparisons in all cases: |z| > 3.5 has probability .06 by chance, and the seed is fixed.
    assert np.abs(z).max() < 3.5, z.round(1)


def written_out(p, n, N):
    """T2 as the theory page prints it, means known, fresh points."""
    n_w, N_s = n - p.d_w - 1, N - p.d_s - 1
    q, s = p.d_s / N_s, p.sigma2 + p.rho_w
    noise = p.sigma2 + p.rho_s
    return [
        p.rho_w + s * p.d_w / n_w,
        p.rho_s + p.e2 + q * p.g0 + s / n_w * (p.d_sw + q * (p.d_w - p.d_sw)),
        p.rho_s + noise * p.d_s / (n - p.d_s - 1),
        p.rho_s + noise * p.d_s / (n + N - p.d_s - 1),
    ]


def written_out_with_intercepts(p, n, N):
    n_w, s = n - p.d_w - 2, p.sigma2 + p.rho_w
    q = (1 + 1 / N) * p.d_s / (N - p.d_s - 2) + 1 / N

    def single(rho, d, m):
        return rho + (p.sigma2 + rho) * ((1 + 1 / m) * d / (m - d - 2) + 1 / m)

    student = p.rho_s + p.e2 + q * p.g0 + s / n_w * (p.d_sw + q * (p.d_w - p.d_sw))
    student += s / n * (1 + p.d_w / n_w)
    return [single(p.rho_w, p.d_w, n), student, single(p.rho_s, p.d_s, n), single(p.rho_s, p.d_s, n + N)]


@st.composite
def worlds(draw):
    d_w, d_s = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    k = draw(st.integers(0, min(d_w, d_s)))
    squared = draw(st.lists(st.sampled_from([1.0, 0.9, 0.5, 0.2, 0.0]), min_size=k, max_size=k))
    return d_w, d_s, squared, draw(st.integers(0, 2**32 - 1))


def population(lab, world):
    d_w, d_s, squared, seed = world
    return lab(np.random.default_rng(seed), d_w, d_s, squared).population()


@settings(deadline=None, max_examples=60)
@given(worlds(), st.integers(16, 500), st.integers(16, 500))
def test_equal_to_the_formulas_written_out(lab, world, n, N):
    p = population(lab, world)
    risks = [r.value for _, r in exact_risks(p, n, N, intercept=False).items()]
    assert risks == pytest.approx(written_out(p, n, N), rel=1e-10)
    risks = [r.value for _, r in exact_risks(p, n, N).items()]
    assert risks == pytest.approx(written_out_with_intercepts(p, n, N), rel=1e-10)
    in_sample = exact_risks(p, n, N, design="in_sample", intercept=False)
    n_w, part = n - p.d_w - 1, p.d_s / N
    expected = p.rho_s + p.e2 + part * (p.g0 - 2 * p.c0)
    expected += p.s / n_w * (p.d_sw + part * (p.d_w - p.d_sw))
    assert in_sample.student.value == pytest.approx(expected, rel=1e-9)
    assert in_sample.teacher.value == pytest.approx(written_out(p, n, N)[0], rel=1e-10)
    own = exact_risks(p, n, N, design="own_points", intercept=False)
    assert own.student.value == in_sample.student.value
    assert own.ceiling.value == in_sample.ceiling.value
    assert own.teacher.value == pytest.approx(p.rho_w * (1 - p.d_w / n) + p.sigma2 * p.d_w / n)


def test_where_the_expectation_is_infinite():
    p = World(d_w=10, d_s=6, d_sw=2).population()
    for n in (9, 10, 11):
        risks = exact_risks(p, n, 50, intercept=False)
        assert isinstance(risks.teacher, Undefined) and isinstance(risks.student, Undefined)
        assert "infinite" in risks.teacher.reason
    assert not isinstance(exact_risks(p, 12, 50, intercept=False).teacher, Undefined)
    assert isinstance(exact_risks(p, 12, 50).teacher, Undefined)
    assert not isinstance(exact_risks(p, 13, 50).teacher, Undefined)
    few = exact_risks(p, 8, 50, intercept=False)
    assert "min_norm_risks" in few.teacher.remedy and "min_norm_risks" in few.student.remedy
    assert not isinstance(min_norm_risks(p, 8, 50, intercept=False).teacher, Undefined)
    assert "N unlabelled" in exact_risks(p, 30, 7).student.reason
    assert "N unlabelled" in exact_risks(p, 30, 0).student.reason
    assert not isinstance(exact_risks(p, 30, 7).ceiling, Undefined)
    # On the student's own points even the peak is finite.
    assert not isinstance(exact_risks(p, 30, 7, design="in_sample").student, Undefined)


def test_methods_say_how():
    p = World(d_w=3, d_s=3, d_sw=2).population()
    assert "fresh points, intercepts fitted" in exact_risks(p, 20, 20).student.method
    method = exact_risks(p, 20, 20, design="own_points", intercept=False).student.method
    assert "trained on, means known" in method
    assert exact_risks(p, 20, 30).ceiling.n == 50


def test_errors():
    p = World(d_w=3, d_s=3, d_sw=2).population()
    with pytest.raises(DataError, match=r"n must be a whole number of at least 1, not 0"):
        exact_risks(p, 0, 20)
    with pytest.raises(DataError, match=r"N must be a whole number of at least 0, not 2\.5"):
        exact_risks(p, 20, 2.5)
    with pytest.raises(ConfigError, match=r"no design 'both'.*fresh, in_sample, own_points"):
        exact_risks(p, 20, 20, design="both")
