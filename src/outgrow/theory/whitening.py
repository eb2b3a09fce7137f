"""From a pool's moments to what forecasts need of two feature sets, and the way of new rows into it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Shaped

from outgrow.errors import DataError
from outgrow.geometry.pair_moments import STRONG, WEAK
from outgrow.linalg.moment_table import BlockMoments
from outgrow.linalg.spectrum import Spectrum, spectrum_of_covariance
from outgrow.theory.terms import PairSpectra


@dataclass(frozen=True)
class Whitened:
    """A pair in whitened directions.

    Parameters
    ----------
    pair : PairSpectra
        What the two sets share.
    mean_w, mean_s : array of shape (D_w,) and (D_s,)
        Means over the pool.
    back_w : array of shape (D_w, d_w)
        From centred weak features to whitened directions.
    back_s : array of shape (D_s, d_s)
        The same for the strong ones.
    """

    pair: PairSpectra
    mean_w: Float[np.ndarray, " D_w"]
    mean_s: Float[np.ndarray, " D_s"]
    back_w: Float[np.ndarray, "D_w d_w"]
    back_s: Float[np.ndarray, "D_s d_s"]

    def weak(self, rows: Shaped[np.ndarray, "m D_w"]) -> Float[np.ndarray, "m d_w"]:
        """Put weak rows into whitened directions.

        Parameters
        ----------
        rows : array of shape (m, D_w)
            In the original coordinates.

        Returns
        -------
        array of shape (m, d_w)
            Of mean 0 and unit covariance over the pool.
        """
        return np.asarray((rows - self.mean_w) @ self.back_w)

    def strong(self, rows: Shaped[np.ndarray, "m D_s"]) -> Float[np.ndarray, "m d_s"]:
        """Put strong rows into whitened directions.

        Parameters
        ----------
        rows : array of shape (m, D_s)
            In the original coordinates.

        Returns
        -------
        array of shape (m, d_s)
            Of mean 0 and unit covariance over the pool.
        """
        return np.asarray((rows - self.mean_s) @ self.back_s)


def whiten(
    moments: BlockMoments, ranks: tuple[int | None, int | None] = (None, None), strong: Spectrum | None = None
) -> Whitened:
    """Whiten a pair by the moments of a pool.

    Parameters
    ----------
    moments : BlockMoments
        Blocks "weak" and "strong" over the unlabelled rows.
    ranks : pair of int or None
        Leading principal components to keep of each set; None keeps all that vary.
    strong : Spectrum, optional
        Of the strong covariance, where it is known already.

    Returns
    -------
    Whitened
        Directions below the numerical error of the moments are left out.

    Raises
    ------
    DataError
        When a set does not vary.
    """
    weak = spectrum_of_covariance(moments.covariance(WEAK), moments.n)
    strong = spectrum_of_covariance(moments.covariance(STRONG), moments.n) if strong is None else strong
    back = []
    for name, spectrum, rank in (("weak features", weak, ranks[0]), ("strong features", strong, ranks[1])):
        # A pool of M rows spans M - 1 directions; what eigenvalues say beyond is rounding.
        kept = min(spectrum.rank, moments.n - 1, rank or spectrum.rank)
        if kept < 1:
            raise DataError("the features do not vary", name, "Give features that differ between rows.")
        back.append(spectrum.vectors[:, :kept] / np.sqrt(spectrum.values[:kept]))
    C = back[1].T @ moments.covariance(STRONG, WEAK) @ back[0]
    pair = PairSpectra(
        values_w=weak.values[: back[0].shape[1]],
        values_s=strong.values[: back[1].shape[1]],
        C=C,
        rows=float(moments.n),
    )
    return Whitened(pair, moments.mean(WEAK), moments.mean(STRONG), back[0], back[1])
