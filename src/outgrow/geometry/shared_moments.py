"""Moments of many weak sets with one strong set over the same rows: what is the strong set's own, once.

A pair's moments hold three products, and of twenty pairs with one student twenty times the same one: it is
the dearest, since the strong set is the widest. Here it is taken once and each weak set adds its own two. No
jackknife groups are kept, which would hold every product twenty times.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from jaxtyping import Float, Int, Shaped

from outgrow.errors import DataError
from outgrow.geometry.pair_moments import CHUNK, STRONG, WEAK
from outgrow.linalg.cells import Cell
from outgrow.linalg.moment_table import BlockMoments
from outgrow.linalg.rounding import EPS, Rounding


def shared_moments(
    weak: Mapping[str, Shaped[np.ndarray, "_ _"]],
    X_s: Shaped[np.ndarray, "N D_s"],
    rows: Int[np.ndarray, " M"],
) -> Iterator[tuple[str, BlockMoments]]:
    """Take the moments of every weak set with the strong one, blocks "weak" and "strong"."""
    if not len(rows):
        raise DataError("there are no rows", "geometry", "Give unlabelled rows.")
    shift_s = _shift(X_s, rows)
    sum_s, product_s, _ = _sums(X_s, shift_s, rows)
    for name, X_w in weak.items():
        if len(X_w) != len(X_s):
            raise DataError(
                f"{len(X_w)} weak and {len(X_s)} strong rows make no pair",
                name,
                "Give both feature sets for the same rows.",
            )
        shift_w = _shift(X_w, rows)
        sum_w, product_w, cross = _sums(X_w, shift_w, rows, X_s, shift_s)
        cell = Cell(
            len(rows),
            float(len(rows)),
            {WEAK: sum_w, STRONG: sum_s},
            {(WEAK, WEAK): product_w, (STRONG, WEAK): cross, (STRONG, STRONG): product_s},
            {
                block: Rounding.of_chunk(len(rows), len(product), float(np.trace(product)), EPS)
                for block, product in ((WEAK, product_w), (STRONG, product_s))
            },
        )
        yield name, BlockMoments(cell, {STRONG: shift_s, WEAK: shift_w})


def _shift(X: Shaped[np.ndarray, "N D"], rows: Int[np.ndarray, " M"]) -> Float[np.ndarray, " D"]:
    # About the first row: a constant column then has sums of exactly zero.
    some = X[rows[:CHUNK]].astype(np.float64)
    return np.asarray(some[0] + (some - some[0]).mean(axis=0))


def _sums(
    X: Shaped[np.ndarray, "N D"],
    shift: Float[np.ndarray, " D"],
    rows: Int[np.ndarray, " M"],
    other: Shaped[np.ndarray, "N D_s"] | None = None,
    shift_of_other: Float[np.ndarray, " D_s"] | None = None,
) -> tuple[Float[np.ndarray, " D"], Float[np.ndarray, "D D"], Float[np.ndarray, "D_s D"]]:
    """Sum shifted rows, their products, and those of the other set with them, a chunk at a time."""
    width, wide = X.shape[1], 0 if other is None else other.shape[1]
    total, product, cross = np.zeros(width), np.zeros((width, width)), np.zeros((wide, width))
    for start in range(0, len(rows), CHUNK):
        part = rows[start : start + CHUNK]
        chunk = X[part].astype(np.float64) - shift
        total += chunk.sum(axis=0)
        product += chunk.T @ chunk
        if other is not None:
            cross += (other[part].astype(np.float64) - shift_of_other).T @ chunk
    return total, product, cross
