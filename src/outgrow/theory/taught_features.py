"""The strong features with what they repeat of a given teacher beside them, both of unit total variance.

A teacher of few fixed columns is imitated without a label: ridge of its columns on the strong features over
the pool. A fit to the labels then leans towards the imitation where it explains them, and is the strong
baseline where it does not. The imitation's penalty is that of its generalized cross-validation.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from outgrow.theory.surface import RELATIVE
from outgrow.theory.terms import PairSpectra, Side, Target


def imitation(
    values: Float[np.ndarray, " d"], cross: Float[np.ndarray, "d c"], total: float, rows: float
) -> tuple[Float[np.ndarray, " d"], float]:
    """Tune the imitation: what multiplies `cross` in every direction, and the error on new rows.

    `values` are variances of principal scores, `cross` their covariances with the columns, `total` the
    variance of all columns, `rows` the size of the pool.
    """
    alphas = values.mean() * RELATIVE
    errors = imitation_errors(values, cross, total, rows, alphas)
    best = int(np.argmin(errors))
    return 1 / (values + alphas[best]), float(errors[best])


def imitation_errors(
    values: Float[np.ndarray, " d"],
    cross: Float[np.ndarray, "d c"],
    total: float,
    rows: float,
    alphas: Float[np.ndarray, " a"],
) -> Float[np.ndarray, " a"]:
    """Generalized cross-validation of fits to pseudo-labels of variance `total`, by penalty."""
    shrink = 1 / (values[:, None] + alphas)
    explained = np.sum(cross**2, axis=1) @ (shrink * (2 - values[:, None] * shrink))
    left = np.maximum(1 - (1 + values @ shrink) / rows, np.finfo(np.float64).eps)
    return np.asarray(np.maximum(total - explained, 0) / left**2)


def taught_map(
    values: Float[np.ndarray, " d"], cross: Float[np.ndarray, "d c"], total: float, rows: float
) -> Float[np.ndarray, "d e"]:
    """Map principal scores to the imitated columns and to themselves; to these alone if none is imitated."""
    copied = cross * imitation(values, cross, total, rows)[0][:, None]
    variance = float(values @ np.sum(copied**2, axis=1))
    identity = np.eye(len(values)) / np.sqrt(values.sum())
    return np.hstack([copied / np.sqrt(variance), identity]) if variance > 0 else identity


DRAWS = 8
"""Draws of what fewer pseudo-labels leave uncertain: one moves a small excess risk by a tenth."""


def taught_features(
    pair: PairSpectra, target: Target, N: float
) -> list[tuple[Float[np.ndarray, " d"], Side]]:
    """Spectra and targets of the taught features with N pseudo-labels, to be averaged over.

    Fewer rows than the pool's leave the imitation less certain: it is drawn, and leans by chance as well.
    """
    values, cross = pair.values_s, pair.C * np.sqrt(np.outer(pair.values_s, pair.values_w))
    total, columns = float(pair.values_w.sum()), len(pair.values_w)
    noise = imitation(values, cross, total, N)[1] / columns * max(0.0, 1 / N - 1 / pair.rows)
    rng = np.random.default_rng(0)
    made = []
    for _ in range(DRAWS if noise > 0 else 1):
        drawn = cross + rng.standard_normal(cross.shape) * np.sqrt(noise * values)[:, None]
        # In whitened strong directions, which every taught feature is a combination of.
        half = np.sqrt(values)[:, None] * taught_map(values, drawn, total, N)
        spectrum, vectors = np.linalg.eigh(half @ half.T)
        made.append((spectrum, Side(*(side @ vectors for side in target.strong()))))
    return made
