"""The correlation dimension of ill-conditioned sets: as QR and SVD of rows give it, or said to be limited."""

from __future__ import annotations

import numpy as np
import pytest

from outgrow.geometry.correlation import (
    PairRows,
    correlation_dimension,
    correlation_from_moments,
    unresolved,
    whitening,
)
from outgrow.geometry.dependence import dependence
from outgrow.geometry.pair_geometry import measure_pair
from outgrow.geometry.pairs import STRONG, WEAK, pair_of
from outgrow.linalg.moments import moments_of
from outgrow.results import Undefined

D_W, D_S, SHARED = 24, 40, 12


def conditioned(Z, condition, rng):
    """Mix columns so that singular values span `condition`, about a mean."""
    d = Z.shape[1]
    left, right = (np.linalg.qr(rng.standard_normal((d, d)))[0] for _ in range(2))
    return Z @ (left * np.geomspace(1, 1 / condition, d)) @ right.T + rng.standard_normal(d)


def pair(rng, condition_w, condition_s, N=2_000):
    Z = rng.standard_normal((N, D_W + D_S - SHARED))
    return conditioned(Z[:, :D_W], condition_w, rng), conditioned(Z[:, D_W - SHARED :], condition_s, rng)


def by_rows(X, Y):
    Q, R = (np.linalg.qr(Z - Z.mean(axis=0))[0] for Z in (X, Y))
    return np.linalg.svd(Q.T @ R, compute_uv=False)


@pytest.mark.parametrize("interval", [True, False], ids=["jackknife", "value"])
@pytest.mark.parametrize(
    "conditions", [(1e2, 1e2), (1e4, 1), (1e5, 1e2), (1e2, 1e5), (1e7, 1e7), (1e9, 1), (1, 1e9)], ids=str
)
def test_equals_qr_and_svd_at_any_condition(rng, conditions, interval):
    X, Y = pair(rng, *conditions)
    found = correlation_dimension(X, Y, interval=interval)
    assert (found.d_w, found.d_s) == (D_W, D_S)
    np.testing.assert_allclose(found.canonical, by_rows(X, Y), rtol=0, atol=1e-7)
    assert found.naive == pytest.approx(np.sum(by_rows(X, Y) ** 2), abs=1e-7)
    assert not found.estimate.checks
    assert ("whitened by QR of rows" in found.estimate.method) == (max(conditions) > 3e4)
    if interval:
        # The same rows in coordinates where moments resolve everything: the interval is theirs.
        plain = correlation_dimension(*(np.linalg.qr(Z - Z.mean(axis=0))[0] for Z in (X, Y)))
        np.testing.assert_allclose(found.estimate.interval, plain.estimate.interval, atol=1e-6)
    else:
        assert found.estimate.interval is None


def test_the_word_names_set_and_reason(rng):
    X, Y = pair(rng, 1e5, 1e9)
    method = correlation_dimension(X, Y).estimate.method
    assert "condition number of 1.0e+05 blurs the weak directions" in method
    assert "of 40 strong directions are lost in the rounding of moments" in method


def test_moments_alone_say_that_they_are_limited(rng):
    X, Y = pair(rng, 1e9, 1)
    table = moments_of(pair_of(X, Y), groups=np.arange(len(X)) % 20)
    total = table.select()
    rows = PairRows(X, Y, dependence((Y, X)))
    found = correlation_from_moments(table, whitening(total, WEAK), whitening(total, STRONG), rows)
    assert found.d_w < D_W
    (check,) = found.estimate.checks
    assert check.code == "OG209"
    assert check.detail == f"{D_W - found.d_w} of 24 weak directions are lost in the rounding of moments"
    assert measure_pair(X, Y).correlation.estimate.checks == (check,)
    # Directions that were not asked for are not missed.
    fewer = correlation_from_moments(table, whitening(total, WEAK, 6), whitening(total, STRONG), rows)
    assert fewer.d_w == 6 and not fewer.estimate.checks


def test_repeated_and_constant_columns_are_no_lost_directions(rng):
    X, Y = pair(rng, 10, 10)
    flat = np.hstack([X, np.full((len(X), 1), 3.0)])
    total = moments_of(pair_of(flat, Y)).select()
    assert unresolved(total, WEAK, whitening(total, WEAK)) == ""
    plain = correlation_dimension(X, Y)
    for wider in (flat, np.hstack([X, X[:, :3]])):
        found = correlation_dimension(wider, Y)
        assert found.d_w == D_W
        assert found.naive == pytest.approx(plain.naive, abs=1e-9)
        assert found.estimate.interval == pytest.approx(plain.estimate.interval, abs=1e-8)


def test_a_rank_is_kept_when_rows_are_whitened(rng):
    X, Y = pair(rng, 1e9, 1)
    found = correlation_dimension(X, Y, rank_w=22)
    assert found.d_w == 22 and "whitened" in found.estimate.method
    centred = X - X.mean(axis=0)
    leading = centred @ np.linalg.svd(centred, full_matrices=False)[2][:22].T
    assert found.naive == pytest.approx(np.sum(by_rows(leading, Y) ** 2), abs=1e-6)


def test_too_few_rows_remain_undefined(rng):
    X, Y = pair(rng, 1e9, 1e9, N=40)
    assert isinstance(correlation_dimension(X, Y).estimate, Undefined)
    # Moments lose directions, so that the rest would fit; the rows have them all.
    X, Y = pair(rng, 1e9, 1, N=D_W + D_S)
    found = correlation_dimension(X, Y)
    assert isinstance(found.estimate, Undefined)
    assert (found.d_w, found.d_s) == (D_W, D_S)


def test_a_direction_within_one_group_leaves_no_interval(rng):
    X, Y = rng.standard_normal((400, 3)), rng.standard_normal((400, 2))
    X = np.hstack([X, np.zeros((400, 1))])
    X[::20, 3] = rng.standard_normal(20)
    found = correlation_dimension(X, Y)
    assert found.estimate.interval is None
    assert found.naive == pytest.approx(np.sum(by_rows(X, Y) ** 2), abs=1e-9)
