"""Error rates from the moments of a fit and the shape of its scores within classes (docs/theory.md, T4).

Equivalents give how far a fit of any size holds the classes apart, and how much it varies within them; what
share then falls on the wrong side depends on the shape of the scores, which is not Gaussian on real features:
the hard rows lie far out. The shape is that of held-out scores of a fit to the labels at hand, moved and
stretched to the two moments; margins are smoothed a little, since counts of few rows jump.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import ndtr

from outgrow.theory.equivalents import SingleRisks, StudentRisks
from outgrow.theory.terms import Target

TINY = 1e-300
"""Stands for a spread of nothing, which is divided by."""

BANDWIDTH = 1.587
"""Standard deviation of the smoothing normal, in units of the margins' own within classes and of the inverse
cube root of their number: least mean squared error of a smoothed distribution function of Gaussian data
(Azzalini, 1981; Hansen, 2004). At 100 rows a third, at 2,000 an eighth."""


def empirical_error(
    scores: Float[np.ndarray, "m k"],
    classes: Int[np.ndarray, " m"],
    codes: Float[np.ndarray, "c k"],
    signal: Float[np.ndarray, " R"],
    size: Float[np.ndarray, " R"],
    kept: Bool[np.ndarray, "R m"],
) -> Float[np.ndarray, " R"]:
    """Give the share of rows whose nearest code is another class's, at given moments of the fit.

    Replicate r rests on the rows kept[r]. `signal` is the product of fit and coded labels, `size` the
    variance of the fit, both centred and summed over the columns of the codes.
    """
    errors = np.empty(len(signal))
    for replicate, rows in enumerate(kept):
        labels, m = classes[rows], int(rows.sum())
        wide = BANDWIDTH / np.cbrt(m)
        moments = float(signal[replicate]), float(size[replicate])
        margins = _margins(_moved(scores[rows], labels, codes, *moments, wide), labels, codes)
        around = margins - _class_means(margins[:, None], labels, len(codes))[labels, 0]
        # What smoothing adds to the variance within classes `_moved` has left out.
        reach = wide / np.sqrt(max(1 - wide**2, TINY)) * np.sqrt(np.mean(around**2))
        errors[replicate] = np.mean(ndtr(-margins / reach) if reach > 0 else margins < 0)
    return errors


def _margins(
    scores: Float[np.ndarray, "m k"], classes: Int[np.ndarray, " m"], codes: Float[np.ndarray, "c k"]
) -> Float[np.ndarray, " m"]:
    """How much nearer a row is to its class's code than to any other, in squared distance."""
    distance = np.sum(codes**2, axis=1) - 2 * scores @ codes.T
    rows = np.arange(len(scores))
    to_class = distance[rows, classes]
    distance[rows, classes] = np.inf
    return np.asarray(distance.min(axis=1) - to_class)


def _class_means(
    values: Float[np.ndarray, "m k"], classes: Int[np.ndarray, " m"], count: int
) -> Float[np.ndarray, "c k"]:
    """Means within classes; zero where a class has no row."""
    sums = np.zeros((count, values.shape[1]))
    np.add.at(sums, classes, values)
    return sums / np.maximum(np.bincount(classes, minlength=count), 1)[:, None]


def _moved(
    scores: Float[np.ndarray, "m k"],
    classes: Int[np.ndarray, " m"],
    codes: Float[np.ndarray, "c k"],
    signal: float,
    size: float,
    wide: float,
) -> Float[np.ndarray, "m k"]:
    """Stretch class means and deviations from them to the moments, but for what smoothing will add."""
    share = np.bincount(classes, minlength=len(codes)) / len(scores)
    means = _class_means(scores, classes, len(codes))
    apart, coded = means - share @ means, codes - share @ codes
    within = scores - means[classes]
    seen = float(np.sum(share[:, None] * apart * coded))
    # Held-out scores on the wrong side of each other tell nothing of how classes lie apart: their codes do.
    if seen <= TINY or signal <= 0:
        apart, seen = coded, float(np.sum(share[:, None] * coded**2))
    apart = apart * (max(signal, 0.0) / seen)
    left = size - float(np.sum(share[:, None] * apart**2))
    spread = float(np.mean(np.sum(within**2, axis=1)))
    # No spread left by the moments is an estimate's noise: classes then fall apart by their means alone.
    within = within * np.sqrt(max(left * (1 - wide**2), 0.0) / max(spread, TINY))
    return np.asarray(share @ codes + apart[classes] + within)


def variance_with_intercept(risks: SingleRisks | StudentRisks, target: Target) -> Float[np.ndarray, "*shape"]:
    """Variance of the fit over points and draws of its training rows.

    A strongly penalized fit varies little over points, and what its intercept is off by may turn its sign.
    """
    variance = target.variance.reshape(-1, *[1] * (risks.signal.ndim - 1))
    offset = risks.error - variance + 2 * risks.signal - risks.size
    return np.asarray(risks.size + np.maximum(offset, 0.0))
