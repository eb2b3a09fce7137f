"""Charts of what the routes risk: expected and measured."""

from __future__ import annotations

from collections.abc import Sequence

from outgrow.report.comparing import evaluated, scale
from outgrow.report.drawing import AFTER, BEFORE, Drawing
from outgrow.report.findings import Plain, ordered_routes, part, teachers
from outgrow.report.interval_chart import Row, Series, in_words, interval_chart
from outgrow.report.text import shortened, visible
from outgrow.report.words import kind_title

STAR = "★ "
"""Stands before the recommended route."""


def _risk(outcome: Plain) -> str:
    classes = outcome.get("task") == "classification"
    return "squared loss of the scores" if classes else "mean squared error"


def _measured(outcome: Plain) -> str:
    # A legend has room for a few words.
    return f"measured: {evaluated(outcome) if outcome.get('n_test') else 'cross-validated'}"


def risk_chart(outcome: Plain) -> Drawing | None:
    """Draw what every route was expected to err by, and what was measured, on one scale."""
    expected, measured, what = scale(outcome)
    series = (
        Series("expected from the labels", BEFORE, "circle"),
        Series(_measured(outcome), AFTER, "diamond"),
    )
    name = f"{what}, less the labels' noise" if what != "error" else f"{_risk(outcome)} against labels"
    return _drawing(
        _by_teacher(outcome, (expected, measured)),
        series,
        name,
        f"Expected and measured {what}",
        f"Smaller is better; lines are 90 % intervals. {STAR}marks the recommended route.",
    )


def accuracy_chart(outcome: Plain) -> Drawing | None:
    """Draw the measured accuracy of every route.

    None for regression.
    """
    series = (Series(_measured(outcome), AFTER, "diamond"),)
    return _drawing(
        _by_teacher(outcome, ("accuracy",)),
        series,
        "share of rows classified right",
        "Accuracy",
        f"Measured on {evaluated(outcome)}; larger is better. Decisions are made on the squared loss, and the"
        " two are never mixed.",
    )


def _by_teacher(outcome: Plain, keys: Sequence[str]) -> list[Row]:
    weak, best = teachers(outcome), part(outcome, "verdict").get("recommended")
    rows: list[Row] = []
    group: object = ""
    for route in ordered_routes(outcome):
        if len(weak) > 1 and route.get("weak") != group:
            group = route.get("weak")
            rows.append(Row("Without a teacher" if group is None else f"Teacher: {group}", heading=True))
        star = STAR if route.get("name") == best else ""
        rows.append(Row(f"{star}{kind_title(route.get('kind'))}", [route.get(key) for key in keys]))
    return rows


def _drawing(
    rows: Sequence[Row], series: Sequence[Series], x: str, title: str, caption: str
) -> Drawing | None:
    spec = interval_chart(rows, series, x)
    if spec is None:
        return None
    return Drawing(shortened(title, 80), f"{visible(title)}. {in_words(rows, series)}.", caption, spec)
