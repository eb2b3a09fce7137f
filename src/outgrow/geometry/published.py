"""The published similarity of two networks, in feature coordinates, with its chance level beside it.

||V_s' V_w||_F^2, V the leading eigenvectors of each covariance, is the correlation dimension where both
networks share one coordinate system and isotropic inputs, as the theory it comes from assumes. Between two
unrelated networks the coordinates mean nothing to each other: after widths are matched at random it is a
draw from chance whatever the networks share (docs/theory.md, T1). Kept for replication.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from outgrow.geometry.intrinsic import ENERGY_LEVEL, intrinsic_dimension
from outgrow.linalg.spectrum import Spectrum
from outgrow.results import Estimate, Undefined

WHOLE_ROTATION = 2_048
"""Widest set that is turned by a whole rotation, as printed numbers were; beyond, its QR takes seconds."""


@dataclass(frozen=True)
class PublishedSimilarity:
    """A similarity in feature coordinates."""

    value: float
    """||V_s' V_w||_F^2."""
    chance: float
    """Mean for unrelated coordinates, d_s d_w / D."""
    chance_sd: float
    """Standard deviation for unrelated coordinates."""
    width: int
    """D, the width compared in."""
    d_w: int
    d_s: int
    """Directions of each set."""
    matching: str
    """How the widths were matched: "none" or "rotation"."""


def published_correlation_dimension(
    V_w: Float[np.ndarray, "D_w d_w"], V_s: Float[np.ndarray, "D_s d_s"], rng: np.random.Generator
) -> PublishedSimilarity:
    """Compare leading eigenvectors coordinate by coordinate; of unlike widths, after a random rotation."""
    width, d_w, d_s = max(len(V_w), len(V_s)), V_w.shape[1], V_s.shape[1]
    same = len(V_w) == len(V_s)
    if not same:
        V_w, V_s = (np.vstack([V, np.zeros((width - len(V), V.shape[1]))]) for V in (V_w, V_s))
        # What a random rotation makes of orthonormal columns are as many random ones.
        V_w = _haar(width, width, rng) @ V_w if width <= WHOLE_ROTATION else _haar(width, d_w, rng)
    value = float(np.sum((V_s.T @ V_w) ** 2))
    matching = "none" if same else "rotation"
    return PublishedSimilarity(value, *chance_level(width, d_w, d_s), width, d_w, d_s, matching)


def similarity_of_spectra(
    weak: Spectrum, strong: Spectrum, rng: np.random.Generator
) -> PublishedSimilarity | Undefined:
    """Compare two feature sets as published: on directions that hold `ENERGY_LEVEL` of their variance."""
    bases = []
    for spectrum in (weak, strong):
        size = intrinsic_dimension(spectrum, "energy", level=ENERGY_LEVEL).estimate
        if not isinstance(size, Estimate):
            return size
        if size.value > spectrum.vectors.shape[1]:
            return Undefined(
                f"{size.value:.0f} directions hold {ENERGY_LEVEL:.0%} of the variance, and fewer were kept",
                f"Keep as many (--rank {size.value:.0f}).",
            )
        bases.append(spectrum.vectors[:, : int(size.value)])
    return published_correlation_dimension(bases[0], bases[1], rng)


def chance_level(width: int, d_w: int, d_s: int) -> tuple[float, float]:
    """Give mean and standard deviation of the similarity of unrelated coordinates (docs/theory.md, T1)."""
    mean = d_s * d_w / width
    if width == 1:
        return mean, 0.0
    spread = 2.0 * d_s * (width - d_s) * d_w * (width - d_w)
    return mean, float(np.sqrt(spread / (width**2 * (width - 1) * (width + 2))))


def _haar(rows: int, columns: int, rng: np.random.Generator) -> Float[np.ndarray, "rows columns"]:
    Q, R = np.linalg.qr(rng.standard_normal((rows, columns)))
    # QR fixes signs by its own convention; the diagonal's signs make the draw uniform.
    return Q * np.sign(np.diag(R))
