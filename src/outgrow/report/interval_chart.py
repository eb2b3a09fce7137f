"""Points with intervals, a row for each thing compared: the one shape of all charts of risks.

Each row may hold two points, one expected and one measured; groups of rows stand under a line with their
name. The rows' order is ours, so their places are numbered and the numbers cut off again in the labels: two
rows of the same name stay two rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from outgrow.report.drawing import decades, log_ticks, specified
from outgrow.report.text import interval_of, number, quantity_text, shortened, value_of

ROW = 32
"""Height of a row in pixels: two intervals one above the other, and room between rows."""


@dataclass(frozen=True)
class Series:
    """One of the two kinds of points."""

    name: str
    """As the legend shows it."""
    colour: str
    """Its colour."""
    shape: str
    """Vega's name of its shape."""


@dataclass(frozen=True)
class Row:
    """One row of the chart."""

    label: str
    """Left of the axis; user text allowed."""
    quantities: Sequence[Any] = ()
    """One per series: an estimate as plain values, or anything else for none."""
    heading: bool = False
    """Whether the row holds only a group's name."""


def interval_chart(
    rows: Sequence[Row],
    series: Sequence[Series],
    x_title: str,
    *,
    zero: bool = False,
    logarithmic: bool = False,
) -> dict[str, Any] | None:
    """Draw rows of points with intervals.

    None where there is no point to draw.
    """
    import altair as alt

    # A group's name stands in the plot, where a long one does not push the axis to the right.
    labels = ["" if row.heading else shortened(row.label, 24) for row in rows]
    places = [f"{place:03d} {label}" for place, label in enumerate(labels)]
    points: list[dict[str, Any]] = []
    headings: list[dict[str, Any]] = []
    for place, row in zip(places, rows, strict=True):
        if row.heading:
            headings.append({"place": place, "text": shortened(row.label, 30)})
        for kind, quantity in zip(series, row.quantities, strict=False):
            value, ends = value_of(quantity), interval_of(quantity)
            if value is None or (logarithmic and value <= 0):
                continue
            low, high = ends or (value, value)
            shown = {"route": row.label, "series": kind.name, "text": quantity_text(quantity)}
            points.append({"place": place, "value": value, "low": low, "high": high, **shown})
    if not points:
        return None
    drawn = [kind for kind in series if any(point["series"] == kind.name for point in points)]
    names = [kind.name for kind in drawn]
    label = alt.Axis(
        title=None, labelExpr="slice(datum.label, 4)", ticks=False, domain=False, grid=False, labelPadding=8
    )
    y = alt.Y("place:N", axis=label, scale=alt.Scale(domain=places))
    ends_of_axis = [point[key] for point in points for key in ("low", "high")]
    scale, ticks = alt.Scale(zero=False, nice=True), None
    if logarithmic:
        positive = [value for value in ends_of_axis if value > 0]
        ends_of_scale = decades(min(positive), max(positive))
        scale, ticks = (
            alt.Scale(type="log", domain=list(ends_of_scale), nice=False),
            log_ticks(*ends_of_scale),
        )
    axis = alt.Axis(title=x_title, tickCount=5, labelOverlap=True)
    if ticks:
        axis = alt.Axis(title=x_title, values=ticks, format=",~r", labelOverlap=True)
    x = alt.X("low:Q", scale=scale, axis=axis)
    offset = alt.YOffset("series:N", scale=alt.Scale(domain=names, paddingOuter=0.25))
    colour = alt.Color(
        "series:N",
        scale=alt.Scale(domain=names, range=[kind.colour for kind in drawn]),
        legend=alt.Legend(title=None, columns=1) if len(drawn) > 1 else None,
    )
    shape = alt.Shape(
        "series:N",
        scale=alt.Scale(domain=names, range=[kind.shape for kind in drawn]),
        legend=alt.Legend(title=None, columns=1) if len(drawn) > 1 else None,
    )
    tooltip = [
        alt.Tooltip("route:N", title="row"),
        alt.Tooltip("series:N", title="what"),
        alt.Tooltip("text:N", title="value"),
    ]
    base = alt.Chart(alt.InlineData(values=points))
    layers: list[Any] = []
    if zero:
        line = alt.Chart(alt.InlineData(values=[{"at": 0}]))
        layers.append(line.mark_rule(strokeDash=[4, 3], color="currentColor", opacity=0.6).encode(x="at:Q"))
    layers.append(
        base.mark_rule(strokeWidth=2.5).encode(
            x=x, x2="high:Q", y=y, yOffset=offset, color=colour, tooltip=tooltip
        )
    )
    layers.append(
        base.mark_point(filled=True, size=85, opacity=1).encode(
            x=alt.X("value:Q", scale=scale), y=y, yOffset=offset, color=colour, shape=shape, tooltip=tooltip
        )
    )
    if headings:
        layers.append(
            alt.Chart(alt.InlineData(values=headings))
            .mark_text(align="left", fontWeight="bold", limit=230)
            .encode(x=alt.value(0), y=y, text="text:N")
        )
    return specified(alt.layer(*layers), ROW * len(rows))


def in_words(rows: Sequence[Row], series: Sequence[Series]) -> str:
    """Say what a chart of intervals shows."""
    said = []
    for row in rows:
        values = [
            f"{kind.name} {number(value_of(quantity))}"
            for kind, quantity in zip(series, row.quantities, strict=False)
            if value_of(quantity) is not None
        ]
        if values:
            said.append(f"{shortened(row.label)}: {', '.join(values)}")
    return "; ".join(said)
