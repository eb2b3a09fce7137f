"""The search for the best design: which route, how many labels, how many pseudo-labels.

A route is a function from (n, N) to its forecast error, and nothing is assumed of it but that it is smooth
away from interpolation peaks. Sizes are tried on a logarithmic grid that stands close on both sides of each
peak, and on finer ones around every minimum along the budget line, down to steps far below what labels can
show (`FINE`). Asked the other way round, the line is that of the fewest pseudo-labels which reach the target.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from outgrow.errors import DataError

COARSE = 32
"""Sizes per axis of the first look: over five decades still two per doubling of rows, and a smooth risk has
no minimum narrower than that."""

ZOOM = 9
"""Sizes per step of a closer look, its ends included: each step narrows the search eightfold."""

FINE = 0.02
"""Share of the rows that two neighbours of the finest grid differ by. Around its minimum a risk is flat: a
hundredth of the rows away it is larger by less than a thousandth, where the equivalents alone are off by
1.5 % (`outgrow.intervals.replicates.MODEL`) and the labels leave more open."""

ENDLESS = 10**9
"""Rows that stand for as many as one likes: what is left of the variance is below any interval."""

OVERDRAFT = 1e-6
"""Part of one row by which a budget may be exceeded: .3 must buy three rows at .1, whatever the rounding."""

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
    have_unlabelled: int = 0
    """Rows that cost nothing any more."""
    most_labels: int = ENDLESS
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
    weak: str | None
    """Its name, and its weak set if it has one."""
    errors: Callable[[Int[np.ndarray, " a"], Int[np.ndarray, " b"]], Float[np.ndarray, "R a b"]]
    """From n and N to errors, the estimate first, NaN or infinite where there is none; of routes without a
    pool N is [0]."""
    pool: bool
    """Whether it uses unlabelled rows."""
    peaks_n: tuple[int, ...] = ()
    peaks_N: tuple[int, ...] = ()
    """Sizes at which its error may peak."""
    helps: bool = False
    """Whether more pseudo-labels never do harm, as with tuned penalties: then all that can be paid are
    bought, and fewer are not looked at."""
    prepare: Callable[[Sequence[int], Sequence[int]], None] | None = None
    """Told which n and N will be asked for next, where that saves time."""

    @property
    def title(self) -> str:
        """Its name as a run has it."""
        return self.name if self.weak is None else f"{self.name} ({self.weak})"

    def errors_at(self, n: int, N: int) -> Float[np.ndarray, " R"]:
        """Give the error of one design, with its replicates."""
        return self.errors(np.array([n]), np.array([N]))[:, 0, 0]

    def at(self, n: Sequence[int] | np.ndarray, N: Sequence[int] | np.ndarray) -> Float[np.ndarray, "a b"]:
        """Give errors, infinite where there is none."""
        errors = np.asarray(self.errors(np.asarray(n, dtype=int), np.asarray(N, dtype=int))[0])
        return np.where(np.isfinite(errors), errors, np.inf)


@dataclass(frozen=True)
class Design:
    """What to buy, and what comes of it."""

    route: str
    """The route's name."""
    n: int
    N: int
    """Labelled and unlabelled rows; N is 0 where the route uses none."""
    error: float
    """Forecast error."""
    cost: float
    """Of the rows not at hand."""


def best_design(route: Route, prices: Prices, budget: float | int) -> Design | None:
    """Spend a budget so that a route errs least.

    None where no design that can be paid has a finite error.
    """
    pool: dict[int, int] = {}

    def look(tried: list[int]) -> list[float]:
        if not route.pool:
            return [float(error) for error in route.at(tried, [0])[:, 0]]
        if route.prepare is not None and route.helps:
            route.prepare(tried, [max(prices.most_N(budget, n), LEAST) for n in tried])
        return [spend(n) for n in tried]

    def spend(n: int) -> float:
        """Buy pseudo-labels with what n labels leave."""
        most = prices.most_N(budget, n)
        sizes = [most] if route.helps and most >= LEAST else spread(LEAST, most, route.peaks_N)
        minimum = _least(lambda tried: [float(error) for error in route.at([n], tried)[0]], sizes, minima=1)
        if minimum is None:
            return math.inf
        pool[n], error = minimum
        return error

    minimum = _least(look, spread(LEAST, prices.most_n(budget), route.peaks_n))
    if minimum is None:
        return None
    n, error = minimum
    best = error, n, pool.get(n, 0)
    # Of few pseudo-labels one more or less is a step that counts, in either direction.
    for step in (-1, 1) if 0 < best[2] < 1 / FINE else ():
        while (beside := _beside(route, prices, budget, best[2] + step)) < best:
            best = beside
    error, n, N = best
    return Design(route.name, n, N, error, prices.cost(n, N))


def _beside(route: Route, prices: Prices, budget: float | int, N: int) -> tuple[float, int, int]:
    """Buy labels with what N pseudo-labels leave."""
    n = prices.most_n(budget - prices.cost(0, N))
    if min(n, N) < LEAST or prices.most_N(budget, n) < N:
        return math.inf, n, N
    return float(route.at([n], [N])[0, 0]), n, N


def cheapest_design(
    route: Route, prices: Prices, target: float | int, most: float | int = np.inf
) -> Design | None:
    """Reach an error as cheaply as a route can.

    None where no design of that cost reaches the target.
    """
    sizes = spread(LEAST, prices.most_n(most), route.peaks_n)
    pool: dict[int, int] = {}

    def look(tried: list[int]) -> list[float]:
        if route.prepare is not None:
            route.prepare(tried, [LEAST])
        return [reach(n) for n in tried]

    def reach(n: int) -> float:
        """Buy the fewest pseudo-labels with which n labels reach the target."""
        every = spread(LEAST, prices.most_N(most, n), route.peaks_N)
        if not every or (route.helps and route.at([n], every[-1:])[0, 0] > target):
            return math.inf
        N = _fewest(lambda tried: route.at([n], tried)[0] <= target, every)
        if N is None:
            return math.inf
        pool[n] = N
        return prices.cost(n, N)

    if route.pool:
        minimum = _least(look, sizes)
        fewest = None if minimum is None else minimum[0]
    else:
        fewest = _fewest(lambda tried: route.at(tried, [0])[:, 0] <= target, sizes)
    if fewest is None:
        return None
    n, N = fewest, pool.get(fewest, 0)
    # What is at hand costs nothing: it is left aside only where it would do harm.
    designs = [(n, N), (max(n, prices.have_labels), N)]
    if route.pool:
        designs += [(rows, max(N, prices.have_unlabelled)) for rows, _ in designs]
    errors = [float(route.at([rows], [N])[0, 0]) for rows, N in designs]
    best = int(np.argmin(errors))
    return Design(route.name, *designs[best], errors[best], prices.cost(*designs[best]))


def _least(
    look: Callable[[list[int]], list[float]], sizes: list[int], minima: int | None = None
) -> tuple[int, float] | None:
    """Find where a function is least, and its value: on finer grids around the minima of the first."""
    seen: dict[int, float] = {}

    def values(tried: list[int]) -> list[float]:
        missing = [size for size in tried if size not in seen]
        if missing:
            seen.update(zip(missing, look(missing), strict=True))
        return [seen[size] for size in tried]

    first = values(sizes)
    lowest = [
        place
        for place, value in enumerate(first)
        if math.isfinite(value) and value <= min(first[max(place - 1, 0) : place + 2])
    ]
    for place in sorted(lowest, key=first.__getitem__)[:minima]:
        # Where the function ends, its end may lie between the last sizes tried.
        low, high = sizes[max(place - 1, 0)], sizes[min(place + 1, len(sizes) - 1)]
        while high - low > max(2, FINE * low):
            tried = _between(low, high)
            at = int(np.argmin(values(tried)))
            low, high = tried[max(at - 1, 0)], tried[min(at + 1, len(tried) - 1)]
    best = min(seen, key=seen.__getitem__, default=None)
    return None if best is None or not math.isfinite(seen[best]) else (best, seen[best])


def _fewest(reached: Callable[[list[int]], Bool[np.ndarray, " k"]], sizes: list[int]) -> int | None:
    """Find the fewest rows that suffice, between the first of a grid that do and the last that do not."""
    while True:
        enough = np.flatnonzero(reached(sizes)) if sizes else np.empty(0, dtype=int)
        if not len(enough):
            return None
        place = int(enough[0])
        low, high = sizes[max(place - 1, 0)], sizes[place]
        if high - low <= max(1, FINE * low):
            return high
        sizes = _between(low, high)


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
    return sorted({low, high, *(round(size) for size in np.geomspace(low, high, ZOOM).tolist())})
