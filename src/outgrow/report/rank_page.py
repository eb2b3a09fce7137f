"""The report of a ranking: which teacher to take on the first screen, drawn; tables and methods below."""

from __future__ import annotations

from outgrow.report.document import document
from outgrow.report.figures import Figures
from outgrow.report.findings import Plain, items, part, risk_name, title_of
from outgrow.report.listing import STAR, TIED, Badge, Column, Listing, Marked, listing
from outgrow.report.markup import joined, reason_list, reasons, tag
from outgrow.report.sections import configuration, header, obtained, raised, section
from outgrow.report.text import number, percent, shortened, value_of, visible
from outgrow.report.words import kind_title

DECISIONS = {
    "take": ("Take it", "do"),
    "tied": ("A tie at the top", "close"),
    "none": ("None is worth it", "dont"),
    "not shown": ("None is shown to be worth it", "close"),
    "undefined": ("Nothing to rank", "dont"),
}
"""For each decision of a ranking: its badge and CSS class."""


def decided(outcome: Plain) -> Badge:
    """Give the decision as a badge."""
    other = shortened(outcome.get("decision") or "no decision"), "close"
    return Badge(*DECISIONS.get(str(outcome.get("decision")), other))


def headline(outcome: Plain) -> str:
    """Give the page's title."""
    return title_of(outcome, f"Which teacher for {outcome.get('strong') or 'the student'}?")


def sizes(outcome: Plain) -> str:
    """Say what the ranking is for and what it rests on."""
    return (
        f"for {number(outcome.get('n'))} labelled and {number(outcome.get('N'))} unlabelled rows;"
        f" {visible(outcome.get('kind'))} forecast from {number(outcome.get('m'))} labels and"
        f" {number(outcome.get('pool'))} unlabelled rows"
    )


def ranked(outcome: Plain) -> list[Plain]:
    """List the teachers whose student's risk is defined, in order."""
    return [teacher for teacher in items(outcome, "teachers") if value_of(teacher.get("student")) is not None]


def marked(teacher: Plain, outcome: Plain) -> Marked:
    """Name a teacher with the mark of those that may be the best."""
    if not teacher.get("tied"):
        return Marked(shortened(teacher.get("weak")))
    tied = outcome.get("tied")
    alone = isinstance(tied, (list, tuple)) and len(tied) == 1
    return Marked(shortened(teacher.get("weak")), "may be the best", STAR if alone else TIED)


def label(teacher: Plain, outcome: Plain) -> str:
    """Name a teacher with its mark, shortly enough for a chart."""
    return f"{marked(teacher, outcome).sign} {shortened(teacher.get('weak'), 24)}".strip()


def page(outcome: Plain) -> str:
    """Draw the report of a ranking."""
    from outgrow.report import rank_charts as charts

    figures, title, badge = Figures(), headline(outcome), decided(outcome)
    count = len(items(outcome, "teachers"))
    about = f"{count} {'teacher' if count == 1 else 'teachers'} · {sizes(outcome)}"
    student = {"Student": shortened(outcome.get("strong") or "not named", 40)}
    main = tag(
        "main",
        header(outcome, "Ranking of teachers", title, student, about),
        section(
            "verdict",
            badge.html(),
            tag("p", outcome.get("sentence") or "", class_="take"),
            class_=f"verdict {badge.kind}",
        ),
        figures.place(charts.parts_chart(outcome), charts.behind_chart(outcome)),
        section(
            "ranking",
            "The ranking",
            tag(
                "p",
                f"Smaller is better. Numbers are the {risk_name(outcome)} that a student of each teacher is"
                " forecast to have; brackets hold 90 % intervals. How far one is behind the best is known"
                " better than either risk, because all forecasts rest on the same labels.",
            ),
            ranking(outcome).html(),
            reason_list(undefined(outcome)),
        ),
        section(
            "why",
            "Why",
            tag(
                "p",
                "Bias is the error of the student averaged over all draws: what neither teacher nor student"
                " can express, or shrinks away. Inherited variance is the teacher's noise in the directions"
                " that the student shares with it; fresh variance comes with the unlabelled rows drawn.",
            ),
            figures.place(charts.beyond_chart(outcome), charts.shared_chart(outcome)),
            parts(outcome).html(),
        ),
        raised(outcome),
        obtained(_methods(outcome)),
        configuration(outcome),
    )
    return document(title, main, figures)


def summary_html(outcome: Plain) -> str:
    """Write the decision and the ranking for a notebook."""
    return str(joined([tag("p", tag("b", outcome.get("sentence") or "")), ranking(outcome).html()]))


def ranking(outcome: Plain) -> Listing:
    """Compare the students of all teachers, and what needs no teacher."""
    alone = {"student": outcome.get("baseline")}
    columns = [
        Column("Teacher", lambda one: kind_title("baseline") if one is alone else marked(one, outcome)),
        Column("Its student", "student", risk_name(outcome)),
        Column("Behind the best", "behind", "for all at once"),
        Column("Best of all", lambda one: percent(one.get("probability")), "probability"),
        Column("Less labels alone", "beyond_labels", "for all at once"),
        Column("The teacher itself", "alone", "no student"),
    ]
    return listing("The ranking", columns, [*items(outcome, "teachers"), "Without a teacher", alone])


def parts(outcome: Plain) -> Listing:
    """Say what makes up the risk of every teacher's student."""
    columns = [
        Column("Teacher", lambda one: shortened(one.get("weak"))),
        Column("Bias", "bias", "" if outcome.get("excess") else "with the label noise"),
        Column("Inherited variance", "inherited", "the teacher's"),
        Column("Fresh variance", "fresh", "the student's own"),
        Column("d_w", "d_w", "teacher's directions"),
        Column("d_sw", "d_sw", "shared"),
        Column("d_sw / d_w", share_inherited, "share inherited"),
        Column("d_s", "d_s", "student's directions"),
        Column("Penalties", _penalties, "alpha_w, alpha_s"),
    ]
    return listing("Why", columns, ranked(outcome))


def share_inherited(pair: Plain) -> str:
    """Write how much of the teacher the student shares."""
    d_w, d_sw = value_of(pair.get("d_w")), value_of(pair.get("d_sw"))
    return number(d_sw / d_w) if d_w and d_sw is not None else "–"


def _penalties(teacher: Plain) -> str:
    penalties = (value_of(teacher.get(key)) for key in ("alpha_w", "alpha_s"))
    return ", ".join(f"{value:.2g}" for value in penalties if value is not None) or "–"


def undefined(outcome: Plain) -> list[tuple[str, str]]:
    """Say of which teachers' students nothing is forecast, and why."""
    return reasons((shortened(one.get("weak"), 40), one.get("student")) for one in items(outcome, "teachers"))


def _methods(outcome: Plain) -> list[tuple[str | None, str | None]]:
    methods = (part(teacher, "student").get("method") for teacher in ranked(outcome))
    return [
        ("Forecasts", shortened(next(filter(None, methods), "none"), 300)),
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
            "Compared with",
            "two-stage leave-one-out at the labels and the pool available; a disagreement raises the check"
            " OG214",
        ),
    ]
