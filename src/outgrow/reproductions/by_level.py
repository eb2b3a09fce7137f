"""What a real experiment with noise levels shows: lines per teacher for each level, and lines per level.

Beside the figure stands its legend's table: what each teacher shares with the student, corrected for chance,
and the similarity that was published with its own chance level.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from outgrow.reproductions.experiment import MeasuredWay, Measurements
from outgrow.reproductions.reproduction import Table, columns_of, numbers
from outgrow.results import Estimate
from outgrow.study.curves import Panel
from outgrow.sweeps.figure import RISKS, TITLES, Beside, line_panels, model_panels, pair_label
from outgrow.sweeps.sweep_outcome import PairDimensions

DRAWN = ("pgr", "opr", "opr_raw_mse")
"""Quantities of the published figures."""


def level_panels(
    measurements: Measurements,
    way: MeasuredWay,
    *,
    cells: Mapping[str, np.ndarray] | None = None,
    noise_teacher: str | None = None,
    every_level: bool = True,
    prefix: str = "",
    titles: Mapping[str, str] = TITLES,
    logs: Sequence[str] = RISKS,
    beside: Beside | None = None,
) -> list[Panel]:
    """Draw a group of teachers for every noise level, and a group of noise levels for one teacher."""
    grid, at, name = way.grid, measurements.at, measurements.experiment.noise_name
    cells = way.cells if cells is None else cells
    student = measurements.rows.student
    panels: list[Panel] = []
    for level in grid.noise if every_level else (min(grid.noise),):
        level_name = f"{prefix}{name} {level:g}: " if len(grid.noise) > 1 else prefix
        lines = {pair_label(pair): (pair.weak, pair.strong, level) for pair in measurements.pairs}
        heading = _headed(level_name, f"student {student}") if level_name else f"Student {student}"
        # What stands beside the lines is shown once.
        extra = beside if level == grid.noise[0] else None
        panels += line_panels(cells, grid, lines, DRAWN, at, heading, titles=titles, logs=logs, beside=extra)
        if len(grid.pairs) == 1:
            alone = replace(grid, noise=(level,))
            panels += model_panels(cells, alone, at, _headed(level_name, "All models"), extra)
    if len(grid.noise) > 1:
        teacher = noise_teacher or measurements.rows.teachers[0]
        (pair,) = (pair for pair in measurements.pairs if pair.weak == teacher)
        lines = {f"{name} {noise:g}": (teacher, student, noise) for noise in grid.noise}
        heading = _headed(prefix, pair_label(pair, strong=True))
        panels += line_panels(cells, grid, lines, DRAWN, at, heading, titles=titles, logs=logs, beside=beside)
    return panels


def _headed(before: str, heading: str) -> str:
    return before[:1].upper() + before[1:] + heading


def dimension_table(pairs: Sequence[PairDimensions], name: str = "dimensions", of: str = "") -> Table:
    """Lay dimensions out as the legend's table."""
    rows = []
    for pair in pairs:
        d_sw = pair.d_sw if isinstance(pair.d_sw, Estimate) else None
        low, high = (d_sw.interval if d_sw else None) or (None, None)
        rows.append(
            {
                "teacher": pair.weak, "student": pair.strong, "width_w": pair.width_w,
                "width_s": pair.width_s, "d_w": pair.d_w, "d_s": pair.d_s, "d_sw": d_sw and d_sw.value,
                "d_sw_low": low, "d_sw_high": high, "d_sw_by_d_w": d_sw and d_sw.value / pair.d_w,
                "d_sw_not_corrected": pair.naive, "published_similarity": pair.published,
                "its_chance_level": pair.chance,
            }
        )  # fmt: skip
    return Table(
        name,
        f"What teachers and student share{of}",
        columns_of(rows),
        "d_sw is the sum of squared canonical correlations over the rows trained on, corrected for chance,"
        " with a jackknife interval at level .90 (docs/theory.md, T1). The published similarity compares"
        " coordinates at energy .90, the narrower set rotated at random; for networks whose coordinates"
        " have nothing to do with each other it is a draw around its chance level.",
    )


def cell_table(cells: Mapping[str, np.ndarray], name: str = "cells", of: str = "") -> Table:
    """Lay the cells of a sweep out as a table, with None where there is no number."""
    columns = {column: list(numbers(values.tolist())) for column, values in cells.items()}
    title = f"Every cell, {of}" if of else "Every cell"
    return Table(
        name, title, columns, "Means over trials with intervals at level .90; see reason where empty."
    )
