"""Error rates at given moments: the count itself at the scores' own moments, and draws from other moments."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from outgrow.theory.margins import empirical_error


def moments(scores, classes, codes):
    centred, coded = scores - scores.mean(axis=0), codes[classes] - codes[classes].mean(axis=0)
    return np.sum(centred * coded) / len(scores), np.sum(centred**2) / len(scores)


def draw(rng, m, codes, apart=0.4, spread=0.3):
    """Heavy-tailed scores whose mean is that of the labels, as a fit's is."""
    classes = rng.choice(len(codes), m, p=np.arange(1, len(codes) + 1) / np.arange(1, len(codes) + 1).sum())
    coded = codes[classes] - codes[classes].mean(axis=0)
    noise = spread * rng.standard_t(4, (m, codes.shape[1])) * (1 + classes[:, None])
    return codes[classes].mean(axis=0) + apart * coded + noise - noise.mean(axis=0), classes


CODES = {"two": np.array([[0.0], [np.sqrt(2)]]), "three": np.eye(3)}


def count(scores, classes, codes):
    return np.mean(((scores[:, None] - codes) ** 2).sum(axis=2).argmin(axis=1) != classes)


def smoothed(scores, classes, codes):
    """The share wrong with normals of Azzalini's width for points, row by row."""
    wide, margins = 1.587 * len(scores) ** (-1 / 3), []
    means = np.array([scores[classes == c].mean(axis=0) for c in range(len(codes))])
    for score, label in zip(scores, classes, strict=True):
        at = means[label] + np.sqrt(1 - wide**2) * (score - means[label])
        others = [np.sum((at - codes[c]) ** 2) for c in range(len(codes)) if c != label]
        margins.append(min(others) - np.sum((at - codes[label]) ** 2))
    margins = np.array(margins)
    within = np.sqrt(sum(np.sum(classes == c) * margins[classes == c].var() for c in range(len(codes))))
    sd = wide / np.sqrt(1 - wide**2) * within / np.sqrt(len(scores))
    return norm.cdf(-margins / sd).mean()


@pytest.mark.parametrize("codes", CODES.values(), ids=CODES)
def test_at_their_own_moments_scores_are_counted_smoothly(rng, codes):
    scores, classes = draw(rng, 500, codes)
    kept = np.ones((3, 500), dtype=bool)
    kept[1, :100], kept[2, 100:] = False, False
    own = [moments(scores[rows], classes[rows], codes) for rows in kept]
    # Replicates are moved to the mean of their labels, from which their scores' mean differs by chance.
    expected = []
    for rows in kept:
        here = scores[rows] - scores[rows].mean(axis=0) + codes[classes[rows]].mean(axis=0)
        expected.append(smoothed(here, classes[rows], codes))
        # Two standard errors of a share of the hundred rows of one replicate.
        assert abs(expected[-1] - count(here, classes[rows], codes)) < 0.1
    found = empirical_error(scores, classes, codes, *np.array(own).T, kept)
    assert found == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("codes", CODES.values(), ids=CODES)
def test_scores_of_one_fit_tell_the_errors_of_another(rng, codes):
    """Shape is kept, moments are not: scores with a third of the signal and twice the spread say the same."""
    scores, classes = draw(rng, 100_000, codes)
    other, same = draw(rng, 100_000, codes, apart=0.13, spread=0.6)
    every = np.ones((1, 100_000), dtype=bool)
    signal, size = (np.array([x]) for x in moments(scores, classes, codes))
    found = empirical_error(other, same, codes, signal, size, every)
    # Errors are counted on 100,000 rows twice: standard errors of .0022 at most.
    assert found.item() == pytest.approx(count(scores, classes, codes), abs=0.009)


def test_moments_that_tell_nothing_name_the_larger_class(rng):
    codes = CODES["two"]
    scores, classes = draw(rng, 4000, codes)
    every = np.ones((1, 4000), dtype=bool)
    smaller = np.mean(classes == 0)
    for signal, size in ((0.0, 0.0), (-0.1, 0.0), (0.0, 1e-9)):
        found = empirical_error(scores, classes, codes, np.array([signal]), np.array([size]), every)
        assert found.item() == pytest.approx(smaller, abs=1e-12)
    # Left-out scores of a constant fit lie on the wrong side of each other; classes do not.
    wrong_way = codes[classes].mean(axis=0) - 1e-3 * codes[classes]
    found = empirical_error(wrong_way, classes, codes, np.array([0.2]), np.array([0.0]), every)
    assert found.item() == 0


def test_neither_unit_nor_order_of_classes_matters(rng):
    codes = CODES["three"]
    scores, classes = draw(rng, 300, codes)
    every, one = np.ones((1, 300), dtype=bool), np.array([0.1])
    found = empirical_error(scores, classes, codes, one, one, every)
    assert empirical_error(7 * scores + 1, classes, codes, one, one, every) == pytest.approx(found, abs=1e-12)
    order = np.array([2, 0, 1])
    turned = empirical_error(scores, np.argsort(order)[classes], codes[order], one, one, every)
    assert turned == pytest.approx(found, abs=1e-12)
