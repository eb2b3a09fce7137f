"""What a ridge or minimum-norm fit on m rows amounts to: one effective penalty (docs/theory.md, T4).

A fit on m rows shrinks population directions as if it had all rows and the larger penalty kappa. Where the
covariance is itself a sample's, of M rows, the same law takes a third step: the sample's own resolvent at a
penalty k stands for the population's at kappa = k / (1 - df1 / M), and both sizes meet in one equation,

    alpha = k c(df1(k) / m) / c(df1(k) / M),      c(x) = 1 - x for Gaussian rows (`length_factors`),

with df1 counted on the sample's eigenvalues. With M infinite k is kappa; with m = M it is alpha itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from outgrow.errors import DataError
from outgrow.linalg.shrinkage import solve_kappa
from outgrow.theory.row_lengths import ALIKE, length_factors, pool_factors

HALVINGS = 64
"""Halvings of an interval of at most 100 e-folds around the penalty: the last is below rounding."""

MOST = 3.0
"""Largest kappa / k believed, where degrees of freedom are two thirds of the pool's rows. Simulated with 40
directions, forecasts from pools of 36 to 42 rows are some 15 % off at 3, 25 to 45 % at 5, worse beyond."""

CARRIED = 1e-4
"""Eigenvalue, in units of the least penalty believed, below which a pool's directions are all alike: each is
then shrunk to less than this share by every fit that is forecast, so a thousand of them are a tenth of
one."""

CLOSE = 1.5
"""Largest kappa / k at which single directions are read off new rows: where it is larger the pool's least
eigenvalues are far below the population's, and new rows are far too long there (heavy tails: a
thousandfold)."""

ROUNDING = 1e-9
"""Share of its residual that a fit must leave: where df2 meets the rows the difference is rounding."""

SMALLEST = 1e-18
"""Least positive penalty looked for, in units of the largest eigenvalue: beyond float64's rounding of it."""


@dataclass(frozen=True)
class Stages:
    """Fits of one feature set for several sizes and penalties, all in the same directions."""

    m: Float[np.ndarray, " K"]
    """Rows."""
    shrink: Float[np.ndarray, "K d"]
    """Factors lambda / (lambda + k) on the eigenvalues given."""
    carried: Float[np.ndarray, " d"]
    """How far the pool tells of each direction: its factor where kappa / k is `CLOSE`."""
    df1: Float[np.ndarray, " K"]
    df2: Float[np.ndarray, " K"]
    """Degrees of freedom of first and second order, in the population."""
    df2_here: Float[np.ndarray, " K"]
    """Sum of squares of `shrink`; `df2` where the eigenvalues are the population's."""
    inflation: Float[np.ndarray, " K"]
    """kappa / k; 1 where the eigenvalues are the population's."""
    spare: Float[np.ndarray, " K"]
    """Rows that count in variances: less one for an intercept, and less one more where nothing is penalised,
    which makes T2 come out exactly."""
    steady: Float[np.ndarray, " K"]
    growing: Float[np.ndarray, " K"]
    """How residuals count in the fit's noise, those that do not grow with the row's length and those that do
    (`outgrow.theory.row_lengths`); 1 for Gaussian rows."""
    slope: Float[np.ndarray, " K"]
    """Derivative of log k towards log kappa; 1 where the eigenvalues are the population's."""
    rows: float
    """Rows M behind the eigenvalues, less one; infinite for a population."""
    intercept: bool
    """Whether intercepts are fitted."""

    @property
    def first(self) -> Float[np.ndarray, " K"]:
        """What a product with one sample resolvent is multiplied with to stand for the population's."""
        # Without a penalty the inverse of a sample covariance is known exactly: one more degree of freedom.
        return np.asarray(1 / self.inflation - self.bare / self.rows)

    @property
    def second(self) -> Float[np.ndarray, " K"]:
        """The same for a product with two resolvents around the sample covariance."""
        return np.asarray(self.slope / self.inflation - self.bare / self.rows)

    @property
    def rest(self) -> Float[np.ndarray, " K"]:
        """1 - df2 / m, by which residuals are divided; not above 0 where the risk is infinite."""
        return np.asarray(1 - self.growing * self.df2 / self.spare)

    @property
    def bare(self) -> Bool[np.ndarray, " K"]:
        """Whether nothing is shrunk."""
        return np.asarray(self.shrink.min(axis=1) == 1)

    def by_fit(self) -> list[str]:
        """Names of the fields with one entry a fit; the others are what the fits have in common."""
        return [one.name for one in fields(self) if one.name not in ("carried", "rows", "intercept")]

    def at(self, places: Int[np.ndarray, " L"]) -> Stages:
        """Pick some of the fits."""
        return replace(self, **{name: getattr(self, name)[places] for name in self.by_fit()})

    @property
    def gain(self) -> Float[np.ndarray, " K"]:
        """Variance of the fit per unit of residual variance, that of the intercept included."""
        return np.asarray(self.df2 / self.spare + (1 / self.m if self.intercept else 0.0))


def effective_stages(
    values: Float[np.ndarray, " d"],
    m: Shaped[np.ndarray, " K"],
    alpha: Shaped[np.ndarray, " K"],
    *,
    rows: float = np.inf,
    lengths: Float[np.ndarray, " q"] = ALIKE,
    intercept: bool = True,
) -> Stages:
    """Find the effective penalties of fits on m rows.

    NaN in every number of a fit whose expectation is infinite, or that the rows behind the covariance cannot
    tell: more rows than these on as many directions as these.
    """
    values, m, alpha = checked_fits(values, m, alpha, rows)
    free = m - intercept
    limit = rows - intercept
    asked = alpha * m / free
    k = _penalty(values, free, asked, limit, lengths)
    shrink = values / (values + k[:, None])
    df1, df2_here = shrink.sum(axis=1), np.sum(shrink**2, axis=1)
    bare = k == 0
    with np.errstate(divide="ignore", invalid="ignore"):
        fit = length_factors(lengths, df1 / free)
        weight, steep = pool_factors(lengths, df1 / limit)
        inflation = 1 / weight
        slope = 1 / (1 - steep * (df2_here - df1) / limit)
        df2 = df1 + slope * (df2_here - df1)
    spare = free - bare
    # Within one row of the number of coefficients the expectation is infinite (T2).
    at_peak = (asked == 0) & (np.abs(free - len(values)) <= 1) & (len(values) < limit)
    infinite = ~(1 - fit.growing * df2 / spare > ROUNDING)
    broken = ~np.isfinite(k) | at_peak | infinite | ~((inflation > 0) & (inflation < MOST))
    if broken.any():
        shrink = shrink.copy()
        for numbers in (shrink, df1, df2, df2_here, inflation, slope):
            numbers[broken] = np.nan
    return Stages(
        m,
        shrink,
        carried(values, limit),
        df1,
        df2,
        df2_here,
        inflation,
        spare,
        fit.steady,
        fit.growing,
        slope,
        limit,
        intercept,
    )


def checked_fits(
    values: Float[np.ndarray, " d"],
    m: Shaped[np.ndarray, " K"],
    alpha: Shaped[np.ndarray, " K"],
    rows: float | int,
) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, " K"], Float[np.ndarray, " K"]]:
    """Refuse spectra, sizes and penalties that are none."""
    values, m, alpha = (np.asarray(x, dtype=np.float64) for x in (values, m, alpha))
    if not (len(values) and np.isfinite(values).all() and (values > 0).all()):
        raise DataError("eigenvalues must be positive and finite", "theory", "Cut those that are zero.")
    if not (np.isfinite(m).all() and (m >= 2).all()):
        raise DataError("a fit needs at least 2 rows", "theory")
    if not (np.isfinite(alpha).all() and (alpha >= 0).all()):
        raise DataError("penalties must be finite and at least 0", "theory")
    if not rows > 2:
        raise DataError(f"{rows} rows hold no covariance", "theory")
    return values, m, alpha


def least_penalty(values: Float[np.ndarray, " d"], rows: float, inflation: float = MOST) -> float:
    """Pool penalty k from which kappa / k is at most `inflation`; 0 where it is so without a penalty."""
    most = (1 - 1 / inflation) * rows
    if len(values) <= most:
        return 0.0
    return solve_kappa(values, most, 0.0)


def carried(values: Float[np.ndarray, " d"], rows: float) -> Float[np.ndarray, " d"]:
    """How far a pool tells of each direction, from 0 to 1: all of it where directions are few."""
    return np.asarray(values / (values + least_penalty(values, rows, CLOSE)))


def _penalty(
    values: Float[np.ndarray, " d"],
    free: Float[np.ndarray, " K"],
    asked: Float[np.ndarray, " K"],
    limit: float,
    lengths: Float[np.ndarray, " q"],
) -> Float[np.ndarray, " K"]:
    """Solve for k by halving; NaN where there is no solution."""
    bare = (asked == 0) & (len(values) < free) & (len(values) < limit)
    k = np.zeros_like(asked)
    if bare.all():
        return k
    m, alpha = free[~bare], asked[~bare]

    def excess(log_k: Float[np.ndarray, " L"]) -> Float[np.ndarray, " L"]:
        k = np.exp(log_k)
        df = np.sum(values / (values + k[:, None]), axis=1)
        # Rows fewer than degrees of freedom, or a pool fewer than them: the penalty must be larger.
        weight = length_factors(lengths, df / m).weight
        left = np.maximum(pool_factors(lengths, df / limit)[0], 1e-300)
        return np.where((df < m) & (df < limit), k * weight / left - alpha, -1.0)

    # kappa is at most alpha + trace / m, and k at most kappa.
    k[~bare] = halved(excess, values, np.log(alpha + values.sum() / m))
    return k


def halved(
    excess: Callable[[Float[np.ndarray, " K"]], Float[np.ndarray, " K"]],
    values: Float[np.ndarray, " d"],
    high: Float[np.ndarray, " K"],
) -> Float[np.ndarray, " K"]:
    """Find the penalties at which a rising function of their logarithms is zero; NaN where none is."""
    low = np.full_like(high, np.log(SMALLEST * values.max()))
    missing = excess(low) > 0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        above = excess(middle) > 0
        high, low = np.where(above, middle, high), np.where(above, low, middle)
    return np.where(missing, np.nan, np.exp((low + high) / 2))
