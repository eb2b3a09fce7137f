"""What ridge heads share: the correlation dimension under penalties (docs/theory.md, T4).

A penalty fades weak directions out instead of cutting them, so this is defined for any number of rows, also
where the plain correlation dimension is not. As the penalties go to zero it becomes the plain one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from outgrow.linalg.shrinkage import df2
from outgrow.linalg.spectrum import Spectrum


@dataclass(frozen=True)
class RidgeOverlap:
    """Dimensions at one pair of effective penalties."""

    kappa: float
    """Effective penalty in units of each set's mean variance per direction."""
    d_w: float
    d_s: float
    """Sums of squared shrinkage factors, df2."""
    d_sw: float
    """Sum over pairs of directions of h_s^2 C^2 h_w^2, from sample moments."""
    chance: float
    """What `d_sw` is expected to be for unrelated features: d_s d_w / (N - 1)."""


KAPPAS = tuple(float(k) for k in np.geomspace(1e-4, 1e2, 25))
"""Effective penalties over mean variance of each set: from nearly none to where little is left."""


def ridge_overlaps(
    weak: Spectrum, strong: Spectrum, cross: Float[np.ndarray, "D_w D_s"]
) -> tuple[RidgeOverlap, ...]:
    """Follow the ridge version along ascending penalties; empty where a set does not vary."""
    (values_w, left), (values_s, right) = weak.resolved, strong.resolved
    if not (len(values_w) and len(values_s)):
        return ()
    # In the bases of both spectra every penalty is a weighting of the same squared matrix.
    squares = (left.T @ cross @ right) ** 2
    overlaps = []
    for kappa in KAPPAS:
        k_w, k_s = kappa * float(values_w.mean()), kappa * float(values_s.mean())
        weight_w, weight_s = values_w / (values_w + k_w) ** 2, values_s / (values_s + k_s) ** 2
        d_w, d_s = df2(values_w, k_w), df2(values_s, k_s)
        shared = float(weight_w @ squares @ weight_s)
        overlaps.append(RidgeOverlap(kappa, d_w, d_s, shared, d_w * d_s / max(weak.n - 1, 1)))
    return tuple(overlaps)
