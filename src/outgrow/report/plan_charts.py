"""Charts of a plan: risk against money, the student's risk over both kinds of rows, routes, and what-ifs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from outgrow.report.drawing import AFTER, BEFORE, SHARED, STRONG, WEAK, Drawing, decades, log_ticks, specified
from outgrow.report.findings import Plain, items, part
from outgrow.report.interval_chart import Row, Series, in_words, interval_chart
from outgrow.report.text import is_number, number, shortened, value_of, visible
from outgrow.report.words import kind_title

BASELINE = "#2a8a5b"
"""Colour of what learns from the labels alone."""

LOOKS = {
    "student": (STRONG, [1, 0]),
    "teacher": (WEAK, [7, 3]),
    "baseline": (BASELINE, [2, 2]),
    "union": (SHARED, [8, 2, 2, 2]),
}
"""Colour and dash of each kind of route."""

HEIGHT = 280
"""Of a chart in pixels."""

STAR = "★ "
"""Stands before the plan."""

LINE = 80
"""Points of the budget line: it bends on logarithmic axes."""

CHANGES = {"sharing": "shared directions (d_sw)", "unexplained": "unexplained (rho and noise)"}
"""What the what-ifs change."""


def risk_name(outcome: Plain) -> str:
    """Name what is forecast."""
    return "excess risk" if outcome.get("excess") else "squared error on new labels"


def route_label(planned: Plain, outcome: Plain) -> str:
    """Name a route as the page does."""
    title, weak = kind_title(planned.get("route")), planned.get("weak")
    several = len(outcome.get("weak") or ()) > 1
    return f"{title} ({shortened(weak, 30)})" if several and weak is not None else title


def rows_text(planned: Plain) -> str:
    """Say how many rows a design has."""
    said = f"{number(planned.get('n'))} labels"
    return f"{said}, {number(planned.get('N'))} pseudo-labels" if planned.get("N") else said


def money(value: object) -> str:
    """Write a cost, without digits that nobody set."""
    found = value_of(value)
    return "–" if found is None else f"{found:,.10g}" if abs(found) < 1e4 else f"{found:,.0f}"


def frontier_chart(outcome: Plain) -> Drawing | None:
    """Draw the least risk of every kind of route against the budget.

    None where nothing is forecast.
    """
    import altair as alt

    found = part(outcome, "frontier")
    budgets = found.get("budgets") or []
    least: dict[str, dict[float, float]] = {}
    for name, risks in part(found, "risks").items():
        kind = str(name).split(" (")[0]
        for budget, risk in zip(budgets, risks, strict=False):
            if is_number(budget) and is_number(risk):
                own = least.setdefault(kind, {})
                own[budget] = min(risk, own.get(budget, risk))
    points = [
        {"what": kind_title(kind), "budget": budget, "risk": risk}
        for kind, own in least.items()
        for budget, risk in own.items()
    ]
    if not points:
        return None
    kinds = [kind for kind in LOOKS if kind in least]
    names = [kind_title(kind) for kind in kinds]
    spread = sorted({float(budget) for own in least.values() for budget in own})
    ends = decades(spread[0], spread[-1])
    x = alt.X(
        "budget:Q",
        scale=alt.Scale(type="log", domain=list(ends), nice=False),
        axis=alt.Axis(title="budget", values=log_ticks(*ends), format=",~r", labelOverlap=True),
    )
    y = alt.Y("risk:Q", scale=alt.Scale(zero=False), axis=alt.Axis(title=risk_name(outcome), tickCount=5))
    domain = alt.Scale(domain=names, range=[LOOKS[kind][0] for kind in kinds])
    legend = alt.Legend(title=None, columns=2, symbolType="stroke")
    dashes = alt.Scale(domain=names, range=[LOOKS[kind][1] for kind in kinds])
    tooltip = [
        alt.Tooltip("what:N", title="route"),
        alt.Tooltip("budget:Q", title="budget", format=",.4~r"),
        alt.Tooltip("risk:Q", title="risk", format=".3~r"),
    ]
    lines = (
        alt.Chart(alt.InlineData(values=points))
        .mark_line(strokeWidth=2.5)
        .encode(
            x=x,
            y=y,
            color=alt.Color("what:N", scale=domain, legend=legend),
            strokeDash=alt.StrokeDash("what:N", scale=dashes, legend=legend),
            tooltip=tooltip,
        )
    )
    best = next(iter(items(outcome, "routes")), {})
    spent, reached = value_of(outcome.get("budget")), value_of(best.get("risk"))
    layers: list[Any] = [lines]
    if spent is not None and reached is not None and ends[0] <= spent <= ends[1]:
        here = {"budget": spent, "risk": reached, "what": f"plan: {route_label(best, outcome)}"}
        mark = alt.Chart(alt.InlineData(values=[here]))
        layers.append(mark.mark_rule(strokeDash=[4, 3], color="currentColor", opacity=0.5).encode(x=x))
        layers.append(
            mark.mark_point(shape="diamond", size=130, filled=True, color="currentColor", opacity=1).encode(
                x=x, y=y, tooltip=tooltip
            )
        )
    said = "; ".join(
        f"{kind_title(kind)} from {number(next(iter(own.values())))} to {number(list(own.values())[-1])}"
        for kind, own in least.items()
    )
    several = " Of several teachers the best is drawn." if len(outcome.get("weak") or ()) > 1 else ""
    return Drawing(
        "Risk against money",
        f"Least {risk_name(outcome)} against budget, {number(spread[0])} to {number(spread[-1])}: {said}.",
        "The least risk that each route is forecast to reach for its money; the diamond is the plan."
        + several,
        specified(alt.layer(*layers), HEIGHT),
    )


def map_chart(outcome: Plain) -> Drawing | None:
    """Draw the student's risk over labelled and unlabelled rows, with the budget line.

    None where the student has no finite risk anywhere.
    """
    import altair as alt

    found = part(outcome, "risk_map")
    n, N, risk = (found.get(key) or [] for key in ("n", "N", "risk"))
    cells = [
        {"n": n[i], "low_n": x[0], "high_n": x[1], "N": N[j], "low_N": y[0], "high_N": y[1], "risk": value}
        for i, (x, row) in enumerate(zip(_edges(n), risk, strict=False))
        for j, (y, value) in enumerate(zip(_edges(N), row, strict=False))
        if is_number(value)
    ]
    if len(n) < 2 or len(N) < 2 or not cells:
        return None
    ends_n, ends_N = (_edges(n)[0][0], _edges(n)[-1][1]), (_edges(N)[0][0], _edges(N)[-1][1])
    values = sorted(cell["risk"] for cell in cells)
    # Peaks would take all of the colours; what lies above four times the median is as bad as that.
    top = min(values[-1], 4 * values[len(values) // 2]) if values[0] > 0 else values[-1]
    scale_x, scale_y = (alt.Scale(type="log", domain=list(ends), nice=False) for ends in (ends_n, ends_N))
    axis_x, axis_y = (
        alt.Axis(title=title, values=log_ticks(*ends), format=",~r", labelOverlap=True, grid=False)
        for title, ends in (("labelled rows, n", ends_n), ("unlabelled rows, N", ends_N))
    )
    rect = (
        alt.Chart(alt.InlineData(values=cells))
        .mark_rect(clip=True)
        .encode(
            x=alt.X("low_n:Q", scale=scale_x, axis=axis_x),
            x2="high_n:Q",
            y=alt.Y("low_N:Q", scale=scale_y, axis=axis_y),
            y2="high_N:Q",
            color=alt.Color(
                "risk:Q",
                scale=alt.Scale(scheme="viridis", reverse=True, domain=[values[0], top], clamp=True),
                legend=alt.Legend(title=risk_name(outcome), gradientLength=140, orient="right", offset=12),
            ),
            tooltip=[
                alt.Tooltip("n:Q", format=",d"),
                alt.Tooltip("N:Q", format=",d"),
                alt.Tooltip("risk:Q", format=".3~r"),
            ],
        )
    )
    layers: list[Any] = [rect]
    line = _budget_line(outcome, ends_n, ends_N)
    if len(line) > 1:
        drawn = alt.Chart(alt.InlineData(values=line))
        layers += [
            drawn.mark_line(clip=True, strokeWidth=width, color=colour).encode(
                x=alt.X("n:Q", scale=scale_x), y=alt.Y("N:Q", scale=scale_y), order="n:Q"
            )
            for width, colour in ((5, "#fff"), (2.5, "#111"))
        ]
    weak = found.get("weak")
    own = next(
        (r for r in items(outcome, "routes") if r.get("route") == "student" and r.get("weak") == weak), None
    )
    if own is not None and is_number(own.get("n")) and own.get("N"):
        point = alt.Chart(alt.InlineData(values=[{"n": own["n"], "N": own["N"]}]))
        layers.append(
            point.mark_point(
                shape="diamond", size=170, filled=True, fill="#fff", stroke="#111", strokeWidth=2, opacity=1
            ).encode(x=alt.X("n:Q", scale=scale_x), y=alt.Y("N:Q", scale=scale_y))
        )
    of = f" of {shortened(weak, 30)}" if len(outcome.get("weak") or ()) > 1 else ""
    best = f" Its best design: {rows_text(own)}." if own else ""
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
    budget = value_of(outcome.get("budget"))
    keys = ("label", "unlabelled", "have_labels", "have_unlabelled")
    found = [value_of(part(outcome, "prices").get(key)) for key in keys]
    given = [value for value in found if value is not None]
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
    """Draw the risk of every route's best design.

    None without routes.
    """
    rows = [
        Row(f"{STAR if place == 0 else ''}{route_label(one, outcome)}", [one.get("risk")])
        for place, one in enumerate(items(outcome, "routes"))
    ]
    return _intervals(
        rows,
        (Series("forecast", AFTER, "diamond"),),
        "Every route at its best",
        risk_name(outcome),
        f"Smaller is better; lines are 90 % intervals. {STAR}marks the plan. All rest on the same labels, so"
        " differences are known better than the risks themselves: see the table.",
    )


def scenario_chart(outcome: Plain) -> Drawing | None:
    """Draw what would become of the plan if an input were different.

    None without what-ifs.
    """
    rows: list[Row] = []
    what: object = None
    for case in items(outcome, "scenarios"):
        if case.get("what") != what:
            what = case.get("what")
            rows.append(Row(changed(case), heading=True))
        rows.append(Row(change_text(case), (case.get("stay"), case.get("risk"))))
    return _intervals(
        rows,
        (Series("the plan as it is", BEFORE, "circle"), Series("planned again", AFTER, "diamond")),
        "If things are not as forecast",
        risk_name(outcome),
        "Where both marks coincide the plan stays the best; how far they lie apart is what it would cost to"
        " have planned with the wrong number.",
    )


def changed(case: Plain) -> str:
    """Name what a what-if changes."""
    return CHANGES.get(str(case.get("what")), visible(case.get("what")))


def change_text(case: Plain) -> str:
    """Write a relative change."""
    change = case.get("change")
    if not is_number(change):
        return "–"
    return f"{abs(float(change or 0)):.0%} {'more' if float(change or 0) > 0 else 'less'}".replace("%", " %")


def _intervals(
    rows: Sequence[Row], series: Sequence[Series], title: str, x: str, caption: str
) -> Drawing | None:
    spec = interval_chart(rows, series, x)
    if spec is None:
        return None
    return Drawing(title, f"{title}. {in_words(rows, series)}.", caption, spec)
