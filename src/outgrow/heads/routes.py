"""Every way to use n labels, N unlabelled rows and two feature sets, trained and tuned alike.

Teacher alone, W2S student, strong baseline, joint student (labels and pseudo-labels in one fit) and one
regression on both feature sets (union) are tuned on the same labels, by leave-one-out and the forecast
together. Each leaves behind a linear model and the error expected of it. The stage-wise student, tuned for
imitation, and the ceiling are looked at, not chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from outgrow.heads.expected_error import FORECAST, ExpectedError, choose
from outgrow.heads.route_forecasts import RouteForecasts, route_forecasts
from outgrow.heads.two_stage import Pool, StageTwo, penalties
from outgrow.linalg.ridge_path import Groups, LinearModel, RidgePath
from outgrow.theory.joint_equivalent import WEIGHTS

COST_ORDER = ("teacher", "baseline", "union", "student", "joint")
"""From cheap to dear: one weak model; one strong model; both at prediction time; a labelled pool as well."""

ON_PSEUDO_LABELS = ("student", "joint")
"""The routes that need a pool of pseudo-labels."""


@dataclass(frozen=True)
class Route:
    """One trained way to the same target."""

    kind: str
    """ "teacher", "student", "baseline", "joint", "union", "stage-wise student" or "ceiling"."""
    weak: str | None
    """Name of the weak feature set it uses, if any."""
    model: LinearModel
    """The fit on all its rows."""
    features: tuple[str, ...]
    """What the model reads: "weak", "strong" or both, in that order."""
    settings: dict[str, float]
    """The penalties chosen (alpha_w, alpha_s) and the weight of the pseudo-labels."""
    expected: ExpectedError | None = None
    """Error expected of it, from the labelled rows; None for the ceiling."""
    at_edge: tuple[str, ...] = ()
    """Names of the settings at an end of their grid, where the expected error still falls."""

    @property
    def name(self) -> str:
        """The kind, with the weak set where there is one."""
        return self.kind if self.weak is None else f"{self.kind} ({self.weak})"


@dataclass(frozen=True)
class Labelled:
    """The labelled rows as every route sees them."""

    strong: Float[np.ndarray, "n d_s"]
    y: Float[np.ndarray, "n k"]
    """Labels: one column, or one-hot codes."""
    folds: Sequence[Int[np.ndarray, " _"]]
    """Partition of the rows for choices, groups whole."""
    groups: Groups | None = None
    """Rows that leave together."""
    ridgeless: bool = False
    """True: minimum-norm fits instead of tuned ridge."""

    def grid(self, features: Float[np.ndarray, "m d"]) -> Float[np.ndarray, " a"]:
        """Penalties to try for one feature set; just 0 for the ridgeless head."""
        return np.zeros(1) if self.ridgeless else penalties(features)

    def forecasts(self, weak: Float[np.ndarray, "n d_w"] | None, pool: Pool) -> RouteForecasts | None:
        """Forecasts of a teacher's routes, or of the baseline; None for heads without a penalty."""
        return None if self.ridgeless else route_forecasts(weak, self.strong, self.y, pool, self.folds)

    def tuned(
        self,
        kind: str,
        weak: str | None,
        stage: RidgePath,
        features: tuple[str, ...],
        key: str,
        forecast: Float[np.ndarray, "R a"] | None = None,
    ) -> tuple[Route, int]:
        """Tune one regression on the labels: the route, and the place of the chosen penalty on its path."""
        losses = stage.row_losses
        best, expected = choose(losses, self.folds, forecast)
        settings = {key: float(stage.alphas[best])}
        edge = edges((key,), losses, forecast, (len(losses),), best)
        return Route(kind, weak, stage.model(best), features, settings, expected, edge), best

    def path(self, X: Float[np.ndarray, "n d"]) -> RidgePath:
        """Fit one feature set along its penalties."""
        return RidgePath(X, self.y, self.grid(X), self.groups)


FLAT = 1e-3
"""Relative gain below which one more step of a penalty changes nothing that matters."""


def edges(
    keys: tuple[str, ...],
    losses: Float[np.ndarray, "settings n"],
    forecasts: Float[np.ndarray, "R settings"] | None,
    shape: tuple[int, ...],
    best: int,
) -> tuple[str, ...]:
    """Name the settings at an end of their grid towards which the expected error still falls."""
    means = losses.mean(axis=1)
    if forecasts is not None:
        means = np.where(np.isnan(forecasts[0]), means, (1 - FORECAST) * means + FORECAST * forecasts[0])
    # The last axes are penalties; whatever stands before them, such as a weight, has no edge.
    grid, place = means.reshape(shape), np.unravel_index(best, shape)
    found = []
    for axis, key in enumerate(keys, len(shape) - len(keys)):
        if shape[axis] > 1 and place[axis] in (0, shape[axis] - 1):
            inward = list(place)
            inward[axis] += 1 if place[axis] == 0 else -1
            if grid[tuple(inward)] > (1 + FLAT) * grid[place]:
                found.append(key)
    return tuple(found)


def baseline(rows: Labelled, pool: Pool | None = None) -> Route:
    """Train the strong baseline: strong features, the n labels; no teacher touches it."""
    forecasts = None if pool is None else rows.forecasts(None, pool)
    stage = rows.path(rows.strong)
    forecast = None if forecasts is None else forecasts.baseline(stage.alphas)
    return rows.tuned("baseline", None, stage, ("strong",), "alpha_s", forecast)[0]


def ceiling(strong: Float[np.ndarray, "m d_s"], y: Float[np.ndarray, "m k"], rows: Labelled) -> Route:
    """Train the strong ceiling: strong features, all n+N true labels, tuned by leave-one-out on them."""
    stage = RidgePath(strong, y, rows.grid(strong))
    best = int(np.argmin(stage.row_losses.mean(axis=1)))
    return Route("ceiling", None, stage.model(best), ("strong",), {"alpha_s": float(stage.alphas[best])})


def union(
    weak_name: str,
    weak: Float[np.ndarray, "n d_w"],
    pool: Pool,
    rows: Labelled,
    forecasts: RouteForecasts | None = None,
) -> Route:
    """Train one regression on both feature sets, each scaled to unit total variance over the pool."""
    # One penalty serves both blocks only if neither drowns the other by its units.
    blocks = [
        np.full(len(covariance), 1 / np.sqrt(np.trace(covariance)))
        for covariance in (pool.weak_cov, pool.strong_cov)
    ]
    if rows.ridgeless:
        # Truncated sets come with leading directions first; a quarter of the labels for each set keeps the
        # sum at the half that a single set may have.
        for block in blocks:
            block[max(1, len(rows.y) // 4) :] = 0.0
    scale = np.concatenate(blocks)
    stage = rows.path(np.hstack([weak, rows.strong]) * scale)
    forecast = None if forecasts is None else forecasts.union(stage.alphas)
    route, _ = rows.tuned("union", weak_name, stage, ("weak", "strong"), "alpha_ws", forecast)
    return replace(route, model=LinearModel(scale[:, None] * route.model.coef, route.model.intercept))


def with_teacher(
    weak_name: str,
    weak: Float[np.ndarray, "n d_w"],
    pool: Pool,
    rows: Labelled,
    forecasts: RouteForecasts | None = None,
    weights: Sequence[float] = WEIGHTS,
) -> list[Route]:
    """Train the teacher (tuned for itself), its students, and the stage-wise tuned student.

    `weights` of the pseudo-labels are tried for the joint student, none to leave it out.
    """
    first = rows.path(weak)
    forecast = None if forecasts is None else forecasts.teacher(first.alphas)
    teacher, alone = rows.tuned("teacher", weak_name, first, ("weak",), "alpha_w", forecast)
    grids = (first.alphas, rows.grid(rows.strong))
    stages = {w: StageTwo(first, rows.strong, pool, grids[1], w) for w in (*weights, 1.0)}
    tables = {weight: stage.losses() for weight, stage in stages.items()}
    routes = [teacher]
    for kind, tried in (("student", (1.0,)), ("joint", tuple(weights))):
        if not tried:
            continue
        losses = np.concatenate([tables[w].reshape(-1, len(rows.y)) for w in tried])
        forecast = None
        if forecasts is not None:
            forecast = forecasts.student(*grids) if kind == "student" else forecasts.joint(*grids, tried)
        best, expected = choose(losses, rows.folds, forecast)
        shape = (len(tried), *(len(grid) for grid in grids))
        which, a, b = (int(place) for place in np.unravel_index(best, shape))
        chosen = stages[tried[which]]
        settings = {"alpha_w": float(grids[0][a]), "alpha_s": float(grids[1][b])}
        if kind == "joint":
            settings["weight"] = chosen.weight
        edge = edges(("alpha_w", "alpha_s"), losses, forecast, shape, best)
        routes.append(Route(kind, weak_name, chosen.model(a, b), ("strong",), settings, expected, edge))
    student = stages[1.0]
    b = int(np.argmin(student.imitation(alone, pool)))
    _, expected = choose(tables[1.0][alone, [b]], rows.folds)
    settings = {"alpha_w": float(first.alphas[alone]), "alpha_s": float(grids[1][b])}
    model = student.model(alone, b)
    return [*routes, Route("stage-wise student", weak_name, model, ("strong",), settings, expected)]
