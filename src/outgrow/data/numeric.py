"""What may be a feature: a non-empty, finite (n, d) array of real numbers, and the type to compute in.

Shapes and types are checked before anything of the declared size is made; values are checked in chunks, so
that a memory map is never copied whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Float

from outgrow.data.files import row_name
from outgrow.errors import DataError

_CHUNK = 1 << 22
# Values looked at together: 16 MB of float32, so that no second array of the size of the first is made.


def row_chunks(values: Float[np.ndarray, "n d"]) -> Iterator[slice]:
    """Cut the rows of an array into stretches of about 4 million values.

    Parameters
    ----------
    values : numpy.ndarray
        Array (n, d).

    Yields
    ------
    slice
        Of rows.
    """
    step = max(1, _CHUNK // max(1, values.shape[1]))
    for start in range(0, len(values), step):
        yield slice(start, start + step)


def working_dtype(stored: np.dtype[Any]) -> np.dtype[Any]:
    """Choose the type to compute in: float32 where it holds every stored number exactly, else float64.

    Parameters
    ----------
    stored : numpy.dtype
        Type in the file.

    Returns
    -------
    numpy.dtype
        float32 or float64.
    """
    # Integers of 16 bits fit the 24 bits of a float32's mantissa; longer ones need float64.
    narrow = stored.kind == "b" or (stored.kind in "iu" and stored.itemsize <= 2)
    narrow = narrow or (stored.kind == "f" and stored.itemsize <= 4)
    return np.dtype(np.float32 if narrow else np.float64)


def check_shape(shape: tuple[int, ...], dtype: np.dtype[Any], where: str) -> None:
    """Refuse what is not a non-empty (n, d) array of real numbers.

    Parameters
    ----------
    shape : tuple of int
        Shape of the array.
    dtype : numpy.dtype
        Its type.
    where : str
        The file or array, for messages.

    Raises
    ------
    DataError
        When the number of dimensions, the size or the type is wrong.
    """
    if dtype.kind == "c":
        raise DataError(
            f"features are complex ({dtype})",
            where,
            "Give real numbers, such as real and imaginary parts side by side.",
        )
    if dtype.kind not in "fiub":
        raise DataError(f"features are not numbers (type {dtype})", where, "Give an array of floats.")
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
    first: int = 0,
) -> None:
    """Refuse NaN and infinity, naming the first row and column that hold one.

    Parameters
    ----------
    values : numpy.ndarray
        Array (n, d).
    where : str
        The file or array, for messages.
    ids : numpy.ndarray or None
        Ids of the rows; row numbers are named where there are none.
    columns : tuple of str
        Names of the columns; numbers from 0 are named where there are none.
    first : int
        Number of the first row given, where only a batch is.

    Raises
    ------
    DataError
        When a value is not finite.
    """
    for chunk in row_chunks(values):
        bad = ~np.isfinite(values[chunk])
        if bad.any():
            i, j = (int(k) for k in np.argwhere(bad)[0])
            row = chunk.start + i
            found = "NaN" if np.isnan(values[row, j]) else "infinity"
            column = repr(columns[j]) if columns else str(j)
            line = row_name(ids, row) if ids is not None else f"row {first + row}"
            raise DataError(
                f"{found} in {line}, column {column}", where, "Encode that row again, or remove it."
            )
