"""The report of a forecast: what is expected at the design at hand, drawn first, then every number.

Forecasts are of mean risks over draws of rows, from labels at hand; the page says what those labels tell,
what they do not, and where leave-one-out on the same rows disagrees. Drawn from the forecast's JSON alone.
"""

from __future__ import annotations

from typing import Any

from outgrow.report import page_back
from outgrow.report.figures import Figures
from outgrow.report.findings import Plain, items, part
from outgrow.report.forecast_charts import (
    accuracy_chart,
    design_title,
    margin_chart,
    part_chart,
    ratio_chart,
    risk_curves,
    risk_name,
    student_curves,
)
from outgrow.report.forecast_words import (
    KINDS_OF_FORECAST,
    PART_TITLES,
    RIVALS,
    WORDS,
    anchor_sentence,
    at_hand,
    given_sentences,
    identified,
    lost,
    risks_of,
    sentence,
    sizes,
    title_of,
)
from outgrow.report.markup import (
    Cell,
    Child,
    Column,
    Safe,
    data_list,
    joined,
    quantity_cell,
    table,
    tag,
    words_cell,
)
from outgrow.report.page import document
from outgrow.report.page_head import note_of
from outgrow.report.text import is_number, number, shortened, value_of
from outgrow.report.words import GLOSSARY, SANDWICH, kind_title

TABLED = ("teacher", "student", "baseline", "union", "joint", "ceiling")
"""Routes of the tables; charts leave out the joint student, who follows the best of the others."""


def forecast_page(outcome: Plain) -> str:
    """Draw the report of a forecast."""
    figures = Figures()
    pairs = items(outcome, "pairs")
    named = [(f"teacher-{place}", pair) for place, pair in enumerate(pairs, 1)]
    overview = student_curves(outcome)
    main = tag(
        "main",
        _head(outcome, figures),
        _contents([(anchor, str(pair.get("weak"))) for anchor, pair in named], overview is not None),
        _overview(outcome, figures) if overview is not None else None,
        *(_teacher(outcome, pair, figures, anchor) for anchor, pair in named),
        _measured(outcome),
        page_back.raised(outcome),
        _methods(outcome),
        _words(),
        _configuration(outcome),
    )
    return document(title_of(outcome), main, figures)


def summary_html(outcome: Plain) -> str:
    """Write a forecast for a notebook: what is expected at the design at hand."""
    return str(
        joined(
            [
                tag("p", tag("b", title_of(outcome)), KINDS_OF_FORECAST[_kind(outcome)][0]),
                *(tag("p", sentence(outcome, pair)) for pair in items(outcome, "pairs")),
                _summary(outcome),
            ]
        )
    )


def _kind(outcome: Plain) -> str:
    kind = str(outcome.get("kind"))
    return kind if kind in KINDS_OF_FORECAST else "prospective"


def _contents(teachers: list[tuple[str, str]], overview: bool) -> Safe:
    links = [("students", "Students")] if overview else []
    links += [(at, f"Teacher {shortened(name, 30)}") for at, name in teachers]
    links += [
        ("checks", "Checks"),
        ("methods", "What is told, and how"),
        ("words", "Words"),
        ("configuration", "Configuration"),
    ]
    return tag("nav", joined([tag("a", title, href=f"#{at}") for at, title in links]), aria_label="Contents")


def _head(outcome: Plain, figures: Figures) -> Safe:
    kicker, meaning = KINDS_OF_FORECAST[_kind(outcome)]
    pairs = items(outcome, "pairs")
    strong = next((pair.get("strong") for pair in pairs if pair.get("strong")), None)
    sets = joined(
        [
            tag("span", "Weak:", tag("b", ", ".join(shortened(p.get("weak"), 40) for p in pairs) or "none")),
            tag("span", "Strong:", tag("b", shortened(strong or "not named", 40))),
            tag("span", sizes(outcome)),
        ],
        " · ",
    )
    top = tag(
        "header",
        tag("p", kicker, class_="kicker"),
        tag("h1", title_of(outcome)),
        tag("p", sets, class_="lede"),
        tag("p", meaning, class_="soft"),
        note_of(outcome),
    )
    found = [(pair, design) for pair in pairs if (design := at_hand(outcome, pair))]
    box = tag(
        "section",
        tag("h2", "Expected at the labels and the pool at hand", id="expected"),
        *(tag("p", sentence(outcome, pair), class_="sentence") for pair in pairs),
        figures.place(margin_chart(outcome, found)) if found else None,
        _summary(outcome),
        class_="verdict close",
        aria_labelledby="expected",
    )
    return joined([top, box])


def _summary(outcome: Plain) -> Safe | None:
    pairs = [(pair, design) for pair in items(outcome, "pairs") if (design := at_hand(outcome, pair))]
    if not pairs:
        return None
    rows: list[list[Child]] = []
    for pair, design in pairs:
        risks, wins = risks_of(design), part(design, "wins")
        rows.append(
            [
                shortened(pair.get("weak"), 40),
                *(quantity_cell(risks.get(route)) for route in TABLED),
                *(_probability(wins.get(rival)) for rival in RIVALS[:2]),
            ]
        )
    columns = [
        Column("Teacher"),
        *(Column(kind_title(route)) for route in TABLED),
        Column("Student beats teacher", "probability"),
        Column("Student beats baseline", "probability"),
    ]
    caption = f"{risk_name(outcome)}, 90 % intervals; {design_title(pairs[0][1])}"
    heading = f"{caption[:1].upper()}{caption[1:]}."
    return joined([tag("p", heading), table(columns, rows, "Forecast at the design at hand")])


def _probability(quantity: Any) -> Cell:
    value = value_of(quantity)
    if value is None:
        return quantity_cell(quantity)
    return Cell(tag("td", percent(value), class_="number"))


def percent(value: float) -> str:
    """Write a probability without claiming certainty."""
    if value > 0.99:
        return "> 99 %"
    return "< 1 %" if value < 0.01 else f"{value:.0%}".replace("%", " %")


def _overview(outcome: Plain, figures: Figures) -> Safe:
    return tag(
        "section",
        tag("h2", "The students side by side", id="students"),
        figures.place(student_curves(outcome)),
        aria_labelledby="students",
    )


def _teacher(outcome: Plain, pair: Plain, figures: Figures, anchor: str) -> Safe:
    weak = shortened(pair.get("weak"), 60)
    return tag(
        "section",
        tag("h2", f"Teacher {weak}", id=anchor),
        figures.place(
            risk_curves(outcome, pair, "n"),
            risk_curves(outcome, pair, "N"),
            part_chart(outcome, pair),
            ratio_chart(pair, "pgr"),
            ratio_chart(pair, "opr"),
            accuracy_chart(outcome, pair, at_hand(outcome, pair)),
        ),
        tag("h3", "Every design"),
        _risk_table(outcome, pair),
        _why(pair),
        tag("h3", "What the student's risk is made of"),
        _part_table(pair),
        tag("h3", "Ratios and chances of the student"),
        _chance_table(pair),
        _accuracy_table(pair),
        tag("h3", "Penalties of least forecast risk"),
        _penalty_table(pair),
        tag("h3", "Held against leave-one-out"),
        *(tag("p", said) for said in given_sentences(outcome, pair)),
        tag("p", anchor_sentence(outcome, pair)),
        _anchor_table(pair),
        aria_labelledby=anchor,
    )


def _risk_table(outcome: Plain, pair: Plain) -> Safe:
    rows: list[list[Child]] = [
        [design_title(design), *(quantity_cell(risks_of(design).get(route)) for route in TABLED)]
        for design in items(pair, "designs")
    ]
    columns = [Column("Design", "labelled, unlabelled rows"), *(Column(kind_title(r)) for r in TABLED)]
    return joined(
        [
            tag("p", f"Risk is the {risk_name(outcome)}, on average over draws of the rows."),
            table(columns, rows, "Forecast risks of every design"),
        ]
    )


def _why(pair: Plain) -> Safe | None:
    lines = [tag("li", tag("strong", names), f"undefined{text}") for names, text in lost(pair)]
    return tag("ul", *lines, class_="reasons") if lines else None


def _part_table(pair: Plain) -> Safe:
    rows: list[list[Child]] = [
        [design_title(design), *(quantity_cell(part(design, "parts").get(key)) for key in PART_TITLES)]
        for design in items(pair, "designs")
    ]
    columns = [Column("Design"), *(Column(title) for title in PART_TITLES.values())]
    return table(columns, rows, "The student's risk in parts")


def _chance_table(pair: Plain) -> Safe:
    designs = items(pair, "designs")
    # A column of nothing but "undefined" says less than the reason above.
    ratios = {
        key: Column(key.upper(), small)
        for key, small in (("pgr", "gap recovered"), ("opr", "baseline over student"))
        if any(value_of(design.get(key)) is not None for design in designs)
    }
    rows: list[list[Child]] = [
        [
            design_title(design),
            *(quantity_cell(design.get(key)) for key in ratios),
            *(_probability(part(design, "wins").get(rival)) for rival in RIVALS),
        ]
        for design in designs
    ]
    beats = (Column(f"Beats {kind_title(rival).lower()}", "probability") for rival in RIVALS)
    return table([Column("Design"), *ratios.values(), *beats], rows, "Ratios and chances of the student")


def _accuracy_table(pair: Plain) -> Safe | None:
    designs = [design for design in items(pair, "designs") if part(design, "accuracy")]
    if not designs:
        return None
    routes = list(part(designs[0], "accuracy"))
    rows: list[list[Child]] = [
        [design_title(design), *(quantity_cell(part(design, "accuracy").get(route)) for route in routes)]
        for design in designs
    ]
    columns = [Column("Design"), *(Column(kind_title(route)) for route in routes)]
    return joined(
        [
            tag("h3", "Accuracy"),
            tag(
                "p",
                "Share of new labels named right, if in each class a fit is about normally distributed. The"
                " penalties are those of least squared loss.",
            ),
            table(columns, rows, "Forecast accuracies of every design"),
        ]
    )


def _penalty_table(pair: Plain) -> Safe:
    designs = items(pair, "designs")
    names = list(part(designs[0], "alphas")) if designs else []
    titles = {"alpha_w": "Student's teacher", "alpha_s": "Student"}
    rows: list[list[Child]] = [
        [
            design_title(design),
            *(Cell(tag("td", _alpha(part(design, "alphas").get(name)), class_="number")) for name in names),
        ]
        for design in designs
    ]
    columns = [
        Column("Design"),
        *(Column(titles.get(name, kind_title(name)), name if name in titles else "") for name in names),
    ]
    return table(columns, rows, "Penalties of every design")


def _alpha(value: Any) -> str:
    # The grid is three per decade: more than two digits would claim more.
    return "–" if not is_number(value) else (f"{value:.2g}" if value else "none")


def _anchor_table(pair: Plain) -> Safe | None:
    anchors = items(pair, "anchors")
    if not anchors:
        return None
    rows: list[list[Child]] = [
        [
            kind_title(anchor.get("route")),
            quantity_cell(anchor.get("forecast")),
            quantity_cell(anchor.get("leave_one_out")),
            quantity_cell(anchor.get("difference")),
        ]
        for anchor in anchors
    ]
    columns = [
        Column("Route"),
        Column("Forecast", "error on new labels"),
        Column("Leave-one-out", "same penalties"),
        Column("Difference", "interval for all routes at once"),
    ]
    made = table(columns, rows, "Forecast against leave-one-out")
    factors = [(SANDWICH.get(str(k), str(k)), number(v)) for k, v in part(pair, "factors").items()]
    if not factors:
        return made
    said = ", ".join(f"{shortened(name, 60)} {value}" for name, value in factors)
    note = f"Sandwich factors, which Gaussian theory takes as 1: {said}."
    return joined([made, tag("p", note, class_="soft")])


def _measured(outcome: Plain) -> Safe | None:
    found = items(outcome, "measured")
    if not found:
        return None
    rows: list[list[Child]] = []
    for one in found:
        weak = one.get("weak")
        title = kind_title(one.get("route"))
        teacher = f" ({shortened(weak, 40)})" if weak is not None else ""
        rows.append([f"{title}{teacher}", design_title(one), quantity_cell(one.get("risk"))])
    columns = [Column("Route"), Column("Design"), Column("Measured", risk_name(outcome))]
    return tag(
        "section",
        tag("h2", "What the run measured", id="measured"),
        tag(
            "p",
            "One draw of labelled and unlabelled rows, measured on rows kept for the test. A forecast is the"
            " mean over draws, so a single run may lie off it without either being wrong.",
        ),
        table(columns, rows, "Measured by the run"),
        aria_labelledby="measured",
    )


def _methods(outcome: Plain) -> Safe:
    lines = [tag("li", tag("b", f"{name}:"), text) for name, text in identified(outcome)]
    pairs = items(outcome, "pairs")
    ways: dict[str, None] = {}
    for pair in pairs:
        for design in items(pair, "designs"):
            for quantity in (*risks_of(design).values(), design.get("pgr"), design.get("opr")):
                if isinstance(quantity, dict) and quantity.get("method"):
                    ways[str(quantity["method"])] = None
    noise = part(outcome, "noise")
    if noise.get("method"):
        ways[str(noise["method"])] = None
    rows: list[list[Child]] = [
        [shortened(pair.get("weak"), 40), number(pair.get("d_w")), number(pair.get("d_s"))] for pair in pairs
    ]
    return tag(
        "section",
        tag("h2", "What these labels tell, and how", id="methods"),
        tag("ul", *lines, class_="plain"),
        tag("h3", "How the numbers were obtained"),
        tag("ul", *(tag("li", shortened(way, 200)) for way in ways), class_="plain") if ways else None,
        table([Column("Teacher"), Column("Weak directions"), Column("Strong directions")], rows, "Directions")
        if rows
        else None,
        aria_labelledby="methods",
    )


def _words() -> Safe:
    words = [*WORDS, *(entry for entry in GLOSSARY if not entry[0].startswith(("Intrinsic", "Correlation")))]
    return tag(
        "section",
        tag("h2", "Words", id="words"),
        data_list(((word, f"{text[:1].upper()}{text[1:]}") for word, text in words), "words"),
        aria_labelledby="words",
    )


def _configuration(outcome: Plain) -> Safe:
    named: list[tuple[Child, Any]] = [
        ("Task", outcome.get("task")),
        ("Classes", ", ".join(shortened(label, 40) for label in outcome.get("classes") or []) or None),
        ("Labels used", outcome.get("m")),
        ("Unlabelled rows", outcome.get("pool")),
        ("Noise variance", value_of(outcome.get("noise"))),
        ("Wall time", f"{number(outcome.get('seconds'))} s" if is_number(outcome.get("seconds")) else None),
    ]
    shown = [(name, number(v) if is_number(v) else str(v)) for name, v in named if v not in (None, "")]
    config = [
        (name, shortened(", ".join(map(str, value)) if isinstance(value, list) else value, 200))
        for name, value in part(outcome, "config").items()
        if value not in (None, "", []) and name not in page_back.PATHS
    ]
    rows: list[list[Child]] = [
        [
            shortened(name),
            number(part(part(outcome, "identities"), name).get("width")),
            words_cell(shortened(part(part(outcome, "identities"), name).get("encoder") or "not said", 200)),
        ]
        for name in part(outcome, "identities")
    ]
    return tag(
        "section",
        tag("h2", "Configuration and identities", id="configuration"),
        data_list(shown, "facts"),
        table([Column("Features"), Column("Width"), Column("Encoder")], rows, "Identities") if rows else None,
        joined([tag("h3", "As asked for"), data_list(config, "facts")]) if config else None,
        tag("p", "The folder holds config.toml: outgrow forecast --config FILE gives the same forecast."),
        aria_labelledby="configuration",
    )
