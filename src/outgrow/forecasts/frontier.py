"""What less and more money would bring, and the student's risk over labelled and unlabelled rows.

Both are for looking at: the map is forecast on a grid, and the frontier of the student reads it between its
points. The plan itself comes from a finer search.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from outgrow.forecasts.design_routes import DesignRoutes
from outgrow.forecasts.search import LEAST, Prices, Route, spread

REACH = 10.0
"""Times less and more than the budget that are looked at."""

BUDGETS = 25
"""Budgets on the frontier: twelve per factor of ten."""

ROWS = 12
"""Sizes per axis of the map: between two of them a smooth risk is close to straight."""

FINE = 200
"""Sizes at which the frontier reads the map along each budget."""


@dataclass(frozen=True)
class RiskMap:
    """The student's risk over labelled and unlabelled rows."""

    weak: str
    """The weak set."""
    n: np.ndarray
    """Labelled rows."""
    N: np.ndarray
    """Unlabelled rows."""
    risk: Float[np.ndarray, "a b"]
    """Forecast risks; NaN where infinite."""


@dataclass(frozen=True)
class Frontier:
    """The least risk of every route against the budget."""

    budgets: Float[np.ndarray, " k"]
    """Budgets, spaced by equal factors."""
    risks: dict[str, Float[np.ndarray, " k"]]
    """By route; NaN where a budget buys none."""


def risk_map(source: DesignRoutes, prices: Prices, budget: float, noise: float) -> RiskMap:
    """Forecast the student over all designs that up to ten times the budget would buy."""
    student = next(route for route in source.routes() if route.pool)
    most_n, most_N = prices.most_n(REACH * budget), prices.most_N(REACH * budget, 0)
    sizes = []
    for most, peaks in ((most_n, student.peaks_n), (most_N, student.peaks_N)):
        # Below a thousandth of the most nothing is learnt, and the map would be mostly that.
        low = min(max(LEAST, most // 1000), max(most, LEAST))
        tried = spread(low, max(most, LEAST + 1), peaks)
        step = 1 if peaks else max(1, round(len(tried) / ROWS))
        sizes.append(np.array(sorted({*tried[::step], tried[-1]})))
    source.prepare(sizes[0].tolist(), sizes[1].tolist())
    errors = student.at(sizes[0], sizes[1])
    return RiskMap(
        source.forecast.weak,
        sizes[0],
        sizes[1],
        np.where(np.isfinite(errors), np.maximum(errors - noise, 0.0), np.nan),
    )


def frontier(
    routes: Sequence[Route], student: RiskMap, prices: Prices, budget: float, noise: float
) -> Frontier:
    """Give the least risk of every route for less and more money."""
    # A budget of nothing (all rows at hand) has neither less nor more.
    unit = max(budget, prices.label)
    budgets = np.geomspace(unit / REACH, unit * REACH, BUDGETS)
    risks = {}
    for route in routes:
        if route.pool and route.weak != student.weak:
            continue
        if route.pool:
            values = np.array([_least_on_line(student, prices, money) for money in budgets.tolist()])
        else:
            n = np.array([prices.most_n(money) for money in budgets.tolist()])
            errors = np.maximum(route.at(np.maximum(n, LEAST), [0])[:, 0] - noise, 0.0)
            values = np.where((n >= LEAST) & np.isfinite(errors), errors, np.nan)
        # More money never does harm: one need not spend it.
        risks[route.title] = np.fmin.accumulate(values)
    return Frontier(budgets, risks)


def _least_on_line(student: RiskMap, prices: Prices, money: float) -> float:
    """Read the map along a budget and take the least."""
    from scipy.interpolate import RegularGridInterpolator

    n = np.geomspace(student.n[0], student.n[-1], FINE)
    N = np.array([prices.most_N(money, int(size)) for size in n.tolist()])
    inside = (student.N[0] <= N) & (n <= prices.most_n(money))
    if not inside.any():
        return np.nan
    read = RegularGridInterpolator((np.log(student.n), np.log(student.N)), student.risk, bounds_error=False)
    values = read(np.column_stack([np.log(n[inside]), np.log(np.minimum(N[inside], student.N[-1]))]))
    return float(np.nanmin(values)) if np.isfinite(values).any() else np.nan
