"""Minimum-norm least squares for scikit-learn: what "ridgeless" means in this project.

Among all coefficients that fit best, take those of least Euclidean norm; the intercept comes from centring
and is not in the norm. With fewer rows than features it interpolates. `Ridge(alpha=0)` is not this
solution on wide data, and `LinearRegression` neither states its rank with weights nor its cutoff.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from outgrow.errors import DataError
from outgrow.linalg.ridge_path import RidgePath


class MinNormRegressor(MultiOutputMixin, RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Least squares with the smallest coefficients among the best.

    Minimizes ``sum_i w_i |y_i - b - x_i coef|^2``; among all minimizers it takes the one whose coefficients
    have the least Euclidean norm ``sum(coef**2)``. The intercept ``b`` is fitted by centring features and
    targets on their (weighted) means and does not enter that norm. With several targets the norm of each
    one's coefficients is least. It is the limit of ridge regression as its penalty falls to zero.

    Parameters
    ----------
    fit_intercept : bool
        Whether to fit an intercept; without one the features are not centred.

    Attributes
    ----------
    coef_ : array of shape (d,) or (k, d)
        Coefficients; one row per target for a 2-d y.
    intercept_ : float or array of shape (k,)
        Added to every prediction; zeros without intercept.
    rank_ : int
        Directions of the centred features that carry the fit: those whose singular value exceeds
        max(m, d) times the rounding unit times the largest.
    n_features_in_ : int
        d, the number of features seen in fit.
    feature_names_in_ : array of shape (d,)
        Names of the features, where X had string names.

    Examples
    --------
    >>> X = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [2.0, 0.0, 2.0]])
    >>> model = MinNormRegressor().fit(X, [1.0, 2.0, 3.0])
    >>> model.rank_, model.coef_.round(3) + 0.0, round(model.intercept_, 3)
    (2, array([1., 3., 1.]), -1.0)
    """

    def __init__(self, *, fit_intercept: bool = True) -> None:
        self.fit_intercept = fit_intercept

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> MinNormRegressor:
        """Fit the coefficients of least norm.

        Parameters
        ----------
        X : array of shape (m, d)
            Features.
        y : array of shape (m,) or (m, k)
            Targets.
        sample_weight : float or array of shape (m,), optional
            Weights, at least 0, not all 0; whole numbers act like repeated rows.

        Returns
        -------
        MinNormRegressor
            Itself.

        Raises
        ------
        ValueError
            When X, y or the weights are not finite, do not agree in shape, or a weight is negative.
        """
        rows, targets = validate_data(self, X, y, dtype=np.float64, multi_output=True, y_numeric=True)
        weights = None
        if sample_weight is not None:
            if not np.asarray(sample_weight).any():
                raise DataError("every sample weight is zero", "sample_weight", "Weigh one row at least.")
            weights = _check_sample_weight(sample_weight, rows, dtype=np.float64)
            if (weights < 0).any():
                raise DataError("weights must be finite and at least 0, and not all 0", "weights")
        targets = np.asarray(targets, dtype=np.float64)
        table = targets.reshape(len(rows), -1)
        path = RidgePath(rows, table, np.zeros(1), weights=weights, intercept=self.fit_intercept)
        model = path.model(0)
        flat = targets.ndim == 1
        self.coef_ = model.coef[:, 0] if flat else model.coef.T
        self.intercept_ = float(model.intercept[0]) if flat else model.intercept
        self.rank_ = len(path.values)
        return self

    def predict(self, X: ArrayLike) -> Float[np.ndarray, "m ..."]:
        """Predict the targets.

        Parameters
        ----------
        X : array of shape (m, d)
            Features.

        Returns
        -------
        array of shape (m,) or (m, k)
            Predictions, in the shape that y had.
        """
        check_is_fitted(self)
        rows = validate_data(self, X, dtype=np.float64, reset=False)
        return np.asarray(rows @ self.coef_.T + self.intercept_)
