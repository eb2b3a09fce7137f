"""Axes of curves against sizes: ends that no wild cell blows up, few round ticks, and what lies outside.

A ratio whose denominator is nearly nothing may be -30 in one cell and about .5 in all others; drawn to scale
it would flatten everything else. So the axis is made for the bulk, and what it leaves out is counted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from outgrow.report.drawing import decades
from outgrow.report.text import is_number

BULK = (0.1, 0.9)
"""Quantiles that the bulk of the values lies between: a whole curve of five is not yet wild."""

REACH = 1.0
"""How far beyond the bulk a value may lie, in lengths of it, before the axis may leave it out."""

SQUEEZED = 4.0
"""How many times longer the axis of all values must be than that of the bulk, before the bulk alone is
shown: above a quarter of the height curves are still read."""

BARS = (0.35, 1.0)
"""How far intervals may widen an axis at either end, in lengths of what it would be without them: any
of them, and the bulk. One of little use may be many times longer than all that is to be seen, and if all are,
the points still take a third of the height."""

AT_PLACES = 6
"""Places of points that are written on the axis themselves; more are crowded, and round numbers stand in."""

EDGE = 36
"""Pixels kept for the labels of a vertical axis, so that panels above one another begin at one line."""

ROOM = 0.05
"""Share of its length that a linear axis is widened at both ends, so that no mark is cut."""

FEW = 3
"""Ticks that a logarithmic axis must hold; where round numbers give fewer, Vega chooses."""

STEPS = ((1.0,), (1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 5.0, 7.0))
"""Round numbers of a decade, about evenly spaced by factors; the first that give enough ticks are taken."""


@dataclass(frozen=True)
class Span:
    """Ends of an axis."""

    low: float
    high: float
    """Ends; low is below high."""
    logarithmic: bool = False

    def holds(self, value: float) -> bool:
        """Tell whether a value lies on the axis."""
        return self.low <= value <= self.high


def span_of(
    values: Sequence[float],
    lines: Sequence[float] = (),
    ends: Sequence[float] = (),
    kept: Sequence[float] = (),
    *,
    logarithmic: bool = False,
) -> Span | None:
    """Choose the ends of an axis; None where there is no number."""
    usable = [_numbers(part, logarithmic) for part in (values, lines, ends, kept)]
    bulk, near, bars, always = (np.log10(part) if logarithmic else part for part in usable)
    everything = np.concatenate([bulk, near, always])
    if not everything.size:
        return None
    low, high = _ends(bulk if bulk.size else everything, everything, always)
    if bars.size:
        one, most = (share * (high - low) for share in BARS)
        usual = _bulk(bars)
        low, high = (
            min(low, max(bars.min(), low - one), max(usual[0], low - most)),
            max(high, min(bars.max(), high + one), min(usual[1], high + most)),
        )
    if logarithmic:
        return Span(*decades(10.0**low, 10.0**high), logarithmic=True)
    room = ROOM * (high - low) or ROOM * abs(high) or ROOM
    return Span(float(low - room), float(high + room))


def _ends(bulk: np.ndarray, everything: np.ndarray, always: np.ndarray) -> tuple[float, float]:
    low, high = _bulk(bulk)
    reach = REACH * (high - low)
    near = everything[(everything >= low - reach) & (everything <= high + reach)]
    shown = np.concatenate([near, always])
    ends, all_ends = (shown.min(), shown.max()), (everything.min(), everything.max())
    if all_ends[1] - all_ends[0] <= SQUEEZED * (ends[1] - ends[0]) or ends[0] == ends[1]:
        ends = all_ends
    return float(ends[0]), float(ends[1])


def _bulk(values: np.ndarray) -> tuple[float, float]:
    # Quantiles that are values: between few, a wild one would draw the bulk to itself. Of two values the
    # first is then the higher.
    ends = np.quantile(values, BULK[0], method="higher"), np.quantile(values, BULK[1], method="lower")
    return float(min(ends)), float(max(ends))


def _numbers(values: Sequence[float], positive: bool) -> np.ndarray:
    numbers = [float(value) for value in values if is_number(value) and (value > 0 or not positive)]
    return np.array(numbers, dtype=float)


def axis_of(span: Span, title: list[str], *, places: Sequence[float] = (), edge: float = 0.0) -> Any:
    """Make the axis of a span."""
    import altair as alt

    common: dict[str, Any] = {"title": title, "labelOverlap": "greedy", "minExtent": edge}
    ticks = sorted(set(places))
    if not 1 <= len(ticks) <= AT_PLACES:
        if not span.logarithmic:
            return alt.Axis(tickCount=5, **common)
        ticks = _ticks(span)
        if len(ticks) < FEW:
            # Vega's choice, but not its powers of ten.
            return alt.Axis(tickCount=5, format="~r", **common)
    # 10k and 1e-5 are as wide as other labels; whole numbers between are written out.
    form = "~s" if ticks[-1] >= 1e4 and ticks[0] >= 1 else "~e" if 0 < ticks[0] < 1e-3 else ",~r"
    return alt.Axis(values=ticks, format=form, **common)


def _ticks(span: Span) -> list[float]:
    powers = range(math.floor(math.log10(span.low)), math.ceil(math.log10(span.high)) + 1)
    inside: list[float] = []
    for steps in STEPS:
        inside = [tick for power in powers for step in steps if span.holds(tick := step * 10.0**power)]
        if len(inside) >= FEW:
            break
    return [float(f"{tick:.6g}") for tick in inside]


def scale_of(span: Span) -> Any:
    """Make the scale of a span."""
    import altair as alt

    ends = [span.low, span.high]
    if span.logarithmic:
        return alt.Scale(type="log", domain=ends, nice=False)
    return alt.Scale(domain=ends, nice=False, zero=False)


def apart(places: Sequence[float], count: int, span: Span, most: float) -> list[float]:
    """Set marks of several curves at one place side by side, so that no interval hides another."""
    on_axis = sorted({math.log10(place) if span.logarithmic else place for place in places})
    low, high = (math.log10(end) if span.logarithmic else end for end in (span.low, span.high))
    step = most * (high - low)
    if len(on_axis) > 1 and count > 1:
        # All of them keep to the middle two thirds of the room between two places.
        step = min(step, float(np.diff(on_axis).min()) * 2 / 3 / count)
    return [round((place - (count - 1) / 2) * step, 12) for place in range(count)]
