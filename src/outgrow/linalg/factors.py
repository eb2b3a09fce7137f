"""One factorization of centred, weighted features, from which every penalty's fit follows.

The eigenvectors and eigenvalues of the features' covariance, found from its rows (singular values), from
its Gram matrix of columns (primal) or of rows (dual), or given as a covariance. Directions whose
eigenvalues are rounding are left out: what remains is what the minimum-norm solution lives on.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from outgrow.errors import DataError
from outgrow.linalg.spectrum import Spectrum, centre

EPS = float(np.finfo(np.float64).eps)

GRAM_SAFE = 1e-6
"""Least penalty, relative to the largest eigenvalue, for which a Gram matrix is as good as its rows: its
eigenvalues are off by some eps of the largest, so the solution by less than 1e-9."""


@dataclass(frozen=True, eq=False)
class Factor:
    """Eigen-decomposition of a features' covariance, numerical zeros left out."""

    basis: Float[np.ndarray, "d r"] = field(repr=False)
    """Eigenvectors."""
    values: Float[np.ndarray, " r"]
    """Eigenvalues, descending, positive."""
    method: str
    """How they were found."""
    left: Float[np.ndarray, "m r"] | None = field(default=None, repr=False)
    """Left singular vectors of the rows, where they came with the rest."""

    @property
    def condition(self) -> float:
        """Largest over smallest kept singular value of the centred features; 1 when none is kept."""
        return float(np.sqrt(self.values[0] / self.values[-1])) if len(self.values) else 1.0

    def inverse(self, alphas: Float[np.ndarray, " a"]) -> Float[np.ndarray, "a r"]:
        """Give 1 / (eigenvalue + alpha)."""
        return 1.0 / (self.values + alphas[:, None])

    def solve(
        self, scores: Float[np.ndarray, "r k"], alphas: Float[np.ndarray, " a"]
    ) -> Float[np.ndarray, "a d k"]:
        """Solve (S + alpha) theta = cross on the kept directions."""
        return self.basis @ (self.inverse(alphas)[:, :, None] * scores)

    def df(self, alphas: Float[np.ndarray, " a"]) -> Float[np.ndarray, " a"]:
        """Give the trace of the hat matrix without the intercept's part."""
        return np.asarray((self.values * self.inverse(alphas)).sum(axis=1))


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows made ready: centred if there is an intercept, with the roots of their normalized weights."""

    X: Float[np.ndarray, "m d"]
    """Centred features."""
    y: Float[np.ndarray, "m k"]
    """Centred targets."""
    x_mean: Float[np.ndarray, " d"]
    """Weighted mean of the features; zeros without intercept."""
    y_mean: Float[np.ndarray, " k"]
    """Weighted mean of the targets; zeros without intercept."""
    root: Float[np.ndarray, " m"]
    """Square roots of the weights, which sum to one."""
    intercept: bool
    """Whether means were taken off."""
    offset: float
    """Norm of the varying columns' means, whose rounding stays in the centred features."""

    @classmethod
    def of(
        cls,
        X: Float[np.ndarray, "m d"],
        y: Float[np.ndarray, "m k"],
        weights: Float[np.ndarray, " m"] | None,
        intercept: bool,
    ) -> Rows:
        """Centre."""
        m = len(X)
        # By the largest first: the sum of weights near the largest float64 would overflow.
        share = np.full(m, 1.0) if weights is None else weights / weights.max()
        share = share / share.sum()
        x_mean = centre(X, share) if intercept else np.zeros(X.shape[1])
        y_mean = centre(y, share) if intercept else np.zeros(y.shape[1])
        centred = X - x_mean
        # Constant columns are exactly zero by now: their size says nothing about the others' rounding.
        offset = float(np.linalg.norm(x_mean[centred.any(axis=0)]))
        return cls(centred, y - y_mean, x_mean, y_mean, np.sqrt(share), intercept, offset)

    def scaled(self) -> Float[np.ndarray, "m d"]:
        """Give the features times the roots of the weights, whose Gram matrix is the covariance."""
        return self.X * self.root[:, None]

    def scores(self, factor: Factor) -> Float[np.ndarray, "r k"]:
        """Give the covariances of features and targets along a factor's directions."""
        weighted = self.y * self.root[:, None]
        if factor.left is None:
            return factor.basis.T @ (self.X.T @ (weighted * self.root[:, None]))
        return np.sqrt(factor.values)[:, None] * (factor.left.T @ weighted)

    def residuals(self, theta: Float[np.ndarray, "a d k"]) -> Float[np.ndarray, "a m k"]:
        """Give targets less predictions, of every row, also of those that weigh nothing."""
        return self.y - self.X @ theta

    def svd(self) -> Factor:
        """Factor by singular values: exact for any shape and penalty."""
        m, d = self.X.shape
        Z = self.scaled()
        if m > d:
            # The triangular factor has the same singular values and right vectors, for less.
            Q, R = np.linalg.qr(Z)
            left, singular, right = np.linalg.svd(R)
            left = Q @ left
        else:
            left, singular, right = np.linalg.svd(Z, full_matrices=False)
        # numpy.linalg.lstsq's rule; centring leaves the rounding of uncentred values behind.
        size = np.hypot(singular[0], self.offset)
        keep = singular > max(m, d) * EPS * size
        return Factor(right[keep].T, singular[keep] ** 2, "svd", left[:, keep])

    def primal(self) -> Factor:
        """Factor through the Gram matrix of columns, d x d."""
        Z = self.scaled()
        values, vectors = np.linalg.eigh(Z.T @ Z)
        keep = values[::-1] > self._gram_floor(values)
        return Factor(vectors[:, ::-1][:, keep], values[::-1][keep], "primal")

    def dual(self) -> Factor:
        """Factor through the Gram matrix of rows, m x m."""
        Z = self.scaled()
        values, vectors = np.linalg.eigh(Z @ Z.T)
        keep = values[::-1] > self._gram_floor(values)
        values, vectors = values[::-1][keep], vectors[:, ::-1][:, keep]
        return Factor(Z.T @ (vectors / np.sqrt(values)), values, "dual", vectors)

    def factor(self, method: str, least_alpha: float) -> Factor:
        """Factor by the method named, or by the cheapest that is exact enough."""
        if method != "auto":
            return {"svd": self.svd, "primal": self.primal, "dual": self.dual}[method]()
        # The trace of the covariance bounds its largest eigenvalue.
        trace = float(self.root**2 @ np.einsum("ij,ij->i", self.X, self.X))
        if not least_alpha > GRAM_SAFE * trace:
            return self.svd()
        return self.primal() if self.X.shape[1] <= len(self.X) else self.dual()

    def _gram_floor(self, values: Float[np.ndarray, " k"]) -> float:
        return max(self.X.shape) * EPS * float(max(values[-1], 0.0) + EPS * self.offset**2)


def leave_one_out(
    rows: Rows, factor: Factor, residuals: Float[np.ndarray, "a m k"], alphas: Float[np.ndarray, " a"]
) -> Float[np.ndarray, "a m k"]:
    """Residual of each row under the fit without it, total penalty kept (docs/theory.md, T8)."""
    if rows.intercept and np.count_nonzero(rows.root) < 2:
        raise DataError("a single row has weight, and without it nothing is left", "leave-one-out")
    if factor.left is None:
        left = rows.root[:, None] * (rows.X @ factor.basis) / np.sqrt(factor.values)
    else:
        left = factor.left
    squares = left**2
    # Part of row i that no kept direction (nor the intercept) explains: 1 - h_ii of the ridgeless fit.
    free = 1.0 - squares.sum(axis=1) - (rows.root**2 if rows.intercept else 0.0)
    # Exactly zero where the fit interpolates row i; sums of squared unit vectors round at about m eps.
    interpolated = (free < 1e-9) & squares.any(axis=1)
    inverse = factor.inverse(alphas)
    core = inverse @ squares.T  # (a, m)
    out = np.empty_like(residuals)
    plain = ~interpolated
    slack = free[plain] + alphas[:, None] * core[:, plain]
    out[:, plain] = residuals[:, plain] / slack[:, :, None]
    if interpolated.any():
        # Residual and 1 - h_ii both vanish with alpha; their ratio is (G y)_i / G_ii, G the inverse of
        # the kept part of the kernel matrix plus alpha.
        pulled = inverse[:, :, None] * (left.T @ (rows.root[:, None] * rows.y))  # (a, r, k)
        solved = left[interpolated] @ pulled / rows.root[interpolated][:, None]
        out[:, interpolated] = solved / core[:, interpolated][:, :, None]
    return out


def factor_of_spectrum(spectrum: Spectrum, cut: float) -> Factor:
    """Keep the directions above a cut."""
    rank = int(np.sum(spectrum.values > cut))
    return Factor(spectrum.vectors[:, :rank], spectrum.values[:rank], "moments")
