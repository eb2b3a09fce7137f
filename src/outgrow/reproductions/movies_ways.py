"""Sweeps over rated rows by two ways, tuned and without penalties, each with its theory: figure and table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from jaxtyping import Float

from outgrow.reproductions.by_level import level_panels
from outgrow.reproductions.foretold import MODELS, Foretold
from outgrow.reproductions.rated_rows import RatedRows
from outgrow.reproductions.reproduction import Table
from outgrow.study.curves import Curve, Panel
from outgrow.study.sources import Progress
from outgrow.sweeps.figure import TITLES, pair_label
from outgrow.sweeps.grid import SweepGrid
from outgrow.sweeps.measured_grid import measure_sweep
from outgrow.sweeps.summary import Tuned, cells_of
from outgrow.sweeps.sweep_outcome import PairDimensions
from outgrow.sweeps.table import SweepTable

NAME = "added noise sd"
"""What levels are called."""

Way: TypeAlias = Literal["tuned", "ridgeless"]
"""Penalties chosen on other seeds, or none."""


@dataclass(frozen=True, eq=False)
class MeasuredWay:
    """One of the two sweeps, and its theory."""

    way: Way
    """Which."""
    grid: SweepGrid
    """Its axes."""
    table: SweepTable
    """Every seed."""
    cells: dict[str, np.ndarray]
    """Means of seeds, PGR and OPR, with intervals."""
    tuned: Tuned
    """Risks by seed, penalties chosen."""
    theory: dict[tuple[str, str], Foretold]
    """By (teacher, student)."""

    def place(self, noise: float, at: tuple[int, int]) -> tuple[int, int, int]:
        """Find a cell.

        Returns places on the axes of level, n and N.
        """
        return self.grid.noise.index(noise), self.grid.n.index(at[0]), self.grid.N.index(at[1])


def measure_way(
    way: Way,
    grid: SweepGrid,
    rows: RatedRows,
    theory: dict[tuple[str, str], Foretold],
    jobs: int | None = None,
    progress: Progress | None = None,
) -> MeasuredWay:
    """Measure one of the two sweeps."""
    tell, ways = progress or (lambda _what, _share: None), get_args(Way)

    def named(what: str, share: float) -> None:
        # Both sweeps share one scale.
        tell(f"{way}: {what}", (ways.index(way) + share) / len(ways))

    table = measure_sweep(rows.data(), grid, jobs=jobs, progress=named)
    return MeasuredWay(way, grid, table, cells_of(table, grid, excess=True), Tuned(table, grid), theory)


def movie_panels(
    measured: MeasuredWay, rows: RatedRows, pairs: Sequence[PairDimensions], at: tuple[int, int]
) -> tuple[Panel, ...]:
    """Draw teachers at the lowest noise, and noise levels of the first teacher, over lines of theory."""
    grid = measured.grid
    panels = level_panels(
        measured.cells,
        grid,
        pairs,
        at,
        noise_name=NAME,
        noise_pair=rows.pairs[0],
        every_level=False,
        prefix=f"{measured.way}: ",
    )
    lines = {pair_label(pair): ((pair.weak, pair.strong), min(grid.noise)) for pair in pairs}
    # The figure of a single pair shows the risks of all models, too.
    lines |= {model: (rows.pairs[0], min(grid.noise)) for model in MODELS}
    lines |= {f"{NAME} {noise:g}": (rows.pairs[0], noise) for noise in grid.noise}
    return tuple(_with_theory(panel, measured, lines, at) for panel in panels)


def _with_theory(
    panel: Panel,
    measured: MeasuredWay,
    lines: Mapping[str, tuple[tuple[str, str], float]],
    at: tuple[int, int],
) -> Panel:
    """Draw T4 beneath the measured points of every line, and between them."""
    sizes = between(measured.grid.n if panel.x_name == "n" else measured.grid.N)
    theory = []
    for curve in panel.curves:
        pair, noise = lines[curve.series]
        n, N = (sizes, at[1:]) if panel.x_name == "n" else (at[:1], sizes)
        risks = measured.theory[pair].risks(noise, n, N)
        named = {**risks, **dict(zip((TITLES["pgr"], TITLES["opr"]), gains(risks), strict=True))}
        values = named[curve.series if curve.series in named else panel.y_name].ravel()
        theory.append(
            Curve(
                curve.series,
                "theory",
                tuple(map(float, sizes)),
                tuple(float(value) if np.isfinite(value) else None for value in values),
                note="docs/theory.md, T4, once all labels are known",
            )
        )
    # Ratios at the peak are hundreds of those beside it.
    y_log = panel.y_log or (measured.way == "ridgeless" and panel.y_name == TITLES["opr"])
    return replace(panel, curves=(*theory, *panel.curves), y_log=y_log)


def between(sizes: Sequence[int]) -> tuple[int, ...]:
    """Put a size between any two, half-way in ratio."""
    middles = {round((a * b) ** 0.5) for a, b in pairwise(sizes)}
    return tuple(sorted({*sizes, *middles}))


def gains(
    risks: Mapping[str, Float[np.ndarray, "*cells"]],
) -> tuple[Float[np.ndarray, "*cells"], Float[np.ndarray, "*cells"]]:
    """Give PGR and OPR of excess risks that are known.

    Returns PGR and OPR; NaN where a denominator is not positive.
    """
    gap, student = risks["teacher"] - risks["ceiling"], risks["student"]
    with np.errstate(divide="ignore", invalid="ignore"):
        pgr = np.where(gap > 0, (risks["teacher"] - student) / gap, np.nan)
        opr = np.where(student > 0, risks["baseline"] / student, np.nan)
    return pgr, opr


def theory_table(both: Sequence[MeasuredWay], rows: RatedRows) -> Table:
    """Lay measured means beside T4."""
    columns: dict[str, list[Any]] = {}
    for each in both:
        names = ("quantity", "weak", "noise", "n", "N", "value", "low", "high")
        rows_of = zip(*(each.cells[name].tolist() for name in names), strict=True)
        held = {row[:5]: row[5:] for row in rows_of}
        for pair in rows.pairs:
            for noise in each.grid.noise:
                found = each.theory[pair].risks(noise, each.grid.n, each.grid.N)
                named = {**found, **dict(zip(("pgr", "opr"), gains(found), strict=True))}
                for quantity, values in named.items():
                    for (i, j), theory in np.ndenumerate(values):
                        n, N = each.grid.n[i], each.grid.N[j]
                        ends = held[quantity, pair[0], noise, n, N]
                        row = {
                            "way": each.way, "quantity": quantity, "teacher": pair[0], "noise_sd": noise,
                            "n": n, "N": N, "theory": float(theory), "measured": ends[0],
                            "low": ends[1], "high": ends[2],
                        }  # fmt: skip
                        for name, value in row.items():
                            columns.setdefault(name, []).append(None if value != value else value)
    return Table(
        "theory",
        "Theory beside measurement, every cell",
        columns,
        "Theory is T4 of docs/theory.md with feature moments of the rows dealt and the test rows' mean"
        " ratings, which nobody has when the question is asked; it saw no label that models were trained on."
        " Every model has the penalty of the grid that is best by theory. Empty where a risk is infinite or a"
        " ratio is not defined, and measured ratios where seeds do not resolve their denominator from zero.",
    )


def typical_deviation(each: MeasuredWay, rows: RatedRows) -> float:
    """Give the median relative deviation of measured mean risks from theory."""
    off = []
    for pair in rows.pairs:
        for level, noise in enumerate(each.grid.noise):
            for model, theory in each.theory[pair].risks(noise, each.grid.n, each.grid.N).items():
                off.append(each.tuned.of(model, *pair)[level].mean(axis=-1) / theory - 1)
    return float(np.nanmedian(np.abs(off)))
