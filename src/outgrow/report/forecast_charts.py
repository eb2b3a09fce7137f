"""Charts of a forecast: risks along labels and along unlabelled rows, the student's parts, its ratios.

One line per route with its band; a line stops where the expected risk is infinite or cannot be told, and
goes on behind. Points that a run measured stand on the same axes, at the run's own design.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from outgrow.report.drawing import (
    AFTER,
    BEFORE,
    CHANCE,
    SHARED,
    STRONG,
    WEAK,
    Drawing,
    decades,
    log_ticks,
    specified,
)
from outgrow.report.findings import Plain, items, part
from outgrow.report.interval_chart import Row, Series, in_words, interval_chart
from outgrow.report.text import interval_of, is_number, number, quantity_text, shortened, value_of, visible
from outgrow.report.words import kind_title

BASELINE = "#2a8a5b"
"""Colour of what learns from the labels alone."""

ROUTES: Mapping[str, tuple[str, list[int], str]] = {
    "teacher": (WEAK, [7, 3], "square"),
    "student": (STRONG, [1, 0], "diamond"),
    "baseline": (BASELINE, [2, 2], "circle"),
    "union": (SHARED, [8, 2, 2, 2], "triangle-up"),
    "ceiling": (CHANCE, [1, 4], "cross"),
}
"""Colour, dash and shape of each route."""

PARTS: Mapping[str, tuple[str, str]] = {
    "fresh": ("fresh variance", STRONG),
    "inherited": ("inherited variance", WEAK),
    "bias": ("bias", CHANCE),
}
"""Name and colour of the student's parts, from top to bottom."""

NOISE = "bias and label noise"
"""Name of the bias where the noise variance is not known and stays in it."""

TEACHERS = (STRONG, WEAK, SHARED, "#b3415f", "#8a6d1d")
"""Colours of students by teacher, over and over; the dashes change each time."""

DASHES = ([1, 0], [7, 3], [8, 2, 2, 2], [1, 4], [12, 4])
"""Dashes of students by teacher."""

LESS = {"teacher": "its teacher", "baseline": "labels-only", "union": "both models"}
"""The student's rivals as labels of rows."""

STEEP = 15.0
"""Ratio of the largest to the least risk drawn, from which the axis is logarithmic: interpolation peaks would
press all else to the ground."""

ROOM = 1.35
"""Axes end this many times above the largest value: wide bands are cut, or they alone would be seen."""

BAND = 0.09
"""Opacity of bands: five lie on one another."""

HEIGHT = 280
"""Of a chart in pixels."""

MOST_ROWS = 24
"""Designs drawn as rows; the table holds them all."""

WIDE = 2.0
"""Length of an interval from which a ratio is not drawn: it tells next to nothing, and would press the others
together."""

AXES = {"n": "labelled rows, n", "N": "unlabelled rows, N"}
"""Titles of the axes."""


def risk_name(outcome: Plain) -> str:
    """Name what is forecast."""
    if outcome.get("excess"):
        return "excess risk"
    classes = outcome.get("task") == "classification"
    return "squared loss on new labels" if classes else "mean squared error on new labels"


def risk_curves(outcome: Plain, pair: Plain, along: str) -> Drawing | None:
    """Draw the risks of all routes along one size.

    None where nothing is defined.
    """
    curve = curve_of(pair, along)
    if curve is None:
        return None
    lines = [point for route in ROUTES for point in _points(curve, route, kind_title(route))]
    held = "N" if along == "n" else "n"
    marks = []
    for found in items(outcome, "measured"):
        own = found.get("weak") in (None, pair.get("weak")) and found.get("route") in ROUTES
        value = value_of(found.get("risk"))
        if not own or value is None or found.get(held) != curve.get("other"):
            continue
        low, high = part(found, "risk").get("interval") or (value, value)
        title = kind_title(found.get("route"))
        said = f"measured {quantity_text(found.get('risk'))}"
        marks.append(
            {"what": title, "place": found.get(along), "value": value, "low": low, "high": high, "text": said}
        )
    look = {kind_title(route): own for route, own in ROUTES.items()}
    spec = _lines(lines, marks, look, AXES[along], risk_name(outcome))
    if spec is None:
        return None
    other = f"{number(curve.get('other'))} {AXES[held].split(',')[0]}"
    said = "; ".join(_ends(lines, title) for title in look if _ends(lines, title))
    caption = (
        f"At {other}. Lines are forecasts, bands their 90 % intervals; smaller is better. All routes rest on"
        " the same labels, so bands that overlap are no tie: see the differences above."
    )
    if marks:
        caption += (
            " Marks with bars are what the run measured: one draw of rows, where a forecast is the mean over"
            " draws."
        )
    return Drawing(
        "Risk along the labels" if along == "n" else "Risk along the unlabelled rows",
        f"{risk_name(outcome)} forecast along the {AXES[along]}, at {other}. {said}.",
        caption,
        spec,
    )


def student_curves(outcome: Plain) -> Drawing | None:
    """Draw the students of several teachers along the unlabelled rows, beside the baseline."""
    pairs = items(outcome, "pairs")
    curves = [(pair, curve) for pair in pairs if (curve := curve_of(pair, "N")) is not None]
    if len(curves) < 2:
        return None
    lines: list[dict[str, Any]] = []
    look: dict[str, tuple[str, list[int], str]] = {}
    for place, (pair, curve) in enumerate(curves):
        name = f"{place + 1}. {shortened(pair.get('weak'), 24)}"
        look[name] = (TEACHERS[place % len(TEACHERS)], DASHES[place % len(DASHES)], "circle")
        lines += _points(curve, "student", name)
    title = kind_title("baseline")
    look[title] = (BASELINE, [2, 2], "circle")
    lines += _points(curves[0][1], "baseline", title)
    spec = _lines(lines, [], look, AXES["N"], risk_name(outcome), bands=len(curves) <= 3, columns=1)
    if spec is None:
        return None
    said = "; ".join(_ends(lines, name) for name in look if _ends(lines, name))
    return Drawing(
        "Students by teacher",
        f"{risk_name(outcome)} of each teacher's student along the unlabelled rows. {said}.",
        f"At {number(curves[0][1].get('other'))} labelled rows. A student pays where its line lies below that"
        " of the baseline, which needs no teacher.",
        spec,
    )


def margin_chart(outcome: Plain, designs: Sequence[tuple[Plain, Plain]]) -> Drawing | None:
    """Draw the students' risks less those of their rivals at one design.

    None where no difference is defined.
    """
    rows: list[Row] = []
    for pair, design in designs:
        if len(designs) > 1:
            rows.append(Row(shortened(pair.get("weak"), 22), heading=True))
        margins = part(design, "margins")
        rows += [Row(title, (margins.get(rival),)) for rival, title in LESS.items()]
    series = (Series("student's risk less the other", STRONG, "diamond"),)
    spec = interval_chart(rows, series, "difference of risk", zero=True)
    if spec is None:
        return None
    return Drawing(
        "The student less each other route",
        f"The student's {risk_name(outcome)} less that of other routes. {in_words(rows, series)}.",
        f"Of the {risk_name(outcome)}; {design_title(designs[0][1])}. Left of the line the student"
        " errs less; an interval across it is a tie.",
        spec,
    )


def part_chart(outcome: Plain, pair: Plain) -> Drawing | None:
    """Draw what the student's risk is made of along the unlabelled rows.

    None where the student's risk is nowhere defined.
    """
    curve = curve_of(pair, "N")
    if curve is None:
        return None
    names = {key: title for key, (title, _) in PARTS.items()}
    if not outcome.get("excess"):
        names["bias"] = NOISE
    points = []
    for order, key in enumerate(PARTS):
        points += [{**point, "order": order} for point in _points(curve, key, names[key])]
    if not points:
        return None
    import altair as alt

    places = [point["place"] for point in points]
    domain = list(names.values())
    colours = [colour for _, colour in PARTS.values()]
    chart = (
        alt.Chart(alt.InlineData(values=points))
        .mark_area(line={"strokeWidth": 1.2}, fillOpacity=0.55)
        .encode(
            x=_size_axis(places, AXES["N"]),
            y=alt.Y("value:Q", stack="zero", axis=alt.Axis(title=risk_name(outcome), tickCount=5)),
            color=alt.Color(
                "what:N",
                scale=alt.Scale(domain=domain, range=colours),
                legend=alt.Legend(title=None, columns=1, symbolType="square", labelLimit=330),
            ),
            order=alt.Order("order:Q", sort="descending"),
            detail="segment:N",
            tooltip=[
                alt.Tooltip("what:N", title="part"),
                alt.Tooltip("place:Q", title="N", format=","),
                alt.Tooltip("text:N", title="forecast"),
            ],
        )
    )
    said = "; ".join(_ends(points, name) for name in domain if _ends(points, name))
    return Drawing(
        "What the student's risk is made of",
        f"The student's {risk_name(outcome)} in three parts along the unlabelled rows. {said}.",
        f"At {number(curve.get('other'))} labelled rows, stacked in the legend's order. More unlabelled rows"
        " take away fresh variance only; inherited variance falls with labels, and with what the two feature"
        " sets do not share.",
        specified(chart, HEIGHT),
    )


def ratio_chart(pair: Plain, key: str) -> Drawing | None:
    """Draw PGR or OPR of every design.

    None where it is nowhere defined.
    """
    name = key.upper()
    rows = [
        Row(design_title(design), (design.get(key),))
        for design in items(pair, "designs")
        if value_of(design.get(key)) is not None and _width(design.get(key)) <= WIDE
    ]
    cut = len(rows) > MOST_ROWS
    rows = rows[:MOST_ROWS]
    series = (Series(f"{name}, forecast", STRONG, "diamond"),)
    meaning = {
        "pgr": "share of the gap recovered",
        "opr": "baseline's excess risk over the student's",
    }[key]
    spec = interval_chart(rows, series, f"{name}, {meaning}")
    if spec is None:
        return None
    notes = {
        "pgr": "1 is all of the way from teacher to ceiling, 0 none.",
        "opr": "Above 1 the student beats the baseline.",
    }
    more = f" The first {MOST_ROWS} designs are drawn." if cut else ""
    if len(rows) < len(items(pair, "designs")) and not cut:
        more = f" Designs where it is undefined, or not told to within {WIDE:.0f}, are left out."
    return Drawing(
        f"{name} by design",
        f"{name} by design. {in_words(rows, series)}.",
        f"{notes[key]} Lines are 90 % intervals.{more}",
        spec,
    )


def _width(quantity: Any) -> float:
    ends = interval_of(quantity)
    if ends is not None:
        return ends[1] - ends[0]
    return math.inf if quantity.get("interval") else 0.0


def accuracy_chart(outcome: Plain, pair: Plain, design: Plain | None) -> Drawing | None:
    """Draw the share of new labels that every route names right at one design.

    None where labels are no classes.
    """
    found = part(design, "accuracy")
    if design is None or not found:
        return None
    measured = {
        str(one.get("route")): one.get("accuracy")
        for one in items(outcome, "measured")
        if one.get("weak") in (None, pair.get("weak"))
        and (one.get("n"), one.get("N")) == (design.get("n"), design.get("N"))
    }
    rows = [Row(kind_title(route), (value, measured.get(route))) for route, value in found.items()]
    series = (Series("forecast", BEFORE, "circle"), Series("measured by the run", AFTER, "diamond"))
    spec = interval_chart(rows, series, "share of new labels named right")
    if spec is None:
        return None
    return Drawing(
        "Accuracy",
        f"Share of new labels named right. {in_words(rows, series)}.",
        f"{design_title(design)}. Larger is better. Penalties are those of least squared loss.",
        spec,
    )


def design_title(design: Plain) -> str:
    """Name a design."""
    return f"n {number(design.get('n'))}, N {number(design.get('N'))}"


def curve_of(pair: Plain, along: str) -> Plain | None:
    """Find a pair's curve along one size."""
    return next((curve for curve in items(pair, "curves") if curve.get("along") == along), None)


def _points(curve: Plain, route: str, title: str) -> list[dict[str, Any]]:
    """List the points of one line, numbered anew behind each gap."""
    found = part(part(curve, "routes"), route)
    values = found.get("value") or []
    points: list[dict[str, Any]] = []
    segment, broken = 0, False
    columns = zip(
        curve.get("places") or [], values, found.get("low") or [], found.get("high") or [], strict=False
    )
    for place, value, low, high in columns:
        if not (is_number(value) and is_number(place)):
            broken = True
            continue
        segment, broken = segment + (broken and bool(points)), False
        low, high = (low, high) if is_number(low) and is_number(high) else (value, value)
        text = quantity_text({"value": value, "interval": [low, high]})
        point = {"what": title, "place": place, "value": value, "low": low, "high": high}
        points.append({**point, "segment": f"{title} {segment}", "text": text})
    return points


def _ends(points: Iterable[Mapping[str, Any]], title: str) -> str:
    own = [point for point in points if point["what"] == title]
    if not own:
        return ""
    first, last = own[0], own[-1]
    return (
        f"{visible(title)}: {number(first['value'])} at {number(first['place'])},"
        f" {number(last['value'])} at {number(last['place'])}"
    )


def _size_axis(places: Sequence[float], title: str) -> Any:
    import altair as alt

    # Marks at the last size need room.
    ends = decades(min(places), max(places))
    axis = alt.Axis(title=title, values=log_ticks(*ends), format=",~r", grid=False, labelOverlap=True)
    return alt.X("place:Q", scale=alt.Scale(type="log", domain=list(ends), nice=False), axis=axis)


def _lines(
    lines: list[dict[str, Any]],
    marks: list[dict[str, Any]],
    look: Mapping[str, tuple[str, list[int], str]],
    x_title: str,
    y_title: str,
    *,
    bands: bool = True,
    columns: int = 2,
) -> dict[str, Any] | None:
    if not lines:
        return None
    import altair as alt

    names = [name for name in look if any(point["what"] == name for point in lines)]
    marks = [mark for mark in marks if mark["what"] in names]
    values = [point["value"] for point in (*lines, *marks)]
    positive = [value for value in values if value > 0]
    steep = bool(positive) and max(positive) > STEEP * min(positive)
    axis = alt.Axis(title=y_title, tickCount=5)
    if steep:
        ends = decades(min(positive), max(positive))
        scale = alt.Scale(type="log", domain=list(ends), nice=False)
        axis = alt.Axis(title=y_title, values=log_ticks(*ends), format=",~r")
        # A logarithmic axis has no place for zero.
        lines = [{**point, "low": max(point["low"], ends[0])} for point in lines if point["value"] > 0]
        marks = [{**mark, "low": max(mark["low"], ends[0])} for mark in marks if mark["value"] > 0]
    else:
        everything = [point[key] for point in (*lines, *marks) for key in ("low", "high")]
        top = min(max(everything), ROOM * max(values))
        bottom = max(min(everything), 0.0)
        scale = alt.Scale(domain=[bottom, top if top > bottom else bottom + 1], nice=True, zero=False)
    legend = alt.Legend(title=None, columns=columns, symbolType="stroke", symbolSize=300, symbolOpacity=1)
    colour = alt.Color(
        "what:N", scale=alt.Scale(domain=names, range=[look[name][0] for name in names]), legend=legend
    )
    dash = alt.StrokeDash(
        "what:N", scale=alt.Scale(domain=names, range=[look[name][1] for name in names]), legend=legend
    )
    x = _size_axis([point["place"] for point in (*lines, *marks)], x_title)
    y = alt.Y("value:Q", scale=scale, axis=axis)
    tooltip = [
        alt.Tooltip("what:N", title="route"),
        alt.Tooltip("place:Q", title="rows", format=","),
        alt.Tooltip("text:N", title="risk"),
    ]
    base = alt.Chart(alt.InlineData(values=lines))
    layers: list[Any] = []
    if bands:
        layers.append(
            base.mark_area(opacity=BAND, clip=True).encode(
                x=x, y=alt.Y("low:Q", scale=scale, axis=axis), y2="high:Q", color=colour, detail="segment:N"
            )
        )
    layers.append(
        base.mark_line(strokeWidth=2.2, clip=True).encode(
            x=x, y=y, color=colour, strokeDash=dash, detail="segment:N"
        )
    )
    # Points carry the tooltips, and show a line that is one point long.
    layers.append(
        base.mark_circle(size=22, clip=True, opacity=1).encode(x=x, y=y, color=colour, tooltip=tooltip)
    )
    if marks:
        measured = alt.Chart(
            alt.InlineData(values=[{**mark, "shape": look[mark["what"]][2]} for mark in marks])
        )
        layers.append(
            measured.mark_rule(strokeWidth=2.5, clip=True).encode(
                x=x, y=alt.Y("low:Q", scale=scale, axis=axis), y2="high:Q", color=colour, tooltip=tooltip
            )
        )
        # Of a field of its own: one of the legend's would have to stand in the legend.
        shape = alt.Shape("shape:N", scale=None, legend=None)
        layers.append(
            measured.mark_point(filled=True, size=110, opacity=1, clip=True).encode(
                x=x, y=y, color=colour, shape=shape, tooltip=tooltip
            )
        )
    return specified(alt.layer(*layers), HEIGHT)
