"""Which route to take, decided on labelled rows alone.

Every route leaves one honest loss per labelled row. All differences between routes get simultaneous paired
intervals: one critical value for all of them, from the joint distribution of the studentized mean
differences (rows or groups are given random signs; no model is refitted). A route that another one beats is
out; among those left the cheapest is recommended. Rows are exchangeable groups: whole groups change sign.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.stats import t as student_t

from outgrow.probes.routes import COST_ORDER, ON_PSEUDO_LABELS, Route
from outgrow.results import LEVEL, Estimate

DRAWS = 4000
"""Sign draws for the critical value: its own error is then below 2 % at level .90."""


@dataclass(frozen=True)
class Comparison:
    """Mean loss of one route less that of another, on the same rows.

    Parameters
    ----------
    first, second : str
        Names of the routes.
    difference : Estimate
        Loss of the first less loss of the second, with its simultaneous interval.
    """

    first: str
    second: str
    difference: Estimate

    @property
    def resolved(self) -> bool:
        """Whether the interval excludes a tie."""
        low, high = self.difference.interval or (-np.inf, np.inf)
        return low > 0 or high < 0


@dataclass(frozen=True)
class Verdict:
    """The decision and the numbers it rests on.

    Parameters
    ----------
    decision : str
        "do", "do not" or "too close to call".
    sentence : str
        The decision in one sentence, with its numbers.
    recommended : str
        Name of the route to take.
    tied : tuple of str
        Routes that no other one beats, from cheap to dear.
    risks : dict of str to Estimate
        Leave-one-out risk of every route, with its own interval.
    comparisons : tuple of Comparison
        All pairs.
    """

    decision: str
    sentence: str
    recommended: str
    tied: tuple[str, ...]
    risks: dict[str, Estimate]
    comparisons: tuple[Comparison, ...]


def simultaneous(
    losses: Float[np.ndarray, "routes n"],
    groups: Sequence[Int[np.ndarray, " _"]] | None,
    seed: int,
    level: float = LEVEL,
) -> tuple[Float[np.ndarray, "routes routes"], Float[np.ndarray, "routes routes"]]:
    """Give paired differences of mean losses and half-widths that hold for all pairs at once.

    Parameters
    ----------
    losses : array of shape (routes, n)
        Loss of every route on every row.
    groups : sequence of integer arrays, optional
        Rows that belong together.
    seed : int
        Seed of the sign draws.
    level : float
        Joint level.

    Returns
    -------
    difference : array of shape (routes, routes)
        Mean of row i less mean of row j.
    half_width : array of shape (routes, routes)
        Half-widths; the diagonal is 0.
    """
    count, n = losses.shape
    units = groups if groups is not None else [np.array([i]) for i in range(n)]
    sums = np.stack([losses[:, unit].sum(axis=1) for unit in units], axis=1)
    sizes = np.array([len(unit) for unit in units], dtype=float)
    mean = losses.mean(axis=1)
    # Influence of each unit on the mean; for single rows this is the centred loss over n.
    influence = (sums - mean[:, None] * sizes) / n
    G = len(units)
    i, j = np.triu_indices(count, 1)
    pairs = (influence[i] - influence[j]) * np.sqrt(G / max(G - 1, 1))
    error = np.sqrt(np.sum(pairs**2, axis=1))
    scale = np.where(error > 0, error, 1.0)
    rng = np.random.default_rng(seed)
    largest = np.zeros(DRAWS)
    for start in range(0, DRAWS, 500):
        signs = rng.choice([-1.0, 1.0], size=(G, min(500, DRAWS - start)))
        largest[start : start + 500] = np.abs((pairs / scale[:, None]) @ signs).max(axis=0, initial=0.0)
    # Never narrower than one t interval: few units leave the sign distribution too coarse.
    critical = max(float(np.quantile(largest, level)), float(student_t.ppf((1 + level) / 2, max(G - 1, 1))))
    half = np.zeros((count, count))
    half[i, j] = half[j, i] = critical * error
    return mean[:, None] - mean[None, :], half


def decide(
    routes: Sequence[Route], groups: Sequence[Int[np.ndarray, " _"]] | None = None, seed: int = 0
) -> Verdict:
    """Decide between routes on their honest losses.

    Parameters
    ----------
    routes : sequence of Route
        Those to choose from; each with losses on the same labelled rows, one of kind "student" at least.
    groups : sequence of integer arrays, optional
        Rows that belong together.
    seed : int
        Seed of the sign draws.

    Returns
    -------
    Verdict
        Decision, recommended route and all comparisons.
    """
    routes = sorted(routes, key=lambda route: COST_ORDER.index(route.kind))
    found = [route.losses for route in routes if route.losses is not None]
    if len(found) != len(routes):
        raise ValueError("every route to choose from needs its losses")
    losses = np.stack(found)
    difference, half = simultaneous(losses, groups, seed)
    n = losses.shape[1]
    units = n if groups is None else len(groups)
    method = f"paired over {units} {'rows' if groups is None else 'groups'}, simultaneous over all routes"
    comparisons = tuple(
        Comparison(
            routes[i].name,
            routes[j].name,
            Estimate(
                float(difference[i, j]),
                (float(difference[i, j] - half[i, j]), float(difference[i, j] + half[i, j])),
                n=n,
                method=method,
            ),
        )
        for i in range(len(routes))
        for j in range(i + 1, len(routes))
    )
    beaten = (difference - half > 0).any(axis=1)
    left = [route for route, out in zip(routes, beaten, strict=True) if not out]
    best = left[0]
    students = [i for i, route in enumerate(routes) if route.kind == "student"]
    if all(route.kind in ON_PSEUDO_LABELS for route in left):
        decision = "do"
    elif all(beaten[i] for i in students):
        decision = "do not"
    else:
        decision = "too close to call"
    risks = {route.name: _risk(losses[i], groups) for i, route in enumerate(routes)}
    sentence = _sentence(decision, best, routes, losses.mean(axis=1), difference, half, left)
    return Verdict(decision, sentence, best.name, tuple(r.name for r in left), risks, comparisons)


def _risk(loss: np.ndarray, groups: Sequence[np.ndarray] | None) -> Estimate:
    from outgrow.probes.metrics import mean_loss

    labels = None
    if groups is not None:
        labels = np.empty(len(loss), dtype=np.int64)
        for number, rows in enumerate(groups):
            labels[rows] = number
    return mean_loss(loss, labels)


def _sentence(
    decision: str,
    best: Route,
    routes: Sequence[Route],
    mean: np.ndarray,
    difference: np.ndarray,
    half: np.ndarray,
    left: Sequence[Route],
) -> str:
    place = {route.name: i for i, route in enumerate(routes)}
    students = [route for route in routes if route.kind == "student"]
    student = min(students, key=lambda route: mean[place[route.name]])
    s, b = place[student.name], place[best.name]
    if decision == "do":
        rivals = [route for route in routes if route.kind not in ON_PSEUDO_LABELS]
        rival = min(rivals, key=lambda route: mean[place[route.name]])
        r = place[rival.name]
        return (
            f"Do: {best.name} is expected to err by {mean[b]:.3g}, less than {rival.name}, the best route"
            f" without pseudo-labels, at {mean[r]:.3g}"
            f" (difference {difference[b, r]:+.2g} ± {half[b, r]:.2g})."
        )
    if decision == "do not":
        return (
            f"Do not train on pseudo-labels alone: {student.name} is expected to err by {mean[s]:.3g}, more"
            f" than {best.name} at {mean[b]:.3g} (difference {difference[s, b]:+.2g} ± {half[s, b]:.2g})."
            f" Take {best.name}."
        )
    others = ", ".join(route.name for route in left if route is not best)
    return (
        f"Too close to call on these labels: {best.name} ({mean[b]:.3g}) and {student.name} ({mean[s]:.3g})"
        f" differ by {difference[s, b]:+.2g} ± {half[s, b]:.2g}; {best.name} is the cheapest of the tied"
        f" ({others} being the others)."
    )
