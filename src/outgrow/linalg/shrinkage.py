"""Degrees of freedom of ridge, and the penalty that finite samples add to the one asked for.

Ridge with penalty alpha on m samples shrinks population directions as if it had infinitely many samples
and the larger penalty kappa (docs/theory.md, T4). For minimum norm with more directions than samples,
kappa is what the missing samples amount to.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from outgrow.errors import DataError

MAX_STEPS = 1_100
"""Newton's steps converge quadratically; near a double root (rank about m) each still halves the distance,
and no more halvings lie between the largest and the smallest float64."""


def df1(values: Float[np.ndarray, " r"], kappa: float) -> float:
    """Give the sum of lambda / (lambda + kappa) (docs/theory.md, T4)."""
    return float(np.sum(_shrinkage(values, kappa)))


def df2(values: Float[np.ndarray, " r"], kappa: float) -> float:
    """Give the sum of (lambda / (lambda + kappa))^2 (docs/theory.md, T4)."""
    return float(np.sum(_shrinkage(values, kappa) ** 2))


def solve_kappa(values: Float[np.ndarray, " r"], m: float, alpha: float) -> float:
    """Solve alpha = kappa (1 - df1(kappa) / m) for kappa (docs/theory.md, T4).

    For alpha = 0 (ridgeless): 0 if the rank is at most m, else the root of df1(kappa) = m.
    """
    values = np.asarray(values, dtype=np.float64)
    if not (np.isfinite(m) and m > 0):
        raise DataError(f"m must be positive, not {m}", "kappa")
    if not (np.isfinite(alpha) and alpha >= 0):
        raise DataError(f"alpha must be finite and at least 0, not {alpha}", "kappa")
    if not (np.isfinite(values) & (values >= 0)).all():
        raise DataError("eigenvalues must be finite and at least 0", "kappa")
    values = values[values > 0]
    if alpha == 0 and len(values) <= m:
        return 0.0
    # f(kappa) = kappa - (1/m) sum lambda kappa / (lambda + kappa) - alpha is convex, and positive at
    # alpha + trace / m: from there Newton's steps fall monotonically to its largest root.
    kappa = alpha + float(values.sum()) / m
    spare = m - len(values)
    for _ in range(MAX_STEPS):
        # Newton's next point, in terms of h and g = 1 - h: as a difference of the point and a step, or with
        # m - sum h taken as such, it would lose all digits where kappa is far below the eigenvalues.
        h, g = values / (values + kappa), kappa / (values + kappa)
        following = float((kappa * (g @ h) + alpha * m) / (spare + g @ (1 + h)))
        # It stops falling at the root itself.
        if not following < kappa:
            break
        kappa = following
    return max(kappa, float(alpha))


def _shrinkage(values: Float[np.ndarray, " r"], kappa: float) -> Float[np.ndarray, " r"]:
    if not kappa >= 0:
        raise DataError(f"kappa must be at least 0, not {kappa}", "degrees of freedom")
    values = np.asarray(values, dtype=np.float64)
    values = values[values > 0]
    return values / (values + kappa)
