"""The report of a published experiment done again: does it match, the figure, and both numbers side by side.

From the reproduction's JSON alone, by the same builders as the report of a run: one page that needs nothing
but itself, all text of users escaped.
"""

from __future__ import annotations

from typing import Any

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
    table,
    tag,
    words_cell,
)
from outgrow.report.page import document
from outgrow.report.page_head import SIGNS
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


def title_of(outcome: Plain) -> str:
    """Give the page's title."""
    return shortened(outcome.get("title") or outcome.get("name") or "A published experiment, done again", 200)


def verdict_of(outcome: Plain) -> tuple[str, str]:
    """Give the verdict as a badge says it.

    Returns words, not yet escaped, and CSS class.
    """
    verdict = str(outcome.get("verdict"))
    return VERDICTS.get(verdict, (shortened(outcome.get("verdict") or "no verdict", BADGE), "close"))


def sentence(text: object) -> str:
    """Make a reason a sentence."""
    said = visible(text or "")
    first = said.split(" ")[0]
    # Symbols such as d_sw, and the names of feature sets, keep their own letters.
    start = said[:1].upper() if first.isalpha() else said[:1]
    return f"{start}{said[1:]}" + ("" if said[-1:] in ("", ".", "!", "?", ")") else ".")


def matches(comparison: Plain) -> bool | None:
    """Tell whether our number agrees with the published one.

    None where there are not two numbers.
    """
    difference, tolerance = difference_of(comparison), value_of(comparison.get("tolerance"))
    return None if difference is None else abs(difference) <= (tolerance or 0.0)


def difference_of(comparison: Plain) -> float | None:
    """Take the published number from ours.

    None where there are not two numbers.
    """
    published, ours = value_of(comparison.get("published")), value_of(comparison.get("ours"))
    return None if published is None or ours is None else ours - published


def printed(value: Any, digits: int = 6) -> str:
    """Write a number with the digits that it was printed with."""
    found = value_of(value)
    return "–" if found is None else f"{found:.{digits}g}"


def signed(difference: float | None) -> str:
    """Write a difference with its sign."""
    if difference is None:
        return "–"
    sign = "+" if difference > 0 else "−" if difference < 0 else ""
    return f"{sign}{abs(difference):.2g}"


def reference_of(outcome: Plain) -> str:
    """Name what ours is held against."""
    return shortened(outcome.get("reference") or "Published", 40)


def origin_of(outcome: Plain) -> str:
    """Say what stands before the source."""
    return "Published" if reference_of(outcome) == "Published" else "Source"


def tally(outcome: Plain) -> str:
    """Count the comparisons that match."""
    found = [matches(comparison) for comparison in items(outcome, "comparisons")]
    if not found:
        return ""
    met, both = sum(agrees is True for agrees in found), sum(agrees is not None for agrees in found)
    if not both:
        return f"None of {number(len(found))} numbers could be compared."
    whose = "its" if met == 1 else "their"
    said = f"{number(met)} of {number(both)} numbers {_be(met)} met within {whose} tolerance"
    unpublished = sum(value_of(one.get("published")) is None for one in items(outcome, "comparisons"))
    missing = len(found) - both - unpublished
    said += f"; {number(missing)} could not be compared" if missing else ""
    return said + (f"; {number(unpublished)} more {_be(unpublished)} ours alone." if unpublished else ".")


def _be(count: int) -> str:
    return "is" if count == 1 else "are"


def page(outcome: Plain) -> str:
    """Draw the report of a reproduction."""
    figures = Figures()
    tables = items(outcome, "tables")
    # What the figure's legend says stands right below it, before what was published.
    first = [one for one in tables if one.get("name") == "dimensions"]
    others = [one for one in tables if one.get("name") != "dimensions"]
    main = tag(
        "main",
        _head(outcome),
        figure(outcome, figures),
        *(_table(one, place) for place, one in enumerate(first, 1)),
        _comparisons(outcome),
        *(_table(one, place) for place, one in enumerate(others, len(first) + 1)),
        notes(outcome),
        page_back.raised(outcome),
        _obtained(outcome),
        configuration(outcome),
    )
    return document(title_of(outcome), main, figures)


def summary_html(outcome: Plain) -> str:
    """Write verdict and comparisons for a notebook."""
    said = tag("p", tag("b", f"{title_of(outcome)}: {verdict_of(outcome)[0]}."), outcome.get("because") or "")
    return str(joined([said, _comparison_table(outcome) if items(outcome, "comparisons") else None]))


def _head(outcome: Plain) -> Safe:
    said, kind = verdict_of(outcome)
    badge = tag("span", tag("span", SIGNS[kind], aria_hidden="true"), said, class_=f"badge {kind}")
    top = tag(
        "header",
        tag("p", f"Reproduction: {shortened(outcome.get('name') or 'unnamed', 60)}", class_="kicker"),
        tag("h1", title_of(outcome)),
        tag("p", f"{origin_of(outcome)}: {visible(outcome['source'])}", class_="lede")
        if outcome.get("source")
        else None,
    )
    box = tag(
        "section",
        tag("h2", badge, id="verdict"),
        tag("p", sentence(outcome.get("because")), class_="take"),
        tag("p", tally(outcome), class_="sentence") if tally(outcome) else None,
        class_=f"verdict {kind}",
        aria_labelledby="verdict",
    )
    setting = tag("p", tag("b", "Here:"), outcome["setting"]) if outcome.get("setting") else None
    return joined([top, box, setting])


def _comparisons(outcome: Plain) -> Safe | None:
    if not items(outcome, "comparisons"):
        return None
    return tag(
        "section",
        tag("h2", f"{reference_of(outcome)} and ours", id="comparisons"),
        tag(
            "p",
            "A number matches where the difference is within its tolerance: the rounding of what is printed,"
            " or the sampling error of both. Brackets hold 90 % intervals of ours.",
        ),
        _comparison_table(outcome),
        aria_labelledby="comparisons",
    )


def _comparison_table(outcome: Plain) -> Safe:
    columns = [
        Column("Quantity"),
        Column(reference_of(outcome)),
        Column("Ours"),
        Column("Difference", f"ours less {reference_of(outcome).lower()}"),
        Column("Tolerance"),
        Column("Verdict"),
        Column("Why"),
    ]
    rows: list[list[Child]] = []
    for one in items(outcome, "comparisons"):
        said, kind = AGREEMENT[matches(one)]
        rows.append(
            [
                shortened(one.get("what") or "–", 120),
                printed(one.get("published")),
                _ours(one),
                signed(difference_of(one)),
                _tolerance(one),
                Cell(tag("td", tag("span", said, class_=f"badge {kind}"))),
                words_cell(str(one.get("reason") or "–")),
            ]
        )
    return table(columns, rows, f"{reference_of(outcome)} and ours")


def _ours(comparison: Plain) -> Child:
    if interval_of(comparison) is None:
        return printed(comparison.get("ours"), 4)
    return quantity_cell({"value": comparison.get("ours"), "interval": comparison.get("interval")})


def _tolerance(comparison: Plain) -> str:
    tolerance = value_of(comparison.get("tolerance"))
    return "–" if tolerance is None or matches(comparison) is None else f"{tolerance:.2g}"


def _table(found: Plain, place: int) -> Safe | None:
    columns = {str(name): list(values or ()) for name, values in part(found, "columns").items()}
    length = max((len(values) for values in columns.values()), default=0)
    if not length:
        return None
    rows: list[list[Child]] = [
        [_value(values[row] if row < len(values) else None) for values in columns.values()]
        for row in range(min(length, ROWS))
    ]
    name = shortened(found.get("name") or "table", 60)
    cut = f"Shown are {ROWS} of {number(length)} rows; all are in {name}.parquet."
    return tag(
        "section",
        tag("h2", shortened(found.get("title") or name, 120), id=f"table-{place}"),
        tag("p", found["note"]) if found.get("note") else None,
        table([Column(shortened(column, 40)) for column in columns], rows, name),
        tag("p", cut, class_="soft") if length > ROWS else None,
        aria_labelledby=f"table-{place}",
    )


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or is_number(value):
        # A hyphen is shorter than a plus: numbers below zero get a minus.
        return number(value).replace("-", "−")
    return shortened(value, 80)


def _obtained(outcome: Plain) -> Safe | None:
    rows = curve_notes(outcome)
    tables = [shortened(one.get("name"), 60) for one in items(outcome, "tables")]
    if tables:
        rows.append(("Files", f"{', '.join(f'{name}.parquet' for name in tables)}, figure.png, figure.pdf"))
    if not rows:
        return None
    return tag(
        "section",
        tag("h2", "How every number was obtained", id="methods"),
        data_list(rows, "facts"),
        aria_labelledby="methods",
        class_="wide",
    )
