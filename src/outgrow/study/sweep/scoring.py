"""Scores of linear models on the test rows: risks as quadratic forms in their moments, classes by rows."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from outgrow.study.sweep.grid import SweepData

PIECE = 4_096
"""Columns scored by rows at a time: 130 MB of 4,000 test rows."""


class TestRows:
    """Test rows of one view, ready to score.

    Parameters
    ----------
    data : SweepData
        The rows.
    view : str
        The view.
    shift : array of shape (d,)
        What is taken off it.
    """

    __test__ = False
    """Not a test of pytest's."""

    def __init__(self, data: SweepData, view: str, shift: Float[np.ndarray, " d"]) -> None:
        self._rows = data.views[view][data.test].astype(np.float64) - shift
        self._truth = data.truth
        count = len(data.truth)
        self._mean, self._level = self._rows.mean(axis=0), data.truth.mean(axis=0)
        self._scatter = self._rows.T @ self._rows / count - np.outer(self._mean, self._mean)
        centred = data.truth - self._level
        self._towards = (self._rows - self._mean).T @ centred / count
        self._spread = np.einsum("tk,tk->k", centred, centred) / count
        self._variance = data.truth_variance
        self._classes = data.truth.argmax(axis=1) if data.classes else None
        if not data.classes:
            # Only classes are decided row by row.
            self._rows = self._rows[:0]

    def score(
        self, theta: Float[np.ndarray, "c d k"], level: Float[np.ndarray, "c k"]
    ) -> tuple[Float[np.ndarray, " c"], Float[np.ndarray, " c"] | None]:
        """Score models.

        Parameters
        ----------
        theta : array of shape (c, d, k)
            Coefficients of c models.
        level : array of shape (c, k)
            Their intercepts.

        Returns
        -------
        risk : array of shape (c,)
            Mean over test rows of the squared error, summed over targets, less the truth's error variance.
        accuracy : array of shape (c,) or None
            Share of rows whose largest target is predicted largest; None for a regression.
        """
        c, d, k = theta.shape
        flat = theta.transpose(1, 0, 2).reshape(d, c * k)
        form = np.einsum("dc,dc->c", flat, self._scatter @ flat).reshape(c, k)
        form -= 2 * np.einsum("cdk,dk->ck", theta, self._towards)
        # About the means of predictions and truth, so that no large numbers cancel.
        gap = level + (self._mean @ flat).reshape(c, k) - self._level
        risk = (form + self._spread + gap**2).sum(axis=1) - self._variance
        if self._classes is None:
            return risk, None
        step = max(1, PIECE // k)
        right = np.empty(c)
        for start in range(0, c, step):
            part = slice(start, start + step)
            scores = self._rows @ flat[:, start * k : (start + step) * k]
            scores = scores.reshape(len(self._rows), -1, k) + level[part]
            right[part] = (scores.argmax(axis=2) == self._classes[:, None]).mean(axis=0)
        return risk, right
