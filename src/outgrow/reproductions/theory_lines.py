"""Theory beside what was measured: lines beneath the points, and a table of every cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Float

from outgrow.reproductions.experiment import MeasuredWay, Measurements, Pair
from outgrow.reproductions.reproduction import Table, columns_of
from outgrow.study.curves import Curve
from outgrow.sweeps.figure import Beside

Risks = Float[np.ndarray, "*cells"]


def theory_of(
    way: MeasuredWay, pair: Pair, noise: float, n: Sequence[int], N: Sequence[int]
) -> dict[str, Risks]:
    """Give the excess risks of all models by theory, and their PGR and OPR where defined, else NaN."""
    risks = way.theory[pair].risks(noise, n, N)
    gap, student = risks["teacher"] - risks["ceiling"], risks["student"]
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            **risks,
            "pgr": np.where(gap > 0, (risks["teacher"] - student) / gap, np.nan),
            "opr": np.where(student > 0, risks["baseline"] / student, np.nan),
        }


def theory_lines(way: MeasuredWay, at: tuple[int, int]) -> Beside:
    """Draw theory at the sizes measured, and half-way in ratio between any two."""

    def line(quantity: str, of: tuple[str, str, float], axis: str, series: str) -> Curve:
        sizes = way.grid.n if axis == "n" else way.grid.N
        sizes = tuple(sorted({*sizes, *(round((a * b) ** 0.5) for a, b in pairwise(sizes))}))
        n, N = (sizes, at[1:]) if axis == "n" else (at[:1], sizes)
        values = theory_of(way, of[:2], of[2], n, N)[quantity].ravel()
        return Curve(
            series,
            "theory",
            tuple(map(float, sizes)),
            tuple(float(value) if np.isfinite(value) else None for value in values),
            note="docs/theory.md, T4, once all labels are known",
        )

    return line


def theory_table(found: Measurements) -> Table:
    """Lay measured means beside T4."""
    rows: list[Mapping[str, object]] = []
    for each in found.ways:
        names = ("quantity", "weak", "noise", "n", "N", "value", "low", "high")
        cells = zip(*(each.cells[name].tolist() for name in names), strict=True)
        held = {cell[:5]: cell[5:] for cell in cells}
        for pair in found.rows.pairs:
            for noise in each.grid.noise:
                theory = theory_of(each, pair, noise, each.grid.n, each.grid.N)
                for quantity, values in theory.items():
                    for (i, j), value in np.ndenumerate(values):
                        n, N = each.grid.n[i], each.grid.N[j]
                        measured, low, high = held[quantity, pair[0], noise, n, N]
                        rows.append(
                            {
                                "way": each.name, "quantity": quantity, "teacher": pair[0], "noise_sd": noise,
                                "n": n, "N": N, "theory": float(value), "measured": measured, "low": low,
                                "high": high,
                            }
                        )  # fmt: skip
    return Table(
        "theory",
        "Theory beside measurement, every cell",
        columns_of(rows),
        "Theory is T4 of docs/theory.md with feature moments of the rows dealt and the test rows' mean"
        " ratings, which nobody has when the question is asked; it saw no label that models were trained on."
        " Every model has the penalty of the grid that is best by theory. Empty where a risk is infinite or a"
        " ratio is not defined, and measured ratios where seeds do not resolve their denominator from zero.",
    )


def typical_deviation(way: MeasuredWay) -> float:
    """Give the median relative deviation of measured mean risks from theory."""
    off = []
    for pair, theory in way.theory.items():
        risks = way.risks(pair)
        for level, noise in enumerate(way.grid.noise):
            for model, expected in theory.risks(noise, way.grid.n, way.grid.N).items():
                off.append(risks[model][level].mean(axis=-1) / expected - 1)
    return float(np.nanmedian(np.abs(off)))
