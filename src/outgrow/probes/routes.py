"""Every way to use n labels, N unlabelled rows and two feature sets, trained and tuned alike.

Teacher alone, W2S student, strong baseline, joint student (labels and pseudo-labels in one fit) and one
regression on both feature sets (union) are tuned on the same labels, by leave-one-out, the joint student by
its mean with the forecast. Each leaves behind a linear model and one honest loss per labelled row, to be
compared row by row. The stage-wise student, tuned for imitation, and the ceiling are looked at, not chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from outgrow.probes.foretold import joint_forecasts
from outgrow.probes.linear_model import LinearModel
from outgrow.probes.two_stage import Groups, Pool, StageOne, StageTwo, choose, penalties, row_losses
from outgrow.theory.joint_equivalent import WEIGHTS

COST_ORDER = ("teacher", "baseline", "union", "student", "joint")
"""From cheap to dear: one weak model; one strong model; both at prediction time; a labelled pool as well."""

ON_PSEUDO_LABELS = ("student", "joint")
"""The routes that need a pool of pseudo-labels."""


@dataclass(frozen=True)
class Route:
    """One trained way to the same target.

    Parameters
    ----------
    kind : str
        "teacher", "student", "baseline", "joint", "union", "stage-wise student" or "ceiling".
    weak : str or None
        Name of the weak feature set it uses, if any.
    model : LinearModel
        The fit on all its rows.
    features : tuple of str
        What the model reads: "weak", "strong" or both, in that order.
    settings : dict of str to float
        The penalties chosen (alpha_w, alpha_s) and the weight of the pseudo-labels.
    losses : array of shape (n,), optional
        Squared loss of each labelled row, left out of every stage, at settings chosen without its fold.
    at_edge : tuple of str
        Names of the settings at an end of their grid, where the loss still falls.
    """

    kind: str
    weak: str | None
    model: LinearModel
    features: tuple[str, ...]
    settings: dict[str, float]
    losses: Float[np.ndarray, " n"] | None = None
    at_edge: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The kind, with the weak set where there is one."""
        return self.kind if self.weak is None else f"{self.kind} ({self.weak})"


@dataclass(frozen=True)
class Labelled:
    """The labelled rows as every route sees them.

    Parameters
    ----------
    strong : array of shape (n, d_s)
        Strong features.
    y : array of shape (n, k)
        Labels: one column, or one-hot codes.
    folds : sequence of integer arrays
        Partition of the rows for honest choices, groups whole.
    groups : sequence of integer arrays, optional
        Rows that leave together.
    ridgeless : bool
        True: minimum-norm fits instead of tuned ridge.
    """

    strong: Float[np.ndarray, "n d_s"]
    y: Float[np.ndarray, "n k"]
    folds: Sequence[Int[np.ndarray, " _"]]
    groups: Groups | None = None
    ridgeless: bool = False

    def grid(self, features: Float[np.ndarray, "m d"]) -> Float[np.ndarray, " a"]:
        """Lay out the penalties to try for one feature set.

        Parameters
        ----------
        features : array of shape (m, d)
            Rows that set the scale.

        Returns
        -------
        array of shape (a,)
            Ascending; just 0 for the ridgeless head.
        """
        return np.zeros(1) if self.ridgeless else penalties(features)

    def single(
        self, kind: str, weak: str | None, X: Float[np.ndarray, "n d"], features: tuple[str, ...], key: str
    ) -> tuple[Route, StageOne, int]:
        """Fit and tune one regression on the labels.

        Parameters
        ----------
        kind : str
            As in `Route`.
        weak : str or None
            As in `Route`.
        X : array of shape (n, d)
            Its features.
        features : tuple of str
            As in `Route`.
        key : str
            Name of its penalty.

        Returns
        -------
        tuple of Route, StageOne, int
            The route, the fitted path, and the place of the chosen penalty on it.
        """
        alphas = self.grid(X)
        stage = StageOne(X, self.y, alphas, self.groups)
        losses = row_losses(stage)
        best, honest = choose(losses, self.folds)
        edge = _edges((key,), losses.mean(axis=1), (best,))
        route = Route(kind, weak, stage.model(best), features, {key: float(alphas[best])}, honest, edge)
        return route, stage, best


FLAT = 1e-3
"""Relative gain below which one more step of a penalty changes nothing that matters."""


def _edges(
    keys: tuple[str, ...], means: Float[np.ndarray, "*grid"], best: tuple[int, ...]
) -> tuple[str, ...]:
    """Name the settings at an end of their grid towards which the mean loss still falls."""
    found = []
    for axis, key in enumerate(keys):
        size, place = means.shape[axis], best[axis]
        if size > 1 and place in (0, size - 1):
            inward = list(best)
            inward[axis] += 1 if place == 0 else -1
            if means[tuple(inward)] > (1 + FLAT) * means[best]:
                found.append(key)
    return tuple(found)


def baseline(rows: Labelled) -> Route:
    """Train the strong baseline: strong features, the n labels.

    Parameters
    ----------
    rows : Labelled
        The labelled rows.

    Returns
    -------
    Route
        The tuned baseline.
    """
    return rows.single("baseline", None, rows.strong, ("strong",), "alpha_s")[0]


def ceiling(strong: Float[np.ndarray, "m d_s"], y: Float[np.ndarray, "m k"], rows: Labelled) -> Route:
    """Train the strong ceiling: strong features, all n+N true labels.

    Parameters
    ----------
    strong : array of shape (n+N, d_s)
        Strong features of all training rows.
    y : array of shape (n+N, k)
        Their true labels.
    rows : Labelled
        Gives the head.

    Returns
    -------
    Route
        The ceiling, tuned by leave-one-out on all its rows; without honest losses.
    """
    alphas = rows.grid(strong)
    stage = StageOne(strong, y, alphas)
    best = int(np.argmin(row_losses(stage).mean(axis=1)))
    return Route("ceiling", None, stage.model(best), ("strong",), {"alpha_s": float(alphas[best])})


def union(weak_name: str, weak: Float[np.ndarray, "n d_w"], rows: Labelled) -> Route:
    """Train one regression on both feature sets, each scaled to unit total variance.

    Parameters
    ----------
    weak_name : str
        Name of the weak feature set.
    weak : array of shape (n, d_w)
        Its features of the labelled rows.
    rows : Labelled
        The labelled rows.

    Returns
    -------
    Route
        The tuned regression, in the original coordinates of [weak, strong].
    """
    # One penalty serves both blocks only if neither drowns the other by its units.
    blocks = [np.full(X.shape[1], 1 / np.sqrt(X.var(axis=0).sum())) for X in (weak, rows.strong)]
    if rows.ridgeless:
        # Truncated sets come with leading directions first; a quarter of the labels for each set keeps the
        # sum at the half that a single set may have.
        for block in blocks:
            block[max(1, len(rows.y) // 4) :] = 0.0
    scale = np.concatenate(blocks)
    both = np.hstack([weak, rows.strong]) * scale
    route = rows.single("union", weak_name, both, ("weak", "strong"), "alpha_ws")[0]
    model = LinearModel(scale[:, None] * route.model.coef, route.model.intercept)
    return Route(route.kind, weak_name, model, route.features, route.settings, route.losses, route.at_edge)


def with_teacher(
    weak_name: str,
    weak: Float[np.ndarray, "n d_w"],
    pool: Pool,
    rows: Labelled,
    weights: Sequence[float] = WEIGHTS,
) -> list[Route]:
    """Train the teacher and every student of it.

    Parameters
    ----------
    weak_name : str
        Name of the weak feature set.
    weak : array of shape (n, d_w)
        Weak features of the labelled rows.
    pool : Pool
        Moments of the unlabelled rows.
    rows : Labelled
        The labelled rows.
    weights : sequence of float
        Weights of the pseudo-labels to try for the joint student; none to leave it out.

    Returns
    -------
    list of Route
        Teacher (tuned for itself), student, joint student, and the stage-wise tuned student.
    """
    teacher, first, alone = rows.single("teacher", weak_name, weak, ("weak",), "alpha_w")
    alphas_s = rows.grid(rows.strong)
    shape = (len(first.alphas), len(alphas_s))
    stages = {weight: StageTwo(first, rows.strong, pool, alphas_s, weight) for weight in (*weights, 1.0)}
    tables = {weight: stage.losses() for weight, stage in stages.items()}
    routes = [teacher]
    for kind, tried in (("student", (1.0,)), ("joint", tuple(weights))):
        if not tried:
            continue
        losses = np.concatenate([tables[w].reshape(-1, len(rows.y)) for w in tried])
        forecasts = None
        if kind == "joint" and not rows.ridgeless:
            grids = (first.alphas, alphas_s)
            forecasts = joint_forecasts(weak, rows.strong, rows.y, pool, rows.folds, grids, tried)
        best, honest = choose(losses, rows.folds, forecasts)
        which, a, b = (int(place) for place in np.unravel_index(best, (len(tried), *shape)))
        chosen = stages[tried[which]]
        settings = {"alpha_w": float(first.alphas[a]), "alpha_s": float(alphas_s[b])}
        means = losses.mean(axis=1)
        if forecasts is not None:
            means = (means + forecasts[0]) / 2
        means = means.reshape(len(tried), *shape)[which]
        edge = _edges(("alpha_w", "alpha_s"), means, (a, b))
        if kind == "joint":
            settings["weight"] = chosen.weight
        routes.append(
            Route(kind, weak_name, chosen.model(int(a), int(b)), ("strong",), settings, honest, edge)
        )
    student = stages[1.0]
    b = int(np.argmin(student.imitation(alone, pool)))
    losses = tables[1.0][alone, b]
    settings = {"alpha_w": float(first.alphas[alone]), "alpha_s": float(alphas_s[b])}
    routes.append(
        Route("stage-wise student", weak_name, student.model(alone, b), ("strong",), settings, losses)
    )
    return routes
