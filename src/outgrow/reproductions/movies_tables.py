"""Tables of the rated rows: theory beside every measured cell, and what tuning stage after stage costs.

Stage by stage (docs/theory.md, T8), the teacher takes the penalty that is best for itself, and the student
the one that is best after it. Together, both take what is best for the student. All are chosen on the other
seeds; the oracle is the best pair of penalties in hindsight.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from outgrow.reproductions.experiment import MeasuredWay, Measurements
from outgrow.reproductions.reproduction import Table, columns_of, with_ends
from outgrow.sweeps.summary import arrays_of, mean_and_ends, over_others


def theory_table(measurements: Measurements) -> Table:
    """Lay measured means beside T4."""
    rows: list[Mapping[str, object]] = []
    for each in measurements.ways:
        names = ("quantity", "weak", "noise", "n", "N", "value", "low", "high")
        cells = zip(*(each.cells[name].tolist() for name in names), strict=True)
        held = {cell[:5]: cell[5:] for cell in cells}
        for pair in measurements.rows.pairs:
            for noise in each.grid.noise:
                theory = each.theory[pair].values(noise, each.grid.n, each.grid.N)
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


def tuning_of(way: MeasuredWay, N: int) -> list[dict[str, Any]]:
    """Compare both ways of choosing penalties at one N."""
    grid = way.grid
    arrays, j = arrays_of(way.table, grid), grid.N.index(N)
    rows: list[dict[str, Any]] = []
    for weak, strong in grid.pairs:
        teacher, student = arrays["teacher", weak], arrays["student", weak, strong][:, :, j]
        risks = {
            "stage_by_stage": stage_by_stage(teacher, student),
            "together": way.tuned.of("student", weak, strong)[:, :, j],
            "oracle": oracle(student),
        }
        risks["lost"] = risks["stage_by_stage"] - risks["together"]
        ends = {name: mean_and_ends(values) for name, values in risks.items()}
        for place in np.ndindex(student.shape[:2]):
            row: dict[str, Any] = {
                "teacher": weak, "student": strong, "noise_sd": grid.noise[place[0]],
                "n": grid.n[place[1]], "N": N,
            }  # fmt: skip
            for name, estimate in ends.items():
                row |= with_ends(name, estimate, place)
            rows.append(row)
    return rows


def tuning_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Lay both ways of choosing penalties out."""
    return Table(
        "tuning",
        "Penalties chosen stage by stage, and together",
        columns_of(rows),
        "Excess risks of the student. The teacher that is best for itself is not the best to learn from:"
        " 'lost' is what that costs, a mean of paired differences with its interval (docs/theory.md, T8).",
    )


def stage_by_stage(
    teacher: Float[np.ndarray, "l i a seeds"], student: Float[np.ndarray, "l i a b seeds"]
) -> Float[np.ndarray, "l i seeds"]:
    """Choose the teacher's penalty for the teacher, then the student's for the student."""
    first = over_others(teacher).argmin(axis=2)
    # What the other seeds say of the student is asked at this seed's choice for the teacher.
    place = first[:, :, None, None]
    others = np.take_along_axis(over_others(student), place, axis=2)[:, :, 0]
    risks = np.take_along_axis(student, place, axis=2)[:, :, 0]
    return np.take_along_axis(risks, others.argmin(axis=2)[:, :, None], axis=2)[:, :, 0]


def oracle(student: Float[np.ndarray, "l i a b seeds"]) -> Float[np.ndarray, "l i seeds"]:
    """Take the penalties that are best on all seeds."""
    flat = student.reshape(*student.shape[:2], -1, student.shape[-1])
    best = flat.mean(axis=-1).argmin(axis=2)
    return np.take_along_axis(flat, best[:, :, None, None], axis=2)[:, :, 0]
