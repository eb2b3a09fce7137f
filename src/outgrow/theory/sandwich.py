"""By how much residuals that depend on the features change each variance (docs/theory.md, T2).

Gaussian theory takes a stage's residual to be independent of its features; its variance is then d/(m-d-1)
times the residual's. Otherwise it is off by the average of squared residual times leverage over the product
of their averages: one factor per variance, estimated here from rows, 1 where theory holds.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Shaped

from outgrow.errors import DataError
from outgrow.geometry.correlation import corrected
from outgrow.theory.whitened_rows import residual, whitened_pair


def sandwich_factors(
    X_w: Shaped[np.ndarray, "m D_w"],
    X_s: Shaped[np.ndarray, "m D_s"],
    y: Shaped[np.ndarray, " m"],
    n: int | None = None,
) -> dict[str, float]:
    """Estimate the factors of the four variances."""
    Q_w, Q_s, y = whitened_pair(X_w, X_s, y)
    m, d_w, d_s = len(y), Q_w.shape[1], Q_s.shape[1]
    n = m if n is None else n
    if n <= d_w + 2:
        raise DataError(f"{n} rows are not enough for a teacher of {d_w} dimensions", "theory")
    leverage_w, leverage_s = np.sum(Q_w**2, axis=1), np.sum(Q_s**2, axis=1)
    r_w, r_s = residual(Q_w, y), residual(Q_s, y)

    # The fitted teacher already carries the noise of m rows; one of n rows carries the more.
    unexpressed = residual(Q_s, Q_w)
    noise = float(r_w @ r_w) / (m - d_w - 1)
    more = max(noise / (n - d_w - 2) - noise / max(m - d_w - 2, 1), 0.0)
    squared = residual(Q_s, Q_w @ (Q_w.T @ y)) ** 2 + more * m * np.sum(unexpressed**2, axis=1)

    cross = Q_s.T @ Q_w
    passed_on = np.sum((Q_w @ cross.T) ** 2, axis=1)
    shared = float(passed_on.sum())
    d_sw = corrected(shared, m - 1, d_w, d_s)
    if d_sw >= LEAST_SHARED:
        # Chance correlations weigh all weak directions alike, by (d_s - d_sw) / (m - 1 - d_sw).
        chance = (d_s - d_sw) / (m - 1 - d_sw)
        passed_on = passed_on - chance * leverage_w
    total = float(y @ y)
    return {
        "teacher": _factor(r_w**2, leverage_w, leverage_w, total),
        "baseline": _factor(r_s**2, leverage_s, leverage_s, total),
        "student": _factor(squared, leverage_s, leverage_s, total),
        "inherited": _factor(r_w**2, passed_on, leverage_w, total),
    }


LEAST_SHARED = 1.0
"""Shared directions from which the weights of the inherited variance are corrected for chance. With fewer the
correction is mostly noise, and the variance that the factor multiplies is next to nothing."""

NONE_LEFT = 1e-9
"""Share of the labels' variance below which a residual counts as none: far above the square of rounding, far
below what could matter to a risk."""


def _factor(
    squared: Float[np.ndarray, " m"],
    weight: Float[np.ndarray, " m"],
    leverage: Float[np.ndarray, " m"],
    total: float,
) -> float:
    if squared.sum() <= NONE_LEFT * total:
        return 1.0
    # HC3: a fitted residual is (1 - leverage) times what the row left out would show, its square on average
    # (1 - leverage) times the variance. Dividing twice undoes the fit's pull on rows of high leverage; the
    # weights' sum after one division is what equal variances would give, so their ratio is then 1.
    rest = 1 - leverage - 1 / len(squared)
    usable = rest > EDGE
    rest, squared, weight = rest[usable], squared[usable], weight[usable]
    average = squared.sum() / rest.sum()
    return float(np.sum(weight * squared / rest**2) / (average * np.sum(weight / rest)))


EDGE = 1e-6
"""Share of a row that its own fit must leave: a row that decides its own prediction has no residual to tell
anything from, only rounding."""
