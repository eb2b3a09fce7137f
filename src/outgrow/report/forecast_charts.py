"""Charts of a forecast: risks along labels and along unlabelled rows, the student's parts, its ratios.

One line per route with its band; a line stops where the expected risk is infinite or cannot be told, and
goes on behind. Points that a run measured stand on the same axes, at the run's own design.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import altair as alt

from outgrow.report import marks
from outgrow.report.drawing import AFTER, BEFORE, CHANCE, SHARED, STRONG, WEAK, Drawing, decades, specified
from outgrow.report.findings import Plain, items, part, risk_name
from outgrow.report.forecast_words import design_title
from outgrow.report.interval_chart import Row, Series, intervals
from outgrow.report.line_chart import along, ends_in_words, lines
from outgrow.report.marks import BASELINE, HEIGHT, ROUTES, Look
from outgrow.report.text import interval_of, is_number, number, quantity_text, shortened, value_of
from outgrow.report.words import kind_title

PARTS = {
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

MOST_ROWS = 24
"""Designs drawn as rows; the table holds them all."""

WIDE = 2.0
"""Length of an interval from which a ratio is not drawn: it tells next to nothing, and would press the others
together."""

AXES = {"n": "labelled rows, n", "N": "unlabelled rows, N"}
"""Titles of the axes."""

TIPS = {"what": "route", "place": "rows", "text": "risk"}
"""What a point's tooltip shows."""


def risk_curves(outcome: Plain, pair: Plain, size: str) -> Drawing | None:
    """Draw the risks of all routes along one size; None where nothing is defined."""
    curve, fixed = curve_of(pair, size), "N" if size == "n" else "n"
    points = [point for route in ROUTES for point in _points(curve, route, kind_title(route))]
    if not points:
        return None
    measured = []
    for record in items(outcome, "measured"):
        belongs = record.get("weak") in (None, pair.get("weak")) and record.get("route") in ROUTES
        value = value_of(record.get("risk"))
        if belongs and value is not None and record.get(fixed) == curve.get("other"):
            low, high = part(record, "risk").get("interval") or (value, value)
            shown = {
                "what": kind_title(record.get("route")),
                "text": f"measured {quantity_text(record['risk'])}",
            }
            measured.append({"place": record.get(size), "value": value, "low": low, "high": high, **shown})
    looks = {kind_title(route): look for route, look in ROUTES.items()}
    other = f"{number(curve.get('other'))} {AXES[fixed].split(',')[0]}"
    caption = (
        f"At {other}. Lines are forecasts, bands their 90 % intervals; smaller is better. All routes rest on"
        " the same labels, so bands that overlap are no tie: see the differences above."
    )
    if measured:
        caption += (
            " Marks with bars are what the run measured: one draw of rows, where a forecast is the mean over"
            " draws."
        )
    ends_text = ends_in_words(points, list(looks))
    points, measured, up = _vertical(points, measured, risk_name(outcome))
    x = along(AXES[size], [*points, *measured], grid=False)
    layers = lines(
        points, looks, x, up, tooltip=marks.tips(**TIPS), bands=True, dots=True, measured=measured, columns=2
    )
    return Drawing(
        "Risk along the labels" if size == "n" else "Risk along the unlabelled rows",
        f"{risk_name(outcome)} forecast along the {AXES[size]}, at {other}. {ends_text}.",
        caption,
        specified(alt.layer(*layers), HEIGHT),
    )


def student_curves(outcome: Plain) -> Drawing | None:
    """Draw the students of several teachers along the unlabelled rows, beside the baseline."""
    curves = [(pair, curve) for pair in items(outcome, "pairs") if (curve := curve_of(pair, "N"))]
    if len(curves) < 2:
        return None
    points: list[dict[str, Any]] = []
    looks: dict[str, Look] = {}
    for place, (pair, curve) in enumerate(curves):
        name = f"{place + 1}. {shortened(pair.get('weak'), 24)}"
        looks[name] = (TEACHERS[place % len(TEACHERS)], DASHES[place % len(DASHES)], "circle")
        points += _points(curve, "student", name)
    looks[kind_title("baseline")] = (BASELINE, [2, 2], "circle")
    points += _points(curves[0][1], "baseline", kind_title("baseline"))
    if not points:
        return None
    ends_text = ends_in_words(points, list(looks))
    points, _, up = _vertical(points, [], risk_name(outcome))
    x, bands = along(AXES["N"], points, grid=False), len(curves) <= 3
    layers = lines(points, looks, x, up, tooltip=marks.tips(**TIPS), bands=bands, dots=True)
    return Drawing(
        "Students by teacher",
        f"{risk_name(outcome)} of each teacher's student along the unlabelled rows. {ends_text}.",
        f"At {number(curves[0][1].get('other'))} labelled rows. A student pays where its line lies below that"
        " of the baseline, which needs no teacher.",
        specified(alt.layer(*layers), HEIGHT),
    )


def margin_chart(outcome: Plain, designs: Sequence[tuple[Plain, Plain]]) -> Drawing | None:
    """Draw the students' risks less those of their rivals at one design; None without differences."""
    rows: list[Row] = []
    for pair, design in designs:
        if len(designs) > 1:
            rows.append(Row(shortened(pair.get("weak"), 22), heading=True))
        rows += [Row(title, (part(design, "margins").get(rival),)) for rival, title in LESS.items()]
    where = f"; {design_title(designs[0][1])}" if designs else ""
    return intervals(
        "The student less each other route",
        rows,
        (Series("student's risk less the other", STRONG, "diamond"),),
        "difference of risk",
        f"Of the {risk_name(outcome)}{where}. Left of the line the student errs less; an interval across it"
        " is a tie.",
        description=f"The student's {risk_name(outcome)} less that of other routes",
        zero=True,
    )


def part_chart(outcome: Plain, pair: Plain) -> Drawing | None:
    """Draw what the student's risk is made of along the unlabelled rows; None where it is undefined."""
    curve = curve_of(pair, "N")
    names = {key: title for key, (title, _) in PARTS.items()}
    if not outcome.get("excess"):
        names["bias"] = NOISE
    points = [
        {**point, "order": order}
        for order, (key, name) in enumerate(names.items())
        for point in _points(curve, key, name)
    ]
    if not points:
        return None
    colours = dict(zip(names.values(), (colour for _, colour in PARTS.values()), strict=True))
    chart = (
        marks.data(points)
        .mark_area(line={"strokeWidth": 1.2}, fillOpacity=0.55)
        .encode(
            x=along(AXES["N"], points, grid=False),
            y=alt.Y("value:Q", stack="zero", axis=alt.Axis(title=risk_name(outcome), tickCount=5)),
            color=marks.keyed(alt.Color, "what", colours, columns=1, symbolType="square", labelLimit=330),
            order=alt.Order("order:Q", sort="descending"),
            detail="segment:N",
            tooltip=marks.tips(what="part", place="N", text="forecast"),
        )
    )
    ends_text = ends_in_words(points, list(colours))
    return Drawing(
        "What the student's risk is made of",
        f"The student's {risk_name(outcome)} in three parts along the unlabelled rows. {ends_text}.",
        f"At {number(curve.get('other'))} labelled rows, stacked in the legend's order. More unlabelled rows"
        " take away fresh variance only; inherited variance falls with labels, and with what the two feature"
        " sets do not share.",
        specified(chart, HEIGHT),
    )


def ratio_chart(pair: Plain, key: str) -> Drawing | None:
    """Draw PGR or OPR of every design; None where it is nowhere defined."""
    designs = items(pair, "designs")
    known = [one for one in designs if value_of(one.get(key)) is not None and _width(one[key]) <= WIDE]
    meaning, note = {
        "pgr": ("share of the gap recovered", "1 is all of the way from teacher to ceiling, 0 none."),
        "opr": ("baseline's excess risk over the student's", "Above 1 the student beats the baseline."),
    }[key]
    more = ""
    if len(known) > MOST_ROWS:
        more = f" The first {MOST_ROWS} designs are drawn."
    elif len(known) < len(designs):
        more = f" Designs where it is undefined, or not told to within {WIDE:.0f}, are left out."
    return intervals(
        f"{key.upper()} by design",
        [Row(design_title(design), (design[key],)) for design in known[:MOST_ROWS]],
        (Series(f"{key.upper()}, forecast", STRONG, "diamond"),),
        f"{key.upper()}, {meaning}",
        f"{note} Lines are 90 % intervals.{more}",
    )


def _width(quantity: Any) -> float:
    ends = interval_of(quantity)
    if ends is not None:
        return ends[1] - ends[0]
    return math.inf if quantity.get("interval") else 0.0


def accuracy_chart(outcome: Plain, pair: Plain, design: Plain | None) -> Drawing | None:
    """Draw the share of new labels that every route names right at one design; None without classes."""
    if design is None:
        return None
    measured = {
        str(one.get("route")): one.get("accuracy")
        for one in items(outcome, "measured")
        if one.get("weak") in (None, pair.get("weak"))
        and (one.get("n"), one.get("N")) == (design.get("n"), design.get("N"))
    }
    return intervals(
        "Accuracy",
        [Row(kind_title(k), (value, measured.get(k))) for k, value in part(design, "accuracy").items()],
        (Series("forecast", BEFORE, "circle"), Series("measured by the run", AFTER, "diamond")),
        "share of new labels named right",
        f"{design_title(design)}. Larger is better. Penalties are those of least squared loss.",
        description="Share of new labels named right",
    )


def curve_of(pair: Plain, size: str) -> Plain:
    """Find a pair's curve along one size; empty where there is none."""
    return next((curve for curve in items(pair, "curves") if curve.get("along") == size), {})


def _points(curve: Plain, route: str, title: str) -> list[dict[str, Any]]:
    """List the points of one line, numbered anew behind each gap."""
    forecast = part(part(curve, "routes"), route)
    sides = [curve.get("places") or [], *(forecast.get(key) or [] for key in ("value", "low", "high"))]
    points: list[dict[str, Any]] = []
    segment, broken = 0, False
    for place, value, low, high in zip(*sides, strict=False):
        if not (is_number(value) and is_number(place)):
            broken = True
            continue
        segment, broken = segment + (broken and bool(points)), False
        low, high = (low, high) if is_number(low) and is_number(high) else (value, value)
        text = quantity_text({"value": value, "interval": [low, high]})
        point = {"what": title, "place": place, "value": value, "low": low, "high": high}
        points.append({**point, "segment": f"{title} {segment}", "text": text})
    return points


def _vertical(
    points: list[dict[str, Any]], measured: list[dict[str, Any]], title: str
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], Callable[[str], Any]]:
    """Choose the axis of risks, logarithmic where they are far apart, and keep what it has a place for."""
    values = [point["value"] for point in (*points, *measured)]
    positive = [value for value in values if value > 0]
    if positive and max(positive) > STEEP * min(positive):
        ends = decades(min(positive), max(positive))
        # A logarithmic axis has no place for zero.
        points, measured = (
            [{**one, "low": max(one["low"], ends[0])} for one in some if one["value"] > 0]
            for some in (points, measured)
        )
        return points, measured, partial(marks.logarithmic, alt.Y, title=title, ends=ends)
    everything = [point[key] for point in (*points, *measured) for key in ("low", "high")]
    top, bottom = min(max(everything), ROOM * max(values)), max(min(everything), 0.0)
    domain = [bottom, top if top > bottom else bottom + 1]
    return points, measured, partial(marks.linear, alt.Y, title=title, domain=domain, nice=True, zero=False)
