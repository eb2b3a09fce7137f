"""Scores of linear models on the test rows: risks as quadratic forms in their moments, classes by rows.

A quadratic form squares the size of coefficients as a Gram matrix squares the condition of features: models
that had to be fitted from rows are scored by rows too, or the digits that this saved would be lost again.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from outgrow.sweeps.grid import SweepData

PIECE = 4_096
"""Columns scored by rows at a time: 130 MB of 4,000 test rows."""


class TestRows:
    """Test rows of one view, ready to score."""

    __test__ = False
    """Not a test of pytest's."""

    def __init__(self, data: SweepData, view: str, shift: Float[np.ndarray, " d"]) -> None:
        self._view, self._test, self._shift = data.views[view], data.test, shift
        self._truth = data.truth
        rows, count = self._read(), len(data.truth)
        self._mean, self._level = rows.mean(axis=0), data.truth.mean(axis=0)
        # Centred first: without intercepts nothing was taken off, and a large mean would cost digits.
        around = rows - self._mean
        self._scatter = around.T @ around / count
        centred = data.truth - self._level
        self._towards = around.T @ centred / count
        self._spread = np.einsum("tk,tk->k", centred, centred) / count
        self._variance = data.truth_variance
        self._classes = data.truth.argmax(axis=1) if data.classes else None
        # Classes are decided row by row for every model; else rows are needed rarely, and read again.
        self._kept = rows if data.classes else None

    def score(
        self,
        theta: Float[np.ndarray, "c d k"],
        level: Float[np.ndarray, "c k"],
        by_rows: Bool[np.ndarray, " c"] | None = None,
    ) -> tuple[Float[np.ndarray, " c"], Float[np.ndarray, " c"] | None]:
        """Score models.

        Returns mean over test rows of the squared error, summed over targets, less the truth's error
        variance; share of rows whose largest target is predicted largest; None for a regression.
        """
        c, d, k = theta.shape
        flat = theta.transpose(1, 0, 2).reshape(d, c * k)
        form = np.einsum("dc,dc->c", flat, self._scatter @ flat).reshape(c, k)
        form -= 2 * np.einsum("cdk,dk->ck", theta, self._towards)
        # About the means of predictions and truth, so that no large numbers cancel.
        gap = level + (self._mean @ flat).reshape(c, k) - self._level
        risk = (form + self._spread + gap**2).sum(axis=1) - self._variance
        slow = np.zeros(c, dtype=bool) if by_rows is None else by_rows
        if self._classes is None and not slow.any():
            return risk, None
        rows = self._read() if self._kept is None else self._kept
        step = max(1, PIECE // k)
        right = None if self._classes is None else np.empty(c)
        for chosen in (np.flatnonzero(slow), np.flatnonzero(~slow)):
            if right is None and not (len(chosen) and slow[chosen[0]]):
                continue
            for start in range(0, len(chosen), step):
                part = chosen[start : start + step]
                scores = rows @ theta[part].transpose(1, 0, 2).reshape(d, -1)
                scores = scores.reshape(len(rows), -1, k) + level[part]
                if right is not None and self._classes is not None:
                    right[part] = (scores.argmax(axis=2) == self._classes[:, None]).mean(axis=0)
                if slow[part[0]]:
                    scores -= self._truth[:, None]
                    risk[part] = np.einsum("tck,tck->c", scores, scores) / len(rows) - self._variance
        return risk, right

    def _read(self) -> Float[np.ndarray, "T d"]:
        return self._view[self._test].astype(np.float64) - self._shift
