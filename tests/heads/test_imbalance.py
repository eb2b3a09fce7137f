"""Measures beside accuracy: equal to scikit-learn's, with intervals that hold; undefined for one class."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from outgrow.heads.imbalance import ONE_CLASS, auc, balanced_accuracy, majority_rate


def draw(rng, rows, classes=3, apart=1.0):
    labels = rng.choice(classes, rows, p=np.arange(1, classes + 1) / np.arange(1, classes + 1).sum())
    scores = apart * np.eye(classes)[labels] + rng.standard_normal((rows, classes))
    return labels, scores


@pytest.mark.parametrize("classes", [2, 4])
def test_equal_to_scikit_learn(rng, classes):
    labels, scores = draw(rng, 300, classes)
    scores = scores.round(1)  # ties
    right = scores.argmax(axis=1) == labels
    expected = balanced_accuracy_score(labels, scores.argmax(axis=1))
    assert balanced_accuracy(labels, right).value == pytest.approx(expected, abs=1e-12)
    area = np.mean([roc_auc_score(labels == c, scores[:, c]) for c in range(classes)])
    assert auc(labels, scores).value == pytest.approx(area, abs=1e-12)
    # Classes that the rows do not hold are not averaged over.
    kept = labels > 0 if classes > 2 else labels >= 0
    assert balanced_accuracy(labels[kept], right[kept]).value == pytest.approx(
        np.mean([right[labels == c].mean() for c in np.unique(labels[kept])]), abs=1e-12
    )


def test_intervals_hold_and_widen_with_groups(rng):
    truth = [auc(*draw(np.random.default_rng(1), 200_000)).value]
    labels, scores = draw(np.random.default_rng(1), 200_000)
    truth.append(balanced_accuracy(labels, scores.argmax(axis=1) == labels).value)
    held = np.zeros(2)
    for _ in range(300):
        labels, scores = draw(rng, 120)
        found = auc(labels, scores), balanced_accuracy(labels, scores.argmax(axis=1) == labels)
        held += [one.interval[0] <= x <= one.interval[1] for one, x in zip(found, truth, strict=True)]
    # 300 draws: three standard errors of .90 are .052.
    assert ((held / 300 > 0.84) & (held / 300 < 0.96)).all(), held / 300
    twice = [np.repeat(x, 2, axis=0) for x in (labels, scores)]
    low, high = auc(*twice, np.repeat(np.arange(120), 2)).interval
    assert (low, high) == pytest.approx(found[0].interval, abs=1e-3)


def test_majority_and_one_class():
    known, labels = np.array([1, 1, 0]), np.array([0, 0, 0, 1])
    assert majority_rate(known, labels).value == 0.25
    assert majority_rate(known, labels).interval[0] == 0
    only = np.zeros(4, dtype=int)
    assert auc(only, np.zeros((4, 2))) is ONE_CLASS
    assert balanced_accuracy(only, only == 0) is ONE_CLASS
