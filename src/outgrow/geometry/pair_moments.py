"""Moments of two feature sets side by side, by split and jackknife group: one pass, float64 throughout."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Int, Shaped

from outgrow.errors import DataError
from outgrow.linalg.copies import rows_of
from outgrow.linalg.moment_table import MomentTable
from outgrow.linalg.moments import Moments

GROUPS = 20
"""Jackknife groups: few enough to be cheap, enough for t quantiles near normal ones (docs/theory.md, T8)."""

CHUNK = 8192
"""Rows converted to float64 at a time: 50 MB at width 768."""

WEAK, STRONG = "weak", "strong"


def pair_moments(
    X_w: Shaped[np.ndarray, "N D_w"],
    X_s: Shaped[np.ndarray, "N D_s"],
    groups: Int[np.ndarray, " N"] | None = None,
    splits: Mapping[str, Int[np.ndarray, " _"]] | None = None,
) -> MomentTable:
    """Take the moments of a pair, blocks "weak" and "strong"."""
    rows = checked_rows(X_w, X_s)
    labels = np.arange(rows) % min(GROUPS, rows) if groups is None else groups
    moments = Moments()
    for name, members in ({"all": np.arange(rows)} if splits is None else splits).items():
        # Grouped rows stand together in the chunks, so that each product is of many rows.
        order = members[np.argsort(labels[members], kind="stable")]
        for start in range(0, len(order), CHUNK):
            part = order[start : start + CHUNK]
            batch = {
                name: rows_of(X, part).astype(np.float64, copy=False)
                for name, X in ((WEAK, X_w), (STRONG, X_s))
            }
            moments.update(batch, split=name, groups=labels[part])
    return moments.finalize()


def checked_rows(X_w: Shaped[np.ndarray, "N D_w"], X_s: Shaped[np.ndarray, "M D_s"]) -> int:
    """Count the rows of a pair."""
    rows = len(X_w)
    if len(X_s) != rows or rows < 1:
        raise DataError(
            f"{rows} weak and {len(X_s)} strong rows make no pair",
            "geometry",
            "Give both feature sets for the same rows.",
        )
    return rows
