"""What a terminal shows of a published experiment done again: the verdict, then both numbers side by side.

Names are set as plain text, so brackets in them are never read as styles.
"""

from __future__ import annotations

from rich.console import Group
from rich.table import Table
from rich.text import Text

from outgrow.report.findings import Plain, items
from outgrow.report.reproduction_page import (
    AGREEMENT,
    difference_of,
    matches,
    origin_of,
    printed,
    reference_of,
    sentence,
    signed,
    tally,
    title_of,
    verdict_of,
)
from outgrow.report.run_table import STYLES
from outgrow.report.text import interval_of, quantity_text, shortened, value_of, visible


def reproduction_lines(outcome: Plain) -> Group:
    """Write a reproduction for a terminal."""
    said, kind = verdict_of(outcome)
    lines: list[Text | Table] = [Text(title_of(outcome), style="bold")]
    if outcome.get("source"):
        lines.append(Text(f"{origin_of(outcome)}: {visible(outcome['source'])}", style="dim"))
    if outcome.get("setting"):
        lines.append(Text(f"Here: {visible(outcome['setting'])}", style="dim"))
    lines.append(Text.assemble((said, STYLES[kind]), f". {sentence(outcome.get('because'))}"))
    if tally(outcome):
        lines.append(Text(tally(outcome)))
    comparisons = items(outcome, "comparisons")
    if comparisons:
        shown = Table(title=Text(f"{reference_of(outcome)} and ours, 90 % intervals"))
        shown.add_column("Quantity", overflow="fold")
        for title in (reference_of(outcome), "Ours", "Difference", "Tolerance", ""):
            shown.add_column(title)
        for one in comparisons:
            agrees = matches(one)
            word, tone = AGREEMENT[agrees]
            tolerance = value_of(one.get("tolerance"))
            ours, spread = one.get("ours"), interval_of(one)
            cells = [
                shortened(one.get("what") or "–", 80),
                printed(one.get("published")),
                quantity_text({"value": ours, "interval": spread}) if spread else printed(ours, 4),
                signed(difference_of(one)),
                "–" if tolerance is None or agrees is None else f"{tolerance:.2g}",
            ]
            shown.add_row(*map(Text, cells), Text(word, style=STYLES[tone]))
        lines.append(shown)
        # Why a number matches is on the page; why it does not belongs here too.
        lines += [
            Text(f"{shortened(one.get('what'), 80)}: {visible(one['reason'])}", style="dim")
            for one in comparisons
            if matches(one) is not True and one.get("reason")
        ]
    lines += [Text(visible(note), style="yellow") for note in outcome.get("notes") or ()]
    return Group(*lines)
