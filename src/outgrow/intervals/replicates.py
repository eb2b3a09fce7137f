"""From an estimate and its replicates to what is said: intervals, ratios, probabilities.

Replicates leave out one group of labels each (docs/theory.md, T8), so they know what the labels leave open.
The equivalents' own error comes on top.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from outgrow.errors import CHECKS
from outgrow.intervals.fieller import fieller_positive
from outgrow.intervals.jackknife import jackknife_interval
from outgrow.results import LEVEL, Check, Estimate, Quantity, Undefined

MODEL = 0.015
"""Relative standard error of the equivalents themselves, beside that of the labels. With the truth of 4,600
rows for inputs they are off by 1.2 % in the median on the movie reviews (benchmarks/calibration), which is a
standard error of 1.8 %; about 1 % of it is the sampling error of those rows."""


APART = (0.0075, 0.10)
"""The same of a difference of two risks, where much of it cancels: of the risk, and of the difference itself,
added up in squares. With the truth for inputs, differences of student and teacher below a
tenth of the risk are off by .4 to 1.5 % of it in the mean square (one pair of seven: 3 %), larger ones by
1 to 10 % of themselves. Intervals of PGR then hold in 91 % of draws with 2,000 labels; with a twentieth of
the difference, in 83 % (movie reviews, benchmarks/calibration-small.toml)."""


def allowance(difference: float, risk: float) -> float:
    """Standard error of the equivalents in a difference of two risks, one of which is `risk`."""
    return float(np.hypot(APART[0] * risk, APART[1] * difference))


def interval(values: Float[np.ndarray, " R"], error: float) -> tuple[float, float] | None:
    """Give the interval of a forecast from what the labels leave open and the equivalents' own standard
    error.

    The first value is the estimate, the others its replicates; None without replicates.
    """
    if len(values) < 3:
        return None
    low, high = jackknife_interval(float(values[0]), values[1:])
    reach = float(np.hypot((high - low) / 2, _quantile(len(values) - 1) * error))
    return float(values[0]) - reach, float(values[0]) + reach


def difference(values: Float[np.ndarray, " R"], risk: float, m: int, method: str) -> Quantity:
    """Say a difference of two risks, of which one is `risk`, from its estimate and replicates."""
    if np.isnan(values[0]):
        return Undefined("a risk is undefined here", "See the remedy at the risks.")
    value = float(values[0])
    ends = interval(values, allowance(value, risk))
    return Estimate(value, ends, n=m, method=f"paired difference, {method}")


def estimate(values: Float[np.ndarray, " R"], m: int, method: str) -> Estimate:
    """Say a risk or a variance: at least zero; where it was below, OG213 is raised."""
    value = float(values[0])
    ends = interval(values, MODEL * value)
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
    over: Float[np.ndarray, " R"],
    under: Float[np.ndarray, " R"],
    errors: tuple[float, float],
    name: str,
    what: str,
    m: int,
    method: str,
) -> Quantity:
    """Divide two forecasts, estimates with their replicates: an Estimate wherever the denominator is above
    zero.

    `errors` are the equivalents' standard errors in both, `name` is "PGR" or "OPR", `what` the denominator in
    words. The interval is Fieller's for a denominator above zero, with infinite ends where it is not
    resolved.
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
    covariance = (groups - 1) / groups * around @ around.T + np.diag(np.square(errors))
    ends = fieller_positive(float(over[0]), float(under[0]), _quantile(groups) ** 2 * covariance)
    return Estimate(value, ends, n=m, method=f"{method}; Fieller interval")


SPREAD = 0.20
"""Standard deviation of differences of two routes' risks, in units of the larger one, before any label
speaks: .16 to .19 in the mean square between student and teacher or baseline (movie reviews,
benchmarks/calibration-small.toml). Few labels leave more open than that, and to read their t distribution
alone is then to believe in differences that hardly ever occur: with 100 labels .96 was said of what came in
.93, .75 of .64, .85 of .78."""


def probability(values: Float[np.ndarray, " R"], risk: float, m: int, method: str) -> Quantity:
    """Give the probability that a difference of two risks, of which the smaller by it is `risk`, is above
    zero.

    It is that of the jackknife's t distribution with the equivalents' own error in its scale, after shrinking
    the difference towards zero as its usual `SPREAD` demands.
    """
    if np.isnan(values[0]):
        return Undefined("a risk is undefined here", "See the remedy at the risks.")
    groups = len(values) - 1
    if groups < 2:
        return Undefined("a forecast without replicates has no distribution", "Estimate it from labels.")
    from scipy.special import stdtr

    around, value = values[1:] - values[1:].mean(), float(values[0])
    error = float(np.sqrt((groups - 1) / groups * np.sum(around**2) + allowance(value, risk) ** 2))
    usual = SPREAD * max(risk, risk + value)
    if not error > 0:
        return Estimate(float(value > 0), n=m, method=f"probability, {method}")
    # Of a normal difference seen with a normal error, mean and deviation after the fact.
    known = usual / np.hypot(usual, error) if usual > 0 else 0.0
    return Estimate(float(stdtr(groups - 1, known * value / error)), n=m, method=f"probability, {method}")


def _quantile(groups: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(groups - 1, (1 + LEVEL) / 2))
