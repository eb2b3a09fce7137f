"""Theory beside measurement: a look back with every label known, and said to be one."""

from __future__ import annotations

from collections.abc import Mapping

from outgrow.report.figures import Figures
from outgrow.report.findings import Plain, items, part
from outgrow.report.markup import Cell, Child, Column, Safe, joined, quantity_cell, reasons, table, tag
from outgrow.report.page_geometry import count
from outgrow.report.risk_charts import theory_chart
from outgrow.report.text import is_number, number, shortened, undefined_text
from outgrow.report.words import INPUTS, SANDWICH, kind_title


def theory(pair: Plain, figures: Figures) -> Safe:
    """Write theory beside measurement for one teacher.

    Parameters
    ----------
    pair : dict
        Of the run's pairs.
    figures : Figures
        Places charts.

    Returns
    -------
    Safe
        HTML.
    """
    heading = tag("h3", "Retrospective: predicted against measured")
    found = part(pair, "theory")
    if not items(found, "points"):
        why = undefined_text(pair.get("theory")) or "This run's findings hold no theory."
        return joined([heading, tag("p", f"Not available: {why}")])
    rows: list[list[Child]] = [
        [
            kind_title(point.get("route")),
            quantity_cell(point.get("predicted")),
            quantity_cell(point.get("measured")),
        ]
        for point in items(found, "points")
    ]
    pairs = [(kind_title(point.get("route")), point) for point in items(found, "points")]
    for key, title in (("pgr", "PGR"), ("opr", "OPR")):
        both = part(found, key)
        if both:
            rows.append([title, quantity_cell(both.get("predicted")), quantity_cell(both.get("measured"))])
            pairs.append((title, both))
    lost = [(name, both.get(which)) for name, both in pairs for which in ("predicted", "measured")]
    columns = [Column("Of"), Column("Predicted", "by theory"), Column("Measured", "mean over redraws")]
    inputs: list[list[Child]] = [
        [_named(name, INPUTS), Cell(tag("td", count(value)))] for name, value in part(found, "inputs").items()
    ]
    factors: list[list[Child]] = [
        [_named(name, SANDWICH), quantity_cell(value)] for name, value in part(found, "sandwich").items()
    ]
    extra = []
    if inputs:
        extra.append(tag("div", table([Column("Input"), Column("Value")], inputs, "Inputs of the theory")))
    if factors:
        said = tag(
            "p",
            "A sandwich factor multiplies a variance where residuals depend on the features; Gaussian theory"
            " takes it as 1.",
        )
        made = table([Column("Sandwich factor"), Column("Value")], factors, "Sandwich factors")
        extra.append(tag("div", made, said))
    return joined(
        [
            heading,
            tag("p", _what(found)),
            figures.place(theory_chart(found)),
            table(columns, rows, "Predicted against measured"),
            reasons(lost),
            tag("div", *extra, class_="halves") if extra else None,
        ]
    )


def _what(found: Plain) -> str:
    # The heading says already that it is a look back.
    title = shortened(found.get("title") or "theory beside redrawn experiments", 200)
    title = title.removeprefix("Retrospective: ")
    named = (
        ("n", "labelled rows"),
        ("N", "unlabelled rows"),
        ("d_w", "weak directions"),
        ("d_s", "strong directions"),
        ("draws", "redraws"),
    )
    sizes = [f"{number(found[key])} {said}" for key, said in named if is_number(found.get(key))]
    return (
        f"{title[:1].upper()}{title[1:]}: {', '.join(sizes)}. This is no forecast: its inputs use labels that"
        " nobody has when the question is asked."
    )


def _named(name: str, words: Mapping[str, str]) -> Safe:
    own = shortened(name, 40)
    return joined([own, tag("small", words[name]) if name in words else None], " ")
