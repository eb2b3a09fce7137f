"""The synthetic experiment in tables: dimensions, how gains go with n, where bounds hold, and all draws.

Whether a curve falls and whether a bound holds are questions to exact values; what was drawn stands beside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from outgrow.reproductions.reproduction import MODELS, Table, columns_of
from outgrow.reproductions.synthetic_draws import Draws, SyntheticSettings
from outgrow.reproductions.synthetic_figure import sizes_of_lines
from outgrow.reproductions.synthetic_rows import NAMES, POINTS_OF, Row, entries, expected
from outgrow.reproductions.synthetic_world import PRINTED, WORLDS, WorldName, population
from outgrow.theory.population import SLACK


@dataclass(frozen=True)
class Course:
    """How a gain goes as n grows, on fresh points."""

    world: WorldName
    d_sw: int
    gain: str
    """ "PGR" or "OPR"."""
    first: float
    """Exact value at the smallest n."""
    best_n: int
    """Where the exact value is largest."""
    best: float
    last: float
    """Exact value at the largest n."""
    seen_first: float | None
    seen_last: float | None
    course: str
    """ "rises", "falls", "rises, then falls", or "neither"."""
    sigma2: float
    """Variance of the label noise."""


@dataclass(frozen=True)
class Margin:
    """Where a published bound holds, in the published world."""

    quantity: str
    points: str
    d_sw: int | None
    """Correlation dimension; None where the quantity does not depend on it."""
    sizes: int
    holds: int
    least: float
    """Least room that the bound leaves, negative where it fails: relative to the exact value, of PGR the
    difference."""
    least_n: int
    least_N: int | None
    most: float
    sigma2: float
    """Variance of the label noise."""


def courses(rows: Sequence[Row], settings: SyntheticSettings) -> list[Course]:
    """Tell how PGR and OPR go as n grows, at every level of noise and in both worlds."""
    sizes, N, result = sizes_of_lines(settings.n), settings.N_fixed, []
    seen = {
        (row.sigma2, row.world, row.offset, row.quantity, row.n): row.seen
        for row in rows
        if row.place == "fresh" and row.N == N
    }
    axes = settings.noise, WORLDS, settings.offsets, ("pgr", "opr")
    for place in np.ndindex(*map(len, axes)):
        sigma2, world, offset, gain = (axis[k] for axis, k in zip(axes, place, strict=True))
        values = [expected("fresh", world, offset, gain, n, N, sigma2) for n in sizes]
        if np.isnan(values).any():
            continue
        best, ends = int(np.argmax(values)), (settings.n[0], settings.n[-1])
        first, last = (seen.get((sigma2, world, offset, gain, n)) for n in ends)
        result.append(
            Course(
                world, _shared(offset), NAMES[gain], values[0], sizes[best], values[best], values[-1],
                first, last, _course(values), sigma2,
            )
        )  # fmt: skip
    return result


def _course(values: Sequence[float]) -> str:
    steps, best = np.diff(values), int(np.argmax(values))
    if np.any(steps[:best] < 0) or np.any(steps[best:] > 0):
        return "neither"
    if best == 0:
        return "falls"
    return "rises" if best == len(values) - 1 else "rises, then falls"


def margins(rows: Sequence[Row]) -> list[Margin]:
    """Hold the published bounds against exact values in the published world."""
    rooms: dict[tuple[Any, ...], list[tuple[float, Row]]] = {}
    for row in rows:
        if row.world == "as published" and not np.isnan(row.exact + row.bound):
            sign = 1 if row.quantity in ("pgr", "opr") else -1
            room = sign * (row.exact - row.bound) / (1.0 if row.quantity == "pgr" else row.exact)
            rooms.setdefault((row.sigma2, row.quantity, row.place, row.offset), []).append((room, row))
    result = []
    for pairs in rooms.values():
        least, row = min(pairs, key=lambda one: one[0])
        holds, most = sum(room >= -SLACK for room, _ in pairs), max(room for room, _ in pairs)
        result.append(
            Margin(
                NAMES[row.quantity], POINTS_OF[row.place], _shared(row.offset), len(pairs), holds, least,
                row.n, row.N, most, row.sigma2,
            )
        )  # fmt: skip
    return result


def tables_of(
    draws: Draws, rows: Sequence[Row], gone: Sequence[Course], room: Sequence[Margin]
) -> tuple[Table, ...]:
    """Put everything into tables."""
    pairs = [{"offset": k, **asdict(population(k))} for k in sorted({*PRINTED, *draws.settings.offsets})]
    return (
        Table(
            "dimensions",
            "Dimensions and approximation errors of the published world",
            columns_of([{name: pair[name] for name in pair if name != "sigma2"} for pair in pairs]),
            "e2 is the variance that only the strong features hold, g0 that only the weak ones do"
            " (docs/theory.md, Objects and conventions).",
        ),
        Table(
            "course",
            "How PGR and OPR go as n grows, on fresh points",
            columns_of([asdict(one) for one in gone], Course),
            "Exact values but for the two seen; best_n is where the exact gain is largest.",
        ),
        Table(
            "bounds",
            "Where the published bounds hold in the published world",
            columns_of([asdict(one) for one in room], Margin),
            "Bounds are for each model's own points; least and most are the room they leave, relative to the"
            " exact value (of PGR the difference), and negative where they fail. PGR and OPR are of bounds in"
            " place of risks.",
        ),
        Table(
            "values",
            "Drawn risks and gains with exact values and published bounds",
            columns_of([_named(row) for row in rows]),
            "z is in standard errors over seeds, of logarithms. Rows share draws.",
        ),
        Table("draws", "Every drawn excess risk", _every_seed(draws)),
    )


def _named(row: Row) -> dict[str, Any]:
    """Say points and quantity in words, and the offset as d_sw, too."""
    named = vars(replace(row, quantity=NAMES[row.quantity])) | {"d_sw": _shared(row.offset)}
    return {
        ("points" if name == "place" else name): POINTS_OF[row.place] if name == "place" else value
        for name, value in named.items()
    }


def _shared(offset: int | None) -> Any:
    """Give d_sw, where there is one."""
    return None if offset is None else round(population(offset).d_sw)


def _every_seed(draws: Draws) -> dict[str, list[Any]]:
    names = ("world", "points", "d_sw", "model", "n", "N", "sigma2", "seed", "risk")
    rows = [
        (world, POINTS_OF[place], _shared(offset), NAMES[model], n, N, sigma2, seed, risk)
        for level, sigma2 in zip(draws.risks, draws.settings.noise, strict=True)
        for m, model in enumerate(MODELS)
        for (world, place, offset, n, N), axes in entries(draws.settings, model).items()
        for seed, risk in enumerate(level[axes][m].tolist())
    ]
    return {name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}
