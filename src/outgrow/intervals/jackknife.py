"""Intervals by leaving out one group of rows at a time.

A bootstrap of rows is no alternative here: duplicated rows lower the effective number of rows, and a
correlation dimension comes out too large (docs/theory.md, T8).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int, Shaped

from outgrow.results import LEVEL, Estimate

GROUPS = 20
"""Jackknife groups: few enough to be cheap, enough for t quantiles near normal ones (docs/theory.md, T8)."""


def whole_folds(units: Int[np.ndarray, " N"], count: int = GROUPS) -> Int[np.ndarray, " N"]:
    """Deal whole units into folds of about equal size; single rows go in turn."""
    sizes = np.bincount(units)
    filled = np.zeros(min(count, len(sizes)), dtype=np.int64)
    if (sizes == 1).all():
        return units % len(filled)
    fold = np.empty(len(sizes), dtype=np.int64)
    # Largest first, each to the emptiest fold: sizes then differ by one unit at most.
    for unit in np.argsort(-sizes, kind="stable"):
        fold[unit] = filled.argmin()
        filled[fold[unit]] += sizes[unit]
    return fold[units]


def together(labels: Shaped[np.ndarray, " n"]) -> list[Int[np.ndarray, " _"]]:
    """List the positions of each label."""
    numbers = np.unique(labels, return_inverse=True)[1]
    order = np.argsort(numbers, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1)


def t_quantile(freedom: float | int, level: float = LEVEL) -> float:
    """Half width of a two-sided t interval, in standard errors."""
    # The distribution module of SciPy takes a second to import, which `import outgrow` does not have.
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + level) / 2))


def deviations(replicates: Float[np.ndarray, "*k g"]) -> Float[np.ndarray, "*k g"]:
    """Deviations of replicates from their mean, scaled so that their products add up to covariances."""
    g = replicates.shape[-1]
    return np.asarray(np.sqrt((g - 1) / g) * (replicates - replicates.mean(axis=-1, keepdims=True)))


def jackknife_variance(replicates: Float[np.ndarray, "*k g"]) -> Float[np.ndarray, "*k"]:
    """Variance of the estimate that the replicates are of."""
    return np.asarray(np.sum(deviations(replicates) ** 2, axis=-1))


def jackknife_interval(
    estimate: float, replicates: Float[np.ndarray, " g"], level: float = LEVEL, of_pairs: float = 0.0
) -> tuple[float, float]:
    """Give the delete-a-group interval: estimate plus and minus a t quantile times the standard error.

    Leaving groups out counts that part of the variance twice that comes from pairs of rows (Efron and Stein
    1981); where it is known (`of_pairs`), once is taken off, and it is the least that can be left.
    """
    variance = float(jackknife_variance(replicates))
    reach = t_quantile(len(replicates) - 1, level) * np.sqrt(max(variance - of_pairs, of_pairs))
    return estimate - float(reach), estimate + float(reach)


def jackknife_estimate(
    values: Float[np.ndarray, " R"], n: int | None, method: str = "", level: float = LEVEL
) -> Estimate:
    """Make an estimate of a value with its replicates behind it; fewer than two tell no interval."""
    value = float(values[0])
    interval = jackknife_interval(value, values[1:], level) if len(values) > 2 else None
    return Estimate(value, interval, n=n, method=method)
