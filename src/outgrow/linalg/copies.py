"""Rows that stand twice, up to the last digits, which change with the batch that an encoder saw a row in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int, Shaped

from outgrow.linalg.rows import BATCH_ROWS, taken

STEP = 1e-4
"""Step, in spreads, that projections are rounded to: far above the noise of batches, far below what tells
rows apart. A near copy across a step's edge is missed."""

NEAR = 1e-3
"""Distance of copies, in typical lengths of a row: strangers of three columns or more are far beyond."""


def repeated(
    sets: Sequence[Shaped[np.ndarray, "N _"]], members: Int[np.ndarray, " m"]
) -> Int[np.ndarray, " m"]:
    """Label each of some rows with the first of them that equals it in all sets, by their places among them.

    The first set should tell most rows apart.
    """
    rows = len(members)
    codes = np.zeros(rows, dtype=np.int64)
    near = []
    for X in sets:
        steps, spread = _projected(X, members)
        # On a line or in a plane strangers come as close by chance: there only equal rows count.
        near.append(NEAR * spread if X.shape[1] > 2 else 0.0)
        # Sums of odd multiples wrap around: rows of one code are candidates, no more.
        codes = np.unique(codes * 1_000_003 + steps @ MIX, return_inverse=True)[1]
        if int(codes.max(initial=0)) == rows - 1:
            return np.arange(rows)
    _, first = np.unique(codes, return_index=True)
    labels = first[codes]
    doubted = np.flatnonzero(labels != np.arange(rows))
    for start in range(0, len(doubted), BATCH_ROWS):
        part = doubted[start : start + BATCH_ROWS]
        for X, limit in zip(sets, near, strict=True):
            gap = np.subtract(X[members[part]], X[members[labels[part]]], dtype=np.float64)
            far = part[np.linalg.norm(gap, axis=1) > limit]
            labels[far] = far
    return labels


def tell_rows_apart(sets: Sequence[Shaped[np.ndarray, "N _"]], members: Int[np.ndarray, " m"]) -> bool:
    """Say whether each set is such that no two rows should equal by chance, were columns independent.

    Rows of a few categories or counts recur without being copies.
    """
    rows = len(members)
    some = members[np.linspace(0, rows - 1, min(rows, SOME)).astype(np.int64)]
    for X in sets:
        pairs = rows * (rows - 1) / 2
        for column in range(X.shape[1]):
            shares = np.unique(X[some, column], return_counts=True)[1] / len(some)
            pairs *= float(np.sum(shares**2))
            if pairs < FALSE_PAIRS:
                break
        else:
            return False
    return True


SOME = 2_000
"""Rows that show how often values recur: a column of all different ones then divides the pairs by 2,000."""

FALSE_PAIRS = 0.01
"""Pairs of rows expected to be equal by chance below which equal rows are taken for copies."""

MIX = np.array([0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D, 0x27D4EB2F], dtype=np.int64)


def _projected(
    X: Shaped[np.ndarray, "N d"], members: Int[np.ndarray, " m"]
) -> tuple[Int[np.ndarray, "m 4"], float]:
    # The seed only has to be fixed: any directions tell different rows apart.
    directions = np.random.default_rng(0).standard_normal((X.shape[1], len(MIX)))
    # In float64, since a large mean would use up a float32's digits.
    with np.errstate(invalid="ignore", over="ignore"):
        parts = [
            taken(X, members[start : start + BATCH_ROWS]).astype(np.float64, copy=False) @ directions
            for start in range(0, len(members), BATCH_ROWS)
        ]
        projected = np.concatenate(parts)
        spread = projected.std(axis=0)
        steps = np.round((projected - projected.mean(axis=0)) / np.where(spread > 0, STEP * spread, 1.0))
    # What is not finite is reported where moments are taken.
    steps = np.where(np.isfinite(steps), steps, 0.0)
    return steps.astype(np.int64), float(spread.mean())
