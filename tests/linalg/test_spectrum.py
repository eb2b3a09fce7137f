"""Spectra: against numpy and scikit-learn; which rank rows and covariances can vouch for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from outgrow.errors import DataError
from outgrow.linalg.moments import Moments
from outgrow.linalg.spectrum import centre, spectrum_of_covariance, spectrum_of_rows

EPS = np.finfo(np.float64).eps


@pytest.mark.parametrize("shape", [(50, 6), (6, 50), (7, 7)], ids=str)
def test_rows_equal_scikit_learn(rng, shape):
    X = rng.standard_normal(shape) @ rng.standard_normal((shape[1], shape[1])) + 5
    found = spectrum_of_rows(X)
    theirs = PCA(svd_solver="full").fit(X)
    k = min(shape)
    # Theirs is divided by m - 1.
    np.testing.assert_allclose(
        found.values, theirs.explained_variance_ * (shape[0] - 1) / shape[0], rtol=1e-9, atol=1e-12
    )
    assert found.vectors.shape == (shape[1], k)
    np.testing.assert_allclose(found.vectors.T @ found.vectors, np.eye(k), atol=1e-12)
    overlap = np.abs(np.sum(found.vectors[:, : found.rank] * theirs.components_.T[:, : found.rank], axis=0))
    np.testing.assert_allclose(overlap, 1, rtol=1e-6)
    assert found.rank == min(shape[0] - 1, shape[1])
    assert found.total == pytest.approx(X.var(axis=0).sum(), rel=1e-12)
    assert found.n == shape[0]
    assert found.method == ("qr, svd" if shape[0] > shape[1] else "svd")


def test_rows_without_centring(rng):
    X = rng.standard_normal((30, 4)) + 2
    found = spectrum_of_rows(X, center=False)
    np.testing.assert_allclose(found.values, np.linalg.eigvalsh(X.T @ X / 30)[::-1], rtol=1e-12)
    assert spectrum_of_rows(np.ones((3, 2)), center=False).rank == 1
    assert spectrum_of_rows(np.ones((3, 2))).rank == 0


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), d=st.integers(1, 12), rank=st.integers(0, 12))
def test_covariance_equals_rows_and_counts_the_rank(seed, d, rank):
    rng = np.random.default_rng(seed)
    rank = min(rank, d)
    X = rng.standard_normal((40, rank)) @ rng.standard_normal((rank, d)) + 3
    rows = spectrum_of_rows(X)
    moments = Moments()
    moments.update({"x": X})
    found = moments.finalize().select()
    S = found.covariance("x")
    spectrum = spectrum_of_covariance(S, 40, found.relative_error)
    assert rows.rank == spectrum.rank == rank
    np.testing.assert_allclose(spectrum.values, rows.values, rtol=1e-8, atol=1e-12 * (1 + rows.values[0]))
    np.testing.assert_allclose(
        spectrum.vectors * spectrum.values @ spectrum.vectors.T, S, atol=1e-12 * (1 + np.trace(S))
    )
    assert spectrum.total == pytest.approx(np.trace(S)) and spectrum.method == "eigh of the covariance"
    assert (spectrum.values >= 0).all() and (np.diff(spectrum.values) <= 0).all()


def test_rows_resolve_what_a_covariance_cannot(rng):
    U, V = (np.linalg.qr(rng.standard_normal(s))[0] for s in ((60, 5), (5, 5)))
    X = (U - U.mean(axis=0)) * np.array([1, 1e-3, 1e-6, 1e-9, 1e-12]) @ V
    rows, covariance = spectrum_of_rows(X), spectrum_of_covariance(np.cov(X.T, ddof=0), 60)
    assert (rows.rank, covariance.rank) == (5, 3)
    assert rows.relative_error == pytest.approx((60 * EPS) ** 2, rel=1e-6)
    assert covariance.relative_error == 60 * EPS


def test_relative_error_given_cuts_the_rank():
    S = np.diag([1.0, 1e-3, 1e-6, 0.0])
    assert [spectrum_of_covariance(S, 10, e).rank for e in (0.0, 1e-7, 1e-5, 1e-2, 1.0)] == [3, 3, 2, 1, 0]
    assert spectrum_of_covariance(np.zeros((2, 2)), 10).rank == 0


def test_rounding_of_far_means_is_no_direction(rng):
    X = rng.standard_normal((60, 4)) + 1e8
    X = np.column_stack([X, X[:, 0] + X[:, 1] - 1e8])
    assert spectrum_of_rows(X).rank == 4
    # A constant column's size says nothing about the others' rounding.
    tall = np.column_stack([rng.standard_normal((60, 2)) * [1, 1e-10], np.full(60, 1e12)])
    assert spectrum_of_rows(tall).rank == 2


def test_centre(rng):
    X = rng.standard_normal((20, 3)) + 10
    X[:, 1] = 0.1
    np.testing.assert_allclose(centre(X), X.mean(axis=0), rtol=1e-14)
    assert centre(X)[1] == 0.1


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda: spectrum_of_rows(np.ones(3)), "rows of at least one column are needed, not shape (3,)"),
        (
            lambda: spectrum_of_rows(np.ones((0, 3))),
            "rows of at least one column are needed, not shape (0, 3)",
        ),
        (lambda: spectrum_of_rows(np.array([[1.0, np.nan]])), "holds NaN or infinite values"),
        (lambda: spectrum_of_covariance(np.ones((2, 3)), 9), "a square matrix is needed, not shape (2, 3)"),
        (lambda: spectrum_of_covariance(np.ones((0, 0)), 9), "a square matrix is needed, not shape (0, 0)"),
        (lambda: spectrum_of_covariance(np.array([[np.inf]]), 9), "holds NaN or infinite values"),
    ],
)
def test_errors(call, line):
    with pytest.raises(DataError) as found:
        call()
    assert str(found.value) == f"spectrum: {line}"
