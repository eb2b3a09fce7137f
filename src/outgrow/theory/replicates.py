"""From an estimate and its replicates to what is said: intervals, ratios, probabilities.

Replicates leave out one group of labels each (docs/theory.md, T8), so they know what the labels leave open.
The equivalents' own error comes on top.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from outgrow.errors import CHECKS
from outgrow.geometry.jackknife import jackknife_interval
from outgrow.results import LEVEL, Check, Estimate, Quantity, Undefined
from outgrow.theory.fieller import fieller_positive

MODEL = 0.015
"""Relative standard error of the equivalents themselves, beside that of the labels. With the truth of 4,600
rows for inputs they are off by 1.2 % in the median on the movie reviews (benchmarks/calibration), which is a
standard error of 1.8 %; about 1 % of it is the sampling error of those rows."""


def interval(values: Float[np.ndarray, " R"], risk: float) -> tuple[float, float] | None:
    """Give the interval of a forecast: what the labels leave open, and the equivalents' own error.

    Parameters
    ----------
    values : array of shape (R,)
        Estimate and replicates.
    risk : float
        Excess risk that the equivalents' error is relative to.

    Returns
    -------
    tuple of float or None
        Its ends, unbounded below; None without replicates.

    Examples
    --------
    >>> low, high = interval(np.array([2.0, 1.9, 2.0, 2.1]), 0.0)
    >>> round(low, 3), round(high, 3)
    (1.663, 2.337)
    """
    if len(values) < 3:
        return None
    low, high = jackknife_interval(float(values[0]), values[1:])
    reach = float(np.hypot((high - low) / 2, _quantile(len(values) - 1) * MODEL * risk))
    return float(values[0]) - reach, float(values[0]) + reach


def estimate(values: Float[np.ndarray, " R"], m: int, method: str) -> Estimate:
    """Say a risk or a variance.

    Parameters
    ----------
    values : array of shape (R,)
        Estimate and replicates.
    m : int
        Labels that they come from.
    method : str
        How.

    Returns
    -------
    Estimate
        At least zero; where it was below, OG213 is raised.

    Examples
    --------
    >>> found = estimate(np.array([-0.1]), 50, "by hand")
    >>> found.value, found.checks[0].code
    (0.0, 'OG213')
    """
    value = float(values[0])
    ends = interval(values, value)
    checks: tuple[Check, ...] = ()
    if value < 0:
        checks = (Check("OG213", f"{value:.3g}, from {m} labels"),)
        value = 0.0
    if ends is not None:
        ends = (max(ends[0], 0.0), max(ends[1], 0.0))
    return Estimate(value, ends, n=m, method=method, checks=checks)


SMALL_GAP = 0.20
"""Gap between teacher and ceiling, in units of the teacher's risk, below which PGR is said to divide by
little: its median error is .1 and more there (benchmarks/calibration, by gap)."""


def small_gap(gap: float, teacher: float) -> tuple[Check, ...]:
    """Say so where PGR divides by little."""
    if gap >= SMALL_GAP * teacher:
        return ()
    return (Check("OG217", f"{gap:.3g}, {100 * gap / teacher:.0f} % of the teacher's {teacher:.3g}"),)


def ratio(
    over: Float[np.ndarray, " R"], under: Float[np.ndarray, " R"], name: str, what: str, m: int, method: str
) -> Quantity:
    """Divide two forecasts, estimates with their replicates: an Estimate wherever the denominator is above
    zero.

    `name` is "PGR" or "OPR", `what` the denominator in words. The interval is Fieller's for a denominator
    above zero, with infinite ends where the denominator is not resolved.
    """
    if np.isnan(over[0]) or np.isnan(under[0]):
        return Undefined(f"{name} needs a risk that is undefined here", "See the remedy at the risks.")
    if not under[0] > 0:
        code = " (OG205)" if name == "PGR" else ""
        return Undefined(
            f"{what} is forecast to be {under[0]:.3g}{code}",
            CHECKS["OG205"].remedy if name == "PGR" else "Read the risks themselves.",
        )
    value, method = float(over[0] / under[0]), f"{name}, {method}"
    if len(over) < 3:
        return Estimate(value, n=m, method=method)
    groups = len(over) - 1
    around = np.stack([over[1:], under[1:]])
    around = around - around.mean(axis=1, keepdims=True)
    covariance = (groups - 1) / groups * around @ around.T
    covariance += np.eye(2) * (MODEL * under[0]) ** 2
    ends = fieller_positive(float(over[0]), float(under[0]), _quantile(groups) ** 2 * covariance)
    return Estimate(value, ends, n=m, method=f"{method}; Fieller interval")


def probability(difference: Float[np.ndarray, " R"], risk: float, m: int, method: str) -> Quantity:
    """Give the probability that a difference of forecasts is above zero.

    Parameters
    ----------
    difference : array of shape (R,)
        Estimate and replicates.
    risk : float
        Excess risk that the equivalents' error is relative to.
    m : int
        Labels that they come from.
    method : str
        How.

    Returns
    -------
    Estimate or Undefined
        From the jackknife's t distribution; Undefined without replicates.
    """
    if np.isnan(difference[0]):
        return Undefined("a risk is undefined here", "See the remedy at the risks.")
    groups = len(difference) - 1
    if groups < 2:
        return Undefined("a forecast without replicates has no distribution", "Estimate it from labels.")
    from scipy.special import stdtr

    around = difference[1:] - difference[1:].mean()
    error = float(np.sqrt((groups - 1) / groups * np.sum(around**2) + (MODEL * risk) ** 2))
    value = float(stdtr(groups - 1, difference[0] / error)) if error > 0 else float(difference[0] > 0)
    return Estimate(value, n=m, method=f"probability, {method}")


def _quantile(groups: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(groups - 1, (1 + LEVEL) / 2))
