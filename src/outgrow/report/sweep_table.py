"""What a terminal shows of a sweep: where the student wins, dimensions, and a few cells as a table.

Names are set as plain text, so brackets in them are never read as styles.
"""

from __future__ import annotations

from rich.console import Group
from rich.table import Table
from rich.text import Text

from outgrow.report.findings import Plain, items, part
from outgrow.report.sweep_cells import FILES, QUANTITIES, Cells
from outgrow.report.sweep_page import fits_text, risk_name, share_text, sizes, title_of
from outgrow.report.text import number, quantity_text, shortened, undefined_text, value_of, visible


def sweep_lines(outcome: Plain) -> Group:
    """Write a sweep for a terminal.

    Parameters
    ----------
    outcome : dict
        The sweep.

    Returns
    -------
    rich.console.Group
        Names are set as plain text.
    """
    cells = Cells(outcome)
    lines: list[Text | Table] = [
        Text(title_of(outcome), style="bold"),
        Text(sizes(outcome), style="dim"),
    ]
    if outcome.get("note"):
        lines.append(Text(f"Measured {visible(outcome['note'])}", style="dim"))
    lines += [Text(sentence) for sentence in cells.tally()]
    pairs = items(outcome, "pairs")
    if pairs:
        lines.append(_dimensions(pairs))
        lines += [
            Text(f"d_sw of {shortened(pair.get('weak'), 40)} is undefined: {said}", style="dim")
            for pair in pairs
            if (said := undefined_text(pair.get("d_sw")))
        ]
    if cells.places:
        lines.append(_cells(outcome, cells))
        lines.append(
            Text(
                f"Shown are {number(len(cells.shown()))} of {number(len(cells.places))} cells; all are in"
                f" {FILES[0]}, every seed in {FILES[1]}.",
                style="dim",
            )
        )
    if fits_text(part(outcome, "fits")):
        lines.append(Text(fits_text(part(outcome, "fits")), style="dim"))
    lines += [Text(visible(note), style="yellow") for note in outcome.get("notes") or ()]
    return Group(*lines)


def _dimensions(pairs: list[Plain]) -> Table:
    shown = Table(title=Text("What teacher and student share"))
    for title in ("Teacher", "Student"):
        shown.add_column(title, overflow="fold")
    for title in ("d_w", "d_s", "d_sw", "d_sw / d_w", "Published", "By chance"):
        shown.add_column(title)
    for pair in pairs:
        cells = [
            shortened(pair.get("weak"), 40),
            shortened(pair.get("strong"), 40),
            number(pair.get("d_w")),
            number(pair.get("d_s")),
            quantity_text(pair.get("d_sw")),
            share_text(pair),
            number(value_of(pair.get("published"))),
            number(value_of(pair.get("chance"))),
        ]
        shown.add_row(*map(Text, cells))
    return shown


def _cells(outcome: Plain, cells: Cells) -> Table:
    noisy = len({place.noise for place in cells.places}) > 1
    quantities = [(key, title) for key, title in QUANTITIES if cells.has(key)]
    shown = Table(title=Text(f"Mean {risk_name(outcome)} and ratios, 90 % intervals of ratios"))
    shown.add_column("Teacher", overflow="fold")
    for title in ("n", "N", *(("noise",) if noisy else ()), *(title for _, title in quantities)):
        shown.add_column(title)
    for place in cells.shown():
        found = [(key, cells.get(key, place)) for key, _ in quantities]
        row = [shortened(place.weak, 40), number(place.n), number(place.N)]
        row += [number(place.noise)] if noisy else []
        row += [
            quantity_text(one) if key in ("pgr", "opr") and one else number(value_of(one))
            for key, one in found
        ]
        shown.add_row(*map(Text, row))
    return shown
