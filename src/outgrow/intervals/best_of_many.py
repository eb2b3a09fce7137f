"""Which of many forecasts is the least, and how sure that is, from replicates that they share.

The least of many noisy numbers is chosen by its noise too, so differences from it cannot be judged as if it
had been named beforehand. Here every candidate is tried as the true best: differences from it get one
critical value for all, from the joint law of the common replicates. Those that fit are tied with the best,
and how far each candidate is behind, whichever is the true best, is bounded over all of them (multiple
comparisons with the best, after Hsu, 1984).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from outgrow.intervals.jackknife import deviations, jackknife_variance, t_quantile
from outgrow.results import LEVEL

DRAWS = 20_000
"""Draws of the joint law: a level of .90 is then met within .004, two standard errors, and a probability
known to .01 at worst."""

SEED = 0
"""Of those draws: the same forecasts give the same ranking."""


@dataclass(frozen=True)
class BestOfMany:
    """How far each of many is behind the best."""

    behind: Float[np.ndarray, " K"]
    """Each estimate less the least one."""
    low: Float[np.ndarray, " K"]
    high: Float[np.ndarray, " K"]
    """Ends of intervals of each expected value less the least expected value, for all K together; never below
    0."""
    tied: Bool[np.ndarray, " K"]
    """Which may be the best. An interval may reach 0 elsewhere too: what is not the best is sure before it is
    sure by how much, since that depends on which one is."""
    probability: Float[np.ndarray, " K"]
    """Share of draws around the estimates in which each is the least; twins share theirs."""


def best_of_many(values: Float[np.ndarray, "K R"]) -> BestOfMany:
    """Compare many with the least of them, whichever that truly is."""
    estimates, noise = values[:, 0], _noise(values)
    count = len(values)
    half, possible = np.empty((count, count)), np.empty(count, dtype=bool)
    for k in range(count):
        half[k] = half_widths(values[k] - values, noise[:, [k]] - noise)
        half[k] = np.maximum(half[k], ROUNDING * np.abs(estimates).max())
        half[k, k] = 0.0
        possible[k] = bool(np.all(estimates[k] - estimates <= half[k]))
    behind = estimates[:, None] - estimates[possible][None, :]
    # From itself each is at distance 0, which the clipping keeps: the best is behind nobody.
    low = np.maximum((behind - half[possible].T).min(axis=1), 0.0)
    high = np.maximum((behind + half[possible].T).max(axis=1), 0.0)
    low[possible] = 0.0
    # Twins share what they win: which of them is less by rounding means nothing.
    drawn = estimates + noise
    first = drawn <= drawn.min(axis=1, keepdims=True) + ROUNDING * np.abs(estimates).max()
    wins = np.sum(first / first.sum(axis=1, keepdims=True), axis=0)
    return BestOfMany(estimates - estimates.min(), low, high, possible, wins / len(noise))


def less_than_all(
    values: Float[np.ndarray, "K R"], rivals: Float[np.ndarray, "L R"]
) -> tuple[Float[np.ndarray, " K"], Float[np.ndarray, " K"], Float[np.ndarray, " K"]]:
    """Compare many with the least of some rivals, whichever that truly is.

    Returns each estimate less the least rival's; ends of intervals of each expected value less the least
    expected value of the rivals, for all K together.
    """
    count = len(values)
    both = np.concatenate([values, rivals])
    noise = _noise(both)
    # The differences of each with every rival, and one critical value for all of them.
    pairs = values[:, None] - rivals[None, :]
    errors = np.sqrt(jackknife_variance(pairs[..., 1:]))
    largest = np.zeros(len(noise))
    for k in range(count):
        apart = np.abs(noise[:, [k]] - noise[:, count:])
        np.maximum(largest, _over(apart, errors[k]).max(axis=1), out=largest)
    critical = _critical(largest, values)
    least = values[:, 0] - rivals[:, 0].min()
    low = (pairs[:, :, 0] - critical * errors).max(axis=1)
    high = (pairs[:, :, 0] + critical * errors).max(axis=1)
    return least, low, high


def half_widths(values: Float[np.ndarray, "K R"], noise: Float[np.ndarray, "D K"]) -> Float[np.ndarray, " K"]:
    """Give half-widths that hold for many numbers together."""
    errors = np.sqrt(jackknife_variance(values[:, 1:]))
    return np.asarray(_critical(_over(np.abs(noise), errors).max(axis=1), values) * errors)


def _critical(largest: Float[np.ndarray, " D"], values: Float[np.ndarray, "K R"]) -> float:
    # Never below what a single number needs: the draws' own noise must not narrow it.
    return max(float(np.quantile(largest, LEVEL)), t_quantile(values.shape[-1] - 2))


def _noise(values: Float[np.ndarray, "K R"]) -> Float[np.ndarray, "D K"]:
    """Draw from the multivariate t law with the jackknife's covariance and one less degrees than groups."""
    groups = values.shape[1] - 1
    rng = np.random.default_rng(SEED)
    # The replicates themselves, weighed at random: their covariance is then exactly the jackknife's.
    noise = rng.standard_normal((DRAWS, groups)) @ deviations(values[:, 1:]).T
    return np.asarray(noise / np.sqrt(rng.chisquare(groups - 1, size=(DRAWS, 1)) / (groups - 1)))


def _over(apart: Float[np.ndarray, "D K"], errors: Float[np.ndarray, " K"]) -> Float[np.ndarray, "D K"]:
    # Twins do not differ in any draw: rounding alone would be divided by rounding.
    real = errors > ROUNDING * errors.max(initial=0.0)
    return np.divide(apart, errors, out=np.zeros_like(apart), where=real)


ROUNDING = 1e-9
"""Differences below this share of the estimates, and standard errors below this share of the largest, are
rounding: of forecasts that are one and the same."""
