"""Correlation dimension: against scikit-learn's CCA and QR, its invariances, its bias and its coverage."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from outgrow.errors import DataError
from outgrow.geometry.correlation import corrected, correlation_dimension
from outgrow.results import Estimate, Undefined


def pair(rng, N, squared, d_w, d_s):
    """Gaussian features with given squared canonical correlations."""
    r = np.sqrt(np.asarray(squared, dtype=np.float64))
    X = rng.standard_normal((N, d_w))
    Y = rng.standard_normal((N, d_s))
    k = len(r)
    Y[:, :k] = r * X[:, :k] + np.sqrt(1 - r**2) * Y[:, :k]
    return X, Y


def test_equals_independent_implementations(rng):
    X, Y = pair(rng, 300, [0.9, 0.5, 0.2], 5, 4)
    X, Y = X @ rng.standard_normal((5, 5)) + 7, Y @ rng.standard_normal((4, 4)) - 3
    found = correlation_dimension(X, Y)
    Q, R = (np.linalg.qr(Z - Z.mean(axis=0))[0] for Z in (X, Y))
    np.testing.assert_allclose(found.canonical, np.linalg.svd(Q.T @ R)[1], rtol=1e-10)
    assert found.naive == pytest.approx(np.trace(Q @ Q.T @ R @ R.T), rel=1e-10)
    angles = scipy.linalg.subspace_angles(X - X.mean(axis=0), Y - Y.mean(axis=0))
    np.testing.assert_allclose(
        np.sort(np.arccos(np.minimum(found.canonical, 1.0))), np.sort(angles), atol=1e-7
    )


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 6))
def test_invariances(seed, d_w, d_s):
    rng = np.random.default_rng(seed)
    X, Y = rng.standard_normal((80, d_w)), rng.standard_normal((80, d_s))
    order = rng.permutation(80)
    groups = np.arange(80) // 2
    found = correlation_dimension(X, Y, groups=groups)
    moved = correlation_dimension(
        (X @ (rng.standard_normal((d_w, d_w)) + 3 * np.eye(d_w)) + 100)[order],
        (Y * rng.uniform(0.01, 100, d_s))[order],
        groups=groups[order],
    )
    swapped = correlation_dimension(Y, X, groups=groups)
    for other in (moved, swapped):
        assert other.naive == pytest.approx(found.naive, rel=1e-6, abs=1e-9)
        assert other.estimate.value == pytest.approx(found.estimate.value, rel=1e-6, abs=1e-7)
        np.testing.assert_allclose(other.estimate.interval, found.estimate.interval, rtol=1e-5, atol=1e-7)
    assert 0 <= found.naive <= min(d_w, d_s) + 1e-9


@pytest.mark.parametrize(
    "squared",
    [[1.0] * 5, [0.5] * 10, [0.25] * 15, [1 / 3] * 15, [0.5] * 15],
    ids=["ones", "halves", "quarters", "thirds", "all halves"],
)
def test_correction_at_small_size(rng, squared):
    # d_w = 20, d_s = 15, N = 200: naive is too large by about .8, corrected by less than its error.
    truth = float(np.sum(squared))
    naive, fixed = [], []
    for _ in range(300):
        found = correlation_dimension(*pair(rng, 200, squared, 20, 15))
        naive.append(found.naive)
        fixed.append(found.estimate.value)
    d = np.array([20 - truth, 15 - truth])
    assert np.mean(naive) - truth == pytest.approx(d.prod() / (199 - truth), rel=0.2)
    error = np.std(fixed) / np.sqrt(len(fixed))
    # What T1b leaves is of the next order, sum of g (1 - g) / N.
    left = sum(g * (1 - g) for g in squared) / 199
    assert abs(np.mean(fixed) - truth) < 4 * error + 2 * left
    if truth == pytest.approx(5):
        assert np.mean(naive) == pytest.approx(5.8, abs=0.1)
        assert np.mean(fixed) == pytest.approx(5.0, abs=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("N", [200, 1000])
@pytest.mark.parametrize(
    "squared", [[1.0] * 5, [0.5] * 10, [0.25] * 15, []], ids=["ones", "halves", "quarters", "none"]
)
def test_coverage_of_the_interval(rng, squared, N):
    repetitions, truth = 400, float(np.sum(squared))
    held = 0
    for _ in range(repetitions):
        low, high = correlation_dimension(*pair(rng, N, squared, 20, 15)).estimate.interval
        held += low <= truth <= high
    # Nominal .90, here with a standard error of .015. Where every correlation is one or zero the estimate is
    # quadratic in the noise and the jackknife doubles its variance (measured: .95-.99): wide, never narrow.
    degenerate = all(g == 1.0 for g in squared)
    assert 0.87 <= held / repetitions <= (1.0 if degenerate else 0.96)


def test_correction_inverts_the_expectation():
    for S in (0.0, 2.5, 8.0):
        biased = S + (8 - S) * (12 - S) / (149 - S)
        assert corrected(biased, 149, 12, 8) == pytest.approx(S, abs=1e-12)


def test_too_few_rows_is_undefined_not_a_number(rng):
    found = correlation_dimension(rng.standard_normal((30, 20)), rng.standard_normal((30, 15)))
    assert isinstance(found.estimate, Undefined)
    assert found.estimate.reason == "30 rows cannot tell apart 20 + 15 directions"
    assert "ridge" in found.estimate.remedy
    fewer = correlation_dimension(
        rng.standard_normal((30, 20)), rng.standard_normal((30, 15)), rank_w=5, rank_s=4
    )
    assert isinstance(fewer.estimate, Estimate)
    # Enough rows, but not with a twentieth of them left out: a value without interval.
    tight = correlation_dimension(rng.standard_normal((37, 20)), rng.standard_normal((37, 15)))
    assert tight.estimate.interval is None


def test_constant_columns_and_float16(rng):
    X, Y = pair(rng, 300, [0.9, 0.5], 4, 3)
    wide = np.hstack([X, np.full((300, 2), 5.0)])
    assert correlation_dimension(wide, Y).d_w == 4
    narrow = correlation_dimension(wide.astype(np.float16), Y.astype(np.float32))
    assert narrow.d_w == 4
    assert narrow.naive == pytest.approx(correlation_dimension(X, Y).naive, rel=1e-2)
    nothing = correlation_dimension(np.ones((300, 2)), Y)
    assert (
        isinstance(nothing.estimate, Undefined) and nothing.estimate.reason == "a feature set does not vary"
    )


def test_errors(rng):
    X = rng.standard_normal((10, 2))
    with pytest.raises(DataError, match="10 weak and 9 strong rows make no pair"):
        correlation_dimension(X, X[:9])
    with pytest.raises(DataError, match="a rank of 0 keeps nothing"):
        correlation_dimension(X, X, rank_w=0)


def test_real_features(shared_data):
    import pyarrow.parquet as pq

    def load(name):
        path = next((shared_data / "movies").glob(f"{name}*.parquet"), None)
        if path is None:
            pytest.skip(f"{name} is not among the movies' features")
        column = pq.read_table(path, columns=["features"]).column(0).combine_chunks()
        return column.flatten().to_numpy().reshape(len(column), -1)

    weak, strong = load("minilm-l6"), load("mpnet")
    found = correlation_dimension(weak, strong)
    assert 380 <= found.d_w <= 382  # two of 384 columns are constant
    assert found.estimate.value == pytest.approx(found.naive, rel=0.2)
    assert found.estimate.value > 3 * found.chance
