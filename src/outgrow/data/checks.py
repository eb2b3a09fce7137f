"""What is suspicious about data that can be used: repeated content, parts from elsewhere, dead columns.

Each function returns the coded check it raises, or None. They look at features only, never at labels,
so that looking costs nothing in honesty.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from outgrow.data.files import quoted
from outgrow.data.numeric import row_chunks
from outgrow.data.splits import Split, units_of
from outgrow.linalg.copies import repeated
from outgrow.results import Check

LEADING = 20
"""Principal components compared: a shift shows in leading directions, and few keep the test's power."""

P_VALUE = 1e-3
"""Two tests a run: a false alarm in one run of 500."""

_ROWS = 2000
# Rows compared on each side: enough to see a mean shifted by .25 sd in one direction almost surely, while
# shifts too small to matter are not reported merely because a pool is large; it also bounds the cost.


def same_content(values: Float[np.ndarray, "n d"], ids: np.ndarray, split: Split) -> Check | None:
    """Look for rows of the test that stand, under another id, among the rows trained on (OG101).

    Up to the last digits, as `outgrow.linalg.copies` finds them.
    """
    if not len(split.test):
        return None
    seen = np.concatenate([split.labelled, split.unlabelled])
    rows = np.concatenate([seen, split.test])
    first = repeated((values,), rows)[len(seen) :]
    pairs = [
        (ids[row], ids[rows[twin]])
        for row, twin in zip(split.test.tolist(), first.tolist(), strict=True)
        if twin < len(seen)
    ]
    if not pairs:
        return None
    shown = quoted((f"{a} = {b}" for a, b in pairs), 5)
    return Check("OG101", f"{len(pairs)} of {len(split.test)} test rows are also trained on: {shown}")


def same_set(name: str, weak: Float[np.ndarray, "n _"], strong: Float[np.ndarray, "n _"]) -> Check | None:
    """Tell a weak feature set that is the strong one (OG109)."""
    return Check("OG109", f"{name!r}, number by number") if np.array_equal(weak, strong) else None


FEW_SHARE = 0.01
"""Most rows that may carry a column for OG108 and OG111: of a normal sample a fifth carries half."""

FEWEST = 20
"""Values from which on these are raised: of fewer, one row may well carry half by chance."""

OF_LABELS, OF_FEATURES = 0.5, 0.9
"""Share of the spread that is carried. Every risk hangs on the labels, a set on many columns; and with nine
tenths a column says little more than which rows these are, as even incomes (logarithms of sd 1) do not."""


def carried_by_few(y: Float[np.ndarray, " n"], ids: np.ndarray) -> Check | None:
    """Look for a few rows that carry half of the squared deviations of the labels (OG108)."""
    rows = np.flatnonzero(~np.isnan(y))
    carriers = _carriers(y[rows] - np.median(y[rows]), OF_LABELS) if len(rows) else None
    if carriers is None:
        return None
    few, share = rows[carriers[0]], carriers[1]
    shown = ", ".join(f"{quoted([ids[row]])} ({y[row]:.3g})" for row in few[:5])
    one = len(few) == 1
    named = (
        f"row {shown} carries" if one else f"{len(few)} rows ({shown}{', ...' if len(few) > 5 else ''}) carry"
    )
    return Check("OG108", f"{named} {100 * share:.0f} % of the squared deviations of {len(rows)} labels")


def carried_columns(
    values: Float[np.ndarray, "n d"], ids: np.ndarray, name: str, columns: tuple[str, ...] = ()
) -> Check | None:
    """Look for columns of which a few rows carry nine tenths of the squared deviations (OG111)."""
    most = max(1, int(FEW_SHARE * len(values)))
    mean, total, top = values.mean(axis=0, dtype=np.float64), 0.0, np.zeros(values.shape[1])
    for chunk in row_chunks(values):
        away = (values[chunk] - mean) ** 2
        total, top = total + away.sum(axis=0), np.maximum(top, away.max(axis=0))
    carried = []
    # What is far from the median is hardly nearer to the mean: few columns are looked at twice.
    for column in np.flatnonzero(most * top > OF_FEATURES / 2 * total):
        x = values[:, column].astype(np.float64)
        centre = float(np.median(x))
        # Of a sparse column, the values that are there: else each rare word would be carried by its rows.
        rows = np.flatnonzero(x != centre)
        carriers = _carriers(x[rows] - centre, OF_FEATURES)
        if carriers is not None:
            row = rows[carriers[0][0]]
            carried.append(f"{columns[column] if columns else column} by row {ids[row]} ({x[row]:.3g})")
    if not carried:
        return None
    return Check("OG111", f"{name}: columns carried by few rows: {quoted(carried)}")


def _carriers(away: Float[np.ndarray, " n"], wanted: float) -> tuple[Int[np.ndarray, " few"], float] | None:
    """Find the few deviations that make up a share of all squares, the farthest first, and their share."""
    if len(away) < FEWEST:
        return None
    order = np.argsort(-np.abs(away), kind="stable")
    squares = away[order] ** 2
    shares = np.cumsum(squares) / max(float(squares.sum()), np.finfo(np.float64).tiny)
    few = int(np.searchsorted(shares, wanted)) + 1
    return (order[:few], float(shares[few - 1])) if few <= max(1, int(FEW_SHARE * len(away))) else None


def drawn_from_pool(
    values: Float[np.ndarray, "n d"],
    sample: Int[np.ndarray, " m"],
    pool: Int[np.ndarray, " N"],
    code: str,
    units: np.ndarray | None = None,
) -> Check | None:
    """Test whether some rows have the mean of the pool, by Hotelling's T2 on leading components."""
    a, b = values[_thinned(_one_each(sample, units))], values[_thinned(_one_each(pool, units))]
    rows = len(a) + len(b)
    # At least five rows per direction, or the pooled covariance is too rough to invert.
    directions = min(LEADING, values.shape[1], rows // 5)
    if min(len(a), len(b)) < 2 or directions < 1:
        return None
    both = np.concatenate([a, b]).astype(np.float64)
    scores = _leading(both - both.mean(axis=0), directions)
    if scores.shape[1] == 0:
        return None
    t2, f, chance = hotelling(scores[: len(a)], scores[len(a) :])
    if chance >= P_VALUE:
        return None
    return Check(
        code,
        f"Hotelling T2 = {t2:.1f} on {scores.shape[1]} leading components of {len(a)} and {len(b)} rows,"
        f" F = {f:.2f}, p = {chance:.1e}",
    )


def hotelling(x: Float[np.ndarray, "m p"], y: Float[np.ndarray, "k p"]) -> tuple[float, float, float]:
    """Compare two means by Hotelling's T2 with the pooled covariance: T2, its F and its p-value."""
    from scipy.special import fdtrc

    rows, p = len(x) + len(y), x.shape[1]
    shift = x.mean(axis=0) - y.mean(axis=0)
    inner, outer = x - x.mean(axis=0), y - y.mean(axis=0)
    pooled = (inner.T @ inner + outer.T @ outer) / (rows - 2)
    t2 = len(x) * len(y) / rows * float(shift @ np.linalg.lstsq(pooled, shift, rcond=None)[0])
    f = (rows - p - 1) / ((rows - 2) * p) * t2
    return t2, f, float(fdtrc(p, rows - p - 1, f))


def _one_each(rows: Int[np.ndarray, " m"], units: np.ndarray | None) -> Int[np.ndarray, " k"]:
    if units is None:
        return rows
    return rows[np.sort(np.unique(units[rows], return_index=True)[1])]


def _thinned(rows: Int[np.ndarray, " m"]) -> Int[np.ndarray, " k"]:
    if len(rows) <= _ROWS:
        return rows
    return rows[np.linspace(0, len(rows) - 1, _ROWS).astype(np.int64)]


def _leading(centred: Float[np.ndarray, "n d"], k: int) -> Float[np.ndarray, "n k"]:
    """Scores on the k leading principal components, from the smaller Gram matrix."""
    from scipy.linalg import eigh

    n, d = centred.shape
    small = centred.T @ centred if d <= n else centred @ centred.T
    size = len(small)
    values, vectors = eigh(small, subset_by_index=[size - k, size - 1])
    # Below this, a direction is rounding error of the Gram matrix.
    kept = values > values[-1] * size * np.finfo(np.float64).eps
    if not kept.any():
        return np.empty((n, 0))
    return centred @ vectors[:, kept] if d <= n else vectors[:, kept] * np.sqrt(values[kept])


def constant_columns(
    values: Float[np.ndarray, "n d"], name: str, columns: tuple[str, ...] = ()
) -> Check | None:
    """Look for columns that do not vary (OG104)."""
    low, high = values.min(axis=0), values.max(axis=0)
    # Four units in the last place: what the rounding of a constant leaves, and nothing an encoder means.
    varies = high - low > 4 * np.finfo(values.dtype).eps * np.maximum(np.abs(low), np.abs(high))
    if varies.all():
        return None
    names = [columns[j] if columns else j for j in np.flatnonzero(~varies)]
    return Check("OG104", f"{name}: {len(names)} of {values.shape[1]} columns do not vary: {quoted(names)}")


def suspicions(
    values: Float[np.ndarray, "n d"], ids: np.ndarray, split: Split, groups: np.ndarray | None = None
) -> tuple[Check, ...]:
    """Raise every check that one feature set and a split give reason for."""
    checks = (
        same_content(values, ids, split),
        drawn_from_pool(values, split.labelled, split.unlabelled, "OG102"),
        drawn_from_pool(
            values, split.test, split.unlabelled, "OG103", None if groups is None else units_of(ids, groups)
        ),
    )
    return tuple(check for check in checks if check is not None)
