"""Both feature sets side by side, each scaled to unit total variance: what the union route sees."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from outgrow.linalg.spectrum import spectrum_of_covariance
from outgrow.theory.terms import PairSpectra, Side, Target
from outgrow.theory.whitening import directions


def union_features(pair: PairSpectra, target: Target) -> tuple[Float[np.ndarray, " d"], Side]:
    """Give spectrum and target of the two sets together.

    Returns positive eigenvalues of the covariance of both sets, each scaled to unit total variance; the
    target's covariances with its whitened directions.
    """
    scale = np.concatenate([np.sqrt(v / v.sum()) for v in (pair.values_w, pair.values_s)])
    split = len(pair.values_w)
    covariance = np.diag(scale**2)
    covariance[split:, :split] = pair.C * np.outer(scale[split:], scale[:split])
    covariance[:split, split:] = covariance[split:, :split].T
    # Directions that the sets share exactly cancel down to the rounding of the correlations; the others that
    # the pool does not span are open to new rows.
    spectrum = spectrum_of_covariance(covariance, len(covariance))
    values, vectors = directions(spectrum, pair.rows, np.eye(len(covariance)))
    back = scale[:, None] * vectors / np.sqrt(values)
    weak, strong = target.weak(), target.strong()
    together = (np.hstack(both) @ back for both in zip(weak, strong, strict=True))
    return values, Side(*together)
