"""Coloured digits of Arjovsky et al. (2019, "Invariant Risk Minimization"), made of any idx data set.

The label is whether the digit is below 5, flipped with probability .25; the colour is that label, flipped
with a probability of its environment's. Colour then predicts the label better than shape does where its flips
are rarer than .25, and misleads elsewhere. Draws hang on the seed and the row's id, not on the order of rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from jaxtyping import Float

from outgrow.data.files import quoted
from outgrow.data.raw import RawRows, digest_of
from outgrow.errors import ConfigError, DataError

LABEL_NOISE = 0.25
"""Share of labels flipped, as published."""

FLIPS: Mapping[str, float] = MappingProxyType({"train-1": 0.2, "train-2": 0.1, "test": 0.9})
"""Colour flips of the published environments: two to train on, and a test where colour misleads."""


@dataclass(frozen=True, eq=False)
class Coloured:
    """Coloured pictures."""

    rows: RawRows
    """Items are arrays (h, w, 3) of bytes; labels are the noisy binary ones, 0.0 or 1.0."""
    environments: np.ndarray
    """Object array with the environment of every row."""


def coloured(
    rows: RawRows,
    flips: Mapping[str, float] = FLIPS,
    environments: Sequence[str] | None = None,
    *,
    label_noise: float = LABEL_NOISE,
    seed: int = 0,
) -> Coloured:
    """Colour grey digits.

    .. [1] M. Arjovsky, L. Bottou, I. Gulrajani and D. Lopez-Paz, "Invariant Risk Minimization", 2019.
    """
    for name, chance in [("label_noise", label_noise), *flips.items()]:
        if not 0 <= chance <= 1:
            raise ConfigError(f"{chance} is not a probability", name, "Give a number from 0 to 1.")
    digits = _digits(rows)
    ids = rows.ids.tolist()
    where = np.empty(len(ids), dtype=object)
    if environments is None:
        names = list(flips)
        where[:] = [names[int(u * len(names))] for u in _uniform(seed, "environment", ids)]
    else:
        where[:] = list(environments)
    unknown = dict.fromkeys(name for name in where if name not in flips)
    if unknown:
        raise DataError(
            f"environments without a probability: {quoted(unknown)}", rows.source, "Name it in flips."
        )
    labels = (digits < 5) ^ (_uniform(seed, "label", ids) < label_noise)
    chances = np.array([flips[name] for name in where])
    green = labels ^ (_uniform(seed, "colour", ids) < chances)
    items = [_paint(image, bool(colour)) for image, colour in zip(rows.items, green, strict=True)]
    contents = (repr(image.shape).encode() + image.tobytes() for image in items)
    made = replace(
        rows,
        items=items,
        digest=digest_of(zip(ids, contents, strict=True)),
        labels=labels.astype(np.float64),
        # Of the grey digits, and none of what the colours are.
        split_column="",
        checks=(),
        rows=None,
    )
    return Coloured(made, where)


def some_pictures(rows: RawRows, count: int, seed: int) -> RawRows:
    """Draw some of the pictures, by their ids: the same whatever their order."""
    if not 1 <= count <= len(rows.ids):
        raise ConfigError(
            f"{count:,} pictures are asked for, {len(rows.ids):,} are there", "--pictures", "Ask for fewer."
        )
    kept = sorted(np.argsort(_uniform(seed, "picture", rows.ids.tolist()), kind="stable")[:count].tolist())
    return replace(
        rows,
        ids=rows.ids[kept],
        items=[rows.items[row] for row in kept],
        labels=None if rows.labels is None else rows.labels[kept],
        split=None,
    )


def _digits(rows: RawRows) -> np.ndarray:
    if rows.labels is None or rows.labels.dtype == object or not np.isin(rows.labels, np.arange(10)).all():
        raise DataError(
            "labels are not the digits 0 to 9", rows.source, "Give an idx data set with its labels."
        )
    for name, image in zip(rows.ids, rows.items, strict=True):
        if not (isinstance(image, np.ndarray) and image.ndim == 2 and image.dtype == np.uint8):
            raise DataError(
                f"row {quoted([name])} is not a grey picture of bytes", rows.source, "Give idx files."
            )
    return rows.labels


def _paint(image: np.ndarray, green: bool) -> np.ndarray:
    """Draw in the first channel, red, or in the second, green, as published."""
    out = np.zeros((*image.shape, 3), dtype=np.uint8)
    out[..., int(green)] = image
    return out


def _uniform(seed: int, draw: str, ids: Sequence[str]) -> Float[np.ndarray, " n"]:
    # A hash, not a generator: a generator's draws would depend on the order and number of rows. The kind of
    # draw is hashed too, so that they are independent of each other.
    numbers = [
        int.from_bytes(hashlib.blake2b(f"{seed}:{draw}:{name}".encode(), digest_size=8).digest(), "big")
        for name in ids
    ]
    # 53 bits are what a float holds: more could be rounded up to 1.
    return np.array([number >> 11 for number in numbers], dtype=np.float64) / 2.0**53
