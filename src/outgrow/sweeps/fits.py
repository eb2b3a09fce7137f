"""Least-squares fits along a path of penalties, by the cheapest way whose digits suffice.

From sums where rows exceed columns; from the products of rows with each other where they do not (the
minimum norm, if there is no penalty); from the rows themselves, by singular values, where either of these is
too ill conditioned. Every fit says which it was, and the condition of what was factored. Replications of
code that fits wide features through a randomized SVD do the same (`sketched`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from outgrow.linalg.least_squares import least_squares
from outgrow.sweeps.solve import solve

OVERSAMPLING = 10
"""Directions of a sketch beyond its rank, as usual; the code replicated keeps them."""

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
    sketch: int | None = None,
) -> Path:
    """Fit (1/m) |y - X theta - level|^2 + alpha |theta|^2 for every alpha."""
    m, d = sums.rows, len(sums.total)
    if sketch is not None and d > sketch:
        return sketched(*rows(), alphas, sketch, intercept=intercept)
    if m - intercept < d:
        return fit_few(*rows(), alphas, intercept=intercept)
    b = sums.answers - np.outer(sums.total, sums.targets / m) if intercept else sums.answers
    centre = (sums.total, m) if intercept else None
    found: list[tuple[np.ndarray, bool, float, float]] = []
    for place, alpha in enumerate(alphas):
        known = None if inverse is None or np.isnan(inverse[place]) else float(inverse[place])
        solution = solve(sums.gram, b, m * alpha, mean=centre, inverse=known, work=work)
        if solution is None and known is not None:
            # The bound may be far from the condition itself.
            solution = solve(sums.gram, b, m * alpha, mean=centre, work=work)
        if solution is None:
            found.append(_decomposed(*rows(), alpha, intercept))
        else:
            found.append((solution.theta, False, solution.condition, solution.inverse))
    mean = sums.total / m if intercept else np.zeros(d)
    target = sums.targets / m if intercept else np.zeros(len(sums.targets))
    return _path(found, mean, target)


def fit_few(
    X: Float[np.ndarray, "m d"], Y: Float[np.ndarray, "m k"], alphas: Sequence[float], *, intercept: bool
) -> Path:
    """Fit rows that are fewer than their columns; without a penalty, by minimum norm."""
    m, d = X.shape
    mean = X.mean(axis=0) if intercept else np.zeros(d)
    target = Y.mean(axis=0) if intercept else np.zeros(Y.shape[1])
    Z, T = (X - mean, Y - target) if intercept else (X, Y)
    K = Z @ Z.T
    if intercept:
        # Centred rows leave out one direction, the ones; nothing that is solved for has a part in it, so
        # that any weight may stand there: that of the mean eigenvalue keeps the condition.
        K += np.trace(K) / m**2
    found: list[tuple[np.ndarray, bool, float, float]] = []
    for alpha in alphas:
        solution = solve(K, T, m * alpha)
        if solution is None:
            found.append(_decomposed(X, Y, alpha, intercept))
        else:
            found.append((Z.T @ solution.theta, False, solution.condition, float("nan")))
    return _path(found, mean, target)


def sketched(
    X: Float[np.ndarray, "m d"],
    Y: Float[np.ndarray, "m k"],
    alphas: Sequence[float],
    rank: int,
    *,
    intercept: bool,
) -> Path:
    """Fit what one random projection keeps of the rows: more a penalty than an approximation."""
    from sklearn.utils.extmath import randomized_svd

    m, d = X.shape
    mean = X.mean(axis=0) if intercept else np.zeros(d)
    target = Y.mean(axis=0) if intercept else np.zeros(Y.shape[1])
    # The same projection for every fit, and no power iterations: as replicated.
    U, s, Vh = randomized_svd(
        X - mean, rank + OVERSAMPLING, n_oversamples=0, n_iter=0, transpose=False, flip_sign=False,
        random_state=0,
    )  # fmt: skip
    # Centred rows have one direction less than there are rows: what is left of it is rounding.
    kept = s > s[0] * max(m, d) * np.finfo(np.float64).eps
    U, s, Vh = U[:, kept], s[kept], Vh[kept]
    answers, condition = U.T @ (Y - target), float(s[0] / s[-1]) ** 2
    found = [
        (Vh.T @ ((s / (s**2 + m * alpha))[:, None] * answers), True, condition, float("nan"))
        for alpha in alphas
    ]
    return _path(found, mean, target)


def _decomposed(
    X: np.ndarray, Y: np.ndarray, alpha: float, intercept: bool
) -> tuple[np.ndarray, bool, float, float]:
    found = least_squares(X, Y, alpha, intercept=intercept, method="svd")
    return np.asarray(found.coef), True, float(found.condition) ** 2, float("nan")


def _path(
    found: Sequence[tuple[np.ndarray, bool, float, float]], mean: np.ndarray, target: np.ndarray
) -> Path:
    theta = np.stack([item[0] for item in found])
    return Path(
        theta,
        target - mean @ theta,
        np.array([item[1] for item in found]),
        np.array([item[2] for item in found]),
        np.array([item[3] for item in found]),
    )
