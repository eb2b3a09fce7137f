"""Teacher, student and baseline from arrays in memory: what the scikit-learn estimators fit.

Ridge penalties are chosen by two-stage leave-one-out against the true labels; minimum-norm fits have
nothing to choose. Beside every model stands its honest leave-one-out risk, so that a user can see whether
the student is worth more than the teacher or the baseline.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from outgrow.errors import DataError
from outgrow.probes import routes
from outgrow.probes.linear_model import LinearModel
from outgrow.probes.logistic import LogisticModel
from outgrow.probes.metrics import mean_loss
from outgrow.probes.two_stage import Groups, Pool, StageOne, StageTwo, row_losses
from outgrow.results import Check, Quantity, Risks, Undefined

FOLDS = 10
"""Folds for honest choices: the usual trade of bias and cost."""

Model = LinearModel | LogisticModel

NO_POOL = Undefined("there are no unlabelled rows to train a student on", "Give unlabelled rows.")
NO_CEILING = Undefined("the labels of the pool are not known", "Nothing short of labelling the pool.")


@dataclass(frozen=True)
class Rows:
    """Labelled and unlabelled rows of both feature sets.

    Parameters
    ----------
    weak, strong : arrays of shape (n, d_w) and (n, d_s)
        Features of the labelled rows.
    y : array of shape (n, k)
        Labels: targets, or one-hot codes.
    pool_weak, pool_strong : arrays of shape (N, d_w) and (N, d_s)
        Features of the unlabelled rows; N may be 0.
    folds : sequence of integer arrays
        Partition of the labelled rows, groups whole.
    groups : sequence of integer arrays, optional
        Labelled rows that leave together.
    """

    weak: Float[np.ndarray, "n d_w"]
    strong: Float[np.ndarray, "n d_s"]
    y: Float[np.ndarray, "n k"]
    pool_weak: Float[np.ndarray, "N d_w"]
    pool_strong: Float[np.ndarray, "N d_s"]
    folds: Sequence[Int[np.ndarray, " _"]]
    groups: Groups | None = None

    def risk(self, losses: Float[np.ndarray, " n"] | None) -> Quantity:
        """Sum up leave-one-out losses of the labelled rows.

        Parameters
        ----------
        losses : array of shape (n,), optional
            One per row.

        Returns
        -------
        Estimate or Undefined
            Their mean with its interval, groups whole.
        """
        if losses is None:
            return INTERPOLATES
        labels = None
        if self.groups is not None:
            labels = np.empty(len(losses), dtype=np.int64)
            for number, members in enumerate(self.groups):
                labels[members] = number
        return mean_loss(losses, labels)


INTERPOLATES = Undefined(
    "leaving a row out is not defined for a fit that interpolates its labels",
    "Use the ridge head, or fewer features than labelled rows.",
)


@dataclass(frozen=True)
class FittedPair:
    """A teacher, its student and the baseline.

    Parameters
    ----------
    teacher, baseline : LinearModel or LogisticModel
        Of the weak and of the strong features.
    student : LinearModel, LogisticModel or Undefined
        Of the strong features; Undefined without unlabelled rows.
    pseudo_labels : array of shape (N, k)
        What the student was trained on.
    settings : dict of str to dict
        Penalties by route.
    risks : Risks
        Leave-one-out (or cross-validated) risks.
    checks : tuple of Check
        Suspicions.
    """

    teacher: Model
    baseline: Model
    student: Model | Undefined
    pseudo_labels: Float[np.ndarray, "N k"]
    settings: dict[str, dict[str, float]]
    risks: Risks
    checks: tuple[Check, ...]


def folds_of(
    n: int, groups: Groups | None, rng: np.random.RandomState, count: int = FOLDS
) -> list[Int[np.ndarray, " _"]]:
    """Draw folds of nearly equal size, groups whole.

    Parameters
    ----------
    n : int
        Number of labelled rows.
    groups : sequence of integer arrays, optional
        Rows that stay together.
    rng : RandomState
        Draws the order.
    count : int
        How many folds, at most.

    Returns
    -------
    list of integer arrays
        A partition of the rows.
    """
    units = [np.array([i]) for i in range(n)] if groups is None else list(groups)
    if len(units) < 2:
        what = f"{n} labelled sample" if groups is None else "one group of labelled rows"
        raise DataError(
            f"{what} cannot be left out and fitted at once", "y", "Label more rows, in two groups at least."
        )
    order = rng.permutation(len(units))
    parts = np.array_split(order, min(count, len(units)))
    return [np.sort(np.concatenate([units[unit] for unit in part])) for part in parts]


def fit_ridge(rows: Rows) -> FittedPair:
    """Train and tune by two-stage leave-one-out (docs/theory.md, T8).

    Parameters
    ----------
    rows : Rows
        The data.

    Returns
    -------
    FittedPair
        With the teacher tuned to be used alone; the student's pseudo-labels come from a teacher whose
        penalty was chosen for the student.
    """
    labelled = routes.Labelled(rows.strong, rows.y, rows.folds, rows.groups)
    base = routes.baseline(labelled)
    if not len(rows.pool_weak):
        teacher = labelled.single("teacher", "weak", rows.weak, ("weak",), "alpha_w")[0]
        return _collect(rows, teacher, base, None, np.empty((0, rows.y.shape[1])))
    pool = Pool.from_rows(rows.pool_weak, rows.pool_strong)
    # The weight buys the least that with_teacher accepts: joint students are not offered here.
    found = {r.kind: r for r in routes.with_teacher("weak", rows.weak, pool, labelled, weights=(0.5,))}
    student = found["student"]
    source = StageOne(rows.weak, rows.y, np.array([student.settings["alpha_w"]]))
    return _collect(rows, found["teacher"], base, student, source.model(0).predict(rows.pool_weak))


def _collect(
    rows: Rows,
    teacher: routes.Route,
    base: routes.Route,
    student: routes.Route | None,
    pseudo_labels: Float[np.ndarray, "N k"],
) -> FittedPair:
    used = [route for route in (teacher, base, student) if route is not None]
    edges = [
        Check("OG208", f"{route.kind}: {', '.join(route.at_edge)}") for route in used if route.at_edge
    ]
    risk = NO_POOL if student is None else rows.risk(student.losses)
    return FittedPair(
        teacher.model,
        base.model,
        NO_POOL if student is None else student.model,
        pseudo_labels,
        {route.kind: route.settings for route in used},
        Risks(rows.risk(teacher.losses), risk, rows.risk(base.losses), NO_CEILING),
        tuple(edges),
    )


def fit_ridgeless(rows: Rows) -> FittedPair:
    """Fit by minimum norm, more features than rows included.

    Parameters
    ----------
    rows : Rows
        The data.

    Returns
    -------
    FittedPair
        Without settings; risks are Undefined where a fit interpolates its labels.
    """
    none = np.zeros(1)
    first = StageOne(rows.weak, rows.y, none, rows.groups)
    strong = StageOne(rows.strong, rows.y, none, rows.groups)
    teacher, base = first.model(0), strong.model(0)
    student: LinearModel | Undefined = NO_POOL
    losses: dict[str, np.ndarray | None] = {"teacher": None, "baseline": None, "student": None}
    held = _can_leave_out(rows, first)
    if held:
        losses["teacher"] = row_losses(first)[0]
    if _can_leave_out(rows, strong):
        losses["baseline"] = row_losses(strong)[0]
    n, N, d_w, d_s = len(rows.y), len(rows.pool_weak), first.basis.shape[1], strong.basis.shape[1]
    if N:
        second = StageTwo(first, rows.strong, Pool.from_rows(rows.pool_weak, rows.pool_strong), none)
        student, d_s = second.model(0, 0), max(d_s, second.basis.shape[1])
        if held:
            losses["student"] = second.losses()[0, 0]
    near = (("OG201", "n", n, "d_w", d_w), ("OG202", "n", n, "d_s", d_s), ("OG203", "N", N, "d_s", d_s))
    # Within a quarter of d on either side the variance factor d/|m-d| exceeds 4.
    checks = [Check(c, f"{m} = {size}, {k} = {d}") for c, m, size, k, d in near if size and abs(size - d - 1) <= d / 4]
    risks = Risks(
        rows.risk(losses["teacher"]),
        rows.risk(losses["student"]) if N else NO_POOL,
        rows.risk(losses["baseline"]),
        NO_CEILING,
    )
    return FittedPair(teacher, base, student, teacher.predict(rows.pool_weak), {}, risks, tuple(checks))


def _can_leave_out(rows: Rows, stage: StageOne) -> bool:
    """Say whether the fit still has more rows than parameters when the largest group is gone."""
    gone = 1 if rows.groups is None else max(len(group) for group in rows.groups)
    return len(rows.y) - gone >= stage.basis.shape[1] + 1
