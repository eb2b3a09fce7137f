"""Forecasts of the joint student's settings for its choice: the same as elsewhere, honest, and of use."""

from __future__ import annotations

import numpy as np
import pytest

from outgrow.probes.foretold import joint_forecasts
from outgrow.probes.routes import Labelled, with_teacher
from outgrow.probes.two_stage import Pool, StageOne, StageTwo, choose
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
    found = joint_forecasts(weak, strong, y, Pool.from_rows(*pool_rows), parts(5, 40), ALPHAS, WEIGHTS)
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
    assert joint_forecasts(weak, strong, y, pool, parts(folds, 40), ALPHAS, WEIGHTS) is None


def test_a_small_pool_is_enough(world, rng):
    weak, strong, y = world.rows(40, rng)
    pool = Pool.from_rows(*world.rows(15, rng)[:2])
    found = joint_forecasts(weak, strong, y, pool, parts(5, 40), ALPHAS, WEIGHTS)
    assert np.isfinite(found).any(axis=1).all()


def test_choices_weigh_both_and_are_made_without_the_fold(rng):
    folds = parts(4, 12)
    losses = rng.exponential(size=(7, 12))
    forecasts = rng.exponential(size=(5, 7))
    best, honest = choose(losses, folds, forecasts)
    assert best == np.argmin(losses.mean(axis=1) + forecasts[0])
    for place, fold in enumerate(folds):
        rest = np.setdiff1d(np.arange(12), fold)
        without = int(np.argmin(losses[:, rest].mean(axis=1) + forecasts[1 + place]))
        np.testing.assert_array_equal(honest[fold], losses[without, fold])
    # Forecasts that say nothing change nothing.
    again, same = choose(losses, folds, np.ones((5, 7)))
    assert again == choose(losses, folds)[0]
    np.testing.assert_array_equal(same, choose(losses, folds)[1])


def test_the_joint_student_takes_the_setting_of_least_mean(world, rng):
    weak, strong, y = world.rows(40, rng)
    pool = Pool.from_rows(*world.rows(300, rng)[:2])
    rows = Labelled(strong, y, parts(5, 40))
    joint = next(route for route in with_teacher("weak", weak, pool, rows) if route.kind == "joint")
    grids = (rows.grid(weak), rows.grid(strong))
    first = StageOne(weak, y, grids[0])
    losses = np.stack([StageTwo(first, strong, pool, grids[1], w).losses().mean(axis=2) for w in WEIGHTS])
    both = losses + joint_forecasts(weak, strong, y, pool, rows.folds, grids, WEIGHTS)[0].reshape(
        losses.shape
    )
    which, a, b = np.unravel_index(both.argmin(), both.shape)
    assert joint.settings == {"alpha_w": grids[0][a], "alpha_s": grids[1][b], "weight": WEIGHTS[which]}
    assert both.argmin() != losses.argmin()  # else this test would not tell the two apart


def test_ridgeless_heads_are_chosen_as_before(world, rng, monkeypatch):
    def never(*_args):
        raise AssertionError("a forecast was made")

    monkeypatch.setattr("outgrow.probes.routes.joint_forecasts", never)
    weak, strong, y = world.rows(60, rng)
    pool = Pool.from_rows(*world.rows(300, rng)[:2])
    with_teacher("weak", weak[:, :9], pool.reduced((np.zeros(20), np.eye(20, 9)), (np.zeros(30), None)),
                 Labelled(strong, y, parts(5, 60), ridgeless=True))  # fmt: skip
    with pytest.raises(AssertionError, match="was made"):
        with_teacher("weak", weak, pool, Labelled(strong, y, parts(5, 60)))
