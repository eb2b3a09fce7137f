"""What charts have in common: their data, axes, keys and tooltips, and the looks of routes.

Importing it loads Altair, so pages import their charts when they are drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import altair as alt

from outgrow.report.drawing import CHANCE, SHARED, STRONG, WEAK, log_ticks

BASELINE = "#2a8a5b"
"""Colour of what learns from the labels alone."""

Look = tuple[str, list[int], str]
"""Colour, dash and shape of a line."""

ROUTES: Mapping[str, Look] = {
    "teacher": (WEAK, [7, 3], "square"),
    "student": (STRONG, [1, 0], "diamond"),
    "baseline": (BASELINE, [2, 2], "circle"),
    "union": (SHARED, [8, 2, 2, 2], "triangle-up"),
    "ceiling": (CHANCE, [1, 4], "cross"),
}
"""Look of each route."""

HEIGHT = 280
"""Of a chart of lines in pixels."""


def data(rows: Iterable[Mapping[str, Any]]) -> alt.Chart:
    """Begin a layer with its rows."""
    return alt.Chart(alt.InlineData(values=list(rows)))


def linear(channel: Any, field: str, title: str, *, ticks: int = 5, **scale: Any) -> Any:
    """Make a linear axis."""
    axis = alt.Axis(title=title, tickCount=ticks, labelOverlap=True)
    return channel(field, axis=axis, scale=alt.Scale(**scale))


def logarithmic(
    channel: Any, field: str, title: str, ends: Sequence[float], *, format: str = ",~r", **axis: Any
) -> Any:
    """Make a logarithmic axis with a few round ticks."""
    ticks = axis.pop("values", log_ticks(*ends))
    made = alt.Axis(title=title, values=ticks, format=format, labelOverlap=True, **axis)
    return channel(field, axis=made, scale=alt.Scale(type="log", domain=list(ends), nice=False))


def keyed(channel: Any, field: str, looks: Mapping[str, Any], **legend: Any) -> Any:
    """Tell series apart by one channel; those of one field and one legend share a key."""
    scale = alt.Scale(domain=list(looks), range=list(looks.values()))
    return channel(f"{field}:N", scale=scale, legend=alt.Legend(title=None, **legend) if legend else None)


def tips(**titles: str) -> list[Any]:
    """Make the tooltip of a mark: titles by field; sizes are numbers, all else is text."""
    return [
        alt.Tooltip(f"{field}:Q", title=title, format=",.2~f")
        if field == "place"
        else alt.Tooltip(f"{field}:N", title=title)
        for field, title in titles.items()
    ]


def rule_at(value: float) -> alt.Chart:
    """Draw a dashed line at a value of the horizontal axis."""
    mark = data([{"at": value}]).mark_rule(strokeDash=[4, 3], color="currentColor", opacity=0.6)
    return mark.encode(x="at:Q")


def rows_of(labels: Sequence[str]) -> tuple[list[str], Any]:
    """Make an axis of named rows: where each stands, and the axis.

    Places are numbered and the numbers cut off again in the labels: two rows of one name stay two rows.
    """
    places = [f"{place:03d} {label}" for place, label in enumerate(labels)]
    axis = alt.Axis(
        title=None, labelExpr="slice(datum.label, 4)", ticks=False, domain=False, grid=False, labelPadding=8
    )
    return places, alt.Y("place:N", axis=axis, scale=alt.Scale(domain=places))
