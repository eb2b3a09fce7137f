"""The report of a plan: what to buy on the first screen, drawn; tables, methods and caveats below."""

from __future__ import annotations

from outgrow.report.document import document
from outgrow.report.figures import Figures
from outgrow.report.findings import Plain, items, part, risk_name, sets_of, title_of
from outgrow.report.listing import STAR, TIED, Badge, Column, Listing, Marked, listing
from outgrow.report.markup import Safe, joined, tag
from outgrow.report.sections import configuration, header, obtained, raised, section
from outgrow.report.text import (
    interval_of,
    is_number,
    number,
    quantity_text,
    shortened,
    undefined_text,
    value_of,
    visible,
)
from outgrow.report.words import KINDS, kind_title

CHANGES = {"sharing": "shared directions (d_sw)", "unexplained": "unexplained (rho and noise)"}
"""What the what-ifs change."""


def best_of(outcome: Plain) -> Plain:
    """Give the plan itself, the first of its routes; empty where there is none."""
    return next(iter(items(outcome, "routes")), {})


def route_label(planned: Plain, outcome: Plain) -> str:
    """Name a route as the page does."""
    title, weak = kind_title(planned.get("route")), planned.get("weak")
    several = len(outcome.get("weak") or ()) > 1
    return f"{title} ({shortened(weak, 30)})" if several and weak is not None else title


def rows_text(planned: Plain) -> str:
    """Say how many rows a design has."""
    labels = f"{number(planned.get('n'))} labels"
    return f"{labels}, {number(planned.get('N'))} pseudo-labels" if planned.get("N") else labels


def money(value: object) -> str:
    """Write a cost, without digits that nobody set."""
    amount = value_of(value)
    return "–" if amount is None else f"{amount:,.10g}" if abs(amount) < 1e4 else f"{amount:,.0f}"


def changed(case: Plain) -> str:
    """Name what a what-if changes."""
    return CHANGES.get(str(case.get("what")), visible(case.get("what")))


def change_text(case: Plain) -> str:
    """Write a relative change."""
    change = value_of(case.get("change"))
    return "–" if change is None else f"{100 * abs(change):.0f} % {'more' if change > 0 else 'less'}"


def verb(outcome: Plain) -> str:
    """Say in a word what the advice is about."""
    return "Use" if best_of(outcome).get("cost") == 0 else "Buy"


def advice(outcome: Plain) -> str:
    """Say what to buy."""
    best, prices = best_of(outcome), part(outcome, "prices")
    train = f"Train: {route_label(best, outcome)}."
    if verb(outcome) == "Use":
        return f"{rows_text(best)}, all at hand: there is nothing to buy. {train}"
    sizes = (("n", "have_labels", "labels"), ("N", "have_unlabelled", "pseudo-labels"))
    have = [
        f"{number(min(best.get(size) or 0, prices.get(key) or 0))} {name}"
        for size, key, name in sizes
        if best.get(size) and prices.get(key)
    ]
    available = f" ({' and '.join(have)} of them at hand)" if have else ""
    return f"{rows_text(best)}{available}, for {money(best.get('cost'))}. {train}"


def sentences(outcome: Plain) -> list[str]:
    """Say what comes of the plan, what is tied with it, and how far one may move."""
    best = best_of(outcome)
    lines = [f"Forecast {risk_name(outcome)}: {quantity_text(best.get('risk'))}."]
    if outcome.get("asked") == "target":
        lines[0] = f"It is the cheapest to reach {money(outcome.get('target'))}. {lines[0]}"
    tied = [route_label(one, outcome) for one in items(outcome, "routes")[1:] if one.get("tied")]
    if tied:
        lines.append(f"These labels cannot tell it from: {'; '.join(visible(name) for name in tied)}.")
    good = part(outcome, "as_good")
    n, N = (list(good.get(key) or ()) for key in ("n", "N"))
    if len(n) == len(N) == 2 and n[0] != n[1]:
        lines.append(
            f"Anything between {number(n[0])} labels with {number(N[0])} pseudo-labels and {number(n[1])}"
            f" with {number(N[1])} is as good, as far as the labels tell."
            if best.get("N")
            else f"From {number(n[0])} labels on it is as good, as far as the labels tell."
        )
    route = kind_title(str(outcome.get("floor_route")).split(" (")[0])
    floor = quantity_text(outcome.get("floor"))
    lines.append(f"No number of rows is forecast to bring it below {floor} ({lowered(route)}).")
    return lines


def lowered(title: str) -> str:
    """Begin a name with a small letter, within a sentence."""
    return title[:1].lower() + title[1:]


def sizes(outcome: Plain) -> str:
    """Say what was asked and what the answer rests on."""
    prices = part(outcome, "prices")
    asked = f"budget {money(outcome.get('budget'))}"
    if outcome.get("asked") == "target":
        asked = f"{risk_name(outcome)} of {money(outcome.get('target'))} to reach"
    have = [
        f"{number(prices[key])} {name}"
        for key, name in (("have_labels", "labels"), ("have_unlabelled", "unlabelled rows"))
        if is_number(prices.get(key)) and prices[key]
    ]
    paid = f", {' and '.join(have)} paid for already" if have else ""
    return (
        f"{asked}; a label costs {money(prices.get('label'))}, an unlabelled row"
        f" {money(prices.get('unlabelled'))}{paid}; {visible(outcome.get('kind'))} forecast from"
        f" {number(outcome.get('m'))} labels and {number(outcome.get('pool'))} unlabelled rows"
    )


def headline(outcome: Plain) -> str:
    """Give the page's title."""
    return title_of(outcome, "How many labels, how many pseudo-labels?")


def page(outcome: Plain) -> str:
    """Draw the report of a plan."""
    from outgrow.report import plan_charts as charts

    figures, title = Figures(), headline(outcome)
    asked = "for the same money" if outcome.get("asked") == "budget" else "to the same risk"
    main = tag(
        "main",
        header(
            outcome, "Plan", title, sets_of(outcome.get("weak") or (), outcome.get("strong")), sizes(outcome)
        ),
        _answer(outcome),
        figures.place(charts.frontier_chart(outcome), charts.map_chart(outcome)),
        section(
            "routes",
            f"Every route {asked}",
            figures.place(charts.route_chart(outcome)),
            routes(outcome).html(),
            *(
                tag("p", tag("b", lowered(name)), f"has no design: {reason}", class_="soft")
                for name, reason in missing(outcome)
            ),
        ),
        _what_if(outcome, figures.place(charts.scenario_chart(outcome))),
        raised(outcome),
        obtained(_methods(outcome)),
        configuration(outcome),
    )
    return document(title, main, figures)


def summary_html(outcome: Plain) -> str:
    """Write the plan for a notebook."""
    text = " ".join(sentences(outcome))
    return str(joined([tag("p", tag("b", advice(outcome)), text), routes(outcome).html()]))


def _answer(outcome: Plain) -> Safe:
    kind = KINDS.get(str(best_of(outcome).get("route")))
    return section(
        "buy",
        Badge(verb(outcome), "do").html(),
        tag("p", tag("b", advice(outcome)), f"({kind.line})." if kind else None, class_="take"),
        tag("p", " ".join(sentences(outcome)), class_="sentence"),
        *(tag("p", note, class_="note") for note in outcome.get("notes") or ()),
        class_="verdict do",
    )


def routes(outcome: Plain) -> Listing:
    """Compare every route's best design."""
    columns = [
        Column("Route", lambda one: _name(one, outcome)),
        Column("Labelled", "n", "n"),
        Column("Unlabelled", lambda one: one.get("N") or None, "N"),
        Column("Cost", lambda one: money(one.get("cost"))),
        Column(risk_name(outcome).capitalize(), "risk", "forecast, 90 % interval"),
        Column("More than the plan", "difference", "90 % interval"),
        Column("Penalties", _penalties),
    ]
    return listing("Every route", columns, items(outcome, "routes"))


def _name(planned: Plain, outcome: Plain) -> Marked:
    name = route_label(planned, outcome)
    if planned is best_of(outcome):
        return Marked(name, "the plan", STAR)
    return Marked(name, "cannot be told from the plan", TIED) if planned.get("tied") else Marked(name)


def _penalties(planned: Plain) -> str:
    # The grid is three per decade: more than two digits would claim more.
    shown = [
        f"{f'{name} ' if str(name).startswith('alpha') else ''}{value:.2g}"
        for name, value in part(planned, "penalties").items()
        if is_number(value)
    ]
    return ", ".join(shown) or "–"


def missing(outcome: Plain) -> list[tuple[str, str]]:
    """Say which routes have no design, and why."""
    return [(shortened(name, 60), undefined_text(why)) for name, why in part(outcome, "missing").items()]


def _what_if(outcome: Plain, drawn: Safe | None) -> Safe | None:
    cases = items(outcome, "scenarios")
    if not cases:
        return None
    columns = [
        Column("If there were", lambda case: f"{change_text(case)}: {changed(case)}"),
        Column("Best then", lambda case: kind_title(case.get("route"))),
        Column("Labelled", "n", "n"),
        Column("Unlabelled", lambda case: case.get("N") or None, "N"),
        Column("Risk then", "risk"),
        Column("Risk of the plan then", "stay"),
    ]
    return section(
        "what-if",
        "What if",
        tag(
            "p",
            "Sharing is what the student inherits of its teacher's variance. What is unexplained is noise, or"
            " a part of the target that no feature expresses: it is changed by a share of what no number of"
            " rows removes. Designs along the same budget are compared again, about a dozen of each route.",
        ),
        drawn,
        listing("What if", columns, cases).html(),
    )


def _methods(outcome: Plain) -> list[tuple[str | None, str | None]]:
    risk = part(best_of(outcome), "risk")
    return [
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
