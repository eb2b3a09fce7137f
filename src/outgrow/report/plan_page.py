"""The report of a plan: what to buy on the first screen, drawn; tables, methods and caveats below.

From the plan's JSON alone, by the same builders as the report of a run: one page that needs nothing but
itself, all text of users escaped.
"""

from __future__ import annotations

from outgrow.report import page_back
from outgrow.report import plan_charts as charts
from outgrow.report.figures import Figures
from outgrow.report.findings import Plain, items, part
from outgrow.report.markup import Child, Column, Safe, data_list, joined, quantity_cell, table, tag
from outgrow.report.page import document
from outgrow.report.page_head import note_of
from outgrow.report.text import (
    interval_of,
    is_number,
    number,
    quantity_text,
    shortened,
    undefined_text,
    visible,
)
from outgrow.report.words import KINDS, kind_title


def title_of(outcome: Plain) -> str:
    """Give the page's title."""
    return shortened(outcome.get("title") or "How many labels, how many pseudo-labels?", 200)


def best_of(outcome: Plain) -> Plain:
    """Give the plan itself.

    The first of its routes; empty where there is none.
    """
    return next(iter(items(outcome, "routes")), {})


def advice(outcome: Plain) -> str:
    """Say what to buy."""
    best, prices = best_of(outcome), part(outcome, "prices")
    train = f"Train: {charts.route_label(best, outcome)}."
    if verb(outcome) == "Use":
        return f"{charts.rows_text(best)}, all at hand: there is nothing to buy. {train}"
    held = [
        f"{number(min(best.get(size) or 0, prices.get(key) or 0))} {name}"
        for size, key, name in (
            ("n", "have_labels", "labels"),
            ("N", "have_unlabelled", "pseudo-labels"),
        )
        if best.get(size) and prices.get(key)
    ]
    at_hand = f" ({' and '.join(held)} of them at hand)" if held else ""
    return f"{charts.rows_text(best)}{at_hand}, for {charts.money(best.get('cost'))}. {train}"


def verb(outcome: Plain) -> str:
    """Say in a word what the advice is about."""
    return "Use" if best_of(outcome).get("cost") == 0 else "Buy"


def sentences(outcome: Plain) -> list[str]:
    """Say what comes of the plan, what is tied with it, and how far one may move."""
    best = best_of(outcome)
    said = [f"Forecast {charts.risk_name(outcome)}: {quantity_text(best.get('risk'))}."]
    if outcome.get("asked") == "target":
        said[0] = f"It is the cheapest to reach {charts.money(outcome.get('target'))}. {said[0]}"
    tied = [charts.route_label(one, outcome) for one in items(outcome, "routes")[1:] if one.get("tied")]
    if tied:
        said.append(f"These labels cannot tell it from: {'; '.join(visible(name) for name in tied)}.")
    good = part(outcome, "as_good")
    n, N = (list(good.get(key) or ()) for key in ("n", "N"))
    if len(n) == len(N) == 2 and n[0] != n[1]:
        if best.get("N"):
            said.append(
                f"Anything between {number(n[0])} labels with {number(N[0])} pseudo-labels and {number(n[1])}"
                f" with {number(N[1])} is as good, as far as the labels tell."
            )
        else:
            said.append(f"From {number(n[0])} labels on it is as good, as far as the labels tell.")
    said.append(
        f"No number of rows is forecast to bring it below {quantity_text(outcome.get('floor'))}"
        f" ({_lower(kind_title(str(outcome.get('floor_route')).split(' (')[0]))})."
    )
    return said


def _lower(title: str) -> str:
    return title[:1].lower() + title[1:]


def sizes(outcome: Plain) -> str:
    """Say what was asked and what the answer rests on."""
    prices = part(outcome, "prices")
    asked = f"budget {charts.money(outcome.get('budget'))}"
    if outcome.get("asked") == "target":
        asked = f"{charts.risk_name(outcome)} of {charts.money(outcome.get('target'))} to reach"
    have = [
        f"{number(prices[key])} {name}"
        for key, name in (("have_labels", "labels"), ("have_unlabelled", "unlabelled rows"))
        if prices.get(key)
    ]
    paid = f", {' and '.join(have)} paid for already" if have else ""
    return (
        f"{asked}; a label costs {charts.money(prices.get('label'))}, an unlabelled row"
        f" {charts.money(prices.get('unlabelled'))}{paid}; {visible(outcome.get('kind'))} forecast from"
        f" {number(outcome.get('m'))} labels and {number(outcome.get('pool'))} unlabelled rows"
    )


def page(outcome: Plain) -> str:
    """Draw the report of a plan."""
    figures = Figures()
    main = tag(
        "main",
        _head(outcome, figures),
        _routes(outcome, figures),
        _what_if(outcome, figures),
        page_back.raised(outcome),
        _obtained(outcome),
        _configuration(outcome),
    )
    return document(title_of(outcome), main, figures)


def summary_html(outcome: Plain) -> str:
    """Write the plan for a notebook."""
    said = " ".join(sentences(outcome))
    return str(joined([tag("p", tag("b", advice(outcome)), said), _table(outcome)]))


def _head(outcome: Plain, figures: Figures) -> Safe:
    weak = ", ".join(shortened(name, 40) for name in outcome.get("weak") or ())
    lede = joined(
        [
            tag("span", "Weak:", tag("b", weak or "none")),
            tag("span", "Strong:", tag("b", shortened(outcome.get("strong") or "not named", 40))),
            tag("span", sizes(outcome)),
        ],
        " · ",
    )
    top = tag(
        "header",
        tag("p", "Plan", class_="kicker"),
        tag("h1", title_of(outcome)),
        tag("p", lede, class_="lede"),
        note_of(outcome),
    )
    line = KINDS[str(best_of(outcome).get("route"))].line if best_of(outcome).get("route") in KINDS else None
    box = tag(
        "section",
        tag("h2", tag("span", verb(outcome), class_="badge do"), id="buy"),
        tag("p", tag("b", advice(outcome)), f"({line})." if line else None, class_="take"),
        tag("p", " ".join(sentences(outcome)), class_="sentence"),
        *(tag("p", note, class_="note") for note in outcome.get("notes") or ()),
        class_="verdict do",
        aria_labelledby="buy",
    )
    drawn = figures.place(charts.frontier_chart(outcome), charts.map_chart(outcome))
    return joined([top, box, drawn])


def _routes(outcome: Plain, figures: Figures) -> Safe:
    asked = "for the same money" if outcome.get("asked") == "budget" else "to the same risk"
    return tag(
        "section",
        tag("h2", f"Every route {asked}", id="routes"),
        figures.place(charts.route_chart(outcome)),
        _table(outcome),
        *(
            tag(
                "p",
                tag("b", _lower(shortened(name, 60))),
                f"has no design: {undefined_text(why)}",
                class_="soft",
            )
            for name, why in part(outcome, "missing").items()
        ),
        aria_labelledby="routes",
    )


def _table(outcome: Plain) -> Safe:
    columns = [
        Column("Route"),
        Column("Labelled", "n"),
        Column("Unlabelled", "N"),
        Column("Cost"),
        Column(charts.risk_name(outcome).capitalize(), "forecast, 90 % interval"),
        Column("More than the plan", "90 % interval"),
        Column("Penalties"),
    ]
    rows: list[list[Child]] = []
    for one in items(outcome, "routes"):
        mark = tag("small", "cannot be told from the plan") if one.get("tied") else None
        penalties = ", ".join(
            # The grid is three per decade: more than two digits would claim more.
            f"{_penalty(str(name))}{value:.2g}"
            for name, value in part(one, "penalties").items()
            if is_number(value)
        )
        rows.append(
            [
                joined([charts.route_label(one, outcome), mark], " "),
                number(one.get("n")),
                number(one.get("N")) if one.get("N") else "–",
                charts.money(one.get("cost")),
                quantity_cell(one.get("risk")),
                quantity_cell(one.get("difference")),
                penalties or "–",
            ]
        )
    return table(columns, rows, "Every route")


def _penalty(name: str) -> str:
    return f"{name} " if name.startswith("alpha") else ""


def _what_if(outcome: Plain, figures: Figures) -> Safe | None:
    cases = items(outcome, "scenarios")
    if not cases:
        return None
    columns = [
        Column("If there were"),
        Column("Best then"),
        Column("Labelled", "n"),
        Column("Unlabelled", "N"),
        Column("Risk then"),
        Column("Risk of the plan then"),
    ]
    rows: list[list[Child]] = [
        [
            f"{charts.change_text(case)}: {charts.changed(case)}",
            kind_title(case.get("route")),
            number(case.get("n")),
            number(case.get("N")) if case.get("N") else "–",
            number(case.get("risk")),
            number(case.get("stay")),
        ]
        for case in cases
    ]
    return tag(
        "section",
        tag("h2", "What if", id="what-if"),
        tag(
            "p",
            "Sharing is what the student inherits of its teacher's variance. What is unexplained is noise, or"
            " a part of the target that no feature expresses: it is changed by a share of what no number of"
            " rows removes. Designs along the same budget are compared again, about a dozen of each route.",
        ),
        figures.place(charts.scenario_chart(outcome)),
        table(columns, rows, "What if"),
        aria_labelledby="what-if",
    )


def _obtained(outcome: Plain) -> Safe:
    risk = part(best_of(outcome), "risk")
    rows = [
        ("Forecasts", shortened(risk.get("method") or "none", 300)),
        (
            "Search",
            "whole rows, every route, on a coarse grid and then row by row around each minimum along the"
            " budget; routes without pseudo-labels are among them, and both sides of interpolation peaks",
        ),
        (
            "Penalties",
            "those of least forecast risk at every design, teacher's and student's chosen together, each"
            " forecast with one standard error added; penalties that were given are kept",
        ),
        (
            "Intervals",
            "delete-a-group jackknife over the labels; differences over the common groups"
            + ("" if interval_of(risk) else ": this forecast has none"),
        ),
        (
            "Costs",
            "every row of a design, but those named as paid for; labels of the same rows serve all routes",
        ),
        ("Frontier and map", "forecast on a grid, and read between its points; the plan itself is not"),
    ]
    return tag(
        "section",
        tag("h2", "How every number was obtained", id="methods"),
        data_list(rows, "facts"),
        aria_labelledby="methods",
        class_="wide",
    )


def _configuration(outcome: Plain) -> Safe:
    config = [
        (name, shortened(", ".join(map(str, value)) if isinstance(value, list) else value, 200))
        for name, value in part(outcome, "config").items()
        if value not in (None, "", []) and name not in page_back.PATHS
    ]
    seconds = outcome.get("seconds")
    return tag(
        "section",
        tag("h2", "Configuration", id="configuration"),
        data_list(config, "facts") if config else None,
        tag("p", f"It took {number(seconds)} s.") if is_number(seconds) else None,
        aria_labelledby="configuration",
        class_="wide",
    )
