"""The verdict: both answers follow the expected errors by one rule, and the intervals hold."""

from __future__ import annotations

import numpy as np
import pytest

from outgrow.heads.expected_error import ExpectedError
from outgrow.heads.routes import Route
from outgrow.linalg.ridge_path import LinearModel
from outgrow.results import Estimate, Undefined
from outgrow.study.verdict import decide

WEAK = {"teacher": "w", "student": "w", "joint": "w", "union": "w", "baseline": None}


def route(kind, expected, weak=None):
    model = LinearModel(np.zeros((1, 1)), np.zeros(1))
    return Route(kind, weak or WEAK[kind], model, ("strong",), {}, expected)


def routes_of(rng, means, folds=10, spread=0.1, forecast=True):
    """Routes that share most of their error fold by fold, as real ones do."""
    common = rng.normal(size=folds)
    made = []
    for kind, mean in means.items():
        own = common + spread * rng.normal(size=folds)
        # Without a fold the mean moves the other way, by one in folds - 1.
        values = mean + np.concatenate([[0.0], (own.mean() - own) / (folds - 1)])
        made.append(route(kind, ExpectedError(values, values if forecast else None)))
    return made


def test_the_least_expected_error_is_recommended(rng):
    verdict = decide(routes_of(rng, {"teacher": 1.0, "baseline": 1.1, "student": 0.5, "union": 0.9}), 400)
    assert verdict.answer == "yes"
    assert verdict.recommended == verdict.least == "student (w)"
    assert verdict.tied == ()
    assert verdict.at_stake == 0.0
    assert [c.against for c in verdict.comparisons] == ["student (w)"] * 3
    assert all(c.difference.value > 0 and c.resolved for c in verdict.comparisons)  # positive is worse


def test_the_two_questions_have_answers_of_their_own(rng):
    # The student outgrows its teacher, and labels alone are better than both.
    verdict = decide(routes_of(rng, {"teacher": 1.0, "baseline": 0.2, "student": 0.8}), 400)
    assert (verdict.answer, verdict.recommended) == ("yes", "baseline")
    verdict = decide(routes_of(rng, {"teacher": 1.0, "baseline": 0.2, "student": 1.4}), 400)
    assert (verdict.answer, verdict.recommended) == ("no", "baseline")
    assert verdict.outgrown[0].difference.value == pytest.approx(0.4)
    assert verdict.outgrown[0].probability.value < 0.01


def test_what_is_not_resolved_is_said_with_what_would_resolve_it(rng):
    verdict = decide(routes_of(rng, {"teacher": 0.53, "baseline": 0.5, "student": 0.51}, spread=0.5), 60)
    one = verdict.outgrown[0]
    assert one.answer == "cannot tell"
    assert verdict.recommended == "baseline"
    assert set(verdict.tied) == {"teacher (w)", "student (w)"}
    low, high = one.difference.interval
    half = (high - low) / 2
    times = (half / one.difference.value) ** 2
    if times <= 20:
        assert one.labels_to_tell.value == int(np.ceil(times * 60))
    else:
        assert isinstance(one.labels_to_tell, Undefined)
    assert verdict.at_stake > 0


def test_a_cheaper_route_is_taken_only_within_the_tolerance_named(rng):
    means = {"teacher": 1.04, "baseline": 1.0, "student": 0.99, "joint": 1.2}
    routes = routes_of(rng, means, spread=0.01)
    assert decide(routes, 400).recommended == "student (w)"
    assert decide(routes, 400, tolerance=0.02).recommended == "baseline"
    wide = decide(routes, 400, tolerance=0.06)
    assert (wide.recommended, wide.least) == ("teacher (w)", "student (w)")
    assert wide.tolerance == 0.06


def test_one_route_without_a_forecast_leaves_all_to_leave_one_out(rng):
    routes = routes_of(rng, {"teacher": 1.0, "baseline": 0.9, "student": 0.8})
    off = ExpectedError(routes[0].expected.leave_one_out, routes[0].expected.forecast + 5)
    assert decide([route("teacher", off), *routes[1:]], 60).from_forecast
    alone = decide([route("teacher", ExpectedError(off.leave_one_out, None)), *routes[1:]], 60)
    assert not alone.from_forecast
    assert alone.risks["teacher (w)"].value == pytest.approx(1.0)
    assert "widened" in alone.risks["baseline"].method


def test_teachers_stand_in_the_order_of_their_students(rng):
    first = routes_of(rng, {"teacher": 1.0, "student": 0.9, "baseline": 0.5})
    second = [route(r.kind, r.expected, "v") for r in routes_of(rng, {"teacher": 1.0, "student": 0.7})]
    verdict = decide([*first, *second], 400)
    assert [one.weak for one in verdict.outgrown] == ["v", "w"]
    assert decide([*second[::-1], *first[::-1]], 400) == verdict


@pytest.mark.slow
def test_intervals_hold_at_their_level(rng):
    """Student and teacher over 600 worlds of 60 labels: the interval of their difference holds in 90 %."""
    hits, repeats = 0, 600
    for _ in range(repeats):
        rows = rng.exponential(size=60) + 0.3 * rng.normal(size=(2, 60))
        folds = [np.arange(fold, 60, 10) for fold in range(10)]
        means = [np.array([r.mean(), *(np.delete(r, fold).mean() for fold in folds)]) for r in rows]
        routes = [route("teacher", ExpectedError(means[0], means[0])),
                  route("student", ExpectedError(means[1] - 0.1, means[1] - 0.1))]  # fmt: skip
        difference = decide(routes, 60).outgrown[0].difference
        assert isinstance(difference, Estimate)
        hits += difference.interval[0] <= -0.1 <= difference.interval[1]
    assert abs(hits / repeats - 0.9) < 3.3 * np.sqrt(0.09 / repeats)
