"""What a figure of risks against sizes shows: panels of curves, measured or foretold, as plain values.

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
    """One line of a panel.

    Parameters
    ----------
    series : str
        What the line is of, such as a teacher with its d_sw/d_w; lines of one series share a colour over all
        panels of a figure.
    kind : {"measured", "theory", "bound", "published"}
        How the values were obtained.
    x : tuple of float
        Places, increasing.
    y : tuple of float or None
        Values; None where there is none.
    low, high : tuple of float or None
        Ends of the intervals, where there are any; else empty.
    note : str
        How the values were obtained, in words, for the legend's table and tooltips.
    """

    series: str
    kind: CurveKind
    x: tuple[float, ...]
    y: tuple[float | None, ...]
    low: tuple[float | None, ...] = ()
    high: tuple[float | None, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Panel:
    """One set of axes with its curves.

    Parameters
    ----------
    title : str
        What it shows and at which fixed sizes, such as "PGR against n (N = 10,000)".
    x_name, y_name : str
        Axis titles.
    curves : tuple of Curve
        The lines.
    x_log, y_log : bool
        Logarithmic axes.
    rule : float or None
        A horizontal line to compare with, such as 1 for OPR.
    group : str
        Panels of one group stand side by side under this heading.
    """

    title: str
    x_name: str
    y_name: str
    curves: tuple[Curve, ...]
    x_log: bool = True
    y_log: bool = False
    rule: float | None = None
    group: str = ""
