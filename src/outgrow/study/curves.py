"""What a figure of risks against sizes shows: panels of curves, measured or forecast, as plain values.

A study says what is to be drawn, the report draws it. Points that were measured carry intervals; what theory
gives is a line; what others printed is a mark.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

CurveKind: TypeAlias = Literal["measured", "theory", "bound", "published"]
"""Measured by training; exact or equivalent theory; a published bound; a published value."""


@dataclass(frozen=True)
class Curve:
    """One line of a panel."""

    series: str
    """What the line is of, such as a teacher with its d_sw/d_w; lines of one series share a colour over all
    panels of a figure."""
    kind: CurveKind
    """How the values were obtained."""
    x: tuple[float, ...]
    """Places, increasing."""
    y: tuple[float | None, ...]
    """Values; None where there is none."""
    low: tuple[float | None, ...] = ()
    high: tuple[float | None, ...] = ()
    """Ends of the intervals, where there are any; else empty."""
    note: str = ""
    """How the values were obtained, in words, for the legend's table and tooltips."""


@dataclass(frozen=True)
class Panel:
    """One set of axes with its curves."""

    title: str
    """What it shows and at which fixed sizes, such as "PGR against n (N = 10,000)"."""
    x_name: str
    y_name: str
    """Axis titles."""
    curves: tuple[Curve, ...]
    """The lines."""
    x_log: bool = True
    y_log: bool = False
    """Logarithmic axes."""
    rule: float | None = None
    """A horizontal line to compare with, such as 1 for OPR."""
    group: str = ""
    """Panels of one group stand side by side under this heading."""
