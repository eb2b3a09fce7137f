"""What one minimum-norm least-squares fit makes of the true coefficients, on average (docs/theory.md, T2).

Whitened features of dimension d, m rows, residual variance s. With more rows than dimensions this holds
for any covariance; with fewer, for features that are isotropic on their range. A fitted intercept costs one
row (centred Gaussian rows are m - 1 uncentred ones, turned) and its own error.
"""

from __future__ import annotations

from dataclasses import dataclass

from outgrow.results import Undefined


@dataclass(frozen=True)
class Stage:
    """First two moments of fitted whitened coefficients theta, the true ones being t."""

    mean: float
    """E theta = mean * t."""
    along: float
    around: float
    """E theta theta' = along * t t' + around * I."""
    intercept: float
    """Expected squared error of the intercept; 0 where the means are known."""
    error: float
    """Expected |theta - t|^2."""


def stage(d: int, seen: float, s: float, m: int, *, intercept: bool) -> Stage:
    """Give the moments of a fit."""
    k = m - intercept
    if k > d:
        mean, along, around = 1.0, 1.0, s / (k - d - 1)
    else:
        mean = k / d
        spread = k * (d - k) / (d * (d + 2) * (d - 1))
        along = k * (k + 2) / (d * (d + 2)) - spread
        around = spread * seen + s * k / (d * (d - k - 1))
    error = (1 - 2 * mean + along) * seen + around * d
    return Stage(mean, along, around, (s + error) / m if intercept else 0.0, error)


def noise_gain(d: int, m: int, *, intercept: bool) -> tuple[float, float]:
    """Give the share of the coefficients that a fit keeps, and its error per unit of residual variance.

    Returns (1, d/(m-d-1)) with more rows than dimensions, (m/d, m/(d-m-1)) with fewer; with an intercept for
    m - 1 rows.
    """
    k = m - intercept
    return (1.0, d / (k - d - 1)) if k > d else (k / d, k / (d - k - 1))


def near_peak(d: int, m: int) -> bool:
    """Tell whether an unpenalized fit with an intercept stands near its interpolation peak."""
    return abs(m - 1 - d) <= 1 + d / 4


def why_undefined(d: int, m: int, name: str, *, intercept: bool, isotropic: bool) -> Undefined | None:
    """Tell why a fit has no finite risk, or none that the formula at hand could give.

    None where the fit is fine.
    """
    k = m - intercept
    with_intercept = " and an intercept" if intercept else ""
    if m < 1:
        return Undefined(f"there are no rows ({name})", "Plan for some.")
    if abs(k - d) <= 1:
        return Undefined(
            f"the expected risk is infinite: {m} rows ({name}) for {d} dimensions{with_intercept}",
            f"Move the rows away from {d + intercept}, keep fewer directions, or use the ridge head.",
        )
    if k < d and not isotropic:
        return Undefined(
            f"{m} rows ({name}) are fewer than {d} dimensions{with_intercept}: the risk then depends on the"
            " spectrum",
            "Where the features are isotropic on their range, use the minimum-norm formulas"
            " (outgrow.theory.exact_risks.min_norm_risks); else keep fewer directions or give more rows.",
        )
    return None
