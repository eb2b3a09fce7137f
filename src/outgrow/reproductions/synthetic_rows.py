"""Drawn risks and gains of the synthetic world beside exact theory and published bounds, one row each.

A gain is a ratio of means over seeds with Fieller's interval; its z score is that of the difference which
theory says is zero, numerator - ratio * denominator, on a scale on which risks are not skewed. What does not
depend on a size or on the teacher has one row, so that no agreement is counted twice. Means are known, as
published: no fit has an intercept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from outgrow.intervals.fieller import fieller
from outgrow.reproductions.reproduction import MODELS
from outgrow.reproductions.synthetic_draws import PLACES, Draws, SyntheticSettings
from outgrow.reproductions.synthetic_world import SIGMA2, WORLDS, WorldName, population
from outgrow.results import LEVEL, Quantity, Risks
from outgrow.theory.design import Design
from outgrow.theory.exact_risks import exact_risks
from outgrow.theory.gain import opr, pgr
from outgrow.theory.published_bounds import published_bounds

QUANTITIES = (*MODELS, "pgr", "opr")
"""Everything that has rows."""

NAMES = {
    "teacher": "weak teacher",
    "student": "W2S student",
    "baseline": "strong baseline",
    "ceiling": "strong ceiling",
    "pgr": "PGR",
    "opr": "OPR",
}
"""What quantities are called."""

POINTS_OF: dict[Design, str] = {"fresh": "fresh points", "own_points": "each model's own points"}
"""What places are called."""

CHANCE = 0.01
"""Probability that draws which obey the theory disagree with it somewhere: rare enough to be told as news."""

FREE = 0.7
"""Degrees of freedom of a z score, of one less than seeds: the rest is for what skewness logarithms leave.
Right theory is then disagreed with by 10, 20 and 40 seeds in .0, .2 and .2 % of cases, and in .3, .7 and .9 %
where all sizes are near as many rows as dimensions; without logarithms and this in .9, 1.3 and .8 %, and in
4.0, 4.3 and 3.1 % (2,000 to 3,000 sets of seeds out of 2,280 and 2,000)."""

_OVER = {"teacher": (1, 0, 0, 0), "student": (0, 1, 0, 0), "baseline": (0, 0, 1, 0), "ceiling": (0, 0, 0, 1)}
_OVER |= {"pgr": (1, -1, 0, 0), "opr": (0, 0, 1, 0)}
_UNDER = {"pgr": (1, 0, 0, -1), "opr": (0, 1, 0, 0)}


@dataclass(frozen=True)
class Row:
    """One quantity in one cell: what was drawn, and what theory says."""

    world: WorldName
    place: Design
    offset: int | None
    """Of the weak features; None where the quantity does not depend on them."""
    quantity: str
    n: int
    N: int | None
    """Unlabelled rows; None where the quantity does not depend on them."""
    seen: float | None
    """Mean over seeds, or ratio of such means, with its interval. None where a ratio's denominator is not
    above 0, or not resolved from it."""
    low: float | None
    high: float | None
    exact: float | None
    """Expected value, or ratio of expected values (docs/theory.md, T2)."""
    z: float | None
    """Standard errors from exact to seen, of logarithms."""
    bound: float | None
    """As published: of risks an upper one, of gains a lower one."""
    sigma2: float
    """Variance of the label noise."""

    @property
    def holds(self) -> bool | None:
        """Whether the exact value lies within the interval; None where either is missing."""
        if self.low is None or self.high is None or self.exact is None:
            return None
        return self.low <= self.exact <= self.high


class Entry(NamedTuple):
    """Where one quantity in one cell stands among the draws."""

    axes: tuple[int, int, int, int]
    """Places on the axes of `Draws.risks` between seeds and models."""
    world: WorldName
    place: Design
    offset: int | None
    n: int
    N: int | None


def differs(quantity: str, offset: int, n: int, N: int) -> tuple[int | None, int, int | None]:
    """Leave out what a quantity does not depend on."""
    return (
        None if quantity in ("baseline", "ceiling") else offset,
        n,
        None if quantity in ("teacher", "baseline") else N,
    )


def entries(settings: SyntheticSettings, quantity: str) -> Iterator[Entry]:
    """Go over all cells in which a quantity differs."""
    for w, world in enumerate(WORLDS):
        for p, place in enumerate(PLACES):
            known = set()
            for pair, offset in enumerate(settings.offsets):
                for cell, sizes in enumerate(settings.cells):
                    own = differs(quantity, offset, *sizes)
                    if own not in known:
                        known.add(own)
                        yield Entry((cell, p, w, pair), world, place, *own)


def rows_of(draws: Draws) -> list[Row]:
    """Summarise draws and set theory beside them."""
    settings, found = draws.settings, []
    sigma2 = settings.sigma2
    for quantity in QUANTITIES:
        for at in entries(settings, quantity):
            (n, N), offset = settings.cells[at.axes[0]], settings.offsets[at.axes[-1]]
            exact = theory(at.world, at.place, offset, quantity, n, N, sigma2)
            risks = draws.risks[(slice(None), *at.axes)]
            z = None if exact is None else deviation(risks, quantity, exact)
            bound = printed_bound(at.world, offset, quantity, n, N, sigma2)
            seen = estimate(risks, quantity)
            found.append(
                Row(at.world, at.place, at.offset, quantity, at.n, at.N, *seen, exact, z, bound, sigma2)
            )
    return found


def estimate(
    risks: Float[np.ndarray, "seeds 4"], quantity: str
) -> tuple[float | None, float | None, float | None]:
    """Give a quantity's mean over seeds, or its ratio of means, and the interval.

    Returns value, low end, high end.
    """
    over = risks @ np.array(_OVER[quantity], dtype=np.float64)
    if quantity in _UNDER:
        under = risks @ np.array(_UNDER[quantity], dtype=np.float64)
        if not under.mean() > 0:
            return None, None, None
        reach = _quantile(len(risks)) ** 2 * np.cov(over, under) / len(risks)
        ends = fieller(float(over.mean()), float(under.mean()), reach)
        return (float(over.mean() / under.mean()), *(ends or (None, None)))
    value, width = float(over.mean()), _quantile(len(risks)) * _error(over)
    return value, value - width, value + width


def deviation(risks: Float[np.ndarray, "seeds 4"], quantity: str, exact: float) -> float:
    """Give the standard errors from theory to draws, between the terms that are added and those taken off.

    Risks are skewed to the right, most near as many rows as dimensions: their mean and its standard error
    fall short together, which in the far tails of a t law is not rare. Their logarithms are nearly normal.

    >>> round(deviation(np.array([[4.1, 1.0, 0.0, 0.0], [3.9, 1.0, 0.0, 0.0]]), "teacher", 4.2), 2)
    -1.94
    """
    weights = np.array(_OVER[quantity], dtype=np.float64)
    if quantity in _UNDER:
        weights -= exact * np.array(_UNDER[quantity])
    added, taken = risks @ weights.clip(min=0), risks @ (-weights).clip(min=0)
    if quantity not in _UNDER:
        taken = np.full(len(risks), exact)
    apart = np.zeros(len(risks))
    for values, sign in ((added, 1), (taken, -1)):
        logs = np.log(values)
        # What a mean of logarithms falls short of the logarithm of the mean by, where they are normal.
        short = (logs - logs.mean()) ** 2 / 2 * len(logs) / (len(logs) - 1)
        apart += sign * (logs + short)
    return float(apart.mean() / _error(apart))


def theory(
    world: WorldName, place: Design, offset: int, quantity: str, n: int, N: int, sigma2: float = SIGMA2
) -> float | None:
    """Give what is expected of a quantity, means known.

    None where it is not defined.
    """
    return _of(exact_risks(population(offset, world, sigma2), n, N, design=place, intercept=False), quantity)


def printed_bound(
    world: WorldName, offset: int, quantity: str, n: int, N: int, sigma2: float = SIGMA2
) -> float | None:
    """Give the published bound of a quantity.

    None where it is not defined.
    """
    return _of(published_bounds(population(offset, world, sigma2), n, N), quantity)


def largest_by_chance(rows: int, seeds: int) -> float:
    """Give the |z| that none exceeds where theory is right, but for a chance of `CHANCE` at most."""
    from scipy.special import stdtrit

    return float(stdtrit(FREE * (seeds - 1), 1 - CHANCE / 2 / max(rows, 1)))


def _of(risks: Risks, quantity: str) -> float | None:
    gains = {"pgr": pgr, "opr": opr}
    found: Quantity = gains[quantity](risks) if quantity in gains else getattr(risks, quantity)
    return getattr(found, "value", None)


def _quantile(seeds: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(seeds - 1, (1 + LEVEL) / 2))


def _error(values: Float[np.ndarray, " seeds"]) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values)))
