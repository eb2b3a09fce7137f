"""From how many labels on the labels alone are better than what a teacher's pseudo-labels add.

A forecast gives the risks at any n, so the place where the strong baseline overtakes a student can be read
off before the labels are bought. Its interval holds the sizes at which the paired difference may be zero.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Int

from outgrow.forecasts.forecast import Forecast
from outgrow.intervals.replicates import interval
from outgrow.results import Estimate, Quantity, Undefined

FEWEST = 4
"""Fewest labels that any route is trained on."""

MOST = 10_000
"""Most labels looked at, and never more than ten times those at hand allow for: further, a forecast is theory
alone."""

PLACES = 14
"""Sizes looked at, four or more a decade; between two the difference is taken to be straight in log n."""


def searched(m: int) -> tuple[int, int]:
    """Fewest and most labels looked at, with m at hand: an interval that ends there is open."""
    return FEWEST, min(MOST, max(1_000, 10 * m))


def labels_win(one: Forecast, N: int, **alphas: float | None) -> Mapping[str, Quantity]:
    """Find from how many labels on the baseline's forecast risk is below each student's, with N rows."""
    n = np.unique(np.geomspace(*searched(one.m), PLACES).round().astype(int))
    surface = one.surface(n, [N], **alphas)
    students = {"student": surface.student[:, :, 0]}
    if one.given:
        students["joint"] = one.taught(n, N)
    sigma2 = one.target.sigma2 or 0.0
    return {
        route: _crossing(n, values - surface.baseline, surface.baseline[0] - sigma2, one)
        for route, values in students.items()
    }


def _crossing(
    n: Int[np.ndarray, " k"], apart: Float[np.ndarray, "R k"], risk: Float[np.ndarray, " k"], one: Forecast
) -> Quantity:
    """Read the place off differences, student less baseline: positive where labels alone are better."""
    ends = [interval(column, float(level)) for column, level in zip(apart.T, risk, strict=True)]
    place = None if np.isnan(apart[0]).any() else _first(n, apart[0])
    if place is None:
        return Undefined(
            f"up to {n[-1]:,} labels the labels alone are not forecast to do better",
            "Forecast at more labels (--n), or take the student.",
        )
    reach = None
    if all(end is not None for end in ends):
        lows, highs = np.array(ends, dtype=float).T
        reach = (_first(n, highs) or float(n[0]), _first(n, lows) or float(n[-1]))
    method = f"paired differences, searched from {n[0]} to {n[-1]:,} labels; {one.method}"
    return Estimate(place, reach, n=one.m, method=method)


def _first(n: Int[np.ndarray, " k"], apart: Float[np.ndarray, " k"]) -> float | None:
    """First size from which on the difference stays above zero."""
    above = apart > 0
    if not above[-1]:
        return None
    place = len(n) - int(np.argmin(above[::-1])) if not above.all() else 0
    if place == 0:
        return float(n[0])
    share = -apart[place - 1] / (apart[place] - apart[place - 1])
    return float(np.exp(np.log(n[place - 1]) + share * np.log(n[place] / n[place - 1])))
