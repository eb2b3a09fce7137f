"""Ridge along a path of penalties from one factorization, with exact leave-one-out; at 0 the minimum norm.

The objective is sum_i w_i (y_i - x_i theta - b)^2 / sum_i w_i + alpha |theta|^2 (docs/theory.md), so
scikit-learn's Ridge penalty is m alpha without weights. The intercept b comes from centring and is not in the
norm. All penalties, targets and rows (or groups of rows) left out follow from the factorization; nothing is
fitted again. When rows leave, the total penalty stays as it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Shaped

from outgrow.errors import DataError
from outgrow.linalg.rounding import EPS

Groups = Sequence[Int[np.ndarray, " _"]]

GRAM_SAFE = 1e-6
"""Least penalty, relative to the total variance, for which a Gram matrix is as good as its rows: its
eigenvalues are off by some eps of the largest, so the solution by less than 1e-9."""

INTERPOLATED = 1e-10
"""Share of a row, or of a combination of a group's rows, that the other rows leave unexplained, below which
the fit follows its label whatever it is: leverages round at about 1e-14, and a residual divided by less than
this would lose more than half its digits. The smallest penalty of a grid leaves 1e-8 at a width of 1,000."""


def interpolates(groups: Groups | None) -> DataError:
    """Say that rows, or whole groups, cannot be left out."""
    return DataError(
        f"leaving {'one row' if groups is None else 'a group'} out is not defined for a fit that interpolates"
        " its labels",
        remedy="Use a positive alpha, or fewer directions than labelled rows.",
    )


@dataclass(frozen=True, eq=False)
class LinearModel:
    """Prediction ``intercept + features @ coef``: what a fit leaves behind."""

    coef: Float[np.ndarray, "d k"]
    """One column per target."""
    intercept: Float[np.ndarray, " k"]
    """Added to every prediction."""
    info: Mapping[str, Any] = field(default_factory=dict)
    """ "rank": directions that the fit used."""

    @property
    def state(self) -> dict[str, np.ndarray]:
        """The tensors that it is saved as."""
        return {"coef": self.coef, "intercept": self.intercept}

    def predict(self, features: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "m k"]:
        """Predict every target for every row."""
        return np.asarray(features, dtype=np.float64) @ self.coef + self.intercept

    def after(self, mapping: Float[np.ndarray, "d ..."]) -> LinearModel:
        """The same model of features that are yet to be mapped; a vector scales them."""
        coef = mapping[:, None] * self.coef if mapping.ndim == 1 else mapping @ self.coef
        return replace(self, coef=coef)


@dataclass(frozen=True, eq=False)
class RidgePath:
    """Fits of the same rows at every penalty."""

    X: Shaped[np.ndarray, "n d"]
    """Features, of any floating type."""
    y: Float[np.ndarray, "n k"]
    """Targets."""
    alphas: Float[np.ndarray, " a"]
    """Penalties, at least 0; 0 is the minimum-norm fit."""
    groups: Groups | None = None
    """Rows left out together; every row stands in exactly one group. None leaves out single rows."""
    weights: Float[np.ndarray, " n"] | None = None
    """At least 0, not all 0; only their ratios matter. None weighs all rows alike."""
    intercept: bool = True

    @cached_property
    def share(self) -> Float[np.ndarray, " n"]:
        """Weights that sum to one."""
        n = len(self.y)
        # By the largest first: the sum of weights near the largest float64 would overflow.
        share = np.full(n, 1.0) if self.weights is None else self.weights / self.weights.max()
        return np.asarray(share / share.sum())

    @cached_property
    def mean(self) -> Float[np.ndarray, " d"]:
        """Mean of the features, exact for constant columns; zeros without intercept."""
        return self._mean_of(self.X)

    @cached_property
    def level(self) -> Float[np.ndarray, " k"]:
        """Mean of the targets; zeros without intercept."""
        return self._mean_of(self.y)

    def _mean_of(self, values: Shaped[np.ndarray, "n c"]) -> Float[np.ndarray, " c"]:
        if not self.intercept:
            return np.zeros(values.shape[1])
        # About the first row: a constant column then gives zeros, not the rounding of its sum.
        first = np.asarray(values[0], dtype=np.float64)
        return np.asarray(first + self.share @ (values - first))

    @cached_property
    def _factors(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Orthonormal columns of the weighted rows, eigenvalues of their covariance, and its eigenvectors."""
        Z = np.asarray(self.X - self.mean)
        # Means far from zero leave their rounding in centred features: a collinear column would otherwise be
        # a direction of tiny variance, which no penalty of 0 survives. Constant columns are exactly 0 by now.
        far = float(np.linalg.norm(self.mean[Z.any(axis=0)]))
        Z *= np.sqrt(self.share)[:, None]
        floor = max(Z.shape) * EPS
        if self.alphas.min() > GRAM_SAFE * float(np.einsum("ij,ij->", Z, Z)):
            wide = Z.shape[1] > len(Z)
            values, vectors = np.linalg.eigh(Z @ Z.T if wide else Z.T @ Z)
            keep = values > floor * (max(values[-1], 0.0) + EPS * far**2)
            values, vectors = values[keep][::-1], vectors[:, keep][:, ::-1]
            other = (Z.T if wide else Z) @ (vectors / np.sqrt(values))
            return (vectors, values, other) if wide else (other, values, vectors)
        left, singular, right = np.linalg.svd(Z, full_matrices=False)
        # Else LAPACK's backward error: directions below it are rounding, not data.
        keep = singular > max(floor * np.hypot(singular[0], far), 1e-300)
        return left[:, keep], singular[keep] ** 2, right[keep].T

    @property
    def left(self) -> Float[np.ndarray, "n r"]:
        """Orthonormal columns that span the weighted, centred features."""
        return self._factors[0]

    @property
    def values(self) -> Float[np.ndarray, " r"]:
        """Eigenvalues of the covariance, descending, numerical zeros left out."""
        return self._factors[1]

    @property
    def basis(self) -> Float[np.ndarray, "d r"]:
        """Its eigenvectors."""
        return self._factors[2]

    @property
    def condition(self) -> float:
        """Largest over smallest kept singular value of the centred features; 1 when none is kept."""
        return float(np.sqrt(self.values[0] / self.values[-1])) if len(self.values) else 1.0

    @cached_property
    def scores(self) -> Float[np.ndarray, "n r"]:
        """Centred features in the basis."""
        if self.weights is not None:  # a row that weighs nothing has no part in the factors
            return np.asarray((self.X - self.mean) @ self.basis)
        return np.asarray(self.left * np.sqrt(self.values * len(self.y)))

    @cached_property
    def inverse(self) -> Float[np.ndarray, "r a"]:
        """1 / (eigenvalue + alpha), one column per penalty."""
        return np.asarray(1.0 / (self.values[:, None] + self.alphas))

    @cached_property
    def theta(self) -> Float[np.ndarray, "r a k"]:
        """Coefficients in the basis."""
        weighted = np.sqrt(self.share)[:, None] * (self.y - self.level)
        cross = np.sqrt(self.values)[:, None] * (self.left.T @ weighted)
        return np.asarray(self.inverse[:, :, None] * cross[:, None, :])

    def model(self, which: int) -> LinearModel:
        """Give the fit at one penalty as a model of the original features."""
        coef = self.basis @ self.theta[:, which, :]
        return LinearModel(coef, self.level - self.mean @ coef, {"rank": len(self.values)})

    @cached_property
    def leaves_out(self) -> bool:
        """Whether no row (or group) is fitted whatever its labels, so that leaving it out is defined."""
        left, root = self.left, np.sqrt(self.share) * self.intercept
        shrink = self.values * self.inverse[:, np.argmin(self.alphas)]
        if self.groups is None:
            return bool((1.0 - root**2 - left**2 @ shrink).min() > INTERPOLATED)
        return all(
            np.linalg.eigvalsh(
                np.eye(len(rows)) - np.outer(root[rows], root[rows]) - (left[rows] * shrink) @ left[rows].T
            )[0]
            > INTERPOLATED
            for rows in self.groups
        )

    @cached_property
    def deleted_residuals(self) -> Float[np.ndarray, "n a k"]:
        """Residual of each row under the fit that leaves its group out."""
        if not self.leaves_out:
            raise interpolates(self.groups)
        fitted = np.einsum("nr,rak->nak", self.scores, self.theta, optimize=True)
        residuals = (self.y - self.level)[:, None, :] - fitted
        if self.groups is None:
            hat = self.share[:, None] * (self.scores**2 @ self.inverse + self.intercept)
            return np.asarray(residuals / (1.0 - hat)[:, :, None])
        deleted = np.empty_like(residuals)
        for rows in self.groups:
            scores = self.scores[rows]
            hat = np.einsum("ir,ra,jr->aij", scores, self.inverse, scores, optimize=True) + self.intercept
            rest = np.eye(len(rows)) - hat * self.share[rows]
            deleted[rows] = np.linalg.solve(rest, residuals[rows].transpose(1, 0, 2)).transpose(1, 0, 2)
        return deleted

    @property
    def row_losses(self) -> Float[np.ndarray, "a n"]:
        """Squared loss of every row left out, summed over targets, by penalty."""
        return np.asarray(np.sum(self.deleted_residuals**2, axis=2).T)
