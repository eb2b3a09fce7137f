"""Forecasts of every route: the same as elsewhere, right on average, and none where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from outgrow.heads.route_forecasts import route_forecasts
from outgrow.heads.two_stage import Pool, StageTwo
from outgrow.linalg.ridge_path import RidgePath
from outgrow.theory.joint_equivalent import WEIGHTS, joint_risks
from outgrow.theory.label_terms import label_terms
from outgrow.theory.terms import PairSpectra

ALPHAS = (np.geomspace(0.01, 10, 4), np.geomspace(0.01, 10, 5))


class World:
    """Thirty latents of falling variance; both feature sets are mixtures of them, off centre."""

    def __init__(self, rng, d_w=20, d_s=30):
        self.A_w, self.A_s = (rng.normal(size=(30, d)) / np.sqrt(30) for d in (d_w, d_s))
        self.scale = np.geomspace(2, 0.1, 30)
        self.a = rng.normal(size=30) / 3

    def rows(self, m, rng):
        z = rng.normal(size=(m, 30)) * self.scale
        y = z @ self.a + rng.normal(size=m)
        return z @ self.A_w + 3.0, z @ self.A_s - 2.0, y[:, None]


def parts(count, n):
    return [np.arange(fold, n, count) for fold in range(count)]


@pytest.fixture
def world(rng):
    return World(rng)


def test_they_are_those_of_the_theory(world, rng):
    weak, strong, y = world.rows(40, rng)
    pool_rows = world.rows(200, rng)[:2]
    pool = Pool.from_rows(*pool_rows)
    found = route_forecasts(weak, strong, y, pool, parts(5, 40)).errors("joint", np.array(WEIGHTS), *ALPHAS)
    assert found.shape == (6, len(WEIGHTS) * 20)
    # Whitened by another factor of the same covariances: risks do not depend on which.
    rows, white = [], []
    for X, P in zip((weak, strong), pool_rows, strict=True):
        _, s, Vt = np.linalg.svd(P - P.mean(axis=0), full_matrices=False)
        rows.append((X - P.mean(axis=0)) @ Vt.T / (s / np.sqrt(200)))
        white.append((s**2 / 200, (P - P.mean(axis=0)) @ Vt.T / (s / np.sqrt(200))))
    C = white[1][1].T @ white[0][1] / 200
    pair = PairSpectra(values_w=white[0][0], values_s=white[1][0], C=C, rows=200.0)
    target = label_terms(pair, *rows, y, np.arange(40) % 5)
    place = 3 * 20 + 2 * 5 + 1
    expected = joint_risks(
        pair, target, n=40, alpha_w=ALPHAS[0][2], N=200, alpha_s=ALPHAS[1][1], weight=WEIGHTS[3]
    ).error[:, 0]
    np.testing.assert_allclose(found[:, place], expected, rtol=1e-6)


@pytest.mark.parametrize(("folds", "size", "constant"), [(3, 100, False), (5, 3, False), (5, 100, True)])
def test_where_there_is_no_forecast_there_is_none(world, rng, folds, size, constant):
    weak, strong, y = world.rows(40, rng)
    pool = Pool.from_rows(*world.rows(size, rng)[:2])
    y = np.ones_like(y) if constant else y
    assert route_forecasts(weak, strong, y, pool, parts(folds, 40)) is None


def test_a_small_pool_is_enough(world, rng):
    weak, strong, y = world.rows(40, rng)
    pool = Pool.from_rows(*world.rows(15, rng)[:2])
    found = route_forecasts(weak, strong, y, pool, parts(5, 40)).errors("joint", np.array(WEIGHTS), *ALPHAS)
    assert np.isfinite(found).any(axis=1).all()


def test_no_teacher_touches_the_baseline(world, rng):
    weak, strong, y = world.rows(60, rng)
    pool_weak, pool_strong, _ = world.rows(300, rng)
    forecasts = []
    for rows, other in ((weak, pool_weak), (rng.normal(size=(60, 7)), rng.normal(size=(300, 7)))):
        pool = Pool.from_rows(other, pool_strong)
        found = route_forecasts(rows, strong, y, pool, parts(5, 60), alone=True)
        forecasts.append(found.errors("baseline", ALPHAS[1]))
    np.testing.assert_allclose(*forecasts, rtol=1e-9)


@pytest.mark.slow
def test_forecasts_and_leave_one_out_estimate_one_error(world, rng):
    """Over 60 draws the two means differ by no more than 3.3 standard errors, route by route."""
    differences = []
    for _ in range(60):
        weak, strong, y = world.rows(60, rng)
        pool = Pool.from_rows(*world.rows(600, rng)[:2])
        forecasts = route_forecasts(weak, strong, y, pool, parts(10, 60))
        alone = route_forecasts(weak, strong, y, pool, parts(10, 60), alone=True)
        teacher, base = RidgePath(weak, y, ALPHAS[0][2:3]), RidgePath(strong, y, ALPHAS[1][2:3])
        student = StageTwo(teacher, strong, pool, ALPHAS[1][2:3])
        pairs = (
            (forecasts.errors("teacher", ALPHAS[0][2:3]), teacher.row_losses),
            (alone.errors("baseline", ALPHAS[1][2:3]), base.row_losses),
            (forecasts.errors("student", ALPHAS[0][2:3], ALPHAS[1][2:3]), student.losses()[0]),
        )
        differences.append([one[0, 0] - other.mean() for one, other in pairs])
    found = np.array(differences)
    errors = found.std(axis=0, ddof=1) / np.sqrt(len(found))
    # The equivalents' own error at these sizes is a percent or two of an error of about 1.5.
    assert (np.abs(found.mean(axis=0)) < 3.3 * errors + 0.03).all()
