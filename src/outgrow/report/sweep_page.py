"""The report of a sweep: the figure on the first screen, then dimensions, a few cells, and the methods.

From the sweep's JSON alone, by the same builders as the report of a run: one page that needs nothing but
itself, all text of users escaped.
"""

from __future__ import annotations

from outgrow.report import page_back
from outgrow.report.curve_back import configuration, curve_notes, notes
from outgrow.report.curve_figure import figure
from outgrow.report.figures import Figures
from outgrow.report.findings import Plain, items, part
from outgrow.report.markup import (
    Cell,
    Child,
    Column,
    Safe,
    data_list,
    joined,
    quantity_cell,
    reasons,
    table,
    tag,
)
from outgrow.report.page import document
from outgrow.report.page_head import note_of
from outgrow.report.sweep_cells import FILES, RATIOS, RISKS, Cells
from outgrow.report.text import is_number, number, shortened, value_of, visible
from outgrow.report.words import kind_title


def title_of(outcome: Plain) -> str:
    """Give the page's title."""
    return shortened(outcome.get("title") or "Risks over n and N", 200)


def risk_name(outcome: Plain) -> str:
    """Name what was measured."""
    return "excess risk" if outcome.get("excess") else "error on the test rows"


def sizes(outcome: Plain) -> str:
    """Say how large the sweep was."""
    config, pairs = part(outcome, "config"), items(outcome, "pairs")
    said = [_counted(len(pairs), "pair", "pairs") + " of teacher and student"]
    axes = (
        ("n", "size of n", "sizes of n"),
        ("N", "size of N", "sizes of N"),
        ("noise", "noise level", "noise levels"),
    )
    for key, one, several in axes:
        axis = config.get(key)
        if isinstance(axis, (list, tuple)) and axis:
            said.append(_counted(len(axis), one, several))
    if is_number(config.get("seeds")):
        said.append(_counted(config["seeds"], "seed", "seeds"))
    rows = f"{number(outcome.get('rows'))} rows dealt from, {number(outcome.get('test_rows'))} scored on"
    return f"{visible(outcome.get('task') or 'a sweep')}: {', '.join(said)}; {rows}"


def _counted(count: int, one: str, several: str) -> str:
    return f"{number(count)} {one if count == 1 else several}"


def page(outcome: Plain) -> str:
    """Draw the report of a sweep."""
    figures, cells = Figures(), Cells(outcome)
    main = tag(
        "main",
        _head(outcome, cells),
        figure(outcome, figures),
        dimensions(outcome),
        _cells(outcome, cells),
        notes(outcome),
        page_back.raised(outcome),
        _obtained(outcome),
        configuration(outcome),
    )
    return document(title_of(outcome), main, figures)


def summary_html(outcome: Plain) -> str:
    """Write a sweep for a notebook."""
    cells = Cells(outcome)
    said = tag("p", tag("b", title_of(outcome)), *cells.tally())
    return str(joined([said, _cell_table(outcome, cells) if cells.places else None]))


def _head(outcome: Plain, cells: Cells) -> Safe:
    lines = cells.tally()
    said = [
        tag("p", *lines, class_="take"),
        tag("p", "Counted are cells whose 90 % interval, paired by seed, excludes a tie.", class_="soft"),
    ]
    return tag(
        "header",
        tag("p", "Sweep", class_="kicker"),
        tag("h1", title_of(outcome)),
        tag("p", sizes(outcome), class_="lede"),
        note_of(outcome),
        *(said if lines else ()),
    )


def share_text(pair: Plain) -> str:
    """Write how much of the teacher the student shares."""
    d_w, d_sw = value_of(pair.get("d_w")), value_of(pair.get("d_sw"))
    return number(d_sw / d_w) if d_w and d_sw is not None else "–"


def dimensions(outcome: Plain) -> Safe | None:
    """Write the dimensions of every pair: the table of the figure's legend.

    None without pairs.
    """
    pairs = items(outcome, "pairs")
    if not pairs:
        return None
    columns = [
        Column("Teacher"),
        Column("Student"),
        Column("d_w", "of columns"),
        Column("d_s", "of columns"),
        Column("d_sw", "shared, corrected"),
        Column("d_sw / d_w", "share inherited"),
        Column("Not corrected"),
        Column("Published similarity", "in feature coordinates"),
        Column("Its chance level", "unrelated coordinates"),
    ]
    rows: list[list[Child]] = [
        [
            shortened(pair.get("weak"), 40),
            shortened(pair.get("strong"), 40),
            _rank(pair, "w"),
            _rank(pair, "s"),
            quantity_cell(pair.get("d_sw")),
            share_text(pair),
            number(value_of(pair.get("naive"))),
            number(value_of(pair.get("published"))),
            number(value_of(pair.get("chance"))),
        ]
        for pair in pairs
    ]
    return tag(
        "section",
        tag("h2", "What teacher and student share", id="dimensions"),
        tag(
            "p",
            "d_sw counts the directions that the student shares with its teacher; the smaller its share of"
            " d_w, the less of the teacher's noise is handed on. A published similarity near its chance level"
            " says nothing about the two.",
        ),
        table(columns, rows, "Dimensions"),
        reasons((str(pair.get("weak")), pair.get("d_sw")) for pair in pairs),
        aria_labelledby="dimensions",
    )


def _rank(pair: Plain, which: str) -> Cell:
    of = tag("small", f"of {number(pair.get(f'width_{which}'))}")
    return Cell(tag("td", number(pair.get(f"d_{which}")), of, class_="number"))


def _cells(outcome: Plain, cells: Cells) -> Safe | None:
    shown = cells.shown()
    if not shown:
        return None
    return tag(
        "section",
        tag("h2", "A few cells", id="cells"),
        tag(
            "p",
            f"Mean {risk_name(outcome)} over seeds, and ratios with 90 % intervals. Shown are"
            f" {number(len(shown))} of {number(len(cells.places))} cells: the smallest, the middle and the"
            f" largest n at N = {number(shown[0].N)}. All are in {FILES[0]}, every seed in {FILES[1]}.",
        ),
        _cell_table(outcome, cells),
        aria_labelledby="cells",
    )


def _cell_table(outcome: Plain, cells: Cells) -> Safe:
    shown = cells.shown()
    several_strong = len({place.strong for place in cells.places}) > 1
    noisy = len({place.noise for place in cells.places}) > 1
    risks = [key for key in RISKS if cells.has(key)]
    ratios = [(key, title) for key, title in RATIOS if cells.has(key)]
    columns = [
        Column("n"),
        *(Column(kind_title(key)) for key in risks),
        *(Column(title) for _, title in ratios),
    ]
    rows: list[list[Child]] = []
    group = ""
    for place in shown:
        named = shortened(place.weak, 60)
        named += f", student {shortened(place.strong, 60)}" if several_strong else ""
        named += f", noise {place.noise:g}" if noisy else ""
        if named != group:
            group = named
            rows.append([f"Teacher {named}"])
        means = [number(value_of(cells.get(key, place))) for key in risks]
        found = [quantity_cell(cells.get(key, place)) for key, _ in ratios]
        rows.append([number(place.n), *means, *found])
    # Those without any value have no column, and reasons all the same.
    every = [(title, cells.get(key, place)) for place in shown for key, title in RATIOS]
    return joined([table(columns, rows, "A few cells"), reasons(every)])


def fits_text(fits: Plain) -> str:
    """Say how the fits were solved."""
    if not is_number(fits.get("moments")) and not is_number(fits.get("rows")):
        return ""
    condition = next((value for key, value in fits.items() if "condition" in key and is_number(value)), None)
    worst = f"; the worst condition among the former is {condition:.1e}" if condition is not None else ""
    return f"{number(fits.get('moments'))} fits from moments and {number(fits.get('rows'))} from rows{worst}."


def _obtained(outcome: Plain) -> Safe:
    chosen = (
        "at each cell and seed those that did best on the other seeds"
        if outcome.get("tuned")
        else "one per stage, as given"
    )
    measured_on = (
        "excess risks: the known noise variance is taken off"
        if outcome.get("excess")
        else "errors on the test rows' labels, their noise included"
    )
    method = next(
        (
            part(pair, "d_sw")["method"]
            for pair in items(outcome, "pairs")
            if part(pair, "d_sw").get("method")
        ),
        None,
    )
    memory = part(outcome, "memory")
    rows: list[tuple[Child, Child]] = [
        ("Points", f"means over seeds of the {risk_name(outcome)}; every seed deals rows anew"),
        (
            "Intervals",
            "90 %, over seeds: Student's t for means and differences, Fieller's for ratios; differences and"
            " ratios are taken seed by seed",
        ),
        ("Risks", measured_on),
        ("Penalties", chosen),
        ("Fits", fits_text(part(outcome, "fits")) or "not counted"),
    ]
    if method:
        rows.append(("Shared directions", shortened(method, 300)))
    if is_number(memory.get("blocks")):
        rows.append(
            (
                "Memory",
                f"{number(memory.get('rows', 0) / 1e6)} MB of rows, {number(memory['blocks'] / 1e6)} MB of"
                f" {number(memory.get('count'))} blocks",
            )
        )
    rows += curve_notes(outcome)
    return tag(
        "section",
        tag("h2", "How every number was obtained", id="methods"),
        data_list(rows, "facts"),
        aria_labelledby="methods",
        class_="wide",
    )
