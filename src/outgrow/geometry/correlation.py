"""Correlation dimension: the sum of squared canonical correlations, in sample space (docs/theory.md, T1).

It says how much of the teacher's variance the student inherits, and no invertible linear map of either
feature set changes it. From N rows the plain estimate is too large, by d_s d_w / N for unrelated features;
T1b puts that right for any relation. Not the Grassberger-Procaccia dimension of the same name.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int, Shaped

from outgrow.errors import DataError
from outgrow.geometry.jackknife import jackknife_interval
from outgrow.geometry.pair_moments import STRONG, WEAK, pair_moments
from outgrow.linalg.moment_table import BlockMoments, MomentTable
from outgrow.linalg.spectrum import Spectrum, spectrum_of_covariance
from outgrow.results import Estimate, Quantity, Undefined


@dataclass(frozen=True)
class CorrelationDimension:
    """The correlation dimension of a pair, and what it was read from.

    Parameters
    ----------
    estimate : Estimate or Undefined
        T1b, unclipped, with a jackknife interval.
    naive : float or None
        Sum of the squared sample canonical correlations.
    chance : float or None
        What `naive` is expected to be for unrelated features: d_s d_w / (N - 1).
    N : int
        Rows.
    d_w, d_s : int
        Directions kept of each set.
    canonical : array of shape (min(d_w, d_s),)
        Sample canonical correlations, descending, each too large by what chance adds; empty where not
        identifiable.
    """

    estimate: Quantity
    naive: float | None
    chance: float | None
    N: int
    d_w: int
    d_s: int
    canonical: Float[np.ndarray, " k"] = field(repr=False)

    @property
    def clipped(self) -> float:
        """The estimate moved into [0, min(d_w, d_s)], for display and plug-in only; NaN if undefined."""
        if isinstance(self.estimate, Undefined):
            return float("nan")
        return min(max(self.estimate.value, 0.0), float(min(self.d_w, self.d_s)))


@dataclass(frozen=True)
class Whitening:
    """Leading principal directions of one set, scaled to unit variance.

    Parameters
    ----------
    spectrum : Spectrum
        Of the covariance.
    kept : int
        Directions kept.
    """

    spectrum: Spectrum
    kept: int

    @property
    def map(self) -> Float[np.ndarray, "D d"]:
        """Multiplies centred rows into uncorrelated ones of unit variance."""
        return self.spectrum.vectors[:, : self.kept] / np.sqrt(self.spectrum.values[: self.kept])


def whitening(moments: BlockMoments, block: str, rank: int | None = None) -> Whitening:
    """Whiten one block, by all its directions or the leading ones.

    Parameters
    ----------
    moments : BlockMoments
        Moments of the rows.
    block : str
        Which set.
    rank : int, optional
        Directions to keep; the numerical rank by default, and at most that.

    Returns
    -------
    Whitening
        Of `kept` directions.

    Raises
    ------
    DataError
        When `rank` is below one.
    """
    if rank is not None and rank < 1:
        raise DataError(f"a rank of {rank} keeps nothing", "geometry", "Keep one direction at least.")
    spectrum = spectrum_of_covariance(moments.covariance(block), moments.n, moments.relative_error_of(block))
    return Whitening(spectrum, spectrum.rank if rank is None else min(rank, spectrum.rank))


def corrected(naive: float, m: int, d_w: int, d_s: int) -> float:
    """Remove what finite samples add to a correlation dimension (docs/theory.md, T1b).

    Parameters
    ----------
    naive : float
        Sum of squared sample canonical correlations.
    m : int
        Rows, less one where they were centred on their own mean; above d_w + d_s.
    d_w, d_s : int
        Dimensions.

    Returns
    -------
    float
        Unclipped: 0 on average for unrelated features, so sometimes below.

    Examples
    --------
    >>> corrected(20 * 15 / 199, 199, 20, 15)
    0.0
    """
    return (m * naive - d_s * d_w) / (m + naive - d_s - d_w)


def correlation_dimension(
    X_w: Shaped[np.ndarray, "N D_w"],
    X_s: Shaped[np.ndarray, "N D_s"],
    *,
    rank_w: int | None = None,
    rank_s: int | None = None,
    groups: Int[np.ndarray, " N"] | None = None,
) -> CorrelationDimension:
    """Measure the correlation dimension of two feature sets of the same rows.

    Parameters
    ----------
    X_w : array of shape (N, D_w)
        Weak features.
    X_s : array of shape (N, D_s)
        Strong features.
    rank_w, rank_s : int, optional
        Leading principal directions to keep; all by default. They are taken as given: the estimate is of
        these directions, and its interval knows nothing of their choice. Chosen on the rows measured, they
        share more there than elsewhere (docs/theory.md, T1); give several times as many rows as columns,
        or features reduced on other rows.
    groups : array of shape (N,), optional
        Jackknife group of each row (whole user groups together); dealt out in turn by default.

    Returns
    -------
    CorrelationDimension
        Undefined where N - 1 is not above d_w + d_s.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((400, 6))
    >>> found = correlation_dimension(X[:, :4], X[:, 2:] @ rng.standard_normal((4, 4)))
    >>> round(found.estimate.value, 1), round(found.naive, 2)
    (2.0, 2.02)
    """
    table = pair_moments(X_w, X_s, groups)
    total = table.select()
    return correlation_from_moments(table, whitening(total, WEAK, rank_w), whitening(total, STRONG, rank_s))


def correlation_from_moments(table: MomentTable, weak: Whitening, strong: Whitening) -> CorrelationDimension:
    """Measure the correlation dimension from moments of blocks "weak" and "strong" by jackknife group.

    Parameters
    ----------
    table : MomentTable
        As `pair_moments` gives it.
    weak, strong : Whitening
        Directions kept; the replicates keep the same ones.

    Returns
    -------
    CorrelationDimension
        Undefined where N - 1 is not above d_w + d_s.
    """
    total = table.select()
    N, d_w, d_s = total.n, weak.kept, strong.kept
    if d_w + d_s >= N - 1 or not min(d_w, d_s):
        reason = f"{N} rows cannot tell apart {d_w} + {d_s} directions"
        if not min(d_w, d_s):
            reason = "a feature set does not vary"
        remedy = "Keep fewer directions (--rank), give more rows, or read the ridge version."
        return CorrelationDimension(Undefined(reason, remedy), None, None, N, d_w, d_s, np.zeros(0))
    W, S = weak.map, strong.map
    cross = W.T @ total.covariance(WEAK, STRONG) @ S
    # Rounding may lift a correlation of one above it.
    canonical = np.minimum(np.linalg.svd(cross, compute_uv=False), 1.0)
    naive = float(np.sum(canonical**2))
    value = corrected(naive, N - 1, d_w, d_s)
    replicates = []
    for group in table.groups:
        rest = table.select(without_group=group) if len(table.groups) > 1 else total
        if rest.n - 1 <= d_w + d_s:
            break
        shat = _shared(rest, W, S)
        replicates.append(corrected(shat, rest.n - 1, d_w, d_s))
    interval = None
    if len(replicates) == len(table.groups) > 1:
        interval = jackknife_interval(value, np.array(replicates))
    method = f"canonical correlations, corrected for {N:,} rows; jackknife over {len(table.groups)} groups"
    estimate = Estimate(value, interval, n=N, rank=min(d_w, d_s), method=method)
    return CorrelationDimension(estimate, naive, d_s * d_w / (N - 1), N, d_w, d_s, canonical)


def _shared(moments: BlockMoments, W: Float[np.ndarray, "D d"], S: Float[np.ndarray, "E e"]) -> float:
    cross = W.T @ moments.covariance(WEAK, STRONG) @ S
    left = np.linalg.solve(W.T @ moments.covariance(WEAK) @ W, cross)
    right = np.linalg.solve(S.T @ moments.covariance(STRONG) @ S, cross.T)
    return float(np.sum(left * right.T))


def principal_angles(canonical: Float[np.ndarray, " k"]) -> Float[np.ndarray, " k"]:
    """Turn canonical correlations into angles between the two feature spaces.

    Parameters
    ----------
    canonical : array of shape (k,)
        Canonical correlations, descending.

    Returns
    -------
    array of shape (k,)
        Angles in radians, ascending: those between the spaces of functions that each set spans.

    Examples
    --------
    >>> principal_angles(np.array([1.0, 0.5, 0.0])).round(3)
    array([0.   , 1.047, 1.571])
    """
    return np.arccos(np.clip(canonical, 0.0, 1.0))
