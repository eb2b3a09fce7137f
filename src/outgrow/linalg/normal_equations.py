"""Ridge at a few penalties for many targets, by Cholesky factors of sums: the cheapest way that suffices.

A factor costs d^3/3, a twentieth of a path's decomposition, and serves all targets; it squares the condition
of the features. Rows fewer than their columns are solved by their products with each other (the minimum norm,
if there is no penalty); where a condition exceeds `CONDITION`, the rows themselves are decomposed
(`ridge_path`). Every fit says which it was, and the condition of what was factored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.linalg import blas, lapack

from outgrow.linalg.ridge_path import RidgePath

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
    """Estimate of the 1-norm of its inverse; NaN where it is not of the features' own."""
    from_rows: bool = False
    """Whether the rows themselves were decomposed; the condition is then that of their products."""


def solve(
    A: Float[np.ndarray, "d d"],
    b: Float[np.ndarray, "d k"],
    ridge: float = 0.0,
    *,
    mean: tuple[Float[np.ndarray, " d"], int] | None = None,
    inverse: float = float("nan"),
    work: Float[np.ndarray, "d d"] | None = None,
) -> Solution | None:
    """Solve (A - s s' / m + ridge I) theta = b, `inverse` bounding the inverse; None if ill conditioned."""
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
    # Frobenius' norm bounds the largest eigenvalue, and centring only makes it smaller.
    size = float(np.linalg.norm(A)) + ridge
    # NaN where no bound is known; one that is known may be far from the norm itself.
    if not size * inverse <= CONDITION:
        reciprocal, info = lapack.dpocon(factor, 1.0, uplo="L")
        inverse = 1.0 / reciprocal if reciprocal > 0 else np.inf
    if not size * inverse <= CONDITION:
        return None
    theta, _ = lapack.dpotrs(factor, b, lower=1)
    return Solution(theta, size * inverse, float(inverse))


Rows = Callable[[], tuple[Float[np.ndarray, "m d"], Float[np.ndarray, "m k"]]]
"""Gives features and targets of the rows of a fit, where they are needed after all."""


@dataclass(frozen=True, eq=False)
class Path:
    """Fits of one set of rows along a path of penalties."""

    theta: Float[np.ndarray, "a d k"]
    """Coefficients."""
    level: Float[np.ndarray, "a k"]
    """Intercepts, in the coordinates of the features; zeros without."""
    from_rows: np.ndarray
    """Whether the rows themselves were decomposed."""
    condition: Float[np.ndarray, " a"]
    """Condition of the matrix that was factored; of the features' singular values, squared, from rows."""
    inverse: Float[np.ndarray, " a"]
    """Norm of its inverse; NaN from rows."""


@dataclass(frozen=True, eq=False)
class Products:
    """Sums over the rows of a fit."""

    rows: int
    """m."""
    total: Float[np.ndarray, " d"]
    """Sum of features."""
    gram: Float[np.ndarray, "d d"]
    """Sum of their products."""
    targets: Float[np.ndarray, " k"]
    """Sum of targets."""
    answers: Float[np.ndarray, "d k"]
    """Products of features and targets."""


def fit(
    sums: Products,
    alphas: Sequence[float],
    rows: Rows,
    *,
    intercept: bool,
    inverse: Float[np.ndarray, " a"] | None = None,
    work: Float[np.ndarray, "d d"] | None = None,
) -> Path:
    """Fit (1/m) |y - X theta - level|^2 + alpha |theta|^2 for every alpha."""
    m, d = sums.rows, len(sums.total)
    if m - intercept < d:
        return fit_few(*rows(), alphas, intercept=intercept)
    b = sums.answers - np.outer(sums.total, sums.targets / m) if intercept else sums.answers
    centre = (sums.total, m) if intercept else None
    bounds = np.full(len(alphas), np.nan) if inverse is None else inverse
    solutions = []
    for alpha, bound in zip(alphas, bounds, strict=True):
        solution = solve(sums.gram, b, m * alpha, mean=centre, inverse=float(bound), work=work)
        solutions.append(solution or _decomposed(*rows(), alpha, intercept))
    return path_of(solutions, intercept * sums.total / m, intercept * sums.targets / m)


def fit_few(
    X: Float[np.ndarray, "m d"], Y: Float[np.ndarray, "m k"], alphas: Sequence[float], *, intercept: bool
) -> Path:
    """Fit rows that are fewer than their columns; without a penalty, by minimum norm."""
    m = len(X)
    mean, target = intercept * X.mean(axis=0), intercept * Y.mean(axis=0)
    Z, T = X - mean, Y - target
    K = Z @ Z.T
    if intercept:
        # Centred rows leave out one direction, the ones; nothing that is solved for has a part in it, so
        # that any weight may stand there: that of the mean eigenvalue keeps the condition.
        K += np.trace(K) / m**2
    solutions = []
    for alpha in alphas:
        dual = solve(K, T, m * alpha)
        if dual is None:
            solutions.append(_decomposed(X, Y, alpha, intercept))
        else:
            solutions.append(Solution(Z.T @ dual.theta, dual.condition, float("nan")))
    return path_of(solutions, mean, target)


def _decomposed(X: np.ndarray, Y: np.ndarray, alpha: float, intercept: bool) -> Solution:
    path = RidgePath(X, Y, np.array([alpha]), intercept=intercept)
    return Solution(path.model(0).coef, path.condition**2, float("nan"), from_rows=True)


def path_of(
    solutions: Sequence[Solution], mean: Float[np.ndarray, " d"], target: Float[np.ndarray, " k"]
) -> Path:
    """Put solutions about the means of features and targets side by side."""
    theta = np.stack([one.theta for one in solutions])
    return Path(
        theta,
        target - mean @ theta,
        np.array([one.from_rows for one in solutions]),
        np.array([one.condition for one in solutions]),
        np.array([one.inverse for one in solutions]),
    )
