"""A pair of feature sets of the same rows, blocks "weak" and "strong", and the moments of pairs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from jaxtyping import Int, Shaped

from outgrow.errors import DataError
from outgrow.linalg.moments import MomentTable, moments_of
from outgrow.linalg.rows import ArraySource

WEAK, STRONG = "weak", "strong"


def pair_of(X_w: Shaped[np.ndarray, "N D_w"], X_s: Shaped[np.ndarray, "M D_s"]) -> ArraySource:
    """Name the rows of a pair, of which there must be as many."""
    if len(X_w) != len(X_s) or not len(X_w):
        raise DataError(
            f"{len(X_w)} weak and {len(X_s)} strong rows make no pair",
            "geometry",
            "Give both feature sets for the same rows.",
        )
    return ArraySource({WEAK: X_w, STRONG: X_s})


def tables_of(
    weak: Mapping[str, Shaped[np.ndarray, "N _"]],
    X_s: Shaped[np.ndarray, "N D_s"],
    splits: Mapping[str, Int[np.ndarray, " _"]],
    groups: Int[np.ndarray, " N"] | None = None,
) -> Iterator[tuple[str, MomentTable]]:
    """Take the moments of every weak set with the strong one, whose own products are taken once."""
    first: MomentTable | None = None
    for name, X_w in weak.items():
        pairs = ((STRONG, STRONG), (STRONG, WEAK), (WEAK, WEAK))
        source = pair_of(X_w, X_s)
        table = moments_of(source, None, splits, groups, pairs=pairs[1:] if first else pairs)
        first = first or table
        yield name, table.beside(first)
