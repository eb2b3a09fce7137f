"""HTML built from parts, so that nothing a user wrote can reach the page unescaped.

Only what these builders made is taken for HTML; any other text is made visible and escaped on its way in.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from outgrow.report.text import escaped, quantity_text, undefined_text, value_of


class Safe(str):
    """Text that is HTML already, made by the builders of this module."""

    __slots__ = ()


Child = str | None
"""What may stand in an element: HTML, text yet to be escaped, or nothing."""


def joined(children: Iterable[Child], between: str = "") -> Safe:
    """Put pieces one after another, escaping those that are not HTML."""
    pieces = [child if isinstance(child, Safe) else escaped(child) for child in children if child is not None]
    return Safe(html.escape(between).join(pieces))


def tag(name: str, *children: Child, **attributes: object) -> Safe:
    """Make an element."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escaped(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Safe(f"<{name}{written}>{joined(children, ' ')}</{name}>")


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    title: str
    """Its heading."""
    small: str = ""
    """A remark under the heading."""


def table(columns: Sequence[Column], rows: Sequence[Sequence[Child]], label: str) -> Safe:
    """Make a table that scrolls by itself where it is wider than the page."""
    heads = [
        tag("th", column.title, tag("small", column.small) if column.small else None, scope="col")
        for column in columns
    ]
    body = []
    for row in rows:
        if len(row) == 1:
            head = tag("th", row[0], scope="rowgroup", colspan=len(columns))
            body.append(tag("tr", head, class_="group"))
            continue
        cells = [cell if isinstance(cell, Cell) else tag("td", cell) for cell in row[1:]]
        body.append(tag("tr", tag("th", row[0], scope="row"), *cells))
    inner = tag("table", tag("thead", tag("tr", *heads)), tag("tbody", *body))
    # Focusable, so that it can be scrolled by keyboard.
    return tag("div", inner, class_="scroll", tabindex="0", role="region", aria_label=label)


class Cell(Safe):
    """A whole cell of a table."""

    __slots__ = ()


def words_cell(text: str) -> Cell:
    """Write a sentence as a cell that keeps a readable width on narrow screens."""
    return Cell(tag("td", text, class_="words"))


def quantity_cell(quantity: Any) -> Cell:
    """Write an estimate with its interval as a cell."""
    if quantity is None:
        return Cell(tag("td", tag("span", "–", class_="soft")))
    if value_of(quantity) is None:
        return Cell(tag("td", tag("span", "undefined", class_="soft")))
    # A hyphen is shorter than a plus: numbers below zero get a minus.
    value, _, interval = quantity_text(quantity).replace("-", "−").partition(" ")
    return Cell(tag("td", tag("span", value), tag("small", interval) if interval else None, class_="number"))


def reasons(quantities: Iterable[tuple[str, Any]]) -> Safe | None:
    """Say why quantities are undefined, each reason once.

    None where everything is defined.
    """
    found: dict[str, list[str]] = {}
    for name, quantity in quantities:
        said = undefined_text(quantity)
        if said and name not in found.setdefault(said, []):
            found[said].append(name)
    if not found:
        return None
    lines = [
        tag("li", tag("strong", ", ".join(names)), f"undefined: {said}") for said, names in found.items()
    ]
    return tag("ul", *lines, class_="reasons")


def data_list(pairs: Iterable[tuple[Child, Child]], class_: str | None = None) -> Safe:
    """Make a list of names and what they are."""
    made = [tag("div", tag("dt", name), tag("dd", text)) for name, text in pairs]
    return tag("dl", *made, class_=class_)
