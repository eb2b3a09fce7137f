"""The projector gap: equal to kernels of rows, its limits, its chance levels, and what labels leave."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outgrow.errors import DataError
from outgrow.geometry.correlation import correlation_dimension
from outgrow.geometry.projector_gap import (
    CONSTANT,
    PENALTIES,
    PENALTY,
    label_gap,
    projector_gap,
    projector_gaps,
)
from outgrow.linalg.spectrum import spectrum_of_rows


def pair(rng, N=120, d_w=5, d_s=8, shared=3):
    """Rows of two sets with directions of unlike variance, some in common, away from mean zero."""
    Z = rng.standard_normal((N, d_w + d_s - shared))
    X = Z[:, :d_w] @ rng.standard_normal((d_w, d_w)) + 3
    return X, Z[:, d_w - shared :] @ rng.standard_normal((d_s, d_s)) - 2


def moments(X, Y):
    X, Y = X - X.mean(axis=0), Y - Y.mean(axis=0)
    return spectrum_of_rows(X), spectrum_of_rows(Y), X.T @ Y / len(X)


def labelled(X, Y, y):
    y = y - y.mean(axis=0)
    X, Y = X - X.mean(axis=0), Y - Y.mean(axis=0)
    return X.T @ y / len(y), Y.T @ y / len(y), float(np.mean(np.sum(y**2, axis=1)))


def projector(X, penalty):
    """P = K (K + r I)^-1 over the rows, straight from its definition."""
    X = X - X.mean(axis=0)
    K = X @ X.T / len(X)
    r = penalty * np.trace(K) / np.linalg.matrix_rank(X)
    return K @ np.linalg.inv(K + r * np.eye(len(K)))


@pytest.mark.parametrize("N", [120, 10])
@pytest.mark.parametrize("penalty", [0.02, PENALTY, 3.0])
def test_kernels_of_rows_give_the_same(rng, N, penalty):
    X, Y = pair(rng, N)
    y = rng.standard_normal((N, 2)) + Y[:, :2]
    P_w, P_s = projector(X, penalty), projector(Y, penalty)
    left = P_s @ (np.eye(N) - P_w)
    found = projector_gap(*moments(X, Y), penalty)
    assert found.d_w == pytest.approx(np.trace(P_w), rel=1e-9)
    assert found.d_s == pytest.approx(np.trace(P_s), rel=1e-9)
    assert found.shared == pytest.approx(np.trace(P_s @ P_w), rel=1e-9)
    assert found.gap == pytest.approx(np.trace(left), rel=1e-9)
    assert found.norm == pytest.approx(np.linalg.norm(left, 2), rel=1e-9)
    of_labels = label_gap(*moments(X, Y), *labelled(X, Y, y), penalty)
    centred = y - y.mean(axis=0)
    assert of_labels.value == pytest.approx(np.sum((left @ centred) ** 2) / N, rel=1e-9)
    assert of_labels.variance == pytest.approx(np.sum(centred**2) / N)
    assert of_labels.by_chance == pytest.approx(np.sum(left**2) * np.sum(centred**2) / N / (N - 1), rel=1e-9)


def test_without_penalty_it_is_the_plain_correlation_dimension(rng):
    X, Y = pair(rng)
    plain = correlation_dimension(X, Y)
    found = projector_gap(*moments(X, Y), penalty=0.0)
    assert (found.d_w, found.d_s) == (5, 8)
    assert found.shared == pytest.approx(plain.naive, rel=1e-9)
    # Of rows of equal leverage; the chance of the correlation dimension is of the rows at hand.
    assert found.gap_by_chance == pytest.approx(8 - 5 * 8 / (len(X) - 1), rel=1e-9)
    # Eight directions do not fit into five: some strong one is lost whole.
    assert found.norm == pytest.approx(1, rel=1e-9)
    away = [plain.naive - projector_gap(*moments(X, Y), penalty).shared for penalty in (1e-5, 1e-6)]
    assert away[1] / away[0] == pytest.approx(0.1, rel=0.02)


def test_chance_is_the_mean_over_shuffled_rows(rng):
    X, Y = pair(rng, N=60)
    y = Y[:, :1] + rng.standard_normal((60, 1))
    weak, strong, cross = moments(X, Y)
    expected = projector_gap(weak, strong, cross).gap_by_chance
    of_labels = label_gap(weak, strong, cross, *labelled(X, Y, y)).by_chance
    gaps, left = [], []
    for _ in range(600):
        order = rng.permutation(60)
        gaps.append(projector_gap(*moments(X[order], Y)).gap)
        left.append(label_gap(weak, strong, cross, *labelled(X, Y, y[order])).value)
    for found, mean in ((gaps, expected), (left, of_labels)):
        assert abs(np.mean(found) - mean) < 4 * np.std(found) / np.sqrt(600)
    # Both tell from chance what is related.
    assert projector_gap(weak, strong, cross).gap < min(gaps)
    assert label_gap(weak, strong, cross, *labelled(X, Y, y)).value > np.mean(left)


@given(seed=st.integers(0, 10_000), penalty=st.sampled_from(PENALTIES))
def test_bounds_and_order_and_units(seed, penalty):
    rng = np.random.default_rng(seed)
    X, Y = pair(rng, N=int(rng.integers(6, 60)))
    found = projector_gap(*moments(X, Y), penalty)
    slack = 1e-9
    assert -slack <= found.gap <= found.d_s + slack
    assert -slack <= found.shared <= min(found.d_w, found.d_s) + slack
    assert -slack <= found.norm <= 1 + slack
    order = rng.permutation(len(X))
    again = projector_gap(
        *moments(100 * X[order] + 7, Y[order] @ np.linalg.qr(rng.normal(size=(8, 8)))[0]), penalty
    )
    assert (again.gap, again.norm) == pytest.approx((found.gap, found.norm), rel=1e-6, abs=1e-9)


def test_the_path_holds_each_gap(rng):
    X, Y = pair(rng)
    found = projector_gaps(*moments(X, Y))
    assert tuple(one.penalty for one in found) == PENALTIES
    some = found[12]
    alone = projector_gap(*moments(X, Y), some.penalty)
    assert (some.shared, some.gap, some.gap_by_chance) == pytest.approx(
        (alone.shared, alone.gap, alone.gap_by_chance)
    )
    # More penalty leaves fewer directions on all sides.
    assert np.all(np.diff([one.d_s for one in found]) < 0)
    assert np.all(np.diff([one.shared for one in found]) < 0)


def test_what_is_not_defined_and_what_is_refused(rng):
    X, Y = pair(rng)
    flat = moments(np.ones((120, 2)), Y)
    assert projector_gap(*flat) is CONSTANT
    assert projector_gaps(*flat) == ()
    assert label_gap(*flat, np.zeros((2, 1)), np.zeros((8, 1)), 1.0) is CONSTANT
    for wrong in (-0.1, float("nan"), float("inf")):
        with pytest.raises(DataError, match="a penalty is finite and at least 0"):
            projector_gap(*moments(X, Y), wrong)
