"""The verdict: simultaneous intervals hold, and the decision follows the losses by one rule."""

from __future__ import annotations

import numpy as np
import pytest

from outgrow.probes.linear_model import LinearModel
from outgrow.probes.routes import Route
from outgrow.study.verdict import decide, simultaneous


def route(kind, losses, weak=None):
    model = LinearModel(np.zeros((1, 1)), np.zeros(1))
    return Route(kind, weak, model, ("strong",), {}, np.asarray(losses, dtype=float))


def routes_of(rng, means, n=400, spread=1.0):
    """Routes that share most of their errors row by row, as real ones do."""
    common = rng.exponential(size=n)
    kinds = {"teacher": "w", "baseline": None, "student": "w", "joint": "w", "union": "w"}
    return [
        route(kind, common + means[kind] + 0.1 * spread * rng.normal(size=n), kinds[kind])
        for kind in kinds
        if kind in means
    ]


def test_do_when_every_route_left_uses_pseudo_labels(rng):
    verdict = decide(routes_of(rng, {"teacher": 1.0, "baseline": 1.1, "student": 0.5, "union": 0.9}))
    assert verdict.decision == "do"
    assert verdict.recommended == "student (w)"
    assert verdict.sentence.startswith("Do: student (w)")
    assert "union (w)" in verdict.sentence


def test_do_not_when_the_student_is_beaten(rng):
    verdict = decide(routes_of(rng, {"teacher": 1.0, "baseline": 0.2, "student": 0.8}))
    assert verdict.decision == "do not"
    assert verdict.recommended == "baseline"
    assert "Take baseline" in verdict.sentence


def test_a_joint_student_no_better_than_the_baseline_does_not_save_the_student(rng):
    verdict = decide(routes_of(rng, {"teacher": 1.0, "baseline": 0.2, "student": 0.8, "joint": 0.2}))
    assert verdict.decision == "do not"
    assert verdict.recommended == "baseline"
    assert set(verdict.tied) == {"baseline", "joint (w)"}


def test_ties_go_to_the_cheapest(rng):
    verdict = decide(routes_of(rng, {"teacher": 0.5, "baseline": 0.5, "student": 0.5}, n=60, spread=5))
    assert verdict.decision == "too close to call"
    assert verdict.recommended == "teacher (w)"


def test_order_of_rows_and_routes_does_not_matter(rng):
    routes = routes_of(rng, {"teacher": 1.0, "baseline": 0.9, "student": 0.8})
    mixed = [route(r.kind, r.losses[::-1], r.weak) for r in reversed(routes)]
    assert decide(routes).recommended == decide(mixed).recommended


def test_groups_widen_the_intervals_of_dependent_rows(rng):
    common = np.repeat(rng.normal(size=30), 10)
    losses = np.stack([common, np.zeros(300)])
    groups = list(np.arange(300).reshape(30, 10))
    _, alone = simultaneous(losses, None, seed=0)
    _, together = simultaneous(losses, groups, seed=0)
    assert together[0, 1] > 2.5 * alone[0, 1]


@pytest.mark.slow
def test_simultaneous_intervals_cover_all_pairs_at_once(rng):
    """600 worlds of 6 routes: all 15 intervals hold together in 90 % of them (binomial z below 3.3)."""
    truth = np.linspace(0, 1, 6)
    hits = 0
    repeats = 600
    for seed in range(repeats):
        losses = truth[:, None] + rng.normal(size=(6, 80)) @ np.diag(np.ones(80)) + rng.exponential(size=80)
        difference, half = simultaneous(losses, None, seed)
        hits += bool(np.all(np.abs(difference - (truth[:, None] - truth)) <= half + 1e-12))
    assert abs(hits / repeats - 0.9) < 3.3 * np.sqrt(0.09 / repeats)


def test_a_route_without_losses_cannot_be_chosen(rng):
    bare = Route("student", "w", LinearModel(np.zeros((1, 1)), np.zeros(1)), ("strong",), {})
    with pytest.raises(ValueError, match="needs its losses"):
        decide([bare])
