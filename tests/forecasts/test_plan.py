"""Plans from forecasts whose inputs are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from outgrow.config import PlanConfig
from outgrow.errors import ConfigError
from outgrow.forecasts.forecast import Forecast
from outgrow.forecasts.plan import plan_from
from outgrow.forecasts.search import Prices
from outgrow.results import Estimate
from outgrow.theory.surface import RELATIVE
from outgrow.theory.terms import PairSpectra, Target

PRICES = Prices(1.0, 0.02)


def forecast(d_w=5, d_s=8, weak="w", quality=1.0):
    rng = np.random.default_rng(7)  # teachers of one student see one target
    C = np.zeros((d_s, d_w))
    C[range(2), range(2)] = 0.9
    t_s = rng.standard_normal(d_s) / np.sqrt(d_s)
    own = np.r_[0.0, 0.0, quality * np.ones(d_w - 2) / 2]
    # What the strong set holds, what only the weak one holds, and what neither does.
    target = Target.known(C.T @ t_s + own, t_s, v=t_s @ t_s + 1.6, sigma2=0.5)
    # Replicates around the estimate, as a jackknife leaves them.
    weights = np.concatenate([[1.0], 1 + 0.01 * rng.standard_normal(8)])[:, None]
    variance = target.variance * np.concatenate([[1.0], 1 + 0.01 * rng.standard_normal(8)])
    return Forecast(
        weak=weak,
        strong="s",
        pair=PairSpectra(values_w=np.ones(d_w), values_s=np.ones(d_s), C=C),
        target=replace(target, weights=weights, variance=variance),
        m=100,
        penalties_w=RELATIVE,
        penalties_s=RELATIVE,
    )


def config(**asked):
    return PlanConfig(weak=("w",), strong="s", unlabelled_cost=0.02, **asked)


def test_the_plan_is_the_least_and_the_rest_are_behind_it():
    found = plan_from({"w": forecast()}, config(budget=80.0), PRICES)
    risks = [one.risk.value for one in found.routes]
    assert risks == sorted(risks)
    assert found.best.difference is None
    for one in found.routes[1:]:
        assert one.difference.value == pytest.approx(one.risk.value - risks[0])
        low, high = one.difference.interval
        assert one.tied == (low <= 0 <= high)
        assert one.cost <= 80 + 1e-9
    assert found.floor.value <= risks[0]
    at = list(found.frontier.budgets).index(min(found.frontier.budgets, key=lambda b: abs(b - 80)))
    for one in found.routes:
        name = one.route if one.weak is None else f"{one.route} ({one.weak})"
        # Drawn from a grid, so close to what the search finds, never far below it.
        assert found.frontier.risks[name][at] == pytest.approx(one.risk.value, rel=0.02)
        assert (np.diff(found.frontier.risks[name]) <= 1e-12).all()


def test_budget_and_target_answer_each_other():
    own = {"w": forecast()}
    spent = plan_from(own, config(budget=80.0), PRICES)
    reached = plan_from(own, config(target_risk=spent.best.risk.value * (1 + 1e-9)), PRICES)
    assert reached.best.cost <= 80.0 + 1e-9
    assert reached.best.risk.value <= spent.best.risk.value * (1 + 1e-8)
    again = plan_from(own, config(budget=reached.best.cost - 1.0), PRICES)
    assert again.best.risk.value > spent.best.risk.value


def test_of_two_teachers_the_better_is_planned_and_the_baseline_stands_once():
    two = {"poor": forecast(weak="poor", quality=0.1), "good": forecast(weak="good", quality=1.2)}
    found = plan_from(two, config(budget=80.0), PRICES)
    assert found.best.weak == "good"
    assert [one.route for one in found.routes].count("baseline") == 1
    assert len(found.routes) == 7


def test_what_ifs_move_the_risk_the_right_way():
    found = plan_from({"w": forecast()}, config(budget=80.0), PRICES)
    case = {(one.what, one.change): one for one in found.scenarios}
    assert set(case) == {(what, change) for what in ("sharing", "unexplained") for change in (-0.2, 0.2)}
    assert case["unexplained", -0.2].risk < found.best.risk.value < case["unexplained", 0.2].risk
    assert all(one.risk <= one.stay + 1e-12 for one in found.scenarios)


def test_an_unreachable_target_names_the_floor():
    own = forecast()
    with pytest.raises(ConfigError, match="with as many rows as can be had, the best route"):
        plan_from({"w": own}, config(target_risk=1e-6), PRICES)
    floor = plan_from({"w": own}, config(budget=80.0), PRICES).floor
    assert isinstance(floor, Estimate)
    plan_from({"w": own}, config(target_risk=floor.value * 1.2), PRICES)


def test_a_budget_that_buys_nothing_says_what_it_would_take():
    with pytest.raises(
        ConfigError, match=r"predicting the mean; the cheapest design that does costs"
    ) as told:
        plan_from({"w": forecast()}, config(budget=1.5), PRICES)
    cost = float(str(told.value).split("costs ")[1].split(" ")[0])
    assert plan_from({"w": forecast()}, config(budget=2 * cost), PRICES).best.cost <= 2 * cost


def test_peaks_are_checked_at_fixed_penalties():
    own = {"w": forecast()}
    prices = replace(PRICES, most_labels=8, most_unlabelled=11)
    found = plan_from(own, config(budget=80.0, alpha_w=0.0, alpha_s=0.0), prices)
    student = next(one for one in found.routes if one.route == "student")
    assert student.penalties == {"alpha_w": 0.0, "alpha_s": 0.0}
    if found.best.route in ("student", "teacher"):
        assert found.checks
