"""The joint student as a route of the forecast: its search, both ends of its weight, what it costs others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from outgrow.forecasts import risk_surfaces as module
from outgrow.heads.two_stage import Pool, StageTwo
from outgrow.linalg.ridge_path import RidgePath
from outgrow.results import Estimate
from outgrow.theory.joint_equivalent import WEIGHTS, joint_risks
from outgrow.theory.surface import choice

N_LABELS, N_POOL = 30, 90


@pytest.mark.parametrize("kind", ["known", "estimated"])
def test_no_setting_of_the_whole_grid_is_better(world, rng, kind):
    one = world.forecast(world.known if kind == "known" else world.labelled(rng, 60, world.sigma2))
    found = one.joint(N_LABELS, N_POOL)
    a, b, w = (x.ravel() for x in np.meshgrid(one.penalties_w, one.penalties_s, WEIGHTS, indexing="ij"))
    every = joint_risks(one.pair, one.target, n=N_LABELS, alpha_w=a, N=N_POOL, alpha_s=b, weight=w).error
    best = int(choice(every[:, None, :])[0])
    assert (found.alpha_w, found.alpha_s, found.weight) == (a[best], b[best], w[best])
    np.testing.assert_allclose(found.error, every[:, best], rtol=1e-12)


def test_trained_as_chosen_the_risk_is_the_forecast_one(world, rng):
    chosen = world.forecast().joint(N_LABELS, N_POOL)
    alpha_w, alpha_s = np.array([chosen.alpha_w]), np.array([chosen.alpha_s])
    test = rng.normal(size=(2000, 15))
    errors = []
    for _ in range(300):
        z = rng.normal(size=(N_LABELS + N_POOL, 15))
        weak, strong = z @ world.A_w * np.sqrt(world.values_w), z @ world.A_s * np.sqrt(world.values_s)
        y = z[:N_LABELS] @ world.a + np.sqrt(world.sigma2) * rng.normal(size=N_LABELS)
        first = RidgePath(weak[:N_LABELS], y[:, None], alpha_w)
        pool = Pool.from_rows(weak[N_LABELS:], strong[N_LABELS:])
        model = StageTwo(first, strong[:N_LABELS], pool, alpha_s, chosen.weight).model(0, 0)
        wrong = model.predict(test @ world.A_s * np.sqrt(world.values_s))[:, 0] - test @ world.a
        errors.append(np.mean(wrong**2))
    error = np.std(errors, ddof=1) / np.sqrt(len(errors))
    # Equivalents are right up to a few per cent at so few rows.
    assert np.mean(errors) == pytest.approx(chosen.error[0] - world.sigma2, rel=0.04, abs=3 * error)


def test_it_stands_among_the_risks_with_an_interval(world, rng):
    one = world.forecast(world.labelled(rng, 60, world.sigma2))
    joint = one.risks(N_LABELS, N_POOL).extras["joint"]
    assert isinstance(joint, Estimate)
    assert joint.value == pytest.approx(one.joint(N_LABELS, N_POOL).error[0] - world.sigma2, rel=1e-12)
    assert joint.interval is not None
    assert joint.interval[0] < joint.value < joint.interval[1]


def test_it_is_left_out_where_penalties_are_fixed_or_few_routes_are_asked_for(world):
    assert "joint" not in world.forecast().risks(N_LABELS, N_POOL, alpha_s=0.1).extras
    assert "joint" not in world.forecast(world.known, union=False).risks(N_LABELS, N_POOL).extras


def test_a_surface_does_not_pay_for_it(world, monkeypatch):
    def never(*_args, **_more):
        raise AssertionError("the joint student was forecast")

    monkeypatch.setattr(module, "joint_forecast", never)
    one = world.forecast()
    one.surface([20, N_LABELS], [N_POOL])
    one.decomposition(N_LABELS, N_POOL)
    with pytest.raises(AssertionError, match="was forecast"):
        one.risks(N_LABELS, N_POOL)


def test_it_is_kept_and_not_taken_for_that_of_another_target(world, rng):
    one = world.forecast()
    assert one.joint(N_LABELS, N_POOL) is one.joint(N_LABELS, N_POOL)
    assert one.joint(N_LABELS, N_POOL) is not one.joint(N_LABELS, N_POOL + 1)
    other = replace(one, target=world.labelled(rng, 60, world.sigma2))
    assert other.joint(N_LABELS, N_POOL).error[0] != one.joint(N_LABELS, N_POOL).error[0]
