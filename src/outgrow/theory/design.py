"""Where a risk is taken: on fresh points, on the unlabelled points, or on each model's own points.

The published formulas mix the last two; a gain across different point sets compares unlike things, so the
design travels in the method of every risk and gain (docs/theory.md, T2).
"""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

from outgrow.errors import ConfigError, DataError

Design: TypeAlias = Literal["fresh", "in_sample", "own_points"]

POINTS: dict[str, str] = {
    "fresh": "on fresh points",
    "in_sample": "on the N unlabelled points",
    "own_points": "each model on the points it was trained on",
}
"""What the method of a risk says about its points."""


def checked_design(n: int, N: int, design: str) -> None:
    """Refuse sizes that are no numbers of rows, and designs that do not exist."""
    for name, size, least in (("n", n, 1), ("N", N, 0)):
        if size != int(size) or size < least:
            raise DataError(f"{name} must be a whole number of at least {least}, not {size}", "theory")
    if design not in get_args(Design):
        raise ConfigError(f"there is no design {design!r}", "theory", f"Take one of {', '.join(POINTS)}.")
