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
    """Prediction ``intercept + features @ coef``."""

    coef: Float[np.ndarray, "d k"]
    """One column per target."""
    intercept: Float[np.ndarray, " k"]
    """Added to every prediction."""

    def predict(self, features: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "m k"]:
        """Predict every target for every row."""
        return np.asarray(features, dtype=np.float64) @ self.coef + self.intercept
