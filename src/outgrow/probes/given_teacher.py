"""A teacher of whom only the pseudo-labels are known: another program, a service, a person.

It was not fitted on the labels at hand, so leaving a label out changes nothing in it. Its pseudo-labels are
its features, and its one "fit" is to repeat them: it stands where a fitted teacher stands, and students and
their leave-one-out follow by the same algebra.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from jaxtyping import Float

from outgrow.probes.linear_model import LinearModel
from outgrow.probes.two_stage import StageOne


class GivenTeacher(StageOne):
    """The identity on given pseudo-labels.

    Parameters
    ----------
    X : array of shape (n, k)
        Pseudo-labels of the labelled rows.
    y : array of shape (n, k)
        Labels.
    """

    def __init__(self, X: Float[np.ndarray, "n k"], y: Float[np.ndarray, "n k"]) -> None:
        super().__init__(np.asarray(X, dtype=np.float64), y, np.zeros(1))

    @cached_property
    def mean(self) -> Float[np.ndarray, " k"]:
        """Mean of the labels, which students add back: pseudo-labels come out as they are."""
        return np.asarray(self.y.mean(axis=0))

    @property
    def basis(self) -> Float[np.ndarray, "k k"]:
        """The pseudo-labels themselves."""
        return np.eye(self.X.shape[1])

    @cached_property
    def scores(self) -> Float[np.ndarray, "n k"]:
        """Pseudo-labels less the labels' mean."""
        return self.X - self.mean

    @cached_property
    def inverse(self) -> Float[np.ndarray, "k 1"]:
        """Zeros: no label moves this teacher."""
        return np.zeros((self.X.shape[1], 1))

    @cached_property
    def theta(self) -> Float[np.ndarray, "k 1 k"]:
        """Identity."""
        return np.eye(self.X.shape[1])[:, None, :]

    @cached_property
    def deleted_residuals(self) -> Float[np.ndarray, "n 1 k"]:
        """Zeros, for the same reason."""
        return np.zeros((len(self.y), 1, self.y.shape[1]))

    def own_losses(self) -> Float[np.ndarray, "1 n"]:
        """Squared loss of the pseudo-labels on every labelled row.

        Returns
        -------
        array of shape (1, n)
            Summed over targets.
        """
        return np.asarray(np.sum((self.X - self.y) ** 2, axis=1))[None, :]

    def model(self, which: int) -> LinearModel:
        """Give the teacher as a model of its own pseudo-labels.

        Parameters
        ----------
        which : int
            Always 0.

        Returns
        -------
        LinearModel
            The identity.
        """
        k = self.X.shape[1]
        return LinearModel(np.eye(k), np.zeros(k))
