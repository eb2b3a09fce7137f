"""The report of a published experiment done again: does it match, the figure, and both numbers."""

from __future__ import annotations

from typing import Any

from outgrow.report.curve_looks import curve_notes
from outgrow.report.document import document
from outgrow.report.figures import Figures
from outgrow.report.findings import Plain, items, part, title_of
from outgrow.report.listing import Badge, Column, Listing, Styled, listing
from outgrow.report.markup import Safe, joined, tag
from outgrow.report.sections import configuration, header, notes, obtained, raised, section
from outgrow.report.text import interval_of, is_number, number, shortened, value_of, visible

VERDICTS = {
    "matches": ("Matches", "do"),
    "does not match": ("Does not match", "dont"),
    "partly matches": ("Partly matches", "close"),
    "not compared": ("Not compared", "close"),
}
"""For each verdict: its badge and CSS class."""

BADGE = 24
"""Characters of a verdict that this version does not know: a badge does not wrap."""

AGREEMENT = {True: ("matches", "do"), False: ("differs", "dont"), None: ("not compared", "close")}
"""For each comparison: what it came to, and its CSS class."""

ROWS = 15
"""Rows shown of a table, half a screen: more are read from its file."""


def headline(outcome: Plain) -> str:
    """Give the page's title."""
    return title_of(outcome, str(outcome.get("name") or "A published experiment, done again"))


def verdict_of(outcome: Plain) -> Badge:
    """Give the verdict as a badge."""
    other = shortened(outcome.get("verdict") or "no verdict", BADGE), "close"
    return Badge(*VERDICTS.get(str(outcome.get("verdict")), other))


def sentence(text: object) -> str:
    """Make a reason a sentence."""
    line = visible(text or "")
    first = line.split(" ")[0]
    # Symbols such as d_sw, and the names of feature sets, keep their own letters.
    start = line[:1].upper() if first.isalpha() else line[:1]
    return f"{start}{line[1:]}" + ("" if line[-1:] in ("", ".", "!", "?", ")") else ".")


def matches(comparison: Plain) -> bool | None:
    """Tell whether our number agrees with the published one; None where there are not two numbers."""
    difference, tolerance = difference_of(comparison), value_of(comparison.get("tolerance"))
    return None if difference is None else abs(difference) <= (tolerance or 0.0)


def difference_of(comparison: Plain) -> float | None:
    """Take the published number from ours; None where there are not two numbers."""
    published, ours = value_of(comparison.get("published")), value_of(comparison.get("ours"))
    return None if published is None or ours is None else ours - published


def _printed(value: Any, digits: int = 6) -> str:
    """Write a number with the digits that it was printed with."""
    estimate = value_of(value)
    return "–" if estimate is None else f"{estimate:.{digits}g}"


def _signed(difference: float | None) -> str:
    if difference is None:
        return "–"
    sign = "+" if difference > 0 else "−" if difference < 0 else ""
    return f"{sign}{abs(difference):.2g}"


def _reference(outcome: Plain) -> str:
    """Name what ours is compared with."""
    return shortened(outcome.get("reference") or "Published", 40)


def source_of(outcome: Plain) -> str:
    """Name the source; empty without one."""
    if not outcome.get("source"):
        return ""
    origin = "Published" if _reference(outcome) == "Published" else "Source"
    return f"{origin}: {visible(outcome['source'])}"


def tally(outcome: Plain) -> str:
    """Count the comparisons that match."""
    agreements = [matches(comparison) for comparison in items(outcome, "comparisons")]
    if not agreements:
        return ""
    met, both = sum(agrees is True for agrees in agreements), sum(agrees is not None for agrees in agreements)
    if not both:
        return f"None of {number(len(agreements))} numbers could be compared."
    whose = "its" if met == 1 else "their"
    text = f"{number(met)} of {number(both)} numbers {_be(met)} met within {whose} tolerance"
    unpublished = sum(value_of(one.get("published")) is None for one in items(outcome, "comparisons"))
    missing = len(agreements) - both - unpublished
    text += f"; {number(missing)} could not be compared" if missing else ""
    return text + (f"; {number(unpublished)} more {_be(unpublished)} ours alone." if unpublished else ".")


def _be(count: int) -> str:
    return "is" if count == 1 else "are"


def page(outcome: Plain) -> str:
    """Draw the report of a reproduction."""
    from outgrow.report.curve_figure import figure

    figures, badge = Figures(), verdict_of(outcome)
    # What the figure's legend says stands right below it, before what was published.
    tables = sorted(items(outcome, "tables"), key=lambda one: one.get("name") != "dimensions")
    drawn = [(one, _table(one, place)) for place, one in enumerate(tables, 1)]
    compared = comparison_listing(outcome)
    why = (
        "A number matches where the difference is within its tolerance: the rounding of what is printed, or"
        " the sampling error of both. Brackets hold 90 % intervals of ours."
    )
    kicker = f"Reproduction: {shortened(outcome.get('name') or 'unnamed', 60)}"
    main = tag(
        "main",
        header(outcome, kicker, headline(outcome), {}, source_of(outcome)),
        section(
            "verdict",
            badge.html(),
            tag("p", sentence(outcome.get("because")), class_="take"),
            tag("p", tally(outcome), class_="sentence") if tally(outcome) else None,
            class_=f"verdict {badge.kind}",
        ),
        tag("p", tag("b", "Here:"), outcome["setting"]) if outcome.get("setting") else None,
        figure(outcome, figures),
        *(made for one, made in drawn if one.get("name") == "dimensions"),
        section("comparisons", compared.title, tag("p", why), compared.html()) if compared.rows else None,
        *(made for one, made in drawn if one.get("name") != "dimensions"),
        notes(outcome),
        raised(outcome),
        obtained(_methods(outcome)),
        configuration(outcome),
    )
    return document(headline(outcome), main, figures)


def summary_html(outcome: Plain) -> str:
    """Write verdict and comparisons for a notebook."""
    verdict = f"{headline(outcome)}: {verdict_of(outcome).text}."
    paragraph = tag("p", tag("b", verdict), outcome.get("because") or "")
    return str(joined([paragraph, comparison_listing(outcome).html()]))


def comparison_listing(outcome: Plain) -> Listing:
    """List both numbers of every comparison, whether they agree, and why."""
    reference = _reference(outcome)
    columns = [
        Column("Quantity", lambda one: shortened(one.get("what") or "–", 120)),
        Column(reference, lambda one: _printed(one.get("published"))),
        Column("Ours", _ours),
        Column("Difference", lambda one: _signed(difference_of(one)), f"ours less {reference.lower()}"),
        Column("Tolerance", _tolerance),
        Column("Verdict", lambda one: Badge(*AGREEMENT[matches(one)])),
        Column("Why", lambda one: Styled(str(one.get("reason") or "–"))),
    ]
    return listing(f"{reference} and ours", columns, items(outcome, "comparisons"))


def _ours(comparison: Plain) -> Any:
    if interval_of(comparison) is None:
        return _printed(comparison.get("ours"), 4)
    return {"value": comparison.get("ours"), "interval": comparison.get("interval")}


def _tolerance(comparison: Plain) -> str:
    tolerance = value_of(comparison.get("tolerance"))
    return "–" if tolerance is None or matches(comparison) is None else f"{tolerance:.2g}"


def _table(table: Plain, place: int) -> Safe | None:
    columns = {str(name): list(values or ()) for name, values in part(table, "columns").items()}
    length = max((len(values) for values in columns.values()), default=0)
    if not length:
        return None
    name = shortened(table.get("name") or "table", 60)
    rows = [
        [_value(values[row] if row < len(values) else None) for values in columns.values()]
        for row in range(min(length, ROWS))
    ]
    cut = f"Shown are {ROWS} of {number(length)} rows; all are in {name}.parquet."
    return section(
        f"table-{place}",
        shortened(table.get("title") or name, 120),
        tag("p", table["note"]) if table.get("note") else None,
        listing(name, [Column(shortened(column, 40)) for column in columns], rows).html(),
        tag("p", cut, class_="soft") if length > ROWS else None,
    )


def _value(value: Any) -> Any:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if value is None or is_number(value) else shortened(value, 80)


def _methods(outcome: Plain) -> list[tuple[str | None, str | None]]:
    files = [f"{shortened(one.get('name'), 60)}.parquet" for one in items(outcome, "tables")]
    listed = [("Files", ", ".join([*files, "figure.png", "figure.pdf"]))] if files else []
    return [*curve_notes(outcome), *listed]
