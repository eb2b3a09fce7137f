"""From a pool's moments to what forecasts need of two feature sets, and the way of new rows into it.

A pool of M rows spans M - 1 directions, new rows as many as there are features. What new rows say of a
direction that the pool does not span counts as well: in b' (S_M + k)^-1 b it is divided by k alone. Such
directions, and those that the pool spans so narrowly that no fit believed tells them from none, are kept with
one tiny eigenvalue.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Shaped

from outgrow.errors import DataError
from outgrow.geometry.pairs import STRONG, WEAK
from outgrow.linalg.moment_table import BlockMoments
from outgrow.linalg.spectrum import Spectrum, spectrum_of_covariance
from outgrow.theory.effective_stage import CARRIED, least_penalty
from outgrow.theory.terms import PairSpectra


@dataclass(frozen=True)
class Whitened:
    """A pair in whitened directions, of mean 0 and unit covariance over the pool.

    `mean_w`, `mean_s` are means over the pool; `back_w`, `back_s` take centred features to the directions.
    """

    pair: PairSpectra
    mean_w: Float[np.ndarray, " D_w"]
    mean_s: Float[np.ndarray, " D_s"]
    back_w: Float[np.ndarray, "D_w d_w"]
    back_s: Float[np.ndarray, "D_s d_s"]

    def weak(self, rows: Shaped[np.ndarray, "m D_w"]) -> Float[np.ndarray, "m d_w"]:
        """Put weak rows into whitened directions."""
        return np.asarray((rows - self.mean_w) @ self.back_w)

    def strong(self, rows: Shaped[np.ndarray, "m D_s"]) -> Float[np.ndarray, "m d_s"]:
        """Put strong rows into whitened directions."""
        return np.asarray((rows - self.mean_s) @ self.back_s)


def whiten(
    moments: BlockMoments,
    ranks: tuple[int | None, int | None] = (None, None),
    strong: Spectrum | None = None,
    new: tuple[Shaped[np.ndarray, "m D_w"] | None, Shaped[np.ndarray, "m D_s"] | None] = (None, None),
) -> Whitened:
    """Whiten a pair by the moments of a pool: blocks "weak" and "strong" over the unlabelled rows.

    `ranks` are the leading principal components to keep, None all that vary; `strong` is the spectrum of the
    strong covariance, where it is known already (`pool_spectrum`); `new` are the labelled rows, whose
    directions outside the pool's span are kept too.
    """
    weak = pool_spectrum(moments, WEAK)
    strong = pool_spectrum(moments, STRONG) if strong is None else strong
    means = moments.mean(WEAK), moments.mean(STRONG)
    return whitened((weak, strong), means, moments.covariance(STRONG, WEAK), ranks, new)


def whitened(
    spectra: tuple[Spectrum, Spectrum],
    means: tuple[Float[np.ndarray, " D_w"], Float[np.ndarray, " D_s"]],
    cross: Float[np.ndarray, "D_s D_w"],
    ranks: tuple[int | None, int | None] = (None, None),
    new: tuple[Shaped[np.ndarray, "m D_w"] | None, Shaped[np.ndarray, "m D_s"] | None] = (None, None),
) -> Whitened:
    """Whiten a pair by the spectra of its covariances over a pool and the covariance of both."""
    values, back, n = [], [], spectra[0].n
    for spectrum, rows, mean, rank, name in zip(
        spectra, new, means, ranks, ("weak features", "strong features"), strict=True
    ):
        eigenvalues, vectors = directions(spectrum, float(n), None if rows is None else rows - mean, rank)
        if not len(eigenvalues):
            raise DataError("the features do not vary", name, "Give features that differ between rows.")
        values.append(eigenvalues)
        back.append(vectors / np.sqrt(eigenvalues))
    C = back[1].T @ cross @ back[0]
    pair = PairSpectra(values_w=values[0], values_s=values[1], C=C, rows=float(n))
    return Whitened(pair, *means, *back)


def pool_spectrum(moments: BlockMoments, block: str) -> Spectrum:
    """Decompose one set's covariance over a pool, as far as its moments are exact."""
    return spectrum_of_covariance(moments.covariance(block), moments.n, moments.relative_error_of(block))


def directions(
    spectrum: Spectrum,
    pool: float,
    new: Shaped[np.ndarray, "m D"] | None = None,
    rank: int | None = None,
) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, "D d"]]:
    """Choose the directions that forecasts are made in, with their eigenvalues, from `pool` rows and new
    ones."""
    # A pool of M rows spans M - 1 directions; what eigenvalues say beyond is rounding.
    spanned = int(min(spectrum.rank, pool - 1))
    kept = min(spanned, rank or spanned)
    values, vectors = spectrum.values[:kept], spectrum.vectors[:, :kept]
    least = least_penalty(values, pool - 1) if kept else 0.0
    if least == 0:
        return values, vectors
    if kept == spanned and new is not None:
        rest = new - (new @ vectors) @ vectors.T
        _, sizes, outside = np.linalg.svd(rest, full_matrices=False)
        # Of what is left, too, rounding is told from what varies by the size of the leading direction.
        there = sizes**2 / len(new) > spectrum.relative_error * values[0]
        vectors = np.hstack([vectors, outside[there].T])
        values = np.append(values, np.zeros(int(there.sum())))
    return np.maximum(values, CARRIED * least), vectors
