"""Charts of risks and ratios against sizes: one small chart per panel, on the page or side by side in print.

What was measured is points with intervals, joined by thin lines; what theory says is a broad line beneath;
a published bound is dashed and a published value a cross. A value that does not exist leaves a gap, and what
an axis leaves out stands at its edge as a triangle and is counted.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from typing import Any

import altair as alt

from outgrow.report.curve_axes import EDGE, axis_of, scale_of
from outgrow.report.curve_looks import CROSS, Look
from outgrow.report.curve_scene import SOLID, Scene
from outgrow.report.drawing import Drawing, specified
from outgrow.report.findings import items
from outgrow.report.text import is_number, number, shortened, visible

HEIGHT = 230
"""Of a panel's plot on the page, in pixels: three stand beside one another."""

READINGS = (
    ("pgr", "0 is the teacher, 1 the ceiling."),
    ("opr", "Above 1 the student errs less than labels-only."),
    ("baseline / student", "Above 1 the student errs less than labels-only."),
    ("accuracy", "Larger is better."),
    ("er", "Smaller is better."),
    ("risk", "Smaller is better."),
    ("error", "Smaller is better."),
)
"""How values are read, by words in the title of their axis; the first that stands there counts."""

LABEL = 8
"""Pixels that a label may stand out beyond the end of a vertical axis: half of its height."""

KINDS_FROM_BELOW = ("theory", "bound", "measured", "published")
"""Kinds of curves in the order that they are drawn in: points last, so that no line hides one."""

OF_CURVES = ("series", "what", "note")
"""What is the same for every value of a curve."""

TITLE = 30
"""Characters in a line of the title of an axis: more would be longer than an axis in print."""


def drawing(scene: Scene, looks: Mapping[str, Look]) -> Drawing:
    """Draw a panel for the page."""
    title = shortened(scene.panel.get("title") or scene.panel.get("y_name") or "", 120)
    data: dict[str, Any] = {}
    return Drawing(
        title,
        f"{title}. {_described(scene)}",
        " ".join(part for part in (_reading(scene), _left_out(scene)) if part),
        {**specified(chart(scene, looks, data), HEIGHT), "datasets": data},
    )


def chart(scene: Scene, looks: Mapping[str, Look], data: dict[str, Any], *, legend: Any = None) -> Any:
    """Draw a panel."""
    drawn = _Drawn(scene, looks, data, legend)
    layers: list[Any] = []
    if is_number(scene.panel.get("rule")):
        at = alt.Chart(drawn.named([{"y": scene.panel["rule"]}]))
        layers.append(at.mark_rule(clip=True, color="currentColor", opacity=0.6).encode(y=drawn.up("y")))
    theory, bound, measured, published = (drawn.rows(kind) for kind in KINDS_FROM_BELOW)
    if theory:
        layers.append(
            drawn.base(theory).mark_line(clip=True, strokeWidth=3.5, opacity=0.5).encode(**drawn.line())
        )
    if bound:
        dashed = drawn.base(bound).mark_line(clip=True, strokeWidth=1.75, strokeDash=[6, 4])
        layers.append(dashed.encode(**drawn.line()))
    if measured:
        base = drawn.base(measured)
        layers.append(base.mark_line(clip=True, strokeWidth=1.25).encode(**drawn.line("at")))
        if any("low" in row for row in measured):
            bars = base.transform_filter("isValid(datum.low)").mark_rule(
                clip=True, strokeWidth=1.5, opacity=0.65
            )
            layers.append(bars.encode(**drawn.point("low"), y2="high:Q"))
        points = base.mark_point(clip=True, filled=True, size=38, opacity=1)
        layers.append(points.encode(shape=drawn.shape, **drawn.point("y")))
    if published:
        crosses = drawn.base(published).mark_point(
            clip=True, filled=False, size=70, strokeWidth=2.5, opacity=1
        )
        layers.append(crosses.encode(shape=alt.value(CROSS), **drawn.point("y")))
    for edge, mark in (("low", "triangle-down"), ("high", "triangle-up")):
        beyond = [
            {**_slim(row), "edge": getattr(scene.y, edge)}
            for row in scene.outside
            if (row["y"] > scene.y.high) == (edge == "high")
        ]
        if beyond:
            marks = drawn.base(beyond).mark_point(filled=False, size=60, strokeWidth=1.75, shape=mark)
            layers.append(marks.encode(**drawn.point("edge")))
    # Takes the room of a label at the very end of the axis, so that panels side by side keep one height.
    room = alt.Chart(drawn.named([{}]))
    layers.append(room.mark_point(opacity=0, size=1).encode(x=alt.value(0), y=alt.value(-LABEL)))
    return alt.layer(*layers)


class _Drawn:
    """The channels of one panel: what places, colours and tooltips of all its marks have in common."""

    def __init__(self, scene: Scene, looks: Mapping[str, Look], data: dict[str, Any], legend: Any) -> None:
        self._data = data
        labels = [look.label for look in looks.values()]
        colours = alt.Scale(domain=labels, range=[look.colour for look in looks.values()])
        shapes = alt.Scale(domain=labels, range=[look.shape for look in looks.values()])
        self.scene = scene
        self.shape = alt.Shape("series:N", scale=shapes, legend=legend)
        self._colour = alt.Color("series:N", scale=colours, legend=legend)
        curves = {row["curve"]: {key: row[key] for key in ("curve", *OF_CURVES)} for row in scene.rows}
        # What all points of a curve have in common stands in the page once.
        self._curves = alt.LookupData(
            data=self.named(list(curves.values())), key="curve", fields=list(OF_CURVES)
        )
        self._tooltip = [
            alt.Tooltip("series:N", title="series"),
            alt.Tooltip("what:N", title="what"),
            alt.Tooltip("x:Q", title=visible(scene.panel.get("x_name") or "at"), format=",.6~r"),
            alt.Tooltip("y:Q", title=visible(scene.panel.get("y_name") or "value"), format=".3~g"),
        ]
        self._ends = alt.Tooltip("ends:N", title="interval")
        self._how = alt.Tooltip("note:N", title="how")

    def rows(self, kind: str) -> list[dict[str, Any]]:
        selected = [row for row in self.scene.rows if row["kind"] == kind]
        return [_slim(row) for row in selected] if any(row["y"] is not None for row in selected) else []

    def named(self, rows: list[dict[str, Any]]) -> Any:
        name = f"rows-{len(self._data)}"
        self._data[name] = rows
        return alt.NamedData(name)

    def base(self, rows: list[dict[str, Any]]) -> Any:
        return alt.Chart(self.named(rows)).transform_lookup(lookup="curve", from_=self._curves)

    def up(self, field: str) -> Any:
        return alt.Y(f"{field}:Q", scale=scale_of(self.scene.y), axis=_axis(self.scene, "y"))

    def _across(self, field: str) -> Any:
        return alt.X(f"{field}:Q", scale=scale_of(self.scene.x), axis=_axis(self.scene, "x"))

    def line(self, across: str = "x") -> dict[str, Any]:
        tooltip = [*self._tooltip, self._how]
        return {
            "x": self._across(across), "y": self.up("y"), "color": self._colour, "tooltip": tooltip,
            "detail": "curve:N",
        }  # fmt: skip

    def point(self, up: str) -> dict[str, Any]:
        tooltip = [*self._tooltip, self._ends, self._how]
        return {"x": self._across("at"), "y": self.up(up), "color": self._colour, "tooltip": tooltip}


def _slim(row: Mapping[str, Any]) -> dict[str, Any]:
    """Keep of a row what its marks need; a missing value stays, so that lines break there."""
    keys = ("x", "at", "low", "high", "ends") if row["kind"] in SOLID else ("x",)
    return {"curve": row["curve"], "y": row["y"]} | {key: row[key] for key in keys if row[key] is not None}


def _axis(scene: Scene, which: str) -> Any:
    title = textwrap.wrap(shortened(scene.panel.get(f"{which}_name") or "", 60), TITLE)
    if which == "y":
        return axis_of(scene.y, title, edge=EDGE)
    places = [row["x"] for row in scene.rows if row["kind"] == "measured"]
    # Sizes are chosen, and written as they are; what stands on a linear axis was itself measured.
    return axis_of(scene.x, title, places=places if scene.x.logarithmic else ())


def _reading(scene: Scene) -> str:
    name = f" {visible(scene.panel.get('y_name') or '').lower()} "
    # Whole words: "er" stands in many.
    return next((reading for word, reading in READINGS if re.search(rf"\b{word}\b|{word}s\b", name)), "")


def _left_out(scene: Scene) -> str:
    """Say which values the axes leave out."""
    sentences = []
    if scene.outside:
        wild = max(scene.outside, key=lambda row: abs(row["y"]))
        sentences.append(
            f"{len(scene.outside)} of {scene.points} points lie outside the axis (triangles), the farthest at"
            f" {number(wild['y']).replace('-', '−')}."
        )
    long = sum(
        row["low"] is not None
        and scene.y.holds(row["y"])
        and not (scene.y.low <= row["low"] <= row["high"] <= scene.y.high)
        for row in scene.rows
    )
    if long:
        sentences.append(f"{long} {'interval goes' if long == 1 else 'intervals go'} on beyond the axis.")
    if scene.unplaced:
        none = "value at or below 0 has" if scene.unplaced == 1 else "values at or below 0 have"
        sentences.append(f"{scene.unplaced} {none} no place on a logarithmic axis.")
    lacking = [row for row in scene.rows if row["kind"] in SOLID and row["missing"]]
    if lacking:
        of = ", ".join(dict.fromkeys(row["series"] for row in lacking))
        points = "1 point has" if len(lacking) == 1 else f"{len(lacking)} points have"
        sentences.append(f"{points} no value, being undefined: {shortened(of, 120)}.")
    return " ".join(sentences)


def _described(scene: Scene) -> str:
    """Say what a panel shows: every curve with its first and last value."""
    lines = []
    for place, _ in enumerate(items(scene.panel, "curves")):
        rows = [row for row in scene.rows if row["curve"] == place and row["y"] is not None]
        if not rows:
            continue
        first, last = rows[0], rows[-1]
        line = f"{first['series']}, {first['what']}: {number(first['y'])} at {number(first['x'])}"
        if last is not first:
            line += f", {number(last['y'])} at {number(last['x'])}"
        lines.append(line)
    return f"{'; '.join(lines)}."
