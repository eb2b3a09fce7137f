"""Teacher, student and baseline from arrays in memory: what the scikit-learn estimators fit.

Beside every model stands its risk on rows left out, so that a user can see whether the student is worth more
than the teacher or the baseline.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from outgrow.errors import DataError
from outgrow.heads.head import FittedHead, Head, Labelled, PoolRows
from outgrow.heads.linear import LinearHead
from outgrow.heads.logistic import LogisticHead
from outgrow.heads.routes import Route, train_routes
from outgrow.heads.two_stage import Pool
from outgrow.intervals.metrics import mean_loss
from outgrow.linalg.ridge_path import Groups
from outgrow.linalg.spectrum import Spectrum
from outgrow.results import Check, Quantity, Risks, Undefined
from outgrow.theory.stage import near_peak

HEADS: dict[str, Head] = {
    "ridge": LinearHead(),
    "ridgeless": LinearHead(ridgeless=True),
    "logistic": LogisticHead(),
}
"""The heads of estimators by name."""

NO_POOL = Undefined("there are no unlabelled rows to train a student on", "Give unlabelled rows.")
NO_CEILING = Undefined("the labels of the pool are not known", "Nothing short of labelling the pool.")

INTERPOLATES = Undefined(
    "leaving a row out is not defined for a fit that interpolates its labels",
    "Use the ridge head, or fewer features than labelled rows.",
)


@dataclass(frozen=True)
class FittedPair:
    """A teacher, its student and the baseline."""

    teacher: FittedHead
    baseline: FittedHead
    """Of the weak and of the strong features."""
    student: FittedHead | Undefined
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
    count: int,
) -> list[Int[np.ndarray, " _"]]:
    """Draw `count` folds at most, groups whole, of rows put in the order of their `content` first."""
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


def fit_pair(head: Head, rows: Labelled, pool: PoolRows) -> FittedPair:
    """Train and tune teacher, student and baseline of the one weak set; the pool may have no rows."""
    (name,), n, N = rows.weak, len(rows.y), len(pool.weak)
    pools = {name: head.pool(*pool)} if N else {}
    made = train_routes(head, rows, pools, kinds=("teacher", "baseline", "student"))
    by_kind = {route.kind: route for route in made}
    used = [by_kind[kind] for kind in ("teacher", "baseline", "student") if kind in by_kind]
    student = by_kind.get("student")
    checks = [] if N else [Check("OG210", f"all {n} rows are labelled")]
    checks += [Check("OG208", f"{route.kind}: {', '.join(route.at_edge)}") for route in used if route.at_edge]
    checks += [Check("OG301", _settings(route)) for route in used if not _converged(route)]
    if head.ridgeless:
        checks += _near_peaks(rows, by_kind, pools.get(name))
    source = None if student is None else student.teacher
    return FittedPair(
        by_kind["teacher"].model,
        by_kind["baseline"].model,
        NO_POOL if student is None else student.model,
        np.empty((0, rows.y.shape[1])) if source is None else source.predict(pool.weak),
        {} if head.ridgeless else {route.kind: route.settings for route in used},
        Risks(
            _risk(head, rows, by_kind["teacher"]),
            NO_POOL if student is None else _risk(head, rows, student),
            _risk(head, rows, by_kind["baseline"]),
            NO_CEILING,
        ),
        tuple(checks),
    )


def _settings(route: Route) -> str:
    return f"{route.kind}: {', '.join(f'{key} = {value:.3g}' for key, value in route.settings.items())}"


def _converged(route: Route) -> bool:
    return all(model is None or model.info.get("converged", True) for model in (route.model, route.teacher))


def _risk(head: Head, rows: Labelled, route: Route) -> Quantity:
    """Average the losses of labelled rows, each left out of the fit that is scored on it; groups whole."""
    if route.expected is None or route.left_out is None:
        return INTERPOLATES
    if not head.ridgeless:
        risk = route.expected.estimate(len(rows.y), rows.groups is not None)
        return replace(risk, method=head.measure or risk.method)
    # Nothing was chosen, so nothing flatters itself: the mean over rows has its plain interval.
    labels = None
    if rows.groups is not None:
        labels = np.empty(len(rows.y), dtype=np.int64)
        for number, members in enumerate(rows.groups):
            labels[members] = number
    risk = mean_loss(route.left_out, labels)
    return replace(risk, method=f"leave-one-out squared loss, {risk.method}")


def _near_peaks(rows: Labelled, routes: dict[str, Route], pool: Pool | None) -> list[Check]:
    (weak,), n, N = rows.weak.values(), len(rows.y), 0 if pool is None else pool.size
    spectra = (None, None) if pool is None else (pool.weak_spectrum, pool.strong_spectrum)
    d_w = _spanned(weak, routes["teacher"].model.info["rank"], N, spectra[0])
    d_s = _spanned(rows.strong, routes["baseline"].model.info["rank"], N, spectra[1])
    near = (("OG201", "n", n, "d_w", d_w), ("OG202", "n", n, "d_s", d_s), ("OG203", "N", N, "d_s", d_s))
    return [
        Check(code, f"{count} = {size}, {name} = {d}")
        for code, count, size, name, d in near
        if size and near_peak(d, size)
    ]


def _spanned(X: Float[np.ndarray, "n d"], rank: int, N: int, pool: Spectrum | None) -> int:
    """Count the dimensions of a feature set, over labelled or unlabelled rows, whichever show more."""
    d, rows = rank, len(X)
    if pool is not None and pool.rank > d:
        d, rows = pool.rank, N
    # Rows that are used up tell nothing of what lies beyond: all columns that vary count then, lest every
    # wide set seem to stand at its peak.
    return d if d < rows - 1 else max(d, int(np.sum(np.ptp(X, axis=0) > 0)))
