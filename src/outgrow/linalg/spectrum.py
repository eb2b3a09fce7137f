"""Eigenvalues and eigenvectors of a covariance, with the rank that the arithmetic can vouch for.

From rows the spectrum is as exact as a singular value decomposition makes it; from a covariance it is as
exact as the covariance, and eigenvalues that its error could have made are not counted in the rank.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from outgrow.errors import DataError


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Spectrum of a covariance (divided by m, not m - 1)."""

    values: Float[np.ndarray, " k"]
    """Eigenvalues, descending, at least 0; all d of them, or the first min(m, d) when taken from rows."""
    vectors: Float[np.ndarray, "d r"] = field(repr=False)
    """Unit eigenvectors, one column each: of the leading values alone where a space left directions out."""
    total: float
    """Trace."""
    n: int
    """Rows behind the covariance."""
    relative_error: float
    """Size, relative to the largest eigenvalue, below which an eigenvalue cannot be told from zero."""
    method: str
    """How it was obtained."""

    @property
    def rank(self) -> int:
        """Number of eigenvalues above `relative_error` times the largest."""
        if not len(self.values):
            return 0
        return int(np.sum(self.values > self.relative_error * self.values[0]))

    @property
    def resolved(self) -> tuple[Float[np.ndarray, " r"], Float[np.ndarray, "d r"]]:
        """Eigenvalues up to the rank, and their eigenvectors."""
        rank = self.rank
        return self.values[:rank], self.vectors[:, :rank]


def spectrum_of_rows(X: Float[np.ndarray, "m d"], center: bool = True) -> Spectrum:
    """Decompose the covariance of rows without forming it.

    A triangular factor first where rows outnumber columns, then singular values: eigenvalues down to
    (max(m, d) eps)^2 of the largest are resolved, where a Gram matrix would stop at d eps.
    """
    rows = np.asarray(X, dtype=np.float64)
    if rows.ndim != 2 or not rows.size:
        raise DataError(f"rows of at least one column are needed, not shape {rows.shape}", "spectrum")
    if not np.isfinite(rows).all():
        raise DataError("holds NaN or infinite values", "spectrum")
    m, d = rows.shape
    offset = 0.0
    if center:
        mean = centre(rows)
        rows = rows - mean
        # The rounding of uncentred values stays behind; constant columns are exactly zero by now.
        offset = float(np.sum(mean[rows.any(axis=0)] ** 2))
    method = "svd"
    if m > d:
        rows, method = np.asarray(np.linalg.qr(rows, mode="r")), "qr, svd"
    _, singular, right = np.linalg.svd(rows, full_matrices=False)
    values = singular**2 / m
    # The singular values' own error (LAPACK's bound, with numpy.linalg.matrix_rank's factor), squared.
    error = (max(m, d) * np.finfo(np.float64).eps) ** 2
    if offset and values[0] > 0:
        error *= 1 + offset / float(values[0])
    return Spectrum(values, right.T, float(values.sum()), m, error, method)


def spectrum_of_covariance(
    S: Float[np.ndarray, "d d"], n: int, relative_error: float = np.finfo(np.float64).eps
) -> Spectrum:
    """Decompose a covariance matrix."""
    S = np.asarray(S, dtype=np.float64)
    if S.ndim != 2 or S.shape[0] != S.shape[1] or not S.size:
        raise DataError(f"a square matrix is needed, not shape {S.shape}", "spectrum")
    if not np.isfinite(S).all():
        raise DataError("holds NaN or infinite values", "spectrum")
    values, vectors = np.linalg.eigh(S)
    error = max(relative_error, max(n, len(S)) * float(np.finfo(np.float64).eps))
    return Spectrum(
        np.maximum(values[::-1], 0.0),
        vectors[:, ::-1],
        float(np.trace(S)),
        n,
        error,
        "eigh of the covariance",
    )


def centre(X: Float[np.ndarray, "m d"]) -> Float[np.ndarray, " d"]:
    """Give the mean of rows, exact to the last bit for constant columns."""
    # About the first row: a constant column then gives zeros, not the rounding of its sum.
    first = X[0]
    return np.asarray(first + (X - first).mean(axis=0))
