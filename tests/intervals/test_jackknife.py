"""Groups left out one by one: dealt whole and evenly, with the intervals of what they leave."""

from __future__ import annotations

import numpy as np
import pytest

from outgrow.intervals.jackknife import jackknife_estimate, jackknife_interval, together, whole_folds


def test_folds():
    np.testing.assert_array_equal(whole_folds(np.arange(45)), np.arange(45) % 20)
    units = np.repeat(np.arange(30), np.arange(1, 31))
    folds = whole_folds(units)
    assert all(len(set(folds[units == unit])) == 1 for unit in range(30))
    # One unit of four rows and twelve of one make four folds of four.
    uneven = whole_folds(np.maximum(np.arange(16) - 3, 0), 4)
    np.testing.assert_array_equal(np.bincount(uneven), np.full(4, 4))
    assert len(set(whole_folds(np.arange(12) // 3))) == 4


def test_positions_of_each_label_are_listed():
    assert [rows.tolist() for rows in together(np.array(["b", "a", "b", "c"]))] == [[1], [0, 2], [3]]


def test_jackknife_of_a_mean_is_its_standard_error(rng):
    x = rng.standard_normal(20)
    without = (x.sum() - x) / 19
    reach = 1.729132811521367 * x.std(ddof=1) / np.sqrt(20)  # t quantile .95, 19 degrees of freedom
    ends = pytest.approx((x.mean() - reach, x.mean() + reach))
    assert jackknife_interval(x.mean(), without) == ends
    assert jackknife_estimate(np.append(x.mean(), without), 20).interval == ends
    assert jackknife_estimate(np.array([1.0, 2.0]), 20).interval is None
