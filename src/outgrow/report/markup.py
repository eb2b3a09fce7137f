"""HTML built from parts, so that nothing a user wrote can reach the page unescaped.

Only what these builders made is taken for HTML; any other text is made visible and escaped on its way in.
"""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Any

from outgrow.report.text import escaped, undefined_text


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


def reasons(quantities: Iterable[tuple[str, Any]]) -> list[tuple[str, str]]:
    """Say why quantities are undefined: the names that share a reason, and the reason."""
    names_by_reason: dict[str, list[str]] = {}
    for name, quantity in quantities:
        reason = undefined_text(quantity)
        if reason and name not in names_by_reason.setdefault(reason, []):
            names_by_reason[reason].append(name)
    return [(", ".join(names), f"undefined: {reason}") for reason, names in names_by_reason.items()]


def reason_list(entries: Iterable[tuple[str, str]]) -> Safe | None:
    """Write reasons for the page; None where everything is defined."""
    lines = [tag("li", tag("strong", names), reason) for names, reason in entries]
    return tag("ul", *lines, class_="reasons") if lines else None


def data_list(pairs: Iterable[tuple[Child, Child]], class_: str | None = None) -> Safe | None:
    """Make a list of names and what they are; None without any."""
    made = [tag("div", tag("dt", name), tag("dd", text)) for name, text in pairs]
    return tag("dl", *made, class_=class_) if made else None
