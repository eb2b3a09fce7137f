"""The report of a sweep: the figure on the first screen, then dimensions, a few cells, and the methods."""

from __future__ import annotations

from functools import partial

from outgrow.report.curve_looks import curve_notes
from outgrow.report.document import document
from outgrow.report.figures import Figures
from outgrow.report.findings import Plain, items, part, title_of
from outgrow.report.listing import Column, Listing, listing
from outgrow.report.markup import Safe, joined, reason_list, reasons, tag
from outgrow.report.rank_page import share_inherited
from outgrow.report.sections import configuration, header, notes, obtained, raised, section
from outgrow.report.sweep_cells import FILES, RATIOS, RISKS, Cells, Place
from outgrow.report.text import is_number, number, shortened, visible
from outgrow.report.words import kind_title


def headline(outcome: Plain) -> str:
    """Give the page's title."""
    return title_of(outcome, "Risks over n and N")


AXES = (
    ("n", "size of n", "sizes of n"),
    ("N", "size of N", "sizes of N"),
    ("noise", "noise level", "noise levels"),
)
"""Axes of the grid: key in the configuration, and names of one and of several."""


def measured_name(outcome: Plain) -> str:
    """Name what was measured."""
    return "excess risk" if outcome.get("excess") else "error on the test rows"


def sizes(outcome: Plain) -> str:
    """Say how large the sweep was."""
    config = part(outcome, "config")
    counts = [f"{_counted(len(items(outcome, 'pairs')), 'pair', 'pairs')} of teacher and student"]
    for key, one, several in AXES:
        axis = config.get(key)
        if isinstance(axis, (list, tuple)) and axis:
            counts.append(_counted(len(axis), one, several))
    if is_number(config.get("seeds")):
        counts.append(_counted(config["seeds"], "seed", "seeds"))
    rows = f"{number(outcome.get('rows'))} rows dealt from, {number(outcome.get('test_rows'))} scored on"
    return f"{visible(outcome.get('task') or 'a sweep')}: {', '.join(counts)}; {rows}"


def _counted(count: int, one: str, several: str) -> str:
    return f"{number(count)} {one if count == 1 else several}"


def page(outcome: Plain) -> str:
    """Draw the report of a sweep."""
    from outgrow.report.curve_figure import figure

    figures, cells, title = Figures(), Cells(outcome), headline(outcome)
    wins = cells.tally()
    counted = "Counted are cells whose 90 % interval, paired by seed, excludes a tie."
    main = tag(
        "main",
        header(outcome, "Sweep", title, {}, sizes(outcome)),
        tag("p", *wins, class_="take") if wins else None,
        tag("p", counted, class_="soft") if wins else None,
        figure(outcome, figures),
        _dimensions(outcome),
        _cells(outcome, cells),
        notes(outcome),
        raised(outcome),
        obtained(_methods(outcome)),
        configuration(outcome),
    )
    return document(title, main, figures)


def summary_html(outcome: Plain) -> str:
    """Write a sweep for a notebook."""
    cells = Cells(outcome)
    paragraph = tag("p", tag("b", headline(outcome)), *cells.tally())
    return str(joined([paragraph, cell_listing(outcome, cells).html(), reason_list(undefined(cells))]))


def _dimensions(outcome: Plain) -> Safe | None:
    pairs = items(outcome, "pairs")
    if not pairs:
        return None
    return section(
        "dimensions",
        "What teacher and student share",
        tag(
            "p",
            "d_sw counts the directions that the student shares with its teacher; the smaller its share of"
            " d_w, the less of the teacher's noise is handed on. A published similarity near its chance level"
            " says nothing about the two.",
        ),
        dimension_listing(outcome).html(),
        reason_list(reasons((str(pair.get("weak")), pair.get("d_sw")) for pair in pairs)),
    )


def dimension_listing(outcome: Plain) -> Listing:
    """List the dimensions of every pair: the table of the figure's legend."""
    columns = [
        Column("Teacher", lambda pair: shortened(pair.get("weak"), 40)),
        Column("Student", lambda pair: shortened(pair.get("strong"), 40)),
        Column("d_w", lambda pair: _rank(pair, "w"), "of columns"),
        Column("d_s", lambda pair: _rank(pair, "s"), "of columns"),
        Column("d_sw", "d_sw", "shared, corrected"),
        Column("d_sw / d_w", share_inherited, "share inherited"),
        Column("Not corrected", "naive"),
        Column("Published similarity", "published", "in feature coordinates"),
        Column("Its chance level", "chance", "unrelated coordinates"),
    ]
    return listing("What teacher and student share", columns, items(outcome, "pairs"))


def _rank(pair: Plain, which: str) -> str:
    return f"{number(pair.get(f'd_{which}'))} of {number(pair.get(f'width_{which}'))}"


def _cells(outcome: Plain, cells: Cells) -> Safe | None:
    shown = cells.shown()
    if not shown:
        return None
    return section(
        "cells",
        "A few cells",
        tag(
            "p",
            f"Mean {measured_name(outcome)} over seeds, and ratios with 90 % intervals. Shown are"
            f" {number(len(shown))} of {number(len(cells.places))} cells: the smallest, the middle and the"
            f" largest n at N = {number(shown[0].N)}. All are in {FILES[0]}, every seed in {FILES[1]}.",
        ),
        cell_listing(outcome, cells).html(),
        reason_list(undefined(cells)),
    )


def cell_listing(outcome: Plain, cells: Cells) -> Listing:
    """List a few cells, teacher by teacher."""
    columns = [
        Column("n", lambda place: place.n),
        *(Column(kind_title(key), partial(cells.mean, key), optional=True) for key in RISKS),
        *(Column(title, partial(cells.get, key), optional=True) for key, title in RATIOS),
    ]
    rows: list[str | Place] = []
    group = ""
    for place in cells.shown():
        named = cells.heading(place)
        rows += [named, place] if named != group else [place]
        group = named
    return listing("A few cells", columns, rows)


def undefined(cells: Cells) -> list[tuple[str, str]]:
    """Say why ratios have no value, those without a column too."""
    return reasons((title, cells.get(key, place)) for place in cells.shown() for key, title in RATIOS)


def fits_text(fits: Plain) -> str:
    """Say how the fits were solved."""
    if not is_number(fits.get("moments")) and not is_number(fits.get("rows")):
        return ""
    condition = next((value for key, value in fits.items() if "condition" in key and is_number(value)), None)
    worst = f"; the worst condition among the former is {condition:.1e}" if condition is not None else ""
    return f"{number(fits.get('moments'))} fits from moments and {number(fits.get('rows'))} from rows{worst}."


def _methods(outcome: Plain) -> list[tuple[str | None, str | None]]:
    methods = (part(pair, "d_sw").get("method") for pair in items(outcome, "pairs"))
    method, memory = next(filter(None, methods), None), part(outcome, "memory")
    rows: list[tuple[str | None, str | None]] = [
        ("Points", f"means over seeds of the {measured_name(outcome)}; every seed deals rows anew"),
        (
            "Intervals",
            "90 %, over seeds: Student's t for means and differences, Fieller's for ratios; differences and"
            " ratios are taken seed by seed",
        ),
        (
            "Risks",
            "excess risks: the known noise variance is taken off"
            if outcome.get("excess")
            else "errors on the test rows' labels, their noise included",
        ),
        (
            "Penalties",
            "at each cell and seed those that did best on the other seeds"
            if outcome.get("tuned")
            else "one per stage, as given",
        ),
        ("Fits", fits_text(part(outcome, "fits")) or "not counted"),
    ]
    if method:
        rows.append(("Shared directions", shortened(method, 300)))
    if is_number(memory.get("blocks")):
        kept = f"{number(memory['blocks'] / 1e6)} MB of {number(memory.get('count'))} blocks"
        rows.append(("Memory", f"{number(memory.get('rows', 0) / 1e6)} MB of rows, {kept}"))
    return [*rows, *curve_notes(outcome)]
