"""The end of the pages that show a figure: notes, how its curves were obtained, the configuration as TOML."""

from __future__ import annotations

from outgrow.report.curve_looks import KINDS
from outgrow.report.findings import Plain, items, part
from outgrow.report.markup import Child, Safe, tag
from outgrow.report.settings import settings
from outgrow.report.text import is_number, number, shortened

WAYS = 8
"""Ways listed that curves of one kind were obtained in: tooltips tell each of its own."""


def notes(outcome: Plain) -> Safe | None:
    """Write what the reader should bear in mind.

    None without notes.
    """
    found = [str(note) for note in outcome.get("notes") or ()]
    if not found:
        return None
    return tag(
        "section",
        tag("h2", "To bear in mind", id="notes"),
        tag("ul", *(tag("li", note) for note in found), class_="plain"),
        aria_labelledby="notes",
    )


def curve_notes(outcome: Plain) -> list[tuple[Child, Child]]:
    """Say how the figure's curves were obtained, each way once."""
    found: dict[str, list[str]] = {}
    for panel in items(outcome, "panels"):
        for curve in items(panel, "curves"):
            kind, said = str(curve.get("kind")), shortened(curve.get("note") or "", 300)
            if said and said not in found.setdefault(kind, []):
                found[kind].append(said)
    return [
        (f"Curves: {KINDS.get(kind, kind)}", "; ".join(said[:WAYS])) for kind, said in found.items() if said
    ]


def configuration(outcome: Plain) -> Safe:
    """Write what was asked for."""
    seconds = outcome.get("seconds")
    return tag(
        "section",
        tag("h2", "Configuration", id="configuration"),
        settings(part(outcome, "config")),
        tag("p", f"It took {number(seconds)} s.") if is_number(seconds) else None,
        aria_labelledby="configuration",
        class_="wide",
    )
