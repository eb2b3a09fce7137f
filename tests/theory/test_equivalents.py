"""T4 against redrawn experiments, against T2 where it is exact, and against a second pool's spectra."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from outgrow.errors import DataError
from outgrow.results import Undefined
from outgrow.theory.effective_stage import effective_stages
from outgrow.theory.equivalents import single_risks, student_risks
from outgrow.theory.exact_risks import exact_risks, min_norm_risks
from outgrow.theory.population import Population
from outgrow.theory.terms import PairSpectra, Target

KINDS, D_W, D_S = ("power", "spiked", "flat"), 30, 50

FITS = [(20, 0.0), (20, 0.05), (90, 0.0), (90, 0.05)]
"""Labels and penalties: fewer and more than weak directions, with and without."""

STUDENTS = [(30, 0.0), (30, 0.1), (200, 0.0), (200, 0.1)]


def fit(X, y, alpha, intercept):
    """Ridge, or minimum norm at 0, by one decomposition of the rows."""
    mean, level = (X.mean(axis=0), y.mean()) if intercept else (np.zeros(X.shape[1]), 0.0)
    U, s, Vt = np.linalg.svd(X - mean, full_matrices=False)
    keep = s > 1e-9 * s[0]
    U, s, Vt = U[:, keep], s[keep], Vt[keep]
    theta = Vt.T @ (s / (s**2 + alpha * len(X)) * (U.T @ (y - level)))
    return theta, level - mean @ theta


def risk(model, values, t, world):
    """Expected squared error of a model of either set on fresh labels, exactly."""
    u = np.sqrt(values) * model[0]
    return world.v - 2 * u @ t + u @ u + model[1] ** 2 + world.sigma2


def stages(values, fits, **options):
    m, alpha = (np.array(x) for x in zip(*fits, strict=True))
    return effective_stages(values, m, alpha, **options)


def forecast(pair, target, intercept=True, teachers=FITS, students=STUDENTS):
    """Teacher, baseline and student risks for all fits."""
    common = {"rows": pair.rows, "intercept": intercept}
    one, two = stages(pair.values_w, teachers, **common), stages(pair.values_s, students, **common)
    return (
        single_risks(one, target.weak(), target),
        single_risks(stages(pair.values_s, teachers, **common), target.strong(), target),
        student_risks(pair, target, one, two),
    )


@pytest.mark.slow
@pytest.mark.parametrize("intercept", [True, False], ids=["intercepts", "known means"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_fit_against_monte_carlo(gaussian, rng, kind, intercept):
    world = gaussian(rng, kind, 20, d_s=D_S)
    weak, strong = (world.values_w, world.t_w, world), (world.values_s, world.t_s, world)
    teacher, baseline, student = forecast(world.pair(), world.target(), intercept)
    repetitions, shape = 250, (len(FITS), len(STUDENTS))
    seen = {"teacher": [], "baseline": [], "student": [], "size": []}
    for _ in range(repetitions):
        draws = np.empty((2, *shape))
        alone = np.empty((2, len(FITS)))
        (W, S, f), (W2, S2, _) = world.rows(90, rng), world.rows(200, rng)
        y = world.noisy(f, rng)
        for i, (n, alpha) in enumerate(FITS):
            theta = fit(W[:n], y[:n], alpha, intercept)
            alone[:, i] = risk(theta, *weak), risk(fit(S[:n], y[:n], alpha, intercept), *strong)
            for j, (N, beta) in enumerate(STUDENTS):
                model = fit(S2[:N], W2[:N] @ theta[0] + theta[1], beta, intercept)
                draws[:, i, j] = risk(model, *strong), world.values_s @ model[0] ** 2
        for name, values in zip(seen, (*alone, *draws), strict=True):
            seen[name].append(values)
    expected = {
        "teacher": teacher.error[0],
        "baseline": baseline.error[0],
        "student": student.error[0],
        "size": student.size[0],
    }
    # Deterministic equivalents are right up to 1/m; a minimum-norm fit below its peak needs more rows for it.
    late = np.array([0.06, 0, 0, 0])
    allowed = {"alone": 0.03 + late, "pair": 0.03 + late[:, None] + late}
    for name, values in expected.items():
        draws = np.array(seen[name])
        error = draws.std(axis=0) / np.sqrt(repetitions)
        off = np.abs(draws.mean(axis=0) / values - 1) - 3 * error / values
        limit = allowed["alone" if values.ndim == 1 else "pair"]
        assert (off < limit).all(), (name, (draws.mean(axis=0) / values - 1).round(3))


@pytest.mark.parametrize("intercept", [True, False], ids=["intercepts", "known means"])
def test_equal_to_exact_risks_without_a_penalty(gaussian, rng, intercept):
    world = gaussian(rng, "power", 20, d_s=D_S)
    pair, t_w, t_s = world.pair(), world.t_w, world.t_s
    population = Population.from_whitened(pair.C, t_w, t_s, world.v, world.sigma2)
    sizes, pools = [D_W + 4, 60, 900], [D_S + 4, 77, 5000]
    teacher, baseline, student = forecast(
        pair, world.target(), intercept, [(n, 0.0) for n in (*sizes, 70)], [(N, 0.0) for N in pools]
    )
    for i, n in enumerate(sizes):
        for j, N in enumerate(pools):
            exact, noise = exact_risks(population, n, N, intercept=intercept), world.sigma2
            assert teacher.error[0, i] - noise == pytest.approx(exact.teacher.value, rel=1e-9)
            assert student.error[0, i, j] - noise == pytest.approx(exact.student.value, rel=1e-9)
            assert student.bias[0, i, j] - noise == pytest.approx(population.rho_s + population.e2, rel=1e-9)
            endless = exact_risks(population, n, 10**9, intercept=intercept).student.value
            inherited = endless - population.rho_s - population.e2
            assert student.inherited[0, i, j] == pytest.approx(inherited, rel=1e-5)
    exact = exact_risks(population, 70, 100, intercept=intercept)
    assert baseline.error[0, 3] - world.sigma2 == pytest.approx(exact.baseline.value, rel=1e-9)


def test_near_the_exact_minimum_norm_risks_of_wide_isotropic_features(rng):
    d_w, d_s = 300, 500
    C = np.zeros((d_s, d_w))
    C[:d_w] = np.diag(np.sqrt(rng.uniform(0, 1, d_w)))
    t_w, t_s = (rng.standard_normal(d) / np.sqrt(2 * d) for d in (d_w, d_s))
    pair = PairSpectra(values_w=np.ones(d_w), values_s=np.ones(d_s), C=C)
    target = Target.known(t_w, t_s + C @ t_w, 3.0, 0.5)
    population = Population.from_whitened(C, t_w, t_s + C @ t_w, 3.0, 0.5)
    teachers, students = [(100, 0.0), (220, 0.0), (600, 0.0)], [(80, 0.0), (350, 0.0), (900, 0.0)]
    *_, student = forecast(pair, target, teachers=teachers, students=students)
    for i, (n, _) in enumerate(teachers):
        for j, (N, _) in enumerate(students):
            exact = min_norm_risks(population, n, N).student.value
            assert student.error[0, i, j] - 0.5 == pytest.approx(exact, rel=0.015)


def test_risks_do_not_depend_on_the_directions_nor_on_units(gaussian, rng):
    world = gaussian(rng, "power", 20, d_s=D_S)
    pair, t_w, t_s = world.pair(), world.t_w, world.t_s
    *_, first = forecast(pair, world.target())
    U, V = (np.linalg.qr(rng.standard_normal((d, d)))[0] for d in (4, 6))
    spiked = replace(
        pair,
        values_w=np.concatenate([np.full(4, 2.0), pair.values_w[4:]]),
        values_s=np.concatenate([np.full(6, 3.0), pair.values_s[6:]]),
    )
    turn_w, turn_s = np.eye(D_W), np.eye(D_S)
    turn_w[:4, :4], turn_s[:6, :6] = U, V
    *_, plain = forecast(spiked, world.target())
    turned = Target.known(turn_w @ t_w, turn_s @ t_s, world.v, world.sigma2)
    *_, other = forecast(replace(spiked, C=turn_s @ spiked.C @ turn_w.T), turned)
    assert other.error == pytest.approx(plain.error, rel=1e-9)
    louder = Target.known(3 * t_w, 3 * t_s, 9 * world.v, 9 * world.sigma2)
    *_, scaled = forecast(pair, louder)
    assert scaled.error == pytest.approx(9 * first.error, rel=1e-9)


def test_columns_of_labels_add_up(gaussian, rng):
    world = gaussian(rng, "power", 20, d_s=D_S)
    pair, t_w, t_s = world.pair(), world.t_w, world.t_s
    a, b = world.target(), Target.known(t_w[::-1], t_s[::-1] / 2, 4.0, 0.3)
    together = Target(
        **{
            f"{part}_{side}": np.concatenate([getattr(x, f"{part}_{side}") for x in (a, b)])
            for part in ("fit", "left", "right")
            for side in ("w", "s")
        },
        fit_norm=np.zeros(2),
        weights=np.ones((1, 2)),
        variance=a.variance + b.variance,
    )
    for one, two, both in zip(*(forecast(pair, target) for target in (a, b, together)), strict=True):
        assert both.error == pytest.approx(one.error + two.error, rel=1e-12)
        assert both.size == pytest.approx(one.size + two.size, rel=1e-12)


def test_not_a_number_exactly_where_the_expectation_is_infinite():
    pair = PairSpectra(values_w=np.ones(8), values_s=np.ones(11), C=np.eye(11, 8) / 2)
    target = Target.known(np.ones(8) / 4, np.ones(11) / 8, 2.0, 0.2)
    population = Population.from_whitened(pair.C, np.ones(8) / 4, np.ones(11) / 8, 2.0, 0.2)
    sizes = np.arange(4, 20)
    for intercept in (True, False):
        fits = [(int(m), 0.0) for m in sizes]
        teacher, baseline, student = forecast(pair, target, intercept, fits, fits)
        for i, n in enumerate(sizes):
            exact = min_norm_risks(population, int(n), 50, intercept=intercept)
            assert np.isnan(teacher.error[0, i]) == isinstance(exact.teacher, Undefined)
            assert np.isnan(baseline.error[0, i]) == isinstance(exact.baseline, Undefined)
            for j, N in enumerate(sizes):
                exact = min_norm_risks(population, int(n), int(N), intercept=intercept)
                assert np.isnan(student.error[0, i, j]) == isinstance(exact.student, Undefined)
        # With a penalty nothing is infinite.
        fits = [(int(m), 0.01) for m in sizes]
        for risks in forecast(pair, target, intercept, fits, fits):
            assert np.isfinite(risks.error).all()


def test_correlations_of_another_shape_are_refused():
    with pytest.raises(DataError, match=r"shape \(2, 3\) do not belong to 3 strong and 2 weak directions"):
        PairSpectra(values_w=np.ones(2), values_s=np.ones(3), C=np.zeros((2, 3)))
