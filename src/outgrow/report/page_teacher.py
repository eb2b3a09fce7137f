"""One teacher: whether the student outgrows it, the ratios, and what they share."""

from __future__ import annotations

from typing import Any

from outgrow.report.answer import outgrown
from outgrow.report.figures import Figures
from outgrow.report.findings import RATIOS, Plain, items, part
from outgrow.report.markup import Child, Column, Safe, joined, quantity_cell, table, tag, words_cell
from outgrow.report.page_geometry import geometry
from outgrow.report.text import interval_of, shortened, undefined_text, value_of
from outgrow.report.words import MISFIT, PROMISE, PROMISES


def teacher(pair: Plain, outcome: Plain, figures: Figures, anchor: str) -> Safe:
    """Write all that is known of one teacher."""
    weak, strong = pair.get("weak"), pair.get("strong")
    found = items(part(outcome, "verdict"), "outgrown")
    own = [tag("p", outgrown(one, outcome), class_="sentence") for one in found if one.get("weak") == weak]
    return tag(
        "section",
        tag("h2", f"Teacher {shortened(weak)}, student {shortened(strong)}", id=anchor),
        *own,
        _ratios(pair, outcome),
        _misfit(pair),
        geometry(pair, outcome, figures),
        aria_labelledby=anchor,
    )


def _ratios(pair: Plain, outcome: Plain) -> Safe:
    rows: list[list[Child]] = []
    classes = outcome.get("task") == "classification"
    for key, title in RATIOS:
        if key == "pgr_accuracy" and not classes:
            continue
        quantity = pair.get(key)
        said = undefined_text(quantity) or _reading(key, quantity)
        rows.append([title, quantity_cell(quantity), words_cell(said)])
    columns = [Column("Ratio"), Column("Value", "90 % interval"), Column("In words")]
    return joined([tag("h3", "Did the student outgrow its teacher?"), table(columns, rows, "Ratios")])


def _misfit(pair: Plain) -> Safe | None:
    found = part(pair, "misfit")
    if not found:
        return None
    rows: list[list[Child]] = [
        [
            title,
            quantity_cell(found.get(key)),
            words_cell(undefined_text(found.get(key)) or said),
        ]
        for key, title, said in (
            (
                "promised",
                "Gain promised",
                f"{MISFIT}, on {shortened(found.get('rows'), 40)}; needs no labels",
            ),
            (
                "measured",
                "Gain measured",
                "its teacher's risk less the student's on the same rows, as they came out",
            ),
            ("beyond", "Measured less promised", PROMISES.get(str(found.get("outcome")), "")),
        )
    ]
    columns = [Column("Of"), Column("Value", "90 % interval"), Column("In words")]
    return joined(
        [
            tag("h4", "What their disagreement promises"),
            tag("p", PROMISE),
            table(columns, rows, "Promised and measured gain"),
        ]
    )


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
