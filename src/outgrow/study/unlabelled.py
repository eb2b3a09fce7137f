"""What a given teacher and its student tell before there is any label: how far they agree, and what follows.

A student is trained on the pseudo-labels alone, its penalty by generalized cross-validation, and compared
with its teacher on rows that it was not trained on. Which of the two is right where they differ, no row
without a label can say.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from outgrow.geometry.pairs import STRONG, WEAK
from outgrow.intervals.jackknife import jackknife_estimate
from outgrow.linalg.moment_table import BlockMoments, MomentTable
from outgrow.linalg.row_space import pieces
from outgrow.linalg.spectrum import spectrum_of_covariance
from outgrow.results import Estimate, Quantity, Undefined
from outgrow.theory.misfit import MisfitGain, outcome_of, squared_misfit
from outgrow.theory.taught_features import imitation

PARTS = 5
"""Times that a student is trained without a fifth of the rows: it then sees nearly as many as one of all."""

NO_LABELS = Undefined(
    "there are no labels, and without them nobody can tell whether teacher or student is right",
    "Label 20 to 40 rows for a rough answer (outgrow run), 100 for a usable one.",
)
"""What would settle the question."""


@dataclass(frozen=True)
class Agreement:
    """A given teacher and its student on rows that the student was not trained on."""

    rows: int
    repeated: Quantity
    """Share of the teacher's variance that the student repeats; the rest is misfit."""
    same: Quantity
    """Share of rows that both put in the same column first; Undefined for a single column."""
    misfit: MisfitGain
    """The misfit, in squares of the teacher's own units, and what it promises under its assumption."""
    better: Quantity
    """Whether the student outgrows its teacher: Undefined, always."""


def agreement(
    teacher: Float[np.ndarray, "rows c"],
    strong: Float[np.ndarray, "rows d"],
    table: MomentTable,
    groups: Int[np.ndarray, " rows"],
) -> Agreement:
    """Train a student on the pseudo-labels of other rows, and compare it with its teacher row by row."""
    numbers = np.unique(groups)
    student = np.empty(teacher.shape)
    for part in np.array_split(numbers, min(PARTS, len(numbers))):
        kept, there = np.setdiff1d(numbers, part), np.flatnonzero(np.isin(groups, part))
        coef, level = _student(table.select(groups=[int(number) for number in kept]))
        for rows in pieces(there):
            student[rows] = strong[rows] @ coef + level
    misfit = squared_misfit(teacher, student)
    spread = np.sum((teacher - teacher.mean(axis=0)) ** 2, axis=1)
    same: Quantity = Undefined("the teacher gives a single number", "Read the share repeated.")
    if teacher.shape[1] > 1:
        alike = (teacher.argmax(axis=1) == student.argmax(axis=1)).astype(np.float64)
        same = _over_groups(alike, np.ones(len(alike)), groups)
    repeated = _over_groups(spread - misfit, spread, groups)
    promised = _over_groups(misfit, np.ones(len(misfit)), groups)
    gain = MisfitGain("rows left out", promised, NO_LABELS, NO_LABELS, outcome_of(NO_LABELS))
    return Agreement(len(teacher), repeated, same, gain, NO_LABELS)


def _student(moments: BlockMoments) -> tuple[Float[np.ndarray, "d c"], Float[np.ndarray, " c"]]:
    spectrum = spectrum_of_covariance(moments.covariance(STRONG), moments.n)
    values, vectors = spectrum.resolved
    cross = vectors.T @ moments.covariance(STRONG, WEAK)
    total = float(np.trace(np.atleast_2d(moments.covariance(WEAK))))
    coef = vectors @ (cross * imitation(values, cross, total, float(moments.n))[0][:, None])
    return coef, moments.mean(WEAK) - moments.mean(STRONG) @ coef


def _over_groups(
    above: Float[np.ndarray, " rows"], below: Float[np.ndarray, " rows"], groups: Int[np.ndarray, " rows"]
) -> Estimate:
    """Ratio of two sums over rows, with its delete-a-group interval for these students."""
    sums = np.array([[values[groups == g].sum() for g in np.unique(groups)] for values in (above, below)])
    whole = sums.sum(axis=1)
    left = whole[:, None] - sums
    ratios = np.concatenate([whole[:1] / whole[1:], left[0] / left[1]])
    return jackknife_estimate(ratios, len(above), "rows left out of the student, jackknife over groups")
