"""All of the geometry of a pair: parts agree with each other, and what is not identifiable says so."""

from __future__ import annotations

import json

import numpy as np
import pytest

from outgrow.errors import DataError
from outgrow.geometry.pair_geometry import measure_pair
from outgrow.geometry.ridge_overlap import ridge_overlaps
from outgrow.linalg.row_space import narrowed
from outgrow.linalg.spectrum import spectrum_of_rows
from outgrow.results import Estimate, Undefined, as_plain


def features(rng, N=400, d_w=6, d_s=9, shared=4):
    Z = rng.standard_normal((N, d_w + d_s - shared))
    X = Z[:, :d_w] @ rng.standard_normal((d_w, d_w + 2))
    return X, Z[:, d_w - shared :] @ rng.standard_normal((d_s, d_s))


def test_a_pair(rng):
    X, Y = features(rng)
    found = measure_pair(X, Y)
    assert (found.rows, found.weak.rank, found.strong.rank, found.weak.width) == (400, 6, 9, 8)
    assert found.correlation.estimate.value == pytest.approx(4, abs=0.2)
    np.testing.assert_allclose(found.correlation.canonical[:4], 1, atol=1e-8)
    assert found.correlation.canonical_by_chance.max() < 0.5
    assert found.weak.total == pytest.approx(found.weak.spectrum.sum())
    # Without penalty the ridge version is the plain one.
    assert found.ridge[0].d_sw == pytest.approx(found.correlation.naive, rel=1e-2)
    assert found.ridge[-1].d_sw < 0.01
    json.dumps(as_plain(found), allow_nan=False)
    again = measure_pair(X, Y)
    assert as_plain(again) == as_plain(found)


def test_ranks(rng):
    X, Y = features(rng)
    found = measure_pair(X, Y, rank_w=2, rank_s=100)
    assert (found.weak.kept, found.strong.kept, found.correlation.d_w) == (2, 9, 2)
    assert len(found.correlation.canonical) == 2


def test_ridge_version_by_brute_force(rng):
    X, Y = (Z - Z.mean(axis=0) for Z in features(rng))
    S, T = X.T @ X / 400, Y.T @ Y / 400
    for one in ridge_overlaps(spectrum_of_rows(X), spectrum_of_rows(Y), X.T @ Y / 400)[::8]:
        # Penalties are in units of the mean variance over the six and nine directions.
        P = X @ np.linalg.solve(S + one.kappa * np.trace(S) / 6 * np.eye(8), X.T) / 400
        Q = Y @ np.linalg.solve(T + one.kappa * np.trace(T) / 9 * np.eye(9), Y.T) / 400
        # h^2 on both sides: the squared hat matrices.
        assert one.d_sw == pytest.approx(np.trace(P @ P @ Q @ Q), rel=1e-8)
        assert one.chance == pytest.approx(np.trace(P @ P) * np.trace(Q @ Q) / 399, rel=1e-8)


def test_ridge_version_becomes_the_plain_one_without_penalty(rng):
    found = measure_pair(*features(rng))
    # The ridge version's chance is of equal leverages; where both sets have long rows it is more.
    assert found.ridge[0].chance == pytest.approx(6 * 9 / 399, rel=0.01)
    assert found.correlation.chance == pytest.approx(6 * 9 / 399, rel=0.25)
    # First order in the penalty, of which each is 10^(1/4) times the one before.
    far = [found.correlation.naive - one.d_sw for one in found.ridge[:2]]
    assert far[1] / far[0] == pytest.approx(10**0.25, rel=0.02)


def test_ridge_chance_is_the_mean_for_unrelated_features(rng):
    ratios = []
    for _ in range(200):
        X, Y = (Z - Z.mean(axis=0) for Z in (rng.standard_normal((60, 30)), rng.standard_normal((60, 40))))
        one = ridge_overlaps(spectrum_of_rows(X), spectrum_of_rows(Y), X.T @ Y / 60)[16]
        ratios.append(one.d_sw / one.chance)
    assert abs(np.mean(ratios) - 1) < 4 * np.std(ratios) / np.sqrt(200)


def test_what_is_not_identifiable_says_so_and_the_rest_is_there(rng):
    found = measure_pair(rng.standard_normal((40, 30)), rng.standard_normal((40, 50)))
    assert isinstance(found.correlation.estimate, Undefined)
    assert not len(found.correlation.canonical_by_chance)
    assert isinstance(found.weak.dimensions[0].estimate, Estimate)
    assert found.ridge[-5].d_sw > 0
    json.dumps(as_plain(found), allow_nan=False)
    flat = measure_pair(np.ones((40, 3)), rng.standard_normal((40, 5)))
    assert isinstance(flat.published, Undefined)
    assert flat.ridge == ()


def test_what_the_teacher_cannot_teach(rng):
    X, Y = features(rng)
    y = Y[:, :2] + rng.standard_normal((400, 2))
    found = measure_pair(X, Y, y=y)
    default = min(
        found.projector_gaps, key=lambda one: abs(np.log(one.penalty / found.projector_gap.penalty))
    )
    assert default.gap == pytest.approx(found.projector_gap.gap, rel=1e-6)
    assert found.projector_gap.gap < found.projector_gap.gap_by_chance
    weak, strong = (np.column_stack([Z - Z.mean(axis=0)]) for Z in (X, Y))
    K_w, K_s = weak @ weak.T / 400, strong @ strong.T / 400
    P_w, P_s = (
        K @ np.linalg.inv(K + 0.1 * np.trace(K) / rank * np.eye(400)) for K, rank in ((K_w, 6), (K_s, 9))
    )
    left = P_s @ (y - y.mean(axis=0) - P_w @ (y - y.mean(axis=0)))
    assert found.label_gap.value == pytest.approx(np.sum(left**2) / 400, rel=1e-8)
    assert found.label_gap.variance == pytest.approx(np.var(y, axis=0).sum())
    # Only the rows measured are read: labels of the others may be unknown.
    y[300:] = np.nan
    some = measure_pair(X, Y, y=y, rows=np.arange(300)).label_gap
    assert some == measure_pair(X[:300], Y[:300], y=y[:300]).label_gap
    missing = measure_pair(X, Y).label_gap
    assert "needs the label of every row" in missing.reason


def test_groups_stay_whole(rng):
    X, Y = features(rng, N=300)
    groups = np.repeat(np.arange(10), 30)
    method = measure_pair(X, Y, groups=groups).correlation.estimate.method
    assert method.endswith("300 rows in 10 groups; jackknife over 10 folds")
    with pytest.raises(DataError, match="no pair"):
        measure_pair(X, Y[:-1])


@pytest.mark.parametrize(("N", "rank"), [(60, None), (60, 30), (500, 12)])
def test_coordinates_of_a_space_speak_of_the_columns(rng, N, rank):
    # Sets that share their coordinates, as layers of one network do: the published similarity is of columns.
    shared = rng.standard_normal((N, 8)) * np.geomspace(20, 4, 8) @ rng.standard_normal((8, 90))
    sets = [shared + rng.standard_normal((N, 90)) * scale for scale in (1.0, 1.5)]
    direct = measure_pair(*sets)
    (X, of_w), (Y, of_s) = (narrowed(values, np.arange(N), rank) for values in sets)
    found = measure_pair(X, Y, spaces=(of_w, of_s), rank_w=rank, rank_s=rank)
    assert found.published.value == pytest.approx(direct.published.value, rel=1e-6)
    assert found.published.value > found.published.chance + 5 * found.published.chance_sd
    assert found.published.width == found.weak.width == 90
    for side in ("weak", "strong"):
        one, other = getattr(found, side), getattr(direct, side)
        assert one.total == pytest.approx(other.total, rel=1e-9)
        np.testing.assert_allclose(one.spectrum, other.spectrum, rtol=1e-6)
        pairs = zip(one.dimensions, other.dimensions, strict=True)
        same = [(a, b) for a, b in pairs if a.rule != "parallel"]
        assert [a.estimate.value for a, _ in same] == pytest.approx(
            [b.estimate.value for _, b in same], rel=1e-6
        )


def test_a_rank_below_the_published_one_is_said(rng):
    X = rng.standard_normal((300, 40))
    values, space = narrowed(X, np.arange(300), 5)
    found = measure_pair(values, values, spaces=(space, space)).published
    assert isinstance(found, Undefined)
    assert "of the variance, and fewer were kept" in str(found.reason)
