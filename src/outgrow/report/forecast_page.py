"""The report of a forecast: what is expected of the design nearest to the data, then every number.

Forecasts are of mean risks over draws of rows, from the labels there are; the page says what those labels
tell, what they do not, and where leave-one-out on the same rows disagrees.
"""

from __future__ import annotations

from typing import Any

from outgrow.report import forecast_words as words
from outgrow.report.document import document
from outgrow.report.figures import Figures
from outgrow.report.findings import Plain, items, part, risk_name, sets_of
from outgrow.report.listing import Column, Listing, listing, under
from outgrow.report.markup import Child, Safe, joined, reason_list, tag
from outgrow.report.sections import configuration, contents, glossary, header, raised, section
from outgrow.report.text import is_number, number, percent, shortened
from outgrow.report.words import GLOSSARY, SANDWICH, kind_title

TABLED = ("teacher", "student", "baseline", "union", "joint", "ceiling")
ROUTE_TITLES = {route: kind_title(route) for route in TABLED}
"""Routes of the tables; charts leave out the joint student, who follows the best of the others."""

SHARE = (
    "Share of new labels named right, if in each class a fit is about normally distributed. The penalties are"
    " those of least squared loss."
)
"""What accuracies are."""

STAGES = {"alpha_w": "Student's teacher (alpha_w)", "alpha_s": "Student (alpha_s)"}
"""Penalties of the student's two stages, as a column names them."""


def forecast_page(outcome: Plain) -> str:
    """Draw the report of a forecast."""
    from outgrow.report import forecast_charts as charts

    figures, pairs, title = Figures(), items(outcome, "pairs"), words.headline(outcome)
    named = [(f"teacher-{place}", pair) for place, pair in enumerate(pairs, 1)]
    kicker, meaning = words.kind_of(outcome)
    sets = sets_of(
        (pair.get("weak") for pair in pairs), next((p["strong"] for p in pairs if p.get("strong")), None)
    )
    margins = figures.place(charts.margin_chart(outcome, _nearest(outcome)))
    students = figures.place(charts.student_curves(outcome))
    links = [("students", "Students")] if students else []
    links += [(anchor, f"Teacher {shortened(pair.get('weak'), 30)}") for anchor, pair in named]
    links += [("checks", "Checks"), ("methods", "What is told, and how"), ("words", "Words")]
    common = [entry for entry in GLOSSARY if not entry[0].startswith(("Intrinsic", "Correlation"))]
    main = tag(
        "main",
        header(outcome, kicker, title, sets, words.sizes(outcome), tag("p", meaning, class_="soft")),
        section(
            "expected",
            "Expected at the labels and the pool available",
            *(tag("p", words.sentence(outcome, pair), class_="sentence") for pair in pairs),
            margins,
            _summary(outcome),
            class_="verdict close",
        ),
        contents([*links, ("configuration", "Configuration")]),
        section("students", "The students side by side", students) if students else None,
        *(_teacher(outcome, pair, _charts(outcome, pair, figures), anchor) for anchor, pair in named),
        _measured(outcome),
        raised(outcome),
        _methods(outcome),
        glossary([*words.WORDS, *common]),
        configuration(
            outcome, "The folder holds config.toml: outgrow forecast --config FILE gives the same forecast."
        ),
    )
    return document(title, main, figures)


def _charts(outcome: Plain, pair: Plain, figures: Figures) -> Safe | None:
    from outgrow.report import forecast_charts as charts

    return figures.place(
        charts.risk_curves(outcome, pair, "n"),
        charts.risk_curves(outcome, pair, "N"),
        charts.part_chart(outcome, pair),
        charts.ratio_chart(pair, "pgr"),
        charts.ratio_chart(pair, "opr"),
        charts.accuracy_chart(outcome, pair, words.at_hand(outcome, pair)),
    )


def summary_html(outcome: Plain) -> str:
    """Write a forecast for a notebook: what is expected at the design nearest to the data."""
    head = tag("p", tag("b", words.headline(outcome)), words.kind_of(outcome)[0])
    sentences = [tag("p", words.sentence(outcome, pair)) for pair in items(outcome, "pairs")]
    return str(joined([head, *sentences, _summary(outcome)]))


def _nearest(outcome: Plain) -> list[tuple[Plain, Plain]]:
    return [(pair, design) for pair in items(outcome, "pairs") if (design := words.at_hand(outcome, pair))]


def _summary(outcome: Plain) -> Safe | None:
    nearest = _nearest(outcome)
    if not nearest:
        return None
    beats = {rival: f"Student beats {kind_title(rival).lower()}" for rival in words.RIVALS[:2]}
    columns = [
        Column("Teacher", lambda one: shortened(one.get("weak"), 40)),
        *_numbers(words.risks_of, ROUTE_TITLES),
        *_numbers(_chances, beats, "probability"),
    ]
    rows = [{**design, "weak": pair.get("weak")} for pair, design in nearest]
    name = risk_name(outcome)
    heading = f"{name[:1].upper()}{name[1:]}, 90 % intervals; {words.design_title(nearest[0][1])}."
    return joined([tag("p", heading), listing("Forecast at the nearest design", columns, rows).html()])


def _teacher(outcome: Plain, pair: Plain, drawn: Safe | None, anchor: str) -> Safe:
    return section(
        anchor,
        f"Teacher {shortened(pair.get('weak'), 60)}",
        drawn,
        tag("h3", "Every design"),
        tag("p", f"Risk is the {risk_name(outcome)}, on average over draws of the rows."),
        risk_listing(pair).html(),
        reason_list(words.lost(pair)),
        part_listing(pair).titled(),
        chance_listing(pair).titled(),
        accuracy_listing(pair).titled(tag("p", SHARE)),
        _penalties(pair).titled(),
        tag("h3", "Compared with leave-one-out"),
        *(tag("p", sentence) for sentence in words.given_sentences(outcome, pair)),
        tag("p", words.anchor_sentence(outcome, pair)),
        _anchors(pair),
    )


def _designs(title: str, pair: Plain, *columns: Column) -> Listing:
    first = Column("Design", words.design_title, "labelled, unlabelled rows")
    return listing(title, [first, *columns], items(pair, "designs"))


def _numbers(numbers: Any, titles: dict[str, str], small: str = "") -> list[Column]:
    """Columns of what designs hold under names: risks, parts, accuracies."""
    return [Column(title, under(key, numbers), small) for key, title in titles.items()]


def risk_listing(pair: Plain) -> Listing:
    """List the risks of every route at every design."""
    return _designs("Forecast risks of every design", pair, *_numbers(words.risks_of, ROUTE_TITLES))


def part_listing(pair: Plain) -> Listing:
    """List the parts of the student's risk at every design."""
    of = _numbers(lambda design: part(design, "parts"), words.PART_TITLES)
    return _designs("What the student's risk is made of", pair, *of)


def chance_listing(pair: Plain) -> Listing:
    """List PGR, OPR and how probably the student beats its rivals at every design."""
    titles = {rival: f"Beats {kind_title(rival).lower()}" for rival in words.RIVALS}
    beats = _numbers(_chances, titles, "probability")
    return _designs(
        "Ratios and chances of the student",
        pair,
        Column("PGR", "pgr", "gap recovered", optional=True),
        Column("OPR", "opr", "baseline over student", optional=True),
        *beats,
    )


def _chances(design: Plain) -> dict[str, str | None]:
    wins = part(design, "wins")
    return {rival: percent(wins[rival]) if rival in wins else None for rival in words.RIVALS}


def accuracy_listing(pair: Plain) -> Listing:
    """List the accuracies of every route at every design; without rows where labels are no classes."""
    designs = [design for design in items(pair, "designs") if part(design, "accuracy")]
    titles = {route: kind_title(route) for design in designs[:1] for route in part(design, "accuracy")}
    columns = _numbers(lambda design: part(design, "accuracy"), titles)
    return _designs("Accuracy", {"designs": designs}, *columns)


def _penalties(pair: Plain) -> Listing:
    names = list(_alphas(next(iter(items(pair, "designs")), {})))
    titles = {name: STAGES.get(name, kind_title(name)) for name in names}
    return _designs("Penalties of least forecast risk", pair, *_numbers(_alphas, titles))


def _alphas(design: Plain) -> dict[str, str]:
    # The grid is three per decade: more than two digits would claim more.
    return {
        name: "–" if not is_number(value) else (f"{value:.2g}" if value else "none")
        for name, value in part(design, "alphas").items()
    }


def _anchors(pair: Plain) -> Safe | None:
    columns = [
        Column("Route", lambda one: kind_title(one.get("route"))),
        Column("Forecast", "forecast", "error on new labels"),
        Column("Leave-one-out", "leave_one_out", "same penalties"),
        Column("Difference", "difference", "interval for all routes at once"),
    ]
    made = listing("Forecast against leave-one-out", columns, items(pair, "anchors")).html()
    factors = part(pair, "factors")
    if not made or not factors:
        return made
    factor_text = ", ".join(f"{shortened(SANDWICH.get(k, k), 60)} {number(v)}" for k, v in factors.items())
    note = f"Sandwich factors, which Gaussian theory takes as 1: {factor_text}."
    return joined([made, tag("p", note, class_="soft")])


def _measured(outcome: Plain) -> Safe | None:
    measurements = items(outcome, "measured")
    columns = [
        Column("Route", _route),
        Column("Design", words.design_title),
        Column("Measured", "risk", risk_name(outcome)),
    ]
    why = tag(
        "p",
        "One draw of labelled and unlabelled rows, measured on rows kept for the test. A forecast is the"
        " mean over draws, so a single run may lie off it without either being wrong.",
    )
    made = listing("Measured by the run", columns, measurements).html()
    return section("measured", "What the run measured", why, made) if measurements else None


def _route(one: Plain) -> str:
    title, weak = kind_title(one.get("route")), one.get("weak")
    return title if weak is None else f"{title} ({shortened(weak, 40)})"


def _methods(outcome: Plain) -> Safe:
    pairs = items(outcome, "pairs")
    designs = [design for pair in pairs for design in items(pair, "designs")]
    used: list[Any] = [
        quantity
        for design in designs
        for quantity in (*words.risks_of(design).values(), design.get("pgr"), design.get("opr"))
    ]
    ways = {
        str(one["method"]): None
        for one in [*used, outcome.get("noise")]
        if isinstance(one, dict) and one.get("method")
    }
    columns = [
        Column("Teacher", lambda pair: shortened(pair.get("weak"), 40)),
        Column("Weak directions", "d_w"),
        Column("Strong directions", "d_s"),
    ]
    listed: list[Child] = [tag("li", tag("b", f"{name}:"), text) for name, text in words.identified(outcome)]
    return section(
        "methods",
        "What these labels tell, and how",
        tag("ul", *listed, class_="plain"),
        tag("h3", "How the numbers were obtained"),
        tag("ul", *(tag("li", shortened(way, 200)) for way in ways), class_="plain") if ways else None,
        listing("Directions", columns, pairs).html(),
    )
