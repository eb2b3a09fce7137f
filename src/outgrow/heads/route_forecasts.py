"""What the forecast says of every route at every setting, to be weighed with leave-one-out.

Deterministic equivalents (docs/theory.md, T4) fed by the pool's spectra and by the labels' products over
different folds (T6): the estimate from all labels, then without each fold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from outgrow.heads.two_stage import Pool
from outgrow.theory.effective_stage import Stages, effective_stages
from outgrow.theory.equivalents import single_risks, student_risks
from outgrow.theory.joint_equivalent import joint_risks
from outgrow.theory.label_terms import LEAST_FOLDS, label_terms
from outgrow.theory.surface import possible
from outgrow.theory.taught_features import taught_features
from outgrow.theory.terms import PairSpectra, Target
from outgrow.theory.union_features import union_features
from outgrow.theory.whitening import whitened

Errors = Float[np.ndarray, "R settings"]

SMALL = 4
"""Rows of a pool below which there is no covariance to speak of."""


@dataclass(frozen=True)
class RouteForecasts:
    """Forecasts from n labels of one teacher's routes, or of the baseline where there is no weak set."""

    pair: PairSpectra
    target: Target
    n: int

    def _stages(
        self, values: Float[np.ndarray, " d"], rows: float, alphas: Float[np.ndarray, " a"]
    ) -> Stages:
        return effective_stages(
            values,
            np.full(len(alphas), rows),
            alphas,
            rows=self.pair.rows,
            lengths=self.pair.lengths(values),
        )

    def errors(self, route: str, *settings: Float[np.ndarray, " _"]) -> Errors | None:
        """Errors of a route at every combination of its settings, the last varying fastest.

        NaN where there is no forecast or none that could be right; None where nothing is left.
        """
        routes: dict[str, Callable[..., Errors]] = {"student": self._student, "joint": self._joint}
        errors = routes[route](*settings) if route in routes else self._single(route, *settings)
        flat = possible(errors.reshape(len(errors), -1), float(self.target.variance[0]))
        known = np.isfinite(flat).all(axis=0)
        return np.where(known, flat, np.nan) if known.any() else None

    def _single(self, route: str, alphas: Float[np.ndarray, " a"]) -> Errors:
        """Errors of one fit to the labels."""
        if route == "teacher":
            values, side = self.pair.values_w, self.target.weak()
        elif route == "baseline":
            values, side = self.pair.values_s, self.target.strong()
        elif route == "union":
            values, side = union_features(self.pair, self.target)
        else:
            ((values, side),) = taught_features(self.pair, self.target, self.pair.rows)
        return single_risks(self._stages(values, float(self.n), alphas), side, self.target).error

    def _student(
        self, alphas_w: Float[np.ndarray, " a"], alphas_s: Float[np.ndarray, " b"]
    ) -> Float[np.ndarray, "R a b"]:
        teachers = self._stages(self.pair.values_w, float(self.n), alphas_w)
        students = self._stages(self.pair.values_s, self.pair.rows, alphas_s)
        return student_risks(self.pair, self.target, teachers, students).error

    def _joint(self, *settings: Float[np.ndarray, " _"]) -> Errors:
        w, a, b = (x.ravel() for x in np.meshgrid(*settings, indexing="ij"))
        N = self.pair.rows
        return joint_risks(self.pair, self.target, n=self.n, alpha_w=a, N=N, alpha_s=b, weight=w).error


def route_forecasts(
    weak: Float[np.ndarray, "n d_w"],
    strong: Float[np.ndarray, "n d_s"],
    y: Float[np.ndarray, "n k"],
    pool: Pool,
    folds: Sequence[Int[np.ndarray, " _"]],
    alone: bool = False,
) -> RouteForecasts | None:
    """Prepare forecasts; None where folds are too few, nothing varies, or the pool is too small.

    `alone` are of the strong features only: forecasts of the baseline, which no teacher then touches.
    """
    spectra = pool.weak_spectrum, pool.strong_spectrum
    if len(folds) < LEAST_FOLDS or not (y != y[0]).any() or pool.size < SMALL:
        return None
    if not all(spectrum.rank for spectrum in spectra):
        return None
    white = whitened(spectra, (pool.weak_mean, pool.strong_mean), pool.cross_cov, new=(weak, strong))
    pair, Z_w, Z_s = white.pair, white.weak(weak), white.strong(strong)
    if alone:
        pair, Z_w = replace(pair, values_w=np.empty(0), C=pair.C[:, :0]), Z_w[:, :0]
    number = np.empty(len(y), dtype=np.int64)
    for place, rows in enumerate(folds):
        number[rows] = place
    target = label_terms(pair, Z_w, Z_s, y, number)
    return RouteForecasts(pair.with_lengths(Z_w, Z_s), target, len(y))
