"""Charts of what the routes risk: expected and measured, one against another, theory against measurement."""

from __future__ import annotations

from collections.abc import Sequence

from outgrow.report.comparing import differences, evaluated
from outgrow.report.drawing import AFTER, BEFORE, Drawing
from outgrow.report.findings import Plain, items, ordered_routes, part, teachers
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
    """Draw what every route was expected to risk against labels, and what was measured.

    Parameters
    ----------
    outcome : dict
        The run.

    Returns
    -------
    Drawing or None
        None where no route has a risk.
    """
    series = (
        Series("expected from the labels", BEFORE, "circle"),
        Series(_measured(outcome), AFTER, "diamond"),
    )
    rows = _by_teacher(outcome, ("leave_one_out", "risk"))
    return _drawing(
        rows,
        series,
        f"{_risk(outcome)} against labels",
        "Expected and measured risk",
        f"Smaller is better; lines are 90 % intervals. {STAR}marks the recommended route.",
    )


def excess_chart(outcome: Plain) -> Drawing | None:
    """Draw the measured excess risk of every route.

    Parameters
    ----------
    outcome : dict
        The run.

    Returns
    -------
    Drawing or None
        None where the noise is not known.
    """
    series = (Series(_measured(outcome), AFTER, "diamond"),)
    return _drawing(
        _by_teacher(outcome, ("excess_risk",)),
        series,
        "excess risk",
        "Excess risk",
        f"Measured on {evaluated(outcome)}: the risk less the noise of the labels, which a perfect model"
        " would bring to zero.",
    )


def accuracy_chart(outcome: Plain) -> Drawing | None:
    """Draw the measured accuracy of every route.

    Parameters
    ----------
    outcome : dict
        The run.

    Returns
    -------
    Drawing or None
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


def comparison_chart(outcome: Plain, verdict: Plain) -> Drawing | None:
    """Draw the recommended route's risk less that of each other route.

    Parameters
    ----------
    outcome : dict
        The run.
    verdict : dict
        Over all teachers, or of one.

    Returns
    -------
    Drawing or None
        None where nothing is compared.
    """
    found = differences(outcome, verdict)
    routes = {str(route.get("name")): route for route in items(outcome, "routes")}
    several = len({routes.get(one.other, {}).get("weak") for one in found} - {None}) > 1
    rows: list[Row] = []
    group: object = ""
    for one in found:
        route = routes.get(one.other, {})
        if several and route.get("weak") != group:
            group = route.get("weak")
            rows.append(Row("Without a teacher" if group is None else f"Teacher: {group}", heading=True))
        title = kind_title(route.get("kind", one.other))
        rows.append(Row(title, (one.on_labels, one.measured)))
    series = (
        Series("on the labels (decides)", BEFORE, "circle"),
        Series(_measured(outcome), AFTER, "diamond"),
    )
    name = routes.get(str(verdict.get("recommended")), {})
    best = kind_title(name.get("kind", verdict.get("recommended")))
    return _drawing(
        rows,
        series,
        "difference of risk",
        f"{best} less each other route",
        f"Left of the line {best} errs less; an interval across it is a tie. Intervals on the labels hold"
        " for all comparisons at once.",
        zero=True,
    )


def theory_chart(theory: Plain) -> Drawing | None:
    """Draw predicted risks beside measured ones.

    Parameters
    ----------
    theory : dict
        The retrospective of a pair.

    Returns
    -------
    Drawing or None
        None where nothing was predicted.
    """
    rows = [
        Row(kind_title(point.get("route")), (point.get("predicted"), point.get("measured")))
        for point in items(theory, "points")
    ]
    draws = theory.get("draws")
    series = (
        Series("predicted by theory", BEFORE, "circle"),
        Series(f"measured, {draws} redraws" if draws else "measured", AFTER, "diamond"),
    )
    return _drawing(
        rows,
        series,
        "risk of minimum-norm models",
        "Predicted and measured risk",
        "Both are of minimum-norm models on the truncated features, not of the models trained above.",
    )


def _drawing(
    rows: Sequence[Row], series: Sequence[Series], x: str, title: str, caption: str, zero: bool = False
) -> Drawing | None:
    spec = interval_chart(rows, series, x, zero=zero)
    if spec is None:
        return None
    return Drawing(shortened(title, 80), f"{visible(title)}. {in_words(rows, series)}.", caption, spec)
