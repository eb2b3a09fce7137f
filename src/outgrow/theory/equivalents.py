"""Risks of ridge and minimum-norm fits for any covariances, for grids of settings (docs/theory.md, T4).

Deterministic equivalents: right up to terms of relative order 1/m, exact (T2) without a penalty. What a fit
does depends on the features through their spectra and correlations, and on the target through its variance
and its products with the features; the risks are linear in those products, so unbiased estimates of them
(`outgrow.theory.label_terms`) give unbiased risks. Every setting costs a few sums over directions: the
matrices are multiplied once per teacher, whatever the students.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from outgrow.theory.effective_stage import Stages
from outgrow.theory.finite_pool import (
    PoolShrinkage,
    Shared,
    StrongProducts,
    WeakProducts,
    products_elsewhere,
    shared_dimensions,
)
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
    in_sample: Float[np.ndarray, "R K_w K_s"]
    """Expected squared error on the N unlabelled points, against fresh labels of them."""

    @property
    def error(self) -> Float[np.ndarray, "R K_w K_s"]:
        """Expected squared error on fresh labels: excess risk plus noise variance."""
        return self.bias + self.inherited + self.fresh


def single_risks(stages: Stages, side: Side, target: Target, factor: float = 1.0) -> SingleRisks:
    """Give the risks of one-stage fits: teacher, baseline, ceiling.

    NaN where the expectation is infinite.
    """
    norm, squares = (target.weights @ target.fit_norm)[:, None], side.squares(target.weights)
    signal, mean = _fitted(stages, squares, norm)
    bias = target.variance[:, None] - 2 * signal.sum(axis=0) + mean.sum(axis=0)
    # What is shrunk away grows with the length of a row, noise and misfit do not.
    # Directions that the pool hardly spans stand for next to nothing in it, and for anything in new rows.
    lost = squares.sum(axis=0) @ (stages.carried * (1 - stages.shrink) ** 2).T
    residual = (stages.steady * bias + (stages.growing - stages.steady) * lost) / stages.rest
    variance = factor * residual * stages.gain
    # The intercept moves the whole fit; its share is no part of how the fit varies over points.
    over_points = factor * residual * stages.df2 / stages.spare
    return SingleRisks(bias, variance, signal.sum(axis=0), mean.sum(axis=0) + over_points)


def _fitted(
    stages: Stages, squares: Float[np.ndarray, "3 R d"], norm: Float[np.ndarray, "R 1"]
) -> tuple[Float[np.ndarray, "3 R K"], Float[np.ndarray, "3 R K"]]:
    """Product of the mean fit with the target, and its variance; each of the fit, mixed, and of the rest.

    What lies in the pool leaves residuals on it that are k / kappa times those elsewhere; what does not is
    seen through an inverse that is kappa / k times too large; a product of both is neither (docs/theory.md).
    """
    first, second = squares @ stages.shrink.T, squares @ (stages.shrink**2).T
    back = stages.slope / stages.inflation
    signal, mean = np.empty_like(first), np.empty_like(second)
    signal[0], mean[0] = _elsewhere(stages, norm, first[0], second[0])
    signal[1], mean[1] = first[1], first[1] + stages.inflation * back * (second[1] - first[1])
    signal[2], mean[2] = stages.first * first[2], stages.second * second[2]
    return signal, mean


def _elsewhere(
    stages: Stages,
    norm: Float[np.ndarray, "*#shape"],
    once: Float[np.ndarray, "*#shape"],
    twice: Float[np.ndarray, "*#shape"],
) -> tuple[Float[np.ndarray, "*#shape"], Float[np.ndarray, "*#shape"]]:
    """Take what a fit does to functions over the pool to what it does to them elsewhere."""
    up, back = stages.inflation, stages.slope / stages.inflation
    first = norm - up * (norm - once)
    return first, back * up**2 * (norm - 2 * once + twice) - norm + 2 * first


def student_risks(
    pair: PairSpectra,
    target: Target,
    teachers: Stages,
    students: Stages,
    *,
    pseudo_noise: float = 0.0,
    factors: tuple[float, float, float] = (1.0, 1.0, 1.0),
) -> StudentRisks:
    """Give the risks of students fitted on pseudo-labels, for every teacher with every student.

    NaN where an expectation is infinite.
    """
    rest = single_risks(teachers, target.weak(), target)
    # Residual variance of the teacher per row that counts: the scale of its coefficients' noise.
    residual = rest.variance / teachers.gain
    noise = residual / teachers.spare
    offset = factors[0] * residual / teachers.m if teachers.intercept else 0.0 * noise
    means, seen_noise = _means(pair, target, teachers, students, rest)
    noises = (noise * factors[1], factors[0] * noise, offset)
    return _students(target, students, means, seen_noise, noises, pseudo_noise, factors[2])


def given_teacher_risks(
    pair: PairSpectra, target: Target, teacher: Float[np.ndarray, " d_w"], students: Stages
) -> StudentRisks:
    """Give the risks of students of a teacher that is fixed, not fitted: surrogate-to-target.

    The setting of Ildiz et al. (2024): pseudo-labels of a given linear function of the weak features.
    """
    W, strong = target.weights, target.strong()
    seen, h, h2 = pair.C @ teacher, students.shrink.T, (students.shrink**2).T
    norm = np.full((len(W), 1), teacher @ teacher)
    once, twice = _elsewhere(students, norm, seen**2 @ h, seen**2 @ h2)
    # Its product with the target: what lies in the pool leaves smaller residuals there.
    inside = (W @ (target.fit_w @ teacher))[:, None]
    outside = (W @ ((target.left_w + target.right_w) @ teacher / 2))[:, None]
    signal = inside - students.inflation * (inside - (W @ (strong.fit * seen)) @ h)
    signal = signal + (W @ ((strong.left + strong.right) / 2 * seen)) @ h
    means = _Means(*(x[:, None] for x in (norm, inside + outside, signal, once, twice)))
    none = np.zeros((len(W), 1))
    return _students(target, students, means, (none, none, none), (none, none, none), 0.0, 1.0)


class _Means(NamedTuple):
    """Mean teachers and their mean students, in the population: arrays of shape (R, K_w, K_s)."""

    norm: Float[np.ndarray, "R K_w _"]
    known: Float[np.ndarray, "R K_w _"]
    """The teacher's product with itself and with the target."""
    signal: Float[np.ndarray, "R K_w K_s"]
    """The student's with the target."""
    once: Float[np.ndarray, "R K_w K_s"]
    twice: Float[np.ndarray, "R K_w K_s"]
    """The student's with its teacher and with itself."""


def _means(
    pair: PairSpectra, target: Target, teachers: Stages, students: Stages, fits: SingleRisks
) -> tuple[_Means, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Give mean teachers and students; and norm, once and twice of the teachers' noise, per unit of it."""
    W, weak, strong = target.weights, target.weak(), target.strong()
    h, h2 = students.shrink, students.shrink**2
    C2, bare = pair.C**2, students.bare
    sizes = weak.parts(W)
    pool_met, pool_size = sizes[:2] @ teachers.shrink.T, sizes @ (teachers.shrink**2).T
    fit_norm, own = (W @ target.fit_norm)[:, None], strong.parts(W)
    shape = (len(W), len(teachers.m), len(students.m))
    signal, once, twice = (np.empty(shape) for _ in range(3))
    noise_once, noise_twice = np.empty(shape[1:]), np.empty(shape[1:])
    of_students = PoolShrinkage(
        students.df1, students.df2_here, students.rows, students.inflation, students.slope
    )
    for k, shrink in enumerate(teachers.shrink):
        seen = (C2 @ shrink, C2 @ shrink**2)
        own_stage = (teachers.inflation[[k]], teachers.slope[[k]])
        of_teacher = PoolShrinkage(teachers.df1[[k]], teachers.df2_here[[k]], teachers.rows, *own_stage)
        shared = shared_dimensions(of_teacher, of_students, Shared(*(x @ y for x in (h, h2) for y in seen)))
        noise_once[k], noise_twice[k] = shared.weak_twice, shared.twice
        z = Side(*((side * shrink) @ pair.C.T for side in weak))
        profiles = (own, strong.crossed(z, W), z.parts(W))
        by_h, by_h2 = (StrongProducts(*(x @ g.T for x in profiles)) for g in (h, h2))
        teacher = WeakProducts(fit_norm, pool_met[:, :, k, None], pool_size[:, :, k, None])
        (_, signal[:, k], once[:, k]), (_, _, twice[:, k]) = products_elsewhere(
            of_teacher, of_students, shared, teacher, by_h, by_h2, bare
        )
    norm = fits.bias - target.variance[:, None] + 2 * fits.signal
    means = _Means(norm[:, :, None], fits.signal[:, :, None], signal, once, twice)
    return means, (teachers.df2[:, None], noise_once, noise_twice)


def _students(
    target: Target,
    students: Stages,
    means: _Means,
    seen_noise: tuple[np.ndarray, np.ndarray, np.ndarray],
    noises: tuple[np.ndarray, np.ndarray, np.ndarray],
    pseudo_noise: float,
    factor: float,
) -> StudentRisks:
    norm, known, signal, once, twice = means
    noise_norm, noise_once, noise_twice = seen_noise
    passed, noise, offset = noises
    shape = signal.shape
    bias = target.variance[:, None, None] - 2 * signal + twice
    inherited = passed[:, :, None] * noise_twice
    around = noise[:, :, None] * (noise_norm - 2 * noise_once + noise_twice)
    # Pseudo-labels have no noise of their own: all that is left of them grows with the length of a row.
    residue = (norm - 2 * once + twice + around) * students.growing + pseudo_noise * students.steady
    residue /= students.rest
    over_points = factor * residue * students.df2 / students.spare
    fresh = factor * residue * students.gain
    offset = np.broadcast_to(offset[:, :, None], shape)
    error = bias + inherited + offset + fresh
    # On its own points the student's error towards the labels mixes that of the pseudo-labels with its own.
    own = students.own
    together = once + noise[:, :, None] * noise_once - known - signal + target.variance[:, None, None]
    teacher_error = (
        target.variance[:, None, None]
        - 2 * known
        + norm
        + noise[:, :, None] * noise_norm
        + offset
        + pseudo_noise
    )
    # What makes fresh points exact without a penalty, one row less, does not on the points themselves.
    plain = students.spare + students.bare
    residue *= students.rest / (1 - students.df2 / plain)
    error = error - fresh + factor * residue * (students.df2 + students.intercept) / plain
    in_sample = (1 - own) ** 2 * teacher_error + own**2 * error + 2 * own * (1 - own) * (together + offset)
    return StudentRisks(bias, inherited + offset, fresh, signal, twice + inherited + over_points, in_sample)
