"""What the strong features could still learn that the weak ones cannot teach: the gap of two projectors.

Xue, Li and Mirzasoleiman (2025) smooth each projection, P = K (K + r I)^-1 with the kernel K of the rows, and
measure the gap between student and ceiling by P_s (I - P_w) (docs/theory.md, T7). From moments no kernel is
formed: in the eigenvectors of both covariances P is the shrinkage lambda / (lambda + r), in its first power,
where the ridge correlation dimension (`outgrow.geometry.ridge_overlap`) has the second.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from outgrow.errors import DataError
from outgrow.geometry.intrinsic import RIDGE_LEVEL
from outgrow.geometry.ridge_overlap import KAPPAS
from outgrow.linalg.shrinkage import df1
from outgrow.linalg.spectrum import Spectrum
from outgrow.results import Undefined

PENALTY = RIDGE_LEVEL
"""r by default, over each set's mean variance per direction: that of the ridge rule, so that tr P is the
dimension which that rule shows for the same set, near where tuned heads on embeddings stand. As a share of
the variance it does not change with the units of either set."""

PENALTIES = KAPPAS
"""r along the path: those of the ridge correlation dimension, so that both can be read side by side."""

CONSTANT = Undefined("a feature set does not vary", "Give features that differ between rows.")
"""The gap of features without any direction."""


@dataclass(frozen=True)
class ProjectorGap:
    """Two smoothed projections of the same rows, and what the second leaves of the first.

    Every number is of these rows, not an estimate for others: P is made from them. A level by chance is the
    exact mean over all ways to shuffle the rows of one side.
    """

    penalty: float
    """r over each set's mean variance per direction."""
    d_w: float
    d_s: float
    """tr P_w and tr P_s, in directions."""
    shared: float
    """tr(P_s P_w); the uncorrected correlation dimension as r goes to 0."""
    gap: float
    """tr(P_s (I - P_w)), what is left."""
    gap_by_chance: float
    """`gap` for unrelated features: d_s - d_s d_w / (N - 1)."""
    norm: float | None = None
    """Largest singular value of P_s (I - P_w), from 0 to 1: the part of the worst target that is left. Not
    taken along a path."""


@dataclass(frozen=True)
class LabelGap:
    """What is left of given labels: a look back, for it needs the label of every row."""

    value: float
    """|P_s (I - P_w) y|^2 / N, summed over the columns of y: the mean squared difference between the ceiling
    and the student of a teacher that was given every label. The noise of a teacher with fewer comes on top.
    """
    by_chance: float
    """The same for labels shuffled over the rows: what label noise alone would leave."""
    variance: float
    """Of the labels."""


@dataclass(frozen=True, eq=False)
class _Pair:
    """Eigenvalues of both sets over n rows, and their cross covariance in the eigenvectors."""

    n: int
    of_w: Float[np.ndarray, " r_w"]
    of_s: Float[np.ndarray, " r_s"]
    cross: Float[np.ndarray, "r_w r_s"]

    @classmethod
    def of(cls, weak: Spectrum, strong: Spectrum, cross: Float[np.ndarray, "D_w D_s"]) -> _Pair:
        (of_w, left), (of_s, right) = weak.resolved, strong.resolved
        return cls(weak.n, of_w, of_s, left.T @ cross @ right)

    def penalties(self, penalty: float) -> tuple[float, float]:
        if not (np.isfinite(penalty) and penalty >= 0):
            raise DataError(f"a penalty is finite and at least 0, not {penalty}", "projector gap")
        return penalty * float(self.of_w.mean()), penalty * float(self.of_s.mean())

    def left_over(self, penalty: float) -> tuple[Float[np.ndarray, " r_w"], Float[np.ndarray, " r_s"]]:
        """Weights of cross^2 that (I - P_w)^2 = I - (2 P_w - P_w^2) takes off P_s^2."""
        of_w, of_s = self.of_w, self.of_s
        r_w, r_s = self.penalties(penalty)
        return (of_w + 2 * r_w) / (of_w + r_w) ** 2, of_s / (of_s + r_s) ** 2

    def gap(self, penalty: float, squares: Float[np.ndarray, "r_w r_s"]) -> ProjectorGap:
        of_w, of_s = self.of_w, self.of_s
        r_w, r_s = self.penalties(penalty)
        d_w, d_s = df1(of_w, r_w), df1(of_s, r_s)
        shared = float((1 / (of_w + r_w)) @ squares @ (1 / (of_s + r_s)))
        by_chance = d_s - d_s * d_w / max(self.n - 1, 1)
        return ProjectorGap(penalty, d_w, d_s, shared, d_s - shared, by_chance)


def projector_gap(
    weak: Spectrum, strong: Spectrum, cross: Float[np.ndarray, "D_w D_s"], penalty: float = PENALTY
) -> ProjectorGap | Undefined:
    """Measure the gap at one penalty, where both sets vary."""
    from scipy.linalg import eigvalsh

    if not (weak.rank and strong.rank):
        return CONSTANT
    pair = _Pair.of(weak, strong, cross)
    gap = pair.gap(penalty, pair.cross**2)
    by_w, by_s = pair.left_over(penalty)
    # The singular values of P_s (I - P_w) are the roots of the eigenvalues of P_s (I - P_w)^2 P_s, and that
    # lives on the span of the strong features.
    scaled = pair.cross * np.sqrt(by_s)
    left = np.diag(pair.of_s * by_s) - (scaled.T * by_w) @ scaled
    last = len(by_s) - 1
    largest = float(eigvalsh(left, subset_by_index=[last, last])[0])
    return ProjectorGap(**(vars(gap) | {"norm": float(np.sqrt(max(largest, 0.0)))}))


def projector_gaps(
    weak: Spectrum, strong: Spectrum, cross: Float[np.ndarray, "D_w D_s"]
) -> tuple[ProjectorGap, ...]:
    """Follow the gap along ascending penalties, without norms; empty where a set does not vary."""
    if not (weak.rank and strong.rank):
        return ()
    pair = _Pair.of(weak, strong, cross)
    squares = pair.cross**2
    return tuple(pair.gap(penalty, squares) for penalty in PENALTIES)


def label_gap(
    weak: Spectrum,
    strong: Spectrum,
    cross: Float[np.ndarray, "D_w D_s"],
    b_w: Float[np.ndarray, "D_w k"],
    b_s: Float[np.ndarray, "D_s k"],
    variance: float,
    penalty: float = PENALTY,
) -> LabelGap | Undefined:
    """Measure what is left of labels, where both sets vary."""
    if not (weak.rank and strong.rank):
        return CONSTANT
    pair = _Pair.of(weak, strong, cross)
    r_w, _ = pair.penalties(penalty)
    by_w, by_s = pair.left_over(penalty)
    taught = weak.resolved[1].T @ b_w / (pair.of_w + r_w)[:, None]
    rest = strong.resolved[1].T @ b_s - pair.cross.T @ taught
    # Shuffled labels are white on the rows: the squared Frobenius norm of P_s (I - P_w) is what they leave.
    frobenius = float(by_s @ (pair.of_s - by_w @ pair.cross**2))
    chance = variance * frobenius / max(weak.n - 1, 1)
    return LabelGap(float(np.sum(by_s @ rest**2)), chance, variance)
