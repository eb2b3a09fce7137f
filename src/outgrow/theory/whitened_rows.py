"""Whitened rows: an orthonormal basis of what features span over the rows at hand, means taken off."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Shaped

from outgrow.errors import DataError
from outgrow.linalg.ridge_path import RidgePath
from outgrow.linalg.spectrum import centre


def whitened_pair(
    X_w: Shaped[np.ndarray, "m D_w"], X_s: Shaped[np.ndarray, "m D_s"], y: Shaped[np.ndarray, " m"]
) -> tuple[Float[np.ndarray, "m d_w"], Float[np.ndarray, "m d_s"], Float[np.ndarray, " m"]]:
    """Whiten two feature sets of the same rows and take the mean off their target.

    Returns orthonormal weak and strong columns, centred target.
    """
    target = np.asarray(y, dtype=np.float64)
    if target.ndim != 1 or not len(X_w) == len(X_s) == len(target):
        raise DataError(
            f"{len(X_w)} weak rows, {len(X_s)} strong rows and a target of shape {target.shape} do not agree",
            "theory",
            "Give features and one target for the same rows.",
        )
    if not np.isfinite(target).all():
        raise DataError("the target holds NaN or infinite values", "theory", "Give rows with known labels.")
    bases = []
    for X, name in ((X_w, "weak features"), (X_s, "strong features")):
        rows = np.asarray(X, dtype=np.float64)
        if not np.isfinite(rows).all():
            raise DataError("holds NaN or infinite values", name)
        bases.append(RidgePath(rows, np.zeros((len(rows), 1)), np.zeros(1)).left)
        if not bases[-1].shape[1]:
            raise DataError("the features do not vary", name, "Give features that differ between rows.")
    Q_w, Q_s = bases
    if len(target) - 1 <= Q_w.shape[1] + Q_s.shape[1] + 1:
        raise DataError(
            f"{len(target)} rows cannot tell apart {Q_w.shape[1]} + {Q_s.shape[1]} directions",
            "theory",
            "Keep fewer directions (--rank), or give more rows with labels.",
        )
    return Q_w, Q_s, target - centre(target[:, None])[0]


def residual(Q: Float[np.ndarray, "m d"], y: Float[np.ndarray, "*axes"]) -> Float[np.ndarray, "*axes"]:
    """Take off what orthonormal columns explain."""
    return y - Q @ (Q.T @ y)
