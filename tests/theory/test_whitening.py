"""Pools that span less than the features, or hardly more: what their forecasts are worth."""

from __future__ import annotations

import numpy as np
import pytest

from outgrow.errors import DataError
from outgrow.forecasts.forecast import Forecast
from outgrow.geometry.pairs import pair_of
from outgrow.intervals.replicates import interval
from outgrow.linalg.moments import moments_of
from outgrow.theory.label_terms import label_terms
from outgrow.theory.surface import MOST_ERROR, RELATIVE
from outgrow.theory.terms import PairSpectra, Target
from outgrow.theory.whitening import whiten

D_W, D_S = 12, 30


class World:
    """Gaussian features with known covariances, and a linear target with noise."""

    def __init__(self, rng):
        self.mix = rng.normal(size=(D_S, D_W)) / np.sqrt(D_S)
        self.values = np.geomspace(3.0, 0.1, D_S)
        self.beta = rng.normal(size=D_S) / np.sqrt(D_S)

    def draw(self, rng, rows):
        z = rng.normal(size=(rows, D_S))
        weak = z @ self.mix + 0.5 * rng.normal(size=(rows, D_W))
        return weak, z * np.sqrt(self.values), z @ self.beta + 0.7 * rng.normal(size=rows)

    def truth(self):
        cov = self.mix.T @ self.mix + 0.25 * np.eye(D_W)
        values, vectors = np.linalg.eigh(cov)
        C = self.mix @ vectors / np.sqrt(values)
        target = Target.known(C.T @ self.beta, self.beta, float(self.beta @ self.beta), 0.49)
        return forecast_of(PairSpectra(values_w=values, values_s=self.values, C=C), target, 100)


def forecast_of(pair, target, m):
    return Forecast(
        weak="w",
        strong="s",
        pair=pair,
        target=target,
        m=m,
        penalties_w=pair.values_w.mean() * RELATIVE,
        penalties_s=pair.values_s.mean() * RELATIVE,
    )


def forecast(pool, labelled, outside=True):
    moments = moments_of(pair_of(*pool[:2])).select()
    white = whiten(moments, new=labelled[:2] if outside else (None, None))
    Z_w, Z_s, y = white.weak(labelled[0]), white.strong(labelled[1]), labelled[2]
    target = label_terms(white.pair, Z_w, Z_s, y[:, None], np.arange(len(y)) % 20)
    return forecast_of(white.pair.with_lengths(Z_w, Z_s), target, len(y))


@pytest.mark.slow
def test_pools_that_span_less_than_the_features_forecast_the_truth_on_average(rng):
    world = World(rng)
    fixed = {"alpha_w": 0.3, "alpha_s": 0.6, "alpha_b": 0.6, "alpha_c": 0.6}
    known = world.truth().surface([40], [20], **fixed)
    routes = ("teacher", "student", "baseline", "ceiling", "union")
    true = np.array([getattr(known, route).flat[0] for route in routes])
    found = {True: [], False: []}
    for _ in range(40):
        pool, labelled = world.draw(rng, 22), world.draw(rng, 400)
        for outside, every in found.items():
            made = forecast(pool, labelled, outside).surface([40], [20], **fixed)
            every.append([getattr(made, route).flat[0] for route in routes])
    mean, error = np.mean(found[True], axis=0), np.std(found[True], axis=0) / np.sqrt(40)
    # Five routes at 3.5 standard errors: .002 by chance; the equivalents themselves may be off by 3 % at 22
    # rows.
    assert (np.abs(mean - true) < 3.5 * error + 0.03 * true).all(), (mean, true, error)
    # What lies outside the pool's span is no small matter.
    assert np.mean(found[False], axis=0)[2] > 1.08 * true[2]


@pytest.mark.parametrize("rows", [26, 31, 34, 60])
@pytest.mark.parametrize("kind", ["heavy tails", "rare", "duplicates", "half precision"])
def test_pools_as_small_as_the_features_are_wide_give_possible_risks(rng, rows, kind):
    """Columns that hardly vary in a small pool and do in new rows once ruled the forecast: risks of 1e5."""
    scale_w, scale_s = np.geomspace(1, 1e-3, D_W), np.geomspace(1, 1e-3, D_S)
    mix = rng.normal(size=(8, D_S)) / np.sqrt(8)

    def draw(count):
        z = rng.normal(size=(count, 8))
        noise = (
            rng.standard_t(3, size=(count, D_S)) if kind == "heavy tails" else rng.normal(size=(count, D_S))
        )
        strong = (z @ mix + 0.5 * noise) * scale_s
        if kind == "rare":
            strong[:, 10:] = (rng.random((count, D_S - 10)) < 0.05) * rng.normal(size=(count, D_S - 10))
        if kind == "duplicates":
            strong[:, 20:] = strong[:, :10]
        if kind == "half precision":
            strong = strong.astype(np.float16).astype(float)
        weak = strong[:, ::-1][:, :D_W] * scale_w
        return weak, strong, np.where(z[:, 0] + 0.5 * rng.normal(size=count) > 0, 1.0, -1.0)

    for _ in range(3):
        one = forecast(draw(rows), draw(40))
        found = one.surface([40], [rows])
        for route in ("teacher", "student", "baseline", "ceiling", "union"):
            values = getattr(found, route).reshape(21, -1)[:, 0]
            assert np.isnan(values[0]) or 0 < values[0] < MOST_ERROR, route
            if not np.isnan(values[0]) and kind != "rare":
                low, high = interval(values, 0.0)
                assert high - low < 3, route
        # Columns that most rows leave at zero may tell nothing; the others always do.
        assert kind == "rare" or not np.isnan(found.baseline[0, 0])


def test_rank_keeps_leading_directions_of_the_pool_alone(rng):
    world = World(rng)
    pool, labelled = world.draw(rng, 22), world.draw(rng, 50)
    moments = moments_of(pair_of(*pool[:2])).select()
    white = whiten(moments, (5, 7), new=labelled[:2])
    assert white.pair.C.shape == (7, 5)
    every = whiten(moments, new=labelled[:2])
    assert every.pair.C.shape == (D_S, D_W)
    # 21 directions of the pool, then nine that only new rows have: all of one tiny eigenvalue, nothing
    # shared.
    assert (every.pair.values_s[21:] == every.pair.values_s.min()).all()
    np.testing.assert_allclose(every.pair.C[21:], 0, atol=1e-8)
    # Where rows are many, nothing is added or raised.
    pool = world.draw(rng, 400)
    moments = moments_of(pair_of(*pool[:2])).select()
    many = whiten(moments, new=labelled[:2])
    np.testing.assert_allclose(np.cov(many.strong(pool[1]).T, ddof=0), np.eye(D_S), atol=1e-9)


def test_features_that_do_not_vary_are_refused():
    moments = moments_of(pair_of(np.ones((5, 2)), np.eye(5, 3))).select()
    with pytest.raises(DataError, match="weak features: the features do not vary"):
        whiten(moments)
