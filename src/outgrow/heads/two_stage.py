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

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from outgrow.errors import DataError
from outgrow.geometry.pairs import STRONG, WEAK, pair_of
from outgrow.linalg.moments import BlockMoments, moments_of
from outgrow.linalg.ridge_path import LinearModel, RidgePath
from outgrow.linalg.row_space import RowSpace
from outgrow.linalg.spectrum import Spectrum, spectrum_of_covariance
from outgrow.theory.taught_features import imitation_errors


@dataclass(frozen=True)
class Pool:
    """What the student needs of the unlabelled rows: means and covariances, nothing else."""

    size: int
    """N, the number of unlabelled rows."""
    weak_mean: Float[np.ndarray, " d_w"]
    strong_mean: Float[np.ndarray, " d_s"]
    """Means."""
    weak_cov: Float[np.ndarray, "d_w d_w"]
    """Covariance of the weak features, divided by N."""
    strong_cov: Float[np.ndarray, "d_s d_s"]
    """Covariance of the strong features, divided by N."""
    cross_cov: Float[np.ndarray, "d_s d_w"]
    """Covariance of strong with weak features, divided by N."""

    @cached_property
    def weak_spectrum(self) -> Spectrum:
        """Of the weak covariance."""
        return spectrum_of_covariance(self.weak_cov, self.size)

    @cached_property
    def strong_spectrum(self) -> Spectrum:
        """Of the strong covariance."""
        return spectrum_of_covariance(self.strong_cov, self.size)

    @property
    def total_variances(self) -> tuple[float, float]:
        """Variances of both sets, summed over columns."""
        return float(np.trace(self.weak_cov)), float(np.trace(self.strong_cov))

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

    def reduced(self, weak: RowSpace, strong: RowSpace) -> Pool:
        """Give the moments of the same rows in other coordinates."""
        if weak.basis is None and strong.basis is None:
            return self  # with the spectra that it has
        return Pool(
            self.size,
            weak.turned(self.weak_mean - weak.mean),
            strong.turned(self.strong_mean - strong.mean),
            weak.turned(weak.turned(self.weak_cov).T),
            strong.turned(strong.turned(self.strong_cov).T),
            strong.turned(weak.turned(self.cross_cov.T).T),
        )


class StageTwo:
    """The student along a path of penalties, for one weight of the pseudo-labels.

    The objective is ``(1 - weight)`` times the mean squared error on the true labels, plus ``weight`` times
    that on the pseudo-labels, plus alpha times the squared norm: weight 1 is the W2S student, weight 0 the
    strong baseline.
    """

    def __init__(
        self,
        teacher: RidgePath,
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
        spectrum = pool.strong_spectrum
        if weight < 1:
            cov = weight * (pool.strong_cov + np.outer(shift, shift))
            cov += (1 - weight) / n * self._centred.T @ self._centred
            spectrum = spectrum_of_covariance(cov, pool.size)
        self.values, self.basis = spectrum.resolved
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
            labelled = (1 - self.weight) * (self._label_mean + shrunk @ self._label_cross)
            full = labelled[:, None, :] + constant[:, None, None] * self._label_mean
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
        return imitation_errors(self.values, self._cross @ theta, variance, float(pool.size), self.alphas)

    def model(self, which_teacher: int, which: int) -> LinearModel:
        """Give the student at one pair of penalties as a model of the strong features."""
        theta = self.teacher.theta[:, which_teacher, :]
        pseudo_mean = self._label_mean + self._pool_offset @ theta
        pseudo_cross = np.outer(self._shift, self._label_mean) + self._cross @ theta
        cross = (1 - self.weight) * self._label_cross + self.weight * pseudo_cross
        coef = self.basis @ (cross / (self.values + self.alphas[which])[:, None])
        level = (1 - self.weight) * self._label_mean + self.weight * pseudo_mean
        return LinearModel(coef, level - self.mean @ coef)


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
