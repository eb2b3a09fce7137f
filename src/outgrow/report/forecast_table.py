"""What a terminal shows of a forecast: what is expected, every design as a row, what raised a check."""

from __future__ import annotations

from rich.console import Group
from rich.table import Table
from rich.text import Text

from outgrow.report.findings import Plain, items, part
from outgrow.report.forecast_charts import risk_name
from outgrow.report.forecast_page import percent
from outgrow.report.forecast_words import (
    KINDS_OF_FORECAST,
    PART_TITLES,
    RIVALS,
    anchor_sentence,
    given_sentences,
    identified,
    lost,
    risks_of,
    sentence,
    sizes,
    title_of,
)
from outgrow.report.text import number, quantity_text, shortened, value_of, visible
from outgrow.report.words import kind_title

SHORT = {
    "teacher": "Teacher",
    "student": "Student",
    "baseline": "Labels-only",
    "union": "Both models",
    "joint": "Joint student",
    "ceiling": "Ceiling",
}
"""Routes as narrow tables name them."""


def forecast_lines(outcome: Plain) -> Group:
    """Write a forecast for a terminal."""
    kicker, _ = KINDS_OF_FORECAST.get(str(outcome.get("kind")), KINDS_OF_FORECAST["prospective"])
    made: list[Text | Table] = [
        Text(visible(title_of(outcome)), style="bold"),
        Text(f"{kicker}: {visible(sizes(outcome))}", style="dim"),
    ]
    if outcome.get("note"):
        made.append(Text(f"Measured {visible(outcome['note'])}", style="dim"))
    pairs = items(outcome, "pairs")
    made += [Text(visible(sentence(outcome, pair))) for pair in pairs]
    for pair in pairs:
        made += [_risk_table(outcome, pair), _student_table(pair)]
        if any(part(design, "accuracy") for design in items(pair, "designs")):
            made.append(_accuracy_table(pair))
        made += [Text(f"  {names} undefined{text}", style="dim") for names, text in lost(pair)]
        made += [Text(visible(said)) for said in given_sentences(outcome, pair)]
        made.append(Text(visible(anchor_sentence(outcome, pair)), style="dim"))
    # What is not told is said here too; what is told needs no line.
    made += [
        Text(visible(f"{name}: {text}"), style="dim")
        for name, text in identified(outcome)
        if text.startswith("not told")
    ]
    return Group(*made)


def _table(title: str, columns: list[str]) -> Table:
    table = Table(title=Text(title))
    for column in ("n", "N", *columns):
        table.add_column(column, justify="right" if column in ("n", "N") else "left")
    return table


def _design(design: Plain) -> list[str]:
    return [number(design.get("n")), number(design.get("N"))]


def _risk_table(outcome: Plain, pair: Plain) -> Table:
    heading = (
        f"{shortened(pair.get('weak'), 40)} to {shortened(pair.get('strong'), 40)}: {risk_name(outcome)}"
    )
    table = _table(f"{heading}, 90 % intervals", list(SHORT.values()))
    for design in items(pair, "designs"):
        risks = risks_of(design)
        cells = [quantity_text(risks[route]) if route in risks else "–" for route in SHORT]
        table.add_row(*map(Text, (*_design(design), *cells)))
    return table


def _student_table(pair: Plain) -> Table:
    columns = [*PART_TITLES.values(), "PGR", "OPR", "P(student beats teacher, labels-only, both models)"]
    table = _table(f"{shortened(pair.get('weak'), 40)}: the student", columns)
    for design in items(pair, "designs"):
        parts, wins = part(design, "parts"), part(design, "wins")
        values = [value_of(wins.get(rival)) for rival in RIVALS]
        chances = ", ".join("undefined" if value is None else percent(value) for value in values)
        cells = [
            *(number(value_of(parts.get(key))) for key in PART_TITLES),
            quantity_text(design.get("pgr")),
            quantity_text(design.get("opr")),
            chances,
        ]
        table.add_row(*map(Text, (*_design(design), *cells)))
    return table


def _accuracy_table(pair: Plain) -> Table:
    routes = list(part(items(pair, "designs")[0], "accuracy"))
    table = _table(f"{shortened(pair.get('weak'), 40)}: accuracy", [kind_title(route) for route in routes])
    for design in items(pair, "designs"):
        found = part(design, "accuracy")
        table.add_row(*map(Text, (*_design(design), *(quantity_text(found.get(route)) for route in routes))))
    return table
