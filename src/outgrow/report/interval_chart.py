"""Points with intervals, a row for each thing compared: the one shape of all charts of risks.

Each row may hold a point of each series; groups of rows stand under a line with their name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from outgrow.report import marks
from outgrow.report.drawing import Drawing, decades, specified
from outgrow.report.text import interval_of, quantity_text, shortened, value_of, visible

ROW = 32
"""Height of a row in pixels: two intervals one above the other, and room between rows."""


@dataclass(frozen=True)
class Series:
    """A kind of points: its name as the legend shows it, its colour, and Vega's name of its shape."""

    name: str
    colour: str
    shape: str


@dataclass(frozen=True)
class Row:
    """One row of the chart."""

    label: str
    """Left of the axis; user text allowed."""
    quantities: Sequence[Any] = ()
    """One per series: an estimate as plain values, or anything else for none."""
    heading: bool = False
    """Whether the row holds only a group's name."""


def intervals(
    title: str,
    rows: Sequence[Row],
    series: Sequence[Series],
    x_title: str,
    caption: str,
    *,
    description: str = "",
    zero: bool = False,
    logarithmic: bool = False,
    apart: bool = True,
) -> Drawing | None:
    """Draw rows of points with intervals; None where there is no point.

    Two series stand one above the other in their row unless every row has one of them only.
    """
    # A group's name stands in the plot, where a long one does not push the axis to the right.
    places, y = marks.rows_of(["" if row.heading else shortened(row.label, 24) for row in rows])
    points = [
        {"place": place, **point}
        for place, row in zip(places, rows, strict=True)
        for point in _points(row, series, logarithmic)
    ]
    if not points:
        return None
    drawn = [kind for kind in series if any(point["series"] == kind.name for point in points)]
    legend = {"columns": 1} if len(drawn) > 1 else {}
    colour = marks.keyed(alt.Color, "series", {kind.name: kind.colour for kind in drawn}, **legend)
    shape = marks.keyed(alt.Shape, "series", {kind.name: kind.shape for kind in drawn}, **legend)
    if apart:
        names = [kind.name for kind in drawn]
        offset = {"yOffset": alt.YOffset("series:N", scale=alt.Scale(domain=names, paddingOuter=0.25))}
    shared = {"y": y, "color": colour, "tooltip": marks.tips(route="row", series="what", text="value")}
    shared |= offset if apart else {}
    x = marks.linear(alt.X, "low:Q", x_title, zero=False, nice=True)
    if logarithmic:
        positive = [point[key] for point in points for key in ("low", "high") if point[key] > 0]
        x = marks.logarithmic(alt.X, "low:Q", x_title, decades(min(positive), max(positive)))
    base = marks.data(points)
    layers: list[Any] = [marks.rule_at(0)] if zero else []
    layers.append(base.mark_rule(strokeWidth=2.5).encode(x=x, x2="high:Q", **shared))
    dots = base.mark_point(filled=True, size=85, opacity=1)
    layers.append(dots.encode(x="value:Q", shape=shape, **shared))
    headings = [
        {"place": place, "text": shortened(row.label, 30)}
        for place, row in zip(places, rows, strict=True)
        if row.heading
    ]
    if headings:
        text = marks.data(headings).mark_text(align="left", fontWeight="bold", limit=230)
        layers.append(text.encode(x=alt.value(0), y=y, text="text:N"))
    spec = specified(alt.layer(*layers), ROW * len(rows))
    alternative = f"{visible(description or title)}. {in_words(rows, series)}."
    return Drawing(shortened(title, 80), alternative, caption, spec)


def _points(row: Row, series: Sequence[Series], logarithmic: bool) -> list[dict[str, Any]]:
    points = []
    for kind, quantity in zip(series, row.quantities, strict=False):
        value = value_of(quantity)
        if value is None or (logarithmic and value <= 0):
            continue
        low, high = interval_of(quantity) or (value, value)
        shown = {"route": row.label, "series": kind.name, "text": quantity_text(quantity)}
        points.append({"value": value, "low": low, "high": high, **shown})
    return points


def in_words(rows: Sequence[Row], series: Sequence[Series]) -> str:
    """Say what a chart of intervals shows."""
    texts = []
    for row in rows:
        values = [
            f"{kind.name} {quantity_text(quantity)}"
            for kind, quantity in zip(series, row.quantities, strict=False)
            if value_of(quantity) is not None
        ]
        if values:
            texts.append(f"{shortened(row.label)}: {', '.join(values)}")
    return "; ".join(texts)
