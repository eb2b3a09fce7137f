"""Drawn risks and gains of the synthetic world beside exact theory and published bounds, one row each.

A gain's z score is that of the difference which theory says is zero, numerator - ratio * denominator, on a
scale on which risks are not skewed. What does not depend on a size or on the teacher has one row, so that no
agreement is counted twice. Means are known, as published: no fit has an intercept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from outgrow.reproductions.reproduction import MODELS
from outgrow.reproductions.synthetic_draws import PLACES, Draws, SyntheticSettings
from outgrow.reproductions.synthetic_world import WORLDS, WorldName, population
from outgrow.results import Estimate, Risks
from outgrow.sweeps.summary import mean_and_ends, ratio_and_ends
from outgrow.theory.design import Design
from outgrow.theory.exact_risks import exact_risks
from outgrow.theory.gain import opr, pgr
from outgrow.theory.published_bounds import published_bounds

NAMES = {
    "teacher": "weak teacher",
    "student": "W2S student",
    "baseline": "strong baseline",
    "ceiling": "strong ceiling",
    "pgr": "PGR",
    "opr": "OPR",
}
"""Everything that has rows, and what it is called."""

POINTS_OF: dict[Design, str] = {"fresh": "fresh points", "own_points": "each model's own points"}
"""What places are called."""

CHANCE = 0.01
"""Probability that draws which obey the theory disagree with it somewhere: rare enough to be reported."""

FREE = 0.7
"""Degrees of freedom of a z score, of one less than seeds: the rest is for what skewness logarithms leave.
Right theory is then disagreed with by 10, 20 and 40 seeds in .0, .2 and .2 % of cases, and in .3, .7 and .9 %
where all sizes are near as many rows as dimensions; without logarithms and this in .9, 1.3 and .8 %, and in
4.0, 4.3 and 3.1 % (2,000 to 3,000 sets of seeds out of 2,280 and 2,000)."""

_OVER = {model: np.eye(4)[place] for place, model in enumerate(MODELS)}
_OVER |= {"pgr": np.array([1.0, -1, 0, 0]), "opr": np.array([0.0, 0, 1, 0])}
_UNDER = {"pgr": np.array([1.0, 0, 0, -1]), "opr": np.array([0.0, 1, 0, 0])}
"""What a quantity is of the four risks: a sum, or a ratio of two."""


@dataclass(frozen=True)
class Row:
    """One quantity in one cell: what was drawn, and what theory says; NaN where there is no number."""

    world: WorldName
    place: Design
    offset: int | None
    """Of the weak features; None where the quantity does not depend on them."""
    quantity: str
    n: int
    N: int | None
    """Unlabelled rows; None where the quantity does not depend on them."""
    seen: float
    """Mean over seeds, or ratio of such means, with its interval: no number where a ratio's denominator is
    not above 0, and no interval where it is not resolved from it."""
    low: float
    high: float
    exact: float
    """Expected value, or ratio of expected values (docs/theory.md, T2)."""
    z: float
    """Standard errors from exact to seen, of logarithms."""
    bound: float
    """As published: of risks an upper one, of gains a lower one."""
    sigma2: float
    """Variance of the label noise."""

    @property
    def holds(self) -> bool | None:
        """Whether the exact value lies within the interval; None where either is missing."""
        return None if np.isnan(self.low + self.exact) else self.low <= self.exact <= self.high


Cell = tuple[WorldName, Design, int | None, int, int | None]
"""World, place, offset, n and N; None what a quantity does not depend on."""


def cell_of(world: WorldName, place: Design, offset: int, quantity: str, n: int, N: int) -> Cell:
    """Leave out what a quantity does not depend on."""
    return (
        world,
        place,
        None if quantity in ("baseline", "ceiling") else offset,
        n,
        None if quantity in ("teacher", "baseline") else N,
    )


def entries(settings: SyntheticSettings, quantity: str) -> dict[Cell, tuple[int, int, int, int]]:
    """Give all cells in which a quantity differs, and where each stands on the axes of a level's draws."""
    places: dict[Cell, tuple[int, int, int, int]] = {}
    for w, p, k, c in np.ndindex(len(WORLDS), len(PLACES), len(settings.offsets), len(settings.cells)):
        cell = cell_of(WORLDS[w], PLACES[p], settings.offsets[k], quantity, *settings.cells[c])
        places.setdefault(cell, (c, p, w, k))
    return places


def rows_of(draws: Draws) -> list[Row]:
    """Summarise draws and set theory beside them."""
    settings, rows = draws.settings, []
    for risks, sigma2 in zip(draws.risks, settings.noise, strict=True):
        for quantity in NAMES:
            seen = estimates(risks, quantity)
            for (world, place, offset, n, N), axes in entries(settings, quantity).items():
                at = world, settings.offsets[axes[-1]], quantity, *settings.cells[axes[0]], sigma2
                exact = expected(place, *at)
                z = np.nan if np.isnan(exact) else deviation(risks[axes], quantity, exact)
                value, low, high = (float(end[axes]) for end in seen)
                bound = published_bound(*at)
                rows.append(
                    Row(world, place, offset, quantity, n, N, value, low, high, exact, z, bound, sigma2)
                )
    return rows


def estimates(risks: Float[np.ndarray, "*cells 4 seeds"], quantity: str) -> tuple[np.ndarray, ...]:
    """Give a quantity's mean over seeds, or its ratio of means, and the ends of the interval."""
    over = _OVER[quantity] @ risks
    return ratio_and_ends(over, _UNDER[quantity] @ risks) if quantity in _UNDER else mean_and_ends(over)[:3]


def deviation(risks: Float[np.ndarray, "4 seeds"], quantity: str, exact: float) -> float:
    """Give the standard errors from theory to draws, between the terms that are added and those taken off.

    Risks are skewed to the right, most near as many rows as dimensions: their mean and its standard error
    fall short together, which in the far tails of a t law is not rare. Their logarithms are nearly normal.

    >>> round(deviation(np.array([[4.1, 3.9], [1.0, 1.0], [0.0, 0.0], [0.0, 0.0]]), "teacher", 4.2), 2)
    -1.94
    """
    weights = _OVER[quantity] - exact * _UNDER.get(quantity, np.zeros(4))
    added, taken = weights.clip(min=0) @ risks, (-weights).clip(min=0) @ risks
    if quantity not in _UNDER:
        taken = np.full(risks.shape[-1], exact)
    apart = np.zeros(len(added))
    for values, sign in ((added, 1), (taken, -1)):
        logs = np.log(values)
        # What a mean of logarithms falls short of the logarithm of the mean by, where they are normal.
        short = (logs - logs.mean()) ** 2 / 2 * len(logs) / (len(logs) - 1)
        apart += sign * (logs + short)
    return float(apart.mean() / (apart.std(ddof=1) / np.sqrt(len(apart))))


def expected(
    place: Design, world: WorldName, offset: int, quantity: str, n: int, N: int, sigma2: float
) -> float:
    """Give what is expected of a quantity, means known; NaN where it is not defined."""
    return _of(exact_risks(population(offset, world, sigma2), n, N, design=place, intercept=False), quantity)


def published_bound(world: WorldName, offset: int, quantity: str, n: int, N: int, sigma2: float) -> float:
    """Give the published bound of a quantity; NaN where it is not defined."""
    return _of(published_bounds(population(offset, world, sigma2), n, N), quantity)


def largest_by_chance(rows: int, seeds: int) -> float:
    """Give the |z| that none exceeds where theory is right, but for a chance of `CHANCE` at most."""
    from scipy.special import stdtrit

    return float(stdtrit(FREE * (seeds - 1), 1 - CHANCE / 2 / max(rows, 1)))


def _of(risks: Risks, quantity: str) -> float:
    gains = {"pgr": pgr, "opr": opr}
    estimate = gains[quantity](risks) if quantity in gains else getattr(risks, quantity)
    return estimate.value if isinstance(estimate, Estimate) else np.nan
