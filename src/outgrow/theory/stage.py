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
    """First two moments of fitted whitened coefficients theta, the true ones being t.

    Parameters
    ----------
    d : int
        Dimensions.
    mean : float
        E theta = mean * t.
    along, around : float
        E theta theta' = along * t t' + around * I.
    intercept : float
        Expected squared error of the intercept; 0 where the means are known.
    error : float
        Expected |theta - t|^2.
    """

    d: int
    mean: float
    along: float
    around: float
    intercept: float
    error: float


def stage(d: int, seen: float, s: float, m: int, *, intercept: bool) -> Stage:
    """Give the moments of a fit.

    Parameters
    ----------
    d : int
        Dimensions.
    seen : float
        |t|^2, the variance of the target within the span of the features.
    s : float
        Residual variance: noise, and what the features cannot express.
    m : int
        Rows, away from d (`why_undefined`).
    intercept : bool
        Whether an intercept is fitted, or the means are known.

    Returns
    -------
    Stage
        Exact for jointly Gaussian features and target.

    Examples
    --------
    >>> stage(d=3, seen=1.0, s=2.0, m=10, intercept=False).error
    1.0
    """
    k = m - intercept
    if k > d:
        mean, along, around = 1.0, 1.0, s / (k - d - 1)
    else:
        mean = k / d
        spread = k * (d - k) / (d * (d + 2) * (d - 1))
        along = k * (k + 2) / (d * (d + 2)) - spread
        around = spread * seen + s * k / (d * (d - k - 1))
    error = (1 - 2 * mean + along) * seen + around * d
    return Stage(d, mean, along, around, (s + error) / m if intercept else 0.0, error)


def noise_gain(d: int, m: int, *, intercept: bool) -> tuple[float, float]:
    """Give the share of the coefficients that a fit keeps, and its error per unit of residual variance.

    Parameters
    ----------
    d : int
        Dimensions.
    m : int
        Rows, away from d (`why_undefined`).
    intercept : bool
        Whether an intercept is fitted.

    Returns
    -------
    tuple of float
        (1, d/(m-d-1)) with more rows than dimensions, (m/d, m/(d-m-1)) with fewer; with an intercept for
        m - 1 rows.

    Examples
    --------
    >>> noise_gain(4, 9, intercept=False), noise_gain(9, 4, intercept=True)
    ((1.0, 1.0), (0.3333333333333333, 0.6))
    """
    k = m - intercept
    return (1.0, d / (k - d - 1)) if k > d else (k / d, k / (d - k - 1))


def near_peak(d: int, m: int) -> bool:
    """Tell whether an unpenalized fit with an intercept stands near its interpolation peak.

    Parameters
    ----------
    d : int
        Dimensions.
    m : int
        Rows.

    Returns
    -------
    bool
        Within a quarter of d of the peak: beyond it on the side of more rows, the fit's variance is below
        four times that of its residuals.

    Examples
    --------
    >>> near_peak(20, 20), near_peak(20, 27), near_peak(20, 28)
    (True, True, False)
    """
    return abs(m - 1 - d) <= 1 + d / 4


def why_undefined(d: int, m: int, name: str, *, intercept: bool, isotropic: bool) -> Undefined | None:
    """Tell why a fit has no finite risk, or none that the formula at hand could give.

    Parameters
    ----------
    d : int
        Dimensions.
    m : int
        Rows.
    name : str
        What the rows are, such as "n labelled".
    intercept : bool
        Whether an intercept is fitted.
    isotropic : bool
        Whether features may be taken as isotropic on their range, so that fewer rows than dimensions do.

    Returns
    -------
    Undefined or None
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
            " (outgrow.theory.min_norm.min_norm_risks); else keep fewer directions or give more rows.",
        )
    return None
