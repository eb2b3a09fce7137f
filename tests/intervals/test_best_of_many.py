"""Comparing with the best: the guarantee over repetitions, and what must not matter."""

from __future__ import annotations

import numpy as np
import pytest

from outgrow.intervals import best_of_many as module
from outgrow.intervals.best_of_many import best_of_many, less_than_all

GROUPS = 20


def estimates(rng, means, spread=1.0, shared=1.0):
    """Means of twenty groups of rows, with one part of the noise in common, and without each group."""
    count = len(means)
    noise = spread * rng.normal(size=(count, GROUPS)) + shared * rng.normal(size=GROUPS)
    rows = np.asarray(means)[:, None] + noise
    without = (rows.sum(axis=1, keepdims=True) - rows) / (GROUPS - 1)
    return np.hstack([rows.mean(axis=1, keepdims=True), without])


@pytest.mark.slow
@pytest.mark.parametrize("means", [[0.0] * 6, [0.0, 0.0, 0.3, 0.5, 1.0, 3.0]])
def test_intervals_hold_together_whichever_is_the_best(rng, monkeypatch, means):
    # A fifth of the draws: the level is met within .01 then, a third of what the repetitions can tell.
    monkeypatch.setattr(module, "DRAWS", 4000)
    repetitions, held, kept = 200, 0, 0
    for _ in range(repetitions):
        found = best_of_many(estimates(rng, means))
        behind = np.array(means) - min(means)
        held += bool(np.all((found.low <= behind) & (behind <= found.high)))
        kept += bool(found.tied[0])
    # Three standard errors below the level; the guarantee is one-sided, so more is right too.
    least = 0.9 - 3 * np.sqrt(0.09 / repetitions)
    assert held / repetitions >= least
    assert kept / repetitions >= least


def test_clear_winners_stand_alone(rng):
    found = best_of_many(estimates(rng, [5.0, 0.0, 5.0]))
    assert found.tied.tolist() == [False, True, False]
    assert found.probability.round(3).tolist() == [0.0, 1.0, 0.0]
    assert found.behind[1] == found.low[1] == found.high[1] == 0
    assert (found.low[[0, 2]] > 3).all()


def test_what_all_share_does_not_matter(rng):
    values = estimates(rng, [0.0, 0.3, 0.6])
    one, other = best_of_many(values), best_of_many(values + 50 * estimates(rng, [1.0], spread=3.0))
    np.testing.assert_allclose(other.high, one.high, rtol=1e-6)
    np.testing.assert_allclose(other.low, one.low, atol=1e-9)
    assert one.tied.tolist() == other.tied.tolist()


def test_the_order_does_not_matter(rng):
    values = estimates(rng, [0.0, 0.2, 0.9, 2.0])
    order = np.array([2, 0, 3, 1])
    one, other = best_of_many(values), best_of_many(values[order])
    np.testing.assert_allclose(other.high, one.high[order])
    np.testing.assert_allclose(other.probability, one.probability[order])


def test_twins_are_tied_and_nothing_divides_by_zero(rng):
    values = estimates(rng, [0.0, 4.0])
    found = best_of_many(np.vstack([values, values[:1]]))
    assert found.tied.tolist() == [True, False, True]
    assert found.high[0] == pytest.approx(0, abs=1e-6)
    alone = best_of_many(np.vstack([values[:1], values[:1] * (1 + 1e-15)]))
    assert alone.tied.all()
    assert alone.probability == pytest.approx([0.5, 0.5], abs=0.01)


def test_probabilities_are_those_of_the_difference(rng):
    from scipy.stats import t

    values = estimates(rng, [0.0, 0.2])
    difference = values[1] - values[0]
    around = difference[1:] - difference[1:].mean()
    error = np.sqrt((GROUPS - 1) / GROUPS * np.sum(around**2))
    expected = t.cdf(difference[0] / error, GROUPS - 1)
    # Twenty thousand draws: three standard errors are below .011.
    assert best_of_many(values).probability[0] == pytest.approx(expected, abs=0.011)


def test_less_than_all_is_about_the_least_rival(rng):
    values, rivals = estimates(rng, [0.0, 9.0]), estimates(rng, [5.0, 60.0])
    least, low, high = less_than_all(values, rivals)
    np.testing.assert_allclose(least, values[:, 0] - rivals[0, 0])
    assert high[0] < 0 < low[1]
    assert (low < least).all() and (least < high).all()


@pytest.mark.slow
def test_less_than_all_holds_for_all_together(rng, monkeypatch):
    monkeypatch.setattr(module, "DRAWS", 4000)
    repetitions, held = 200, 0
    for _ in range(repetitions):
        both = estimates(rng, [0.0, 0.2, 0.4, 0.1, 0.1, 0.3])
        _, low, high = less_than_all(both[:3], both[3:])
        truth = np.array([0.0, 0.2, 0.4]) - 0.1
        held += bool(np.all((low <= truth) & (truth <= high)))
    assert held / repetitions >= 0.9 - 3 * np.sqrt(0.09 / repetitions)
