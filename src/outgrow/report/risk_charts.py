"""Charts of what the routes risk: expected and measured."""

from __future__ import annotations

from collections.abc import Sequence

from outgrow.report.comparing import evaluated, loss_name, scale
from outgrow.report.drawing import AFTER, BEFORE, Drawing
from outgrow.report.findings import Plain, ordered_routes, part, teachers
from outgrow.report.interval_chart import Row, Series, intervals
from outgrow.report.listing import STAR
from outgrow.report.words import kind_title


def risk_chart(outcome: Plain) -> Drawing | None:
    """Draw what every route was expected to err by, and what was measured, on one scale."""
    expected, measured, what = scale(outcome)
    name = f"{what}, less the labels' noise" if what != "error" else f"{loss_name(outcome)} against labels"
    return intervals(
        f"Expected and measured {what}",
        _by_teacher(outcome, (expected, measured)),
        (Series("expected from the labels", BEFORE, "circle"), _measured(outcome)),
        name,
        f"Smaller is better; lines are 90 % intervals. {STAR} marks the recommended route.",
    )


def accuracy_chart(outcome: Plain) -> Drawing | None:
    """Draw the measured accuracy of every route; None for regression."""
    return intervals(
        "Accuracy",
        _by_teacher(outcome, ("accuracy",)),
        (_measured(outcome),),
        "share of rows classified right",
        f"Measured on {evaluated(outcome)}; larger is better. Decisions are made on the squared loss, and the"
        " two are never mixed.",
    )


def _measured(outcome: Plain) -> Series:
    # A legend has room for a few words.
    on = evaluated(outcome) if outcome.get("n_test") else "cross-validated"
    return Series(f"measured: {on}", AFTER, "diamond")


def _by_teacher(outcome: Plain, keys: Sequence[str]) -> list[Row]:
    weak, best = teachers(outcome), part(outcome, "verdict").get("recommended")
    rows: list[Row] = []
    group: object = ""
    for route in ordered_routes(outcome):
        if len(weak) > 1 and route.get("weak") != group:
            group = route.get("weak")
            rows.append(Row("Without a teacher" if group is None else f"Teacher: {group}", heading=True))
        star = f"{STAR} " if route.get("name") == best else ""
        rows.append(Row(f"{star}{kind_title(route.get('kind'))}", [route.get(key) for key in keys]))
    return rows
