"""Least squares with this project's penalty, from rows or from moments; ridgeless means minimum norm.

The objective is sum_i w_i (y_i - x_i theta - b)^2 / sum_i w_i + alpha |theta|^2 (docs/theory.md), so
scikit-learn's Ridge penalty is m alpha without weights. alpha = 0 gives the solution of least |theta|
among the best, for wide data too. The intercept b comes from centring and is not in the norm. One
factorization serves a whole path of penalties, several targets, and the exact leave-one-out residuals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Float

from outgrow.errors import DataError
from outgrow.linalg.factors import EPS, Factor, Rows, factor_of_spectrum, leave_one_out
from outgrow.linalg.moment_table import BlockMoments
from outgrow.linalg.spectrum import spectrum_of_covariance
from outgrow.results import Check

Method: TypeAlias = Literal["auto", "svd", "primal", "dual"]
METHODS = ("auto", "svd", "primal", "dual")


@dataclass(frozen=True, eq=False)
class LeastSquares:
    """A fitted linear map, and how it was found.

    A path of penalties puts an axis of length a in front; a 1-d target takes the axis of length k away.
    """

    coef: Float[np.ndarray, "*axes"] = field(repr=False)
    """Coefficients."""
    intercept: Float[np.ndarray, "*level"] | float = field(repr=False)
    """Added to every prediction; zeros without intercept."""
    alpha: float | Float[np.ndarray, " a"]
    """Penalty or penalties."""
    rank: int
    """Directions of the centred features that the fit used."""
    condition: float
    """Largest over smallest singular value among them."""
    df: float | Float[np.ndarray, " a"]
    """Trace of the hat matrix, the intercept's 1 included."""
    method: str
    """ "svd", "primal", "dual" or "moments", and why if not the one asked for."""
    checks: tuple[Check, ...] = ()
    """OG209 where directions were left out that the moments could not resolve."""
    _fit: _Fit | None = field(default=None, repr=False, compare=False)
    """Rows and factorization, from which the leave-one-out residuals follow."""

    def predict(self, X: Float[np.ndarray, "q d"]) -> Float[np.ndarray, "*axes"]:
        """Predict the targets."""
        rows = np.asarray(X, dtype=np.float64)
        path = np.ndim(self.alpha) == 1
        width = self.coef.shape[1 if path else 0]
        if rows.ndim != 2 or rows.shape[1] != width:
            raise DataError(f"features of width {width} are needed, not shape {rows.shape}", "predict")
        if not path:
            return rows @ self.coef + self.intercept
        if self.coef.ndim == 2:
            return self.coef @ rows.T + np.asarray(self.intercept)[:, None]
        return rows @ self.coef + np.asarray(self.intercept)[:, None]

    @cached_property
    def loo_residuals(self) -> Float[np.ndarray, "*axes"] | None:
        """Exact leave-one-out residuals: y_i minus the prediction for row i by the fit of the others.

        The intercept is fitted anew without row i, and the total penalty stays what it was: m alpha
        |theta|^2 beside the sum of squares (sum of all weights times alpha, with weights). Computed when
        first asked for; None for a fit from moments, which has no rows.
        """
        return None if self._fit is None else self._fit.loo()


@dataclass(frozen=True, eq=False)
class _Fit:
    rows: Rows
    factor: Factor
    alphas: Float[np.ndarray, " a"]
    theta: Float[np.ndarray, "a d k"]
    shape: _Shape

    def loo(self) -> Float[np.ndarray, "*axes"]:
        residuals = self.rows.residuals(self.theta)
        return self.shape.trim(leave_one_out(self.rows, self.factor, residuals, self.alphas))


@dataclass(frozen=True)
class _Shape:
    """Which axes the caller's penalty and target had."""

    path: bool
    many: bool

    def trim(self, array: np.ndarray) -> np.ndarray:
        array = array if self.many else array[..., 0]
        return np.asarray(array if self.path else array[0])


def least_squares(
    X: Float[np.ndarray, "m d"],
    y: Float[np.ndarray, "m ..."],
    alpha: float | Float[np.ndarray, " a"] = 0.0,
    *,
    weights: Float[np.ndarray, " m"] | None = None,
    intercept: bool = True,
    method: Method = "auto",
) -> LeastSquares:
    """Fit sum_i w_i (y_i - x_i theta - b)^2 / sum_i w_i + alpha |theta|^2."""
    X, targets = _matrix(X, "X"), _matrix(_columns(y), "y")
    if len(X) != len(targets):
        raise DataError(f"X has {len(X)} rows and y {len(targets)}", "least squares")
    if method not in METHODS:
        raise DataError(f"no method is called {method!r}", "least squares", f"Methods: {', '.join(METHODS)}.")
    alphas = _penalties(alpha)
    rows = Rows.of(X, targets, _weights(weights, len(X)), intercept)
    factor = rows.factor(method, float(alphas.min()))
    shape = _Shape(np.ndim(alpha) == 1, np.ndim(y) == 2)
    theta = factor.solve(rows.scores(factor), alphas)
    fit = _finish(theta, rows.x_mean, rows.y_mean, factor, alphas, shape, intercept)
    return replace(fit, _fit=_Fit(rows, factor, alphas, theta, shape))


def least_squares_from_moments(
    block_moments: BlockMoments,
    features: str | Sequence[str],
    target: str,
    alpha: float | Float[np.ndarray, " a"] = 0.0,
    *,
    intercept: bool = True,
    rows: tuple[Float[np.ndarray, "m d"], Float[np.ndarray, "m ..."]] | None = None,
    weights: Float[np.ndarray, " m"] | None = None,
) -> LeastSquares:
    """Fit from moments: the rows are not needed, unless the moments cannot resolve what is asked."""
    names = [features] if isinstance(features, str) else list(features)
    moment = block_moments.covariance if intercept else block_moments.second
    alphas = _penalties(alpha)
    S = np.block([[moment(a, b) for b in names] for a in names])
    spectrum = spectrum_of_covariance(S, block_moments.n, _relative_error(block_moments, names, S, intercept))
    floor = spectrum.relative_error * float(spectrum.values[0])
    # Above the floor every direction is kept: what its eigenvalue is off by, the penalty outweighs.
    resolved = float(alphas.min()) > floor
    cut = max(block_moments.n, len(S)) * EPS * float(spectrum.values[0]) if resolved else floor
    factor = factor_of_spectrum(spectrum, cut)
    possible = min(int(np.sum(np.diagonal(S) > 0)), block_moments.n - intercept)
    lost = 0 if resolved else max(0, possible - len(factor.values))
    if lost and rows is not None:
        X, y = rows
        _check_same_rows(block_moments, X, weights, len(S))
        fit = least_squares(X, _columns(y), alpha, weights=weights, intercept=intercept, method="svd")
        return replace(fit, method=f"svd: the moments resolve {len(factor.values)} of {possible} directions")
    cross = np.concatenate([moment(name, target) for name in names])
    x_mean = np.concatenate([block_moments.mean(name) for name in names])
    shape = _Shape(np.ndim(alpha) == 1, True)
    theta = factor.solve(factor.basis.T @ cross, alphas)
    fit = _finish(theta, x_mean, block_moments.mean(target), factor, alphas, shape, intercept)
    if not lost:
        return fit
    detail = f"{lost} of {possible} directions have variances below {floor:.1e}, the error of the moments"
    return replace(fit, checks=(Check("OG209", detail),))


def _relative_error(
    moments: BlockMoments, names: Sequence[str], S: Float[np.ndarray, "d d"], intercept: bool
) -> float:
    error = max(moments.relative_error_of(name) for name in names)
    if intercept or error == 0:
        return error
    # The stated error is one of covariances; in second moments the means' own errors come on top, and
    # the eigenvalue it is to be compared with is another. sum S^2 / trace S is at most the largest.
    covariance = np.block([[moments.covariance(a, b) for b in names] for a in names])
    mean = float(np.linalg.norm(np.concatenate([moments.mean(name) for name in names])))
    size = float(np.linalg.norm(covariance)) + 2 * mean * float(np.sqrt(np.trace(covariance)))
    return error * size * float(np.trace(S)) / float(np.sum(S**2))


def _check_same_rows(moments: BlockMoments, X: np.ndarray, weights: np.ndarray | None, width: int) -> None:
    if np.shape(X) != (moments.n, width):
        raise DataError(f"rows of shape {np.shape(X)} are not the moments' {(moments.n, width)}", "rows")
    total = float(len(X)) if weights is None else float(np.sum(weights))
    # Sums of the same weights in another order agree to far better than this; other weights do not.
    if not abs(total - moments.weight) <= 1e-6 * moments.weight:
        raise DataError(
            f"the rows weigh {total:.6g} and the moments {moments.weight:.6g}",
            "rows",
            "Give the rows of the moments with the same weights.",
        )


def _finish(
    theta: Float[np.ndarray, "a d k"],
    x_mean: Float[np.ndarray, " d"],
    y_mean: Float[np.ndarray, " k"],
    factor: Factor,
    alphas: Float[np.ndarray, " a"],
    shape: _Shape,
    intercept: bool,
) -> LeastSquares:
    constant = y_mean - x_mean @ theta if intercept else np.zeros((len(alphas), len(y_mean)))
    df = factor.df(alphas) + float(intercept)
    level = shape.trim(constant)
    return LeastSquares(
        coef=shape.trim(theta),
        intercept=level if np.ndim(level) else float(level),
        alpha=alphas if shape.path else float(alphas[0]),
        rank=len(factor.values),
        condition=factor.condition,
        df=df if shape.path else float(df[0]),
        method=factor.method,
    )


def _columns(y: np.ndarray) -> np.ndarray:
    values = np.asarray(y)
    return values[:, None] if values.ndim == 1 else values


def _matrix(array: np.ndarray, name: str) -> Float[np.ndarray, "m d"]:
    values = np.asarray(array)
    if values.dtype.kind not in "fiub":
        raise DataError(f"{values.dtype} is no type of real numbers", name)
    if values.ndim != 2 or not values.size:
        raise DataError(f"rows of at least one column are needed, not shape {values.shape}", name)
    values = values.astype(np.float64, copy=False)
    if not np.isfinite(values).all():
        row, column = np.argwhere(~np.isfinite(values))[0]
        raise DataError(f"row {row}, column {column} is {values[row, column]}", name)
    return values


def _penalties(alpha: float | np.ndarray) -> Float[np.ndarray, " a"]:
    alphas = np.atleast_1d(np.asarray(alpha, dtype=np.float64))
    if alphas.ndim != 1 or not len(alphas) or not (np.isfinite(alphas) & (alphas >= 0)).all():
        raise DataError(f"penalties must be finite and at least 0, not {alpha}", "alpha")
    return alphas


def _weights(weights: np.ndarray | None, m: int) -> Float[np.ndarray, " m"] | None:
    if weights is None:
        return None
    values = np.asarray(weights, dtype=np.float64)
    if values.shape != (m,):
        raise DataError(f"one weight per row is needed ({m} rows, shape {values.shape})", "weights")
    if not (np.isfinite(values) & (values >= 0)).all() or not values.any():
        raise DataError("weights must be finite and at least 0, and not all 0", "weights")
    return values
