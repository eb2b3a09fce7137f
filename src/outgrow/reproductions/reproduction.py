"""What a published experiment gives, done again: comparisons, curves, tables, a verdict and its reason."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeAlias

from outgrow.results import Check
from outgrow.study.curves import Panel
from outgrow.sweeps.summary import Ends

Verdict: TypeAlias = Literal["matches", "does not match", "partly matches", "not compared"]
"""The last where nothing was published to compare with, or the data published on are not at hand."""

MODELS = ("teacher", "student", "baseline", "ceiling")
"""In the order of tables."""


@dataclass(frozen=True)
class Comparison:
    """One published number beside ours."""

    what: str
    """The quantity and its setting, such as "PGR, ResNet-18, n = 2,000, N = 10,000"."""
    published: float | None
    """As printed; None where it was not."""
    ours: float | None
    """What came out; None where it is undefined."""
    tolerance: float
    """Largest absolute difference that counts as a match: the rounding of what is printed, or the sampling
    error of both."""
    reason: str = ""
    """Where the tolerance is from; or why there is no number, or why it differs."""
    interval: tuple[float, float] | None = None
    """Interval of ours, where it has one."""

    @property
    def matches(self) -> bool | None:
        """Whether the two agree; None where there are not two."""
        if self.published is None or self.ours is None:
            return None
        return bool(abs(self.published - self.ours) <= self.tolerance)


def verdict_of(comparisons: Sequence[Comparison]) -> Verdict:
    """Say what comparisons come to."""
    answers = [one.matches for one in comparisons if one.matches is not None]
    if not answers:
        return "not compared"
    return "matches" if all(answers) else "partly matches" if any(answers) else "does not match"


@dataclass(frozen=True)
class Table:
    """A table to show and to write."""

    name: str
    """Of the file, without ending, such as "dimensions"."""
    title: str
    """What it shows."""
    columns: Mapping[str, Sequence[Any]]
    """Equal lengths; numbers, text or None."""
    note: str = ""
    """What the reader should bear in mind."""


def columns_of(rows: Sequence[Mapping[str, Any]], kind: Any = None) -> dict[str, list[Any]]:
    """Turn like rows, of a dataclass where there may be none, into columns; None where there is no number."""
    names = rows[0] if rows else () if kind is None else [each.name for each in fields(kind)]
    return {name: list(numbers(row[name] for row in rows)) for name in names}


def numbers(values: Iterable[Any]) -> tuple[Any, ...]:
    """Give None where there is no number."""
    return tuple(None if value != value else value for value in values)


def at_place(ends: Ends, place: tuple[int, ...]) -> tuple[float, float, float]:
    """Give the value and the ends of its interval in one cell."""
    value, low, high = (float(end[place]) for end in ends[:3])
    return value, low, high


def with_ends(name: str, ends: Ends, place: tuple[int, ...]) -> dict[str, float | None]:
    """Name a value and the ends of its interval in one cell; None where they are not finite."""
    named = zip((name, f"{name}_low", f"{name}_high"), at_place(ends, place), strict=True)
    return {key: value if math.isfinite(value) else None for key, value in named}


@dataclass(frozen=True)
class Reproduction:
    """A published experiment, done again."""

    name: str
    """As on the command line."""
    title: str
    """Heading."""
    source: str
    """Who published it, and where."""
    setting: str
    """What was done here, in a few sentences: data, models, sizes, seeds, penalties."""
    verdict: Verdict
    """See `Verdict`."""
    because: str
    """The reason, in one or two sentences."""
    comparisons: tuple[Comparison, ...] = ()
    """Published numbers beside ours."""
    panels: tuple[Panel, ...] = ()
    """The figure."""
    tables: tuple[Table, ...] = ()
    """What the figure is drawn from, and what its legend says: each becomes a Parquet file."""
    notes: tuple[str, ...] = ()
    """What the reader should bear in mind."""
    checks: tuple[Check, ...] = ()
    """Suspicions."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """Everything that decides the numbers."""
    seconds: float = 0.0
    """Wall time."""
    reference: str = "Published"
    """What ours is held against, as the head of a column: "Published", or "Theory" where nothing was."""
