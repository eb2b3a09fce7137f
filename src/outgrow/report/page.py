"""The report of a run: the first screen answers the question, what it rests on follows."""

from __future__ import annotations

from pathlib import Path

from outgrow.report.document import document
from outgrow.report.figures import Figures
from outgrow.report.findings import Plain, items, methods
from outgrow.report.listing import Column, Styled, listing
from outgrow.report.markup import Safe, tag
from outgrow.report.page_head import head, headline
from outgrow.report.page_risks import risks
from outgrow.report.page_teacher import teacher
from outgrow.report.sections import configuration, contents, glossary, raised, section
from outgrow.report.text import shortened

NAMES_SHOWN = 12
"""Names listed of numbers obtained alike: a table's rows already name them all."""


def write_report(folder: Path, html: str) -> Path:
    """Write a page."""
    path = folder / "report.html"
    path.write_text(html, encoding="utf-8", newline="\n")
    return path


def page(outcome: Plain) -> str:
    """Draw the report of a run."""
    figures = Figures()
    named = [(f"teacher-{place}", pair) for place, pair in enumerate(items(outcome, "pairs"), 1)]
    links = [(anchor, f"Teacher {shortened(pair.get('weak'), 30)}") for anchor, pair in named]
    links += [("checks", "Checks"), ("methods", "Methods"), ("words", "Words")]
    main = tag(
        "main",
        head(outcome),
        contents([("risks", "Risks"), *links, ("configuration", "Configuration")]),
        risks(outcome, figures),
        *(teacher(pair, outcome, figures, anchor) for anchor, pair in named),
        raised(outcome),
        _methods(outcome),
        glossary(),
        configuration(
            outcome,
            "The folder of the run holds config.toml and versions.json: outgrow replay FOLDER repeats it.",
        ),
    )
    return document(headline(outcome), main, figures)


def _methods(outcome: Plain) -> Safe:
    columns = [
        Column("Part", lambda one: one[0][:1].upper() + one[0][1:]),
        Column("Numbers", lambda one: Styled(_names(one[1]))),
        Column("How", lambda one: Styled(shortened(one[2].get("method"), 200))),
        Column("Rows", lambda one: one[2].get("n")),
        Column("Level", lambda one: _level(one[2])),
    ]
    made = listing("Methods", columns, methods(outcome)).html()
    none = tag("p", "This run's findings do not say.")
    return section("methods", "How every number was obtained", made or none, class_="wide")


def _names(names: list[str]) -> str:
    listed = ", ".join(shortened(name, 60) for name in names[:NAMES_SHOWN])
    return listed if len(names) <= NAMES_SHOWN else f"{listed} and {len(names) - NAMES_SHOWN} more"


def _level(estimate: Plain) -> str:
    # A number without an interval has no level, whatever its field says.
    return f"{estimate['level']:.0%}" if estimate.get("interval") and estimate.get("level") else "–"
