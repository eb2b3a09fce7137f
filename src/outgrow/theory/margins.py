"""Error rates from the moments of a fit and the shape of its scores within classes (docs/theory.md, T4).

Equivalents give how far a fit of any size holds the classes apart, and how much it varies within them; what
share then falls on the wrong side depends on the shape of the scores, which is not Gaussian on real features:
the hard rows lie far out. The shape is that of held-out scores of a fit to the labels at hand, moved and
stretched to the two moments.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int

TINY = 1e-300
"""Stands for a spread of nothing, which is divided by."""


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
    found = np.empty(len(signal))
    for replicate, rows in enumerate(kept):
        moved = _moved(scores[rows], classes[rows], codes, float(signal[replicate]), float(size[replicate]))
        # The nearest code, as |s - c|^2 less what is common to all codes.
        distance = np.sum(codes**2, axis=1) - 2 * moved @ codes.T
        found[replicate] = np.mean(distance.argmin(axis=1) != classes[rows])
    return found


def _moved(
    scores: Float[np.ndarray, "m k"],
    classes: Int[np.ndarray, " m"],
    codes: Float[np.ndarray, "c k"],
    signal: float,
    size: float,
) -> Float[np.ndarray, "m k"]:
    """Stretch class means and deviations from them, so that the scores have the moments."""
    counts = np.bincount(classes, minlength=len(codes))
    sums = np.zeros_like(codes)
    np.add.at(sums, classes, scores)
    means = sums / np.maximum(counts, 1)[:, None]
    share = counts / len(scores)
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
    within = within * np.sqrt(max(left, 0.0) / max(spread, TINY))
    return np.asarray(share @ codes + apart[classes] + within)
