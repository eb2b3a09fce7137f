"""Accuracy of every route at any design, from the moments of theory and the shape of held-out scores.

Gaussian scores within classes would understate the errors of accurate classifiers by up to half: the rows
that are hard lie far out. So the labelled rows are scored by fits without their fold, at the penalty that
shrinks as much as the fit forecast, and these scores take the place of the normal distribution
(`outgrow.theory.margins`). The jackknife leaves out the same folds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from outgrow.forecasts.forecast import Forecast
from outgrow.intervals.replicates import interval
from outgrow.linalg.ridge_path import RidgePath
from outgrow.results import Estimate, Quantity, Undefined
from outgrow.theory.effective_stage import Stages
from outgrow.theory.equivalents import SingleRisks, StudentRisks, single_risks, student_risks
from outgrow.theory.margins import empirical_error, variance_with_intercept
from outgrow.theory.terms import Side

SENSITIVITY = 3.0
"""Percent of an error rate that a percent of squared error is worth: from 2,000 labels of the parity of
MNIST's digits, where the jackknife leaves little, error rates were off by 5 % (root mean square over routes
and n), three times what is allowed for the equivalents themselves."""


@dataclass(frozen=True)
class LabelledRows:
    """The rows that a forecast was made from: whitened features, coded labels, folds of the jackknife."""

    Z_w: Float[np.ndarray, "m d_w"]
    Z_s: Float[np.ndarray, "m d_s"]
    y: Float[np.ndarray, "m k"]
    folds: Int[np.ndarray, " m"]

    @cached_property
    def members(self) -> list[Int[np.ndarray, " _"]]:
        """Rows of every fold."""
        return [np.flatnonzero(self.folds == fold) for fold in np.unique(self.folds)]


class AccuracyForecast:
    """Shares of new labels that routes name right, by one forecast and the rows behind it."""

    def __init__(self, one: Forecast, rows: LabelledRows) -> None:
        self.one, self.rows = one, rows
        self.codes, classes = np.unique(rows.y, axis=0, return_inverse=True)
        self.classes = classes.ravel()
        # The estimate rests on all rows, replicate r on those outside of fold r.
        self.kept = np.ones((len(rows.members) + 1, len(rows.y)), dtype=bool)
        for fold, members in enumerate(rows.members):
            self.kept[1 + fold, members] = False

    @cached_property
    def weak(self) -> RidgePath:
        """Fits of the weak features along their penalties, held out by fold."""
        X = self.rows.Z_w * np.sqrt(self.one.pair.values_w)
        return RidgePath(X, self.rows.y, self.one.penalties_w, self.rows.members)

    @cached_property
    def strong(self) -> RidgePath:
        """Fits of the strong features along their penalties, held out by fold."""
        X = self.rows.Z_s * np.sqrt(self.one.pair.values_s)
        return RidgePath(X, self.rows.y, self.one.penalties_s, self.rows.members)

    def at(self, n: int, N: int, **alphas: float | None) -> dict[str, Quantity]:
        """Forecast teacher, student, baseline and ceiling at one design; Undefined where the risk is."""
        one, pair, target = self.one, self.one.pair, self.one.target
        used = one.best_alphas(n, N, **alphas)

        def stage(values: Float[np.ndarray, " d"], size: int, alpha: float) -> Stages:
            return one.stages(values, [size], np.array([alpha]))

        def single(fits: RidgePath, fit: Stages, side: Side) -> Estimate:
            scores = self.rows.y - fits.deleted_residuals[:, self._alike(fits, fit)]
            return self._estimate(scores, single_risks(fit, side, target))

        def student() -> Estimate:
            taught, fit = stage(pair.values_w, n, used.alpha_w), stage(pair.values_s, N, used.alpha_s)
            return self._estimate(self._student_scores(taught, fit), student_risks(pair, target, taught, fit))

        def strong(size: int, alpha: float) -> Estimate:
            return single(self.strong, stage(pair.values_s, size, alpha), target.strong())

        routes: dict[str, Callable[[], Estimate]] = {
            "teacher": lambda: single(self.weak, stage(pair.values_w, n, used.teacher), target.weak()),
            "student": student,
            "baseline": lambda: strong(n, used.baseline),
            "ceiling": lambda: strong(n + N, used.ceiling),
        }
        risks = dict(one.risks(n, N, **alphas).items())
        return {
            route: risk if isinstance(risk := risks[route], Undefined) else accuracy()
            for route, accuracy in routes.items()
        }

    def _alike(self, fits: RidgePath, fit: Stages) -> int:
        """Find the penalty that shrinks m rows as a fit of another size is shrunk."""
        values = self.one.pair.values_w if fits is self.weak else self.one.pair.values_s
        apart = np.abs(np.log(self.one.stages(values, [self.one.m], fits.alphas).df1 / fit.df1[0]))
        # NaN where the m rows allow no such fit; the most shrunk one always exists.
        return int(np.argmin(np.where(np.isnan(apart), np.inf, apart)))

    def _student_scores(self, taught: Stages, student: Stages) -> Float[np.ndarray, "m k"]:
        """Score rows by the student of the teacher without their fold, which is linear in the teacher."""
        first, pair = self.weak, self.one.pair
        which = self._alike(first, taught)
        # What the mean student makes of a teacher, in the teacher's coordinates; the pool's mean is 0.
        passed = ((self.rows.Z_s * student.shrink[0]) @ pair.C) * np.sqrt(pair.values_w)
        passed = (passed - first.mean) @ first.basis
        m, theta, scores = len(passed), first.theta[:, which], np.empty_like(self.rows.y)
        for rows in self.rows.members:
            gone = first.deleted_residuals[rows, which]
            moved = first.inverse[:, [which]] * (first.scores[rows].T @ gone)
            level = self.rows.y.mean(axis=0) - gone.sum(axis=0) / m
            scores[rows] = level + passed[rows] @ (theta - moved / m)
        return scores

    def _estimate(self, scores: Float[np.ndarray, "m k"], moments: SingleRisks | StudentRisks) -> Estimate:
        target = self.one.target
        signal = moments.signal.reshape(len(target.weights))
        size = variance_with_intercept(moments, target).reshape(len(target.weights))
        kept = self.kept[: len(signal)]
        wrong = empirical_error(scores, self.classes, self.codes, signal, size, kept)
        bounds = interval(wrong, SENSITIVITY * float(wrong[0]))
        ends = None if bounds is None else (max(1 - bounds[1], 0.0), min(1 - bounds[0], 1.0))
        method = f"share of new labels named right, held-out scores at the moments of a {self.one.method}"
        return Estimate(float(1 - wrong[0]), ends, n=self.one.m, method=method)
