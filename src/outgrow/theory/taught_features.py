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
    shrink = 1 / (values[:, None] + values.mean() * RELATIVE)
    explained = np.sum(cross**2, axis=1) @ (shrink * (2 - values[:, None] * shrink))
    left = np.maximum(1 - (1 + values @ shrink) / rows, np.finfo(np.float64).eps)
    errors = np.maximum(total - explained, 0) / left**2
    best = int(np.argmin(errors))
    return shrink[:, best], float(errors[best])


def taught_map(
    values: Float[np.ndarray, " d"], cross: Float[np.ndarray, "d c"], total: float, rows: float
) -> Float[np.ndarray, "d e"]:
    """Map principal scores to the imitated columns and to themselves; to these alone if none is imitated."""
    copied = cross * imitation(values, cross, total, rows)[0][:, None]
    variance = float(values @ np.sum(copied**2, axis=1))
    own = np.eye(len(values)) / np.sqrt(values.sum())
    return np.hstack([copied / np.sqrt(variance), own]) if variance > 0 else own


def taught_features(pair: PairSpectra, target: Target, N: float) -> tuple[Float[np.ndarray, " d"], Side]:
    """Spectrum and target of the taught features with N pseudo-labels, like `union_features`."""
    values, cross = pair.values_s, pair.C * np.sqrt(np.outer(pair.values_s, pair.values_w))
    error = imitation(values, cross, float(pair.values_w.sum()), N)[1] / len(pair.values_w)
    # Fewer rows than the pool's leave the imitation less certain: one draw of it stands for all, since the
    # many directions that it errs in are alike.
    noise = error * max(0.0, 1 / N - 1 / pair.rows)
    chance = np.random.default_rng(0).standard_normal(cross.shape)
    drawn = cross + chance * np.sqrt(noise * values)[:, None]
    mapped = taught_map(values, drawn, float(pair.values_w.sum()), N)
    # In whitened strong directions, which every taught feature is a combination of.
    half = np.sqrt(values)[:, None] * mapped
    spectrum, vectors = np.linalg.eigh(half @ half.T)
    return spectrum, target.strong().map(lambda side: side @ vectors)
