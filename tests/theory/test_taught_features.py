"""The forecast of the joint student of a given teacher: as trained in Gaussian worlds, and its limits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from outgrow.forecasts.forecast import Forecast
from outgrow.forecasts.labels_win import labels_win
from outgrow.heads.taught import taught_mapping
from outgrow.heads.two_stage import Pool
from outgrow.linalg.ridge_path import RidgePath
from outgrow.results import Undefined
from outgrow.theory.effective_stage import effective_stages
from outgrow.theory.equivalents import single_risks
from outgrow.theory.surface import RELATIVE
from outgrow.theory.taught_features import taught_features
from outgrow.theory.terms import PairSpectra, Target

D, SIGMA2 = 24, 0.8


class World:
    """A score that is half noise, strong features that hold its signal among much else."""

    def __init__(self, rng, noise=1.0):
        self.values = np.geomspace(3, 0.1, D)
        self.t_s = rng.normal(size=D) / np.sqrt(D)
        shared = 0.8 * self.t_s + 0.2 * rng.normal(size=D) / np.sqrt(D)
        self.size = float(np.sqrt(shared @ shared + noise))
        self.shared, self.noise = shared, noise
        self.pair = PairSpectra(values_w=np.ones(1), values_s=self.values, C=shared[:, None] / self.size)
        self.target = Target.known(
            np.array([shared @ self.t_s]) / self.size, self.t_s, float(self.t_s @ self.t_s), SIGMA2
        )

    def forecast(self, **more):
        return Forecast(
            weak="score",
            strong="large",
            pair=self.pair,
            target=self.target,
            m=100,
            penalties_w=RELATIVE,
            penalties_s=self.values.mean() * RELATIVE,
            given=True,
            **more,
        )

    def rows(self, m, rng):
        z = rng.normal(size=(m, D))
        score = z @ self.shared + np.sqrt(self.noise) * rng.normal(size=m)
        return z * np.sqrt(self.values), score[:, None], z @ self.t_s


@pytest.mark.parametrize(("n", "N", "off"), [(20, 2000, 0.04), (80, 2000, 0.04), (40, 150, 0.12)])
def test_trained_as_chosen_the_risk_is_the_forecast_one(rng, n, N, off):
    world = World(rng)
    drawn = taught_features(world.pair, world.target, N)
    alphas = drawn[0][0].mean() * RELATIVE
    fits = [
        single_risks(effective_stages(values, np.full(25, n), alphas), side, world.target).error[0]
        for values, side in drawn
    ]
    found = np.mean(fits, axis=0)
    best = int(np.argmin(found))
    assert world.forecast().taught([n], N)[0, 0] == pytest.approx(found[best], rel=1e-9)
    expected = float(found[best]) - SIGMA2
    test, _, truth = world.rows(2000, rng)
    errors = []
    for _ in range(150):
        strong, _, f = world.rows(n, rng)
        pool, score, _ = world.rows(N, rng)
        y = (f + np.sqrt(SIGMA2) * rng.normal(size=n))[:, None]
        mapping = taught_mapping(Pool.from_rows(score, pool))
        model = RidgePath(strong @ mapping, y, alphas[[best]]).model(0).after(mapping)
        errors.append(np.mean((model.predict(test)[:, 0] - truth) ** 2))
    spread = np.std(errors, ddof=1) / np.sqrt(len(errors))
    # Equivalents are right up to a few per cent at so few rows; in small pools draws of the imitation differ.
    assert np.mean(errors) == pytest.approx(expected, rel=off, abs=3 * spread)
    assert expected < 0.7 * (world.forecast().surface([n], [N]).baseline[0, 0] - SIGMA2)


def test_a_score_of_nothing_is_the_baseline(rng):
    world = World(rng)
    deaf = replace(world.pair, C=0 * world.pair.C)
    ((values, side),) = taught_features(deaf, world.target, np.inf)
    alphas = values.mean() * RELATIVE
    scale = world.values.sum()
    found = single_risks(effective_stages(values, np.full(25, 40), alphas), side, world.target).error
    plain = effective_stages(world.values, np.full(25, 40), alphas * scale)
    np.testing.assert_allclose(
        found, single_risks(plain, world.target.strong(), world.target).error, rtol=1e-8
    )


def test_more_pseudo_labels_help_and_beyond_the_pool_nothing_is_known(rng):
    world = World(rng)
    risks = [float(world.forecast().taught([30], N)[0, 0]) for N in (60, 300, 30_000)]
    assert risks == sorted(risks, reverse=True)
    measured = replace(world.forecast(), pair=replace(world.pair, rows=500.0))
    # At the pool's own size the imitation is the measured one, with no chance added.
    one = measured.taught([30], 500)
    again = replace(measured, pair=replace(measured.pair, rows=500.0)).taught([30], 500)
    np.testing.assert_array_equal(one, again)


def test_labels_win_where_a_search_over_every_n_says(rng):
    world = World(rng)
    one = world.forecast()
    found = labels_win(one, 2000)
    n = np.unique(np.geomspace(4, 1000, 100).astype(int))
    surface = one.surface(n, [2000])
    for route, errors in (("student", surface.student[0, :, 0]), ("joint", one.taught(n, 2000)[0])):
        better = np.flatnonzero(errors > surface.baseline[0])
        if not better.size:
            assert isinstance(found[route], Undefined)
            continue
        place = n[np.flatnonzero(errors <= surface.baseline[0])[-1] + 1]
        assert found[route].value == pytest.approx(place, rel=0.1)
    assert found["student"].value < 1000


def test_labels_that_never_win_are_said_so(rng):
    # The score is the target itself, which a student learns whole.
    world = World(rng, noise=1e-6)
    world.pair = replace(world.pair, C=(world.t_s / np.linalg.norm(world.t_s))[:, None])
    world.target = replace(
        world.target,
        left_w=np.array([[np.linalg.norm(world.t_s)]]),
        right_w=np.array([[np.linalg.norm(world.t_s)]]),
    )
    found = labels_win(world.forecast(), 100_000)["student"]
    assert isinstance(found, Undefined)
    assert "up to 1,000 labels" in found.reason
