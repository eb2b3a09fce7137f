"""What a real experiment with noise levels shows: lines per teacher for each level, and lines per level.

Beside the figure stands its legend's table: what each teacher shares with the student, corrected for chance,
and the similarity that was published with its own chance level.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from outgrow.reproductions.reproduction import Table
from outgrow.results import Estimate
from outgrow.study.curves import Panel
from outgrow.sweeps.figure import panels_of
from outgrow.sweeps.grid import SweepGrid
from outgrow.sweeps.sweep_outcome import PairDimensions

DRAWN = ("pgr", "opr", "opr_raw_mse")
"""Quantities of the published figures."""


def level_panels(
    cells: Mapping[str, np.ndarray],
    grid: SweepGrid,
    pairs: Sequence[PairDimensions],
    at: tuple[int, int],
    *,
    noise_name: str,
    noise_pair: tuple[str, str],
    every_level: bool = True,
    prefix: str = "",
) -> tuple[Panel, ...]:
    """Draw a group of teachers for every noise level, and a group of noise levels for one teacher."""
    panels: list[Panel] = []
    for level in grid.noise if every_level else (min(grid.noise),):
        told = f"{prefix}{noise_name} {level:g}: " if len(grid.noise) > 1 else prefix
        own = panels_of(cells, replace(grid, noise=(level,)), pairs, at=at, quantities=DRAWN)
        panels += [replace(panel, group=_heading(told, panel.group)) for panel in own]
    if len(grid.noise) > 1:
        (pair,) = (pair for pair in pairs if (pair.weak, pair.strong) == noise_pair)
        alone = replace(grid, pairs=(noise_pair,))
        own = panels_of(cells, alone, (pair,), at=at, noise_name=noise_name, quantities=DRAWN)
        # The figure of a single pair also has all its models' risks; here the levels are the point.
        own = tuple(panel for panel in own if panel.y_name != "risk")
        panels += [replace(panel, group=_heading(prefix, panel.group)) for panel in own]
    return tuple(panels)


def _heading(before: str, group: str) -> str:
    """Put words before a heading, which then begins with theirs."""
    if not before:
        return group
    return before[0].upper() + before[1:] + group.replace("Student ", "student ", 1)


def dimension_table(pairs: Sequence[PairDimensions], name: str = "dimensions", of: str = "") -> Table:
    """Lay dimensions out as the legend's table."""
    columns: dict[str, list[Any]] = {}
    for pair in pairs:
        found = pair.d_sw if isinstance(pair.d_sw, Estimate) else None
        low, high = (found.interval if found else None) or (None, None)
        row = {
            "teacher": pair.weak,
            "student": pair.strong,
            "width_w": pair.width_w,
            "width_s": pair.width_s,
            "d_w": pair.d_w,
            "d_s": pair.d_s,
            "d_sw": found and found.value,
            "d_sw_low": low,
            "d_sw_high": high,
            "d_sw_by_d_w": found and found.value / pair.d_w,
            "d_sw_not_corrected": pair.naive,
            "published_similarity": pair.published,
            "its_chance_level": pair.chance,
        }
        for column, value in row.items():
            columns.setdefault(column, []).append(value)
    return Table(
        name,
        f"What teachers and student share{of}",
        columns,
        "d_sw is the sum of squared canonical correlations over the rows trained on, corrected for chance,"
        " with a jackknife interval at level .90 (docs/theory.md, T1). The published similarity compares"
        " coordinates at energy .90, the narrower set rotated at random; for networks whose coordinates"
        " have nothing to do with each other it is a draw around its chance level.",
    )


def cell_table(cells: Mapping[str, np.ndarray], name: str = "cells", of: str = "") -> Table:
    """Lay the cells of a sweep out as a table.

    None where there is no number.
    """
    columns = {
        column: [None if value != value else value for value in values.tolist()]
        for column, values in cells.items()
    }
    title = f"Every cell, {of}" if of else "Every cell"
    return Table(
        name, title, columns, "Means over trials with intervals at level .90; see reason where empty."
    )
