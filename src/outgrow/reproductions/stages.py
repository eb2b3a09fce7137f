"""What tuning one stage after the other costs a student (docs/theory.md, T8): measured from a sweep's table.

Stage by stage, the teacher takes the penalty that is best for itself, and the student the one that is best
after it. Together, both take what is best for the student. All are chosen on the other seeds; the oracle is
the best pair of penalties in hindsight.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from outgrow.reproductions.experiment import MeasuredWay
from outgrow.reproductions.reproduction import Table, columns_of, with_ends
from outgrow.sweeps.summary import arrays_of, mean_and_ends


def tuning_of(way: MeasuredWay, N: int) -> list[dict[str, Any]]:
    """Compare both ways of choosing penalties at one N."""
    grid = way.grid
    arrays, j = arrays_of(way.table, grid), grid.N.index(N)
    rows: list[dict[str, Any]] = []
    for weak, strong in grid.pairs:
        teacher, student = arrays["teacher", weak], arrays["student", weak, strong][:, :, j]
        found = {
            "stage_by_stage": stage_by_stage(teacher, student),
            "together": way.tuned.of("student", weak, strong)[:, :, j],
            "oracle": oracle(student),
        }
        found["lost"] = found["stage_by_stage"] - found["together"]
        ends = {name: mean_and_ends(values) for name, values in found.items()}
        for place in np.ndindex(student.shape[:2]):
            row: dict[str, Any] = {
                "teacher": weak, "student": strong, "noise_sd": grid.noise[place[0]],
                "n": grid.n[place[1]], "N": N,
            }  # fmt: skip
            for name, own in ends.items():
                row |= with_ends(name, own, place)
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
    first = _others(teacher).argmin(axis=2)
    # What the other seeds say of the student is asked at this seed's choice for the teacher.
    place = first[:, :, None, None]
    said = np.take_along_axis(_others(student), place, axis=2)[:, :, 0]
    own = np.take_along_axis(student, place, axis=2)[:, :, 0]
    return np.take_along_axis(own, said.argmin(axis=2)[:, :, None], axis=2)[:, :, 0]


def oracle(student: Float[np.ndarray, "l i a b seeds"]) -> Float[np.ndarray, "l i seeds"]:
    """Take the penalties that are best on all seeds."""
    flat = student.reshape(*student.shape[:2], -1, student.shape[-1])
    best = flat.mean(axis=-1).argmin(axis=2)
    return np.take_along_axis(flat, best[:, :, None, None], axis=2)[:, :, 0]


def _others(risks: Float[np.ndarray, "*axes seeds"]) -> Float[np.ndarray, "*axes seeds"]:
    """Sum over the other seeds."""
    return np.asarray(risks.sum(axis=-1, keepdims=True) - risks)
