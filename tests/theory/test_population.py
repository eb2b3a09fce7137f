"""Population: definitions, invariances, and the fields that no geometry has together."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outgrow.errors import DataError
from outgrow.theory.population import Population


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(1, 7), st.integers(1, 7))
def test_whitened_moments_give_what_projections_give(lab, seed, d_w, d_s):
    rng = np.random.default_rng(seed)
    world = lab(rng, d_w, d_s, rng.uniform(size=rng.integers(0, min(d_w, d_s) + 1)))
    by_projection = world.population()
    # Whitened by Cholesky factors: any whitening will do.
    W = world.A_w @ np.linalg.inv(np.linalg.cholesky(world.A_w.T @ world.A_w)).T
    S = world.A_s @ np.linalg.inv(np.linalg.cholesky(world.A_s.T @ world.A_s)).T
    a = world.a
    found = Population.from_whitened(S.T @ W, W.T @ a, S.T @ a, a @ a, world.sigma**2)
    assert dataclasses.astuple(found) == pytest.approx(dataclasses.astuple(by_projection), abs=1e-8)
    c0 = (W.T @ a) @ (W.T @ a) - (S.T @ W @ (W.T @ a)) @ (S.T @ a)
    assert found.c0 == pytest.approx(c0, abs=1e-8)
    assert found.seen_w == pytest.approx(np.sum((W.T @ a) ** 2))
    assert found.seen_s == pytest.approx(np.sum((S.T @ a) ** 2))


GOOD = {"d_w": 6, "d_s": 5, "d_sw": 2.0, "rho_w": 0.3, "rho_s": 0.2, "e2": 0.15, "g0": 0.05, "sigma2": 0.5}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"d_w": 0}, "d_w must be a whole number of at least 1, not 0"),
        ({"d_s": 2.5}, "d_s must be a whole number of at least 1, not 2.5"),
        ({"d_sw": 5.5}, "d_sw of 5.5 exceeds the smaller dimension 5"),
        ({"d_sw": -0.1}, "d_sw must be finite and at least 0, not -0.1"),
        ({"sigma2": -1.0}, "sigma2 must be finite and at least 0, not -1.0"),
        ({"rho_w": float("nan")}, "rho_w must be finite and at least 0, not nan"),
        ({"v": 0.3}, "the target's variance v of 0.3 is less than its parts"),
        ({"e2": 0.3}, "no target of variance 1 has rho_w 0.3, rho_s 0.2, e2 0.3 and g0 0.05 together"),
        ({"g0": 0.0}, "let outgrow.World place the target"),
        ({"rho_w": 0.2, "rho_s": 0.0, "g0": 0.2, "e2": 0.0}, "no target of variance 1 has rho_w 0.2"),
    ],
)
def test_errors(change, message):
    Population(**GOOD)
    with pytest.raises(DataError, match=re.escape(message)) as raised:
        Population(**{**GOOD, **change})
    assert "\n" not in str(raised.value)


def test_shapes_must_agree():
    with pytest.raises(DataError, match=r"C of shape \(2, 3\) does not belong to 2 weak and 3 strong"):
        Population.from_whitened(np.zeros((2, 3)), np.zeros(2), np.zeros(3), 1.0, 1.0)
