"""The synthetic experiment in tables: dimensions, how gains go with n, where bounds hold, and all draws.

Whether a curve falls and whether a bound holds are questions to exact values; what was drawn stands beside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from outgrow.reproductions.reproduction import MODELS, Table, columns_of
from outgrow.reproductions.synthetic_draws import Draws, SyntheticSettings
from outgrow.reproductions.synthetic_figure import dense
from outgrow.reproductions.synthetic_rows import NAMES, POINTS_OF, Row, entries, theory
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
    """Tell how PGR and OPR go as n grows, in both worlds."""
    sizes, N, found = dense(settings.n), settings.N_fixed, []
    seen = {
        (row.world, row.offset, row.quantity, row.n): row.seen
        for row in rows
        if row.place == "fresh" and row.N == N
    }
    for world in WORLDS:
        for offset in settings.offsets:
            for gain in ("pgr", "opr"):
                exact = [theory(world, "fresh", offset, gain, n, N, settings.sigma2) for n in sizes]
                values = [value for value in exact if value is not None]
                if len(values) < len(sizes):
                    continue
                best = int(np.argmax(values))
                first, last = (seen.get((world, offset, gain, n)) for n in (settings.n[0], settings.n[-1]))
                found.append(
                    Course(
                        world, _shared(offset), NAMES[gain], values[0], sizes[best], values[best], values[-1],
                        first, last, _course(values), settings.sigma2,
                    )
                )  # fmt: skip
    return found


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
        if row.world == "as published" and row.exact is not None and row.bound is not None:
            sign = 1 if row.quantity in ("pgr", "opr") else -1
            room = sign * (row.exact - row.bound) / (1.0 if row.quantity == "pgr" else row.exact)
            rooms.setdefault((row.sigma2, row.quantity, row.place, row.offset), []).append((room, row))
    found = []
    for own in rooms.values():
        least, row = min(own, key=lambda one: one[0])
        holds, most = sum(room >= -SLACK for room, _ in own), max(room for room, _ in own)
        found.append(
            Margin(
                NAMES[row.quantity], POINTS_OF[row.place], _shared(row.offset), len(own), holds, least, row.n,
                row.N, most, row.sigma2,
            )
        )  # fmt: skip
    return found


def tables_of(
    draws: Sequence[Draws], rows: Sequence[Row], gone: Sequence[Course], room: Sequence[Margin]
) -> tuple[Table, ...]:
    """Put everything into tables."""
    offsets = sorted({one.offset for one in PRINTED} | set(draws[0].settings.offsets))
    pairs = [{"offset": offset, **asdict(population(offset))} for offset in offsets]
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
    told = {"place": POINTS_OF[row.place], "quantity": NAMES[row.quantity]}
    return {
        ("points" if name == "place" else name): told.get(name, value) for name, value in vars(row).items()
    } | {"d_sw": _shared(row.offset)}


def _shared(offset: int | None) -> Any:
    """Give d_sw, where there is one."""
    return None if offset is None else round(population(offset).d_sw)


def _every_seed(levels: Sequence[Draws]) -> dict[str, list[Any]]:
    names = ("world", "points", "d_sw", "model", "n", "N", "sigma2", "seed", "risk")
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for draws in levels:
        for model, name in enumerate(MODELS):
            for at in entries(draws.settings, name):
                risks = draws.risks[(slice(None), *at.axes, model)].tolist()
                same = (
                    at.world, POINTS_OF[at.place], _shared(at.offset), NAMES[name], at.n, at.N,
                    draws.settings.sigma2,
                )  # fmt: skip
                for column, value in zip(names, same, strict=False):
                    columns[column] += [value] * len(risks)
                columns["seed"] += range(len(risks))
                columns["risk"] += risks
    return columns
