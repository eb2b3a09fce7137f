"""Charts of a ranking: what makes up each student's risk, how far each is behind, and what teachers share.

Teachers stand in the same order in all of them, the least forecast on top, and a mark before the name says
which may be the best, so that no chart rests on colour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from outgrow.report.drawing import CHANCE, SHARED, STRONG, WEAK, Drawing, specified
from outgrow.report.findings import Plain, items, part
from outgrow.report.text import interval_of, number, quantity_text, shortened, value_of

STAR, TIED = "★ ", "≈ "
"""Stand before the best teacher where it stands alone, and before each that may be the best elsewhere."""

ROW = 30
"""Height of a row in pixels: a bar, and room between bars."""

PARTS = (
    ("bias", "bias", CHANCE),
    ("inherited", "inherited", WEAK),
    ("fresh", "fresh", STRONG),
)
"""Parts of the student's risk from left to right: key in the JSON, name, colour."""


def ranked(outcome: Plain) -> list[Plain]:
    """List the teachers whose student's risk is defined, in order."""
    return [teacher for teacher in items(outcome, "teachers") if value_of(teacher.get("student")) is not None]


def risk_name(outcome: Plain) -> str:
    """Name what is forecast."""
    return "excess risk" if outcome.get("excess") else "error on new labels"


def label(teacher: Plain, outcome: Plain) -> str:
    """Name a teacher with its mark."""
    tied = outcome.get("tied")
    alone = isinstance(tied, (list, tuple)) and len(tied) == 1
    mark = (STAR if alone else TIED) if teacher.get("tied") else ""
    return f"{mark}{shortened(teacher.get('weak'), 24)}"


def parts_chart(outcome: Plain) -> Drawing | None:
    """Draw every student's risk as a bar of its three parts, beside the routes without a student.

    None where no risk is defined.
    """
    import altair as alt

    teachers = ranked(outcome)
    if not teachers:
        return None
    places = _places(teachers, outcome)
    names = {key: name for key, name, _ in PARTS}
    if not outcome.get("excess"):
        names["bias"] = "bias and noise"
    bars, totals, own, said = [], [], [], []
    for place, teacher in zip(places, teachers, strict=True):
        start = 0.0
        for key, _, _ in PARTS:
            size = value_of(teacher.get(key)) or 0.0
            shown = {"part": names[key], "row": teacher.get("weak"), "text": quantity_text(teacher.get(key))}
            bars.append({"place": place, "start": start, "end": start + size, **shown})
            start += size
        total = _point(place, teacher, teacher.get("student"))
        totals.append({**total, "part": "the whole"})
        alone = value_of(teacher.get("alone"))
        if alone is not None:
            own.append(
                {
                    "place": place,
                    "value": alone,
                    "route": "the teacher itself",
                    "row": teacher.get("weak"),
                    "text": quantity_text(teacher.get("alone")),
                }
            )
        said.append(f"{shortened(teacher.get('weak'))} {quantity_text(teacher.get('student'))}")
    y = _rows(places)
    colour = alt.Color(
        "part:N",
        scale=alt.Scale(domain=list(names.values()), range=[colour for _, _, colour in PARTS]),
        legend=alt.Legend(title=None, columns=3, symbolType="square"),
    )
    axis = alt.Axis(title=f"forecast {risk_name(outcome)} of the student", tickCount=6, labelOverlap=True)
    x = alt.X("start:Q", axis=axis, scale=alt.Scale(zero=True))
    tooltip = [
        alt.Tooltip("row:N", title="teacher"),
        alt.Tooltip("part:N", title="part"),
        alt.Tooltip("text:N", title="value"),
    ]
    layers: list[Any] = [
        alt.Chart(alt.InlineData(values=bars))
        .mark_bar(height=16, opacity=0.85)
        .encode(x=x, x2="end:Q", y=y, color=colour, tooltip=tooltip),
        _spans(totals, y, tooltip),
        alt.Chart(alt.InlineData(values=totals))
        .mark_point(filled=True, size=36, color="currentColor", opacity=1)
        .encode(x="value:Q", y=y, tooltip=tooltip),
    ]
    baseline = value_of(outcome.get("baseline"))
    routes = alt.Scale(domain=["the teacher itself", "labels-only"], range=["triangle-up", "stroke"])
    keys = list(own)
    if baseline is not None:
        line = [{"value": baseline, "text": quantity_text(outcome.get("baseline")), "row": "labels-only"}]
        layers.insert(
            0,
            alt.Chart(alt.InlineData(values=line))
            .mark_rule(strokeDash=[5, 4], strokeWidth=2, color="currentColor", opacity=0.75)
            .encode(x="value:Q", tooltip=["row:N", "text:N"]),
        )
    if keys:
        layers.append(
            alt.Chart(alt.InlineData(values=keys))
            .mark_point(filled=False, size=70, strokeWidth=2, color="currentColor", opacity=1)
            .encode(
                x="value:Q",
                y=y,
                shape=alt.Shape("route:N", scale=routes, legend=None),
                tooltip=[alt.Tooltip("row:N", title="teacher"), alt.Tooltip("text:N", title="by itself")],
            )
        )
    told = f"; labels-only {number(baseline)}" if baseline is not None else ""
    line_said = (
        f"The dashed line is the strong model on the labels alone, {number(baseline)}; left of it a student"
        " is forecast to be better. "
        if baseline is not None
        else ""
    )
    return Drawing(
        f"Why: what each student's {risk_name(outcome)} is made of",
        f"Forecast {risk_name(outcome)} of the student of {'; of '.join(said)}{told}.",
        f"{line_said}From left to right: bias, the variance inherited from the teacher, and the student's"
        " own. The dot is the whole with its 90 % interval; triangles are the teachers themselves,"
        " without a student.",
        specified(alt.layer(*layers), ROW * len(teachers)),
    )


def behind_chart(outcome: Plain) -> Drawing | None:
    """Draw how far every teacher is behind the best one."""
    teachers = ranked(outcome)
    if len(teachers) < 2:
        return None
    return _differences(
        outcome,
        "behind",
        ("tied", "may be the best", "not the best"),
        "How far behind the best teacher",
        "above the best student",
        f"{STAR.strip()} marks the best teacher, {TIED.strip()} those that may be. The intervals hold for all"
        " teachers at once, whichever is truly the best; that a teacher is not the best is sure sooner than"
        " by how much.",
    )


def beyond_chart(outcome: Plain) -> Drawing | None:
    """Draw every student's risk less that of the best route without a student.

    None where nothing is compared.
    """
    found = part(outcome, "labels_alone")
    if not found:
        return None
    return _differences(
        outcome,
        "beyond_labels",
        ("worth", "worth its pool", "not shown to be worth it"),
        "Student less training on the labels alone",
        "difference of risk",
        f"Left of the line the student errs less than every route without one (the least is"
        f" {number(value_of(found.get('risk')))}). The intervals hold for all teachers and routes at once.",
    )


def shared_chart(outcome: Plain) -> Drawing | None:
    """Draw the directions that each teacher uses and those that its student inherits.

    None where they are not known.
    """
    import altair as alt

    teachers = [
        teacher
        for teacher in ranked(outcome)
        if value_of(teacher.get("d_w")) is not None and value_of(teacher.get("d_sw")) is not None
    ]
    if not teachers:
        return None
    names = {"d_w": "the teacher's (d_w)", "d_sw": "shared (d_sw)"}
    bars = [
        {
            "place": place,
            "zero": 0,
            "value": value_of(teacher.get(key)),
            "what": name,
            "row": teacher.get("weak"),
        }
        for key, name in names.items()
        for place, teacher in zip(_places(teachers, outcome), teachers, strict=True)
    ]
    base = alt.Chart(alt.InlineData(values=bars))
    y = _rows(_places(teachers, outcome))
    colour = alt.Color(
        "what:N",
        scale=alt.Scale(domain=list(names.values()), range=[WEAK, SHARED]),
        legend=alt.Legend(title=None, columns=1, symbolType="square"),
    )
    x = alt.X("zero:Q", axis=alt.Axis(title="directions used", tickCount=5))
    tooltip = [
        alt.Tooltip("row:N", title="teacher"),
        alt.Tooltip("what:N", title="what"),
        alt.Tooltip("value:Q", format=".3~g"),
    ]
    layers = [
        base.transform_filter(alt.datum.what == name)
        .mark_bar(height=height)
        .encode(x=x, x2="value:Q", y=y, color=colour, tooltip=tooltip)
        for name, height in zip(names.values(), (16, 8), strict=True)
    ]
    said = "; ".join(
        f"{shortened(teacher.get('weak'))}: {number(value_of(teacher.get('d_sw')))} of"
        f" {number(value_of(teacher.get('d_w')))}"
        for teacher in teachers
    )
    return Drawing(
        "How much noise is handed on: directions shared",
        f"Shared directions of each teacher's own. {said}.",
        "Counted at the penalties chosen. The student inherits the teacher's variance only in the directions"
        " that the two share: the smaller the inner bar beside the outer, the less of it is handed on.",
        specified(alt.layer(*layers), ROW * len(teachers)),
    )


def _places(teachers: Sequence[Plain], outcome: Plain) -> list[str]:
    # Numbered, so that two teachers whose shortened names are one stay two rows; the labels cut it off.
    return [f"{place:03d} {label(teacher, outcome)}" for place, teacher in enumerate(teachers)]


def _rows(places: Sequence[str]) -> Any:
    import altair as alt

    axis = alt.Axis(
        title=None, labelExpr="slice(datum.label, 4)", ticks=False, domain=False, grid=False, labelPadding=8
    )
    return alt.Y("place:N", axis=axis, scale=alt.Scale(domain=list(places)))


def _point(place: str, teacher: Plain, quantity: Any) -> dict[str, Any]:
    value = value_of(quantity)
    low, high = interval_of(quantity) or (value, value)
    shown = {"row": teacher.get("weak"), "text": quantity_text(quantity)}
    return {"place": place, "value": value, "low": low, "high": high, **shown}


def _spans(points: Sequence[Mapping[str, Any]], y: Any, tooltip: Any) -> Any:
    import altair as alt

    return (
        alt.Chart(alt.InlineData(values=list(points)))
        .mark_rule(strokeWidth=2, color="currentColor")
        .encode(x="low:Q", x2="high:Q", y=y, tooltip=tooltip)
    )


def _differences(
    outcome: Plain, key: str, kinds: tuple[str, str, str], title: str, x_title: str, caption: str
) -> Drawing | None:
    """Draw one difference per teacher, marked by whether a field holds."""
    import altair as alt

    field, yes, no = kinds
    teachers = [teacher for teacher in ranked(outcome) if value_of(teacher.get(key)) is not None]
    if not teachers:
        return None
    places = _places(teachers, outcome)
    points = [
        {**_point(place, teacher, teacher.get(key)), "kind": yes if teacher.get(field) else no}
        for place, teacher in zip(places, teachers, strict=True)
    ]
    y = _rows(places)
    domain = [kind for kind in (yes, no) if any(point["kind"] == kind for point in points)]
    looks = {yes: (STRONG, "diamond"), no: (CHANCE, "circle")}
    legend = alt.Legend(title=None, columns=1)
    colour = alt.Color(
        "kind:N", scale=alt.Scale(domain=domain, range=[looks[kind][0] for kind in domain]), legend=legend
    )
    shape = alt.Shape(
        "kind:N", scale=alt.Scale(domain=domain, range=[looks[kind][1] for kind in domain]), legend=legend
    )
    tooltip = [
        alt.Tooltip("row:N", title="teacher"),
        alt.Tooltip("kind:N", title="what"),
        alt.Tooltip("text:N", title="value"),
    ]
    axis = alt.Axis(title=x_title, tickCount=5, labelOverlap=True)
    base = alt.Chart(alt.InlineData(values=points))
    zero = alt.Chart(alt.InlineData(values=[{"at": 0}]))
    layers = [
        zero.mark_rule(strokeDash=[4, 3], color="currentColor", opacity=0.6).encode(x="at:Q"),
        base.mark_rule(strokeWidth=2.5).encode(
            x=alt.X("low:Q", axis=axis, scale=alt.Scale(zero=False)),
            x2="high:Q",
            y=y,
            color=colour,
            tooltip=tooltip,
        ),
        base.mark_point(filled=True, size=80, opacity=1).encode(
            x="value:Q", y=y, color=colour, shape=shape, tooltip=tooltip
        ),
    ]
    said = "; ".join(f"{shortened(point['row'])} {point['text']} ({point['kind']})" for point in points)
    return Drawing(title, f"{title}. {said}.", caption, specified(alt.layer(*layers), ROW * len(teachers)))
