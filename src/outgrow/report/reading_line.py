"""One line that says what was read: rows by part, how files met, the task and why."""

from __future__ import annotations

from rich.text import Text

from outgrow.report.findings import Plain, part
from outgrow.report.text import is_number, number, shortened, visible

SHOWN = 5
"""Classes named with their counts: more would hide the rest of the line."""


def reading_line(outcome: Plain) -> Text:
    """Write what was read; empty where the findings do not say it."""
    return Text(reading_in_words(part(outcome, "reading")), style="dim")


def reading_in_words(reading: Plain) -> str:
    """Say what was read in one line."""
    if not reading:
        return ""
    if "task" not in reading:
        return (
            f"reading: {number(reading.get('rows'))} rows, matched by"
            f" {visible(reading.get('matched'))}{_memory(reading)}"
        )
    where = {
        "column": f"by column {shortened(reading.get('split_column'), 40)!r}",
        "stored": "by the parts that the data set is stored in",
        "drawn": "drawn at random",
    }.get(str(reading.get("parts")), "")
    rows = (
        f"{number(reading.get('labelled'))} labelled, {number(reading.get('unlabelled'))} unlabelled,"
        f" {number(reading.get('test'))} test rows {where}"
    )
    if reading.get("unused"):
        rows += f" ({number(reading.get('unused'))} more in no part)"
    column = reading.get("label_column")
    labels = f"{number(reading.get('labels'))} labels" + (
        f" in column {shortened(column, 40)!r}" if column else ""
    )
    why = visible(reading.get("why"))
    task = f"task {visible(reading.get('task'))}" + (f", {why}" if why == "as asked" else f" because {why}")
    counts = part(reading, "classes")
    named = [f"{shortened(name, 30)} {number(count)}" for name, count in list(counts.items())[:SHOWN]]
    if len(counts) > SHOWN:
        named.append(f"{len(counts) - SHOWN} more")
    return (
        f"reading: {rows}; {labels}, matched by {visible(reading.get('matched'))}; {task}"
        + (f": {', '.join(named)}" if named else "")
        + _memory(reading)
    )


def _memory(reading: Plain) -> str:
    sizes = [size for size in part(reading, "memory").values() if is_number(size)]
    return f"; memory at most {sum(sizes) / 1e9:.2g} GB" if sizes else ""
