"""The joint student as a route of the forecast: its search, both ends of its weight, what it costs others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from outgrow.forecasts import risk_surfaces as module
from outgrow.forecasts.forecast import Forecast
from outgrow.heads.two_stage import Pool, StageTwo
from outgrow.linalg.ridge_path import RidgePath
from outgrow.results import Estimate
from outgrow.theory.joint_equivalent import WEIGHTS, joint_risks
from outgrow.theory.label_terms import label_terms
from outgrow.theory.surface import RELATIVE, choice
from outgrow.theory.terms import PairSpectra, Target

N_LABELS, N_POOL, SIGMA2 = 30, 90, 0.7


class World:
    """Twelve standard normal latents; both feature sets see some of them, the target all."""

    def __init__(self, rng, d_w=6, d_s=9):
        self.A_w = np.linalg.qr(rng.normal(size=(12, d_w)))[0]
        self.A_s = np.linalg.qr(rng.normal(size=(12, d_s)))[0]
        self.a = rng.normal(size=12) / np.sqrt(12)
        self.values_w, self.values_s = np.geomspace(2, 0.1, d_w), np.geomspace(5, 0.05, d_s)
        self.pair = PairSpectra(values_w=self.values_w, values_s=self.values_s, C=self.A_s.T @ self.A_w)

    def known(self):
        return Target.known(self.A_w.T @ self.a, self.A_s.T @ self.a, float(self.a @ self.a), SIGMA2)

    def estimated(self, rng, m=60):
        z = rng.normal(size=(m, 12))
        y = z @ self.a + np.sqrt(SIGMA2) * rng.normal(size=m)
        return label_terms(self.pair, z @ self.A_w, z @ self.A_s, y[:, None], np.arange(m) % 20, SIGMA2)

    def forecast(self, target, **more):
        return Forecast(
            weak="small",
            strong="large",
            pair=self.pair,
            target=target,
            m=60,
            penalties_w=self.values_w.mean() * RELATIVE,
            penalties_s=self.values_s.mean() * RELATIVE,
            **more,
        )


@pytest.fixture
def world(rng):
    return World(rng)


@pytest.mark.parametrize("kind", ["known", "estimated"])
def test_no_setting_of_the_whole_grid_is_better(world, rng, kind):
    one = world.forecast(world.known() if kind == "known" else world.estimated(rng))
    found = one.joint(N_LABELS, N_POOL)
    a, b, w = (x.ravel() for x in np.meshgrid(one.penalties_w, one.penalties_s, WEIGHTS, indexing="ij"))
    every = joint_risks(one.pair, one.target, n=N_LABELS, alpha_w=a, N=N_POOL, alpha_s=b, weight=w).error
    best = int(choice(every[:, None, :])[0])
    assert (found.alpha_w, found.alpha_s, found.weight) == (a[best], b[best], w[best])
    np.testing.assert_allclose(found.error, every[:, best], rtol=1e-12)


def test_trained_as_chosen_the_risk_is_the_forecast_one(world, rng):
    chosen = world.forecast(world.known()).joint(N_LABELS, N_POOL)
    alpha_w, alpha_s = np.array([chosen.alpha_w]), np.array([chosen.alpha_s])
    test = rng.normal(size=(2000, 12))
    errors = []
    for _ in range(300):
        z = rng.normal(size=(N_LABELS + N_POOL, 12))
        weak, strong = z @ world.A_w * np.sqrt(world.values_w), z @ world.A_s * np.sqrt(world.values_s)
        y = z[:N_LABELS] @ world.a + np.sqrt(SIGMA2) * rng.normal(size=N_LABELS)
        first = RidgePath(weak[:N_LABELS], y[:, None], alpha_w)
        pool = Pool.from_rows(weak[N_LABELS:], strong[N_LABELS:])
        model = StageTwo(first, strong[:N_LABELS], pool, alpha_s, chosen.weight).model(0, 0)
        wrong = model.predict(test @ world.A_s * np.sqrt(world.values_s))[:, 0] - test @ world.a
        errors.append(np.mean(wrong**2))
    error = np.std(errors, ddof=1) / np.sqrt(len(errors))
    # Equivalents are right up to a few per cent at so few rows.
    assert np.mean(errors) == pytest.approx(chosen.error[0] - SIGMA2, rel=0.04, abs=3 * error)


def test_it_stands_among_the_risks_with_an_interval(world, rng):
    one = world.forecast(world.estimated(rng))
    joint = one.risks(N_LABELS, N_POOL).extras["joint"]
    assert isinstance(joint, Estimate)
    assert joint.value == pytest.approx(one.joint(N_LABELS, N_POOL).error[0] - SIGMA2, rel=1e-12)
    assert joint.interval is not None
    assert joint.interval[0] < joint.value < joint.interval[1]


def test_it_is_left_out_where_penalties_are_fixed_or_few_routes_are_asked_for(world):
    assert "joint" not in world.forecast(world.known()).risks(N_LABELS, N_POOL, alpha_s=0.1).extras
    assert "joint" not in world.forecast(world.known(), union=False).risks(N_LABELS, N_POOL).extras


def test_a_surface_does_not_pay_for_it(world, monkeypatch):
    def never(*_args, **_more):
        raise AssertionError("the joint student was forecast")

    monkeypatch.setattr(module, "joint_forecast", never)
    one = world.forecast(world.known())
    one.surface([20, N_LABELS], [N_POOL])
    one.decomposition(N_LABELS, N_POOL)
    with pytest.raises(AssertionError, match="was forecast"):
        one.risks(N_LABELS, N_POOL)


def test_it_is_kept_and_not_taken_for_that_of_another_target(world, rng):
    one = world.forecast(world.known())
    assert one.joint(N_LABELS, N_POOL) is one.joint(N_LABELS, N_POOL)
    assert one.joint(N_LABELS, N_POOL) is not one.joint(N_LABELS, N_POOL + 1)
    other = replace(one, target=world.estimated(rng))
    assert other.joint(N_LABELS, N_POOL).error[0] != one.joint(N_LABELS, N_POOL).error[0]
