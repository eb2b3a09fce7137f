"""Copies are found, categories are not taken for copies, and folds keep units whole."""

from __future__ import annotations

import numpy as np
import pytest

from outgrow.geometry import dependence as module
from outgrow.geometry.correlation import correlation_dimension
from outgrow.geometry.dependence import dependence


def sets(rng, rows=120, d_w=14, d_s=18):
    return rng.standard_normal((rows, d_s)) + 50, rng.standard_normal((rows, d_w)) @ np.diag(
        np.logspace(0, 3, d_w)
    )


def same(a, b):
    """Whether two labellings group rows alike."""
    return np.array_equal(a[:, None] == a, b[:, None] == b)


@pytest.mark.parametrize("noise", [0.0, 1e-7, 0.05])
def test_copies_are_found_and_told(rng, noise):
    few = sets(rng)
    order = rng.permutation(240)
    strong, weak = (np.repeat(X, 2, axis=0)[order] for X in few)
    strong, weak = (X + noise * X.std(axis=0) * rng.standard_normal(X.shape) for X in (strong, weak))
    found = dependence((strong, weak))
    assert same(found.units, order // 2)
    assert [check.code for check in found.checks] == ["OG216"]
    assert found.checks[0].detail == "120 of 240 rows copy an earlier one; the most of one is 2"
    assert all(len(set(found.folds[found.units == unit])) == 1 for unit in range(120))
    # Any coordinates will do.
    turned = dependence((strong @ rng.standard_normal((18, 18)), weak - 7))
    assert same(turned.units, order // 2)
    told = correlation_dimension(weak, strong).estimate
    assert told.checks == found.checks and "240 rows in 120 groups" in told.method


def test_among_many_rows_only_true_copies_are(rng, monkeypatch):
    monkeypatch.setattr(module, "SAMPLED", 100)
    strong, weak = sets(rng)
    strong[100], weak[100] = strong[7], weak[7]
    strong[101] = strong[8]  # alike in one set only
    strong[102], weak[102] = strong[9] + 0.05, weak[9]
    found = dependence((strong, weak))
    assert found.units[100] == found.units[7] and len(np.unique(found.units)) == 119


def test_rows_of_few_values_are_no_copies(rng):
    flags = rng.integers(0, 2, (300, 6)).astype(float)
    kinds = np.eye(12)[rng.integers(0, 12, 300)]
    for X in (flags, kinds, rng.integers(-1, 2, (300, 1)).astype(float)):
        found = dependence((X, X @ rng.standard_normal((X.shape[1], 3))))
        assert not found.checks and len(np.unique(found.units)) == 300


def test_strangers_are_left_alone(rng):
    for rows, d in ((300, 2), (300, 14), (1000, 14), (60, 14)):
        tails = np.sqrt(5 / rng.chisquare(5, rows))[:, None]
        X, Y = rng.standard_normal((rows, d)) * tails, rng.standard_normal((rows, d)) * tails
        assert not dependence((X, Y)).checks


def test_named_groups_and_copies_are_joined(rng):
    strong, weak = sets(rng)
    names = np.array([f"text {i // 3}" for i in range(120)])
    assert same(dependence((strong, weak), names).units, np.arange(120) // 3)
    # A copy ties two groups together.
    strong[100], weak[100] = strong[7], weak[7]
    wanted = np.arange(120) // 3
    wanted[wanted == 100 // 3] = 7 // 3
    assert same(dependence((strong, weak), names).units, wanted)
    # Some of the rows only, in their order.
    members = np.array([100, 3, 7, 50])
    assert same(dependence((strong, weak), members=members).units, np.array([0, 1, 0, 2]))
