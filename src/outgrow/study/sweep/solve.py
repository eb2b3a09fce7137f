"""Solving least squares by Cholesky factors of sums, and saying when their digits do not suffice.

A factorization of a Gram matrix costs d^3/3 and serves all right-hand sides; it squares the condition of the
features. Where the Gram matrix' own exceeds `CONDITION`, or the matrix is singular, nothing is returned and
the caller goes back to the rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.linalg import lapack

CONDITION = 1e9
"""Largest condition of a Gram matrix that is solved: rounding then changes coefficients by some 2e-7 of their
size at most, and risks, to which badly determined directions add least, by less."""


@dataclass(frozen=True, eq=False)
class Solution:
    """Solutions of A theta = b.

    Parameters
    ----------
    theta : array of shape (d, k)
        Coefficients.
    condition : float
        Estimate of the condition of A in the 1-norm.
    inverse : float
        Estimate of the 1-norm of its inverse.
    """

    theta: Float[np.ndarray, "d k"]
    condition: float
    inverse: float


def solve(
    A: Float[np.ndarray, "d d"],
    b: Float[np.ndarray, "d k"],
    ridge: float = 0.0,
    *,
    inverse: float | None = None,
) -> Solution | None:
    """Solve (A + ridge I) theta = b.

    Parameters
    ----------
    A : array of shape (d, d)
        Symmetric, C-contiguous.
    b : array of shape (d, k)
        Right-hand sides.
    ridge : float
        Added to the diagonal.
    inverse : float, optional
        A bound on the norm of the inverse, known from a smaller matrix: saves estimating it.

    Returns
    -------
    Solution or None
        None where A is not positive definite, or its condition exceeds `CONDITION`.
    """
    d = len(A)
    work = A.copy()
    if ridge:
        work.flat[:: d + 1] += ridge
    # The transpose of a symmetric matrix in C order is the matrix in Fortran order: nothing is copied.
    factor, info = lapack.dpotrf(work.T, lower=0, overwrite_a=1, clean=0)
    if info != 0:
        return None
    if inverse is None:
        norm = float(np.abs(A).sum(axis=0).max()) + ridge
        reciprocal, info = lapack.dpocon(factor, norm)
        condition = 1.0 / reciprocal if reciprocal > 0 else np.inf
        inverse = condition / norm if norm > 0 else np.inf
    else:
        # The trace bounds the largest eigenvalue and costs nothing.
        condition = (float(np.trace(A)) + d * ridge) * inverse
    if not condition <= CONDITION:
        return None
    theta, _ = lapack.dpotrs(factor, b)
    return Solution(theta, float(condition), float(inverse))
