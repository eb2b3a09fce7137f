"""The inputs of the exact risks, measured on rows whose labels are known (docs/theory.md, T6).

Four mean squares of residuals hold them all: of the weak fit, of the strong fit, of one times the other, and
of one put through the other. Each is divided by the trace that it has for pure noise, so nothing of order
d/m is left in it; label noise is the same in the first three and cancels where they are subtracted.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Shaped

from outgrow.errors import DataError
from outgrow.geometry.correlation import corrected
from outgrow.theory.population import Population
from outgrow.theory.whitened_rows import residual, whitened_pair


def population_from_rows(
    X_w: Shaped[np.ndarray, "m D_w"],
    X_s: Shaped[np.ndarray, "m D_s"],
    target: Shaped[np.ndarray, " m"],
    noise: float,
) -> Population:
    """Measure the inputs of the exact risks."""
    if not (np.isfinite(noise) and noise >= 0):
        raise DataError(f"a noise variance of {noise} is not at least 0", "theory")
    Q_w, Q_s, y = whitened_pair(X_w, X_s, target)
    k, d_w, d_s = len(y) - 1, Q_w.shape[1], Q_s.shape[1]
    shared = float(np.sum((Q_s.T @ Q_w) ** 2))
    both = k - d_w - d_s + shared  # trace of the product of both residual makers
    r_w, r_s = residual(Q_w, y), residual(Q_s, y)
    through = residual(Q_s, r_w)
    S_w, S_s, S_ws = r_w @ r_w / (k - d_w), r_s @ r_s / (k - d_s), r_w @ r_s / both
    # What strong features see of the weak residual: their fit of it, less its noise. The strong fit shrinks
    # towards the weak one's span, by the same share of rows in signal as in noise: (k - d_s) / both.
    e2 = float((S_w - through @ through / both) * (k - d_s) / both)
    g0 = float(S_w + S_s - 2 * S_ws) - e2
    d_sw = min(max(corrected(shared, k, d_w, d_s), 0.0), float(min(d_w, d_s)))
    rho_w, rho_s = max(float(S_w) - noise, 0.0), max(float(S_s) - noise, 0.0)
    v = max(float(y @ y) / k - noise, rho_w, rho_s)
    e2, g0 = _possible(v, rho_w, rho_s, e2, g0)
    return Population(
        d_w=d_w, d_s=d_s, d_sw=d_sw, rho_w=rho_w, rho_s=rho_s, e2=e2, g0=g0, v=v, sigma2=float(noise)
    )


def _possible(v: float, rho_w: float, rho_s: float, e2: float, g0: float) -> tuple[float, float]:
    """Move e2 and g0 to the nearest values that some target of these errors has."""
    if not v > 0:
        return 0.0, 0.0
    # f* stands at one angle to the strong features' span and at another to P_w f*; P_w f* can be no further
    # from that span, and no nearer, than both together allow.
    seen_w, seen_s = v - rho_w, v - rho_s
    to_s, to_w = math.asin(math.sqrt(rho_s / v)), math.asin(math.sqrt(rho_w / v))
    angle = math.asin(math.sqrt(min(max(g0, 0.0), seen_w) / seen_w)) if seen_w > 0 else 0.0
    angle = min(max(angle, to_s - to_w), to_s + to_w)
    g0, imitable = seen_w * math.sin(angle) ** 2, seen_w * math.cos(angle) ** 2
    # Inside and outside the span, what is left of f* is the difference of two vectors of known lengths.
    inside, outside = (math.sqrt(seen_s), math.sqrt(imitable)), (math.sqrt(rho_s), math.sqrt(g0))
    least = max((inside[0] - inside[1]) ** 2, rho_w - (outside[0] + outside[1]) ** 2)
    most = min((inside[0] + inside[1]) ** 2, rho_w - (outside[0] - outside[1]) ** 2)
    return min(max(e2, least), max(most, 0.0)), g0
