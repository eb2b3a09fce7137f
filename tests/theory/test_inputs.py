"""Inputs measured from rows: no bias worth naming, invariances, and errors."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from outgrow.errors import DataError
from outgrow.theory.exact_risks import exact_risks
from outgrow.theory.gain import pgr
from outgrow.theory.inputs import population_from_rows

FIELDS = ("d_sw", "rho_w", "rho_s", "e2", "g0", "v")


def measure(world, rows, rng):
    W, S, f = world.draw(rows, rng)
    y = f + world.sigma * rng.standard_normal(rows)
    found = population_from_rows(W + 3.0, S - 2.0, y + 5.0, world.sigma**2)
    return [getattr(found, name) for name in (*FIELDS, "c0")]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rows", "d_w", "d_s", "squared", "repetitions"),
    [
        (200, 20, 40, list(np.linspace(0, 1, 20)), 600),
        (200, 40, 20, [1.0] * 10, 600),
        (1000, 64, 128, [0.5] * 40, 60),
        (10_000, 64, 128, list(np.linspace(0, 1, 64)), 12),
    ],
)
def test_bias_is_negligible(lab, rng, rows, d_w, d_s, squared, repetitions):
    world = lab(rng, d_w, d_s, squared, sigma=1.0, weak=1.0, strong=1.0)
    p = world.population()
    truth = np.array([getattr(p, name) for name in (*FIELDS, "c0")])
    found = np.array([measure(world, rows, rng) for _ in range(repetitions)])
    spread = found.std(axis=0, ddof=1)
    bias = found.mean(axis=0) - truth
    # Within chance, or a twentieth of what one measurement is uncertain by.
    allowed = 4 * spread / np.sqrt(repetitions) + 0.05 * spread
    assert (np.abs(bias) < allowed).all(), np.round(bias / spread, 3)
    # And the sample versions, which put one fit through the other, would not pass.
    if rows == 200:
        naive = np.array([sample_versions(world, rows, rng) for _ in range(200)])
        off = np.abs(naive.mean(axis=0) - truth[[0, 3, 4]])
        assert (off > allowed[[0, 3, 4]])[[0, 2]].all()


def sample_versions(world, rows, rng):
    W, S, f = world.draw(rows, rng)
    y = f + world.sigma * rng.standard_normal(rows)
    H_w, H_s = (X @ np.linalg.pinv(X) for X in (W, S))
    fitted = H_w @ y
    return [
        np.trace(H_w @ H_s),
        np.mean((H_s @ (y - fitted)) ** 2),
        np.mean((fitted - H_s @ fitted) ** 2),
    ]


def test_invariant_to_maps_order_and_scale(lab, rng):
    world = lab(rng, 5, 7, [1.0, 0.5])
    W, S, f = world.draw(300, rng)
    y = f + rng.standard_normal(300)
    one = dataclasses.astuple(population_from_rows(W, S, y, 0.5))
    order = rng.permutation(300)
    W2 = (W @ rng.standard_normal((5, 9)))[order] + 100.0
    S2 = (S @ np.diag(np.geomspace(1, 1e-3, 7)))[order]
    two = dataclasses.astuple(population_from_rows(W2, S2, y[order], 0.5))
    assert two == pytest.approx(one, rel=1e-7, abs=1e-9)
    three = population_from_rows(W, S, 3 * y, 9 * 0.5)
    assert three.rho_w == pytest.approx(9 * one[3], rel=1e-9)
    assert three.e2 == pytest.approx(9 * one[5], rel=1e-9, abs=1e-9)


def test_noise_unknown_counts_as_approximation_error(lab, rng):
    world = lab(rng, 5, 7, [1.0, 0.5], weak=0.2, strong=1.0)
    W, S, f = world.draw(500, rng)
    y = f + rng.standard_normal(500)
    known, unknown = population_from_rows(W, S, y, 1.0), population_from_rows(W, S, y, 0.0)
    assert unknown.sigma2 == 0.0
    assert unknown.rho_w - known.rho_w == pytest.approx(1.0)
    assert (unknown.e2, unknown.g0) == pytest.approx((known.e2, known.g0))
    # PGR needs no noise variance: the same either way.
    assert pgr(exact_risks(unknown, 30, 60)).value == pytest.approx(pgr(exact_risks(known, 30, 60)).value)


def test_estimates_stay_possible(rng):
    # No signal, and more noise claimed than there is: every part would come out below zero.
    for seed in range(200):
        rng = np.random.default_rng(seed)
        W, S = rng.standard_normal((40, 6)), rng.standard_normal((40, 5))
        found = population_from_rows(W, S, rng.standard_normal(40), rng.choice([0.0, 0.8, 3.0]))
        assert found.rho_w >= 0 and 0 <= found.d_sw <= 5


def test_errors(rng):
    W, S, y = rng.standard_normal((30, 4)), rng.standard_normal((30, 3)), rng.standard_normal(30)
    with pytest.raises(DataError, match="a noise variance of -1 is not at least 0"):
        population_from_rows(W, S, y, -1)
    with pytest.raises(DataError, match="30 weak rows, 29 strong rows and a target of shape"):
        population_from_rows(W, S[:29], y, 1.0)
    with pytest.raises(DataError, match="the target holds NaN"):
        population_from_rows(W, S, np.where(np.arange(30) == 3, np.nan, y), 1.0)
    with pytest.raises(DataError, match="weak features: the features do not vary"):
        population_from_rows(np.ones((30, 2)), S, y, 1.0)
    with pytest.raises(DataError, match="holds NaN"):
        population_from_rows(np.where(W > 1.5, np.nan, W), S, y, 1.0)
    with pytest.raises(DataError, match=r"9 rows cannot tell apart 4 \+ 3 directions"):
        population_from_rows(W[:9], S[:9], y[:9], 1.0)
