"""The joint student at one design: its penalties and weight chosen together, coarse to fine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from outgrow.theory.joint_equivalent import WEIGHTS, joint_risks
from outgrow.theory.surface import choice
from outgrow.theory.terms import PairSpectra, Target

COARSE = 2
"""Of the joint student's penalties every second one is tried with every weight, then those beside the best:
half the time. On the movie reviews (two pairs, 50 and 400 labels) it found what trying all of them finds."""


@dataclass(frozen=True)
class JointForecast:
    """The joint student at one design: true labels and pseudo-labels in one fit."""

    error: Float[np.ndarray, " R"]
    """Expected squared error on fresh labels, the estimate first; NaN where infinite."""
    alpha_w: float
    alpha_s: float
    """Penalties of its teacher and of itself."""
    weight: float
    """Weight of the pseudo-labels: 0 is the baseline, 1 the W2S student."""


def joint_forecast(
    pair: PairSpectra,
    target: Target,
    n: int,
    N: int,
    penalties: tuple[Float[np.ndarray, " a"], Float[np.ndarray, " b"]],
    *,
    intercept: bool = True,
) -> JointForecast:
    """Forecast the joint student at the settings of least forecast risk."""

    def least(places: list[np.ndarray], weights: Float[np.ndarray, " k"]) -> tuple[np.ndarray, list[int]]:
        tried = [grid[place] for grid, place in zip(penalties, places, strict=True)]
        a, b, w = (x.ravel() for x in np.meshgrid(*tried, weights, indexing="ij"))
        risks = joint_risks(pair, target, n=n, alpha_w=a, N=N, alpha_s=b, weight=w, intercept=intercept)
        error = risks.error
        best = int(choice(error[:, None, :])[0])
        at = np.unravel_index(best, (len(tried[0]), len(tried[1]), len(weights)))
        return error[:, best], [int(places[0][at[0]]), int(places[1][at[1]]), int(at[2])]

    # Two thirds of a decade apart first, then the neighbours of the best.
    weights = np.array(WEIGHTS)
    error, (i, j, k) = least([np.arange(0, len(grid), COARSE) for grid in penalties], weights)
    around = [
        np.arange(max(0, at - 1), min(len(grid), at + 2)) for at, grid in zip((i, j), penalties, strict=True)
    ]
    error, (i, j, _) = least(around, weights[[k]])
    return JointForecast(error, float(penalties[0][i]), float(penalties[1][j]), float(weights[k]))
