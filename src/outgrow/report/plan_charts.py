"""Charts of a plan: risk against money, the student's risk over both kinds of rows, routes, and what-ifs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import altair as alt
import numpy as np

from outgrow.report import marks
from outgrow.report.drawing import AFTER, BEFORE, Drawing, decades, specified
from outgrow.report.findings import Plain, items, part, risk_name
from outgrow.report.interval_chart import Row, Series, intervals
from outgrow.report.line_chart import along, lines
from outgrow.report.listing import STAR
from outgrow.report.marks import HEIGHT, ROUTES
from outgrow.report.plan_page import change_text, changed, money, route_label, rows_text
from outgrow.report.text import is_number, number, shortened, value_of
from outgrow.report.words import kind_title

LINE = 80
"""Points of the budget line: it bends on logarithmic axes."""

BRIGHT = 4
"""Times the median from which all risks of the map have one colour: peaks would take all of the colours."""


def frontier_chart(outcome: Plain) -> Drawing | None:
    """Draw the least risk of every kind of route against the budget; None where nothing is forecast."""
    least: dict[str, dict[float, float]] = {}
    frontier = part(outcome, "frontier")
    for name, risks in part(frontier, "risks").items():
        curve = least.setdefault(str(name).split(" (")[0], {})
        for budget, risk in zip(frontier.get("budgets") or [], risks, strict=False):
            if is_number(budget) and is_number(risk):
                curve[budget] = min(risk, curve.get(budget, risk))
    points: list[dict[str, Any]] = [
        {"what": kind_title(kind), "place": budget, "value": risk, "text": number(risk)}
        for kind, curve in least.items()
        for budget, risk in curve.items()
    ]
    if not points:
        return None
    budgets = [point["place"] for point in points]
    ends, x = decades(min(budgets), max(budgets)), along("budget", points)
    up = partial(marks.linear, alt.Y, title=risk_name(outcome), zero=False)
    tips = marks.tips(what="route", place="budget", text="risk")
    looks = {kind_title(kind): look for kind, look in ROUTES.items()}
    layers = lines(points, looks, x, up, tooltip=tips, columns=2)
    best = next(iter(items(outcome, "routes")), {})
    spent, reached = value_of(outcome.get("budget")), value_of(best.get("risk"))
    if spent is not None and reached is not None and ends[0] <= spent <= ends[1]:
        what = f"plan: {route_label(best, outcome)}"
        here = marks.data([{"place": spent, "value": reached, "what": what, "text": number(reached)}])
        rule = here.mark_rule(strokeDash=[4, 3], color="currentColor", opacity=0.5)
        diamond = here.mark_point(shape="diamond", size=130, filled=True, color="currentColor", opacity=1)
        layers += [rule.encode(x=x), diamond.encode(x=x, y=up("value:Q"), tooltip=tips)]
    ranges = "; ".join(
        f"{kind_title(kind)} from {number(next(iter(curve.values())))} to {number(list(curve.values())[-1])}"
        for kind, curve in least.items()
        if curve
    )
    several = " Of several teachers the best is drawn." if len(outcome.get("weak") or ()) > 1 else ""
    return Drawing(
        "Risk against money",
        f"Least {risk_name(outcome)} against budget, {number(float(min(budgets)))} to"
        f" {number(float(max(budgets)))}: {ranges}.",
        "The least risk that each route is forecast to reach for its money; the diamond is the plan."
        + several,
        specified(alt.layer(*layers), HEIGHT),
    )


def map_chart(outcome: Plain) -> Drawing | None:
    """Draw the student's risk over both kinds of rows; None where it is nowhere finite."""
    risk_map = part(outcome, "risk_map")
    n, N, risk = (risk_map.get(key) or [] for key in ("n", "N", "risk"))
    cells = [
        {"n": n[i], "low_n": x[0], "high_n": x[1], "N": N[j], "low_N": y[0], "high_N": y[1], "risk": value}
        for i, (x, row) in enumerate(zip(_edges(n), risk, strict=False))
        for j, (y, value) in enumerate(zip(_edges(N), row, strict=False))
        if is_number(value)
    ]
    if len(n) < 2 or len(N) < 2 or not cells:
        return None
    ends_n, ends_N = (_edges(n)[0][0], _edges(n)[-1][1]), (_edges(N)[0][0], _edges(N)[-1][1])
    across = partial(marks.logarithmic, alt.X, title="labelled rows, n", ends=ends_n, grid=False)
    up = partial(marks.logarithmic, alt.Y, title="unlabelled rows, N", ends=ends_N, grid=False)
    values = sorted(cell["risk"] for cell in cells)
    top = min(values[-1], BRIGHT * values[len(values) // 2]) if values[0] > 0 else values[-1]
    colour = alt.Color(
        "risk:Q",
        scale=alt.Scale(scheme="viridis", reverse=True, domain=[values[0], top], clamp=True),
        legend=alt.Legend(title=risk_name(outcome), gradientLength=140, orient="right", offset=12),
    )
    tips = [
        alt.Tooltip(f"{key}:Q", format=form) for key, form in (("n", ",d"), ("N", ",d"), ("risk", ".3~r"))
    ]
    rect = marks.data(cells).mark_rect(clip=True)
    layers: list[Any] = [
        rect.encode(
            x=across("low_n:Q"), x2="high_n:Q", y=up("low_N:Q"), y2="high_N:Q", color=colour, tooltip=tips
        )
    ]
    line = _budget_line(outcome, ends_n, ends_N)
    if len(line) > 1:
        for width, ink in ((5, "#fff"), (2.5, "#111")):
            drawn = marks.data(line).mark_line(clip=True, strokeWidth=width, color=ink)
            layers.append(drawn.encode(x=across("n:Q"), y=up("N:Q"), order="n:Q"))
    weak = risk_map.get("weak")
    design = next(
        (r for r in items(outcome, "routes") if r.get("route") == "student" and r.get("weak") == weak), None
    )
    if design is not None and is_number(design.get("n")) and design.get("N"):
        look: dict[str, Any] = {
            "filled": True,
            "fill": "#fff",
            "stroke": "#111",
            "strokeWidth": 2,
            "opacity": 1,
        }
        point = marks.data([{"n": design["n"], "N": design["N"]}]).mark_point(
            shape="diamond", size=170, **look
        )
        layers.append(point.encode(x=across("n:Q"), y=up("N:Q")))
    of = f" of {shortened(weak, 30)}" if len(outcome.get("weak") or ()) > 1 else ""
    best = f" Its best design: {rows_text(design)}." if design else ""
    return Drawing(
        f"Risk of the student{of}",
        f"{risk_name(outcome)} of the student over labelled and unlabelled rows: from {number(values[-1])} at"
        f" worst to {number(values[0])} at best.{best}",
        f"Brighter is better. The line is what the budget of {money(outcome.get('budget'))} pays; the diamond"
        " is the student's best design there.",
        specified(alt.layer(*layers), HEIGHT),
    )


def _edges(sizes: Sequence[float]) -> list[tuple[float, float]]:
    """Ends of the cells around sizes, half-way between them by factors."""
    if len(sizes) < 2:
        return [(size, size) for size in sizes]
    logs = np.log(np.asarray(sizes, dtype=float))
    middle = (logs[1:] + logs[:-1]) / 2
    ends = np.exp(np.concatenate([[2 * logs[0] - middle[0]], middle, [2 * logs[-1] - middle[-1]]]))
    return list(zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True))


def _budget_line(
    outcome: Plain, ends_n: tuple[float, float], ends_N: tuple[float, float]
) -> list[dict[str, float]]:
    budget, prices = value_of(outcome.get("budget")), part(outcome, "prices")
    keys = ("label", "unlabelled", "have_labels", "have_unlabelled")
    given = [value for key in keys if (value := value_of(prices.get(key))) is not None]
    if budget is None or len(given) < len(keys):
        return []
    label, unlabelled, have_n, have_N = given
    points = []
    last = have_n + budget / label
    for n in np.geomspace(ends_n[0], min(ends_n[1], max(last, ends_n[0])), LINE).tolist():
        N = have_N + (budget - label * max(n - have_n, 0.0)) / unlabelled
        points.append({"n": n, "N": min(max(N, ends_N[0]), ends_N[1])})
    return points


def route_chart(outcome: Plain) -> Drawing | None:
    """Draw the risk of every route's best design; None without routes."""
    labels = [route_label(one, outcome) for one in items(outcome, "routes")]
    signed = [f"{STAR} {label}" if place == 0 else label for place, label in enumerate(labels)]
    rows = [
        Row(label, [one.get("risk")]) for label, one in zip(signed, items(outcome, "routes"), strict=True)
    ]
    return intervals(
        "Every route at its best",
        rows,
        (Series("forecast", AFTER, "diamond"),),
        risk_name(outcome),
        f"Smaller is better; lines are 90 % intervals. {STAR} marks the plan. All rest on the same labels, so"
        " differences are known better than the risks themselves: see the table.",
    )


def scenario_chart(outcome: Plain) -> Drawing | None:
    """Draw what would become of the plan if an input were different; None without what-ifs."""
    rows: list[Row] = []
    what: object = None
    for case in items(outcome, "scenarios"):
        if case.get("what") != what:
            what = case.get("what")
            rows.append(Row(changed(case), heading=True))
        rows.append(Row(change_text(case), (case.get("stay"), case.get("risk"))))
    return intervals(
        "If things are not as forecast",
        rows,
        (Series("the plan as it is", BEFORE, "circle"), Series("planned again", AFTER, "diamond")),
        risk_name(outcome),
        "Where both marks coincide the plan stays the best; how far they lie apart is what it would cost to"
        " have planned with the wrong number.",
    )
