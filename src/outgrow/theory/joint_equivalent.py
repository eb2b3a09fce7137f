"""Risks of the joint student: true labels and pseudo-labels together (docs/theory.md, "Joint student").

Its rows come in two groups of unlike weight: (1 - weight)/n each for the labelled ones, weight/N for the
pool. As in T4 the fit amounts to one effective penalty, of which each group carries a share. New is that a
labelled row meets the student twice, by its label and through the teacher that learnt from it: what it says
the second time is no news, and the noises of teacher and student are correlated. Weight 0 is the baseline,
weight 1 the student of T4, and every risk is linear in the products of the target, as there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from outgrow.errors import DataError
from outgrow.theory.effective_stage import MOST, Stages, checked_fits, effective_stages, halved
from outgrow.theory.equivalents import single_risks
from outgrow.theory.finite_pool import PoolShrinkage
from outgrow.theory.taught_products import TaughtProducts
from outgrow.theory.terms import PairSpectra, Target

Settings = Shaped[np.ndarray, "..."] | float | int
"""One number for all settings, or one for each."""

WEIGHTS = (0.1, 0.25, 0.5, 0.75, 0.9)
"""Weights of the pseudo-labels that are tried; the ends 0 and 1 are baseline and student."""

AT_PEAK = 1e-9
"""Share of its residuals' variance that a fit must leave. Exactly at an interpolation peak it is zero up to
rounding; a risk that is divided by less than this is infinite for all purposes."""


@dataclass(frozen=True)
class JointStages:
    """Fits of one feature set on two groups of rows, for several sizes, weights and penalties."""

    n: Float[np.ndarray, " K"]
    N: Float[np.ndarray, " K"]
    """Labelled and unlabelled rows; N is infinite where it does not matter."""
    weight: Float[np.ndarray, " K"]
    """Of the unlabelled rows."""
    shrink: Float[np.ndarray, "K d"]
    """Factors lambda / (lambda + k) on the eigenvalues given."""
    by_labels: Float[np.ndarray, " K"]
    by_pool: Float[np.ndarray, " K"]
    """Shares of the fit that the two groups carry. Their sum is 1; with intercepts, what is missing is the
    share of one more row of pseudo-labels, the difference of the groups' means."""
    bare: Bool[np.ndarray, " K"]
    """Whether nothing is penalised and nothing interpolated."""
    rows: float | int
    """Rows behind the eigenvalues, less one; infinite for a population."""
    intercept: bool
    """Whether intercepts are fitted."""

    def gains(self) -> tuple[Float[np.ndarray, " K"], Float[np.ndarray, " K"]]:
        """Give the variances of the fit by labels and by the pool.

        Returns per unit of residual variance and of df2. Rows are counted less one for an intercept, and less
        one more where nothing is penalised (T4), of which each group bears its share.
        """
        lost_n, lost_N = (self.intercept + self.bare * share for share in (self.by_labels, self.by_pool))
        between = 1 - self.by_labels - self.by_pool
        return (
            self.by_labels**2 / (self.n - lost_n),
            self.by_pool**2 / (self.N - lost_N) + between**2,
        )


def joint_stages(
    values: Float[np.ndarray, " d"],
    n: Shaped[np.ndarray, " K"],
    N: Shaped[np.ndarray, " K"],
    alpha: Shaped[np.ndarray, " K"],
    weight: Shaped[np.ndarray, " K"],
    *,
    rows: float | int = np.inf,
    intercept: bool = True,
) -> JointStages:
    """Find the effective penalties of fits on labelled and unlabelled rows together.

    NaN in the factors of a fit whose expectation is infinite, or that the rows behind the covariance cannot
    tell.
    """
    n, N, weight = (np.asarray(x, dtype=np.float64) for x in (n, N, weight))
    if not ((weight >= 0) & (weight <= 1)).all():
        raise DataError("weights of pseudo-labels must lie between 0 and 1", "theory")
    N = np.where(weight == 0, np.inf, N)
    values, _, alpha = checked_fits(values, np.minimum(n, N), alpha, rows)
    limit = rows - intercept
    k, bare = _penalty(values, n, N, alpha, weight, limit, intercept)
    shrink = values / (values + k[:, None])
    df1 = shrink.sum(axis=1)
    scale = _scale(n, N, weight, df1 + intercept)
    by_labels = _share((1 - weight) * (1 - intercept / n), scale + (1 - weight) * df1 / n)
    by_pool = _share(weight * (1 - intercept / N), scale + weight * df1 / N)
    pool = PoolShrinkage(df1, np.sum(shrink**2, axis=1), limit)
    stages = JointStages(n, N, weight, shrink, by_labels, by_pool, bare, limit, intercept)
    with np.errstate(divide="ignore", invalid="ignore"):
        on_labels, on_pool = stages.gains()
        rest = 1 - pool.df2 * (on_labels + on_pool)
        sound = np.isfinite(k) & (rest > AT_PEAK) & (pool.inflation > 0) & (pool.inflation < MOST)
    shrink[~sound] = np.nan
    return stages


def _scale(
    n: Float[np.ndarray, " K"],
    N: Float[np.ndarray, " K"],
    weight: Float[np.ndarray, " K"],
    df: Shaped[np.ndarray, " K"],
) -> Float[np.ndarray, " K"]:
    """Alpha over kappa: the root of (1-w)/(c + (1-w) df/n) + w/(c + w df/N) = 1."""
    a, b = (1 - weight) * df / n, weight * df / N
    # Of c^2 - (1 - a - b) c - product: the product is taken as such, since both groups nearly interpolated
    # leave nothing of it, and the root without a difference of equals.
    product = weight * (1 - weight) * df * (1 / N + (1 - df / N) / n)
    linear = 1 - a - b
    root = np.sqrt(np.maximum(linear**2 + 4 * product, 0.0))
    rising = (linear + root) / 2
    falling = 2 * product / np.maximum(root - linear, 1e-300)
    return np.where(linear > 0, rising, falling)


def _share(weight: Float[np.ndarray, " K"], whole: Float[np.ndarray, " K"]) -> Float[np.ndarray, " K"]:
    return np.divide(weight, whole, out=np.zeros_like(weight), where=weight > 0)


def _penalty(
    values: Float[np.ndarray, " d"],
    n: Float[np.ndarray, " K"],
    N: Float[np.ndarray, " K"],
    alpha: Float[np.ndarray, " K"],
    weight: Float[np.ndarray, " K"],
    limit: float | int,
    intercept: bool,
) -> tuple[Float[np.ndarray, " K"], Bool[np.ndarray, " K"]]:
    """Solve alpha = k c / (1 - df1 / M) for k by halving; NaN where there is no solution."""
    least = np.minimum(np.where(weight < 1, n, np.inf), N)

    def excess(log_k: Float[np.ndarray, " K"]) -> Float[np.ndarray, " K"]:
        k = np.exp(log_k)
        df = np.sum(values / (values + k[:, None]), axis=1)
        value = k * _scale(n, N, weight, df + intercept) / np.maximum(1 - df / limit, 1e-300) - alpha
        # A pool of fewer rows than degrees of freedom: the penalty must be larger.
        return np.where(df < limit, value, -1.0)

    # c is at least 1 - df / (the smaller group).
    high = np.log((alpha + values.sum() / least) / (1 - intercept / least))
    k = halved(excess, values, high)
    fitted = len(values) + intercept
    whole = np.where(weight == 0, n, np.where(weight == 1, N, n + N))
    bare = (alpha == 0) & (fitted < whole) & (len(values) < limit)
    return np.where(bare, 0.0, k), bare


@dataclass(frozen=True)
class JointRisks:
    """Joint students: expected squared error on fresh labels, and its parts."""

    bias: Float[np.ndarray, "R K"]
    """Error of the mean student, label noise included."""
    labels: Float[np.ndarray, "R K"]
    """Variance over draws of the labelled rows, of the mean student over pools: directly and through the
    teacher."""
    pool: Float[np.ndarray, "R K"]
    """Variance over draws of the pool, labels held."""

    @property
    def error(self) -> Float[np.ndarray, "R K"]:
        """Expected squared error on fresh labels: excess risk plus noise variance."""
        return self.bias + self.labels + self.pool


def joint_risks(
    pair: PairSpectra,
    target: Target,
    *,
    n: Settings,
    alpha_w: Settings,
    N: Settings,
    alpha_s: Settings,
    weight: Settings,
    intercept: bool = True,
) -> JointRisks:
    """Give the risks of joint students for K settings.

    The student minimises (1 - weight) times the mean squared error on the n true labels, plus weight times
    that on the N pseudo-labels, plus alpha_s times its squared norm; its teacher is fitted on the same n
    labels with penalty alpha_w. NaN where an expectation is infinite.
    """
    n, alpha_w, N, alpha_s, weight = np.broadcast_arrays(
        *(np.atleast_1d(np.asarray(x, dtype=np.float64)) for x in (n, alpha_w, N, alpha_s, weight))
    )
    asked, student = np.unique(np.stack([n, N, alpha_s, weight]), axis=1, return_inverse=True)
    taught, teacher = np.unique(np.stack([n, alpha_w]), axis=1, return_inverse=True)
    students = joint_stages(pair.values_s, *asked, rows=float(pair.rows), intercept=intercept)
    teachers = effective_stages(pair.values_w, *taught, rows=float(pair.rows), intercept=intercept)
    meeting = _Meeting(pair, target, teachers, students)
    parts = np.empty((3, len(target.variance), len(n)))
    for one in range(len(teachers.m)):
        where = np.flatnonzero(teacher == one)
        parts[:, :, where] = meeting.risks(one, student[where])
    return JointRisks(*parts)


class _Meeting:
    """All teachers and students of a call."""

    def __init__(self, pair: PairSpectra, target: Target, teachers: Stages, students: JointStages) -> None:
        self.target, self.teachers, self.students = target, teachers, students
        self.taught = TaughtProducts(pair, target, teachers)
        fits = single_risks(teachers, target.weak(), target)
        self.met, self.residual = fits.signal, fits.bias / teachers.rest
        # Variance of the mean fit: what bias leaves of it.
        self.size = fits.bias - target.variance[:, None] + 2 * fits.signal

    def risks(self, one: int, which: Int[np.ndarray, " k"]) -> tuple[Float[np.ndarray, "R k"], ...]:
        """Give bias, and variance by labels and by the pool, of one teacher's students."""
        s, t = self.students, self.teachers
        h, alone = s.shrink[which], s.weight[which] == 0
        strong = PoolShrinkage(h.sum(axis=1), np.sum(h**2, axis=1), s.rows)
        shared, (tt, tz, zz), (tt2, tz2, zz2) = self.taught.through(one, h, strong, s.bare[which])
        size, met, R_w = self.size[:, [one]], self.met[:, [one]], self.residual[:, [one]]
        k = np.array([shared.once, shared.weak_twice, shared.strong_twice, shared.twice]) / t.spare[one]
        degrees = np.full(len(which), t.df2[one] / t.spare[one])
        # A student without pseudo-labels has no teacher, so it may be one without a finite risk.
        tz, tz2, zz, zz2, size, met, R_w, k, degrees = (
            np.where(alone, 0.0, x) for x in (tz, tz2, zz, zz2, size, met, R_w, k, degrees)
        )
        return self._solve(which, strong.df2, (tt, tz, zz), (tt2, tz2, zz2), (size, met, R_w, degrees), k)

    def _solve(
        self,
        which: Int[np.ndarray, " k"],
        df2: Float[np.ndarray, " k"],
        once: tuple[Float[np.ndarray, "R k"], ...],
        twice: tuple[Float[np.ndarray, "R k"], ...],
        teacher: tuple[np.ndarray, ...],
        k: Float[np.ndarray, "4 k"],
    ) -> tuple[Float[np.ndarray, "R k"], ...]:
        s = self.students
        (tt, tz, zz), (tt2, tz2, zz2) = once, twice
        norm, met, R_w, degrees = teacher
        k1, k1w, k1s, k2 = k
        L = s.by_labels[which]
        U = 1 - L
        V = self.target.variance[:, None]

        # What a labelled row says through the teacher is taken out of its own score, times b.
        b = U * k1 / (1 - L * k1)
        x = L * (1 - b)
        y = 1 - x
        # Means: the student is H (x t_s + y z), z what its features see of the mean teacher.
        signal, with_teacher = x * tt + y * tz, x * tz + y * zz
        size = x**2 * tt2 + 2 * x * y * tz2 + y**2 * zz2
        B_s, B_sw = V - 2 * signal + size, V - signal - met + with_teacher
        B_p = norm - 2 * with_teacher + size

        # Residuals of fresh rows: R_w the teacher's, R_sw its product with the student's, R_p the student's
        # on pseudo-labels, R_l its score on labels. Each is its mean part plus noise made of residuals.
        R_sw = (B_sw + y * k1w * R_w - L * k1 * b * R_w) / (1 - L * k1)
        mutual = R_sw - B_sw
        cross = 2 * y * L * k1s * (R_sw - b * R_w)
        g_labels, g_pool = (df2 * gain[which] for gain in s.gains())
        mixed = B_s - 2 * b * R_sw + b**2 * R_w
        imitation = B_p + degrees * R_w - 2 * mutual
        by_teacher = y**2 * k2 * R_w + cross
        noise = (by_teacher + g_labels * mixed + g_pool * imitation) / (1 - g_labels - g_pool)
        R_p, R_l = imitation + noise, mixed + noise
        # The same for the mean over pools, labels held: what is left of the noise varies with the pool.
        R_l_mean = mixed + (by_teacher + g_labels * mixed) / (1 - g_labels)

        labels = by_teacher + g_labels * R_l_mean
        pool = g_labels * (R_l - R_l_mean) + g_pool * R_p
        if s.intercept:
            # One more direction, which both feature sets hold, free of penalties; it moves the whole fit.
            n, N = s.n[which], s.N[which]
            by_teacher = y**2 * R_w + 2 * y * L * (R_sw - b * R_w)
            labels = labels + (by_teacher + L**2 * R_l_mean) / n
            pool = pool + L**2 * (R_l - R_l_mean) / n + U**2 * R_p / N
        return B_s, labels, pool
