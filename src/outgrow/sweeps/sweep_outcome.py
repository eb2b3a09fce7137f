"""What a sweep finds: every measured risk, their means over seeds with paired intervals, and its figure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from outgrow.results import Check, Quantity
from outgrow.study.curves import Panel
from outgrow.study.reading import Reading
from outgrow.sweeps.table import SweepTable


@dataclass(frozen=True)
class PairDimensions:
    """What a pair's line is labelled with."""

    weak: str
    """Feature sets."""
    strong: str
    """Feature sets."""
    width_w: int
    """Their widths."""
    width_s: int
    """Their widths."""
    d_w: int
    """Their ranks."""
    d_s: int
    """Their ranks."""
    d_sw: Quantity
    """Correlation dimension of all rows trained on, corrected for chance (docs/theory.md, T1)."""
    naive: float | None
    """The same, not corrected."""
    published: float | None
    """The similarity published, in feature coordinates."""
    chance: float | None
    """What the published one is for unrelated coordinates."""


@dataclass(frozen=True, eq=False)
class SweepOutcome:
    """A sweep and what it rests on."""

    title: str
    """Heading."""
    note: str
    """Remark on the features."""
    excess: bool
    """Whether risks are excess risks; else they are errors on the test rows' labels."""
    task: str
    """ "regression" or "classification"."""
    rows: int
    """Rows dealt from, and rows scored on."""
    test_rows: int
    """Rows dealt from, and rows scored on."""
    pairs: tuple[PairDimensions, ...]
    """In the order of the grid."""
    tuned: bool
    """Whether curves take, at each cell and seed, the penalties that were best on the other seeds; else there
    was one penalty per stage."""
    panels: tuple[Panel, ...]
    """The figure."""
    table: SweepTable
    """Every seed: see `table`."""
    cells: Mapping[str, np.ndarray]
    """Means over seeds: columns quantity (a model's name, "pgr", "opr", "student_less_teacher",
    "student_less_baseline"), weak, strong, n, N, noise, alpha_w, alpha_s (NaN where chosen on other seeds),
    value, low, high, seeds, reason (why there is no value)."""
    fits: Mapping[str, Any]
    """How many fits were "moments" and "rows", and the worst condition among the former."""
    memory: Mapping[str, Any]
    """Bytes of rows and of blocks, and the number of blocks."""
    notes: tuple[str, ...]
    """What the reader should bear in mind."""
    checks: tuple[Check, ...]
    """Suspicions."""
    config: dict[str, Any]
    """The resolved configuration."""
    seconds: float
    """Wall time."""
    reading: Reading | None = None
    """What was read, and how."""
