"""The report of a ranking: which teacher to take on the first screen, drawn; tables and methods below.

From the ranking's JSON alone, by the same builders as the report of a run: one page that needs nothing but
itself, all text of users escaped.
"""

from __future__ import annotations

from outgrow.report import page_back
from outgrow.report import rank_charts as charts
from outgrow.report.figures import Figures
from outgrow.report.findings import Plain, items, part
from outgrow.report.markup import (
    Child,
    Column,
    Safe,
    data_list,
    joined,
    quantity_cell,
    reasons,
    table,
    tag,
)
from outgrow.report.page import document
from outgrow.report.page_head import SIGNS, note_of
from outgrow.report.text import is_number, number, shortened, value_of, visible
from outgrow.report.words import kind_title

DECISIONS = {
    "take": ("Take it", "do"),
    "tied": ("A tie at the top", "close"),
    "none": ("None is worth it", "dont"),
    "not shown": ("None is shown to be worth it", "close"),
    "undefined": ("Nothing to rank", "dont"),
}
"""For each decision of a ranking: its badge and CSS class."""


def title_of(outcome: Plain) -> str:
    """Give the page's title."""
    return shortened(
        outcome.get("title") or f"Which teacher for {outcome.get('strong') or 'the student'}?", 200
    )


def sizes(outcome: Plain) -> str:
    """Say what the ranking is for and what it rests on."""
    return (
        f"for {number(outcome.get('n'))} labelled and {number(outcome.get('N'))} unlabelled rows;"
        f" {visible(outcome.get('kind'))} forecast from {number(outcome.get('m'))} labels and"
        f" {number(outcome.get('pool'))} unlabelled rows"
    )


def page(outcome: Plain) -> str:
    """Draw the report of a ranking."""
    figures = Figures()
    main = tag(
        "main",
        _head(outcome, figures),
        _ranking(outcome),
        _why(outcome, figures),
        page_back.raised(outcome),
        _obtained(outcome),
        _configuration(outcome),
    )
    return document(title_of(outcome), main, figures)


def summary_html(outcome: Plain) -> str:
    """Write the decision and the ranking for a notebook."""
    return str(joined([tag("p", tag("b", outcome.get("sentence") or "")), _table(outcome)]))


def _head(outcome: Plain, figures: Figures) -> Safe:
    said, kind = DECISIONS.get(
        str(outcome.get("decision")), (shortened(outcome.get("decision") or "no decision"), "close")
    )
    badge = tag("span", tag("span", SIGNS[kind], aria_hidden="true"), said, class_=f"badge {kind}")
    count = len(items(outcome, "teachers"))
    top = tag(
        "header",
        tag("p", "Ranking of teachers", class_="kicker"),
        tag("h1", title_of(outcome)),
        tag(
            "p",
            joined(
                [
                    tag("span", "Student:", tag("b", shortened(outcome.get("strong") or "not named", 40))),
                    tag("span", f"{count} {'teacher' if count == 1 else 'teachers'}"),
                    tag("span", sizes(outcome)),
                ],
                " · ",
            ),
            class_="lede",
        ),
        note_of(outcome),
    )
    verdict = tag(
        "section",
        tag("h2", badge, id="verdict"),
        tag("p", outcome.get("sentence") or "", class_="take"),
        class_=f"verdict {kind}",
        aria_labelledby="verdict",
    )
    return joined(
        [
            top,
            verdict,
            figures.place(charts.parts_chart(outcome), charts.behind_chart(outcome)),
        ]
    )


def _ranking(outcome: Plain) -> Safe:
    return tag(
        "section",
        tag("h2", "The ranking", id="ranking"),
        tag(
            "p",
            f"Smaller is better. Numbers are the {charts.risk_name(outcome)} that a student of each teacher"
            " is forecast to have; brackets hold 90 % intervals. How far one is behind the best is known"
            " better than either risk, because all forecasts rest on the same labels.",
        ),
        _table(outcome),
        reasons((str(teacher.get("weak")), teacher.get("student")) for teacher in items(outcome, "teachers")),
        aria_labelledby="ranking",
    )


def _table(outcome: Plain) -> Safe:
    columns = [
        Column("Teacher"),
        Column("Its student", charts.risk_name(outcome)),
        Column("Behind the best", "for all at once"),
        Column("Best of all", "probability"),
        Column("Less labels alone", "for all at once"),
        Column("The teacher itself", "no student"),
    ]
    rows: list[list[Child]] = []
    for teacher in items(outcome, "teachers"):
        mark = tag("small", "may be the best") if teacher.get("tied") else None
        rows.append(
            [
                joined([shortened(teacher.get("weak")), mark], " "),
                quantity_cell(teacher.get("student")),
                quantity_cell(teacher.get("behind")),
                percent(teacher.get("probability")),
                quantity_cell(teacher.get("beyond_labels")),
                quantity_cell(teacher.get("alone")),
            ]
        )
    rows.append(["Without a teacher"])
    dash = quantity_cell(None)
    rows.append(
        [kind_title("baseline"), quantity_cell(outcome.get("baseline")), dash, dash, dash, dash],
    )
    return table(columns, rows, "The ranking")


def percent(value: object) -> str:
    """Write a probability without claiming certainty."""
    share = value_of(value)
    if share is None:
        return "–"
    return "under 1 %" if share < 0.01 else "over 99 %" if share > 0.99 else f"{share:.0%}".replace("%", " %")


def _why(outcome: Plain, figures: Figures) -> Safe:
    columns = [
        Column("Teacher"),
        Column("Bias", "" if outcome.get("excess") else "with the label noise"),
        Column("Inherited variance", "the teacher's"),
        Column("Fresh variance", "the student's own"),
        Column("d_w", "teacher's directions"),
        Column("d_sw", "shared"),
        Column("d_sw / d_w", "share inherited"),
        Column("d_s", "student's directions"),
        Column("Penalties", "alpha_w, alpha_s"),
    ]
    rows: list[list[Child]] = []
    for teacher in charts.ranked(outcome):
        d_w, d_sw = value_of(teacher.get("d_w")), value_of(teacher.get("d_sw"))
        share = number(d_sw / d_w) if d_w and d_sw is not None else "–"
        alphas = ", ".join(f"{value:.2g}" for value in _alphas(teacher)) or "–"
        rows.append(
            [
                shortened(teacher.get("weak")),
                *(quantity_cell(teacher.get(key)) for key, _, _ in charts.PARTS),
                number(d_w),
                number(d_sw),
                share,
                number(value_of(teacher.get("d_s"))),
                alphas,
            ]
        )
    return tag(
        "section",
        tag("h2", "Why", id="why"),
        tag(
            "p",
            "Bias is the error of the student averaged over all draws: what neither teacher nor student can"
            " express, or shrinks away. Inherited variance is the teacher's noise in the directions that the"
            " student shares with it; fresh variance comes with the unlabelled rows drawn.",
        ),
        figures.place(charts.beyond_chart(outcome), charts.shared_chart(outcome)),
        table(columns, rows, "Why") if rows else None,
        aria_labelledby="why",
    )


def _alphas(teacher: Plain) -> list[float]:
    found = (value_of(teacher.get(key)) for key in ("alpha_w", "alpha_s"))
    return [value for value in found if value is not None]


def _obtained(outcome: Plain) -> Safe:
    method = next(
        (
            part(teacher, "student").get("method")
            for teacher in charts.ranked(outcome)
            if part(teacher, "student").get("method")
        ),
        None,
    )
    rows = [
        ("Forecasts", shortened(method or "none", 300)),
        (
            "Penalties",
            "those of least forecast risk, teacher's and student's chosen together, each forecast with one"
            " standard error added; penalties that were given are kept",
        ),
        (
            "Behind the best",
            "each teacher in turn is taken for the true best; differences from it, over the common jackknife"
            " groups, get one critical value for all teachers from their joint t law; a teacher from which"
            " none differs beyond it may be the best",
        ),
        (
            "Probability",
            "share of draws of that law, around the forecasts, in which the teacher's student is the least;"
            " it allows for the labels drawn, not for what the theory leaves out",
        ),
        (
            "Less labels alone",
            "the student's risk less the least of labels-only and of all teachers themselves, each"
            " tuned for itself, whichever that truly is",
        ),
        (
            "Held against",
            "two-stage leave-one-out at the labels and the pool at hand; a disagreement raises the check"
            " OG214",
        ),
    ]
    return tag(
        "section",
        tag("h2", "How every number was obtained", id="methods"),
        data_list(rows, "facts"),
        aria_labelledby="methods",
        class_="wide",
    )


def _configuration(outcome: Plain) -> Safe:
    rows: list[list[Child]] = [
        [
            shortened(name),
            number(part(part(outcome, "identities"), name).get("width")),
            shortened(part(part(outcome, "identities"), name).get("source") or "in memory"),
            tag("code", shortened(part(part(outcome, "identities"), name).get("sha256") or "–", 80)),
        ]
        for name in part(outcome, "identities")
    ]
    config = [
        (name, shortened(", ".join(map(str, value)) if isinstance(value, list) else value, 200))
        for name, value in part(outcome, "config").items()
        if value not in (None, "", []) and name not in page_back.PATHS
    ]
    heads = [Column("Features"), Column("Width"), Column("File"), Column("SHA-256", "of the values")]
    seconds = outcome.get("seconds")
    took = tag("p", f"It took {number(seconds)} s.") if is_number(seconds) else None
    return tag(
        "section",
        tag("h2", "Configuration and identities", id="configuration"),
        table(heads, rows, "Identities of the feature sets") if rows else None,
        data_list(config, "facts") if config else None,
        took,
        aria_labelledby="configuration",
        class_="wide",
    )
