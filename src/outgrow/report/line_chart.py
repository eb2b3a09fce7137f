"""Lines along a size or a penalty: a colour and a dash for each, with bands, and marks of what was measured.

A point holds "what" (its line), "place" and "value"; "low" and "high" where it has an interval, "text" for
its tooltip, and "segment" where lines break.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import altair as alt

from outgrow.report import marks
from outgrow.report.drawing import decades
from outgrow.report.text import number, visible

BAND = 0.09
"""Opacity of bands: five lie on one another."""

Points = Sequence[Mapping[str, Any]]


def lines(
    points: Points,
    looks: Mapping[str, marks.Look],
    x: Any,
    up: Callable[[str], Any],
    *,
    tooltip: Sequence[Any] = (),
    bands: bool = False,
    dots: bool = False,
    measured: Points = (),
    columns: int = 1,
) -> list[Any]:
    """Draw lines over one another, first what lies beneath; `up` makes the vertical axis of a field."""
    drawn = {name: look for name, look in looks.items() if any(point["what"] == name for point in points)}
    colour = key(alt.Color, {name: look[0] for name, look in drawn.items()}, columns)
    dash = key(alt.StrokeDash, {name: look[1] for name, look in drawn.items()}, columns)
    base, tips = marks.data(points), list(tooltip)
    across: dict[str, Any] = {"x": x, "color": colour}
    if any("segment" in point for point in points):
        across["detail"] = "segment:N"
    layers: list[Any] = []
    if bands:
        layers.append(base.mark_area(opacity=BAND, clip=True).encode(y=up("low:Q"), y2="high:Q", **across))
    line = base.mark_line(strokeWidth=2.2, clip=True)
    layers.append(line.encode(y=up("value:Q"), strokeDash=dash, tooltip=tips, **across))
    across.pop("detail", None)
    if dots:
        # Points show a line that is one point long, too.
        circles = base.mark_circle(size=22, clip=True, opacity=1)
        layers.append(circles.encode(y=up("value:Q"), tooltip=tips, **across))
    shown = [{**mark, "shape": drawn[mark["what"]][2]} for mark in measured if mark["what"] in drawn]
    if shown:
        measured_data = marks.data(shown)
        bars = measured_data.mark_rule(strokeWidth=2.5, clip=True)
        layers.append(bars.encode(y=up("low:Q"), y2="high:Q", tooltip=tips, **across))
        # Of a field of its own: one of the legend's would have to stand in the legend.
        shape = alt.Shape("shape:N", scale=None, legend=None)
        dots_of = measured_data.mark_point(filled=True, size=110, opacity=1, clip=True)
        layers.append(dots_of.encode(y=up("value:Q"), shape=shape, tooltip=tips, **across))
    return layers


def key(channel: Any, looks: Mapping[str, Any], columns: int = 1) -> Any:
    """Tell lines apart by one channel; layers over lines take the same key."""
    stroke = {"symbolType": "stroke", "symbolSize": 300, "symbolOpacity": 1}
    return marks.keyed(channel, "what", looks, columns=columns, **stroke)


def along(title: str, points: Points, **axis: Any) -> Any:
    """Make the logarithmic axis of sizes, with room for marks at its ends."""
    places = [point["place"] for point in points]
    return marks.logarithmic(alt.X, "place:Q", title, decades(min(places), max(places)), **axis)


def ends_in_words(points: Points, names: Sequence[str]) -> str:
    """Say where lines begin and end."""
    texts = []
    for name in names:
        line = [point for point in points if point["what"] == name]
        if line:
            texts.append(
                f"{visible(name)}: {number(line[0]['value'])} at {number(line[0]['place'])},"
                f" {number(line[-1]['value'])} at {number(line[-1]['place'])}"
            )
    return "; ".join(texts)
