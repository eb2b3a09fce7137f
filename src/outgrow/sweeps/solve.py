"""Solving least squares by Cholesky factors of sums, and saying when their digits do not suffice.

A factorization of a Gram matrix costs d^3/3 and serves all right-hand sides; it squares the condition of the
features. Where the Gram matrix' own exceeds `CONDITION`, or the matrix is singular, nothing is returned and
the caller goes back to the rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.linalg import blas, lapack

CONDITION = 1e9
"""Largest condition of a Gram matrix that is solved: rounding then changes coefficients by some 2e-7 of their
size at most, and risks, to which badly determined directions add least, by less."""


@dataclass(frozen=True, eq=False)
class Solution:
    """Solutions of a linear system with matrix A."""

    theta: Float[np.ndarray, "d k"]
    """Coefficients."""
    condition: float
    """Of A: its Frobenius norm times the next, which is not below its condition but for that estimate."""
    inverse: float
    """Estimate of the 1-norm of its inverse."""


def solve(
    A: Float[np.ndarray, "d d"],
    b: Float[np.ndarray, "d k"],
    ridge: float = 0.0,
    *,
    mean: tuple[Float[np.ndarray, " d"], int] | None = None,
    inverse: float | None = None,
    work: Float[np.ndarray, "d d"] | None = None,
) -> Solution | None:
    """Solve (A - s s' / m + ridge I) theta = b.

    None where the matrix is not positive definite, or its condition exceeds `CONDITION`.
    """
    d = len(A)
    work = np.empty_like(A) if work is None else work
    np.copyto(work, A)
    # The transpose of a matrix in C order is one in Fortran order: BLAS and LAPACK work on it in place, and
    # on its lower triangle alone, which is factored faster than the upper one.
    if mean is not None:
        blas.dsyr(-1.0 / mean[1], mean[0], a=work.T, lower=1, overwrite_a=1)
    if ridge:
        work.flat[:: d + 1] += ridge
    factor, info = lapack.dpotrf(work.T, lower=1, overwrite_a=1, clean=0)
    if info != 0:
        return None
    if inverse is None:
        reciprocal, info = lapack.dpocon(factor, 1.0, uplo="L")
        inverse = 1.0 / reciprocal if reciprocal > 0 else np.inf
    # Frobenius' norm bounds the largest eigenvalue, and centring only makes it smaller.
    condition = (float(np.linalg.norm(A)) + ridge) * inverse
    if not condition <= CONDITION:
        return None
    theta, _ = lapack.dpotrs(factor, b, lower=1)
    return Solution(theta, condition, float(inverse))
