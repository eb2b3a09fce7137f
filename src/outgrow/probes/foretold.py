"""What the forecast says of the joint student's settings, to be weighed with leave-one-out.

Leave-one-out scores a few noisy labels at every setting; the forecast (docs/theory.md, T6) estimates the same
errors from the same labels by other means, products of labels over different rows and the spectra of the
pool. Their errors differ, so the mean of both chooses better than either where labels are few
(benchmarks/best_use.py). Forecasts without a fold come with it, for honest choices.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from outgrow.linalg.spectrum import spectrum_of_covariance
from outgrow.probes.two_stage import Pool
from outgrow.theory.joint_equivalent import joint_risks
from outgrow.theory.label_terms import LEAST_FOLDS, label_terms
from outgrow.theory.terms import PairSpectra
from outgrow.theory.whitening import directions


def joint_forecasts(
    weak: Float[np.ndarray, "n d_w"],
    strong: Float[np.ndarray, "n d_s"],
    y: Float[np.ndarray, "n k"],
    pool: Pool,
    folds: Sequence[Int[np.ndarray, " _"]],
    alphas: tuple[Float[np.ndarray, " a"], Float[np.ndarray, " b"]],
    weights: Sequence[float],
) -> Float[np.ndarray, "R settings"] | None:
    """Forecast the joint student's error at every setting.

    A forecast without a fold is unbiased whatever that fold's labels are: its products are of other rows, and
    the preliminary fits that they are taken about bias nothing. So a choice by it does not lean towards them.

    Parameters
    ----------
    weak, strong : array of shape (n, d_w) and (n, d_s)
        Features of the labelled rows.
    y : array of shape (n, k)
        Labels.
    pool : Pool
        Moments of the unlabelled rows.
    folds : sequence of integer arrays
        A partition of the labelled rows, groups whole.
    alphas : pair of array of shape (a,) and (b,)
        Penalties of teacher and student, above zero.
    weights : sequence of float
        Weights of the pseudo-labels, w of them.

    Returns
    -------
    array of shape (1 + folds, w * a * b) or None
        Expected squared error on new labels, summed over their columns: from all rows, then without each
        fold. Infinite where there is no forecast; None where folds are too few for one, nothing varies, or
        the pool is too small.
    """
    if len(folds) < LEAST_FOLDS or not (y != y[0]).any() or pool.size < SMALL:
        return None
    Z, values, back = [], [], []
    for rows, mean, covariance in (
        (weak, pool.weak_mean, pool.weak_cov),
        (strong, pool.strong_mean, pool.strong_cov),
    ):
        centred = rows - mean
        own, vectors = directions(spectrum_of_covariance(covariance, pool.size), pool.size, centred)
        if not len(own):
            return None
        values.append(own)
        back.append(vectors / np.sqrt(own))
        Z.append(centred @ back[-1])
    shared = back[1].T @ pool.cross_cov @ back[0]
    pair = PairSpectra(values_w=values[0], values_s=values[1], C=shared, rows=float(pool.size))
    number = np.empty(len(y), dtype=np.int64)
    for place, rows in enumerate(folds):
        number[rows] = place
    target = label_terms(pair, Z[0], Z[1], y, number)
    w, a, b = (x.ravel() for x in np.meshgrid(weights, *alphas, indexing="ij"))
    error = joint_risks(pair, target, n=len(y), alpha_w=a, N=pool.size, alpha_s=b, weight=w).error
    error = np.where(np.isnan(error), np.inf, error)
    return error if np.isfinite(error).any(axis=1).all() else None


SMALL = 4
"""Rows of a pool below which there is no covariance to speak of."""
