"""A fitted linear head: what a route leaves behind when training is over.

It predicts from features alone, knows nothing of how it was trained, and turns into arrays and back, so
that saved models are plain tensors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class LinearModel:
    """Prediction ``intercept + features @ coef``.

    Parameters
    ----------
    coef : array of shape (d, k)
        One column per target.
    intercept : array of shape (k,)
        Added to every prediction.
    """

    coef: Float[np.ndarray, "d k"]
    intercept: Float[np.ndarray, " k"]

    def predict(self, features: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "m k"]:
        """Predict every target for every row.

        Parameters
        ----------
        features : array of shape (m, d)
            Rows in the coordinates the model was fitted in.

        Returns
        -------
        array of shape (m, k)
            Predictions, float64.
        """
        return np.asarray(features, dtype=np.float64) @ self.coef + self.intercept
