"""One teacher: whether the student outgrows it, the ratios, and what they share."""

from __future__ import annotations

from typing import Any

from outgrow.report.answer import outgrown
from outgrow.report.figures import Figures
from outgrow.report.findings import RATIOS, Plain, items, part
from outgrow.report.listing import Column, Listing, Styled, listing
from outgrow.report.markup import Safe, tag
from outgrow.report.page_geometry import geometry
from outgrow.report.sections import section
from outgrow.report.text import interval_of, shortened, undefined_text, value_of
from outgrow.report.words import MISFIT, PROMISE, PROMISES

COLUMNS = (Column("Of"), Column("Value", small="90 % interval"), Column("In words"))
"""Of tables of single numbers."""


def teacher(pair: Plain, outcome: Plain, figures: Figures, anchor: str) -> Safe:
    """Write all that is known of one teacher."""
    weak, strong = pair.get("weak"), pair.get("strong")
    answers = items(part(outcome, "verdict"), "outgrown")
    return section(
        anchor,
        f"Teacher {shortened(weak)}, student {shortened(strong)}",
        *(tag("p", outgrown(one, outcome), class_="sentence") for one in answers if one.get("weak") == weak),
        ratio_listing(pair, outcome).titled(),
        _gain(pair).titled(tag("p", PROMISE), level="h4"),
        geometry(pair, outcome, figures),
    )


def ratio_listing(pair: Plain, outcome: Plain) -> Listing:
    """List the ratios of a pair, each with its meaning or why it is undefined."""
    classes = outcome.get("task") == "classification"
    return _worded(
        "Did the student outgrow its teacher?",
        [(title, pair.get(key), _reading(key, pair.get(key)))
         for key, title in RATIOS if classes or key != "pgr_accuracy"],
    )  # fmt: skip


def _worded(title: str, rows: list[tuple[str, Any, str]]) -> Listing:
    made = [(name, number, Styled(undefined_text(number) or meaning)) for name, number, meaning in rows]
    return listing(title, COLUMNS, made)


def _gain(pair: Plain) -> Listing:
    misfit = part(pair, "misfit")
    rows = [
        (
            "Gain promised",
            misfit.get("promised"),
            f"{MISFIT}, on {shortened(misfit.get('rows'), 40)}; needs no labels",
        ),
        (
            "Gain measured",
            misfit.get("measured"),
            "its teacher's risk less the student's on the same rows, as they came out",
        ),
        ("Measured less promised", misfit.get("beyond"), PROMISES.get(str(misfit.get("outcome")), "")),
    ]
    return _worded("What their disagreement promises", rows if misfit else [])


def _reading(key: str, quantity: Any) -> str:
    value, ends = value_of(quantity), interval_of(quantity)
    if value is None:
        return "not in this run's findings"
    if key.startswith("pgr"):
        of = "gap in accuracy" if key == "pgr_accuracy" else "gap"
        if value < 0:
            return f"worse than the teacher, by {-100 * value:.0f} % of the {of} to the ceiling"
        return f"the student recovers {100 * value:.0f} % of the {of} between teacher and ceiling"
    what = "raw mean squared error, noise included" if key == "opr_raw_mse" else "excess risk"
    if ends and ends[0] <= 1 <= ends[1]:
        return f"student and labels-only are not told apart ({what})"
    errs = "less" if value > 1 else "more"
    return f"the student errs {errs} than labels-only ({what})"
