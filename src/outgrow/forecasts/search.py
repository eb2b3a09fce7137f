"""The search for the best design: which route, how many labels, how many pseudo-labels.

A route is a function from (n, N) to its forecast error, and nothing is assumed of it but that it is smooth
away from interpolation peaks. Designs are tried on a coarse grid that stands close on both sides of each
peak; around every minimum along the budget line whole rows are searched, outwards until even one pseudo-label
more than the money buys would not help. Asked the other way round, the line is that of the fewest
pseudo-labels which reach the target.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from outgrow.errors import DataError
from outgrow.forecasts.budget import OVERDRAFT

COARSE = 32
"""Sizes per axis of the first look: over five decades still two per doubling of rows, and a smooth risk has
no minimum narrower than that."""

ZOOM = 9
"""Sizes per step of a closer look, its ends included: each step narrows the search eightfold."""

SLACK = 1e-9
"""Share of a value below which gains are not looked for: rounding of the forecast itself."""

ENDLESS = 10**9
"""Rows that stand for as many as one likes: what is left of the variance is below any interval."""

LEAST = 2
"""Rows without which nothing can be fitted."""


@dataclass(frozen=True)
class Prices:
    """What rows cost, and what is at hand already."""

    label: float
    """Cost of one labelled row."""
    unlabelled: float
    """Cost of one unlabelled row."""
    have_labels: int = 0
    """Rows that cost nothing any more."""
    have_unlabelled: int = 0
    """Rows that cost nothing any more."""
    most_labels: int = ENDLESS
    """Rows that can be had at all, those at hand among them."""
    most_unlabelled: int = ENDLESS
    """Rows that can be had at all, those at hand among them."""

    def __post_init__(self) -> None:
        for name, value in (("label cost", self.label), ("unlabelled cost", self.unlabelled)):
            if not (math.isfinite(value) and value > 0):
                # With a cost of nothing the best design has endless rows of it, which nobody has: what is
                # free is always so up to some number, and that number is asked for.
                raise DataError(
                    f"the {name} must be positive, not {value:g}",
                    "plan",
                    "Rows that are paid for already are named by their number (--have-labels,"
                    " --have-unlabelled); further ones always cost something.",
                )
        for name, have, most in (
            ("labelled", self.have_labels, self.most_labels),
            ("unlabelled", self.have_unlabelled, self.most_unlabelled),
        ):
            if not 0 <= have <= most:
                raise DataError(
                    f"of {most:,} {name} rows that can be had, {have:,} are at hand",
                    "plan",
                    "Those at hand count: correct --have-... or --most-...",
                )

    def cost(self, n: float | int, N: float | int) -> float:
        """Give the cost of a design."""
        return self.label * max(n - self.have_labels, 0) + self.unlabelled * max(N - self.have_unlabelled, 0)

    def most_n(self, budget: float | int) -> int:
        """Give the labelled rows that a budget buys when nothing else is bought."""
        return min(self.have_labels + _whole(budget, self.label), self.most_labels)

    def most_N(self, budget: float | int, n: int) -> int:
        """Give the unlabelled rows that are left to be bought beside n labels."""
        left = budget - self.label * max(n - self.have_labels, 0)
        if left < -OVERDRAFT * self.label:
            return 0
        return min(self.have_unlabelled + _whole(left, self.unlabelled), self.most_unlabelled)


def _whole(money: float | int, price: float | int) -> int:
    return math.floor(min(max(money / price + OVERDRAFT, 0), ENDLESS))


@dataclass(frozen=True)
class Route:
    """One way to a model, as a function of the rows."""

    name: str
    """Its name."""
    error: Callable[[Int[np.ndarray, " a"], Int[np.ndarray, " b"]], Float[np.ndarray, "a b"]]
    """From n of shape (a,) and N of shape (b,) to errors of shape (a, b), NaN or infinite where there is
    none; of routes without a pool N is [0]."""
    pool: bool
    """Whether it uses unlabelled rows."""
    peaks_n: tuple[int, ...] = ()
    """Sizes at which its error may peak."""
    peaks_N: tuple[int, ...] = ()
    """Sizes at which its error may peak."""
    helps: bool = False
    """Whether more pseudo-labels never do harm, as with tuned penalties: then all that can be paid are
    bought, and fewer are not looked at."""
    prepare: Callable[[Sequence[int], Sequence[int]], None] | None = None
    """Told which n and N will be asked for next, where that saves time."""

    def at(self, n: Sequence[int] | np.ndarray, N: Sequence[int] | np.ndarray) -> Float[np.ndarray, "a b"]:
        """Give errors, infinite where there is none."""
        found = np.asarray(self.error(np.asarray(n, dtype=int), np.asarray(N, dtype=int)), dtype=float)
        return np.where(np.isfinite(found), found, np.inf)


@dataclass(frozen=True)
class Design:
    """What to buy, and what comes of it."""

    route: str
    """The route's name."""
    n: int
    """Labelled and unlabelled rows; N is 0 where the route uses none."""
    N: int
    """Labelled and unlabelled rows; N is 0 where the route uses none."""
    error: float
    """Forecast error."""
    cost: float
    """Of the rows not at hand."""


@dataclass(frozen=True)
class _Point:
    """One place on the line that is searched: what is minimised, where, and what no split there can beat."""

    value: float
    bound: float
    N: int


def best_design(route: Route, prices: Prices, budget: float | int) -> Design | None:
    """Spend a budget so that a route errs least.

    None where no design that can be paid has a finite error.
    """
    most = prices.most_n(budget)
    if most < LEAST:
        return None
    sizes = spread(LEAST, most, route.peaks_n)

    def look(tried: list[int]) -> list[_Point]:
        if not route.pool:
            errors = route.at(tried, [0])[:, 0].tolist()
            return [_Point(error, error, 0) for error in errors]
        if route.prepare is not None and route.helps:
            ends = [prices.most_N(budget, n) for n in tried]
            ends = [N + more for N in ends if N >= LEAST for more in (0, 1)]
            if ends:
                route.prepare(tried, ends)
        return [_spend(route, prices, budget, n) for n in tried]

    line = _Line(look)
    n = _lowest(line, sizes)
    if n is None:
        return None
    found = line(n)
    return Design(route.name, n, found.N, found.value, prices.cost(n, found.N))


def _spend(route: Route, prices: Prices, budget: float | int, n: int) -> _Point:
    """Buy pseudo-labels with what n labels leave."""
    most = prices.most_N(budget, n)
    if most < LEAST:
        return _Point(np.inf, np.inf, 0)
    tried = [most] if route.helps else spread(LEAST, most, route.peaks_N)
    errors = route.at([n], [*tried, most + 1])[0]
    errors, beyond = errors[:-1], float(errors[-1])
    place = int(np.argmin(errors))
    while 0 < place < len(tried) - 1 and tried[place + 1] - tried[place - 1] > 2:
        tried = _between(tried[place - 1], tried[place + 1])
        errors = route.at([n], tried)[0]
        place = int(np.argmin(errors))
    value = float(errors[place])
    return _Point(value, min(value, beyond), tried[place])


def cheapest_design(
    route: Route, prices: Prices, target: float | int, most: float | int = np.inf
) -> Design | None:
    """Reach an error as cheaply as a route can.

    None where no design of that cost reaches the target.
    """
    limit = most

    def look(tried: list[int]) -> list[_Point]:
        if not route.pool:
            reached = (route.at(tried, [0])[:, 0] <= target).tolist()
            costs = [prices.cost(n, 0) if there else np.inf for n, there in zip(tried, reached, strict=True)]
            return [_Point(cost, cost, 0) for cost in costs]
        if route.prepare is not None:
            route.prepare(tried, [LEAST])
        return [_reach(route, prices, target, n, limit) for n in tried]

    # Without a limit the first search spans all sizes, coarsely, and only gives one; the second, up to there
    # and with nothing taken over from it but where it ended, counts.
    ends: set[int] = set()
    for _ in range(1 if math.isfinite(most) else 2):
        line = _Line(look)
        sizes = {*spread(LEAST, max(LEAST, prices.most_n(most)), route.peaks_n), *ends}
        lowest = _lowest(line, sorted(sizes))
        if lowest is None:
            return None
        n, ends = lowest, {lowest}
        most = limit = min(most, line(lowest).value * (1 + SLACK))
    # What is at hand costs nothing: it is left aside only where it would do harm.
    designs = [(n, line(n).N), (max(n, prices.have_labels), line(n).N)]
    if route.pool:
        designs += [(rows, max(line(n).N, prices.have_unlabelled)) for rows, _ in designs]
    errors = [float(route.at([rows], [N])[0, 0]) for rows, N in designs]
    best = int(np.argmin(errors))
    return Design(route.name, *designs[best], errors[best], prices.cost(*designs[best]))


def _reach(route: Route, prices: Prices, target: float | int, n: int, most: float | int) -> _Point:
    """Find the fewest pseudo-labels with which n labels reach the target."""
    tried = spread(LEAST, prices.most_N(most, n), route.peaks_N)
    low = LEAST - 1
    if not tried or (route.helps and route.at([n], tried[-1:])[0, 0] > target):
        return _Point(np.inf, np.inf, 0)
    while True:
        reached = np.flatnonzero(route.at([n], tried)[0] <= target)
        if not len(reached):
            return _Point(np.inf, np.inf, 0)
        place = int(reached[0])
        high = tried[place]
        low = tried[place - 1] if place else low
        if high - low <= 1:
            break
        tried = _between(low, high)
    value = prices.cost(n, high)
    return _Point(value, prices.cost(n, high - 1) if high > LEAST else value, high)


class _Line:
    """Points of a line, each looked at once, many at a time where that is possible."""

    def __init__(self, look: Callable[[list[int]], list[_Point]]) -> None:
        self._look = look
        self._seen: dict[int, _Point] = {}

    def __call__(self, n: int) -> _Point:
        self.values([n])
        return self._seen[n]

    def values(self, sizes: Sequence[int]) -> list[float]:
        missing = [n for n in sizes if n not in self._seen]
        if missing:
            self._seen |= dict(zip(missing, self._look(missing), strict=True))
        return [self._seen[n].value for n in sizes]


def _lowest(line: _Line, sizes: Sequence[int]) -> int | None:
    """Find the whole number at which a line is lowest: around each minimum of a first look."""
    values = line.values(sizes)
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return None
    best = sizes[int(np.argmin(values))]
    for place, value in enumerate(values):
        around = values[max(place - 1, 0) : place + 2]
        if not math.isfinite(value) or value > min(around):
            continue
        # Where the line ends, its end may lie between the last sizes tried.
        low, high = sizes[max(place - 1, 0)], sizes[min(place + 1, len(sizes) - 1)]
        while high - low > 2:
            tried = _between(low, high)
            at = int(np.argmin(line.values(tried)))
            low, high = tried[max(at - 1, 0)], tried[min(at + 1, len(tried) - 1)]
        last = list(range(low, high + 1))
        found = last[int(np.argmin(line.values(last)))]
        if line(found).value < line(best).value:
            best = found
    # Rounding to whole rows makes the line jagged; its bound is not, and ends the walk.
    for way in (-1, 1):
        n = best + way
        while sizes[0] <= n <= sizes[-1] and line(n).bound < line(best).value * (1 - SLACK):
            if line(n).value < line(best).value:
                best = n
            n += way
    return best


def spread(low: int, high: int, peaks: Sequence[int] = ()) -> list[int]:
    """Spread sizes over a range: by equal factors, and close to each peak on both of its sides."""
    if high - low < COARSE:  # none at all where high is below low
        return list(range(low, high + 1))
    sizes = {round(size) for size in np.geomspace(low, high, COARSE).tolist()}
    for peak in peaks:
        away = {round(step) for step in np.geomspace(1, max(peak / 2, 2), ZOOM).tolist()}
        sizes |= {peak + side * step for side in (-1, 1) for step in away} | {peak}
    return sorted(size for size in sizes | {low, high} if low <= size <= high)


def _between(low: int, high: int) -> list[int]:
    return sorted({round(size) for size in np.linspace(low, high, ZOOM).tolist()})
