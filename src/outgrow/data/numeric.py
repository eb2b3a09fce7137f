"""What may be a feature: a non-empty, finite (n, d) array of real numbers, and the type to compute in.

Shapes and types are checked before anything of the declared size is made; values are checked in chunks, so
that a memory map is never copied whole.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Float

from outgrow.data.files import row_name
from outgrow.errors import DataError

_CHUNK = 1 << 22
# Values looked at together: 16 MB of float32, so that no second array of the size of the first is made.


def row_chunks(values: Float[np.ndarray, "n d"]) -> Iterator[slice]:
    """Cut the rows of an array into stretches of about 4 million values."""
    step = max(1, _CHUNK // max(1, values.shape[1]))
    for start in range(0, len(values), step):
        yield slice(start, start + step)


def working_dtype(stored: np.dtype[Any]) -> np.dtype[Any]:
    """Choose the type to compute in: float32 where it holds every stored number exactly, else float64."""
    # Integers of 16 bits fit the 24 bits of a float32's mantissa; longer ones need float64.
    narrow = stored.kind == "b" or (stored.kind in "iu" and stored.itemsize <= 2)
    narrow = narrow or (stored.kind == "f" and stored.itemsize <= 4)
    return np.dtype(np.float32 if narrow else np.float64)


def check_shape(shape: tuple[int, ...], dtype: np.dtype[Any], where: str) -> None:
    """Refuse what is not a non-empty (n, d) array of real numbers."""
    if dtype.kind == "c":
        raise DataError(
            f"features are complex ({dtype})",
            where,
            "Give real numbers, such as real and imaginary parts side by side.",
        )
    if dtype.kind not in "fiub":
        bfloat = (
            " Two bytes of no type may be bfloat16: save it as .safetensors." if dtype.str[1:] == "V2" else ""
        )
        raise DataError(
            f"features are not numbers (type {dtype})", where, f"Give an array of float32 or float16.{bfloat}"
        )
    if len(shape) != 2:
        raise DataError(
            f"features have {len(shape)} dimension{'s' * (len(shape) != 1)} {shape}, not 2",
            where,
            "Give one row per example: shape (rows, features).",
        )
    if 0 in shape:
        raise DataError(f"features are empty: shape {shape}", where, "Give at least one row and one column.")


def check_finite(
    values: Float[np.ndarray, "n d"],
    where: str,
    ids: np.ndarray | None,
    columns: tuple[str, ...] = (),
) -> None:
    """Refuse NaN and infinity, naming the first row and column that hold one."""
    for chunk in row_chunks(values):
        bad = ~np.isfinite(values[chunk])
        if bad.any():
            i, j = (int(k) for k in np.argwhere(bad)[0])
            row = chunk.start + i
            kind = "NaN" if np.isnan(values[row, j]) else "infinity"
            column = repr(columns[j]) if columns else str(j)
            raise DataError(
                f"{kind} in {row_name(ids, row)}, column {column}",
                where,
                "Encode that row again, or remove it.",
            )


def squarable(dtype: np.dtype[Any]) -> tuple[float, float]:
    """Give the least spread and the largest magnitude whose squares a type can sum."""
    info = np.finfo(dtype)
    return math.sqrt(info.tiny) * 1e4, math.sqrt(info.max) / 1e6


def check_spread(values: Float[np.ndarray, "n d"], where: str, columns: tuple[str, ...] = ()) -> None:
    """Refuse features that cannot be computed with: too large or too small to be squared, or all constant."""
    least, limit = squarable(values.dtype)
    low, high = values.min(axis=0), values.max(axis=0)
    size = np.maximum(np.abs(low), np.abs(high))
    top = int(size.argmax())
    if size[top] > limit:
        raise DataError(
            f"values reach {size[top]:.3g}, too large to be squared, in column"
            f" {columns[top] if columns else top}",
            where,
            "Scale the features, or leave that column out.",
        )
    widest = float((high - low).max())
    if widest == 0:
        raise DataError("the features do not vary", where, "Give features that differ between rows.")
    if widest < least:
        raise DataError(
            f"the features vary by at most {widest:.3g}, too little to be squared", where, "Scale them."
        )
