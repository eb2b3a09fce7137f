"""A bound on the risk of a ridge student from norms alone, as printed and as it holds (docs/theory.md, T5).

Shrinkage costs at most penalty times squared norm of the coefficients, and variance at most something over
both penalties; the best trade between the two is in closed form. The version that a talk printed forgets
that finitely many pseudo-labels leave a teacher's noise behind however few its labels are, and so promises
what no student keeps. Both are here under their own names; neither is the way to choose penalties (T8).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize_scalar

from outgrow.errors import DataError
from outgrow.linalg.shrinkage import df1, df2, solve_kappa
from outgrow.results import Undefined
from outgrow.theory.population import SLACK
from outgrow.theory.terms import PairSpectra

WIDEST = 30.0
"""How far beyond the larger of least penalty and typical eigenvalue the best one is looked for, in e-folds:
there the bound is larger than the target's variance many times over."""

STEPS = 61
"""Places tried before the search proper, two per e-fold: the bound has no two dips as near as that."""


@dataclass(frozen=True)
class Guarantee:
    """A bound on the student's excess risk, and the penalties that it is for."""

    bound: float
    """The risk is at most this, if the guarantee holds."""
    kappa_w: float
    kappa_s: float
    """Effective penalties of teacher and student; of the printed version, its penalties themselves."""
    alpha_w: float
    alpha_s: float
    """Penalties to ask for."""
    c: float
    """Coefficient of 1 / (kappa_w kappa_s)."""


def as_printed(R_w: float, R_s: float, overlap: float, sigma2: float, n: int, N: int) -> Guarantee:
    """Give the bound as a talk printed it. It cannot hold: see below.

    With c = sigma2 tr(Ss Sw) / (4 n N) it is the least value of

        alpha_w R_w + alpha_s R_s + c / (alpha_w alpha_s),

    which is 3 (c R_w R_s)^(1/3). The slide's penalties lacked the cube root; those given here have it.

    It goes to 0 as N grows with n fixed, and with n labels no risk does: pseudo-labels repeat the teacher's
    mistakes. At n = 10 and N = 5000 it promised .0716 where a simulation gave .391 (docs/theory.md, T5).
    What is missing is the variance that the student inherits, which N does not divide. Nor does tr(Ss Sw)
    mean anything unless both feature sets have the same coordinates. It is here for comparison with the
    talk, and for nothing else.
    """
    for name, value in (
        ("R_w", R_w),
        ("R_s", R_s),
        ("the overlap", overlap),
        ("sigma2", sigma2),
        ("n", n),
        ("N", N),
    ):
        if not (np.isfinite(value) and value > 0):
            raise DataError(f"{name} must be positive, not {value}", "guarantee")
    c = sigma2 * overlap / (4 * n * N)
    alpha_w, alpha_s = float(np.cbrt(c * R_s / R_w**2)), float(np.cbrt(c * R_w / R_s**2))
    return Guarantee(3 * float(np.cbrt(c * R_w * R_s)), alpha_w, alpha_s, alpha_w, alpha_s, c)


def corrected(
    pair: PairSpectra,
    t_w: Float[np.ndarray, " d_w"],
    t_s: Float[np.ndarray, " d_s"],
    v: float,
    sigma2: float,
    n: int,
    N: int,
    *,
    kappas: tuple[float, float] | None = None,
) -> Guarantee | Undefined:
    """Give the bound that holds, at given effective penalties or at those where it is least.

    With T = |Ssw|_F^2 + 2 tr Ss tr Sw / N and c = tau_w^2 T / (16 n), tau_w^2 being the teacher's test error,

        ER(f_w2s) <= kappa_w R_w + kappa_s R_s + c / (kappa_w kappa_s).

    Means are known, and the target lies in the span of both feature sets. It holds to the accuracy of the
    deterministic equivalents that it is derived from. Undefined where the target lies outside of the span of
    one feature set, and where no penalty amounts to the kappas given or N is too small for them.
    """
    t_w, t_s = np.asarray(t_w, dtype=np.float64), np.asarray(t_s, dtype=np.float64)
    if np.isfinite(pair.rows):
        raise DataError(
            "a guarantee needs a population's spectra, not a sample's",
            "guarantee",
            "Forecast the risk instead.",
        )
    if (len(t_s), len(t_w)) != pair.C.shape:
        raise DataError(
            f"the target has {len(t_w)} and {len(t_s)} covariances, not {pair.C.shape[::-1]}", "guarantee"
        )
    if not (np.isfinite([v, sigma2]).all() and v > 0 and sigma2 >= 0 and n >= 1 and N >= 1):
        raise DataError("v, n and N must be positive, and sigma2 at least 0", "guarantee")
    for name, t in (("weak", t_w), ("strong", t_s)):
        if t @ t - v > SLACK * v:
            raise DataError(f"a target of variance {v} has no covariances of square {t @ t:.6g}", "guarantee")
        if v - t @ t > SLACK * v:
            return Undefined(
                f"{1 - t @ t / v:.3g} of the target's variance lies outside of the {name} features' span",
                "The guarantee is for targets that both feature sets express; forecast the risk instead.",
            )
    bound = _Bound(pair, t_w, t_s, sigma2, n, N)
    if kappas is None:
        kappa_w = bound.best_weak()
        kappas = kappa_w, bound.best_strong(kappa_w)
    kappa_w, kappa_s = kappas
    for name, size, kappa, least in (("n", n, kappa_w, bound.least_w), ("N", N, kappa_s, bound.least_s)):
        if not kappa >= least > 0:
            return Undefined(
                f"no guarantee at kappa {kappa:.3g} with {name} = {size}: it must be at least {least:.3g}",
                "Take larger kappas, or more rows.",
            )
    return Guarantee(
        bound.at(kappa_w, kappa_s),
        float(kappa_w),
        float(kappa_s),
        max(kappa_w * (1 - df1(pair.values_w, kappa_w) / n), 0.0),
        max(kappa_s * (1 - df1(pair.values_s, kappa_s) / N), 0.0),
        bound.c(kappa_w),
    )


class _Bound:
    """The bound as a function of both effective penalties."""

    def __init__(
        self, pair: PairSpectra, t_w: np.ndarray, t_s: np.ndarray, sigma2: float, n: int, N: int
    ) -> None:
        self._values, self._t, self._sigma2, self._n = pair.values_w, t_w, sigma2, n
        self.R_w, self.R_s = float(np.sum(t_w**2 / pair.values_w)), float(np.sum(t_s**2 / pair.values_s))
        trace_w, trace_s = pair.values_w.sum(), pair.values_s.sum()
        self._T = float(pair.values_s @ pair.C**2 @ pair.values_w + 2 * trace_s * trace_w / N)
        # Penalties below 0 are never asked for. Half of N must exceed what the student's variance is bounded
        # with, and then 1 - df2 / N is at least one half.
        tiny = np.finfo(np.float64).tiny
        self.least_w = max(solve_kappa(pair.values_w, n, 0.0), tiny)
        self.least_s = max(solve_kappa(pair.values_s, N, 0.0), float(trace_s) / (2 * N))

    def c(self, kappa_w: float) -> float:
        """Coefficient of 1 / (kappa_w kappa_s), infinite where the teacher's error is."""
        left = float(np.sum((self._t * kappa_w / (self._values + kappa_w)) ** 2))
        rest = 1 - df2(self._values, kappa_w) / self._n
        return (self._sigma2 + left) / rest * self._T / (16 * self._n) if rest > 0 else np.inf

    def at(self, kappa_w: float, kappa_s: float) -> float:
        """The bound."""
        return float(kappa_w * self.R_w + kappa_s * self.R_s + self.c(kappa_w) / (kappa_w * kappa_s))

    def best_strong(self, kappa_w: float) -> float:
        """The student's penalty that goes best with a teacher's."""
        return max(float(np.sqrt(self.c(kappa_w) / (kappa_w * self.R_s))), self.least_s)

    def best_weak(self) -> float:
        """The teacher's penalty that the least bound has."""
        start = np.log(max(self.least_w, SLACK * float(self._values.max())))
        grid = np.linspace(start, start + WIDEST, STEPS)
        place = int(np.argmin([self._least_at(x) for x in grid]))
        around = (grid[max(place - 1, 0)], grid[min(place + 1, STEPS - 1)])
        # The minimum is flat: an error of 1e-6 in its place is none in its value.
        minimum = minimize_scalar(self._least_at, bounds=around, method="bounded", options={"xatol": 1e-6})
        return max(float(np.exp(minimum.x)), self.least_w)

    def _least_at(self, log_kappa_w: float) -> float:
        kappa_w = float(np.exp(log_kappa_w))
        return np.log(self.at(kappa_w, self.best_strong(kappa_w))) if np.isfinite(self.c(kappa_w)) else np.inf
