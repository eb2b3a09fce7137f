"""Which rows belong together: groups that a user names, and copies of rows, which nobody needs to name.

Copies tell nothing new, yet both feature sets see them, and what the sets share by chance grows as if rows
were fewer. Rounded projections find copies up to the last digits among any number of rows; among few, where
chance weighs most, rows are compared in whitened coordinates and near copies are found too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int, Shaped

from outgrow.geometry.leverages import SAMPLED
from outgrow.intervals.jackknife import whole_folds
from outgrow.linalg.copies import FALSE_PAIRS, repeated, tell_rows_apart
from outgrow.linalg.rows import BATCH_ROWS, taken
from outgrow.linalg.spectrum import centre, spectrum_of_covariance
from outgrow.results import Check

ALIKE = 0.97
"""Cosine of whitened rows from which they are near copies: noise of up to a sixth of each coordinate's
spread. Rows further apart count as groups only where they are named."""

SKETCH = 32
"""Directions that candidates are sought on."""

SLACK = 0.05
"""Allowed to candidates: on so few directions a cosine of .97 is off by .01 or so."""


@dataclass(frozen=True, eq=False)
class Dependence:
    """The unit of dependent rows, and the jackknife fold, of each row; and how many rows are no copies."""

    units: Int[np.ndarray, " N"] = field(repr=False)
    folds: Int[np.ndarray, " N"] = field(repr=False)
    distinct: int
    checks: tuple[Check, ...] = ()


def dependence(
    sets: Sequence[Shaped[np.ndarray, "N _"]],
    groups: Shaped[np.ndarray, " m"] | None = None,
    members: Int[np.ndarray, " m"] | None = None,
) -> Dependence:
    """Find copies, alike in all sets, among rows or some `members`, and join them with named groups."""
    members = np.arange(len(sets[0])) if members is None else members
    copies = _copies(sets, members)
    rows, distinct, most = len(copies), len(np.unique(copies)), int(np.bincount(copies).max())
    checks: tuple[Check, ...] = ()
    if most > 1:
        detail = f"{rows - distinct:,} of {rows:,} rows copy an earlier one; the most of one is {most}"
        checks = (Check("OG216", detail),)
    labels = copies if groups is None else _joined(np.unique(groups, return_inverse=True)[1], copies)
    units = np.unique(labels, return_inverse=True)[1]
    return Dependence(units, whole_folds(units), distinct, checks)


def _copies(
    sets: Sequence[Shaped[np.ndarray, "N _"]], members: Int[np.ndarray, " m"]
) -> Int[np.ndarray, " m"]:
    """Label each row with the first one that it copies."""
    labels = repeated(sets, members)
    first, second = _near(sets, members)
    none = not len(first) and bool((labels == np.arange(len(labels))).all())
    if none or not tell_rows_apart(sets, members):
        return np.arange(len(labels))
    # Copies of copies belong together: labels sink along pairs until none does.
    while True:
        low = np.minimum(labels[first], labels[second])
        before = labels.copy()
        np.minimum.at(labels, labels[first], low)
        np.minimum.at(labels, labels[second], low)
        labels = labels[labels]
        if (labels == before).all():
            return labels


def _near(
    sets: Sequence[Shaped[np.ndarray, "N _"]], members: Int[np.ndarray, " m"]
) -> tuple[Int[np.ndarray, " p"], Int[np.ndarray, " p"]]:
    """Pair up rows that point the same way in every set, once it is whitened."""
    rows = len(members)
    first = second = np.zeros(0, dtype=np.int64)
    if rows > SAMPLED:
        return first, second
    for place, X in enumerate(sets):
        ways = _directions(taken(X, members))
        if ways is None:
            return first[:0], second[:0]
        least = _least_cosine(rows, ways.shape[1])
        if place == 0:
            first, second = _candidates(ways, least)
        kept = np.einsum("ij,ij->i", ways[first], ways[second]) >= least
        first, second = first[kept], second[kept]
        if not len(first):
            break
    return first, second


def _directions(X: Shaped[np.ndarray, "N D"]) -> Float[np.ndarray, "N d"] | None:
    """Whiten rows and scale each to length one; None where too few rows make all of them stand apart."""
    rows, wide = len(X), np.asarray(X, dtype=np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        centred = wide - centre(wide)
    if not np.isfinite(centred).all():  # reported where moments are taken
        return None
    # Half of the rows at most: with as many directions as rows, all whitened rows are orthogonal.
    if not 0 < 2 * int(np.sum(centred.any(axis=0))) <= rows:
        return None
    spectrum = spectrum_of_covariance(centred.T @ centred / rows, rows)
    kept = slice(spectrum.rank)
    Z = centred @ (spectrum.vectors[:, kept] / np.sqrt(spectrum.values[kept]))
    lengths = np.linalg.norm(Z, axis=1)
    return Z / np.where(lengths > 0, lengths, 1.0)[:, None]


def _least_cosine(rows: int, d: int) -> float:
    from scipy.special import betaincinv

    if d < 2:
        return np.inf
    # Two random directions have a cosine above t with probability I((d-1)/2, 1/2; 1 - t^2) / 2.
    chance = FALSE_PAIRS / (rows * (rows - 1) / 2)
    return max(ALIKE, float(np.sqrt(1 - betaincinv((d - 1) / 2, 0.5, min(1.0, 2 * chance)))))


def _candidates(
    ways: Float[np.ndarray, "N d"], least: float
) -> tuple[Int[np.ndarray, " p"], Int[np.ndarray, " p"]]:
    d = ways.shape[1]
    if d > SKETCH:
        ways = ways @ np.random.default_rng(0).standard_normal((d, SKETCH))
        ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    narrow = ways.astype(np.float32)
    pairs: list[tuple[np.ndarray, np.ndarray]] = []
    for start in range(0, len(narrow), BATCH_ROWS // 8):
        rest = narrow[start:]
        close = np.flatnonzero(rest[: BATCH_ROWS // 8] @ rest.T >= np.float32(least - SLACK))
        first, second = np.divmod(close, len(rest))
        above = first < second
        pairs.append((first[above] + start, second[above] + start))
    return np.concatenate([pair[0] for pair in pairs]), np.concatenate([pair[1] for pair in pairs])


def _joined(a: Int[np.ndarray, " N"], b: Int[np.ndarray, " N"]) -> Int[np.ndarray, " N"]:
    """Give rows that share a label of either kind one label, the lowest of the first kind."""
    labels, before = a, np.full_like(a, -1)
    while not np.array_equal(labels, before):
        before = labels
        for kind in (b, a):
            low = np.full(int(kind.max()) + 1, len(a), dtype=np.int64)
            np.minimum.at(low, kind, labels)
            labels = low[kind]
    return labels
