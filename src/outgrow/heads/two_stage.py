"""Two-stage ridge with exact leave-one-out against the true labels (docs/theory.md, T8).

A weak teacher is fitted on n labels and labels N further rows; a strong student is fitted on those
pseudo-labels, and on the true labels too with a weight of its own. Tuning the stages one by one measures
imitation, not risk, so both penalties (and the weight) are chosen together: for each labelled row, the
teacher is refitted without it, the change is pushed through the student (which is linear in its
pseudo-labels), and the result is scored on the label left out. All of this is exact algebra on one
factorization per stage; no model is ever refitted. Penalties are this project's alpha: the objective is
the mean squared error plus alpha times the squared norm of the coefficients, intercept free. When a row
leaves, the total penalty stays as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from outgrow.errors import DataError
from outgrow.geometry.pairs import STRONG, WEAK, pair_of
from outgrow.heads.linear_model import LinearModel
from outgrow.linalg.moments import BlockMoments, moments_of

Groups = Sequence[Int[np.ndarray, " _"]]


INTERPOLATED = 1e-10
"""Share of a row, or of a combination of a group's rows, that the other rows leave unexplained, below which
the fit follows its label whatever it is: leverages round at about 1e-14, and a residual divided by less than
this would lose more than half its digits. The smallest penalty of a grid leaves 1e-8 at a width of 1,000."""


def _refuse_interpolation(rest: float, what: str) -> None:
    if rest < INTERPOLATED:
        raise DataError(
            f"leaving {what} out is not defined for a fit that interpolates its labels",
            remedy="Use a positive alpha, or fewer directions than labelled rows.",
        )


@dataclass(frozen=True)
class StageOne:
    """Ridge on the labelled rows, along a path of penalties, from one singular value decomposition."""

    X: Float[np.ndarray, "n d"]
    """Features of the labelled rows."""
    y: Float[np.ndarray, "n k"]
    """Labels."""
    alphas: Float[np.ndarray, " a"]
    """Penalties, at least 0; 0 is the minimum-norm fit."""
    groups: Groups | None = None
    """Rows left out together; every row stands in exactly one group. None leaves out single rows."""

    @cached_property
    def mean(self) -> Float[np.ndarray, " d"]:
        """Mean of the features over the labelled rows, exact for constant columns."""
        first = np.asarray(self.X[0], dtype=np.float64)
        return first + (self.X - first).mean(axis=0)

    @cached_property
    def _svd(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        centred = self.X - self.mean
        # Means far from zero leave their rounding in centred features: a collinear column would otherwise be
        # a direction of tiny variance, which no penalty of 0 survives. Constant columns are exactly 0 by now.
        far = float(np.linalg.norm(self.mean[centred.any(axis=0)])) * np.sqrt(len(centred))
        left, singular, right = np.linalg.svd(centred, full_matrices=False)
        # Else LAPACK's backward error: directions below it are rounding, not data.
        floor = max(self.X.shape) * np.finfo(np.float64).eps * np.hypot(singular[0], far)
        keep = singular > max(floor, 1e-300)
        return left[:, keep], singular[keep], right[keep].T

    @property
    def basis(self) -> Float[np.ndarray, "d r"]:
        """Right singular vectors of the centred features."""
        return self._svd[2]

    @cached_property
    def scores(self) -> Float[np.ndarray, "n r"]:
        """Centred features in the basis."""
        left, singular, _ = self._svd
        return left * singular

    @cached_property
    def inverse(self) -> Float[np.ndarray, "r a"]:
        """1 / (eigenvalue + alpha), one column per penalty."""
        return 1.0 / ((self._svd[1] ** 2 / len(self.y))[:, None] + self.alphas)

    @cached_property
    def theta(self) -> Float[np.ndarray, "r a k"]:
        """Coefficients in the basis."""
        cross = self.scores.T @ (self.y - self.y.mean(axis=0)) / len(self.y)
        return self.inverse[:, :, None] * cross[:, None, :]

    @cached_property
    def deleted_residuals(self) -> Float[np.ndarray, "n a k"]:
        """Residual of each row under the fit that leaves its group out."""
        n = len(self.y)
        fitted = np.einsum("nr,rak->nak", self.scores, self.theta, optimize=True)
        residuals = (self.y - self.y.mean(axis=0))[:, None, :] - fitted
        if self.groups is None:
            rest = 1.0 - 1.0 / n - (self.scores**2) @ self.inverse / n
            _refuse_interpolation(float(rest.min()), "one row")
            return np.asarray(residuals / rest[:, :, None])
        deleted = np.empty_like(residuals)
        for rows in self.groups:
            scores = self.scores[rows]
            hat = np.einsum("ir,ra,jr->aij", scores, self.inverse, scores, optimize=True) / n + 1.0 / n
            rest = np.eye(len(rows)) - hat
            _refuse_interpolation(float(np.linalg.eigvalsh(rest[np.argmin(self.alphas)])[0]), "a group")
            solved = np.linalg.solve(rest, residuals[rows].transpose(1, 0, 2))
            deleted[rows] = solved.transpose(1, 0, 2)
        return deleted

    def model(self, which: int) -> LinearModel:
        """Give the fit at one penalty as a model of the original features."""
        coef = self.basis @ self.theta[:, which, :]
        return LinearModel(coef, self.y.mean(axis=0) - self.mean @ coef)


@dataclass(frozen=True)
class Pool:
    """What the student needs of the unlabelled rows: means and covariances, nothing else."""

    size: int
    """N, the number of unlabelled rows."""
    weak_mean: Float[np.ndarray, " d_w"]
    """Means."""
    strong_mean: Float[np.ndarray, " d_s"]
    """Means."""
    weak_cov: Float[np.ndarray, "d_w d_w"]
    """Covariance of the weak features, divided by N."""
    strong_cov: Float[np.ndarray, "d_s d_s"]
    """Covariance of the strong features, divided by N."""
    cross_cov: Float[np.ndarray, "d_s d_w"]
    """Covariance of strong with weak features, divided by N."""

    @classmethod
    def from_rows(cls, weak: Float[np.ndarray, "N d_w"], strong: Float[np.ndarray, "N d_s"]) -> Pool:
        """Take the moments of rows held in memory."""
        return cls.from_moments(moments_of(pair_of(weak, strong)).select())

    @classmethod
    def from_moments(cls, moments: BlockMoments) -> Pool:
        """Take the moments that an engine added up."""
        return cls(
            moments.n,
            moments.mean(WEAK),
            moments.mean(STRONG),
            moments.covariance(WEAK),
            moments.covariance(STRONG),
            moments.covariance(STRONG, WEAK),
        )

    def reduced(
        self,
        weak: tuple[Float[np.ndarray, " d_w"], Float[np.ndarray, "d_w r_w"] | None],
        strong: tuple[Float[np.ndarray, " d_s"], Float[np.ndarray, "d_s r_s"] | None],
    ) -> Pool:
        """Give the moments of the same rows in other coordinates."""
        (centre_w, W), (centre_s, S) = weak, strong
        pool = self
        if W is not None:
            pool = replace(
                pool,
                weak_mean=(pool.weak_mean - centre_w) @ W,
                weak_cov=W.T @ pool.weak_cov @ W,
                cross_cov=pool.cross_cov @ W,
            )
        if S is not None:
            pool = replace(
                pool,
                strong_mean=(pool.strong_mean - centre_s) @ S,
                strong_cov=S.T @ pool.strong_cov @ S,
                cross_cov=S.T @ pool.cross_cov,
            )
        return pool


class StageTwo:
    """The student along a path of penalties, for one weight of the pseudo-labels.

    The objective is ``(1 - weight)`` times the mean squared error on the true labels, plus ``weight`` times
    that on the pseudo-labels, plus alpha times the squared norm: weight 1 is the W2S student, weight 0 the
    strong baseline.
    """

    def __init__(
        self,
        teacher: StageOne,
        strong: Float[np.ndarray, "n d_s"],
        pool: Pool,
        alphas: Float[np.ndarray, " b"],
        weight: float = 1.0,
    ) -> None:
        n = len(strong)
        self.teacher, self.alphas, self.weight = teacher, alphas, weight
        labelled_mean = strong.mean(axis=0, dtype=np.float64)
        self.mean = (1 - weight) * labelled_mean + weight * pool.strong_mean
        shift = pool.strong_mean - self.mean
        self._centred = strong - self.mean
        if weight < 1:
            cov = weight * (pool.strong_cov + np.outer(shift, shift))
            cov += (1 - weight) / n * self._centred.T @ self._centred
        else:
            cov = pool.strong_cov
        values, vectors = np.linalg.eigh(cov)
        # Rounding of the Gram product: eigenvalues below it cannot be told from zero.
        keep = values > max(len(cov), pool.size) * np.finfo(np.float64).eps * max(values[-1], 1e-300)
        self.values, self.basis = values[keep], vectors[:, keep]
        self.scores = self._centred @ self.basis
        pool_offset = (pool.weak_mean - teacher.mean) @ teacher.basis
        cross = pool.cross_cov @ teacher.basis + np.outer(shift, pool_offset)
        self._pool_offset, self._shift, self._cross = pool_offset, self.basis.T @ shift, self.basis.T @ cross
        self._label_mean = teacher.y.mean(axis=0)
        self._label_cross = self.scores.T @ teacher.y / n

    def losses(self) -> Float[np.ndarray, "a b n"]:
        """Squared loss of every labelled row with its group left out of both stages."""
        first = self.teacher
        n, k = first.y.shape
        a = len(first.alphas)
        result = np.empty((a, len(self.alphas), n))
        deleted = first.deleted_residuals
        theta = first.theta.reshape(len(first.theta), a * k)
        for b, alpha in enumerate(self.alphas):
            shrunk = self.scores / (self.values + alpha)
            constant = self.weight * (1.0 + shrunk @ self._shift)
            rows = self.weight * (self._pool_offset + shrunk @ self._cross)
            own = (1 - self.weight) * (self._label_mean + shrunk @ self._label_cross)
            full = own[:, None, :] + constant[:, None, None] * self._label_mean
            full = full + (rows @ theta).reshape(n, a, k)
            if first.groups is None:
                change = constant[:, None] + (rows * first.scores) @ first.inverse
                predicted = full - change[:, :, None] * deleted / n
                if self.weight < 1:
                    hat = (1 - self.weight) / n * (1.0 + np.einsum("ij,ij->i", shrunk, self.scores))
                    hat = hat[:, None, None]
                    predicted = (predicted - hat * first.y[:, None, :]) / (1.0 - hat)
            else:
                predicted = self._without_groups(full, constant, rows, shrunk)
            result[:, b, :] = np.sum((predicted - first.y[:, None, :]) ** 2, axis=2).T
        return result

    def _without_groups(
        self, full: np.ndarray, constant: np.ndarray, rows: np.ndarray, shrunk: np.ndarray
    ) -> np.ndarray:
        first = self.teacher
        n, k = first.y.shape
        a = len(first.alphas)
        predicted = np.empty_like(full)
        for group in first.groups or ():
            gone = first.deleted_residuals[group]
            moved = first.inverse[:, :, None] * np.einsum("ir,iak->rak", first.scores[group], gone)
            change = constant[group][:, None, None] * gone.sum(axis=0)
            change = change + (rows[group] @ moved.reshape(-1, a * k)).reshape(len(group), a, k)
            part = full[group] - change / n
            if self.weight < 1:
                hat = (1 - self.weight) / n * (1.0 + shrunk[group] @ self.scores[group].T)
                part = part - np.einsum("ij,jk->ik", hat, first.y[group])[:, None, :]
                part = np.linalg.solve(np.eye(len(group)) - hat, part.reshape(len(group), a * k))
                part = part.reshape(len(group), a, k)
            predicted[group] = part
        return predicted

    def imitation(self, which_teacher: int, pool: Pool) -> Float[np.ndarray, " b"]:
        """Generalized cross-validation of the student against its own pseudo-labels.

        This is what tuning the student for itself minimises; it is here to be compared with, since it
        knows nothing of the true labels.
        """
        theta = self.teacher.theta[:, which_teacher, :]
        coef = self.teacher.basis @ theta
        variance = float(np.sum(coef * (pool.weak_cov @ coef)))
        cross = (self._cross @ theta)[:, None, :]
        shrink = (1.0 / (self.values[:, None] + self.alphas))[:, :, None]
        explained = np.sum(cross**2 * shrink * (2.0 - self.values[:, None, None] * shrink), axis=(0, 2))
        df = 1.0 + np.sum(self.values[:, None] * shrink[:, :, 0], axis=0)
        rest = np.maximum(1.0 - df / pool.size, np.finfo(np.float64).eps)
        return np.asarray(np.maximum(variance - explained, 0.0) / rest**2)

    def model(self, which_teacher: int, which: int) -> LinearModel:
        """Give the student at one pair of penalties as a model of the strong features."""
        theta = self.teacher.theta[:, which_teacher, :]
        pseudo_mean = self._label_mean + self._pool_offset @ theta
        pseudo_cross = np.outer(self._shift, self._label_mean) + self._cross @ theta
        cross = (1 - self.weight) * self._label_cross + self.weight * pseudo_cross
        coef = self.basis @ (cross / (self.values + self.alphas[which])[:, None])
        level = (1 - self.weight) * self._label_mean + self.weight * pseudo_mean
        return LinearModel(coef, level - self.mean @ coef)


def row_losses(stage: StageOne) -> Float[np.ndarray, "a n"]:
    """Squared leave-one-out loss of every labelled row for a single-stage fit."""
    return np.asarray(np.sum(stage.deleted_residuals**2, axis=2).T)


def penalties(
    features: Float[np.ndarray, "m d"], count: int = 25, low: float = 1e-5, high: float = 1e3
) -> Float[np.ndarray, " count"]:
    """Lay out a grid of ridge penalties on the scale of the features.

    Eight decades around the mean variance per column hold every useful penalty from "all but ridgeless" to
    "all but constant"; three points per decade keep the loss from the grid below .1 % of the risk.
    """
    scale = float(features.var(axis=0, dtype=np.float64).mean())
    if not scale > 0:
        raise DataError("the features do not vary", remedy="Give features that differ between rows.")
    return scale * np.geomspace(low, high, count)
