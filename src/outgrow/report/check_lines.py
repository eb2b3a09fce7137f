"""Checks for a terminal: what is wrong and what to do, the serious ones apart."""

from __future__ import annotations

from difflib import get_close_matches

from rich.console import Group
from rich.text import Text

from outgrow.errors import CHECKS, ConfigError
from outgrow.report.findings import Plain, checks
from outgrow.report.text import visible

STYLES = {True: "bold red", False: "yellow"}
"""Colour of serious checks and of others; the code stands before either."""


def check_lines(outcome: Plain, serious: bool) -> Group:
    """Write the checks of one kind, those of single estimates too, as on the page."""
    lines: list[Text] = []
    for check in checks(outcome):
        if check.serious is serious:
            head = f"{check.code} {check.title}" if check.title else check.code
            lines.append(Text(f"{head}: {visible(check.detail)}", style=STYLES[serious]))
            lines.append(Text(f"  {check.remedy}", style="dim"))
    return Group(*lines)


def explained(code: str) -> str:
    """Say what a check means; refuses codes that are not registered."""
    kind = CHECKS.get(code.upper())
    if kind is None:
        near = get_close_matches(code.upper(), CHECKS, n=3)
        remedy = f"Did you mean {', '.join(near)}?" if near else f"There are {', '.join(CHECKS)}."
        raise ConfigError(f"no check is called {visible(code)!r}", remedy=remedy)
    stands = "It is serious: answers may be worthless." if kind.serious else ""
    return f"{kind.code}: {kind.title}\n{kind.why}\n{kind.remedy}\n{stands}".rstrip()
