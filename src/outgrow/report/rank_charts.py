"""Charts of a ranking: what makes up each student's risk, how far each is behind, and what teachers share.

Teachers stand in the same order in all of them, the least forecast on top, and a mark before the name says
which may be the best, so that no chart rests on colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from outgrow.report import marks
from outgrow.report.drawing import CHANCE, SHARED, STRONG, WEAK, Drawing, specified
from outgrow.report.findings import Plain, part, risk_name
from outgrow.report.interval_chart import ROW, Row, Series, intervals
from outgrow.report.listing import STAR, TIED
from outgrow.report.rank_page import label, ranked
from outgrow.report.text import interval_of, number, quantity_text, shortened, value_of

PARTS = {"bias": ("bias", CHANCE), "inherited": ("inherited", WEAK), "fresh": ("fresh", STRONG)}
"""Name and colour of the parts of the student's risk, from left to right."""


def parts_chart(outcome: Plain) -> Drawing | None:
    """Draw every student's risk as a bar of its parts, beside routes without one; None without risks."""
    teachers = ranked(outcome)
    if not teachers:
        return None
    places, y = marks.rows_of([label(teacher, outcome) for teacher in teachers])
    names = {key: name for key, (name, _) in PARTS.items()}
    if not outcome.get("excess"):
        names["bias"] = "bias and noise"
    bars, totals, alone = [], [], []
    for place, teacher in zip(places, teachers, strict=True):
        common, start = {"place": place, "row": teacher.get("weak")}, 0.0
        for key, name in names.items():
            size = value_of(teacher.get(key)) or 0.0
            bars.append({**common, "start": start, "end": start + size, "part": name,
                         "text": quantity_text(teacher.get(key))})  # fmt: skip
            start += size
        totals.append({**common, **_span(teacher.get("student")), "part": "the whole"})
        if value_of(teacher.get("alone")) is not None:
            alone.append({**common, **_span(teacher["alone"]), "part": "the teacher itself"})
    tips = marks.tips(row="teacher", part="part", text="value")
    ink: dict[str, Any] = {"color": "currentColor", "opacity": 1}
    colours = dict(zip(names.values(), (colour for _, colour in PARTS.values()), strict=True))
    layers: list[Any] = [
        marks.data(bars)
        .mark_bar(height=16, opacity=0.85)
        .encode(
            x=marks.linear(
                alt.X, "start:Q", f"forecast {risk_name(outcome)} of the student", ticks=6, zero=True
            ),
            x2="end:Q",
            y=y,
            color=marks.keyed(alt.Color, "part", colours, columns=3, symbolType="square"),
            tooltip=tips,
        ),
        marks.data(totals).mark_rule(strokeWidth=2, **ink).encode(x="low:Q", x2="high:Q", y=y, tooltip=tips),
        marks.data(totals).mark_point(filled=True, size=36, **ink).encode(x="value:Q", y=y, tooltip=tips),
    ]
    if alone:
        shapes = marks.data(alone).mark_point(
            shape="triangle-up", filled=False, size=70, strokeWidth=2, **ink
        )
        layers.append(shapes.encode(x="value:Q", y=y, tooltip=tips))
    baseline, baseline_text, beside = value_of(outcome.get("baseline")), "", ""
    if baseline is not None:
        line = [{**_span(outcome["baseline"]), "row": "–", "part": "labels-only"}]
        rule = marks.data(line).mark_rule(
            strokeDash=[5, 4], strokeWidth=2, color="currentColor", opacity=0.75
        )
        layers.insert(0, rule.encode(x="value:Q", tooltip=tips))
        baseline_text = f"; labels-only {number(baseline)}"
        beside = (
            f"The dashed line is the strong model on the labels alone, {number(baseline)}; left of it a"
            " student is forecast to be better. "
        )
    students = "; of ".join(f"{shortened(t.get('weak'))} {quantity_text(t.get('student'))}" for t in teachers)
    return Drawing(
        f"Why: what each student's {risk_name(outcome)} is made of",
        f"Forecast {risk_name(outcome)} of the student of {students}{baseline_text}.",
        f"{beside}From left to right: bias, the variance inherited from the teacher, and the student's"
        " own. The dot is the whole with its 90 % interval; triangles are the teachers themselves, without a"
        " student.",
        specified(alt.layer(*layers), ROW * len(teachers)),
    )


def _span(quantity: Any) -> dict[str, Any]:
    value = value_of(quantity)
    low, high = interval_of(quantity) or (value, value)
    return {"value": value, "low": low, "high": high, "text": quantity_text(quantity)}


def behind_chart(outcome: Plain) -> Drawing | None:
    """Draw how far every teacher is behind the best one; None for one teacher."""
    if len(ranked(outcome)) < 2:
        return None
    return _differences(
        outcome,
        "behind",
        ("tied", "may be the best", "not the best"),
        "How far behind the best teacher",
        "above the best student",
        f"{STAR} marks the best teacher, {TIED} those that may be. The intervals hold for all teachers at"
        " once, whichever is truly the best; that a teacher is not the best is sure sooner than by how much.",
    )


def beyond_chart(outcome: Plain) -> Drawing | None:
    """Draw every student's risk less that of the best route without one; None where nothing is compared."""
    labels_alone = part(outcome, "labels_alone")
    if not labels_alone:
        return None
    return _differences(
        outcome,
        "beyond_labels",
        ("worth", "worth its pool", "not shown to be worth it"),
        "Student less training on the labels alone",
        "difference of risk",
        f"Left of the line the student errs less than every route without one (the least is"
        f" {number(value_of(labels_alone.get('risk')))}). The intervals hold for all teachers and routes at"
        " once.",
    )


def _differences(
    outcome: Plain, key: str, kinds: tuple[str, str, str], title: str, x_title: str, caption: str
) -> Drawing | None:
    """Draw one difference per teacher, marked by whether a field holds."""
    field, yes, no = kinds
    rows = [
        Row(
            label(teacher, outcome),
            (teacher[key], None) if teacher.get(field) else (None, teacher[key]),
        )
        for teacher in ranked(outcome)
        if value_of(teacher.get(key)) is not None
    ]
    series = (Series(yes, STRONG, "diamond"), Series(no, CHANCE, "circle"))
    return intervals(title, rows, series, x_title, caption, zero=True, apart=False)


def shared_chart(outcome: Plain) -> Drawing | None:
    """Draw the directions that each teacher uses and those that its student inherits; None if unknown."""
    teachers = [
        teacher
        for teacher in ranked(outcome)
        if all(value_of(teacher.get(key)) is not None for key in ("d_w", "d_sw"))
    ]
    if not teachers:
        return None
    places, y = marks.rows_of([label(teacher, outcome) for teacher in teachers])
    names = {"the teacher's (d_w)": WEAK, "shared (d_sw)": SHARED}
    x = marks.linear(alt.X, "zero:Q", "directions used")
    layers = []
    for key, name, height in zip(("d_w", "d_sw"), names, (16, 8), strict=True):
        bars = _directions(places, teachers, key, name)
        colour = marks.keyed(alt.Color, "what", names, columns=1, symbolType="square")
        tips = marks.tips(row="teacher", what="what", text="value")
        drawn = marks.data(bars).mark_bar(height=height)
        layers.append(drawn.encode(x=x, x2="value:Q", y=y, color=colour, tooltip=tips))
    counts = "; ".join(
        f"{shortened(t.get('weak'))}: {number(value_of(t['d_sw']))} of {number(value_of(t['d_w']))}"
        for t in teachers
    )
    return Drawing(
        "How much noise is handed on: directions shared",
        f"Shared directions of each teacher's own. {counts}.",
        "Counted at the penalties chosen. The student inherits the teacher's variance only in the directions"
        " that the two share: the smaller the inner bar beside the outer, the less of it is handed on.",
        specified(alt.layer(*layers), ROW * len(teachers)),
    )


def _directions(
    places: Sequence[str], teachers: Sequence[Plain], key: str, name: str
) -> list[dict[str, Any]]:
    rows = zip(places, teachers, (value_of(teacher[key]) for teacher in teachers), strict=True)
    return [
        {
            "place": place,
            "zero": 0,
            "value": value,
            "what": name,
            "row": one.get("weak"),
            "text": number(value),
        }
        for place, one, value in rows
    ]
