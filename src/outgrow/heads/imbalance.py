"""What accuracy hides where classes are of unequal size: mean recall, and how scores rank.

Each is a mean over rows of a value per row (the statistic plus the row's influence on it), so that one
interval, over rows or groups of them, serves all measures; for the AUC it is DeLong's.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float, Int

from outgrow.intervals.metrics import TRAINED, Means, mean_loss
from outgrow.results import Estimate, Quantity, Undefined

ONE_CLASS = Undefined("all evaluation rows are of one class", "Evaluate on rows of every class.")


def balanced_accuracy(
    labels: Int[np.ndarray, " rows"],
    right: Bool[np.ndarray, " rows"],
    groups: np.ndarray | None = None,
    scope: str = TRAINED,
) -> Quantity:
    """Average the share named right within each class that the rows hold; chance is one over the classes."""
    classes, at = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        return ONE_CLASS
    sizes = np.bincount(at)
    recall = np.bincount(at, weights=right) / sizes
    influence = (right - recall[at]) / (sizes[at] * len(classes))
    return _estimate(float(recall.mean()), influence, groups, scope)


def auc(
    labels: Int[np.ndarray, " rows"],
    scores: Float[np.ndarray, "rows k"],
    groups: np.ndarray | None = None,
    scope: str = TRAINED,
) -> Quantity:
    """Average over classes how often a row of the class scores higher in its column than one of another."""
    classes = np.unique(labels)
    if len(classes) < 2:
        return ONE_CLASS
    value, influence = 0.0, np.zeros(len(labels))
    for column in classes:
        inside = labels == column
        sizes = np.where(inside, inside.sum(), (~inside).sum())
        # Share of the other side's rows that a row beats, ties by half: its rank among all less that
        # among its own.
        within = np.empty(len(labels))
        within[inside], within[~inside] = _ranks(scores[inside, column]), _ranks(scores[~inside, column])
        beaten = (_ranks(scores[:, column]) - within) / (len(labels) - sizes)
        placed = np.where(inside, beaten, 1 - beaten)
        area = float(placed[inside].mean())
        value += area / len(classes)
        influence += (placed - area) / sizes / len(classes)
    return _estimate(value, influence, groups, scope)


def _ranks(scores: Float[np.ndarray, " rows"]) -> Float[np.ndarray, " rows"]:
    """Ranks from 1, ties by their mean; scipy.stats has them too, and takes a second to import."""
    _, at, counts = np.unique(scores, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[at])


def majority_rate(
    known: Int[np.ndarray, " n"], labels: Int[np.ndarray, " rows"], groups: np.ndarray | None = None
) -> Estimate:
    """Give the share right of always naming the class that is most frequent among the known labels."""
    return _within(mean_loss(labels == np.bincount(known).argmax(), groups))


def _estimate(
    value: float, influence: Float[np.ndarray, " rows"], groups: np.ndarray | None, scope: str
) -> Estimate:
    return _within(Means.of({"": value + len(influence) * influence}, groups, scope).estimate(np.ones(1)))


def _within(estimate: Estimate) -> Estimate:
    if estimate.interval is None:
        return estimate
    return replace(estimate, interval=(max(estimate.interval[0], 0.0), min(estimate.interval[1], 1.0)))
