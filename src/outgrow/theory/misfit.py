"""The gain that a student's disagreement with its teacher promises (docs/theory.md, T7).

With squared loss and a convex class of students that holds the target, the student is the projection of its
teacher on the class, and Charikar, Pabbaraju and Shiragur (2024) show that its risk is below the teacher's by
at least E(f_w2s - f_w)^2: no labels are needed to know that gain. Where the class does not hold the target
nothing is promised, and the same disagreement may be a loss; only labels tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from outgrow.errors import DataError
from outgrow.results import Estimate, Quantity

Outcome = Literal["exceeded", "met", "broken", "not measured"]
"""How a promise came out."""


@dataclass(frozen=True)
class MisfitGain:
    """A gain promised without labels, beside the gain measured with them."""

    rows: str
    """Which rows the predictions were compared on, in words."""
    promised: Quantity
    """The misfit E(f_w2s - f_w)^2: the gain if the class of students holds the target."""
    measured: Quantity
    """The teacher's risk less the student's on the same rows. The teacher is the one that the student learned
    from; alone it may have another penalty."""
    beyond: Quantity
    """The measured gain less the promised one, paired row by row."""
    outcome: Outcome
    """ "exceeded", "met", "broken" or "not measured" (`outcome_of`)."""


def squared_misfit(
    teacher: Float[np.ndarray, "rows k"], student: Float[np.ndarray, "rows k"]
) -> Float[np.ndarray, " rows"]:
    """Give the squared distance between the student's and the teacher's predictions, row by row."""
    if teacher.shape != student.shape:
        raise DataError(
            f"predictions of shapes {teacher.shape} and {student.shape} cannot be compared",
            "misfit",
            "Predict the same rows with teacher and student.",
        )
    return np.asarray(np.sum((student - teacher) ** 2, axis=1))


def outcome_of(beyond: Quantity) -> Outcome:
    """Tell how a promise came out."""
    if not isinstance(beyond, Estimate) or beyond.interval is None:
        return "not measured"
    low, high = beyond.interval
    if high < 0:
        return "broken"
    return "exceeded" if low > 0 else "met"
