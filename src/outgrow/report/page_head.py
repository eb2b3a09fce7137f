"""The first screen: what was asked, the verdict, its numbers on the labels and what came out of it."""

from __future__ import annotations

from outgrow.report.answer import ANSWERS, answer, came_out, how_sure, outgrown, to_train
from outgrow.report.comparing import evaluated, measured_order, route_title, scale, sizes
from outgrow.report.findings import Plain, by_name, checks, items, part, teachers
from outgrow.report.markup import Child, Column, Safe, joined, quantity_cell, table, tag
from outgrow.report.text import shortened, value_of

SIGNS = {"do": "✓", "dont": "✕", "close": "≈"}
"""For each decision's class the sign before its name: colour alone would not carry it."""


def title_of(outcome: Plain) -> str:
    """Give the page's title."""
    return shortened(outcome.get("title") or "Will the student outgrow its teacher?", 200)


def badge(said: str, kind: str) -> Safe:
    """Write an answer as a badge."""
    return tag("span", tag("span", SIGNS[kind], aria_hidden="true"), said, class_=f"badge {kind}")


def note_of(outcome: Plain) -> Safe | None:
    """Write the remark that belongs to everything measured on the features.

    None without a remark.
    """
    note = outcome.get("note")
    return tag("p", tag("strong", "Measured"), f"{note}.".replace("..", "."), class_="note") if note else None


def head(outcome: Plain) -> Safe:
    """Write the first screen."""
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
    # What may make the answers worthless stands above them.
    serious = [
        tag(
            "p",
            tag("strong", f"{check.code} {check.title}:"),
            f"{check.detail}. {check.remedy}",
            class_="note",
        )
        for check in checks(outcome)
        if check.serious
    ]
    return joined([top, *serious, _verdict(outcome)])


def _verdict(outcome: Plain) -> Safe:
    verdict = part(outcome, "verdict")
    said, kind, meaning = answer(verdict)
    found = items(verdict, "outgrown")
    return tag(
        "section",
        tag("h2", badge(said, kind), tag("span", meaning), id="verdict"),
        tag("p", to_train(outcome), class_="take") if verdict.get("recommended") else None,
        *(tag("p", outgrown(one, outcome), class_="sentence") for one in found[:1]),
        tag("p", how_sure(outcome), class_="sentence") if verdict.get("recommended") else None,
        _expected_and_measured(outcome),
        tag("p", " ".join(came_out(outcome))),
        _by_teacher(outcome, found) if len(found) > 1 else None,
        class_=f"verdict {kind}",
        aria_labelledby="verdict",
    )


def _expected_and_measured(outcome: Plain) -> Safe:
    """Every route to choose from, on one scale, in the order that the labels give."""
    expected, measured, what = scale(outcome)
    routes, verdict = by_name(outcome), part(outcome, "verdict")
    names = [name for name in part(verdict, "risks") if name in routes]
    names.sort(key=lambda name: value_of(routes[name].get(expected)) or 0.0)
    against = {
        source: {str(one.get("route")): one.get("difference") for one in items(where, key)}
        for source, where, key in (("labels", verdict, "comparisons"), ("test", outcome, "on_test"))
    }
    rows: list[list[Child]] = []
    for name in names:
        title: Child = shortened(route_title(name, outcome))
        if name == verdict.get("recommended"):
            title = joined([tag("span", "★", aria_hidden="true"), title, tag("small", "recommended")], " ")
        cells = [routes[name].get(expected), routes[name].get(measured)]
        rows.append([title, *(quantity_cell(cell) for cell in cells)])
        rows[-1] += [
            "–" if name == verdict.get("recommended") else quantity_cell(against[source].get(name))
            for source in ("labels", "test")
        ]
    title = f"Expected and measured {what}"
    columns = [
        Column("Route"),
        Column(f"Expected {what}", "from the labels, 90 % interval"),
        Column(f"Measured {what}", f"{evaluated(outcome)}, 90 % interval"),
        Column("Expected difference", "less the recommended; positive is worse"),
        Column("Measured difference", "less the recommended; positive is worse"),
    ]
    if not measured_order(outcome):
        columns, rows = [columns[0], columns[1], columns[3]], [[row[0], row[1], row[3]] for row in rows]
    return joined([tag("h3", title), table(columns, rows, title)])


def _by_teacher(outcome: Plain, found: list[Plain]) -> Safe:
    pairs = {str(pair.get("weak")): pair for pair in items(outcome, "pairs")}
    columns = [
        Column("Teacher"),
        Column("Outgrown?"),
        Column("Student less teacher", "expected error; negative is better"),
        Column("PGR", "share of the gap recovered"),
        Column("Shared directions", "d_sw"),
    ]
    rows: list[list[Child]] = []
    for one in found:
        pair = pairs.get(str(one.get("weak")), {})
        said, kind, _ = ANSWERS.get(str(one.get("answer")), ("No answer", "close", ""))
        rows.append(
            [
                shortened(one.get("weak")),
                badge(said, kind),
                quantity_cell(one.get("difference")),
                quantity_cell(pair.get("pgr")),
                quantity_cell(part(part(pair, "geometry"), "correlation").get("estimate")),
            ]
        )
    return joined([tag("h3", "Teacher by teacher"), table(columns, rows, "Teacher by teacher")])
