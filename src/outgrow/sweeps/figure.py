"""The figure of a sweep: PGR, OPR and risks against n and against N, one line per teacher or noise level."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from outgrow.results import Estimate
from outgrow.study.curves import Curve, Panel
from outgrow.sweeps.grid import SweepGrid
from outgrow.sweeps.summary import is_tuned
from outgrow.sweeps.sweep_outcome import PairDimensions

TITLES: Mapping[str, str] = {
    "pgr": "PGR",
    "opr": "OPR",
    "opr_raw_mse": "ratio of raw test errors (baseline / student)",
    "teacher": "teacher's risk",
    "student": "student's risk",
    "joint": "joint student's risk",
    "baseline": "baseline's risk",
    "ceiling": "ceiling's risk",
}
"""What quantities are called on axes."""

RISKS = ("teacher", "student", "joint", "baseline", "ceiling")
"""Quantities drawn on logarithmic axes."""

DRAWN = ("pgr", "opr", "opr_raw_mse", "student")
"""Quantities of a sweep's figure."""

Line: TypeAlias = tuple[str, str, float]
"""Teacher, student and level of noise that a line is of."""

Beside: TypeAlias = Callable[[str, Line, str, str], Curve | None]
"""Asked of every line (quantity, line, axis, series): theory to draw beneath it, or what was printed."""


def pair_label(pair: PairDimensions, strong: bool = False) -> str:
    """Name a pair as figures do."""
    name = f"{pair.weak} → {pair.strong}" if strong else pair.weak
    if not isinstance(pair.d_sw, Estimate):
        return f"{name} (d_sw undefined)"
    share = min(max(pair.d_sw.value, 0.0), float(min(pair.d_w, pair.d_s))) / pair.d_w
    return f"{name} (d_sw/d_w = {share:.2f})"


def panels_of(
    cells: Mapping[str, np.ndarray], grid: SweepGrid, pairs: Sequence[PairDimensions], noise_name: str
) -> tuple[Panel, ...]:
    """Say what the figure of a sweep shows."""
    by_pair = {(pair.weak, pair.strong): pair for pair in pairs}
    panels: list[Panel] = []
    if len(grid.pairs) > 1 or len(grid.noise) == 1:
        level = min(grid.noise)
        at_level = f", {noise_name} {level:g}" if len(grid.noise) > 1 else ""
        for strong in grid.students:
            lines = {pair_label(by_pair[pair]): (*pair, level) for pair in grid.pairs if pair[1] == strong}
            panels += line_panels(cells, grid, lines, DRAWN, None, f"Student {strong}{at_level}")
    if len(grid.noise) > 1:
        first = grid.pairs[0]
        lines = {f"{noise_name} {noise:g}": (*first, noise) for noise in grid.noise}
        panels += line_panels(cells, grid, lines, DRAWN, None, pair_label(by_pair[first], strong=True))
    if len(grid.pairs) == 1:
        panels += model_panels(cells, grid, None)
    return tuple(panels)


def _curve(
    cells: Mapping[str, np.ndarray],
    series: str,
    quantity: str,
    line: Line,
    axis: str,
    fixed: int,
    note: str,
) -> Curve:
    """Take one line out of the cells."""
    held = {"quantity": quantity, "noise": line[2], "N" if axis == "n" else "n": fixed}
    held |= {"weak": line[0], "strong": line[1]}
    rows = np.flatnonzero(np.logical_and.reduce([cells[name] == value for name, value in held.items()]))
    order = rows[np.argsort(cells[axis][rows])]
    y, low, high = (
        tuple(None if np.isnan(value) else value for value in cells[name][order].tolist())
        for name in ("value", "low", "high")
    )
    return Curve(series, "measured", tuple(map(float, cells[axis][order])), y, low, high, note)


def _cuts(grid: SweepGrid, at: tuple[int, int] | None) -> list[tuple[str, int, str]]:
    n, N = at or (grid.n[len(grid.n) // 2], grid.N[-1])
    cuts = []
    if len(grid.n) > 1:
        cuts.append(("n", N, f"against n (N = {N:,})"))
    if len(grid.N) > 1 or not cuts:
        cuts.append(("N", n, f"against N (n = {n:,})"))
    return cuts


def line_panels(
    cells: Mapping[str, np.ndarray],
    grid: SweepGrid,
    lines: Mapping[str, Line],
    quantities: Sequence[str],
    at: tuple[int, int] | None,
    heading: str,
    *,
    titles: Mapping[str, str] = TITLES,
    logs: Sequence[str] = RISKS,
    beside: Beside | None = None,
) -> list[Panel]:
    """Draw every quantity against n and N, a line for each teacher or level."""
    panels = []
    for axis, fixed, cut in _cuts(grid, at):
        for quantity in quantities:
            if not (cells["quantity"] == quantity).any():
                continue
            drawn = [(quantity, line, series) for series, line in lines.items()]
            panels.append(
                Panel(
                    f"{titles[quantity]} {cut}",
                    axis,
                    titles[quantity],
                    _curves(cells, drawn, axis, fixed, _note(grid), beside),
                    y_log=quantity in logs,
                    rule={"pgr": 0.0, "opr": 1.0, "opr_raw_mse": 1.0}.get(quantity),
                    group=heading,
                )
            )
    return panels


def model_panels(
    cells: Mapping[str, np.ndarray],
    grid: SweepGrid,
    at: tuple[int, int] | None,
    heading: str = "All models",
    beside: Beside | None = None,
) -> list[Panel]:
    """Draw the risks of all models of the first pair at the least level."""
    line = (*grid.pairs[0], min(grid.noise))
    drawn = [(model, line, model) for model in RISKS if (cells["quantity"] == model).any()]
    return [
        Panel(
            f"risks {cut}",
            axis,
            "risk",
            _curves(cells, drawn, axis, fixed, _note(grid), beside),
            y_log=True,
            group=heading,
        )
        for axis, fixed, cut in _cuts(grid, at)
        if drawn
    ]


def _curves(
    cells: Mapping[str, np.ndarray],
    drawn: Sequence[tuple[str, Line, str]],
    axis: str,
    fixed: int,
    note: str,
    beside: Beside | None,
) -> tuple[Curve, ...]:
    """Take the lines of one panel, theory beneath them and printed numbers on top."""
    measured = [_curve(cells, series, quantity, line, axis, fixed, note) for quantity, line, series in drawn]
    asked = [beside(quantity, line, axis, series) for quantity, line, series in drawn] if beside else []
    more = [one for one in asked if one is not None]
    theory = [one for one in more if one.kind == "theory"]
    return (*theory, *measured, *(one for one in more if one.kind != "theory"))


def _note(grid: SweepGrid) -> str:
    how = f"mean over {grid.seeds} seeds"
    return f"{how}, penalties chosen on the other seeds" if is_tuned(grid) else how
