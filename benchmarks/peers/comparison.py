"""What is compared: one quantity on one set of inputs, by outgrow and by others, and how far they agree.

An adapter is a file `with_NAME.py` that lists comparisons with one tool. Functions take the inputs and give
the quantity; they import what they need themselves, so that a tool that is not installed is a side that
failed, not a benchmark that did.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Inputs = Mapping[str, Any]
"""Arrays by name, the same for every side."""

Function = Callable[[Inputs], Any]
"""Takes the inputs, gives the quantity."""


@dataclass(frozen=True)
class Aim:
    """How many times faster one side is to be than another, by best times.

    Parameters
    ----------
    side, over : str
        Names of sides.
    times : float
        At least.
    """

    side: str
    over: str
    times: float


@dataclass(frozen=True)
class Comparison:
    """One quantity by several sides.

    Parameters
    ----------
    name : str
        Of the comparison, in a file's manner.
    title : str
        What is computed, on what.
    make : callable
        Makes the inputs; the same every time.
    sides : mapping of str to callable
        How each gets the quantity; the first is what the others are held against.
    distance : callable
        Takes two quantities, gives how far they differ.
    unit : str
        What the distance is.
    aims : tuple of Aim
        What outgrow is to reach.
    repeats : int
        Turns of each side after one to warm up.
    """

    name: str
    title: str
    make: Callable[[], Inputs]
    sides: Mapping[str, Function]
    distance: Callable[[Any, Any], float]
    unit: str
    aims: tuple[Aim, ...] = field(default=())
    repeats: int = 5


def largest(a: Any, b: Any) -> float:
    """Give the largest difference of two arrays or numbers.

    Parameters
    ----------
    a, b : array or float
        Of one shape.

    Returns
    -------
    float
        At least zero.
    """
    return float(np.max(np.abs(np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64))))


def relative(a: Any, b: Any) -> float:
    """Give the largest difference over the largest value.

    Parameters
    ----------
    a, b : array or float
        Of one shape; `a` is the reference.

    Returns
    -------
    float
        At least zero.
    """
    return largest(a, b) / float(np.max(np.abs(a)))
