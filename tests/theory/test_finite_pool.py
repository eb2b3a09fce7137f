"""Pool moments against the population's: T1b as a special case, redrawn pools, derivatives."""

from __future__ import annotations

import numpy as np
import pytest

from outgrow.geometry.correlation import corrected
from outgrow.theory.effective_stage import effective_stages
from outgrow.theory.finite_pool import (
    PoolShrinkage,
    Shared,
    StrongProducts,
    WeakProducts,
    products_elsewhere,
    shared_dimensions,
)
from outgrow.theory.taught_products import TaughtProducts
from outgrow.theory.terms import PairSpectra, Target

D_W, D_S = 30, 40


def shrunk(values, k, rows=np.inf):
    h = values / (values + k)
    return h, PoolShrinkage(np.array([h.sum()]), np.array([np.sum(h**2)]), rows)


def sums(H, h, C):
    C2 = C**2
    return Shared(*(np.array([a @ C2 @ b]) for a, b in ((H, h), (H, h**2), (H**2, h), (H**2, h**2))))


def products(H, h, C, norm, F_w, F_s, b_w, b_s):
    """Of a fit F and a rest b, on the pool or, with population moments, in the population."""
    f, g = h * F_w, h * b_w
    z, y = C @ f, C @ g
    weak = WeakProducts(np.array([norm]), _column(F_w @ f, F_w @ g), _column(f @ f, f @ g, g @ g))
    strong = (
        StrongProducts(
            _column(F_s @ (G * F_s), F_s @ (G * b_s), b_s @ (G * b_s)),
            _column(F_s @ (G * z), F_s @ (G * y), b_s @ (G * z), b_s @ (G * y)),
            _column(z @ (G * z), z @ (G * y), y @ (G * y)),
        )
        for G in (H, H**2)
    )
    return (weak, *strong)


def _column(*numbers):
    return np.array(numbers)[:, None]


def total(strong):
    return np.concatenate(
        [[1, 2, 1] @ strong.target, strong.crossed.sum(axis=0), [1, 2, 1] @ strong.imitated]
    )


def on_the_pool(X, k):
    """Whitening map and shrinkage on rows."""
    found, vectors = np.linalg.eigh(X.T @ X / len(X))
    return vectors / np.sqrt(found), *shrunk(found, k, len(X))


def moments(gaussian, rng, kind):
    world = gaussian(rng, kind, 25)
    return world.rows, world.values_w, world.values_s, world.C


def matching(values, kappa, M):
    """The pool's penalty that stands for the population's."""
    return kappa * (1 - np.sum(values / (values + kappa)) / M)


@pytest.mark.parametrize("shared", [1.0, 5.5, 9.0])
def test_without_penalties_shared_dimensions_are_those_of_t1b(shared):
    value = np.array([shared])
    weak, strong = (PoolShrinkage(np.array([d]), np.array([d]), 100.0) for d in (10.0, 20.0))
    found = shared_dimensions(weak, strong, Shared(value, value, value, value))
    expected = corrected(shared, 100, 10, 20)
    for number in (found.once, found.weak_twice, found.strong_twice, found.twice):
        assert number == pytest.approx(expected, rel=1e-12)


def test_a_population_is_left_as_it_is(gaussian, rng):
    _, values_w, values_s, C = moments(gaussian, rng, "power")
    (h, weak), (H, strong) = shrunk(values_w, 0.1), shrunk(values_s, 0.2)
    sample = sums(H, h, C)
    found = shared_dimensions(weak, strong, sample)
    for name in ("once", "weak_twice", "strong_twice", "twice"):
        assert getattr(found, name) == pytest.approx(getattr(sample, name), rel=1e-12)
    F_w, F_s, b_w, b_s = (rng.standard_normal(d) for d in (D_W, D_S, D_W, D_S))
    teacher, once, twice = products(H, h, C, 90.0, F_w, F_s, b_w, b_s)
    first, second = products_elsewhere(weak, strong, found, teacher, once, twice)
    assert np.concatenate(first) == pytest.approx(total(once), rel=1e-12)
    assert np.concatenate(second) == pytest.approx(total(twice), rel=1e-12)


@pytest.mark.parametrize("kind", ["flat", "power"])
@pytest.mark.parametrize("kappas", [(1e-9, 1e-9), (0.05, 0.2)])
def test_shared_dimensions_over_redrawn_pools(gaussian, rng, kind, kappas):
    M, repetitions = 120, 200
    rows, values_w, values_s, C = moments(gaussian, rng, kind)
    truth = sums(shrunk(values_s, kappas[1])[0], shrunk(values_w, kappas[0])[0], C)
    k_w, k_s = matching(values_w, kappas[0], M), matching(values_s, kappas[1], M)
    seen, raw = [], []
    for _ in range(repetitions):
        X, Y, _ = rows(M, rng)
        (B_w, h, weak), (B_s, H, strong) = on_the_pool(X, k_w), on_the_pool(Y, k_s)
        sample = sums(H, h, B_s.T @ Y.T @ X @ B_w / M)
        raw.append(sample.twice[0])
        found = shared_dimensions(weak, strong, sample)
        seen.append(np.concatenate([found.once, found.weak_twice, found.strong_twice, found.twice]))
    expected = np.concatenate([truth.once, truth.weak_twice, truth.strong_twice, truth.twice])
    error = np.std(seen, axis=0, ddof=1) / np.sqrt(repetitions)
    # What T1b leaves is of order 1/M; chance alone is worth a sixth and more.
    assert (np.abs(np.mean(seen, axis=0) - expected) < 0.012 * expected + 3.5 * error).all()
    assert np.mean(raw) > 1.16 * truth.twice


@pytest.mark.parametrize("kind", ["flat", "power"])
@pytest.mark.parametrize("kappas", [(1e-9, 1e-9), (0.05, 0.2)])
@pytest.mark.parametrize("parts", [(1, 0), (0, 1), (0.6, 0.8)])
def test_products_over_redrawn_pools(gaussian, rng, kind, kappas, parts):
    M, repetitions = 200, 300
    rows, values_w, values_s, C = moments(gaussian, rng, kind)
    # A fit of both features, and a rest that points partly the same way.
    a, b = (rng.standard_normal(d) / np.sqrt(d) for d in (D_W, D_S))
    F_w, F_s = parts[0] * (a + C.T @ b), parts[0] * (C @ a + b)
    b_w = parts[1] * (0.5 * (a + C.T @ b) + 0.3 * rng.standard_normal(D_W) / np.sqrt(D_W))
    b_s = parts[1] * (0.5 * (C @ a + b) + 0.3 * rng.standard_normal(D_S) / np.sqrt(D_S))
    norm = parts[0] ** 2 * (a @ a + b @ b + 2 * b @ C @ a)
    h, H = shrunk(values_w, kappas[0])[0], shrunk(values_s, kappas[1])[0]
    _, once, twice = products(H, h, C, norm, F_w, F_s, b_w, b_s)
    expected = np.concatenate([total(once), total(twice)])
    k_w, k_s = matching(values_w, kappas[0], M), matching(values_s, kappas[1], M)
    seen, raw = [], []
    for _ in range(repetitions):
        X, Y, _ = rows(M, rng)
        f = parts[0] * (X @ (a / np.sqrt(values_w)) + Y @ (b / np.sqrt(values_s)))
        # The fit's own size varies from pool to pool far more than what is tested.
        if parts[0]:
            f *= np.sqrt(norm / np.mean(f**2))
        (B_w, h, weak), (B_s, H, strong) = on_the_pool(X, k_w), on_the_pool(Y, k_s)
        pool = products(
            H,
            h,
            B_s.T @ Y.T @ X @ B_w / M,
            np.mean(f**2),
            f @ X @ B_w / M,
            f @ Y @ B_s / M,
            (b_w * np.sqrt(values_w)) @ B_w,
            (b_s * np.sqrt(values_s)) @ B_s,
        )
        shared = shared_dimensions(weak, strong, sums(H, h, B_s.T @ Y.T @ X @ B_w / M))
        first, second = products_elsewhere(weak, strong, shared, *pool)
        seen.append(np.concatenate([*first, *second]))
        raw.append(np.concatenate([total(pool[1]), total(pool[2])]))
    error = np.std(seen, axis=0, ddof=1) / np.sqrt(repetitions)
    assert (error < 0.04 * expected).all()
    assert (np.abs(np.mean(seen, axis=0) - expected) < 0.012 * expected + 3.5 * error).all()
    # Without correction what is imitated is off by more than a tenth.
    assert (np.mean(raw, axis=0)[[2, 5]] > 1.1 * expected[[2, 5]]).all()


def test_second_resolvents_are_derivatives(gaussian, rng):
    # H^2 = H + kappa dH/dkappa in the population, with all corrections: by a small step of the pool's k.
    _, values_w, values_s, C = moments(gaussian, rng, "power")
    M, F_w, F_s = 150.0, rng.standard_normal(D_W), rng.standard_normal(D_S)
    b_w, b_s = rng.standard_normal(D_W), rng.standard_normal(D_S)
    h, weak = shrunk(values_w, 0.1, M)

    def at(log_k):
        H, strong = shrunk(values_s, np.exp(log_k), M)
        shared = shared_dimensions(weak, strong, sums(H, h, C))
        found = products_elsewhere(weak, strong, shared, *products(H, h, C, 90.0, F_w, F_s, b_w, b_s))
        # Log kappa, first-order numbers, second-order numbers.
        first = np.concatenate([*found[0], shared.once, shared.weak_twice, strong.df1])
        second = np.concatenate([*found[1], shared.strong_twice, shared.twice, strong.df2])
        return log_k + np.log(strong.inflation), first, second

    step, middle = 1e-5, np.log(0.2)
    (low, before, _), (_, value, square), (high, after, _) = (at(middle + s) for s in (-step, 0.0, step))
    assert value + (after - before) / (high - low) == pytest.approx(square, rel=1e-6)


def test_students_see_their_teachers_through_these_products(gaussian, rng):
    _, values_w, values_s, C = moments(gaussian, rng, "power")
    F_w, F_s, b_w, b_s = (rng.standard_normal(d) for d in (D_W, D_S, D_W, D_S))
    target = Target(
        fit_w=F_w[None],
        left_w=b_w[None],
        right_w=b_w[None],
        fit_s=F_s[None],
        left_s=b_s[None],
        right_s=b_s[None],
        fit_norm=np.array([90.0]),
        weights=np.ones((1, 1)),
        variance=np.array([99.0]),
    )
    pair = PairSpectra(values_w=values_w, values_s=values_s, C=C, rows=150.0)
    teachers, students = (
        effective_stages(values, np.array([40, 70]), np.array([0.1, 0.3]), rows=pair.rows)
        for values in (values_w, values_s)
    )
    taught = TaughtProducts(pair, target, teachers)
    for k, h in enumerate(teachers.shrink):
        shared, *found = taught.through(k, students.shrink, students, students.bare)
        for j, H in enumerate(students.shrink):
            weak, strong = (PoolShrinkage(np.array([x.sum()]), np.array([x @ x]), 149.0) for x in (h, H))
            here = shared_dimensions(weak, strong, sums(H, h, C))
            expected = products_elsewhere(weak, strong, here, *products(H, h, C, 90.0, F_w, F_s, b_w, b_s))
            assert shared.twice[j] == pytest.approx(here.twice[0], rel=1e-9)
            assert np.array(found)[:, :, 0, j] == pytest.approx(np.array(expected)[:, :, 0], rel=1e-9)
