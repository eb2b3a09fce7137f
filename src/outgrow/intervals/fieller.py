"""Fieller's interval of a ratio: all ratios that a t test of numerator - ratio * denominator lets stand.

It needs no small-variance argument, and is bounded exactly where the denominator is resolved from zero.
Elsewhere the ratios left are all of them, or all but an interval: of a denominator that is positive, those on
one side of it.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float


def fieller(over: float, under: float, reach: Float[np.ndarray, "2 2"]) -> tuple[float, float] | None:
    """Give the interval of over / under; None where the denominator's own interval includes zero."""
    if under**2 <= reach[1, 1] or under == 0:
        return None
    a, b, c = under**2 - reach[1, 1], over * under - reach[0, 1], over**2 - reach[0, 0]
    root = math.sqrt(max(b * b - a * c, 0.0))
    # Rounding may leave an interval of width zero beside its value.
    value = over / under
    return float(min((b - root) / a, value)), float(max((b + root) / a, value))


def fieller_positive(over: float, under: float, reach: Float[np.ndarray, "2 2"]) -> tuple[float, float]:
    """Give the interval for a denominator above zero, resolved or not; infinite ends are no bound."""
    bounded = fieller(over, under, reach)
    if bounded is not None:
        return bounded
    a, b, c = under**2 - reach[1, 1], over * under - reach[0, 1], over**2 - reach[0, 0]
    square, value = b * b - a * c, over / under
    if a == 0 or square <= 0:
        return -math.inf, math.inf
    ends = sorted(((b - math.sqrt(square)) / a, (b + math.sqrt(square)) / a))
    # Between the two over - ratio * under is resolved from zero: its sign says on which side the ratio is.
    return (float(ends[1]), math.inf) if value >= ends[1] else (-math.inf, float(ends[0]))
