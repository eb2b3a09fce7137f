"""One form of table for page and terminal: columns say where their cells come from, rows are the findings.

Names of users are plain text in both: escaped on the page, never read as styles in a terminal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

from outgrow.report.markup import Child, Safe, joined, tag
from outgrow.report.text import quantity_text, value_of, visible

SIGNS = {"do": "✓", "dont": "✕", "close": "≈"}
"""For each decision's class the sign before its name: colour alone would not carry it."""

STYLES = {"do": "bold green", "dont": "bold red", "close": "bold yellow"}
"""Colour of each decision in a terminal; its name stands beside it."""

STAR, TIED = "★", "≈"
"""Stand before what is recommended, and before what may be as good."""


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    title: str
    of: str | Callable[[Any], Any] | None = None
    """Key of the cell in a finding, or what makes it; None where findings are rows of cells already."""
    small: str = ""
    """A remark under the heading."""
    optional: bool = False
    """Whether it is left out where it has no value: a column of "undefined" says less than its reason."""


@dataclass(frozen=True)
class Styled:
    """Text of a class of the style sheet: "words" keeps a readable width, "line" does not wrap."""

    text: str
    class_: str = "words"


@dataclass(frozen=True)
class Badge:
    """A verdict and its class: do, dont or close."""

    text: str
    kind: str

    def html(self) -> Safe:
        """Write it with its sign."""
        sign = tag("span", SIGNS[self.kind], aria_hidden="true")
        return tag("span", sign, self.text, class_=f"badge {self.kind}")


@dataclass(frozen=True)
class Marked:
    """A name with a remark behind it, and a sign before it that stands for the remark in a terminal."""

    text: str
    small: str = ""
    sign: str = ""


@dataclass(frozen=True)
class Listing:
    """A table: its title, its columns, and rows of cells; a row of one cell is a heading."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]

    def html(self) -> Safe | None:
        """Write it for the page, where it scrolls by itself; None without rows."""
        if not self.rows:
            return None
        heads = [
            tag("th", column.title, tag("small", column.small) if column.small else None, scope="col")
            for column in self.columns
        ]
        inner = tag("table", tag("thead", tag("tr", *heads)), tag("tbody", *map(self._row, self.rows)))
        # Focusable, so that it can be scrolled by keyboard.
        return tag("div", inner, class_="scroll", tabindex="0", role="region", aria_label=self.title)

    def titled(self, *before: Child, level: str = "h3") -> Safe | None:
        """Write it under its title, and what must be read before it; None without rows."""
        made = self.html()
        return joined([tag(level, self.title), *before, made]) if made else None

    def _row(self, row: Sequence[Any]) -> Safe:
        if len(row) == 1 < len(self.columns):
            head = tag("th", row[0], scope="rowgroup", colspan=len(self.columns))
            return tag("tr", head, class_="group")
        return tag("tr", tag("th", _content(row[0]), scope="row"), *map(_cell, row[1:]))

    def lines(self, title: str = "", without: Sequence[str] = ()) -> list[Table]:
        """Write it for a terminal, without some columns; empty without rows."""
        kept = [at for at, column in enumerate(self.columns) if column.title not in without]
        made = Table(title=Text(visible(title or self.title)))
        for at in kept:
            made.add_column(Text(visible(self.columns[at].title)), overflow="fold")
        for row in self.rows:
            heading = len(row) == 1 < len(self.columns)
            shown = row if heading else [row[at] for at in kept]
            strong = heading or (isinstance(row[0], Marked) and bool(row[0].sign))
            made.add_row(*map(_printed, shown), style="bold" if strong else None)
        return [made] if self.rows else []


def under(key: str, numbers: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Take a cell from what a function finds of a finding, such as its risks."""
    return lambda one: numbers(one).get(key)


def listing(title: str, columns: Sequence[Column], findings: Iterable[Any]) -> Listing:
    """Make the table of findings; a string among them is a heading."""
    rows = [
        [one] if isinstance(one, str) else [_taken(column, one, at) for at, column in enumerate(columns)]
        for one in findings
    ]
    kept = [
        at
        for at, column in enumerate(columns)
        if not column.optional or any(len(row) > 1 and value_of(row[at]) is not None for row in rows)
    ]
    return Listing(
        title,
        [columns[at] for at in kept],
        [row if len(row) == 1 < len(columns) else [row[at] for at in kept] for row in rows],
    )


def _taken(column: Column, one: Any, at: int) -> Any:
    if column.of is None:
        return one[at]
    return one.get(column.of) if isinstance(column.of, str) else column.of(one)


def _content(value: Any) -> Child:
    if isinstance(value, Marked):
        sign = tag("span", value.sign, aria_hidden="true") if value.sign else None
        return joined([sign, value.text, tag("small", value.small) if value.small else None], " ")
    return value if isinstance(value, str) else quantity_text(value)


def _cell(value: Any) -> Safe:
    if isinstance(value, Badge):
        return tag("td", value.html())
    if isinstance(value, Styled):
        return tag("td", value.text, class_=value.class_)
    if isinstance(value, str):
        return tag("td", value)
    if value is None or value_of(value) is None:
        return tag("td", tag("span", "–" if value is None else "undefined", class_="soft"))
    # A hyphen is shorter than a plus: numbers below zero get a minus.
    text, _, interval = quantity_text(value).replace("-", "−").partition(" ")
    return tag("td", tag("span", text), tag("small", interval) if interval else None, class_="number")


def _printed(value: Any) -> Text:
    if isinstance(value, Badge):
        return Text(value.text, style=STYLES[value.kind])
    if isinstance(value, Marked):
        return Text(visible(f"{value.sign} {value.text}"))
    if isinstance(value, (str, Styled)):
        return Text(visible(value if isinstance(value, str) else value.text))
    return Text("–" if value is None else quantity_text(value))
