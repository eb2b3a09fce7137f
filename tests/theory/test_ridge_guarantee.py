"""The ridge guarantee: not broken in a hundred random worlds, and its printed form broken in a named one."""

from __future__ import annotations

import numpy as np
import pytest

from outgrow.errors import DataError
from outgrow.linalg.shrinkage import solve_kappa
from outgrow.results import Undefined
from outgrow.theory.effective_stage import effective_stages
from outgrow.theory.equivalents import student_risks
from outgrow.theory.ridge_guarantee import as_printed, corrected
from outgrow.theory.terms import PairSpectra, Target


def world(rng):
    """Feature sets that share directions, wholly or in part, and a target that both express."""
    shared = int(rng.integers(1, 30))
    d_w, d_s = shared + rng.integers(0, 30, 2)
    whole = rng.random(shared) < 0.5
    whole[0] = True
    C = np.zeros((d_s, d_w))
    C[np.arange(shared), np.arange(shared)] = np.where(whole, 1.0, rng.random(shared))
    t_w = np.zeros(d_w)
    t_w[:shared] = whole * rng.standard_normal(shared)
    t_s = C @ t_w
    if rng.random() < 0.5:
        Q_w, Q_s = (np.linalg.qr(rng.standard_normal((d, d)))[0] for d in (d_w, d_s))
        C, t_w, t_s = Q_s @ C @ Q_w.T, Q_w @ t_w, Q_s @ t_s
    values_w, values_s = (np.arange(1, d + 1.0) ** -rng.uniform(0, 2) for d in (d_w, d_s))
    return PairSpectra(values_w=values_w, values_s=values_s, C=C), t_w, t_s


def student(pair, t_w, t_s, sigma2, n, N, alphas):
    """The equivalents' excess risk."""
    one, two = (
        effective_stages(values, np.array([rows]), np.array([alpha]), intercept=False)
        for values, rows, alpha in zip((pair.values_w, pair.values_s), (n, N), alphas, strict=True)
    )
    return student_risks(pair, Target.known(t_w, t_s, t_w @ t_w, sigma2), one, two).error.item() - sigma2


def test_no_violation_in_a_hundred_random_worlds(rng):
    ratios = []
    while len(ratios) < 200:
        pair, t_w, t_s = world(rng)
        sigma2 = float(rng.choice([0.0, 0.1, 1.0, 4.0]))
        n, N = int(rng.integers(4, 200)), int(rng.integers(10, 3000))
        common = {"v": t_w @ t_w, "sigma2": sigma2, "n": n, "N": N}
        best = corrected(pair, t_w, t_s, **common)
        # Where it is least, and somewhere else.
        factors = np.exp(rng.uniform(0, 2, 2))
        elsewhere = (best.kappa_w * factors[0], best.kappa_s * factors[1])
        other = corrected(pair, t_w, t_s, **common, kappas=elsewhere)
        assert best.bound <= other.bound
        for found in (best, other):
            risk = student(pair, t_w, t_s, sigma2, n, N, (found.alpha_w, found.alpha_s))
            ratios.append(risk / found.bound)
    assert max(ratios) <= 1, max(ratios)
    # It is no empty promise either.
    assert max(ratios) > 0.2


def test_equal_to_the_formula_written_out(rng):
    pair, t_w, t_s = world(rng)
    n, N, kappa_w, kappa_s, sigma2 = 50, 400, 0.7, 0.9, 0.5
    found = corrected(pair, t_w, t_s, t_w @ t_w, sigma2, n, N, kappas=(kappa_w, kappa_s))
    S_w, S_s = np.diag(pair.values_w), np.diag(pair.values_s)
    S_sw = np.sqrt(S_s) @ pair.C @ np.sqrt(S_w)
    theta_w, theta_s = t_w / np.sqrt(pair.values_w), t_s / np.sqrt(pair.values_s)
    T = np.linalg.norm(S_sw) ** 2 + 2 * np.trace(S_s) * np.trace(S_w) / N
    h = pair.values_w / (pair.values_w + kappa_w)
    tau2 = (sigma2 + np.sum((1 - h) ** 2 * t_w**2)) / (1 - np.sum(h**2) / n)
    c = tau2 * T / (16 * n)
    assert found.c == pytest.approx(c, rel=1e-12)
    bound = kappa_w * theta_w @ theta_w + kappa_s * theta_s @ theta_s + c / kappa_w / kappa_s
    assert found.bound == pytest.approx(bound, rel=1e-12)
    assert solve_kappa(pair.values_w, n, found.alpha_w) == pytest.approx(kappa_w, rel=1e-9)
    assert solve_kappa(pair.values_s, N, found.alpha_s) == pytest.approx(kappa_s, rel=1e-9)


def test_near_the_closed_form_where_the_teachers_error_hardly_depends_on_its_penalty():
    """With noise that drowns everything tau^2 is sigma2, and the least bound 3 (c R_w R_s)^(1/3)."""
    pair = PairSpectra(values_w=np.full(3, 1e-3), values_s=np.full(3, 1e-3), C=np.eye(3))
    t = np.array([1e-2, 0.0, 0.0])
    found = corrected(pair, t, t, 1e-4, 1.0, 10_000, 10**7)
    R = 0.1
    assert found.kappa_w == pytest.approx(np.cbrt(found.c / R), rel=1e-2)
    assert found.kappa_s == pytest.approx(found.kappa_w, rel=1e-2)
    assert found.bound == pytest.approx(3 * np.cbrt(found.c * R * R), rel=1e-3)


@pytest.mark.slow
def test_the_printed_bound_is_broken_by_a_simulated_student(rng):
    """Ten labels, 5000 pseudo-labels: what was printed promises next to nothing, and the risk is not."""
    d, n, N, sigma2 = 20, 10, 5000, 1.0
    values = np.arange(1, d + 1.0) ** -1.0
    t = np.zeros(d)
    t[0] = 1.0
    printed = as_printed(1.0, 1.0, float(values @ values), sigma2, n, N)
    risks = []
    for _ in range(300):
        X, pool = (rng.standard_normal((rows, d)) * np.sqrt(values) for rows in (n, N))
        y = X[:, 0] + np.sqrt(sigma2) * rng.standard_normal(n)
        teacher = np.linalg.solve(X.T @ X / n + printed.alpha_w * np.eye(d), X.T @ y / n)
        gram = pool.T @ pool / N
        theta = np.linalg.solve(gram + printed.alpha_s * np.eye(d), gram @ teacher)
        risks.append(np.sum((np.sqrt(values) * theta - t) ** 2))
    error = np.std(risks) / np.sqrt(len(risks))
    assert printed.bound < 0.1
    assert np.mean(risks) - 5 * error > 4 * printed.bound
    # And it promises less with every pseudo-label; what holds does not.
    assert as_printed(1.0, 1.0, 1.5, sigma2, n, 10**9).bound < 0.002
    pair = PairSpectra(values_w=values, values_s=values, C=np.eye(d))
    found = corrected(pair, t, t, 1.0, sigma2, n, N)
    assert found.bound > np.mean(risks) and corrected(pair, t, t, 1.0, sigma2, n, 10**9).bound > 0.5
    assert student(pair, t, t, sigma2, n, N, (printed.alpha_w, printed.alpha_s)) == pytest.approx(
        np.mean(risks), rel=0.1
    )


def test_the_printed_penalties_have_their_cube_roots_back():
    found = as_printed(2.0, 3.0, 5.0, 0.7, 40, 900)
    c = 0.7 * 5 / (4 * 40 * 900)

    def bound(a, b):
        return a * 2 + b * 3 + c / (a * b)

    assert found.c == pytest.approx(c) and found.bound == pytest.approx(bound(found.alpha_w, found.alpha_s))
    assert all(bound(found.alpha_w * x, found.alpha_s / x**0.5) > found.bound for x in (0.9, 1.1))
    assert all(bound(found.alpha_w, found.alpha_s * x) > found.bound for x in (0.9, 1.1))


def test_where_there_is_no_guarantee():
    pair = PairSpectra(values_w=np.ones(4), values_s=np.ones(5), C=np.eye(5, 4))
    t_w, t_s = np.array([0.8, 0, 0, 0]), np.array([0.8, 0, 0, 0, 0.6])
    found = corrected(pair, t_w, t_s, 1.0, 0.1, 100, 100)
    assert isinstance(found, Undefined)
    assert found.reason == "0.36 of the target's variance lies outside of the weak features' span"
    assert "forecast the risk" in found.remedy
    strong = corrected(pair, np.array([1.0, 0, 0, 0]), t_s * 0.5, 1.0, 0.1, 100, 100)
    assert isinstance(strong, Undefined) and "strong features' span" in strong.reason
    t_w, t_s = np.eye(1, 4)[0], np.eye(1, 5)[0]
    few = corrected(pair, t_w, t_s, 1.0, 0.1, 100, 10, kappas=(0.1, 0.2))
    assert isinstance(few, Undefined) and "with N = 10: it must be at least 0.25" in few.reason
    assert not isinstance(corrected(pair, t_w, t_s, 1.0, 0.1, 100, 10, kappas=(0.1, 0.25)), Undefined)
    # Two rows on four directions shrink by half, whatever the penalty.
    few = corrected(pair, t_w, t_s, 1.0, 0.1, 2, 100, kappas=(0.9, 0.2))
    assert isinstance(few, Undefined) and "with n = 2: it must be at least 1" in few.reason


def test_errors():
    pair = PairSpectra(values_w=np.ones(4), values_s=np.ones(5), C=np.eye(5, 4))
    t_w, t_s = np.eye(1, 4)[0], np.eye(1, 5)[0]
    sample = PairSpectra(values_w=np.ones(4), values_s=np.ones(5), C=np.eye(5, 4), rows=100)
    with pytest.raises(DataError, match=r"needs a population's spectra.*Forecast the risk instead"):
        corrected(sample, t_w, t_s, 1.0, 0.1, 100, 100)
    with pytest.raises(DataError, match=r"5 and 4 covariances, not \(4, 5\)"):
        corrected(pair, t_s, t_w, 1.0, 0.1, 100, 100)
    with pytest.raises(DataError, match="v, n and N must be positive"):
        corrected(pair, t_w, t_s, 0.0, 0.1, 100, 100)
    with pytest.raises(DataError, match=r"variance 0\.5 has no covariances of square 1"):
        corrected(pair, t_w, t_s, 0.5, 0.1, 100, 100)
    with pytest.raises(DataError, match="R_s must be positive, not 0"):
        as_printed(1.0, 0.0, 1.0, 1.0, 10, 10)
