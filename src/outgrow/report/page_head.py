"""The first screen: what was asked, the verdict, its numbers on the labels and what came out of it."""

from __future__ import annotations

from outgrow.report.comparing import (
    came_out,
    differences,
    evaluated,
    measure,
    rival,
    route_line,
    route_title,
    sizes,
)
from outgrow.report.findings import Plain, by_name, items, part, teachers
from outgrow.report.markup import Column, Safe, joined, quantity_cell, table, tag
from outgrow.report.text import is_number, shortened
from outgrow.report.words import DECISIONS

SIGNS = {"do": "✓", "dont": "✕", "close": "≈"}
"""For each decision's class the sign before its name: colour alone would not carry it."""


def title_of(outcome: Plain) -> str:
    """Give the page's title.

    Parameters
    ----------
    outcome : dict
        The run.

    Returns
    -------
    str
        As the user gave it; not yet escaped.
    """
    return shortened(outcome.get("title") or "Will the student outgrow its teacher?", 200)


def badge(verdict: Plain) -> Safe:
    """Write a decision as a badge.

    Parameters
    ----------
    verdict : dict
        Over all teachers, or of one.

    Returns
    -------
    Safe
        HTML.
    """
    decision = verdict.get("decision")
    said, kind, _ = DECISIONS.get(str(decision), (shortened(decision or "no verdict"), "close", ""))
    return tag("span", tag("span", SIGNS[kind], aria_hidden="true"), said, class_=f"badge {kind}")


def note_of(outcome: Plain) -> Safe | None:
    """Write the remark that belongs to everything measured on the features.

    Parameters
    ----------
    outcome : dict
        The run.

    Returns
    -------
    Safe or None
        HTML; None without a remark.
    """
    note = outcome.get("note")
    return tag("p", tag("strong", "Measured"), f"{note}.".replace("..", "."), class_="note") if note else None


def head(outcome: Plain) -> Safe:
    """Write the first screen.

    Parameters
    ----------
    outcome : dict
        The run.

    Returns
    -------
    Safe
        HTML.
    """
    strong = next((pair.get("strong") for pair in items(outcome, "pairs") if pair.get("strong")), None)
    weak = teachers(outcome)
    sets = joined(
        [
            tag("span", "Weak:", tag("b", ", ".join(shortened(name, 40) for name in weak) or "none")),
            tag("span", "Strong:", tag("b", shortened(strong or "not named", 40))),
            tag("span", sizes(outcome)),
        ],
        " · ",
    )
    top = tag(
        "header",
        tag("p", "Weak-to-strong report", class_="kicker"),
        tag("h1", title_of(outcome)),
        tag("p", sets, class_="lede"),
        note_of(outcome),
    )
    return joined([top, _verdict(outcome)])


def _verdict(outcome: Plain) -> Safe:
    verdict = part(outcome, "verdict")
    decision = DECISIONS.get(str(verdict.get("decision")))
    kind, meaning = (decision[1], decision[2]) if decision else ("close", "")
    best = verdict.get("recommended")
    line = route_line(best, outcome)
    take = tag(
        "p", "Take:", tag("b", route_title(best, outcome)), f"({line})." if line else None, class_="take"
    )
    return tag(
        "section",
        tag("h2", badge(verdict), tag("span", meaning), id="verdict"),
        take if best else None,
        tag("p", verdict.get("sentence") or "", class_="sentence"),
        tag("div", _decided(outcome, verdict), _came_out(outcome, verdict), class_="halves"),
        _side_by_side(outcome),
        class_=f"verdict {kind}",
        aria_labelledby="verdict",
    )


def _decided(outcome: Plain, verdict: Plain) -> Safe:
    risks, other = part(verdict, "risks"), rival(outcome, verdict)
    against = {one.other: one for one in differences(outcome, verdict)}
    names = [str(name) for name in (verdict.get("recommended"), other) if name is not None]
    rows = [[shortened(route_title(name, outcome)), quantity_cell(risks.get(name))] for name in names]
    if other in against:
        rows.append(["First less second", quantity_cell(against[other].on_labels)])
    n = outcome.get("n")
    title = f"Decided on {n:,} labels" if is_number(n) else "Decided on the labels"
    return tag(
        "div",
        tag("h3", title),
        table([Column("Route"), Column("Expected risk", "leave-one-out, 90 % interval")], rows, title),
        tag(
            "p",
            "The labels alone decide. One route is called better than another only where the interval of"
            " their difference excludes zero.",
        ),
    )


def _came_out(outcome: Plain, verdict: Plain) -> Safe:
    key, other = measure(outcome), rival(outcome, verdict)
    routes = by_name(outcome)
    against = {one.other: one for one in differences(outcome, verdict)}
    names = [str(name) for name in (verdict.get("recommended"), other) if name is not None]
    rows = [
        [shortened(route_title(name, outcome)), quantity_cell(part(routes, name).get(key))] for name in names
    ]
    if other in against:
        rows.append(["First less second", quantity_cell(against[other].measured)])
    title = f"Came out on {evaluated(outcome)}" if outcome.get("n_test") else "Came out, cross-validated"
    what = "Measured excess risk" if key == "excess_risk" else "Measured risk"
    return tag(
        "div",
        tag("h3", title),
        table([Column("Route"), Column(what, "90 % interval")], rows, title),
        tag("p", " ".join(came_out(outcome))),
    )


def _side_by_side(outcome: Plain) -> Safe | None:
    pairs = items(outcome, "pairs")
    if len(pairs) < 2:
        return None
    columns = [
        Column("Teacher"),
        Column("Verdict"),
        Column("Take"),
        Column("PGR", "share of the gap recovered"),
        Column("OPR", "baseline over student"),
        Column("Shared directions", "d_sw"),
    ]
    rows = []
    for pair in pairs:
        shared = part(part(pair, "geometry"), "correlation").get("estimate")
        verdict = part(pair, "verdict")
        rows.append(
            [
                shortened(pair.get("weak")),
                badge(verdict),
                shortened(route_title(verdict.get("recommended"), outcome)),
                quantity_cell(pair.get("pgr")),
                quantity_cell(pair.get("opr")),
                quantity_cell(shared),
            ]
        )
    return joined([tag("h3", "Teacher by teacher"), table(columns, rows, "Teacher by teacher")])
