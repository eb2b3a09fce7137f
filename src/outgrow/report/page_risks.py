"""The risks of every route: expected from the labels and measured, as a table and as charts."""

from __future__ import annotations

from outgrow.report.comparing import evaluated, loss_name
from outgrow.report.figures import Figures
from outgrow.report.findings import Plain, ordered_routes, part, settings_text, teachers
from outgrow.report.listing import Column, Listing, Styled, listing
from outgrow.report.markup import Safe, reason_list, reasons, tag
from outgrow.report.page_head import recommended
from outgrow.report.sections import note_of, section
from outgrow.report.text import shortened, value_of
from outgrow.report.words import KINDS, kind_title


def risks(outcome: Plain, figures: Figures) -> Safe:
    """Write the risks of every route."""
    from outgrow.report import risk_charts as charts

    routes, classes = ordered_routes(outcome), outcome.get("task") == "classification"
    kinds = [kind for key, kind in KINDS.items() if any(route.get("kind") == key for route in routes)]
    measured = any(value_of(route.get("risk")) is not None for route in routes)
    return section(
        "risks",
        "Risks of every route",
        tag(
            "p",
            f"Risk is the {loss_name(outcome)}; smaller is better. Brackets hold 90 % intervals.",
            "Expected and measured risks are of the same labels, so they can be compared."
            if measured
            else None,
        ),
        note_of(outcome),
        risk_listing(outcome).html(),
        reason_list(_undefined(outcome)),
        tag("ul", *(tag("li", tag("b", f"{kind.title}:"), f"{kind.line}.") for kind in kinds), class_="plain")
        if teachers(outcome)
        else None,
        figures.place(charts.risk_chart(outcome), charts.accuracy_chart(outcome) if classes else None),
    )


COLUMNS = {
    "expected": "Expected error",
    "risk": "Measured error",
    "expected_excess": "Expected excess error",
    "excess_risk": "Measured excess error",
    "accuracy": "Accuracy",
}
"""What is known of a route: key, and title."""


def risk_listing(outcome: Plain) -> Listing:
    """List every route, teacher by teacher, with its risks and what was chosen for it."""
    best = part(outcome, "verdict").get("recommended")
    small = {"expected": "from the labels", "risk": evaluated(outcome), "accuracy": evaluated(outcome)}
    columns = [
        Column("Route", lambda one: recommended(kind_title(one.get("kind")), one.get("name") == best)),
        *(
            Column(title, key, small.get(key, "less the noise"), optional=True)
            for key, title in COLUMNS.items()
        ),
        Column("Settings", _settings, "chosen on the labels"),
    ]
    rows: list[object] = []
    group: object = ""
    for route in ordered_routes(outcome):
        if route.get("weak") != group:
            group = route.get("weak")
            rows.append(f"Teacher: {shortened(group)}" if group is not None else "Without a teacher")
        rows.append(route)
    return listing("Risks of every route", columns, rows)


def _settings(route: Plain) -> Styled:
    return Styled(settings_text(part(route, "settings")) or "–", "soft line")


def _undefined(outcome: Plain) -> list[tuple[str, str]]:
    """Say what is undefined and why: route by route, or once where a column has no number at all."""
    routes, classes = ordered_routes(outcome), outcome.get("task") == "classification"
    quantities: list[tuple[str, object]] = []
    for key, wanted in (
        ("expected", True),
        ("risk", True),
        ("excess_risk", not classes),
        ("accuracy", classes),
    ):
        if wanted and any(value_of(route.get(key)) is not None for route in routes):
            quantities += [(kind_title(route.get("kind")), route.get(key)) for route in routes]
        elif wanted:
            quantities += [(COLUMNS[key], route.get(key)) for route in routes[:1]]
    return reasons(quantities)
