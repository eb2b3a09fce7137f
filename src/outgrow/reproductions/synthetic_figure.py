"""The figure of the synthetic experiment: ER, PGR and OPR against n and N, and why the gains fall with n.

Drawn points with intervals, exact theory as lines, published bounds dashed; one colour per d_sw. The first
two groups differ in where risks are taken: the bounds are for each model's own points, and what matters are
fresh ones. The last sets a target that both feature sets hold beside the published one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from outgrow.reproductions.synthetic_draws import SyntheticSettings
from outgrow.reproductions.synthetic_rows import NAMES, Row, printed_bound, theory
from outgrow.reproductions.synthetic_world import D_W, WorldName, population
from outgrow.study.curves import Curve, Panel
from outgrow.theory.design import Design

STEPS = 60
"""Sizes that a line of theory is computed at: enough to look smooth on a logarithmic axis of two decades."""

GROUPS: dict[Design, str] = {
    "fresh": "As published, on fresh points",
    "own_points": "As published, each model on the points it was trained on: what the bounds are for",
}
"""Headings of the panels that repeat the experiment."""

WHY = "Where the fall with n comes from: the same features and noise, two targets, on fresh points"
"""Heading of the panels that explain it."""


def panels_of(rows: Sequence[Row], settings: SyntheticSettings) -> tuple[Panel, ...]:
    """Arrange rows and theory as panels."""
    found = []
    for place, group in GROUPS.items():
        for axis in ("n", "N"):
            for quantity in ("student", "pgr", "opr"):
                found.append(_panel(rows, settings, "as published", place, quantity, axis, group))
    # One row of panels for each target.
    targets: tuple[tuple[WorldName, str], ...] = (
        ("as published", "target partly missed"),
        ("well specified", "target held by both"),
    )
    for world, held in targets:
        for quantity in ("student", "pgr", "opr"):
            found.append(_panel(rows, settings, world, "fresh", quantity, "n", WHY, held))
    return tuple(found)


def dense(sizes: Sequence[int]) -> tuple[int, ...]:
    """Give the sizes that a line of theory is computed at."""
    between = np.geomspace(sizes[0], sizes[-1], STEPS).round().astype(int)
    return tuple(int(size) for size in np.union1d(between, sizes))


def line_of(offset: int) -> str:
    """Name the line of one set of weak features."""
    return f"d_sw/d_w = {population(offset).d_sw:.0f}/{D_W}"


def _panel(
    rows: Sequence[Row],
    settings: SyntheticSettings,
    world: WorldName,
    place: Design,
    quantity: str,
    axis: str,
    group: str,
    held: str = "",
) -> Panel:
    fixed = f"N = {settings.N_fixed:,}" if axis == "n" else f"n = {settings.n_fixed:,}"
    lines = [(quantity, offset, line_of(offset)) for offset in settings.offsets]
    if quantity == "student":
        # What the students stand between: one teacher, the others being nearly the same, and no dashes.
        middle = settings.offsets[len(settings.offsets) // 2]
        lines.append(("teacher", middle, f"{NAMES['teacher']} ({line_of(middle)})"))
        lines += [(model, settings.offsets[0], NAMES[model]) for model in ("baseline", "ceiling")]
    name = "ER" if quantity == "student" else NAMES[quantity]
    curves: list[Curve] = []
    for what, offset, series in lines:
        curves.append(_drawn(rows, settings, world, place, what, offset, axis, series))
        curves.append(_line(settings, world, place, what, offset, axis, series, bound=False))
        if not held and what == quantity:
            curves.append(_line(settings, world, place, what, offset, axis, series, bound=True))
    return Panel(
        title=f"{name}, {held} ({fixed})" if held else f"{name} against {axis} ({fixed})",
        x_name="n, labelled rows" if axis == "n" else "N, unlabelled rows",
        y_name="excess risk" if quantity == "student" else NAMES[quantity],
        curves=tuple(curves),
        y_log=quantity == "student",
        rule={"opr": 1.0, "pgr": 0.0}.get(quantity),
        group=group,
    )


def _drawn(
    rows: Sequence[Row],
    settings: SyntheticSettings,
    world: WorldName,
    place: Design,
    quantity: str,
    offset: int,
    axis: str,
    series: str,
) -> Curve:
    own = [
        row
        for row in rows
        if (row.world, row.place, row.quantity) == (world, place, quantity) and row.offset in (offset, None)
    ]
    if axis == "n":
        shown = {row.n: row for row in own if row.N in (settings.N_fixed, None) and row.n in settings.n}
    else:
        # What does not depend on N is level: drawn once per size, as the others are.
        at = [row for row in own if row.n == settings.n_fixed]
        shown = {N: row for N in settings.N for row in at if row.N in (N, None)}
    places = sorted(shown)
    return Curve(
        series,
        "measured",
        tuple(float(size) for size in places),
        tuple(shown[size].seen for size in places),
        tuple(shown[size].low for size in places),
        tuple(shown[size].high for size in places),
        f"mean over {settings.seeds} seeds with its 90 % interval"
        if quantity not in ("pgr", "opr")
        else f"ratio of means over {settings.seeds} seeds with Fieller's 90 % interval",
    )


def _line(
    settings: SyntheticSettings,
    world: WorldName,
    place: Design,
    quantity: str,
    offset: int,
    axis: str,
    series: str,
    *,
    bound: bool,
) -> Curve:
    sizes = dense(settings.n if axis == "n" else settings.N)
    cells = [(size, settings.N_fixed) if axis == "n" else (settings.n_fixed, size) for size in sizes]
    values = tuple(
        printed_bound(world, offset, quantity, n, N, settings.sigma2)
        if bound
        else theory(world, place, offset, quantity, n, N, settings.sigma2)
        for n, N in cells
    )
    if bound:
        note = "published bounds" + (" in place of risks" if quantity in ("pgr", "opr") else "")
    else:
        note = "exact expectation, means known (docs/theory.md, T2)"
    return Curve(series, "bound" if bound else "theory", tuple(map(float, sizes)), values, note=note)
