"""What a sweep finds: every measured risk, their means over seeds with paired intervals, and its figure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from outgrow.results import Check, Quantity
from outgrow.study.curves import Panel
from outgrow.study.reading import Reading
from outgrow.study.sweep.table import SweepTable


@dataclass(frozen=True)
class PairDimensions:
    """What a pair's line is labelled with.

    Parameters
    ----------
    weak, strong : str
        Feature sets.
    width_w, width_s : int
        Their widths.
    d_w, d_s : int
        Their ranks.
    d_sw : Estimate or Undefined
        Correlation dimension of all rows trained on, corrected for chance (docs/theory.md, T1).
    naive : float or None
        The same, not corrected.
    published : float or None
        The similarity published, in feature coordinates.
    chance : float or None
        What the published one is for unrelated coordinates.
    """

    weak: str
    strong: str
    width_w: int
    width_s: int
    d_w: int
    d_s: int
    d_sw: Quantity
    naive: float | None
    published: float | None
    chance: float | None


@dataclass(frozen=True, eq=False)
class SweepOutcome:
    """A sweep and what it rests on.

    Parameters
    ----------
    title : str
        Heading.
    note : str
        Remark on the features.
    excess : bool
        Whether risks are excess risks; else they are errors on the test rows' labels.
    task : str
        "regression" or "classification".
    rows, test_rows : int
        Rows dealt from, and rows scored on.
    pairs : tuple of PairDimensions
        In the order of the grid.
    tuned : bool
        Whether curves take, at each cell and seed, the penalties that were best on the other seeds; else
        there was one penalty per stage.
    panels : tuple of Panel
        The figure.
    table : mapping of str to array
        Every seed: see `table`.
    cells : mapping of str to array
        Means over seeds: columns quantity (a model's name, "pgr", "opr", "student_less_teacher",
        "student_less_baseline"), weak, strong, n, N, noise, alpha_w, alpha_s (NaN where chosen on other
        seeds), value, low, high, seeds, reason (why there is no value).
    fits : mapping of str to object
        How many fits were "moments" and "rows", and the worst condition among the former.
    memory : mapping of str to object
        Bytes of rows and of blocks, and the number of blocks.
    notes : tuple of str
        What the reader should bear in mind.
    checks : tuple of Check
        Suspicions.
    config : dict
        The resolved configuration.
    seconds : float
        Wall time.
    reading : Reading or None
        What was read, and how.
    """

    title: str
    note: str
    excess: bool
    task: str
    rows: int
    test_rows: int
    pairs: tuple[PairDimensions, ...]
    tuned: bool
    panels: tuple[Panel, ...]
    table: SweepTable
    cells: Mapping[str, np.ndarray]
    fits: Mapping[str, Any]
    memory: Mapping[str, Any]
    notes: tuple[str, ...]
    checks: tuple[Check, ...]
    config: dict[str, Any]
    seconds: float
    reading: Reading | None = None
