"""Minimum-norm formulas on both sides of each peak against Monte Carlo, and where they meet the others."""

from __future__ import annotations

import numpy as np
import pytest

from outgrow.results import Undefined
from outgrow.theory.exact_risks import exact_risks, min_norm_risks
from outgrow.worlds.gaussian import World

ROWS = {
    "both above": (24, 26),
    "teacher below": (6, 26),
    "student below": (24, 8),
    "both below": (5, 7),
    "far below": (2, 3),
}


@pytest.mark.slow
@pytest.mark.parametrize("intercept", [True, False], ids=["intercepts", "known means"])
@pytest.mark.parametrize("rows", ROWS)
def test_every_design_against_monte_carlo(lab, compare, rng, rows, intercept):
    n, N = ROWS[rows]
    world = lab(rng, 11, 14, [1.0, 1.0, 0.6, 0.3], kind="rotation")
    z = compare(world, n, N, intercept, min_norm_risks, 3000, rng)
    assert np.abs(z).max() < 3.5, z.round(1)


def written_out(p, n, N, design):
    """T2's minimum-norm student as the theory page prints it, means known."""
    d, m, t2 = p.d_w, n, p.seen_w
    b = m * (d - m) / (d * (d + 2) * (d - 1))
    a = m * (m + 2) / (d * (d + 2)) - b
    around = b * t2 + p.s * m / (d * (d - m - 1))
    mean = m / d
    if m > d + 1:
        mean, a, around = 1.0, 1.0, p.s / (m - d - 1)
    imitated, cross = t2 - p.g0, t2 - p.c0  # |C t_w|^2 and (C t_w).t_s
    trace_cmc = a * imitated + around * p.d_sw
    R2 = a * t2 + around * d - trace_cmc
    dist = trace_cmc - 2 * mean * cross + p.seen_s
    if design == "in_sample":
        return p.rho_s + dist + p.d_s / N * (R2 - 2 * (mean * t2 - mean * cross))
    part, iota = (1.0, p.d_s / (N - p.d_s - 1)) if p.d_s < N else (N / p.d_s, N / (p.d_s - N - 1))
    return p.rho_s + part * dist + (1 - part) * p.seen_s + iota * R2


@pytest.mark.parametrize("n", [3, 6, 20, 300])
@pytest.mark.parametrize("N", [4, 9, 20, 300])
def test_equal_to_the_formulas_written_out(n, N):
    p = World(d_w=8, d_s=11, d_sw=3.4, rho_w=0.3, rho_s=0.2, hidden=0.1, sigma=0.6).population()
    found = min_norm_risks(p, n, N, intercept=False)
    assert found.student.value == pytest.approx(written_out(p, n, N, "fresh"), rel=1e-12)
    if n < p.d_w:
        single = p.rho_w + (1 - n / 8) * p.seen_w + p.s * n / (8 - n - 1)
        assert found.teacher.value == pytest.approx(single, rel=1e-12)
    in_sample = min_norm_risks(p, n, N, design="in_sample", intercept=False)
    if p.d_s > N:
        assert in_sample.student.value == pytest.approx(found.teacher.value, rel=1e-12)
    else:
        assert in_sample.student.value == pytest.approx(written_out(p, n, N, "in_sample"), rel=1e-12)


@pytest.mark.parametrize("intercept", [True, False])
def test_equal_to_exact_risks_with_more_rows_than_dimensions(intercept):
    p = World(d_w=8, d_s=11, d_sw=3.4, rho_w=0.3, rho_s=0.2, sigma=0.6).population()
    for design in ("fresh", "in_sample", "own_points"):
        one = exact_risks(p, 20, 30, design=design, intercept=intercept)
        other = min_norm_risks(p, 20, 30, design=design, intercept=intercept)
        assert [float(r) for _, r in one.items()] == [float(r) for _, r in other.items()]


def test_infinite_at_the_peaks_only():
    p = World(d_w=8, d_s=11, d_sw=3).population()
    undefined = [n for n in range(1, 20) if isinstance(min_norm_risks(p, n, 50).teacher, Undefined)]
    assert undefined == [8, 9, 10]
    undefined = [N for N in range(1, 20) if isinstance(min_norm_risks(p, 30, N).student, Undefined)]
    assert undefined == [11, 12, 13]
