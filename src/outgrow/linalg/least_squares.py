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
from outgrow.linalg.factors import Factor, Rows, factor_of_spectrum, leave_one_out
from outgrow.linalg.moment_table import BlockMoments
from outgrow.linalg.spectrum import spectrum_of_covariance
from outgrow.results import Check

Method: TypeAlias = Literal["auto", "svd", "primal", "dual"]
METHODS = ("auto", "svd", "primal", "dual")


@dataclass(frozen=True)
class LeastSquares:
    """A fitted linear map, and how it was found.

    A path of penalties puts an axis of length a in front; a 1-d target takes the axis of length k away.

    Parameters
    ----------
    coef : array of shape (d, k)
        Coefficients.
    intercept : array of shape (k,) or float
        Added to every prediction; zeros without intercept.
    alpha : float or array of shape (a,)
        Penalty or penalties.
    rank : int
        Directions of the centred features that the fit used.
    condition : float
        Largest over smallest singular value among them.
    df : float or array of shape (a,)
        Trace of the hat matrix, the intercept's 1 included.
    method : str
        "svd", "primal", "dual" or "moments", and why if not the one asked for.
    checks : tuple of Check
        OG209 where directions could not be resolved.
    """

    coef: Float[np.ndarray, "*a d *k"] = field(repr=False)
    intercept: Float[np.ndarray, "*a *k"] | float = field(repr=False)
    alpha: float | Float[np.ndarray, " a"]
    rank: int
    condition: float
    df: float | Float[np.ndarray, " a"]
    method: str
    checks: tuple[Check, ...] = ()
    _fit: _Fit | None = field(default=None, repr=False, compare=False)

    def predict(self, X: Float[np.ndarray, "q d"]) -> Float[np.ndarray, "*a q *k"]:
        """Predict the targets.

        Parameters
        ----------
        X : array of shape (q, d)
            Features.

        Returns
        -------
        array of shape (q, k)
            Predictions; (a, q, k) for a path, and without the last axis for a 1-d target.
        """
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
    def loo_residuals(self) -> Float[np.ndarray, "*a m *k"] | None:
        """Exact leave-one-out residuals: y_i minus the prediction for row i by the fit of the others.

        The intercept is fitted anew without row i, and the total penalty stays what it was: m alpha
        |theta|^2 beside the sum of squares (sum of all weights times alpha, with weights). Computed when
        first asked for; None for a fit from moments, which has no rows.
        """
        return None if self._fit is None else self._fit.loo()


@dataclass(frozen=True)
class _Fit:
    rows: Rows
    factor: Factor
    alphas: Float[np.ndarray, " a"]
    theta: Float[np.ndarray, "a d k"]
    shape: _Shape

    def loo(self) -> Float[np.ndarray, "*a m *k"]:
        residuals = self.rows.residuals(self.theta)
        return self.shape.trim(leave_one_out(self.rows, self.factor, residuals, self.alphas))


@dataclass(frozen=True)
class _Shape:
    """Which axes the caller's penalty and target had."""

    path: bool
    many: bool

    def trim(self, array: Float[np.ndarray, "a _ k"]) -> Float[np.ndarray, "..."]:
        array = array if self.many else array[..., 0]
        return array if self.path else array[0]


def least_squares(
    X: Float[np.ndarray, "m d"],
    y: Float[np.ndarray, "m *k"],
    alpha: float | Float[np.ndarray, " a"] = 0.0,
    *,
    weights: Float[np.ndarray, " m"] | None = None,
    intercept: bool = True,
    method: Method = "auto",
) -> LeastSquares:
    """Fit sum_i w_i (y_i - x_i theta - b)^2 / sum_i w_i + alpha |theta|^2.

    Parameters
    ----------
    X : array of shape (m, d)
        Features.
    y : array of shape (m, k) or (m,)
        Targets.
    alpha : float or array of shape (a,)
        Penalty, at least 0, or a path of them; 0 is the minimum-norm solution.
    weights : array of shape (m,), optional
        Weights, at least 0; only their ratios matter, since they are divided by their sum. Whole numbers
        act like repeated rows.
    intercept : bool
        Whether to fit b, which is not penalized and not in the norm that is minimized.
    method : {"auto", "svd", "primal", "dual"}
        "svd" is exact for any penalty; the Gram matrix of columns ("primal") or rows ("dual") is faster
        and squares the condition number. "auto" takes the smaller Gram matrix where every penalty is
        large enough for it to be exact, else "svd".

    Returns
    -------
    LeastSquares
        The fit.

    Raises
    ------
    DataError
        When shapes do not agree, or a value is not finite or a penalty or weight negative.

    Examples
    --------
    >>> X = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> fit = least_squares(X, X @ np.array([2.0, -1.0]) + 3.0)
    >>> fit.coef.round(6), round(fit.intercept, 6), fit.rank
    (array([ 2., -1.]), 3.0, 2)
    """
    X, targets = _matrix(X, "X"), _matrix(y[:, None] if np.ndim(y) == 1 else y, "y")
    if len(X) != len(targets):
        raise DataError(f"X has {len(X)} rows and y {len(targets)}", "least squares")
    if method not in METHODS:
        raise DataError(f"no method is called {method!r}", "least squares", f"Methods: {', '.join(METHODS)}.")
    alphas = _penalties(alpha)
    rows = Rows.of(X, targets, _weights(weights, len(X)), intercept)
    factor = rows.factor(method, float(alphas.min()))
    shape = _Shape(np.ndim(alpha) == 1, np.ndim(y) == 2)
    theta = factor.solve(rows.cross, alphas)
    fit = _finish(theta, rows.x_mean, rows.y_mean, factor, alpha, alphas, shape, intercept)
    return replace(fit, _fit=_Fit(rows, factor, alphas, theta, shape))


def least_squares_from_moments(
    block_moments: BlockMoments,
    features: str | Sequence[str],
    target: str,
    alpha: float | Float[np.ndarray, " a"] = 0.0,
    *,
    intercept: bool = True,
    rows: tuple[Float[np.ndarray, "m d"], Float[np.ndarray, "m k"]] | None = None,
) -> LeastSquares:
    """Fit from moments: the rows are not needed, unless the moments cannot resolve what is asked.

    Parameters
    ----------
    block_moments : BlockMoments
        Moments of the rows to fit, weighted as they should be.
    features : str or sequence of str
        Block of the features, or several side by side.
    target : str
        Block of the targets.
    alpha : float or array of shape (a,)
        Penalty or path, as for `least_squares`.
    intercept : bool
        As for `least_squares`.
    rows : pair of arrays of shape (m, d) and (m, k), optional
        The same rows, unweighted. Used where a penalty is below the moments' error and a direction
        cannot be told from rounding; without them such directions are left out.

    Returns
    -------
    LeastSquares
        With a 2-d target; no leave-one-out residuals unless rows were used. Carries check OG209 where
        directions could not be resolved.

    Raises
    ------
    DataError
        When a block is unknown, shapes do not agree, or a penalty is negative.
    """
    names = [features] if isinstance(features, str) else list(features)
    moment = block_moments.covariance if intercept else block_moments.second
    alphas = _penalties(alpha)
    S = np.block([[moment(a, b) for b in names] for a in names])
    error = max(block_moments.relative_error_of(name) for name in names)
    spectrum = spectrum_of_covariance(S, block_moments.n, error)
    factor = factor_of_spectrum(spectrum)
    floor = spectrum.relative_error * float(spectrum.values[0])
    lost = len(S) - factor.rank if float(alphas.min()) < floor or spectrum.values[0] == 0 else 0
    ...
