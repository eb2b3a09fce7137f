"""The synthetic experiment in tables: dimensions, how gains go with n, where bounds hold, and all draws.

Whether a curve falls and whether a bound holds are questions to exact values; what was drawn stands beside.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from outgrow.reproductions.reproduction import Table
from outgrow.reproductions.synthetic_draws import MODELS, PLACES, Draws, SyntheticSettings
from outgrow.reproductions.synthetic_figure import dense
from outgrow.reproductions.synthetic_rows import (
    NAMES,
    POINTS_OF,
    QUANTITIES,
    Row,
    entries,
    printed_bound,
    theory,
)
from outgrow.reproductions.synthetic_world import PRINTED, WORLDS, WorldName, population
from outgrow.theory.population import SLACK


@dataclass(frozen=True)
class Course:
    """How a gain goes as n grows, on fresh points."""

    world: WorldName
    """Which target."""
    d_sw: int
    """Correlation dimension."""
    gain: str
    """ "PGR" or "OPR"."""
    first: float
    """Exact value at the smallest n."""
    best_n: int
    """Where the exact value is largest."""
    best: float
    """That value."""
    last: float
    """Exact value at the largest n."""
    seen_first: float | None
    """As drawn."""
    seen_last: float | None
    """As drawn."""
    course: str
    """ "rises", "falls", "rises, then falls", or "neither"."""
    sigma2: float
    """Variance of the label noise."""


@dataclass(frozen=True)
class Margin:
    """Where a published bound holds, in the published world."""

    quantity: str
    """What it bounds."""
    points: str
    """Where the risks were taken."""
    d_sw: int | None
    """Correlation dimension; None where the quantity does not depend on it."""
    sizes: int
    """Sizes looked at."""
    holds: int
    """At how many of them it holds."""
    least: float
    """Least room that the bound leaves, negative where it fails: relative to the exact value, of PGR the
    difference."""
    least_n: int
    """Labelled rows where it leaves that."""
    least_N: int | None
    """Unlabelled rows there."""
    most: float
    """Most room that it leaves."""
    sigma2: float
    """Variance of the label noise."""


def courses(rows: Sequence[Row], settings: SyntheticSettings) -> tuple[Course, ...]:
    """Tell how PGR and OPR go as n grows, in both worlds."""
    sizes, found = dense(settings.n), []
    seen = {
        (row.world, row.offset, row.quantity, row.n): row.seen
        for row in rows
        if row.place == "fresh" and settings.N_fixed == row.N
    }
    for world in WORLDS:
        for offset in settings.offsets:
            for quantity in ("pgr", "opr"):
                exact = [
                    theory(world, "fresh", offset, quantity, n, settings.N_fixed, settings.sigma2)
                    for n in sizes
                ]
                values = [value for value in exact if value is not None]
                if len(values) < len(sizes):
                    continue
                best = int(np.argmax(values))
                found.append(
                    Course(
                        world,
                        round(population(offset).d_sw),
                        NAMES[quantity],
                        values[0],
                        sizes[best],
                        values[best],
                        values[-1],
                        seen.get((world, offset, quantity, settings.n[0])),
                        seen.get((world, offset, quantity, settings.n[-1])),
                        _course(values),
                        settings.sigma2,
                    )
                )
    return tuple(found)


def _course(values: Sequence[float]) -> str:
    steps, best = np.diff(values), int(np.argmax(values))
    if np.any(steps[:best] < 0) or np.any(steps[best:] > 0):
        return "neither"
    if best == 0:
        return "falls"
    return "rises" if best == len(values) - 1 else "rises, then falls"


def margins(settings: SyntheticSettings) -> tuple[Margin, ...]:
    """Hold the published bounds against exact values in the published world."""
    found = []
    for quantity in QUANTITIES:
        cells: dict[tuple[int, int | None], list[tuple[float, int, int | None]]] = {}
        for at in entries(settings, quantity):
            if WORLDS[at.world] != "as published":
                continue
            n, N = settings.cells[at.cell]
            offset = settings.offsets[at.pair]
            exact = theory("as published", PLACES[at.place], offset, quantity, n, N, settings.sigma2)
            bound = printed_bound("as published", offset, quantity, n, N, settings.sigma2)
            if exact is None or bound is None:
                continue
            room = exact - bound if quantity in ("pgr", "opr") else bound - exact
            room /= 1.0 if quantity == "pgr" else exact
            cells.setdefault((at.place, at.offset), []).append((room, at.n, at.N))
        for (place, offset_or_none), rooms in cells.items():
            least = min(rooms, key=lambda one: one[0])
            found.append(
                Margin(
                    NAMES[quantity],
                    POINTS_OF[PLACES[place]],
                    None if offset_or_none is None else round(population(offset_or_none).d_sw),
                    len(rooms),
                    sum(room >= -SLACK for room, _, _ in rooms),
                    least[0],
                    least[1],
                    least[2],
                    max(room for room, _, _ in rooms),
                    settings.sigma2,
                )
            )
    return tuple(found)


def tables_of(
    draws: Sequence[Draws], rows: Sequence[Row], gone: Sequence[Course], room: Sequence[Margin]
) -> tuple[Table, ...]:
    """Put everything into tables."""
    return (
        _dimensions(draws[0].settings),
        Table(
            "course",
            "How PGR and OPR go as n grows, on fresh points",
            columns_of(gone, Course),
            "Exact values but for the two seen; best_n is where the exact gain is largest.",
        ),
        Table(
            "bounds",
            "Where the published bounds hold in the published world",
            columns_of(room, Margin),
            "Bounds are for each model's own points; least and most are the room they leave, relative to the"
            " exact value (of PGR the difference), and negative where they fail. PGR and OPR are of bounds in"
            " place of risks.",
        ),
        Table(
            "values",
            "Drawn risks and gains with exact values and published bounds",
            _named(columns_of(rows, Row)),
            "z is in standard errors over seeds, of logarithms. Rows share draws.",
        ),
        _every_seed(draws),
    )


def columns_of(items: Sequence[Any], kind: type) -> dict[str, list[Any]]:
    """Turn like dataclasses into columns."""
    return {field.name: [getattr(item, field.name) for item in items] for field in fields(kind)}


def _named(columns: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    """Say points and quantities in words, and offsets as d_sw."""
    found = dict(columns)
    found["place"] = [POINTS_OF[place] for place in columns["place"]]
    found["quantity"] = [NAMES[quantity] for quantity in columns["quantity"]]
    d_sw = [None if one is None else round(population(one).d_sw) for one in columns["offset"]]
    return {("points" if name == "place" else name): values for name, values in found.items()} | {
        "d_sw": d_sw
    }


def _dimensions(settings: SyntheticSettings) -> Table:
    offsets = sorted({one.offset for one in PRINTED} | set(settings.offsets))
    pairs = [asdict(population(offset)) for offset in offsets]
    return Table(
        "dimensions",
        "Dimensions and approximation errors of the published world",
        {
            "offset": offsets,
            **{name: [pair[name] for pair in pairs] for name in pairs[0] if name != "sigma2"},
        },
        "e2 is the variance that only the strong features hold, g0 that only the weak ones do"
        " (docs/theory.md, Objects and conventions).",
    )


def _every_seed(levels: Sequence[Draws]) -> Table:
    columns: dict[str, list[Any]] = {
        name: [] for name in ("world", "points", "d_sw", "model", "n", "N", "sigma2", "seed", "risk")
    }
    for draws, (model, name) in itertools.product(levels, enumerate(MODELS)):
        settings = draws.settings
        for at in entries(settings, name):
            risks = draws.risks[:, at.cell, at.place, at.world, at.pair, model].tolist()
            d_sw = None if at.offset is None else round(population(at.offset).d_sw)
            place = POINTS_OF[PLACES[at.place]]
            same = (WORLDS[at.world], place, d_sw, NAMES[name], at.n, at.N, settings.sigma2)
            for column, value in zip(columns, same, strict=False):
                columns[column] += [value] * len(risks)
            columns["seed"] += range(settings.seeds)
            columns["risk"] += risks
    return Table("draws", "Every drawn excess risk", columns)
