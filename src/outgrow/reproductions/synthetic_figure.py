"""The figure of the synthetic experiment: ER, PGR and OPR against n and N, and why the gains fall with n.

Drawn points with intervals, exact theory as lines, published bounds dashed; one colour per d_sw. The first
two groups differ in where risks are taken: the bounds are for each model's own points, and what matters are
fresh ones. The last sets a target that both feature sets hold beside the published one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from outgrow.reproductions.reproduction import numbers
from outgrow.reproductions.synthetic_draws import SyntheticSettings
from outgrow.reproductions.synthetic_rows import NAMES, Row, cell_of, expected, published_bound
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

TARGETS: dict[WorldName, str] = {
    "as published": "target partly missed",
    "well specified": "target held by both",
}
"""One row of those for each."""

SHOWN = ("student", "pgr", "opr")
"""Quantities with panels of their own; the student's has the other risks, too."""


def panels_of(rows: Sequence[Row], settings: SyntheticSettings) -> list[Panel]:
    """Arrange rows and theory as panels, level by level."""
    panels = []
    for sigma2 in settings.noise:
        level = f"sigma² = {sigma2:g}: " if len(settings.noise) > 1 else ""
        at_level = [row for row in rows if row.sigma2 == sigma2]
        panels += [
            _panel(at_level, settings, sigma2, "as published", place, quantity, axis, level + group)
            for place, group in GROUPS.items()
            for axis in ("n", "N")
            for quantity in SHOWN
        ]
        panels += [
            _panel(at_level, settings, sigma2, world, "fresh", quantity, "n", level + WHY, held)
            for world, held in TARGETS.items()
            for quantity in SHOWN
        ]
    return panels


def sizes_of_lines(sizes: Sequence[int]) -> tuple[int, ...]:
    """Give the sizes that a line of theory is computed at."""
    between = np.geomspace(sizes[0], sizes[-1], STEPS).round().astype(int)
    return tuple(int(size) for size in np.union1d(between, sizes))


def _panel(
    rows: Sequence[Row],
    settings: SyntheticSettings,
    sigma2: float,
    world: WorldName,
    place: Design,
    quantity: str,
    axis: str,
    group: str,
    held: str = "",
) -> Panel:
    known = {(row.quantity, row.world, row.place, row.offset, row.n, row.N): row for row in rows}
    sizes = settings.n if axis == "n" else settings.N

    def cell(size: int) -> tuple[int, int]:
        return (size, settings.N_fixed) if axis == "n" else (settings.n_fixed, size)

    def lines(what: str, offset: int, series: str) -> list[Curve]:
        at = [known[what, *cell_of(world, place, offset, what, *cell(size))] for size in sizes]
        gain = what in ("pgr", "opr")
        how = "ratio of means over {} seeds with Fieller's" if gain else "mean over {} seeds with its"
        y, low, high = (numbers(getattr(row, end) for row in at) for end in ("seen", "low", "high"))
        note = f"{how.format(settings.seeds)} 90 % interval"
        curves = [Curve(series, "measured", tuple(map(float, sizes)), y, low, high, note)]
        places = sizes_of_lines(sizes)
        x = tuple(map(float, places))
        exact = [expected(place, world, offset, what, *cell(size), sigma2) for size in places]
        note = "exact expectation, means known (docs/theory.md, T2)"
        curves.append(Curve(series, "theory", x, numbers(exact), note=note))
        if not held and what == quantity:
            bound = [published_bound(world, offset, what, *cell(size), sigma2) for size in places]
            note = "published bounds" + (" in place of risks" if gain else "")
            curves.append(Curve(series, "bound", x, numbers(bound), note=note))
        return curves

    names = {offset: f"d_sw/d_w = {population(offset).d_sw:.0f}/{D_W}" for offset in settings.offsets}
    shown = [(quantity, offset, name) for offset, name in names.items()]
    if quantity == "student":
        # What the students stand between: one teacher, the others being nearly the same, and no dashes.
        middle = settings.offsets[len(settings.offsets) // 2]
        shown.append(("teacher", middle, f"{NAMES['teacher']} ({names[middle]})"))
        shown += [(model, settings.offsets[0], NAMES[model]) for model in ("baseline", "ceiling")]
    name = "ER" if quantity == "student" else NAMES[quantity]
    fixed = f"N = {settings.N_fixed:,}" if axis == "n" else f"n = {settings.n_fixed:,}"
    return Panel(
        title=f"{name}, {held} ({fixed})" if held else f"{name} against {axis} ({fixed})",
        x_name="n, labelled rows" if axis == "n" else "N, unlabelled rows",
        y_name="excess risk" if quantity == "student" else NAMES[quantity],
        curves=tuple(curve for line in shown for curve in lines(*line)),
        y_log=quantity == "student",
        rule={"opr": 1.0, "pgr": 0.0}.get(quantity),
        group=group,
    )
