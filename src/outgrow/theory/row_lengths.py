"""What rows of unequal length do to a fit (docs/theory.md, T4).

Rows of real features are not Gaussian: some are longer than others in every direction, and a fit listens to
them more. With rows r_i times Gaussian ones, m rows count for fewer: where Gaussian rows give the covariance
the factor 1 - df1/m, these give c(df1/m), and their residuals weigh unequally in the noise. All follow from
the distribution of r^2 alone, which the lengths of whitened rows show.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

ALIKE = np.ones(1)
"""Squared lengths of rows that are all alike: Gaussian features of many dimensions."""

NODES = 16
"""Values that stand for the distribution of squared lengths: quantile means, whose variance falls short of
the sample's by a percent."""

STEPS = np.linspace(np.log(1e-13), np.log(1e13), 3001)
"""Logarithms of delta that are tabulated: beyond all that x can ask for, in steps of 2 %."""


class LengthFactors(NamedTuple):
    """Factors of a fit with rows of unequal length; in brackets for rows alike, x being df1 over rows."""

    weight: Float[np.ndarray, " K"]
    """Of the covariance, c(x) [1 - x]."""
    steady: Float[np.ndarray, " K"]
    """How residuals that do not grow with the row's length count in the fit's noise [1]."""
    growing: Float[np.ndarray, " K"]
    """How residuals that grow with the row's length count in it [1]."""


def length_factors(squared: Float[np.ndarray, " q"], x: Float[np.ndarray, " K"]) -> LengthFactors:
    """Give the factors at degrees of freedom over rows."""
    one = np.ones_like(x)
    if len(squared) == 1:
        return LengthFactors(1 - x, one, one)
    inner = np.clip(x, 1e-12, 1 - 1e-9)
    # delta is where rows keep x on average: E r^2 delta / (1 + r^2 delta) = x.
    log_delta, odds = _table(squared.tobytes())
    delta = np.exp(np.interp(np.log(inner / (1 - inner)), odds, log_delta))
    # Near-linear in these logarithms: one step of Newton's takes the interpolation to rounding.
    held = squared * delta[:, None]
    slope = np.mean(held / (1 + held) ** 2, axis=1)
    delta *= np.exp((inner - np.mean(held / (1 + held), axis=1)) / slope)
    rest = 1 + squared * delta[:, None]
    weight = inner / delta
    steady, growing = np.mean(squared / rest**2, axis=1), np.mean((squared / rest) ** 2, axis=1)
    return LengthFactors(weight, steady / weight**2, growing / weight**2)


@lru_cache(maxsize=64)
def _table(squared: bytes) -> tuple[Float[np.ndarray, " s"], Float[np.ndarray, " s"]]:
    """Tabulate log delta and the log odds of x at it."""
    held = np.frombuffer(squared) * np.exp(STEPS)[:, None]
    kept, left = np.mean(held / (1 + held), axis=1), np.mean(1 / (1 + held), axis=1)
    return STEPS, np.log(kept / left)


def pool_factors(
    squared: Float[np.ndarray, " q"], x: Float[np.ndarray, " K"]
) -> tuple[Float[np.ndarray, " K"], Float[np.ndarray, " K"]]:
    """Give what a pool of such rows makes of its own covariance.

    Returns the weight c(x): 1 - x for rows alike; the derivative of its logarithm.
    """
    if len(squared) == 1:
        with np.errstate(divide="ignore"):
            return 1 - x, -1 / (1 - x)
    inner = np.clip(x, 1e-12, 1 - 1e-9)
    weight = length_factors(squared, x).weight
    delta = inner / weight
    moved = 1 / np.mean(squared / (1 + squared * delta[:, None]) ** 2, axis=1)  # d delta / dx
    return weight, 1 / inner - moved / delta


def length_nodes(Z: Float[np.ndarray, "m d"]) -> Float[np.ndarray, " q"]:
    """Measure the distribution of squared lengths on whitened rows."""
    m, d = Z.shape
    squared = np.einsum("md,md->m", Z, Z)
    products = Z.T @ Z if d < m else Z @ Z.T
    # Gaussian rows vary in length too, by 2/d, and by more where directions were whitened by a small pool:
    # products of different rows tell how much.
    chance = 2 * float(np.sum(products**2) - np.sum(squared**2)) / (m * (m - 1)) / float(squared.mean()) ** 2
    squared = np.sort(squared) / squared.mean()
    spread = float(squared.var())
    true = (spread - chance) / (1 + chance)
    if not true > 0:
        return ALIKE
    nodes = np.array([part.mean() for part in np.array_split(squared, min(NODES, m))])
    nodes = 1 + np.sqrt(true / spread) * (nodes / nodes.mean() - 1)
    return np.asarray(np.maximum(nodes, 1e-3))
