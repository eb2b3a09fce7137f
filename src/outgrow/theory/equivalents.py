"""Risks of ridge and minimum-norm fits for any covariances, for grids of settings (docs/theory.md, T4).

Deterministic equivalents: right up to terms of relative order 1/m, exact (T2) without a penalty. What a fit
does depends on the features through their spectra and correlations, and on the target through its variance
and its products with the features; the risks are linear in those products, so unbiased estimates of them
(`outgrow.theory.label_terms`) give unbiased risks. Every setting costs a few sums over directions: the
matrices are multiplied once per teacher, whatever the students.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from outgrow.theory.effective_stage import Stages
from outgrow.theory.taught_products import TaughtProducts
from outgrow.theory.terms import PairSpectra, Side, Target


@dataclass(frozen=True)
class SingleRisks:
    """One-stage fits: expected squared error on fresh labels, and its parts."""

    bias: Float[np.ndarray, "R K"]
    """Error of the mean fit, label noise included."""
    variance: Float[np.ndarray, "R K"]
    """What is left: noise and misfit carried over."""
    signal: Float[np.ndarray, "R K"]
    """Product of fit and labels, centred."""
    size: Float[np.ndarray, "R K"]
    """Variance of the fit over points."""

    @property
    def error(self) -> Float[np.ndarray, "R K"]:
        """Expected squared error on fresh labels: excess risk plus noise variance."""
        return self.bias + self.variance


@dataclass(frozen=True)
class StudentRisks:
    """Students of several teachers: expected squared error on fresh labels, and its parts."""

    bias: Float[np.ndarray, "R K_w K_s"]
    """Error of the mean student, label noise included."""
    inherited: Float[np.ndarray, "R K_w K_s"]
    """Variance taken over from the teacher: of the labels drawn."""
    fresh: Float[np.ndarray, "R K_w K_s"]
    """Variance of its own: of the unlabelled rows drawn."""
    signal: Float[np.ndarray, "R K_w K_s"]
    size: Float[np.ndarray, "R K_w K_s"]
    """As for `SingleRisks`."""

    @property
    def error(self) -> Float[np.ndarray, "R K_w K_s"]:
        """Expected squared error on fresh labels: excess risk plus noise variance."""
        return self.bias + self.inherited + self.fresh


def single_risks(stages: Stages, side: Side, target: Target) -> SingleRisks:
    """Give the risks of one-stage fits: teacher, baseline, ceiling.

    NaN where the expectation is infinite.
    """
    norm, squares = (target.weights @ target.fit_norm)[:, None], side.squares(target.weights)
    signal, mean = _fitted(stages, squares, norm)
    bias = target.variance[:, None] - 2 * signal + mean
    # What is shrunk away grows with the length of a row, noise and misfit do not.
    # Directions that the pool hardly spans stand for next to nothing in it, and for anything in new rows.
    lost = squares.sum(axis=0) @ (stages.carried * (1 - stages.shrink) ** 2).T
    residual = (stages.steady * bias + (stages.growing - stages.steady) * lost) / stages.rest
    # The intercept moves the whole fit; its share is no part of how the fit varies over points.
    over_points = residual * stages.df2 / stages.spare
    return SingleRisks(bias, residual * stages.gain, signal, mean + over_points)


def _fitted(
    stages: Stages, squares: Float[np.ndarray, "3 R d"], norm: Float[np.ndarray, "R 1"]
) -> tuple[Float[np.ndarray, "R K"], Float[np.ndarray, "R K"]]:
    """Product of the mean fit with the target, and its variance.

    What lies in the pool leaves residuals on it that are k / kappa times those elsewhere; what does not is
    seen through an inverse that is kappa / k times too large; a product of both is neither (docs/theory.md).
    """
    first, second = squares @ stages.shrink.T, squares @ (stages.shrink**2).T
    up, back = stages.inflation, stages.slope / stages.inflation
    of_fit = norm - up * (norm - first[0])
    signal = of_fit + first[1] + stages.first * first[2]
    mean = back * up**2 * (norm - 2 * first[0] + second[0]) - norm + 2 * of_fit
    mixed = first[1] + up * back * (second[1] - first[1])
    return signal, mean + mixed + stages.second * second[2]


def student_risks(pair: PairSpectra, target: Target, teachers: Stages, students: Stages) -> StudentRisks:
    """Give the risks of students fitted on pseudo-labels, for every teacher with every student.

    NaN where an expectation is infinite.
    """
    fits = single_risks(teachers, target.weak(), target)
    shape = (len(target.weights), len(teachers.m), len(students.m))
    # The mean student's products: with the target, with its teacher and with itself.
    signal, once, twice = (np.empty(shape) for _ in range(3))
    # The last two of the teacher's noise, per unit of it.
    noise_once, noise_twice = np.empty(shape[1:]), np.empty(shape[1:])
    taught = TaughtProducts(pair, target, teachers)
    for k in range(len(teachers.m)):
        shared, (_, signal[:, k], once[:, k]), (_, _, twice[:, k]) = taught.through(
            k, students.shrink, students, students.bare
        )
        noise_once[k], noise_twice[k] = shared.weak_twice, shared.twice
    # Residual variance of the teacher, and per row that counts: the scale of its coefficients' noise.
    residual = (fits.variance / teachers.gain)[:, :, None]
    noise = residual / teachers.spare[:, None]
    size = fits.bias - target.variance[:, None] + 2 * fits.signal
    bias = target.variance[:, None, None] - 2 * signal + twice
    around = noise * (teachers.df2[:, None] - 2 * noise_once + noise_twice)
    # Pseudo-labels have no noise of their own: all that is left of them grows with the length of a row.
    left = (size[:, :, None] - 2 * once + twice + around) * students.growing / students.rest
    inherited = noise * noise_twice
    over_points = inherited + left * students.df2 / students.spare
    if teachers.intercept:
        inherited = inherited + residual / teachers.m[:, None]
    return StudentRisks(bias, inherited, left * students.gain, signal, twice + over_points)
