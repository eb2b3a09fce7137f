"""Charts of risks and ratios against sizes: one small chart per panel, on the page or side by side in print.

What was measured is points with intervals, joined by thin lines; what theory says is a broad line beneath;
a published bound is dashed and a published value a cross. A value that does not exist leaves a gap, and what
an axis leaves out stands at its edge as a triangle and is counted.
"""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from outgrow.report.curve_axes import Span, apart, axis_of, scale_of, span_of
from outgrow.report.curve_looks import CROSS, KINDS, Look
from outgrow.report.drawing import Drawing, specified
from outgrow.report.findings import Plain, items
from outgrow.report.text import is_number, number, quantity_text, shortened, visible

HEIGHT = 230
"""Of a panel's plot on the page, in pixels: three stand beside one another."""

APART = 0.006
"""Share of the horizontal axis between neighbouring marks of several series: about a quarter of a mark, which
shows both intervals and is less than any reader takes for another place."""

EDGE = 36
"""Pixels kept for the labels of a vertical axis, so that panels above one another begin at one line."""

READINGS = (
    ("pgr", "0 is the teacher, 1 the ceiling."),
    ("opr", "Above 1 the student errs less than the strong baseline."),
    ("baseline / student", "Above 1 the student errs less than the strong baseline."),
    ("accuracy", "Larger is better."),
    ("er", "Smaller is better."),
    ("risk", "Smaller is better."),
    ("error", "Smaller is better."),
)
"""How values are read, by words in the title of their axis; the first that stands there counts."""

TITLE = 30
"""Characters in a line of the title of a vertical axis: more would be longer than the axis of a print."""

SOLID = ("measured", "published")
"""Kinds of values that are points: each that an axis leaves out is told."""


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
    """A panel with everything that drawing it needs.

    Parameters
    ----------
    panel : dict
        As plain values.
    rows : tuple of dict
        One per place of a curve; "y" is None where there is no value.
    x, y : Span
        The axes.
    outside : tuple of dict
        Rows whose value the axis leaves out.
    points : int
        Measured or published values that are drawn, outside or not.
    unplaced : int
        Measured or published values that a logarithmic axis has no place for.
    """

    panel: Plain
    rows: tuple[dict[str, Any], ...]
    x: Span
    y: Span
    outside: tuple[dict[str, Any], ...]
    points: int
    unplaced: int


def scenes(panels: Sequence[Plain], looks: Mapping[str, Look]) -> list[Scene]:
    """Set out the panels of one group.

    Parameters
    ----------
    panels : sequence of dict
        Panels that stand side by side; those that show the same quantity share its axis.
    looks : mapping of str to Look
        Of every series.

    Returns
    -------
    list of Scene
        Panels without any value are left out.
    """
    alike: dict[tuple[str, bool], list[Plain]] = {}
    for panel in panels:
        alike.setdefault((str(panel.get("y_name")), bool(panel.get("y_log"))), []).append(panel)
    spans = {key: _vertical(same, logarithmic=key[1]) for key, same in alike.items()}
    found = []
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
            found.append(Scene(panel, tuple(rows), x, y, tuple(outside), len(points), unplaced))
    return found


def drawing(scene: Scene, looks: Mapping[str, Look]) -> Drawing:
    """Draw a panel for the page.

    Parameters
    ----------
    scene : Scene
        The panel.
    looks : mapping of str to Look
        Of every series.

    Returns
    -------
    Drawing
        It takes the width of its place.
    """
    title = shortened(scene.panel.get("title") or scene.panel.get("y_name") or "", 120)
    return Drawing(
        title,
        f"{title}. {_described(scene)}",
        " ".join(part for part in (_reading(scene), _left_out(scene)) if part),
        specified(chart(scene, looks), HEIGHT),
    )


def chart(scene: Scene, looks: Mapping[str, Look], *, legend: Any = None) -> Any:
    """Draw a panel.

    Parameters
    ----------
    scene : Scene
        The panel.
    looks : mapping of str to Look
        Of every series.
    legend : altair.Legend, optional
        Of the series, where no key stands beside the figure.

    Returns
    -------
    altair.LayerChart
        Without a size.
    """
    import altair as alt

    present = {row["kind"] for row in scene.rows if row["y"] is not None}
    vertical = {"scale": scale_of(scene.y), "axis": _axis(scene, "y")}
    labels = [look.label for look in looks.values()]
    x = alt.X("at:Q", scale=scale_of(scene.x), axis=_axis(scene, "x"))
    y = alt.Y("y:Q", **vertical)
    scale = alt.Scale(domain=labels, range=[look.colour for look in looks.values()])
    colour = alt.Color("series:N", scale=scale, legend=legend)
    shapes = alt.Scale(domain=labels, range=[look.shape for look in looks.values()])
    shape = alt.Shape("series:N", scale=shapes, legend=legend)
    tooltip = [
        alt.Tooltip("series:N", title="series"),
        alt.Tooltip("what:N", title="what"),
        alt.Tooltip("x:Q", title=visible(scene.panel.get("x_name") or "at"), format=",.6~r"),
        alt.Tooltip("text:N", title=visible(scene.panel.get("y_name") or "value")),
        alt.Tooltip("note:N", title="how"),
    ]
    base = alt.Chart(alt.InlineData(values=list(scene.rows)))
    seen = {"x": x, "y": y, "color": colour, "tooltip": tooltip}
    layers: list[Any] = []
    if is_number(scene.panel.get("rule")):
        at = alt.Chart(alt.InlineData(values=[{"y": scene.panel["rule"]}]))
        layers.append(at.mark_rule(clip=True, color="currentColor", opacity=0.6).encode(y=y))

    def of(kind: str) -> Any:
        return base.transform_filter(alt.datum.kind == kind)

    if "theory" in present:
        layers.append(
            of("theory").mark_line(clip=True, strokeWidth=3.5, opacity=0.5).encode(detail="curve:N", **seen)
        )
    if "bound" in present:
        layers.append(
            of("bound")
            .mark_line(clip=True, strokeWidth=1.75, strokeDash=[6, 4])
            .encode(detail="curve:N", **seen)
        )
    if "measured" in present:
        measured = of("measured")
        layers += [
            measured.mark_line(clip=True, strokeWidth=1.25).encode(detail="curve:N", **seen),
            measured.transform_filter("datum.low !== null")
            .mark_rule(clip=True, strokeWidth=1.5, opacity=0.65)
            .encode(**{**seen, "y": alt.Y("low:Q", **vertical)}, y2="high:Q"),
            measured.mark_point(clip=True, filled=True, size=38, opacity=1).encode(shape=shape, **seen),
        ]
    if "published" in present:
        layers.append(
            of("published")
            .mark_point(clip=True, filled=False, size=70, strokeWidth=2.5, opacity=1)
            .encode(shape=alt.value(CROSS), **seen)
        )
    for edge, mark in (("low", "triangle-down"), ("high", "triangle-up")):
        beyond = [
            {**row, "y": getattr(scene.y, edge)}
            for row in scene.outside
            if (row["y"] > scene.y.high) == (edge == "high")
        ]
        if beyond:
            at = alt.Chart(alt.InlineData(values=beyond))
            layers.append(at.mark_point(filled=False, size=60, strokeWidth=1.75, shape=mark).encode(**seen))
    return alt.layer(*layers)


def _axis(scene: Scene, which: str) -> Any:
    name = shortened(scene.panel.get(f"{which}_name") or "", 60)
    if which == "x":
        return axis_of(scene.x, name)
    return axis_of(scene.y, textwrap.wrap(name, TITLE), edge=EDGE)


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


def _vertical(panels: Sequence[Plain], logarithmic: bool) -> Span | None:
    places = [place for panel in panels for place in _places(panel)]
    values = {
        kind: [place.y for place in places if place.y is not None and place.curve.get("kind") == kind]
        for kind in KINDS
    }
    if not any(values.values()):
        return None
    ends = [end for place in places if place.low is not None for end in (place.low, place.high)]
    rules = [panel["rule"] for panel in panels if is_number(panel.get("rule"))]
    return span_of(
        values["measured"] or values["theory"],
        [end for end in (*values["theory"], *values["bound"], *ends) if end is not None],
        [*values["published"], *rules],
        logarithmic=logarithmic,
    )


def _rows(panel: Plain, looks: Mapping[str, Look], x: Span, y: Span) -> tuple[list[dict[str, Any]], int]:
    places = list(_places(panel))
    measured = [place for place in places if place.curve.get("kind") == "measured"]
    own = {str(place.curve.get("series")) for place in measured}
    order = [series for series in looks if series in own]
    shifts = dict(zip(order, apart([place.x for place in measured], len(order), x, APART), strict=True))
    rows, unplaced = [], 0
    for place in places:
        series, kind = str(place.curve.get("series")), str(place.curve.get("kind"))
        shift = shifts[series] if kind == "measured" else 0.0
        value, low, high = place.y, place.low, place.high
        text = quantity_text({"value": value, "interval": None if low is None else (low, high)})
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
                "low": low,
                "high": None if low is None else high,
                "text": text,
                "note": shortened(place.curve.get("note") or "–", 200),
            }
        )
    return rows, unplaced


def _reading(scene: Scene) -> str:
    name = f" {visible(scene.panel.get('y_name') or '').lower()} "
    # Whole words: "er" stands in many.
    return next((said for word, said in READINGS if re.search(rf"\b{word}\b|{word}s\b", name)), "")


def _left_out(scene: Scene) -> str:
    """Say which values the axes leave out."""
    said = []
    if scene.outside:
        wild = max(scene.outside, key=lambda row: abs(row["y"]))
        said.append(
            f"{len(scene.outside)} of {scene.points} points lie outside the axis (triangles), the farthest at"
            f" {number(wild['y'])}."
        )
    if scene.unplaced:
        points = "value" if scene.unplaced == 1 else "values"
        said.append(f"{scene.unplaced} {points} at or below 0 have no place on a logarithmic axis.")
    return " ".join(said)


def _described(scene: Scene) -> str:
    """Say what a panel shows: every curve with its first and last value."""
    said = []
    for place, _ in enumerate(items(scene.panel, "curves")):
        rows = [row for row in scene.rows if row["curve"] == place and row["y"] is not None]
        if not rows:
            continue
        first, last = rows[0], rows[-1]
        line = f"{first['series']}, {first['what']}: {number(first['y'])} at {number(first['x'])}"
        if last is not first:
            line += f", {number(last['y'])} at {number(last['x'])}"
        said.append(line)
    return f"{'; '.join(said)}."
