"""Whether an encoder can be trusted: the same features for the same row, whatever stands beside it.

A few rows are encoded twice, in another order, alone, and beside much longer texts. Dropout left on changes
the second pass; batch norm left in training mode, and padding that leaks, change a row with its batch. Only
the Encoder protocol is used, so texts and images are probed alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from outgrow.errors import DataError
from outgrow.features.protocols import Encoder
from outgrow.results import Check

ALONE = 4
"""Rows encoded alone: each is a pass of its own, and what depends on the batch shows in every row."""

LONGER = 12
"""How many of the probe's texts make up one much longer text: enough to pass the length of any of them many
times over, and few enough to stay cheap."""

REPEATED = {"float32": 1e-5}
"""Largest relative difference between two passes over the same rows, by precision. Processors repeat
themselves to the last bit; sums by atomic additions on accelerators differ by 1e-6. MiniLM-L6 with its
dropout of .1 left on differs by .8."""

BATCHED = {"float32": 1e-4}
"""Largest relative difference of a row in other batches, by precision. Matrix products of another size are
summed in another order: 1.6e-6 in float32 after MiniLM's six layers, with room for models of a hundred.
Leaking padding differs by 1e-2 and more."""

LOW_PRECISION = 0.05
"""Both tolerances for computing in less than float32: bfloat16 rounds to 4e-3, 1.5e-2 after MiniLM's six
layers; dropout still shows."""

ALIKE = 1e-6
"""Relative spread over rows below which an encoder is taken to give every row the same features: it is
float32's rounding of a sum."""


def probe(encoder: Encoder, items: Sequence[Any]) -> list[Check]:
    """Encode a few rows in several ways and compare.

    A difference is the root mean square over a row's features, of the row where it is largest, relative to
    the root mean square of all features of the layer. Where two passes differ already, batches are not
    compared: every comparison would differ.
    """
    items = _readable(encoder, items)
    first, checks = _features(encoder, items), []
    for identity, matrix in zip(encoder.identities, first, strict=True):
        if not np.isfinite(matrix).all():
            rows = int((~np.isfinite(matrix).all(axis=1)).sum())
            checks.append(
                Check("OG304", f"{identity.name}: {rows} of {len(items)} rows hold NaN or infinity")
            )
        elif len(items) > 1 and np.ptp(matrix, axis=0).max() <= ALIKE * _size(matrix):
            checks.append(Check("OG305", f"{identity.name}: {len(items)} different rows, one vector"))
    if checks:
        return checks
    again = [_features(encoder, items)]
    if differences := _differences(encoder, first, again, "OG302", REPEATED, "two passes over the same rows"):
        return differences
    return _differences(
        encoder, first, _regrouped(encoder, items), "OG303", BATCHED, "the same rows in other batches"
    )


def _readable(encoder: Encoder, items: Sequence[Any]) -> list[Any]:
    kept = set(range(len(items)))
    for positions, _ in encoder.encode(items, lambda position, _why: kept.discard(position)):
        kept.update(positions.tolist())
    if not kept:
        raise DataError("none of the rows to probe with can be read", encoder.identities[0].name)
    return [items[position] for position in sorted(kept)]


def _features(encoder: Encoder, items: Sequence[Any]) -> list[Float[np.ndarray, "n _"]]:
    def bad(position: int, why: str) -> None:
        raise DataError(
            f"row {position} could be read once and then no more ({why})", encoder.identities[0].name
        )

    out = [np.full((len(items), identity.width), np.nan) for identity in encoder.identities]
    for positions, features in encoder.encode(items, bad):
        for matrix, part in zip(out, features, strict=True):
            matrix[positions] = part
    return out


def _regrouped(encoder: Encoder, items: list[Any]) -> list[list[Float[np.ndarray, "n _"]]]:
    ways = [[matrix[::-1] for matrix in _features(encoder, items[::-1])]]
    if encoder.input == "text":
        some = [item if isinstance(item, str) else item[0] for item in items]
        joined = " ".join((some * LONGER)[:LONGER])
        long = joined if isinstance(items[0], str) else (joined, joined)
        # One long text per row: wherever batches are cut, some row is padded to its length.
        mixed = [one for item in items for one in (item, long)]
        ways.append([matrix[::2] for matrix in _features(encoder, mixed)])
    # The shortest and the longest text among them would be best; the first ones will do for images too.
    alone = [_features(encoder, [item]) for item in items[:ALONE]]
    ways.append([np.concatenate(parts) for parts in zip(*alone, strict=True)])
    return ways


def _differences(
    encoder: Encoder,
    first: list[Float[np.ndarray, "n _"]],
    ways: list[list[Float[np.ndarray, "n _"]]],
    code: str,
    tolerances: dict[str, float],
    what: str,
) -> list[Check]:
    checks = []
    for place, identity in enumerate(encoder.identities):
        size, tolerance = _size(first[place]), tolerances.get(identity.dtype, LOW_PRECISION)
        worst = max(_worst_row(way[place] - first[place][: len(way[place])]) for way in ways) / size
        if not worst <= tolerance:
            checks.append(
                Check(code, f"{identity.name}: {what} differ by {worst:.1e} (at most {tolerance:.0e})")
            )
    return checks


def _worst_row(difference: Float[np.ndarray, "n d"]) -> float:
    return float(np.sqrt(np.mean(difference**2, axis=1)).max())


def _size(matrix: Float[np.ndarray, "n _"]) -> float:
    return max(float(np.sqrt(np.mean(matrix**2))), float(np.finfo(np.float32).tiny))
