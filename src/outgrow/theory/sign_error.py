"""How often a fit to numeric labels names the wrong class (docs/theory.md, T4, "Classification by sign").

What squared-loss risks are made of, the product of fit and labels and the variance of the fit, forecasts
accuracy too, once something is assumed of where labels come from: a Gaussian score of which only the side of
a threshold is seen, or two classes in each of which the fit is Gaussian. Either way the noise of the labels
need not be known. Students of hard pseudo-labels are students of noisier soft ones, in another unit.
"""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr, ndtri, owens_t

from outgrow.errors import ConfigError, DataError
from outgrow.theory.effective_stage import Stages
from outgrow.theory.equivalents import SingleRisks, StudentRisks, single_risks, student_risks
from outgrow.theory.terms import PairSpectra, Target

Origin: TypeAlias = Literal["classes", "score"]
"""Where binary labels come from: see `sign_error`."""

FARTHEST = 38.0
"""Largest distance of a threshold, in standard deviations: beyond it probabilities round to 0 and 1."""

TINY = 1e-300
"""Stands for a threshold at the mean, where Owen's formula divides zero by zero and its limit is meant."""

HALF_NORMAL = float(np.sqrt(2 / np.pi))
"""Mean of |g| for a standard normal g: product of a Gaussian of unit variance with its own sign."""


def disagreement(
    r: Float[np.ndarray, "*shape"] | float,
    mean: Float[np.ndarray, "*shape"] | float = 0.0,
    other_mean: Float[np.ndarray, "*shape"] | float = 0.0,
) -> Float[np.ndarray, "*shape"]:
    """Give the probability that two jointly Gaussian scores of unit variance have different signs.

    NaN where one of them is NaN.
    """
    r = np.clip(np.asarray(r, dtype=np.float64), -1.0, 1.0)
    h, k = (np.clip(np.asarray(x, dtype=np.float64), -FARTHEST, FARTHEST) for x in (mean, other_mean))
    h, k = (np.where(np.abs(x) < TINY, TINY, x) for x in (h, k))
    # Owen (1956): the normal integral over a quadrant, from two over wedges. The probability that the signs
    # differ is the sum of both marginal ones less twice that of both being positive: all but wedges cancels.
    root = np.sqrt((1 - r) * (1 + r))
    # At r = 1 and -1 the slopes are infinite, and their signs all that counts.
    root = np.maximum(root, TINY)
    with np.errstate(over="ignore"):
        wedges = owens_t(h, (k - r * h) / root / h) + owens_t(k, (h - r * k) / root / k)
    return np.asarray(np.clip(2 * wedges + ((h > 0) != (k > 0)), 0.0, 1.0))


def sign_error(
    risks: SingleRisks | StudentRisks,
    target: Target,
    *,
    share: float = 0.5,
    step: float = 2.0,
    origin: Origin = "classes",
    flip: float = 0.0,
) -> Float[np.ndarray, "*shape"]:
    """Give the share of observed binary labels that fits get wrong on fresh points.

    The fit names the class whose number is nearer to its value. Two models of where labels come from:

    - "classes": in each class the fit is Gaussian, with one variance. The default: it stays sensible
      however well the classes are told apart. Real scores are not Gaussian, and it understates the errors
      of accurate classifiers (benchmarks/accuracy.py): forecasts use `outgrow.theory.margins`.
    - "score": the label is 1 where a Gaussian score exceeds a threshold, and fit and score are jointly
      Gaussian. This is what Gaussian theory is about; the score contains whatever makes equal rows bear
      unequal labels. With a fit that correlates with labels by more than .8 it promises no errors at all.

    Above 20 % of errors they agree within half a point. NaN where the risk is.
    """
    if not 0 < share < 1:
        raise DataError(f"the share of one class must lie between 0 and 1, not at {share}", "accuracy")
    if not (np.isfinite(step) and step > 0):
        raise DataError(f"the classes' numbers must differ by something positive, not {step}", "accuracy")
    if not 0 <= flip < 0.5:
        raise DataError(f"flip must be at least 0 and below 0.5, not {flip}", "accuracy")
    if origin not in get_args(Origin):
        raise ConfigError(f"there is no model {origin!r} of labels", "accuracy", "Take classes or score.")
    size = variance_with_intercept(risks, target)
    # Estimates of the size may be negative: no fit to speak of, and no signal either.
    signal = np.where(size <= 0, 0.0, risks.signal)
    size, middle = np.maximum(size, TINY), step * (share - 0.5)
    if origin == "classes":
        if flip:
            raise ConfigError(
                "flipped labels belong to the model of a score", "accuracy", "Take origin='score'."
            )
        # Distance of the fit's means in the two classes; what is left of its variance is within classes.
        apart = signal / (share * (1 - share) * step)
        sd = np.sqrt(np.maximum(size - share * (1 - share) * apart**2, TINY))
        below, above = middle - share * apart, middle + (1 - share) * apart
        return np.asarray(share * ndtr(-above / sd) + (1 - share) * ndtr(below / sd))
    # Flipped labels are nearer to equal shares than those they were made of.
    kept = (share - flip) / (1 - 2 * flip)
    if not 0 < kept < 1:
        raise DataError(f"a share of {share} is more unequal than {flip} of flipped labels allow", "accuracy")
    threshold = ndtri(kept)
    density = np.exp(-(threshold**2) / 2) / np.sqrt(2 * np.pi)
    sd = np.sqrt(size)
    wrong = disagreement(signal / sd / (step * density * (1 - 2 * flip)), middle / sd, threshold)
    return np.asarray(flip + (1 - 2 * flip) * wrong)


def variance_with_intercept(risks: SingleRisks | StudentRisks, target: Target) -> Float[np.ndarray, "*shape"]:
    """Variance of the fit over points and draws of its training rows.

    A strongly penalized fit varies little over points, and what its intercept is off by may turn its sign.
    """
    variance = target.variance.reshape(-1, *[1] * (risks.signal.ndim - 1))
    offset = risks.error - variance + 2 * risks.signal - risks.size
    return np.asarray(risks.size + np.maximum(offset, 0.0))


def sign_target(
    t_w: Float[np.ndarray, " d_w"],
    t_s: Float[np.ndarray, " d_s"],
    v: float,
    *,
    mean: float = 0.0,
    flip: float = 0.0,
) -> Target:
    """Describe labels -1 and 1 that are the signs of a target, some of them flipped by chance.

    Heads fitted to such labels see a shrunk target and a misfit instead of noise.
    """
    if not (np.isfinite(v) and v > 0):
        raise DataError(f"the target's variance must be positive, not {v}", "accuracy")
    if not 0 <= flip <= 1:
        raise DataError(f"flip must lie between 0 and 1, not at {flip}", "accuracy")
    sd = np.sqrt(v)
    scale = (1 - 2 * flip) * HALF_NORMAL * np.exp(-((mean / sd) ** 2) / 2) / sd
    level = (1 - 2 * flip) * (2 * ndtr(mean / sd) - 1)
    return Target.known(scale * np.asarray(t_w), scale * np.asarray(t_s), 1 - level**2, 0.0)


def hard_student_risks(
    pair: PairSpectra,
    target: Target,
    teachers: Stages,
    students: Stages,
    *,
    factors: tuple[float, float, float] = (1.0, 1.0, 1.0),
) -> StudentRisks:
    """Give the risks of students that are told only the signs of their teachers' scores.

    A sign is the score in another unit, plus a misfit that no linear function of Gaussian features can
    express: 1 - 2 / pi of its variance, whatever the teacher. Classes of equal size are assumed.
    """
    single = single_risks(teachers, target.weak(), target)
    # Risks are linear in the variance of noise on pseudo-labels: two of them tell of any.
    without = student_risks(pair, target, teachers, students, factors=factors)
    unit = student_risks(pair, target, teachers, students, pseudo_noise=1.0, factors=factors)
    teacher = variance_with_intercept(single, target)[:, :, None]
    scale = HALF_NORMAL / np.sqrt(np.where(teacher > 0, teacher, np.nan))
    noise = (1 - HALF_NORMAL**2) / scale**2
    fresh = without.fresh + noise * (unit.fresh - without.fresh)
    size = without.size + noise * (unit.size - without.size)
    near = without.in_sample + noise * (unit.in_sample - without.in_sample)
    # On its points a student keeps part of each sign, and signs agree with labels more than scores do.
    variance, own, known = target.variance[:, None, None], students.own, single.signal[:, :, None]
    near = _rescaled(near, variance, (1 - own) * known + own * without.signal, scale)
    agreed = 1 - 2 * sign_error(single, target, origin="score")[:, :, None]
    return StudentRisks(
        bias=_rescaled(without.bias, variance, without.signal, scale),
        inherited=scale**2 * without.inherited,
        fresh=scale**2 * fresh,
        signal=scale * without.signal,
        size=scale**2 * size,
        in_sample=near - 2 * (1 - own) * (agreed - scale * known),
    )


def _rescaled(
    distance: Float[np.ndarray, "R K_w K_s"],
    variance: Float[np.ndarray, "R 1 1"],
    product: Float[np.ndarray, "R K_w K_s"],
    scale: Float[np.ndarray, "R K_w 1"],
) -> Float[np.ndarray, "R K_w K_s"]:
    """Squared distance of the labels to a multiple of what they are at the given distance of."""
    square = distance - variance + 2 * product
    return np.asarray(variance - 2 * scale * product + scale**2 * square)
