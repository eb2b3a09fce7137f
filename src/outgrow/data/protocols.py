"""What pseudo-labels are, whoever makes them; `outgrow.linalg.rows` has the protocol of rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class PseudoLabels:
    """Labels made by a model, or given from outside.

    Parameters
    ----------
    ids : numpy.ndarray
        Object array of N strings.
    values : numpy.ndarray
        Array (N,) or (N, k) of pseudo-labels.
    kind : str
        "score" for real values, "class" for hard decisions.
    weights : numpy.ndarray, optional
        Array (N,) of non-negative weights; all equal when None.
    origin : str
        Who made them, such as the teacher's name.
    """

    ids: np.ndarray
    values: Float[np.ndarray, "N ..."]
    kind: str = "score"
    weights: Float[np.ndarray, " N"] | None = None
    origin: str = ""
