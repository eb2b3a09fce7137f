"""One factorization of centred, weighted features, from which every penalty's fit follows.

The eigenvectors and eigenvalues of the features' covariance, found from its rows (singular values), from
its Gram matrix of columns (primal) or of rows (dual), or given as a covariance. Directions whose
eigenvalues are rounding are left out: what remains is what the minimum-norm solution lives on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Float

from outgrow.linalg.spectrum import Spectrum, centre

EPS = float(np.finfo(np.float64).eps)

GRAM_SAFE = 1e-6
"""Least penalty, relative to the largest eigenvalue, for which a Gram matrix is as good as its rows: its
eigenvalues are off by some eps of the largest, so the solution by less than 1e-9."""


@dataclass(frozen=True)
class Factor:
    """Eigen-decomposition of a features' covariance, numerical zeros left out.

    Parameters
    ----------
    basis : array of shape (d, r)
        Eigenvectors.
    values : array of shape (r,)
        Eigenvalues, descending, positive.
    method : str
        How they were found.
    """

    basis: Float[np.ndarray, "d r"] = field(repr=False)
    values: Float[np.ndarray, " r"]
    method: str

    @property
    def condition(self) -> float:
        """Largest over smallest kept singular value of the centred features; 1 when none is kept."""
        return float(np.sqrt(self.values[0] / self.values[-1])) if len(self.values) else 1.0

    def inverse(self, alphas: Float[np.ndarray, " a"]) -> Float[np.ndarray, "a r"]:
        """Give 1 / (eigenvalue + alpha).

        Parameters
        ----------
        alphas : array of shape (a,)
            Penalties.

        Returns
        -------
        array of shape (a, r)
            One row per penalty.
        """
        return 1.0 / (self.values + alphas[:, None])

    def solve(
        self, cross: Float[np.ndarray, "d k"], alphas: Float[np.ndarray, " a"]
    ) -> Float[np.ndarray, "a d k"]:
        """Solve (S + alpha) theta = cross on the kept directions.

        Parameters
        ----------
        cross : array of shape (d, k)
            Covariances of features and targets.
        alphas : array of shape (a,)
            Penalties; 0 gives the solution of least norm.

        Returns
        -------
        array of shape (a, d, k)
            Coefficients.
        """
        scores = self.basis.T @ cross
        return self.basis @ (self.inverse(alphas)[:, :, None] * scores)

    def df(self, alphas: Float[np.ndarray, " a"]) -> Float[np.ndarray, " a"]:
        """Give the trace of the hat matrix without the intercept's part.

        Parameters
        ----------
        alphas : array of shape (a,)
            Penalties.

        Returns
        -------
        array of shape (a,)
            Degrees of freedom.
        """
        return np.asarray((self.values * self.inverse(alphas)).sum(axis=1))


@dataclass(frozen=True)
class Rows:
    """Rows made ready: centred if there is an intercept, times the roots of their normalized weights.

    Parameters
    ----------
    X : array of shape (m, d)
        Centred features times roots.
    y : array of shape (m, k)
        Centred targets times roots.
    x_mean : array of shape (d,)
        Weighted mean of the features; zeros without intercept.
    y_mean : array of shape (k,)
        Weighted mean of the targets; zeros without intercept.
    root : array of shape (m,)
        Square roots of the weights, which sum to one.
    intercept : bool
        Whether means were taken off.
    offset : float
        Norm of the means, whose rounding stays in the centred features.
    """

    X: Float[np.ndarray, "m d"]
    y: Float[np.ndarray, "m k"]
    x_mean: Float[np.ndarray, " d"]
    y_mean: Float[np.ndarray, " k"]
    root: Float[np.ndarray, " m"]
    intercept: bool
    offset: float

    @classmethod
    def of(
        cls,
        X: Float[np.ndarray, "m d"],
        y: Float[np.ndarray, "m k"],
        weights: Float[np.ndarray, " m"] | None,
        intercept: bool,
    ) -> Rows:
        """Centre and weight.

        Parameters
        ----------
        X : array of shape (m, d)
            Features.
        y : array of shape (m, k)
            Targets.
        weights : array of shape (m,), optional
            Weights, at least 0, not all 0; of equal size by default.
        intercept : bool
            Whether to take the means off.

        Returns
        -------
        Rows
            New arrays.
        """
        m, d = X.shape
        share = np.full(m, 1.0 / m) if weights is None else weights / weights.sum()
        root = np.sqrt(share)
        x_mean = centre(X, share) if intercept else np.zeros(d)
        y_mean = centre(y, share) if intercept else np.zeros(y.shape[1])
        scaled = X - x_mean
        scaled *= root[:, None]
        return cls(
            scaled, (y - y_mean) * root[:, None], x_mean, y_mean, root, intercept, float(np.linalg.norm(x_mean))
        )

    @cached_property
    def cross(self) -> Float[np.ndarray, "d k"]:
        """Covariances of features and targets."""
        return self.X.T @ self.y

    def svd(self) -> Factor:
        """Factor by singular values: exact for any shape and penalty.

        Returns
        -------
        Factor
            Singular values above rounding.
        """
        _, singular, right = np.linalg.svd(self.X, full_matrices=False)
        # numpy.linalg.lstsq's rule; centring leaves the rounding of uncentred values behind.
        size = np.hypot(singular[0], self.offset)
        keep = singular > max(self.X.shape) * EPS * size
        return Factor(right[keep].T, singular[keep] ** 2, "svd")

    def primal(self) -> Factor:
        """Factor through the Gram matrix of columns, d x d.

        Returns
        -------
        Factor
            Eigenvalues above rounding.
        """
        values, vectors = np.linalg.eigh(self.X.T @ self.X)
        keep = values[::-1] > self._gram_floor(values)
        return Factor(vectors[:, ::-1][:, keep], values[::-1][keep], "primal")

    def dual(self) -> Factor:
        """Factor through the Gram matrix of rows, m x m.

        Returns
        -------
        Factor
            Eigenvalues above rounding.
        """
        values, vectors = np.linalg.eigh(self.X @ self.X.T)
        keep = values[::-1] > self._gram_floor(values)
        values, vectors = values[::-1][keep], vectors[:, ::-1][:, keep]
        return Factor(self.X.T @ (vectors / np.sqrt(values)), values, "dual")

    def factor(self, method: str, least_alpha: float) -> Factor:
        """Factor by the method named, or by the cheapest that is exact enough.

        Parameters
        ----------
        method : {"auto", "svd", "primal", "dual"}
            How.
        least_alpha : float
            Smallest penalty wanted, which decides whether a Gram matrix is exact enough.

        Returns
        -------
        Factor
            The factorization.
        """
        if method != "auto":
            return {"svd": self.svd, "primal": self.primal, "dual": self.dual}[method]()
        # The squared Frobenius norm bounds the largest eigenvalue.
        largest = float(np.einsum("ij,ij->", self.X, self.X))
        if not least_alpha > GRAM_SAFE * largest:
            return self.svd()
        return self.primal() if self.X.shape[1] <= len(self.X) else self.dual()

    def _gram_floor(self, values: Float[np.ndarray, " k"]) -> float:
        return max(self.X.shape) * EPS * float(max(values[-1], 0.0) + EPS * self.offset**2)


def leave_one_out(
    rows: Rows, factor: Factor, residuals: Float[np.ndarray, "a m k"], alphas: Float[np.ndarray, " a"]
) -> Float[np.ndarray, "a m k"]:
    """Residual of each row under the fit without it, total penalty kept (docs/theory.md, T8).

    Parameters
    ----------
    rows : Rows
        Rows of the fit.
    factor : Factor
        Their factorization.
    residuals : array of shape (a, m, k)
        Residuals of the full fit, per penalty.
    alphas : array of shape (a,)
        Penalties.

    Returns
    -------
    array of shape (a, m, k)
        y_i minus the prediction for row i by the fit of all others.
    """
    left = (rows.X @ factor.basis) / np.sqrt(factor.values)
    squares = left**2
    # Part of row i that no kept direction (nor the intercept) explains: 1 - h_ii of the ridgeless fit.
    free = 1.0 - squares.sum(axis=1) - (rows.root**2 if rows.intercept else 0.0)
    # Exactly zero where the fit interpolates row i; sums of squared unit vectors round at about m eps.
    interpolated = free < 1e-9
    inverse = factor.inverse(alphas)
    core = inverse @ squares.T  # (a, m)
    out = np.empty_like(residuals)
    plain = ~interpolated
    slack = free[plain] + alphas[:, None] * core[:, plain]
    out[:, plain] = residuals[:, plain] / slack[:, :, None]
    if interpolated.any():
        # Residual and 1 - h_ii both vanish with alpha; their ratio is (G y)_i / G_ii, G the inverse of
        # the kept part of the kernel matrix plus alpha.
        pulled = inverse[:, :, None] * (left.T @ rows.y)  # (a, r, k)
        solved = left[interpolated] @ pulled / rows.root[interpolated][:, None]
        out[:, interpolated] = solved / core[:, interpolated][:, :, None]
    return out


def factor_of_spectrum(spectrum: Spectrum) -> Factor:
    """Keep the directions that a covariance's stated error can vouch for.

    Parameters
    ----------
    spectrum : Spectrum
        Spectrum of the features' covariance.

    Returns
    -------
    Factor
        Its first `rank` directions.
    """
    rank = spectrum.rank
    return Factor(spectrum.vectors[:, :rank], spectrum.values[:rank], "moments")
