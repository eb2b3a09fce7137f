"""Teacher, student and baseline from arrays in memory: what the scikit-learn estimators fit.

Ridge penalties are chosen by two-stage leave-one-out against the true labels, logistic ones by
cross-validation of both stages; minimum-norm fits have nothing to choose. Beside every model stands its
honest risk on rows left out, so that a user can see whether the student is worth more than the teacher or
the baseline.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from outgrow.errors import DataError
from outgrow.heads import logistic, routes
from outgrow.heads.expected_error import choose
from outgrow.heads.logistic import LogisticModel
from outgrow.heads.two_stage import Pool, StageTwo
from outgrow.intervals.metrics import mean_loss
from outgrow.linalg.ridge_path import Groups, LinearModel, RidgePath
from outgrow.linalg.spectrum import spectrum_of_covariance
from outgrow.results import Check, Quantity, Risks, Undefined
from outgrow.theory.stage import near_peak

FOLDS = 10
"""Folds for honest choices: the usual trade of bias and cost."""

SQUARED = "leave-one-out squared loss"
"""How the risks of squared-loss heads are obtained; whole groups leave where there are groups."""

ENTROPY = "cross-validated cross-entropy in nats"
"""How the risks of logistic heads are obtained."""

Model = LinearModel | LogisticModel

NO_POOL = Undefined("there are no unlabelled rows to train a student on", "Give unlabelled rows.")
NO_CEILING = Undefined("the labels of the pool are not known", "Nothing short of labelling the pool.")


@dataclass(frozen=True)
class Rows:
    """Labelled and unlabelled rows of both feature sets."""

    weak: Float[np.ndarray, "n d_w"]
    """Features of the labelled rows."""
    strong: Float[np.ndarray, "n d_s"]
    """Features of the labelled rows."""
    y: Float[np.ndarray, "n k"]
    """Labels: targets, or one-hot codes."""
    pool_weak: Float[np.ndarray, "N d_w"]
    """Features of the unlabelled rows; N may be 0."""
    pool_strong: Float[np.ndarray, "N d_s"]
    """Features of the unlabelled rows; N may be 0."""
    folds: Sequence[Int[np.ndarray, " _"]]
    """Partition of the labelled rows, groups whole."""
    groups: Groups | None = None
    """Labelled rows that leave together."""

    @property
    def checks(self) -> tuple[Check, ...]:
        """What is suspicious before anything is fitted."""
        if len(self.pool_weak):
            return ()
        return (Check("OG210", f"all {len(self.y)} rows are labelled"),)

    def risk(self, losses: Float[np.ndarray, " n"] | None, what: str = SQUARED) -> Quantity:
        """Average losses of labelled rows, each left out of the fit that is scored on it; groups whole.

        None where leaving a row out is not defined; `what` says what the losses are.
        """
        if losses is None:
            return INTERPOLATES
        labels = None
        if self.groups is not None:
            labels = np.empty(len(losses), dtype=np.int64)
            for number, members in enumerate(self.groups):
                labels[members] = number
        found = mean_loss(losses, labels)
        return replace(found, method=f"{what}, {found.method}")


INTERPOLATES = Undefined(
    "leaving a row out is not defined for a fit that interpolates its labels",
    "Use the ridge head, or fewer features than labelled rows.",
)


@dataclass(frozen=True)
class FittedPair:
    """A teacher, its student and the baseline."""

    teacher: Model
    """Of the weak and of the strong features."""
    baseline: Model
    """Of the weak and of the strong features."""
    student: Model | Undefined
    """Of the strong features; Undefined without unlabelled rows."""
    pseudo_labels: Float[np.ndarray, "N k"]
    """What the student was trained on."""
    settings: dict[str, dict[str, float]]
    """Penalties by route."""
    risks: Risks
    """Leave-one-out (or cross-validated) risks."""
    checks: tuple[Check, ...]
    """Suspicions."""


def folds_of(
    content: Float[np.ndarray, "n c"],
    groups: Groups | None,
    rng: np.random.RandomState,
    count: int = FOLDS,
) -> list[Int[np.ndarray, " _"]]:
    """Draw `count` folds at most, of nearly equal size, groups whole, whatever the order of the rows.

    `content` tells rows apart: they are put in its order before folds are drawn.
    """
    n, rank = len(content), np.empty(len(content), dtype=np.int64)
    rank[np.lexsort(content.T)] = np.arange(n)
    units = [np.array([i]) for i in range(n)] if groups is None else list(groups)
    if len(units) < 2:
        what = f"{n} sample with a label" if groups is None else "one group of labelled rows"
        raise DataError(
            f"{what} cannot be left out and fitted at once", "y", "Label more rows, in two groups at least."
        )
    units.sort(key=lambda unit: int(rank[unit].min()))
    order = rng.permutation(len(units))
    parts = np.array_split(order, min(count, len(units)))
    return [np.sort(np.concatenate([units[unit] for unit in part])) for part in parts]


def fit_ridge(rows: Rows) -> FittedPair:
    """Train and tune by two-stage leave-one-out (docs/theory.md, T8)."""
    labelled = routes.Labelled(rows.strong, rows.y, rows.folds, rows.groups)
    if not len(rows.pool_weak):
        teacher, _ = labelled.tuned("teacher", "weak", labelled.path(rows.weak), ("weak",), "alpha_w")
        return _collect(rows, teacher, routes.baseline(labelled), None, np.empty((0, rows.y.shape[1])))
    pool = Pool.from_rows(rows.pool_weak, rows.pool_strong)
    base = routes.baseline(labelled, pool)
    forecasts = labelled.forecasts(rows.weak, pool)
    found = {r.kind: r for r in routes.with_teacher("weak", rows.weak, pool, labelled, forecasts, ())}
    student = found["student"]
    source = RidgePath(rows.weak, rows.y, np.array([student.settings["alpha_w"]]))
    return _collect(rows, found["teacher"], base, student, source.model(0).predict(rows.pool_weak))


def _collect(
    rows: Rows,
    teacher: routes.Route,
    base: routes.Route,
    student: routes.Route | None,
    pseudo_labels: Float[np.ndarray, "N k"],
) -> FittedPair:
    used = [route for route in (teacher, base, student) if route is not None]
    edges = [Check("OG208", f"{route.kind}: {', '.join(route.at_edge)}") for route in used if route.at_edge]
    n, grouped = len(rows.y), rows.groups is not None

    def risk(route: routes.Route | None) -> Quantity:
        return NO_POOL if route is None or route.expected is None else route.expected.estimate(n, grouped)

    return FittedPair(
        teacher.model,
        base.model,
        NO_POOL if student is None else student.model,
        pseudo_labels,
        {route.kind: route.settings for route in used},
        Risks(risk(teacher), risk(student), risk(base), NO_CEILING),
        (*rows.checks, *edges),
    )


def fit_ridgeless(rows: Rows) -> FittedPair:
    """Fit by minimum norm, more features than rows included.

    Without settings; risks are Undefined where a fit interpolates its labels.
    """
    none = np.zeros(1)
    first = RidgePath(rows.weak, rows.y, none, rows.groups)
    strong = RidgePath(rows.strong, rows.y, none, rows.groups)
    teacher, base = first.model(0), strong.model(0)
    losses_t = first.row_losses[0] if first.leaves_out else None
    losses_b = strong.row_losses[0] if strong.leaves_out else None
    n, N = len(rows.y), len(rows.pool_weak)
    pool = Pool.from_rows(rows.pool_weak, rows.pool_strong) if N else None
    d_w = _spanned(first, N, None if pool is None else pool.weak_cov)
    d_s = _spanned(strong, N, None if pool is None else pool.strong_cov)
    student: LinearModel | Undefined = NO_POOL
    risk: Quantity = NO_POOL
    if pool is not None:
        second = StageTwo(first, rows.strong, pool, none)
        student = second.model(0, 0)
        # Rows leave the teacher alone: the student's own fit may interpolate its pseudo-labels.
        risk = rows.risk(None if losses_t is None else second.losses()[0, 0])
    near = (("OG201", "n", n, "d_w", d_w), ("OG202", "n", n, "d_s", d_s), ("OG203", "N", N, "d_s", d_s))
    checks = [*rows.checks] + [
        Check(code, f"{count} = {size}, {name} = {d}")
        for code, count, size, name, d in near
        if size and near_peak(d, size)
    ]
    risks = Risks(rows.risk(losses_t), risk, rows.risk(losses_b), NO_CEILING)
    return FittedPair(teacher, base, student, teacher.predict(rows.pool_weak), {}, risks, tuple(checks))


def _spanned(stage: RidgePath, N: int, covariance: Float[np.ndarray, "d d"] | None) -> int:
    """Count the dimensions of a feature set, over labelled or unlabelled rows, whichever show more."""
    d, rows = stage.basis.shape[1], len(stage.y)
    if covariance is not None:
        pooled = spectrum_of_covariance(covariance, N).rank
        d, rows = (pooled, N) if pooled > d else (d, rows)
    # Rows that are used up tell nothing of what lies beyond: all columns that vary count then, lest every
    # wide set seem to stand at its peak.
    return d if d < rows - 1 else max(d, int(np.sum(np.ptp(stage.X, axis=0) > 0)))


def fit_logistic(rows: Rows) -> FittedPair:
    """Train by cross-entropy and tune by cross-validation of both stages against the true labels."""
    folds, checks = rows.folds, list(rows.checks)
    settings: dict[str, dict[str, float]] = {}

    def note(kind: str, what: str, models: Sequence[LogisticModel]) -> None:
        if not all(model.converged for model in models):
            checks.append(Check("OG301", f"{kind}: {what}"))

    def single(kind: str, X: Float[np.ndarray, "n d"], key: str) -> tuple[LogisticModel, Quantity]:
        alphas = logistic.grid(X)
        table = logistic.table_single(X, rows.y, folds)
        best, expected = choose(table, folds)
        edge = routes.edges((key,), table, None, (len(alphas),), best)
        if edge:
            checks.append(Check("OG208", f"{kind}: {key}"))
        settings[kind] = {key: float(alphas[best])}
        model = logistic.path(X, rows.y, alphas[best:])[0]
        note(kind, f"{key} = {alphas[best]:.3g}", [model])
        return model, replace(expected.estimate(len(rows.y)), method=ENTROPY)

    teacher, risk_t = single("teacher", rows.weak, "alpha_w")
    base, risk_b = single("baseline", rows.strong, "alpha_s")
    pseudo_labels = np.empty((0, rows.y.shape[1]))
    student: LogisticModel | Undefined = NO_POOL
    risk_s: Quantity = NO_POOL
    if len(rows.pool_weak):
        alphas_w, alphas_s = logistic.grid(rows.weak), logistic.grid(rows.strong)
        table = logistic.table_pair(rows.weak, rows.strong, rows.y, rows.pool_weak, rows.pool_strong, folds)
        table = table.reshape(-1, len(rows.y))
        best, expected = choose(table, folds)
        a, b = divmod(best, len(alphas_s))
        edge = routes.edges(("alpha_w", "alpha_s"), table, None, (len(alphas_w), len(alphas_s)), best)
        if edge:
            checks.append(Check("OG208", f"student: {', '.join(edge)}"))
        settings["student"] = {"alpha_w": float(alphas_w[a]), "alpha_s": float(alphas_s[b])}
        source = logistic.path(rows.weak, rows.y, alphas_w[a:])[0]
        pseudo_labels = source.predict(rows.pool_weak)
        student = logistic.path(rows.pool_strong, pseudo_labels, alphas_s[b:])[0]
        note("student", f"alpha_w = {alphas_w[a]:.3g}, alpha_s = {alphas_s[b]:.3g}", [source, student])
        risk_s = replace(expected.estimate(len(rows.y)), method=ENTROPY)
    risks = Risks(risk_t, risk_s, risk_b, NO_CEILING)
    return FittedPair(teacher, base, student, pseudo_labels, settings, risks, tuple(checks))
