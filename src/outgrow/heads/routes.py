"""Every way to use n labels, N unlabelled rows and two feature sets, trained and tuned alike by any head.

Teacher alone, W2S student, strong baseline, joint student (labels and pseudo-labels in one fit) and one
regression on both feature sets (union) are tuned on the same labels, by rows left out and the forecast
together. Each leaves behind a model and the error expected of it. The stage-wise student, tuned for
imitation, and the ceiling are looked at, not chosen.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from outgrow.heads.expected_error import FORECAST, ExpectedError, choose
from outgrow.heads.head import FittedHead, Head, Labelled, Source, Trial
from outgrow.heads.route_forecasts import RouteForecasts
from outgrow.heads.taught import taught_mapping
from outgrow.theory.joint_equivalent import WEIGHTS

COST_ORDER = ("teacher", "baseline", "union", "student", "joint")
"""Cheapest first: one weak model; one strong model; both at prediction time; a labelled pool as well."""

KINDS = (*COST_ORDER, "stage-wise student", "ceiling")
"""Every kind of route."""


@dataclass(frozen=True)
class Route:
    """One trained way to the same target."""

    kind: str
    """ "teacher", "student", "baseline", "joint", "union", "stage-wise student" or "ceiling"."""
    weak: str | None
    """Name of the weak feature set it uses, if any."""
    model: FittedHead
    """The fit on all its rows."""
    features: tuple[str, ...]
    """What the model reads: "weak", "strong" or both, in that order."""
    settings: dict[str, float]
    """The penalties chosen (alpha_w, alpha_s) and the weight of the pseudo-labels."""
    expected: ExpectedError | None = None
    """Error expected of it, from the labelled rows; None for the ceiling, and where leaving a row out is not
    defined."""
    at_edge: tuple[str, ...] = ()
    """Names of the settings at an end of their grid, where the expected error still falls."""
    left_out: Float[np.ndarray, " n"] | None = None
    """Loss of every labelled row left out, at the settings chosen."""
    teacher: FittedHead | None = None
    """The teacher whose pseudo-labels it learned from; its penalty need not be that of the teacher alone."""

    @property
    def name(self) -> str:
        """The kind, with the weak set where there is one."""
        return self.kind if self.weak is None else f"{self.kind} ({self.weak})"


def train_routes(
    head: Head,
    rows: Labelled,
    pools: Mapping[str, Any],
    *,
    kinds: Collection[str] = KINDS,
    given: Collection[str] = (),
    every: tuple[Source, Float[np.ndarray, "m k"]] | None = None,
) -> list[Route]:
    """Train and tune the baseline, teachers with their students and other `kinds`, the ceiling last.

    `pools` are unlabelled rows by weak set, as the head takes them: none, no student. `given` are weak sets
    of fixed pseudo-labels; `every` are the strong rows and true labels of the pool too, where they are known.
    """
    # Forecast from the strong features alone, so that no teacher changes it.
    theory = None
    for name in list(pools)[:1]:
        theory = head.forecasts(rows.weak[name], pools[name], rows, alone=True)
    trial = head.on_labels(rows.strong, rows, "alpha_s")
    done = [_route("baseline", None, ("strong",), trial, rows, theory)]
    for name in rows.weak:
        leans = name in given and not head.ridgeless
        done += _with_teacher(head, rows, name, pools.get(name), kinds, leans)
    if every is not None and "ceiling" in kinds:
        done.append(_ceiling(head, *every))
    return done


def _with_teacher(
    head: Head, rows: Labelled, name: str, pool: Any, kinds: Collection[str], leans: bool
) -> Iterator[Route]:
    """Train the teacher, tuned for itself, and what it takes part in."""
    weak = rows.weak[name]
    theory = None if pool is None else head.forecasts(weak, pool, rows)
    first = head.on_labels(weak, rows, "alpha_w")
    (alphas,) = first.axes.values()
    teacher = _route("teacher", name, ("weak",), first, rows, theory)
    yield teacher
    if pool is None:
        return
    trial = head.on_pool(first, weak, pool, rows, (1.0,))
    yield _route("student", name, ("strong",), trial, rows, theory)
    # A given teacher is imitated once for all, and the joint student leans on that; without a penalty no
    # fit leans on anything.
    if "joint" in kinds and not leans:
        joint = head.on_pool(first, weak, pool, rows, WEIGHTS)
        yield _route("joint", name, ("strong",), joint, rows, theory)
    if "stage-wise student" in kinds and trial.imitates is not None:
        alone = int(np.flatnonzero(alphas == teacher.settings["alpha_w"])[0])
        yield _stage_wise(name, trial, alone, trial.imitates(alone), rows)
    if "joint" in kinds and leans:
        yield _taught(head, rows, name, pool, theory)
    if "union" in kinds:
        yield _union(head, rows, name, pool, theory)


def _route(
    kind: str,
    weak: str | None,
    features: tuple[str, ...],
    trial: Trial,
    rows: Labelled,
    theory: RouteForecasts | None,
    called: str | None = None,
) -> Route:
    """Choose the settings of a route, and fit it there; theory may have it under another name."""
    forecast = None if theory is None else theory.errors(called or kind, *trial.axes.values())
    shape = tuple(len(values) for values in trial.axes.values())
    best, expected, left_out = 0, None, None
    edge: tuple[str, ...] = ()
    if trial.losses is not None:
        best, expected = choose(trial.losses, rows.folds, forecast)
        keys = tuple(key for key in trial.axes if key != "weight")
        edge, left_out = edges(keys, trial.losses, forecast, shape, best), trial.losses[best]
    place = [int(at) for at in np.unravel_index(best, shape)]
    settings = {key: float(values[at]) for at, (key, values) in zip(place, trial.axes.items(), strict=True)}
    if "weight" in settings:
        settings["weight"] = settings.pop("weight")  # last, as saved runs have it
    model, teacher = trial.fit(*place)
    return Route(kind, weak, model, features, settings, expected, edge, left_out, teacher)


def _stage_wise(name: str, trial: Trial, a: int, b: int, rows: Labelled) -> Route:
    """Give the student whose stages were tuned one by one, for comparison."""
    axes, expected = trial.axes, None
    if trial.losses is not None:
        _, expected = choose(trial.losses[[a * len(axes["alpha_s"]) + b]], rows.folds)
    settings = {"alpha_w": float(axes["alpha_w"][a]), "alpha_s": float(axes["alpha_s"][b])}
    model, teacher = trial.fit(a, b)
    return Route("stage-wise student", name, model, ("strong",), settings, expected, teacher=teacher)


def _taught(head: Head, rows: Labelled, name: str, pool: Any, theory: RouteForecasts | None) -> Route:
    """Train the joint student whose teacher's columns are fixed."""
    mapping = taught_mapping(pool)
    trial = head.on_labels(rows.strong @ mapping, rows, "alpha_s")
    route = _route("joint", name, ("strong",), trial, rows, theory, "taught")
    return replace(route, model=route.model.after(mapping))


def _union(head: Head, rows: Labelled, name: str, pool: Any, theory: RouteForecasts | None) -> Route:
    """Train one regression on both feature sets, each scaled to unit total variance over the pool."""
    both = rows.weak[name], rows.strong
    # One penalty serves both blocks only if neither drowns the other by its units.
    blocks = [
        np.full(block.shape[1], 1 / np.sqrt(total))
        for block, total in zip(both, pool.total_variances, strict=True)
    ]
    if head.ridgeless:
        # Truncated sets come with leading directions first; a quarter of the labels for each set keeps the
        # sum at the half that a single set may have.
        for block in blocks:
            block[max(1, len(rows.y) // 4) :] = 0.0
    scale = np.concatenate(blocks)
    trial = head.on_labels(np.hstack(both) * scale, rows, "alpha_ws")
    route = _route("union", name, ("weak", "strong"), trial, rows, theory)
    return replace(route, model=route.model.after(scale))


def _ceiling(head: Head, strong: Source, y: Float[np.ndarray, "m k"]) -> Route:
    """Train the strong ceiling: strong features and all n+N true labels, tuned by leaving these out."""
    folds = [np.arange(len(y))[start :: head.folds] for start in range(head.folds)]
    trial = head.on_labels(strong, Labelled({}, strong, y, folds), "alpha_s")
    best = 0 if trial.losses is None else int(np.argmin(trial.losses.mean(axis=1)))
    settings = {"alpha_s": float(trial.axes["alpha_s"][best])}
    return Route("ceiling", None, trial.fit(best)[0], ("strong",), settings)


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
    at_end = []
    for axis, key in enumerate(keys, len(shape) - len(keys)):
        if shape[axis] > 1 and place[axis] in (0, shape[axis] - 1):
            inward = list(place)
            inward[axis] += 1 if place[axis] == 0 else -1
            if grid[tuple(inward)] > (1 + FLAT) * grid[place]:
                at_end.append(key)
    return tuple(at_end)
