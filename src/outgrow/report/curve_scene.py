"""What one panel of a figure shows, set out: rows to draw, axes, and what they leave out.

Panels of one group that show the same quantity share its axis, so that they can be compared.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from outgrow.report.curve_axes import Span, apart, span_of
from outgrow.report.curve_looks import KINDS, Look
from outgrow.report.findings import Plain, items
from outgrow.report.text import is_number, quantity_text, shortened

SOLID = ("measured", "published")
"""Kinds of values that are points: each that an axis leaves out is reported."""


GAPS = (-1.0, 2.0)
"""PGR that an axis is made for. A student that loses more than the whole gap, or gains twice as much, does so
where the gap is next to nothing: how many times more would flatten all that can be read."""

APART = 0.006
"""Share of the horizontal axis between neighbouring marks of several series: about a quarter of a mark, which
shows both intervals and is less than any reader takes for another place."""


@dataclass(frozen=True)
class _Place:
    """A value of a curve: the curve's number and itself, where, what, and its interval if it has one."""

    at: int
    curve: Plain
    x: float
    y: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Scene:
    """A panel with everything that drawing it needs."""

    panel: Plain
    """As plain values."""
    rows: tuple[dict[str, Any], ...]
    """One per place of a curve; "y" is None where there is no value, or an axis has no place for it:
    "missing" tells the two apart."""
    x: Span
    """The axes."""
    y: Span
    """The axes."""
    outside: tuple[dict[str, Any], ...]
    """Rows whose value the axis leaves out."""
    points: int
    """Measured or published values that are drawn, outside or not."""
    unplaced: int
    """Measured or published values that a logarithmic axis has no place for."""


def scenes(panels: Sequence[Plain], looks: Mapping[str, Look]) -> list[Scene]:
    """Set out the panels of one group."""
    alike: dict[tuple[str, bool], list[Plain]] = {}
    for panel in panels:
        alike.setdefault((str(panel.get("y_name")), bool(panel.get("y_log"))), []).append(panel)
    spans = {key: _vertical(key[0], same, logarithmic=key[1]) for key, same in alike.items()}
    result = []
    for panel in panels:
        y = spans[str(panel.get("y_name")), bool(panel.get("y_log"))]
        across = [place.x for place in _places(panel) if place.y is not None]
        x = span_of((), kept=across, logarithmic=bool(panel.get("x_log")))
        if x is None or y is None:
            continue
        rows, unplaced = _rows(panel, looks, x, y)
        points = [row for row in rows if row["kind"] in SOLID and row["y"] is not None]
        outside = [row for row in points if not y.holds(row["y"])]
        if any(row["y"] is not None for row in rows):
            result.append(Scene(panel, tuple(rows), x, y, tuple(outside), len(points), unplaced))
    return result


def _places(panel: Plain) -> Iterator[_Place]:
    """Walk over all places of a panel's curves that its horizontal axis holds."""
    for at, curve in enumerate(items(panel, "curves")):
        sides = [list(curve.get(key) or ()) for key in ("y", "low", "high")]
        for step, place in enumerate(curve.get("x") or ()):
            if not is_number(place) or (panel.get("x_log") and place <= 0):
                continue
            y, low, high = (
                float(side[step]) if step < len(side) and is_number(side[step]) else None for side in sides
            )
            yield _Place(at, curve, float(place), y, None if None in (y, low, high) else low, high)


def _vertical(name: str, panels: Sequence[Plain], logarithmic: bool) -> Span | None:
    places = [place for panel in panels for place in _places(panel)]
    if name == "PGR":
        within = [place for place in places if place.y is not None and GAPS[0] <= place.y <= GAPS[1]]
        printed = [place for place in places if place.curve.get("kind") == "published"]
        places = [*within, *printed] if within else places
    values = {
        kind: [place.y for place in places if place.y is not None and place.curve.get("kind") == kind]
        for kind in KINDS
    }
    if not any(values.values()):
        return None
    bulk, lines = values["measured"] or values["theory"], values["theory"] + values["bound"]
    kept = [*values["published"], *(panel["rule"] for panel in panels if is_number(panel.get("rule")))]
    first = span_of(bulk, lines, kept=kept, logarithmic=logarithmic)
    if first is None:
        return None
    # The interval of a point that is left out is left out with it.
    shown = [place for place in places if place.y is not None and first.holds(place.y)]
    ends = [end for place in shown for end in (place.low, place.high) if end is not None]
    if name == "PGR":
        ends = [min(max(end, GAPS[0]), GAPS[1]) for end in ends]
    return span_of(bulk, lines, ends, kept, logarithmic=logarithmic)


def _rows(panel: Plain, looks: Mapping[str, Look], x: Span, y: Span) -> tuple[list[dict[str, Any]], int]:
    places = list(_places(panel))
    measured = [place for place in places if place.curve.get("kind") == "measured"]
    measured_series = {str(place.curve.get("series")) for place in measured}
    order = [series for series in looks if series in measured_series]
    shifts = dict(zip(order, apart([place.x for place in measured], len(order), x, APART), strict=True))
    rows, unplaced = [], 0
    for place in places:
        series, kind = str(place.curve.get("series")), str(place.curve.get("kind"))
        shift = shifts[series] if kind == "measured" else 0.0
        value, low, high = place.y, place.low, place.high
        text = quantity_text({"value": value, "interval": None if low is None else (low, high)})
        ends = text.partition(" ")[2] or None
        if value is not None and y.logarithmic and value <= 0:
            unplaced += kind in SOLID
            value = low = high = None
        if y.logarithmic and low is not None and high is not None:
            # An interval that reaches 0 has no end on this axis: it goes on below it.
            low, high = max(low, y.low / 2), max(high, y.low / 2)
        rows.append(
            {
                "curve": place.at,
                "series": looks[series].label,
                "kind": kind,
                "what": KINDS.get(kind, kind),
                "x": place.x,
                "at": 10 ** (math.log10(place.x) + shift) if x.logarithmic else place.x + shift,
                "y": value,
                "missing": place.y is None,
                "low": low,
                "high": None if low is None else high,
                "ends": ends,
                "note": shortened(place.curve.get("note") or "–", 200),
            }
        )
    return rows, unplaced
