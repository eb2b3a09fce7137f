"""What a published experiment gives, done again: comparisons, curves, tables, a verdict and its reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from outgrow.results import Check
from outgrow.study.curves import Panel

Verdict: TypeAlias = Literal["matches", "does not match", "partly matches", "not compared"]
"""The last where nothing was published to compare with, or the data published on are not at hand."""


@dataclass(frozen=True)
class Comparison:
    """One published number beside ours.

    Parameters
    ----------
    what : str
        The quantity and its setting, such as "PGR, ResNet-18, n = 2,000, N = 10,000".
    published : float or None
        As printed; None where it was not.
    ours : float or None
        What came out; None where it is undefined.
    tolerance : float
        Largest absolute difference that counts as a match: the rounding of what is printed, or the sampling
        error of both.
    reason : str
        Where the tolerance is from; or why there is no number, or why it differs.
    interval : tuple of float or None
        Interval of ours, where it has one.
    """

    what: str
    published: float | None
    ours: float | None
    tolerance: float
    reason: str = ""
    interval: tuple[float, float] | None = None

    @property
    def matches(self) -> bool | None:
        """Whether the two agree; None where there are not two."""
        if self.published is None or self.ours is None:
            return None
        return bool(abs(self.published - self.ours) <= self.tolerance)


@dataclass(frozen=True)
class Table:
    """A table to show and to write.

    Parameters
    ----------
    name : str
        Of the file, without ending, such as "dimensions".
    title : str
        What it shows.
    columns : mapping of str to sequence
        Equal lengths; numbers, text or None.
    note : str
        What the reader should bear in mind.
    """

    name: str
    title: str
    columns: Mapping[str, Sequence[Any]]
    note: str = ""


@dataclass(frozen=True)
class Reproduction:
    """A published experiment, done again.

    Parameters
    ----------
    name : str
        As on the command line.
    title : str
        Heading.
    source : str
        Who published it, and where.
    setting : str
        What was done here, in a few sentences: data, models, sizes, seeds, penalties.
    verdict : str
        See `Verdict`.
    because : str
        The reason, in one or two sentences.
    comparisons : tuple of Comparison
        Published numbers beside ours.
    panels : tuple of Panel
        The figure.
    tables : tuple of Table
        What the figure is drawn from, and what its legend says: each becomes a Parquet file.
    notes : tuple of str
        What the reader should bear in mind.
    checks : tuple of Check
        Suspicions.
    config : mapping
        Everything that decides the numbers.
    seconds : float
        Wall time.
    reference : str
        What ours is held against, as the head of a column: "Published", or "Theory" where nothing was.
    """

    name: str
    title: str
    source: str
    setting: str
    verdict: Verdict
    because: str
    comparisons: tuple[Comparison, ...] = ()
    panels: tuple[Panel, ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    reference: str = "Published"
