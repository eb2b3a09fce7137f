"""From an estimate and its replicates to what is reported: intervals, ratios, probabilities.

Replicates leave out one group of labels each (docs/theory.md, T8), so they know what the labels leave open.
The equivalents' own error comes on top.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from outgrow.intervals.gains import Reach, opr_of, pgr_of
from outgrow.intervals.jackknife import deviations, jackknife_variance, t_quantile
from outgrow.results import Check, Estimate, Quantity, Undefined

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
    """Give the interval of an estimate with replicates, the equivalents' own standard error added."""
    if len(values) < 3:
        return None
    reach = t_quantile(len(values) - 2) * np.sqrt(jackknife_variance(values[1:]) + error**2)
    return float(values[0] - reach), float(values[0] + reach)


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


def pgr(
    teacher: Float[np.ndarray, " R"],
    student: Float[np.ndarray, " R"],
    ceiling: Float[np.ndarray, " R"],
    m: int,
    method: str,
) -> Quantity:
    """Divide forecasts, estimates with their replicates: teacher less student by teacher less ceiling."""
    over, under = teacher - student, teacher - ceiling
    if np.isnan(over[0]) or np.isnan(under[0]):
        return _risk_missing("PGR")
    errors = allowance(float(over[0]), float(student[0])), allowance(float(under[0]), float(ceiling[0]))
    return pgr_of(
        float(over[0]),
        float(under[0]),
        float(teacher[0]),
        _reach(over, under, errors),
        n=m,
        method=_of_ratio("PGR", method, len(over)),
        seen=f"their risks are forecast to differ by {under[0]:.3g}",
    )


def opr(baseline: Float[np.ndarray, " R"], student: Float[np.ndarray, " R"], m: int, method: str) -> Quantity:
    """Divide forecast excess risks likewise: the baseline's by the student's."""
    if np.isnan(baseline[0]) or np.isnan(student[0]):
        return _risk_missing("OPR")
    return opr_of(
        float(baseline[0]),
        float(student[0]),
        _reach(baseline, student, (MODEL * float(student[0]),) * 2),
        n=m,
        method=_of_ratio("OPR", method, len(baseline)),
        seen=f"it is forecast to be {student[0]:.3g}",
    )


def _reach(
    over: Float[np.ndarray, " R"], under: Float[np.ndarray, " R"], errors: tuple[float, float]
) -> Reach:
    if len(over) < 3:
        return None
    around = deviations(np.stack([over[1:], under[1:]]))
    return np.asarray(t_quantile(len(over) - 2) ** 2 * (around @ around.T + np.diag(np.square(errors))))


def _of_ratio(name: str, method: str, values: int) -> str:
    return f"{name}, {method}" + ("; Fieller interval" if values > 2 else "")


def _risk_missing(name: str) -> Undefined:
    return Undefined(f"{name} needs a risk that is undefined here", "See the remedy at the risks.")


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

    value = float(values[0])
    error = float(np.sqrt(jackknife_variance(values[1:]) + allowance(value, risk) ** 2))
    usual = SPREAD * max(risk, risk + value)
    if not error > 0:
        return Estimate(float(value > 0), n=m, method=f"probability, {method}")
    # Of a normal difference seen with a normal error, mean and deviation after the fact.
    known = usual / np.hypot(usual, error) if usual > 0 else 0.0
    return Estimate(float(stdtr(groups - 1, known * value / error)), n=m, method=f"probability, {method}")
