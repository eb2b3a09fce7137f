"""Correlation dimension: the sum of squared canonical correlations, in sample space (docs/theory.md, T1).

It says how much of the teacher's variance the student inherits, and no invertible linear map of either
feature set changes it. From N rows the plain estimate is too large by what unrelated parts share by chance:
T1c takes it off, from the leverages of rows. Moments resolve the correlations where the sets are well
conditioned; where not, rows are whitened through their triangular factor first. Not the Grassberger-Procaccia
dimension of that name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float, Int, Shaped

from outgrow.errors import DataError
from outgrow.geometry.dependence import Dependence, dependence
from outgrow.geometry.leverages import Chance, Rows, chance_of
from outgrow.geometry.pairs import STRONG, WEAK, pair_of
from outgrow.intervals.jackknife import jackknife_interval
from outgrow.linalg.moments import BlockMoments, MomentTable, moments_of
from outgrow.linalg.rounding import EPS
from outgrow.linalg.spectrum import Spectrum, centre, spectrum_of_covariance, spectrum_of_rows
from outgrow.results import Check, Estimate, Quantity, Undefined

RESOLVED = 1e-6
"""Part of the smallest variance kept that rounding in the moments may be. Squared correlations in that
direction are then off by about as much; the estimate of rounding is on the safe side, and d_sw was off by a
tenth of this at most (tests). 20,000 rows stay within it up to a condition number of about 2e4."""


@dataclass(frozen=True)
class CorrelationDimension:
    """The correlation dimension of a pair, and what it was read from."""

    estimate: Quantity
    """T1c, never clipped, with a jackknife interval. Checks: OG209 where moments could not resolve every
    direction, OG216 where rows are copies of each other."""
    naive: float | None
    """Sum of the squared sample canonical correlations."""
    chance: float | None
    """What `naive` is expected to be for unrelated features of these leverages; d_s d_w / (N - 1) where they
    are equal."""
    N: int
    """Rows."""
    d_w: int
    d_s: int
    """Directions kept of each set."""
    canonical: Float[np.ndarray, " k"] = field(repr=False)
    """Sample canonical correlations, descending, each too large by what chance adds; empty where not
    identifiable."""


@dataclass(frozen=True)
class Whitening:
    """Leading principal directions of one set, scaled to unit variance."""

    spectrum: Spectrum
    """Of the covariance."""
    kept: int
    """Directions kept."""

    @property
    def map(self) -> Float[np.ndarray, "D d"]:
        """Multiplies centred rows into uncorrelated ones of unit variance."""
        return self.spectrum.vectors[:, : self.kept] / np.sqrt(self.spectrum.values[: self.kept])


def whitening(moments: BlockMoments, block: str, rank: int | None = None) -> Whitening:
    """Whiten one block, by all its directions or the leading ones."""
    if rank is not None and rank < 1:
        raise DataError(f"a rank of {rank} keeps nothing", "geometry", "Keep one direction at least.")
    return _leading(
        spectrum_of_covariance(moments.covariance(block), moments.n, moments.relative_error_of(block)), rank
    )


def _leading(spectrum: Spectrum, rank: int | None) -> Whitening:
    return Whitening(spectrum, spectrum.rank if rank is None else min(rank, spectrum.rank))


def unresolved(moments: BlockMoments, block: str, kept: Whitening) -> str:
    """Say what of a set its moments cannot resolve to `RESOLVED`; empty where nothing."""
    spectrum = kept.spectrum
    varying = min(int(np.sum(np.diagonal(moments.covariance(block)) > 0)), moments.n - 1)
    if kept.kept == spectrum.rank < varying:
        lost = varying - spectrum.rank
        return f"{lost} of {varying} {block} directions are lost in the rounding of moments"
    smallest = spectrum.values[kept.kept - 1] / spectrum.values[0] if kept.kept else 1.0
    if moments.relative_error_of(block) > RESOLVED * smallest:
        condition = 1 / np.sqrt(smallest)
        return f"a condition number of {condition:.1e} blurs the {block} directions in moments"
    return ""


def corrected(naive: float, m: int, d_w: int, d_s: int) -> float:
    """Remove what chance adds in m independent rows of equal leverage (docs/theory.md, T1b).

    >>> corrected(20 * 15 / 199, 199, 20, 15)
    0.0
    """
    return (m * naive - d_s * d_w) / (m + naive - d_s - d_w)


@dataclass(frozen=True, eq=False)
class PairRows:
    """The rows behind a table of moments, read again for their leverages."""

    X_w: Shaped[np.ndarray, "N D_w"] = field(repr=False)
    X_s: Shaped[np.ndarray, "N D_s"] = field(repr=False)
    belong: Dependence
    rows: Int[np.ndarray, " m"] | None = field(default=None, repr=False)
    """Positions that were measured, and that `belong` speaks of; all where None."""

    def at(self, positions: Int[np.ndarray, " k"]) -> tuple[np.ndarray, np.ndarray]:
        taken = positions if self.rows is None else self.rows[positions]
        return self.X_w[taken], self.X_s[taken]


Whitener = Callable[[Float[np.ndarray, "m D"]], Float[np.ndarray, "m d"]]


def correlation_dimension(
    X_w: Shaped[np.ndarray, "N D_w"],
    X_s: Shaped[np.ndarray, "N D_s"],
    *,
    rank_w: int | None = None,
    rank_s: int | None = None,
    groups: Shaped[np.ndarray, " N"] | None = None,
    interval: bool = True,
) -> CorrelationDimension:
    """Measure the correlation dimension of two feature sets of the same rows.

    From moments, in one pass. A set that they cannot resolve (lost directions, or a condition number above
    1e4 or so) is whitened first, through the triangular factor of its rows, as exactly as a singular value
    decomposition would: this takes some four times as long and a copy or two of the set, and the estimate's
    method says so. Undefined where N - 1 is not above d_w + d_s, where all rows are of one group, or where
    the interval is wider than the range of possible values.
    """
    source = pair_of(X_w, X_s)
    pair = PairRows(X_w, X_s, dependence((X_s, X_w), groups))
    folds = pair.belong.folds if interval else None
    table = moments_of(source, groups=folds)
    if rank_w is None and rank_s is None:
        whole = _whole(table, pair)
        if whole is not None:
            return whole
    total = table.select()
    weak, strong = whitening(total, WEAK, rank_w), whitening(total, STRONG, rank_s)
    why = unresolved(total, WEAK, weak), unresolved(total, STRONG, strong)
    # Too many directions for the rows remain too many, however exactly they are found.
    if not any(why) or weak.kept + strong.kept >= pair.belong.distinct - 1:
        return correlation_from_moments(table, weak, strong, pair)
    if why[0]:
        pair, rank_w = replace(pair, X_w=_whitened(X_w, rank_w)), None
    if why[1]:
        pair, rank_s = replace(pair, X_s=_whitened(X_s, rank_s)), None
    table = moments_of(pair_of(pair.X_w, pair.X_s), groups=folds)
    total = table.select()
    dimension = correlation_from_moments(
        table, whitening(total, WEAK, rank_w), whitening(total, STRONG, rank_s), pair
    )
    if isinstance(dimension.estimate, Undefined):
        return dimension
    word = f"{dimension.estimate.method}; whitened by QR of rows, since {' and '.join(filter(None, why))}"
    return replace(dimension, estimate=replace(dimension.estimate, method=word))


def _whitened(X: Shaped[np.ndarray, "N D"], rank: int | None) -> Float[np.ndarray, "N d"]:
    """Map rows to uncorrelated ones, so near to it that their moments resolve what is left."""
    rows = np.asarray(X, dtype=np.float64)
    return (rows - centre(rows)) @ _leading(spectrum_of_rows(rows), rank).map


def correlation_from_moments(
    table: MomentTable, weak: Whitening, strong: Whitening, pair: PairRows
) -> CorrelationDimension:
    """Measure it from moments of blocks "weak" and "strong" by jackknife fold, and the rows they are of.

    Replicates keep the directions. There is no interval where the moments are of one fold, or where leaving
    one out leaves too little.
    """
    total = table.select()
    N, d_w, d_s = total.n, weak.kept, strong.kept
    distinct = pair.belong.distinct
    if d_w + d_s >= distinct - 1 or not min(d_w, d_s):
        different = "different " if distinct < N else ""
        reason = f"{distinct} {different}rows cannot tell apart {d_w} + {d_s} directions"
        if not min(d_w, d_s):
            reason = "a feature set does not vary"
        remedy = "Keep fewer directions (--rank), give more rows, or read the ridge version."
        return CorrelationDimension(Undefined(reason, remedy), None, None, N, d_w, d_s, np.zeros(0))
    W, S = weak.map, strong.map
    limits = [why for why in (unresolved(total, WEAK, weak), unresolved(total, STRONG, strong)) if why]
    cross = W.T @ total.covariance(WEAK, STRONG) @ S
    # Replicates of whole, resolved sets need no basis: no invertible map changes them.
    bases = None if not limits and d_w == len(W) and d_s == len(S) else (W, S)
    checks = tuple(Check("OG209", why) for why in limits)
    return _estimated(table, cross, bases, pair, (lambda rows: rows @ W, lambda rows: rows @ S), checks)


def _whole(table: MomentTable, pair: PairRows) -> CorrelationDimension | None:
    """Measure on all directions by Cholesky factors, where these vouch for them; else None."""
    from scipy.linalg import solve_triangular

    total = table.select()
    if total.width(WEAK) + total.width(STRONG) >= pair.belong.distinct - 1:
        return None
    cross = total.covariance(WEAK, STRONG)
    whiteners = []
    for block in (WEAK, STRONG):
        half = _resolved_factor(total, block)
        if half is None:
            return None
        cross = solve_triangular(half, cross, lower=True).T
        whiteners.append(_by_factor(half))
    return _estimated(table, cross, None, pair, (whiteners[0], whiteners[1]), ())


def _by_factor(half: Float[np.ndarray, "d d"]) -> Whitener:
    from scipy.linalg import solve_triangular

    return lambda rows: solve_triangular(half, rows.T, lower=True, overwrite_b=True, check_finite=False).T


def _resolved_factor(moments: BlockMoments, block: str) -> Float[np.ndarray, "d d"] | None:
    """Give the lower Cholesky factor of a covariance, if its condition number shows it resolved."""
    from scipy.linalg import LinAlgError
    from scipy.linalg.lapack import dpocon

    covariance = moments.covariance(block)
    try:
        half = _factor(covariance, moments.n)
    except LinAlgError:
        return None
    # In the 1-norm, where it is never smaller than in the 2-norm; LAPACK's estimate of it is seldom below a
    # third, and the rounding is estimated higher still. What does not pass is decomposed and looked at again.
    reciprocal, _ = dpocon(half, np.abs(covariance).sum(axis=0).max(), uplo="L")
    return half if moments.relative_error_of(block) <= RESOLVED * reciprocal else None


def _estimated(
    table: MomentTable,
    cross: Float[np.ndarray, "d e"],
    bases: tuple[Float[np.ndarray, "D d"], Float[np.ndarray, "E e"]] | None,
    pair: PairRows,
    whiteners: tuple[Whitener, Whitener],
    checks: tuple[Check, ...],
) -> CorrelationDimension:
    """Read everything off the covariance of the whitened sets; replicates on bases, or on all directions."""
    # SciPy's, as the factors before and the replicates after are: threads of two BLAS libraries that take
    # turns wait for each other, longer than the work takes.
    from scipy.linalg import svd, svdvals

    N, (d_w, d_s) = table.select().n, cross.shape
    # Rounding may lift a correlation of one above it.
    canonical = np.minimum(svdvals(cross), 1.0)
    naive = float(np.sum(canonical**2))
    # What both sets contain is shared for certain, as the mean is: chance can add nothing to it.
    sure = int(np.sum(canonical**2 >= 1 - RESOLVED))
    left, _, right = svd(cross) if sure else (np.zeros(0),) * 3
    means = table.select().mean(WEAK), table.select().mean(STRONG)

    def plain(positions: Int[np.ndarray, " k"]) -> Rows:
        Z_w, Z_s = (
            white(np.subtract(rows, mean, dtype=np.float64)) / np.sqrt(N)
            for white, rows, mean in zip(whiteners, pair.at(positions), means, strict=True)
        )
        constant = np.full((len(positions), 1), 1 / np.sqrt(N))
        return constant, Z_w, Z_s

    def turned(positions: Int[np.ndarray, " k"]) -> Rows:
        constant, Z_w, Z_s = plain(positions)
        Z_w, Z_s = Z_w @ left, Z_s @ right.T
        return np.hstack([constant, Z_w[:, :sure]]), Z_w[:, sure:], Z_s[:, sure:]

    belong, spans = pair.belong, (d_w - sure, d_s - sure)
    units = int(belong.units.max()) + 1
    unrelated = chance_of(plain, belong.units, belong.folds, d_w, d_s)
    terms = chance_of(turned, belong.units, belong.folds, *spans) if sure and min(spans) else unrelated
    # Where one set holds the other, nothing is left to meet by chance.
    solved = terms.solve(naive - sure) if min(spans) else (naive - sure, 0.0)

    def dimension_of(estimate: Quantity) -> CorrelationDimension:
        return CorrelationDimension(estimate, naive, unrelated.of_unrelated(), N, d_w, d_s, canonical)

    if units < 2 or solved is None:
        return dimension_of(
            Undefined("all rows are of one group" if units < 2 else "leverages set chance no bound", MORE)
        )
    value, interval = sure + solved[0], None
    method = f"canonical correlations, corrected by the leverages of {N:,} rows"
    method += f" in {units:,} groups" if units < N else ""
    if len(table.groups) > 1:
        replicates = _replicates(table, bases, terms if min(spans) else None, sure)
        if replicates is not None:
            interval = jackknife_interval(
                value, replicates, of_pairs=terms.variance_of_pairs(solved[0]) * solved[1] ** 2
            )
        method += f"; jackknife over {len(table.groups)} folds"
    # NaN where a replicate has no root.
    if interval is not None and not interval[1] - interval[0] <= min(d_w, d_s):
        return dimension_of(Undefined("its interval is wider than the range of possible values", MORE))
    every = (*checks, *belong.checks)
    return dimension_of(Estimate(value, interval, n=N, rank=min(d_w, d_s), method=method, checks=every))


MORE = "Give more rows, of more groups, or keep fewer directions (--rank)."


def _replicates(
    table: MomentTable,
    bases: tuple[Float[np.ndarray, "D d"], Float[np.ndarray, "E e"]] | None,
    terms: Chance | None,
    sure: int,
) -> Float[np.ndarray, " g"] | None:
    """Estimate without each fold, on the directions given; None where one cannot be."""
    from scipy.linalg import LinAlgError, solve_triangular

    replicates = []
    for fold in table.groups:
        rest = table.select(without_group=fold)
        left, right, cross = rest.covariance(WEAK), rest.covariance(STRONG), rest.covariance(WEAK, STRONG)
        if bases is not None:
            W, S = bases
            left, right, cross = W.T @ left @ W, S.T @ right @ S, W.T @ cross @ S
        if rest.n - 1 <= len(left) + len(right):
            return None
        try:
            half = solve_triangular(_factor(left, rest.n), cross, lower=True)
            half = solve_triangular(_factor(right, rest.n), half.T, lower=True)
        except LinAlgError:  # a direction that varies within this fold only
            return None
        naive = float(np.sum(half**2))
        solved = (naive - sure, 1.0) if terms is None else terms.solve(naive - sure, fold)
        replicates.append(np.nan if solved is None else sure + solved[0])
    return np.array(replicates)


def _factor(covariance: Float[np.ndarray, "d d"], n: int) -> Float[np.ndarray, "d d"]:
    from scipy.linalg import LinAlgError, cholesky

    half = np.asarray(cholesky(covariance, lower=True))
    # Of a direction that is gone rounding may leave a hair on either side of zero.
    if np.diagonal(half).min() ** 2 <= n * EPS * np.diagonal(covariance).max():
        raise LinAlgError("singular")
    return half
