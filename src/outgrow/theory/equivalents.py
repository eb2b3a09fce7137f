"""Risks of ridge and minimum-norm fits for any covariances, for grids of settings (docs/theory.md, T4).

Deterministic equivalents: right up to terms of relative order 1/m, exact (T2) without a penalty. What a fit
does depends on the features through their spectra and correlations, and on the target through its variance
and its products with the features; the risks are linear in those products, so unbiased estimates of them
(`outgrow.theory.label_terms`) give unbiased risks. Every setting costs a few sums over directions: the
matrices are multiplied once per teacher, whatever the students.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from outgrow.errors import DataError
from outgrow.theory.effective_stage import Stages


@dataclass(frozen=True, kw_only=True)
class PairSpectra:
    """What two feature sets share, whitened by their own covariances.

    Parameters
    ----------
    values_w : array of shape (d_w,)
        Positive eigenvalues of the weak covariance.
    values_s : array of shape (d_s,)
        Positive eigenvalues of the strong covariance.
    C : array of shape (d_s, d_w)
        Correlations of whitened strong with whitened weak directions.
    rows : float
        Rows that all of it was measured on, mean taken off; infinite for a population.
    """

    values_w: Float[np.ndarray, " d_w"]
    values_s: Float[np.ndarray, " d_s"]
    C: Float[np.ndarray, "d_s d_w"]
    rows: float = np.inf

    def __post_init__(self) -> None:
        if self.C.shape != (len(self.values_s), len(self.values_w)):
            raise DataError(
                f"correlations of shape {self.C.shape} do not belong to {len(self.values_s)} strong and"
                f" {len(self.values_w)} weak directions",
                "theory",
            )


@dataclass(frozen=True, kw_only=True)
class Target:
    """A target through its covariances with whitened directions, as estimates that risks are linear in.

    The covariances of a pair p are those of a function that lies in the features' span, taken over the rows
    behind the spectra (`fit`), plus what is left of the target, estimated twice from other rows (`left`,
    `right`). A product of covariances i and j is the sum over pairs of weights[r, p] times the product of
    (fit + left)[p, i] and (fit + right)[p, j], made symmetric. Several columns of labels are further pairs.

    Parameters
    ----------
    fit_w, left_w, right_w : array of shape (P, d_w)
        Covariances with the weak directions.
    fit_s, left_s, right_s : array of shape (P, d_s)
        Covariances with the strong directions.
    fit_norm : array of shape (P,)
        Variances of the functions `fit` over those rows.
    weights : array of shape (R, P)
        One row for the estimate, further ones for its replicates.
    variance : array of shape (R,)
        Variance of the labels, noise included, summed over their columns.
    sigma2 : float or None
        Variance of the label noise where it is known: test errors become excess risks.
    """

    fit_w: Float[np.ndarray, "P d_w"]
    left_w: Float[np.ndarray, "P d_w"]
    right_w: Float[np.ndarray, "P d_w"]
    fit_s: Float[np.ndarray, "P d_s"]
    left_s: Float[np.ndarray, "P d_s"]
    right_s: Float[np.ndarray, "P d_s"]
    fit_norm: Float[np.ndarray, " P"]
    weights: Float[np.ndarray, "R P"]
    variance: Float[np.ndarray, " R"]
    sigma2: float | None = None

    @classmethod
    def known(
        cls, t_w: Float[np.ndarray, " d_w"], t_s: Float[np.ndarray, " d_s"], v: float, sigma2: float
    ) -> Target:
        """Describe a target whose population moments are known.

        Parameters
        ----------
        t_w : array of shape (d_w,)
            Covariance of the target and the whitened weak directions.
        t_s : array of shape (d_s,)
            The same of the strong ones.
        v : float
            Variance of the target without noise.
        sigma2 : float
            Variance of the label noise.

        Returns
        -------
        Target
            One pair, one replicate.
        """
        w, s = np.atleast_2d(np.asarray(t_w, dtype=float)), np.atleast_2d(np.asarray(t_s, dtype=float))
        return cls(
            fit_w=0 * w,
            left_w=w,
            right_w=w,
            fit_s=0 * s,
            left_s=s,
            right_s=s,
            fit_norm=np.zeros(1),
            weights=np.ones((1, 1)),
            variance=np.array([float(v) + sigma2]),
            sigma2=float(sigma2),
        )

    def weak(self) -> Side:
        """Give the covariances with the weak directions."""
        return Side(self.fit_w, self.left_w, self.right_w)

    def strong(self) -> Side:
        """Give the covariances with the strong directions."""
        return Side(self.fit_s, self.left_s, self.right_s)


class Side(NamedTuple):
    """The covariances of a target with one feature set, or what a fit makes of them.

    Parameters
    ----------
    fit, left, right : array of shape (P, d)
        As in `Target`.
    """

    fit: Float[np.ndarray, "P d"]
    left: Float[np.ndarray, "P d"]
    right: Float[np.ndarray, "P d"]

    def map(self, function: Callable[[np.ndarray], np.ndarray]) -> Side:
        """Apply a linear function of the covariances to all three."""
        return Side(*(function(side) for side in self))

    def squares(self, weights: Float[np.ndarray, "R P"]) -> Float[np.ndarray, "3 R d"]:
        """Products of every covariance with itself: of the fit, of fit and rest, of the rest."""
        mixed = self.fit * (self.left + self.right)
        return np.stack([weights @ (self.fit**2), weights @ mixed, weights @ (self.left * self.right)])


@dataclass(frozen=True)
class SingleRisks:
    """One-stage fits: expected squared error on fresh labels, and its parts.

    Parameters
    ----------
    bias : array of shape (R, K)
        Error of the mean fit, label noise included.
    variance : array of shape (R, K)
        What is left: noise and misfit carried over.
    signal : array of shape (R, K)
        Product of fit and labels, centred.
    size : array of shape (R, K)
        Variance of the fit over points.
    """

    bias: Float[np.ndarray, "R K"]
    variance: Float[np.ndarray, "R K"]
    signal: Float[np.ndarray, "R K"]
    size: Float[np.ndarray, "R K"]

    @property
    def error(self) -> Float[np.ndarray, "R K"]:
        """Expected squared error on fresh labels: excess risk plus noise variance."""
        return self.bias + self.variance


@dataclass(frozen=True)
class StudentRisks:
    """Students of several teachers: expected squared error on fresh labels, and its parts.

    Parameters
    ----------
    bias : array of shape (R, K_w, K_s)
        Error of the mean student, label noise included.
    inherited : array of shape (R, K_w, K_s)
        Variance taken over from the teacher: of the labels drawn.
    fresh : array of shape (R, K_w, K_s)
        Variance of its own: of the unlabelled rows drawn.
    signal, size : array of shape (R, K_w, K_s)
        As for `SingleRisks`.
    in_sample : array of shape (R, K_w, K_s)
        Expected squared error on the N unlabelled points, against fresh labels of them.
    """

    bias: Float[np.ndarray, "R K_w K_s"]
    inherited: Float[np.ndarray, "R K_w K_s"]
    fresh: Float[np.ndarray, "R K_w K_s"]
    signal: Float[np.ndarray, "R K_w K_s"]
    size: Float[np.ndarray, "R K_w K_s"]
    in_sample: Float[np.ndarray, "R K_w K_s"]

    @property
    def error(self) -> Float[np.ndarray, "R K_w K_s"]:
        """Expected squared error on fresh labels: excess risk plus noise variance."""
        return self.bias + self.inherited + self.fresh


def single_risks(stages: Stages, side: Side, target: Target, factor: float = 1.0) -> SingleRisks:
    """Give the risks of one-stage fits: teacher, baseline, ceiling.

    Parameters
    ----------
    stages : Stages
        The fits.
    side : Side
        The target's covariances with their features: `target.weak()` or `target.strong()`.
    target : Target
        Weights and variance.
    factor : float
        By which non-Gaussian features change the variance (T2's sandwich); 1 for Gaussian ones.

    Returns
    -------
    SingleRisks
        For every replicate and fit; NaN where the expectation is infinite.

    Examples
    --------
    >>> from outgrow.theory.effective_stage import effective_stages
    >>> world = Target.known(np.array([1.0, 0, 0]), np.zeros(1), v=1.5, sigma2=0.5)
    >>> fit = effective_stages(np.ones(3), np.array([13]), np.zeros(1), intercept=False)
    >>> single_risks(fit, world.weak(), world).error.round(4)  # rho + sigma2 = 1, d/(n-d-1) = 1/3
    array([[1.3333]])
    """
    norm = (target.weights @ target.fit_norm)[:, None]
    signal, mean = _fitted(stages, side.squares(target.weights), norm)
    bias = target.variance[:, None] - 2 * signal.sum(axis=0) + mean.sum(axis=0)
    variance = factor * bias / stages.rest * stages.gain
    # The intercept moves the whole fit; its share is no part of how the fit varies over points.
    over_points = factor * bias / stages.rest * stages.df2 / stages.spare
    return SingleRisks(bias, variance, signal.sum(axis=0), mean.sum(axis=0) + over_points)


def _fitted(
    stages: Stages, squares: Float[np.ndarray, "3 R d"], norm: Float[np.ndarray, "R 1"]
) -> tuple[Float[np.ndarray, "3 R K"], Float[np.ndarray, "3 R K"]]:
    """Product of the mean fit with the target, and its variance; each of the fit, mixed, and of the rest.

    What lies in the pool leaves residuals on it that are k / kappa times those elsewhere; what does not is
    seen through an inverse that is kappa / k times too large; a product of both is neither (docs/theory.md).
    """
    first, second = squares @ stages.shrink.T, squares @ (stages.shrink**2).T
    back = 1 - stages.df2 / stages.rows
    signal, mean = np.empty_like(first), np.empty_like(second)
    signal[0], mean[0] = _elsewhere(stages, norm, first[0], second[0])
    signal[1], mean[1] = first[1], first[1] + stages.inflation * back * (second[1] - first[1])
    signal[2], mean[2] = stages.first * first[2], stages.second * second[2]
    return signal, mean


def _elsewhere(
    stages: Stages,
    norm: Float[np.ndarray, "*shape"],
    once: Float[np.ndarray, "*shape"],
    twice: Float[np.ndarray, "*shape"],
) -> tuple[Float[np.ndarray, "*shape"], Float[np.ndarray, "*shape"]]:
    """Take what a fit does to functions over the pool to what it does to them elsewhere."""
    up, back = stages.inflation, 1 - stages.df2 / stages.rows
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

    Parameters
    ----------
    pair : PairSpectra
        The feature sets.
    target : Target
        The target.
    teachers : Stages
        K_w fits of the weak features on labels.
    students : Stages
        K_s fits of the strong features on pseudo-labels.
    pseudo_noise : float
        Variance of noise added to the pseudo-labels.
    factors : tuple of float
        By which non-Gaussian features change the teacher's, the inherited and the fresh variance.

    Returns
    -------
    StudentRisks
        NaN where an expectation is infinite.
    """
    rest = single_risks(teachers, target.weak(), target)
    # Residual variance of the teacher per row that counts: the scale of its coefficients' noise.
    noise = rest.bias / teachers.rest / teachers.spare
    offset = factors[0] * rest.bias / teachers.rest / teachers.m if teachers.intercept else 0.0 * noise
    return _students(
        pair,
        target,
        teachers,
        students,
        noise * factors[1],
        factors[0] * noise,
        offset,
        pseudo_noise,
        factors[2],
    )


def given_teacher_risks(
    pair: PairSpectra, target: Target, teacher: Float[np.ndarray, " d_w"], students: Stages
) -> StudentRisks:
    """Give the risks of students of a teacher that is fixed, not fitted: surrogate-to-target.

    The setting of Ildiz et al. (2024): pseudo-labels of a given linear function of the weak features.

    Parameters
    ----------
    pair : PairSpectra
        The feature sets.
    target : Target
        The target.
    teacher : array of shape (d_w,)
        Whitened coefficients of the teacher.
    students : Stages
        K_s fits of the strong features on its pseudo-labels.

    Returns
    -------
    StudentRisks
        With K_w = 1 and nothing inherited.
    """
    replicates = len(target.variance)
    fixed = replace(
        target,
        fit_w=np.broadcast_to(teacher, target.fit_w.shape),
        left_w=np.zeros_like(target.left_w),
        right_w=np.zeros_like(target.right_w),
    )
    one = np.ones(1)
    whole = Stages(one, 0 * one, np.ones((1, len(teacher))), one, 0 * one, one, one, one, one, np.inf, False)
    none = np.zeros((replicates, 1))
    return _students(pair, fixed, whole, students, none, none, none, 0.0, 1.0)


def _students(
    pair: PairSpectra,
    target: Target,
    teachers: Stages,
    students: Stages,
    passed: Float[np.ndarray, "R K_w"],
    noise: Float[np.ndarray, "R K_w"],
    offset: Float[np.ndarray, "R K_w"],
    pseudo_noise: float,
    factor: float,
) -> StudentRisks:
    W, limit = target.weights, students.rows
    shape = (len(W), len(teachers.m), len(students.m))
    h, h2 = students.shrink.T, (students.shrink**2).T
    weak, strong, C2 = target.weak(), target.strong(), pair.C**2

    # Products of the mean teacher, as strong directions see it: with itself, and with the target.
    imitated, crossed = np.empty((*shape[:2], len(h))), np.empty((3, *shape[:2], len(h)))
    for k, shrink in enumerate(teachers.shrink):
        seen = Side(*((side * shrink) @ pair.C.T for side in weak))
        imitated[:, k] = seen.squares(W).sum(axis=0)
        both = seen.left + seen.right
        crossed[0, :, k] = W @ (strong.fit * (seen.fit + both / 2))
        crossed[1, :, k] = W @ ((strong.left + strong.right) * seen.fit / 2)
        crossed[2, :, k] = W @ ((strong.left * seen.right + strong.right * seen.left) / 2)

    # The mean teacher over the pool, and over the population.
    squares = weak.squares(W)
    here, here2 = squares @ teachers.shrink.T, squares @ (teachers.shrink**2).T
    fit_norm = (W @ target.fit_norm)[:, None]
    met, size = _fitted(teachers, squares, fit_norm)
    within, size = here2.sum(axis=0)[:, :, None], size.sum(axis=0)[:, :, None]
    once, twice = _elsewhere(students, within, imitated @ h, imitated @ h2)
    scale = np.divide(size, within, out=np.ones_like(size), where=within > 0)
    once, twice, norm = scale * once, scale * twice, size
    # Its product with the target, of which the fit lies in the pool too.
    inside = (here[0] + here[1] / 2)[:, :, None]
    scale = np.divide((met[0] + met[1] / 2)[:, :, None], inside, out=np.ones_like(inside), where=inside > 0)
    shared = ((C2 @ teachers.shrink.T).T) @ h
    signal = scale * (inside - students.inflation * (inside - crossed[0] @ h))
    signal = signal + crossed[1] @ h + (1 - shared / limit) * (crossed[2] @ h)

    # The same of the teacher's noise, per unit of residual variance.
    seen_noise = (C2 @ (teachers.shrink**2).T).T
    seen_noise *= (teachers.df2 / np.maximum(teachers.df2_here, 1e-300))[:, None]
    noise_norm = teachers.df2[:, None] * np.ones(shape[2])
    noise_once, noise_twice = _elsewhere(students, noise_norm, seen_noise @ h, seen_noise @ h2)

    bias = target.variance[:, None, None] - 2 * signal + twice
    inherited = passed[:, :, None] * noise_twice
    around = noise[:, :, None] * (noise_norm - 2 * noise_once + noise_twice)
    residue = (norm - 2 * once + twice + around + pseudo_noise) / students.rest
    over_points = factor * residue * students.df2 / students.spare
    fresh = factor * residue * students.gain
    offset = np.broadcast_to(offset[:, :, None], shape)
    error = bias + inherited + offset + fresh
    # On its own points the student's error towards the labels mixes that of the pseudo-labels with its own.
    own, known = students.own, met.sum(axis=0)[:, :, None]
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
    plain = students.spare + (students.shrink.min(axis=1) == 1)
    residue *= students.rest / (1 - students.df2 / plain)
    error = (
        error - fresh + factor * residue * (students.gain + students.df2 * (1 / plain - 1 / students.spare))
    )
    in_sample = (1 - own) ** 2 * teacher_error + own**2 * error + 2 * own * (1 - own) * (together + offset)
    return StudentRisks(bias, inherited + offset, fresh, signal, twice + inherited + over_points, in_sample)
