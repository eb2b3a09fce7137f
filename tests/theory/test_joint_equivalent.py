"""The joint student's risks: redrawn experiments, both ends of the weight, and cases with known answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from outgrow.errors import DataError
from outgrow.heads.two_stage import Pool, StageTwo
from outgrow.linalg.ridge_path import RidgePath
from outgrow.theory.effective_stage import effective_stages
from outgrow.theory.equivalents import single_risks, student_risks
from outgrow.theory.joint_equivalent import joint_risks, joint_stages
from outgrow.theory.terms import PairSpectra, Target

WEIGHTS = (0.0, 0.1, 0.5, 0.9, 1.0)
SIGMA2 = 0.5


def risks(world, **settings):
    return joint_risks(world.pair(), world.target(), **settings)


def students(world, n, N, alpha_w, alpha_s, weights, repetitions, rng):
    """Whitened coefficients of joint students, means known: shape (weights, repetitions, d_s)."""
    found = np.empty((len(weights), repetitions, len(world.t_s)))
    scale = np.sqrt(world.values_s)
    for r in range(repetitions):
        (W, S, f), (W2, S2, _) = world.rows(n, rng), world.rows(N, rng)
        y = world.noisy(f, rng)
        teacher = np.linalg.solve(W.T @ W / n + alpha_w * np.eye(W.shape[1]), W.T @ y / n)
        on_labels, on_pool = (S.T @ S / n, S.T @ y / n), (S2.T @ S2 / N, S2.T @ (W2 @ teacher) / N)
        for k, weight in enumerate(weights):
            A, b = ((1 - weight) * x + weight * z for x, z in zip(on_labels, on_pool, strict=True))
            found[k, r] = scale * np.linalg.solve(A + alpha_s * np.eye(len(A)), b)
    return found


def agrees(seen, theory, slack, what, budget=0.02):
    """Means over repetitions (last axis) against theory, by standard errors and a relative slack."""
    mean, error = seen.mean(axis=-1), seen.std(axis=-1, ddof=1) / np.sqrt(seen.shape[-1])
    # Otherwise a test of few repetitions would pass whatever the theory says.
    assert (error < budget * np.abs(mean)).all(), (what, error / mean)
    off = np.abs(mean - theory)
    assert (off < slack * np.abs(mean) + 3.5 * error).all(), (what, theory / mean - 1, off / error)


@pytest.mark.parametrize("kind", ["flat", "power"])
@pytest.mark.parametrize(
    ("alpha_w", "alpha_s", "shared"), [(0.1, 0.05, 15), (1.0, 0.02, 28), (0.05, 1.0, 28), (0.05, 0.05, 28)]
)
def test_redrawn_experiments(gaussian, rng, kind, alpha_w, alpha_s, shared):
    n, N = 60, 150
    if kind == "power":
        alpha_w, alpha_s = alpha_w / 5, alpha_s / 5
    world = gaussian(rng, kind, shared)
    U = students(world, n, N, alpha_w, alpha_s, WEIGHTS, 400, rng)
    theory = risks(
        world, n=n, alpha_w=alpha_w, N=N, alpha_s=alpha_s, weight=np.array(WEIGHTS), intercept=False
    )
    agrees(world.v - 2 * U @ world.t_s + np.sum(U**2, axis=2), theory.error[0] - SIGMA2, 0.01, "risk")
    # The mean of 400 students still carries one part in 400 of their variance.
    spread = np.sum(U.var(axis=1, ddof=1), axis=1)
    bias = np.sum((U.mean(axis=1) - world.t_s) ** 2, axis=1) - spread / U.shape[1]
    bias = bias + world.v - np.sum(world.t_s**2) + SIGMA2
    assert theory.bias[0] == pytest.approx(bias, rel=0.015)
    assert (theory.labels + theory.pool)[0] == pytest.approx(spread, rel=0.04)


def test_variance_that_comes_with_the_pool(gaussian, rng):
    # Labels held, the student varies with the pool alone.
    world = gaussian(rng)
    weights, n, N = (0.1, 0.5, 0.9), 40, 150
    scale, within = np.sqrt(world.values_s), []
    for _ in range(300):
        W, S, f = world.rows(n, rng)
        y = world.noisy(f, rng)
        teacher = np.linalg.solve(W.T @ W / n + 0.1 * np.eye(30), W.T @ y / n)
        found = np.empty((3, 8, 40))
        for r in range(8):
            W2, S2, _ = world.rows(N, rng)
            for k, weight in enumerate(weights):
                A = (1 - weight) * S.T @ S / n + weight * S2.T @ S2 / N + 0.02 * np.eye(40)
                b = (1 - weight) * S.T @ y / n + weight * S2.T @ (W2 @ teacher) / N
                found[k, r] = scale * np.linalg.solve(A, b)
        within.append(np.sum(found.var(axis=1, ddof=1), axis=1))
    theory = risks(world, n=n, alpha_w=0.1, N=N, alpha_s=0.02, weight=np.array(weights), intercept=False)
    agrees(np.array(within).T, theory.pool[0], 0.015, "pool")


@pytest.mark.parametrize(("n", "N"), [(30, 50), (60, 150)])
@pytest.mark.parametrize("kind", ["flat", "power"])
def test_redrawn_experiments_with_intercepts_as_the_package_trains_them(gaussian, rng, kind, n, N):
    world = gaussian(rng, kind, 25)
    alpha_w, alpha_s = (0.2, 0.1) if kind == "flat" else (0.04, 0.02)
    weights = (0.1, 0.5, 0.9)
    seen = np.empty((len(weights), 1000))
    for r in range(1000):
        (W, S, f), (W2, S2, _) = world.rows(n, rng), world.rows(N, rng)
        y = world.noisy(f, rng)[:, None]
        pool = Pool(N, W2.mean(0), S2.mean(0), np.cov(W2.T, ddof=0), np.cov(S2.T, ddof=0), _cross(S2, W2))
        teacher = RidgePath(W, y, np.array([alpha_w]))
        for k, weight in enumerate(weights):
            student = StageTwo(teacher, S, pool, np.array([alpha_s]), weight).model(0, 0)
            u = np.sqrt(world.values_s) * student.coef[:, 0]
            seen[k, r] = world.v - 2 * u @ world.t_s + u @ u + student.intercept[0] ** 2
    theory = risks(world, n=n, alpha_w=alpha_w, N=N, alpha_s=alpha_s, weight=np.array(weights))
    # Theory without intercepts is 2 to 6 % lower.
    agrees(seen, theory.error[0] - SIGMA2, 0.005, "risk")


def _cross(S, W):
    return (S - S.mean(axis=0)).T @ (W - W.mean(axis=0)) / len(S)


@pytest.mark.parametrize("d_s", [40, 260])
def test_without_a_penalty(gaussian, rng, d_s):
    # Fewer directions than rows in all, though more than labels; and more than both together.
    n, N, weights = 30, 150, (0.2, 0.8)
    world = gaussian(rng, "power", 15, d_s=d_s)
    alpha = 0.0 if d_s == 40 else 1e-9
    U = students(world, n, N, 0.05, alpha, weights, 300, rng)
    theory = risks(world, n=n, alpha_w=0.05, N=N, alpha_s=0.0, weight=np.array(weights), intercept=False)
    agrees(world.v - 2 * U @ world.t_s + np.sum(U**2, axis=2), theory.error[0] - SIGMA2, 0.015, "risk")
    if d_s > n + N:
        # What interpolates all rows does so whatever their weights.
        assert theory.error[0, 0] == pytest.approx(theory.error[0, 1], rel=1e-9)


def one_stage(values, t, rest, m, alpha):
    """T4 as the page prints it: shrinkage and tau^2."""
    low, high = 1e-12, alpha + values.sum() / m
    for _ in range(200):
        middle = np.sqrt(low * high)
        above = middle * (1 - np.sum(values / (values + middle)) / m) > alpha
        low, high = (low, middle) if above else (middle, high)
    h = values / (values + high)
    return h, (rest + np.sum((1 - h) ** 2 * t**2)) / (1 - np.sum(h**2) / m)


@pytest.mark.parametrize("kind", ["flat", "power"])
@pytest.mark.parametrize(("alpha_w", "alpha_s"), [(1e-3, 0.5), (0.3, 1e-3), (0.02, 0.02)])
def test_ends_are_the_formulas_of_t4(gaussian, rng, kind, alpha_w, alpha_s):
    world, n, N = gaussian(rng, kind), 25, 130
    t_w, t_s, C, v = world.t_w, world.t_s, world.C, world.v
    _, baseline = one_stage(world.values_s, t_s, SIGMA2 + v - t_s @ t_s, n, alpha_s)
    h_w, tau_w = one_stage(world.values_w, t_w, SIGMA2 + v - t_w @ t_w, n, alpha_w)
    h_s, _ = one_stage(world.values_s, t_s, 1.0, N, alpha_s)
    mu, V = h_w * t_w, tau_w / n * h_w**2
    E = (C @ mu) ** 2 + C**2 @ V
    tau_s = (mu @ mu + V.sum() - E.sum() + np.sum((1 - h_s) ** 2 * E)) / (1 - np.sum(h_s**2) / N)
    bias = SIGMA2 + v - t_s @ t_s + np.sum((h_s * (C @ mu) - t_s) ** 2)
    inherited = np.sum((h_s**2)[:, None] * C**2 * V)
    found = risks(
        world, n=n, alpha_w=alpha_w, N=N, alpha_s=alpha_s, weight=np.array([0.0, 1.0]), intercept=False
    )
    assert found.error[0, 0] == pytest.approx(baseline, rel=1e-9)
    assert found.pool[0, 0] == 0
    parts = (found.bias[0, 1], found.labels[0, 1], found.pool[0, 1])
    assert parts == pytest.approx((bias, inherited, tau_s * np.sum(h_s**2) / N), rel=1e-9)


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("alpha", [0.0, 0.01, 0.4])
@pytest.mark.parametrize("rows", [np.inf, 300.0])
def test_ends_are_baseline_and_student(gaussian, rng, intercept, alpha, rows):
    world, n, N = gaussian(rng, "power"), 70, 200
    pair, target, a = replace(world.pair(), rows=rows), world.target(), np.array([alpha])
    # Of the target a part is fitted over the pool, as a forecast's is.
    target = replace(target, fit_w=0.3 * target.left_w, fit_s=0.3 * target.left_s, fit_norm=np.array([0.2]))
    teacher, baseline, student = (
        effective_stages(values, np.array([size]), a, rows=rows, intercept=intercept)
        for values, size in ((pair.values_w, n), (pair.values_s, n), (pair.values_s, N))
    )
    first = single_risks(baseline, target.strong(), target)
    last = student_risks(pair, target, teacher, student)
    found = joint_risks(
        pair,
        target,
        n=n,
        alpha_w=alpha,
        N=N,
        alpha_s=alpha,
        weight=np.array([0.0, 1.0]),
        intercept=intercept,
    )
    for name in ("bias", "error"):
        expected = [getattr(first, name)[0, 0], getattr(last, name)[0, 0, 0]]
        assert getattr(found, name)[0] == pytest.approx(expected, rel=1e-9), name
    assert found.labels[0] == pytest.approx([first.variance[0, 0], last.inherited[0, 0, 0]], rel=1e-9)
    assert found.pool[0] == pytest.approx([0.0, last.fresh[0, 0, 0]], rel=1e-9)


def test_a_student_of_its_teachers_own_features_that_becomes_its_teacher(rng):
    # With one feature set, endless pseudo-labels and alpha_s = (1 - weight) alpha_w the joint objective is
    # least at the teacher itself, whatever the weight: no term may count the labels twice.
    d, n, alpha_w = 50, 40, 0.3
    t = rng.standard_normal(d) / 7
    values = np.linspace(0.5, 2, d)
    pair = PairSpectra(values_w=values, values_s=values, C=np.eye(d))
    target = Target.known(t, t, t @ t + 0.2, SIGMA2)
    teacher = effective_stages(values, np.array([n]), np.array([alpha_w]), intercept=False)
    expected = single_risks(teacher, target.weak(), target)
    weights = np.array([0.05, 0.4, 0.6, 0.95])
    found = joint_risks(
        pair,
        target,
        n=n,
        alpha_w=alpha_w,
        N=np.inf,
        alpha_s=(1 - weights) * alpha_w,
        weight=weights,
        intercept=False,
    )
    assert found.error[0] == pytest.approx(np.full(4, expected.error[0, 0]), rel=1e-9)
    assert found.bias[0] == pytest.approx(np.full(4, expected.bias[0, 0]), rel=1e-9)


def test_endless_rows(gaussian, rng):
    world, alpha_w, alpha_s, weight = gaussian(rng, "power"), 0.05, 0.1, 0.3
    shared = {"alpha_w": alpha_w, "alpha_s": alpha_s, "weight": weight, "intercept": False}
    found = risks(world, n=1e12, N=1e12, **shared)
    H, h = world.values_s / (world.values_s + alpha_s), world.values_w / (world.values_w + alpha_w)
    mean = H * ((1 - weight) * world.t_s + weight * world.C @ (h * world.t_w))
    bias = world.v - world.t_s @ world.t_s + np.sum((mean - world.t_s) ** 2) + SIGMA2
    assert found.error[0, 0] == pytest.approx(bias, rel=1e-8)
    large = risks(world, n=50, N=1e9, **shared)
    endless = risks(world, n=50, N=np.inf, **shared)
    assert endless.pool[0, 0] < 1e-20  # rounding
    assert large.error[0, 0] == pytest.approx(endless.error[0, 0], rel=1e-6)


@pytest.mark.parametrize("kind", ["flat", "power"])
@pytest.mark.parametrize(("n", "N"), [(25, 50), (35, 1000), (200, 30)])
def test_an_intercept_is_one_more_direction(gaussian, rng, kind, n, N):
    # Shared by both feature sets, of a variance beside which penalties are nothing, and empty of target.
    world = gaussian(rng, kind)
    C = np.zeros((41, 31))
    C[:-1, :-1], C[-1, -1] = world.C, 1.0
    pair = PairSpectra(values_w=np.append(world.values_w, 1e9), values_s=np.append(world.values_s, 1e9), C=C)
    target = Target.known(np.append(world.t_w, 0), np.append(world.t_s, 0), world.v, SIGMA2)
    settings = {"n": n, "alpha_w": 0.03, "N": N, "alpha_s": 0.02, "weight": np.linspace(0, 1, 11)}
    found = risks(world, **settings)
    expected = joint_risks(pair, target, **settings, intercept=False)
    # Both drop terms of order 1/n^2, not the same; and the difference of the groups' means belongs to both.
    for name, slack in (("error", 0.004), ("bias", 0.001), ("labels", 0.01), ("pool", 0.01)):
        off = (getattr(found, name) - getattr(expected, name)) / (expected.error - SIGMA2)
        assert np.abs(off).max() < slack, name


def test_linear_in_the_targets_products(gaussian, rng):
    world, P = gaussian(rng), 5
    sides = {
        f"{part}_{of}": rng.standard_normal((P, d))
        for part in ("fit", "left", "right")
        for of, d in (("w", 30), ("s", 40))
    }
    weights, norms = rng.uniform(size=(3, P)), rng.uniform(1, 2, P)
    pair = PairSpectra(values_w=world.values_w, values_s=world.values_s, C=world.C, rows=400)
    settings = {"n": 50, "alpha_w": 0.1, "N": 90, "alpha_s": 0.2, "weight": np.array([0.3, 0.0, 1.0])}
    whole = Target(
        **sides, fit_norm=norms, weights=weights, variance=weights @ np.full(P, 9.0), sigma2=SIGMA2
    )
    found = joint_risks(pair, whole, **settings)
    parts = []
    for p in range(P):
        one = {name: x[[p]] for name, x in sides.items()}
        single = Target(**one, fit_norm=norms[[p]], weights=np.ones((1, 1)), variance=np.array([9.0]))
        parts.append(joint_risks(pair, single, **settings))
    for name in ("bias", "labels", "pool"):
        summed = weights @ np.array([getattr(part, name)[0] for part in parts])
        assert getattr(found, name) == pytest.approx(summed, rel=1e-9), name


def test_settings_do_not_know_of_each_other(gaussian, rng):
    world, K = gaussian(rng, "power"), 12
    settings = {
        "n": rng.choice([40, 80], K),
        "alpha_w": rng.choice([0.01, 0.1], K),
        "N": rng.choice([100, 300], K),
        "alpha_s": rng.choice([0.01, 0.1], K),
        "weight": rng.choice([0.0, 0.4, 1.0], K),
    }
    together = risks(world, **settings)
    for k in range(K):
        alone = risks(world, **{name: float(x[k]) for name, x in settings.items()})
        assert together.error[0, k] == pytest.approx(alone.error[0, 0], rel=1e-12)
    assert together.error.shape == (1, K)


def test_infinite_risks_are_nan(gaussian, rng):
    world = gaussian(rng)
    weights = np.array([0.0, 0.5, 1.0])
    found = risks(world, n=40, alpha_w=0.1, N=200, alpha_s=0.0, weight=weights, intercept=False).error[0]
    # Forty labels on forty directions interpolate; with two hundred other rows they do not.
    assert np.isnan(found[0])
    assert np.isfinite(found[1:]).all()
    found = risks(world, n=31, alpha_w=0.0, N=200, alpha_s=0.1, weight=weights, intercept=False).error[0]
    # A teacher at its peak is none of the baseline's business.
    assert np.isfinite(found[0])
    assert np.isnan(found[1:]).all()


def test_no_pool_is_needed_without_pseudo_labels(gaussian, rng):
    world = gaussian(rng)
    settings = {"n": 50, "alpha_w": 0.1, "alpha_s": 0.1, "weight": 0.0}
    one, two = (risks(world, N=N, **settings).error for N in (0, 500))
    assert one == pytest.approx(two, rel=1e-12)


def test_errors(rng):
    values, one = np.ones(3), np.ones(1)
    good = {"n": 9 * one, "N": 9 * one, "alpha": one, "weight": one / 2}
    for change, message in (
        ({"weight": 2 * one}, "weights of pseudo-labels must lie between 0 and 1"),
        ({"weight": np.array([np.nan])}, "must lie between 0 and 1"),
        ({"n": one}, "a fit needs at least 2 rows"),
        ({"N": 0 * one}, "a fit needs at least 2 rows"),
        ({"alpha": -one}, "penalties must be finite and at least 0"),
    ):
        with pytest.raises(DataError, match=message):
            joint_stages(values, **{**good, **change})
    with pytest.raises(DataError, match="eigenvalues must be positive"):
        joint_stages(np.zeros(3), **good)
    with pytest.raises(DataError, match="2 rows hold no covariance"):
        joint_stages(values, **good, rows=2)
