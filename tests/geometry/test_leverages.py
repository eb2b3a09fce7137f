"""T1c: the equation as it is written, its special cases, and truths in worlds where T1b fails."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from outgrow.geometry import leverages
from outgrow.geometry.correlation import corrected, correlation_dimension
from outgrow.geometry.leverages import chance_of
from outgrow.results import Undefined

SQUARED = np.array([0.95, 0.85, 0.7, 0.5, 0.3, 0.15])


def world(rng, N, d_w=12, d_s=9, squared=SQUARED, copies=1, groups=1, tails=False):
    """Rows in copies, in groups of correlation .7, or of unequal length."""

    def rows(count):
        X, Y, k = rng.standard_normal((count, d_w)), rng.standard_normal((count, d_s)), len(squared)
        Y[:, :k] = np.sqrt(squared) * X[:, :k] + np.sqrt(1 - squared) * Y[:, :k]
        return X, Y

    X, Y = (np.repeat(Z, copies, axis=0) for Z in rows(N // copies))
    if groups > 1:
        common = (np.repeat(Z, groups, axis=0) for Z in rows(N // groups))
        X, Y = (np.sqrt(0.7) * c + np.sqrt(0.3) * Z for c, Z in zip(common, (X, Y), strict=True))
    if tails:
        scale = np.sqrt(5 / rng.chisquare(5, N))[:, None]
        X, Y = X * scale, Y * scale
    return X, Y


def by_the_book(X, Y, units):
    """Give the root of T1c by hat matrices of all rows; the mean is a direction that is surely shared."""
    Q, R = (np.linalg.qr(Z - Z.mean(axis=0))[0] for Z in (X, Y))
    H_w, H_s, N = Q @ Q.T, R @ R.T, len(X)
    d_w, d_s = Q.shape[1], R.shape[1]
    blocks = [np.ix_(rows, rows) for rows in (np.flatnonzero(units == unit) for unit in np.unique(units))]

    def off(S):
        total = S - np.trace(H_w @ H_s)
        for block in blocks:
            P = S * (H_w[block] / d_w + H_s[block] / d_s) / 2
            room = np.eye(len(P)) - 1 / N - P
            total += np.trace((H_w[block] - P) @ (H_s[block] - P) @ np.linalg.inv(room))
        return total

    return brentq(off, -min(d_w, d_s), min(d_w, d_s), xtol=1e-12)


@pytest.mark.parametrize("kind", ["single", "pairs", "uneven", "wide"])
@pytest.mark.parametrize("tails", [False, True])
def test_is_the_root_of_the_equation(rng, kind, tails):
    X, Y = world(rng, 240, tails=tails, groups=1 if kind == "single" else 4)
    units = {
        "single": np.arange(240),
        "pairs": np.arange(240) // 2,
        "uneven": np.minimum(
            np.arange(240) // 3, 70
        ),  # one group of 30 beside 70 of 3: more rows than columns
        "wide": np.arange(240) // 12,
    }[kind]
    found = correlation_dimension(X, Y, groups=units)
    assert found.estimate.value == pytest.approx(by_the_book(X, Y, units), abs=1e-8)
    if kind == "single":
        assert found.estimate.value == pytest.approx(correlation_dimension(X, Y).estimate.value, abs=1e-9)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 9), st.integers(1, 3), st.floats(0, 1))
def test_equal_leverages_give_t1b(seed, d_w, d_s, copies, share):
    """Rows of signs are of one length; copies of each count as one row."""
    rng = np.random.default_rng(seed)
    N = 60 * copies
    sets = (np.repeat(rng.choice([-1.0, 1.0], (60, d)), copies, axis=0) / np.sqrt(N) for d in (d_w, d_s))
    blocks = (np.full((N, 1), N**-0.5), *sets)
    units = np.arange(N) // copies
    chance = chance_of(lambda rows: tuple(Z[rows] for Z in blocks), units, units % 20, d_w, d_s)
    naive = share * min(d_w, d_s)
    assert chance.solve(naive)[0] == pytest.approx(corrected(naive, 59, d_w, d_s), abs=1e-9)
    assert chance.of_unrelated() == pytest.approx(d_w * d_s / 59, rel=1e-9)


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 3, 5]))
def test_rises_with_what_is_shared(seed, size):
    rng = np.random.default_rng(seed)
    X, Y = world(rng, 90, tails=True)
    Q, R = (np.linalg.qr(Z - Z.mean(axis=0))[0] for Z in (X, Y))
    units = np.arange(90) // size
    constant = np.full((90, 1), 90**-0.5)
    chance = chance_of(lambda rows: (constant[rows], Q[rows], R[rows]), units, units % 9, 12, 9)
    found = [chance.solve(naive) for naive in np.linspace(chance.of_unrelated() - 1, 9, 40)]
    values = [one[0] for one in found if one is not None]
    assert len(values) > 30 and (np.diff(values) > 0).all()
    # The slope is that of the root, and unrelated sets come out at zero.
    low, high = (chance.solve(4 + step)[0] for step in (-1e-5, 1e-5))
    assert (high - low) / 2e-5 == pytest.approx(chance.solve(4.0)[1], rel=1e-4)
    assert chance.solve(chance.of_unrelated())[0] == pytest.approx(0, abs=1e-9)


WORLDS = {
    "unequal lengths": ({"tails": True}, 0.1),
    "copies": ({"copies": 2}, 0.3),
    "named groups": ({"groups": 5}, 0.5),
    "groups of unequal lengths": ({"groups": 5, "tails": True}, 0.5),
}


@pytest.mark.parametrize("kind", WORLDS)
@pytest.mark.parametrize("squared", [SQUARED, []], ids=["some shared", "unrelated"])
def test_the_truth_in_worlds_where_t1b_is_off(rng, kind, squared):
    options, off = WORLDS[kind]
    groups = np.arange(150) // 5 if "groups" in options else None
    values, plain, held = [], [], 0
    for _ in range(40):
        X, Y = world(rng, 150, squared=np.array(squared), **options)
        found = correlation_dimension(X, Y, groups=groups)
        values.append(found.estimate.value - np.sum(squared))
        plain.append(corrected(found.naive, 149, 12, 9) - np.sum(squared))
        low, high = found.estimate.interval
        held += low <= np.sum(squared) <= high
    assert np.mean(plain) > off
    # Four standard errors, and what T1c leaves at a few times as many rows as dimensions.
    assert abs(np.mean(values)) < 4 * np.std(values) / np.sqrt(40) + 0.05
    # Of 40 intervals of level .90, 29 or fewer hold in one case of 1,000.
    assert held >= 30


def test_a_set_inside_the_other_is_shared_whole(rng):
    """Chance adds nothing to what both contain, whatever the leverages."""
    X, _ = world(rng, 100, tails=True)
    found = correlation_dimension(X[:, :5] @ rng.standard_normal((5, 5)), X)
    assert found.estimate.value == pytest.approx(5, abs=1e-9)
    assert found.estimate.interval == pytest.approx((5, 5), abs=1e-6)
    # Three columns in common, the rest unrelated.
    values = []
    for _ in range(40):
        Z, _ = world(rng, 150, d_w=16, tails=True)
        values.append(correlation_dimension(Z[:, :9], Z[:, 6:], interval=False).estimate.value - 3)
    assert abs(np.mean(values)) < 4 * np.std(values) / np.sqrt(40) + 0.02


def test_a_sample_of_rows_is_enough(rng, monkeypatch):
    X, Y = world(rng, 3000, d_w=40, d_s=30)
    scale = np.exp(0.35 * rng.standard_normal(3000))[:, None]
    whole = correlation_dimension(X * scale, Y * scale)
    assert whole.naive - whole.estimate.value > 0.3
    monkeypatch.setattr(leverages, "SAMPLED", 500)
    some = correlation_dimension(X * scale, Y * scale)
    assert some.estimate.value != whole.estimate.value
    assert some.estimate.value == pytest.approx(whole.estimate.value, abs=0.05)
    assert some.estimate.interval == pytest.approx(whole.estimate.interval, abs=0.1)


def test_what_cannot_be_told_is_undefined(rng):
    X, Y = world(rng, 60, squared=np.zeros(0))
    one = correlation_dimension(X, Y, groups=np.zeros(60, dtype=int)).estimate
    assert isinstance(one, Undefined) and one.reason == "all rows are of one group"
    few = correlation_dimension(X, Y, groups=np.arange(60) % 2).estimate
    assert isinstance(few, Undefined) and "wider than the range of possible values" in few.reason
    assert "more groups" in few.remedy
    X, Y = world(rng, 42, squared=np.zeros(0), copies=2)
    alike = correlation_dimension(X, Y).estimate
    assert isinstance(alike, Undefined)
    assert alike.reason == "21 different rows cannot tell apart 12 + 9 directions"
