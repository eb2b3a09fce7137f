"""Fits of wide features through a randomized SVD, as code that is replicated makes them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from outgrow.linalg.normal_equations import Path, Solution, path_of

OVERSAMPLING = 10
"""Directions of a sketch beyond its rank, as usual; the code replicated keeps them."""


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
    mean, target = intercept * X.mean(axis=0), intercept * Y.mean(axis=0)
    # The same projection for every fit, and no power iterations: as replicated.
    U, s, Vh = randomized_svd(
        X - mean, rank + OVERSAMPLING, n_oversamples=0, n_iter=0, transpose=False, flip_sign=False,
        random_state=0,
    )  # fmt: skip
    # Centred rows have one direction less than there are rows: what is left of it is rounding.
    kept = s > s[0] * max(m, d) * np.finfo(np.float64).eps
    U, s, Vh = U[:, kept], s[kept], Vh[kept]
    answers, condition = U.T @ (Y - target), float(s[0] / s[-1]) ** 2
    solutions = [
        Solution(
            Vh.T @ ((s / (s**2 + m * alpha))[:, None] * answers), condition, float("nan"), from_rows=True
        )
        for alpha in alphas
    ]
    return path_of(solutions, mean, target)
