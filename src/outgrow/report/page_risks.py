"""The risks of every route: expected from the labels and measured, as a table and as charts."""

from __future__ import annotations

from outgrow.report import risk_charts as charts
from outgrow.report.comparing import evaluated
from outgrow.report.figures import Figures
from outgrow.report.findings import Plain, ordered_routes, part, settings_text, teachers
from outgrow.report.markup import Cell, Child, Column, Safe, joined, quantity_cell, reasons, table, tag
from outgrow.report.page_head import note_of
from outgrow.report.text import shortened, value_of
from outgrow.report.words import KINDS, kind_title


def risks(outcome: Plain, figures: Figures) -> Safe:
    """Write the risks of every route."""
    classes = outcome.get("task") == "classification"
    loss = "squared loss of the scores" if classes else "mean squared error"
    quantities = [
        ("expected", Column("Expected error", "from the labels"), True),
        ("risk", Column("Measured error", evaluated(outcome)), True),
        ("expected_excess", Column("Expected excess error", "less the noise"), False),
        ("excess_risk", Column("Measured excess error", "less the noise"), not classes),
        ("accuracy", Column("Accuracy", evaluated(outcome)), classes),
    ]
    routes = ordered_routes(outcome)
    # A column of nothing but "undefined" says less than one line with the reason.
    shown = [
        (key, column)
        for key, column, wanted in quantities
        if any(value_of(route.get(key)) is not None for route in routes)
    ]
    best, weak = part(outcome, "verdict").get("recommended"), teachers(outcome)
    rows: list[list[Child]] = []
    group: object = ""
    for route in routes:
        if route.get("weak") != group:
            group = route.get("weak")
            rows.append([f"Teacher: {shortened(group)}" if group is not None else "Without a teacher"])
        title: Child = kind_title(route.get("kind"))
        if route.get("name") == best:
            title = joined([tag("span", "★", aria_hidden="true"), title, tag("small", "recommended")], " ")
        cells: list[Child] = [quantity_cell(route.get(key)) for key, _ in shown]
        settings = tag("td", settings_text(part(route, "settings")) or "–", class_="soft line")
        rows.append([title, *cells, Cell(settings)])
    drawn = dict(shown)
    why: list[tuple[str, object]] = []
    for key, column, wanted in quantities:
        if wanted and key in drawn:
            why += [(kind_title(route.get("kind")), route.get(key)) for route in routes]
        elif wanted:
            why += [(column.title, route.get(key)) for route in routes[:1]]
    columns = [Column("Route"), *(column for _, column in shown), Column("Settings", "chosen on the labels")]
    kinds = [kind for key, kind in KINDS.items() if any(route.get("kind") == key for route in routes)]
    return tag(
        "section",
        tag("h2", "Risks of every route", id="risks"),
        tag(
            "p",
            f"Risk is the {loss}; smaller is better. Brackets hold 90 % intervals.",
            "Expected and measured risks are of the same labels, so they can be compared."
            if any(key == "risk" for key, _ in shown)
            else None,
        ),
        note_of(outcome),
        table(columns, rows, "Risks of every route"),
        reasons(why),
        tag("ul", *(tag("li", tag("b", f"{kind.title}:"), f"{kind.line}.") for kind in kinds), class_="plain")
        if weak
        else None,
        figures.place(
            charts.risk_chart(outcome),
            charts.accuracy_chart(outcome) if classes else None,
        ),
        aria_labelledby="risks",
    )
