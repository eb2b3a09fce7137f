"""What a terminal shows of a ranking: the decision in a sentence, then the teachers as a table.

Names are set as plain text, so brackets in them are never read as styles.
"""

from __future__ import annotations

from rich.console import Group
from rich.table import Table
from rich.text import Text

from outgrow.report import rank_charts as charts
from outgrow.report.findings import Plain, items
from outgrow.report.rank_page import DECISIONS, percent, sizes, title_of
from outgrow.report.run_table import STYLES
from outgrow.report.text import number, quantity_text, shortened, undefined_text, value_of, visible


def ranking_lines(outcome: Plain) -> Group:
    """Write a ranking for a terminal: the decision, then the teachers as a table."""
    said, kind = DECISIONS.get(str(outcome.get("decision")), (visible(outcome.get("decision")), "close"))
    lines: list[Text | Table] = [
        Text(title_of(outcome), style="bold"),
        Text(f"Student: {shortened(outcome.get('strong'), 40)}, {sizes(outcome)}", style="dim"),
    ]
    if outcome.get("note"):
        lines.append(Text(f"Measured {visible(outcome['note'])}", style="dim"))
    lines.append(Text.assemble((said, STYLES[kind]), f". {visible(outcome.get('sentence') or '')}"))
    shown = Table(title=Text(f"Forecast {charts.risk_name(outcome)} of the student, 90 % intervals"))
    shown.add_column("Teacher", overflow="fold")
    for title in ("Its student", "Behind the best", "Best", "Bias", "Inherited", "Fresh", "d_w", "d_sw"):
        shown.add_column(title)
    for teacher in items(outcome, "teachers"):
        cells = [
            charts.label(teacher, outcome),
            _text(teacher.get("student")),
            _text(teacher.get("behind")),
            percent(teacher.get("probability")),
            *(number(value_of(teacher.get(key))) for key in ("bias", "inherited", "fresh", "d_w", "d_sw")),
        ]
        shown.add_row(*map(Text, cells), style="bold" if teacher.get("tied") else None)
    cells = ["(labels-only)", _text(outcome.get("baseline")), *["–"] * 7]
    shown.add_row(*map(Text, cells), style="dim")
    lines.append(shown)
    marks = f"{charts.STAR.strip()} the best teacher, {charts.TIED.strip()} may be the best"
    lines.append(Text(f"{marks}; intervals behind the best hold for all teachers at once", style="dim"))
    told = [(str(t.get("weak")), undefined_text(t.get("student"))) for t in items(outcome, "teachers")]
    lines += [Text(f"{shortened(name, 40)} is undefined: {said}", style="dim") for name, said in told if said]
    return Group(*lines)


def _text(quantity: object) -> str:
    return "–" if quantity is None else quantity_text(quantity)
