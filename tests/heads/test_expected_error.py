"""What a route is expected to err by: both estimates weighed, the cautious choice, replicates by fold."""

from __future__ import annotations

import numpy as np
import pytest

from outgrow.heads.expected_error import FORECAST, ExpectedError, choose, widening
from outgrow.intervals.jackknife import jackknife_interval


def parts(count, n):
    return [np.arange(fold, n, count) for fold in range(count)]


def test_both_estimates_are_weighed_and_one_standard_error_is_added(rng):
    folds = parts(4, 12)
    losses = rng.exponential(size=(7, 12))
    forecasts = losses.mean(axis=1) + 0.05 * rng.normal(size=(5, 7))
    best, expected = choose(losses, folds, forecasts)
    bounds = []
    for place in range(7):
        values = [losses[place].mean()] + [np.delete(losses[place], fold).mean() for fold in folds]
        values = (1 - FORECAST) * np.array(values) + FORECAST * forecasts[:, place]
        bounds.append(values[0] + np.sqrt(3 / 4 * np.sum((values[1:] - values[1:].mean()) ** 2)))
        if place == best:
            np.testing.assert_allclose(expected.values, values)
    assert best == int(np.argmin(bounds))


def test_where_there_is_no_forecast_leave_one_out_stands(rng):
    losses, forecasts = rng.exponential(size=(3, 12)), np.ones((5, 3))
    losses[1], forecasts[:, 1] = 0.0, np.nan
    best, expected = choose(losses, parts(4, 12), forecasts)
    assert best == 1
    assert expected.forecast is None
    assert expected.values[0] == 0.0


def test_leave_one_out_alone_is_widened(rng):
    losses = rng.exponential(size=(1, 40))
    expected = choose(losses, parts(10, 40))[1]
    assert expected.forecast is None
    plain = jackknife_interval(losses.mean(), expected.leave_one_out[1:])
    wide = expected.estimate(40).interval
    ratio = (wide[1] - wide[0]) / (plain[1] - plain[0])
    assert ratio == pytest.approx(widening(10))
    assert "forecast" not in expected.estimate(40).method
    assert "forecast" in ExpectedError(np.ones(5), np.ones(5)).estimate(40).method


def test_a_forecast_that_disagrees_is_set_aside(rng):
    losses = 1 + 0.1 * rng.normal(size=(3, 40))
    forecasts = np.full((11, 3), 5.0) + 0.002 * rng.normal(size=(11, 3))
    best, expected = choose(losses, parts(10, 40), forecasts)
    assert expected.forecast is None
    assert expected.rejected == pytest.approx(5, abs=0.1)
    alone, same = choose(losses, parts(10, 40))
    assert best == alone
    np.testing.assert_array_equal(expected.values, same.values)
    near = choose(losses, parts(10, 40), forecasts - 4)[1]
    assert near.rejected is None
    assert near.forecast is not None
    # One that says next to nothing is no help either.
    unsure = choose(losses, parts(10, 40), 1 + 0.5 * rng.normal(size=(11, 3)))[1]
    assert unsure.forecast is None
    assert unsure.rejected is not None
