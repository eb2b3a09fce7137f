"""The figure of a sweep: PGR, OPR and risks against n and against N, one line per teacher or noise level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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


def pair_label(pair: PairDimensions, strong: bool = False) -> str:
    """Name a pair as figures do."""
    name = f"{pair.weak} → {pair.strong}" if strong else pair.weak
    if not isinstance(pair.d_sw, Estimate):
        return f"{name} (d_sw undefined)"
    share = min(max(pair.d_sw.value, 0.0), float(min(pair.d_w, pair.d_s))) / pair.d_w
    return f"{name} (d_sw/d_w = {share:.2f})"


def panels_of(
    cells: Mapping[str, np.ndarray],
    grid: SweepGrid,
    pairs: Sequence[PairDimensions],
    *,
    at: tuple[int, int] | None = None,
    noise_pair: tuple[str, str] | None = None,
    noise_name: str = "noise",
    quantities: Sequence[str] = ("pgr", "opr", "opr_raw_mse", "student"),
) -> tuple[Panel, ...]:
    """Say what the figure of a sweep shows."""
    by_pair = {(pair.weak, pair.strong): pair for pair in pairs}
    panels: list[Panel] = []
    if len(grid.pairs) > 1 or len(grid.noise) == 1:
        level = min(grid.noise)
        told = f", {noise_name} {level:g}" if len(grid.noise) > 1 else ""
        for strong in grid.students:
            lines = {pair_label(by_pair[pair]): (*pair, level) for pair in grid.pairs if pair[1] == strong}
            panels += _group(cells, grid, lines, quantities, at, f"Student {strong}{told}")
    if len(grid.noise) > 1:
        weak, strong = noise_pair or grid.pairs[0]
        lines = {f"{noise_name} {noise:g}": (weak, strong, noise) for noise in grid.noise}
        panels += _group(cells, grid, lines, quantities, at, pair_label(by_pair[weak, strong], strong=True))
    if len(grid.pairs) == 1:
        panels += _routes(cells, grid, at)
    return tuple(panels)


def curve(
    cells: Mapping[str, np.ndarray],
    series: str,
    quantity: str,
    line: tuple[str, str, float],
    axis: str,
    fixed: int,
    note: str = "",
) -> Curve:
    """Take one line out of the cells."""
    weak, strong, noise = line
    other = "N" if axis == "n" else "n"
    rows = (
        (cells["quantity"] == quantity)
        & (cells["weak"] == weak)
        & (cells["strong"] == strong)
        & (cells["noise"] == noise)
        & (cells[other] == fixed)
    )
    order = np.flatnonzero(rows)[np.argsort(cells[axis][rows])]

    def plain(name: str) -> tuple[float | None, ...]:
        return tuple(None if np.isnan(value) else float(value) for value in cells[name][order])

    x = tuple(float(value) for value in cells[axis][order])
    return Curve(series, "measured", x, plain("value"), plain("low"), plain("high"), note)


def _cuts(grid: SweepGrid, at: tuple[int, int] | None) -> list[tuple[str, int, str]]:
    n, N = at or (grid.n[len(grid.n) // 2], grid.N[-1])
    cuts = []
    if len(grid.n) > 1:
        cuts.append(("n", N, f"against n (N = {N:,})"))
    if len(grid.N) > 1 or not cuts:
        cuts.append(("N", n, f"against N (n = {n:,})"))
    return cuts


def _group(
    cells: Mapping[str, np.ndarray],
    grid: SweepGrid,
    lines: Mapping[str, tuple[str, str, float]],
    quantities: Sequence[str],
    at: tuple[int, int] | None,
    heading: str,
) -> list[Panel]:
    note = _note(grid)
    panels = []
    for axis, fixed, cut in _cuts(grid, at):
        for quantity in quantities:
            if not (cells["quantity"] == quantity).any():
                continue
            curves = tuple(
                curve(cells, series, quantity, line, axis, fixed, note) for series, line in lines.items()
            )
            panels.append(_panel(quantity, axis, cut, curves, heading))
    return panels


def _routes(cells: Mapping[str, np.ndarray], grid: SweepGrid, at: tuple[int, int] | None) -> list[Panel]:
    weak, strong = grid.pairs[0]
    level = min(grid.noise)
    panels = []
    for axis, fixed, cut in _cuts(grid, at):
        curves = tuple(
            curve(cells, model, model, (weak, strong, level), axis, fixed, _note(grid))
            for model in ("teacher", "student", "joint", "baseline", "ceiling")
            if (cells["quantity"] == model).any()
        )
        panels.append(Panel(f"risks {cut}", axis, "risk", curves, y_log=True, group="All models"))
    return panels


def _panel(quantity: str, axis: str, cut: str, curves: tuple[Curve, ...], group: str) -> Panel:
    rule = {"pgr": 0.0, "opr": 1.0, "opr_raw_mse": 1.0}.get(quantity)
    title = TITLES[quantity]
    y_log = quantity in ("teacher", "student", "joint", "baseline", "ceiling")
    return Panel(f"{title} {cut}", axis, title, curves, y_log=y_log, rule=rule, group=group)


def _note(grid: SweepGrid) -> str:
    how = f"mean over {grid.seeds} seeds"
    return f"{how}, penalties chosen on the other seeds" if is_tuned(grid) else how
