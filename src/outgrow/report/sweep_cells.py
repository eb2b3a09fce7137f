"""What a sweep's cells say in short: where the student wins, and a few cells to look at.

A cell is a pair of teacher and student at one n, N and noise level. There may be thousands; the figure shows
them, a file holds them, and a table of all would be read by nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from outgrow.report.findings import Plain, part
from outgrow.report.text import interval_of, is_number, number, shortened, value_of

SHOWN = 30
"""Cells shown at most: a screen and a half."""

RISKS = ("teacher", "student", "joint", "baseline", "ceiling")
"""Models whose mean risk is shown, without its interval: what counts is how they compare, seed by seed."""

RATIOS = (("pgr", "PGR"), ("opr", "OPR"), ("opr_raw_mse", "Ratio of raw errors"))
"""Quantities shown with their intervals: name in the findings, and title. They say on which side of teacher
and baseline the student is, so the differences themselves are left to the file."""

AGAINST = (("student_less_teacher", "its teacher"), ("student_less_baseline", "labels-only"))
"""Differences that decide who wins, and against whom."""

FILES = ("cells.parquet", "sweep.parquet")
"""Where all cells are, and every seed of them."""


@dataclass(frozen=True)
class Place:
    """Where a cell is."""

    weak: str
    strong: str
    """Feature sets; "" where it does not apply."""
    n: int
    N: int
    """Sizes; -1 where they do not apply."""
    noise: float
    """Level of the noise axis."""


class Cells:
    """The cells of a sweep, found by quantity and place."""

    def __init__(self, outcome: Plain) -> None:
        self._estimates: dict[str, dict[Place, dict[str, Any]]] = {}
        columns = part(outcome, "cells")
        keys = ("quantity", "weak", "strong", "n", "N", "noise", "alpha_w", "alpha_s", "value", "low", "high")
        why = _column(columns, "reason")
        sides = [_column(columns, key) for key in keys]
        for at, row in enumerate(zip(*sides, strict=True) if all(sides) else ()):
            quantity, weak, strong, n, N, noise, alpha_w, alpha_s, value, low, high = row
            # Curves are of penalties chosen on the other seeds; single penalties are for the file.
            if outcome.get("tuned") and (is_number(alpha_w) or is_number(alpha_s)):
                continue
            place = Place(
                str(weak or ""), str(strong or ""), _size(n), _size(N), noise if is_number(noise) else 0.0
            )
            pair = (low, high) if is_number(low) and is_number(high) else None
            estimate = {"value": value, "interval": pair}
            if not is_number(value):
                estimate = {"reason": why[at] if at < len(why) else "no value", "remedy": ""}
            self._estimates.setdefault(str(quantity), {})[place] = estimate

    def get(self, quantity: str, at: Place) -> Plain | None:
        """Find a quantity, also where it depends on less than the cell; None where there is neither."""
        estimates = self._estimates.get(quantity, {})
        for weak, strong, n, N in product((at.weak, ""), (at.strong, ""), (at.n, -1), (at.N, -1)):
            estimate = estimates.get(Place(weak, strong, n, N, at.noise))
            if estimate is not None:
                return estimate
        return None

    def mean(self, quantity: str, at: Place) -> float | None:
        """Find the value of a quantity alone: what counts of risks is how they compare, seed by seed."""
        return value_of(self.get(quantity, at))

    @property
    def places(self) -> list[Place]:
        """Every cell that has a student, in the order of the findings."""
        return list(self._estimates.get("student", {}))

    def shown(self) -> list[Place]:
        """Choose a few cells to look at: the smallest, middle and largest n at the largest N."""
        every = self.places
        if not every:
            return []
        sizes = sorted({place.n for place in every})
        ends, top = {sizes[0], sizes[len(sizes) // 2], sizes[-1]}, max(place.N for place in every)
        return [place for place in every if place.n in ends and top == place.N][:SHOWN]

    def heading(self, at: Place) -> str:
        """Name what a cell shares with its neighbours: the teacher, and what else there are several of."""
        named = f"Teacher {shortened(at.weak, 60)}"
        if len({place.strong for place in self.places}) > 1:
            named += f", student {shortened(at.strong, 60)}"
        return f"{named}, noise {at.noise:g}" if len({place.noise for place in self.places}) > 1 else named

    def tally(self) -> list[str]:
        """Say in how many cells the student wins: a sentence for each rival."""
        sentences = []
        for quantity, rival in AGAINST:
            ends = [interval_of(estimate) for estimate in self._estimates.get(quantity, {}).values()]
            known = [pair for pair in ends if pair is not None]
            if known:
                less, more = sum(high < 0 for _, high in known), sum(low > 0 for low, _ in known)
                sentences.append(
                    f"The student errs less than {rival} in {number(less)} of {number(len(known))} cells"
                    f" and more in {number(more)}."
                )
        return sentences


def _column(columns: Mapping[str, Any], key: str) -> Sequence[Any]:
    values = columns.get(key)
    return values if isinstance(values, (list, tuple)) else []


def _size(value: Any) -> int:
    return int(value) if is_number(value) else -1
