"""What a terminal shows of a sweep: where the student wins, dimensions, and a few cells as a table.

Names are set as plain text, so brackets in them are never read as styles.
"""

from __future__ import annotations

from rich.console import Group
from rich.table import Table
from rich.text import Text

from outgrow.report.findings import Plain, items, part
from outgrow.report.sweep_cells import FILES, RATIOS, RISKS, Cells, Place
from outgrow.report.sweep_page import fits_text, risk_name, share_text, sizes, title_of
from outgrow.report.text import number, quantity_text, shortened, undefined_text, value_of, visible


def sweep_lines(outcome: Plain, *, written: bool = True) -> Group:
    """Write a sweep for a terminal."""
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
    shown = cells.shown(quietest=True)
    if shown:
        lines.append(_cells(outcome, cells, shown))
        where = f"all are in {FILES[0]}, every seed in {FILES[1]}" if written else "--out DIR writes them all"
        told = f"Shown are {number(len(shown))} of {number(len(cells.places))} cells; {where}."
        lines.append(Text(told, style="dim"))
        lines += [Text(said, style="dim") for said in _nowhere(cells)]
    if fits_text(part(outcome, "fits")):
        lines.append(Text(fits_text(part(outcome, "fits")), style="dim"))
    lines += [Text(visible(note), style="yellow") for note in outcome.get("notes") or ()]
    return Group(*lines)


def _dimensions(pairs: list[Plain]) -> Table:
    shown = Table(title=Text("What teacher and student share"))
    for title in ("Teacher", "Student"):
        shown.add_column(title, overflow="fold")
    for title in ("d_w", "d_s", "d_sw", "d_sw / d_w", "Published, of coordinates", "By chance"):
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


def _cells(outcome: Plain, cells: Cells, places: list[Place]) -> Table:
    several = len({place.strong for place in cells.places}) > 1
    risks = [key for key in RISKS if cells.has(key)]
    ratios = [(key, title) for key, title in RATIOS if cells.has(key)]
    at = f"N = {number(places[0].N)}, noise {places[0].noise:g}"
    shown = Table(title=Text(f"Mean {risk_name(outcome)} and ratios at {at}, 90 % intervals of ratios"))
    for title in ("Teacher", *(("Student",) if several else ())):
        shown.add_column(title, overflow="fold")
    for title in ("n", *risks, *(title for _, title in ratios)):
        shown.add_column(title)
    for place in places:
        row = [
            shortened(place.weak, 40),
            *([shortened(place.strong, 40)] if several else []),
            number(place.n),
        ]
        row += [number(value_of(cells.get(key, place))) for key in risks]
        row += [quantity_text(cells.get(key, place)) for key, _ in ratios]
        shown.add_row(*map(Text, row))
    return shown


def _nowhere(cells: Cells) -> list[str]:
    """Say of ratios that have no column why they have none."""
    return [
        f"{title} is undefined in every cell: {reason}"
        for key, title in RATIOS
        if not cells.has(key) and (reason := cells.reason(key))
    ]
