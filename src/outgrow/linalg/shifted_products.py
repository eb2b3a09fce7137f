"""Products of shifted chunks: the inner loop of the moments, for numpy and for other arrays.

Each chunk is shifted, weighted and multiplied in one precision, float32 or float64; what leaves this file is
float64 on the host. numpy chunks go through buffers that are used again, with no other copy of the rows;
other libraries' chunks (torch, on any device) are multiplied where they are, by the same formulas, and only
their products travel.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import array_api_compat
import numpy as np
from jaxtyping import Float

from outgrow.errors import DataError
from outgrow.linalg.rows import Array

BUFFER_BYTES = 32 * 2**20
"""Size of a chunk over all its blocks: 8,192 rows of 1,024 float32. Each product costs a fixed time besides
(numpy fills in its other triangle, and it is added to its float64 total): 2 % here in our measurements. Twice
the size leaves more caches than it saves."""

CHUNK_ROWS = 16_384
"""Most rows of a chunk, however narrow: more would save no time, and float32 sums over n rows lose about
sqrt(n) rounding units."""

Pair: TypeAlias = tuple[str, str]


@dataclass
class ChunkProducts:
    """Sums of one chunk of shifted, weighted rows, in float64."""

    sums: Mapping[str, Float[np.ndarray, " d"]]
    """Sum of w z by block."""
    products: Mapping[Pair, Float[np.ndarray, "d_a d_b"]]
    """Sum of w z_a z_b' by pair of blocks."""


def is_numpy(array: Array) -> bool:
    """Tell whether an array is numpy's, memory maps included."""
    return isinstance(array, np.ndarray)


def as_host(array: Array) -> Float[np.ndarray, "*axes"]:
    """Bring an array to the host as float64."""
    if not is_numpy(array):
        array = array_api_compat.to_device(array, "cpu")
    return np.asarray(array, dtype=np.float64)


def product_dtype(blocks: Mapping[str, Array]) -> np.dtype[Any]:
    """Precision in which products of blocks are taken: float32 where all are that narrow, else float64."""
    narrow = True
    for name, array in blocks.items():
        xp = array_api_compat.array_namespace(array)
        if is_numpy(array):
            real = array.dtype.kind in "fiub"
            narrow &= array.dtype.kind == "f" and array.dtype.itemsize <= 4
        else:
            real = not xp.isdtype(array.dtype, "complex floating")
            # Floats that are not float64 are float32, float16 or bfloat16: integers may need all of float64.
            narrow &= bool(xp.isdtype(array.dtype, "real floating") and array.dtype != xp.float64)
        if not real:
            raise DataError(f"{array.dtype} is no type of real numbers", f"block {name!r}")
    return np.dtype(np.float32 if narrow else np.float64)


class Shifter:
    """Shifts and multiplies chunks, keeping its buffers between them."""

    def __init__(self, shifts: Mapping[str, Float[np.ndarray, " d"]], pairs: Collection[Pair]) -> None:
        self._shifts, self._pairs = shifts, pairs
        self._buffers: dict[tuple[str, np.dtype[Any]], np.ndarray] = {}
        self._outputs: dict[tuple[Pair, np.dtype[Any]], np.ndarray] = {}

    def products(
        self, chunk: Mapping[str, Array], root: Float[np.ndarray, " m"] | None, dtype: np.dtype[Any]
    ) -> ChunkProducts:
        """Shift, weight and multiply one chunk."""
        host = all(is_numpy(block) for block in chunk.values())
        shift = self._shift_host if host else self._shift_device
        shifted = {name: shift(name, block, root, dtype) for name, block in chunk.items()}
        return ChunkProducts(
            {name: self._sum(z, root) for name, z in shifted.items()},
            {(a, b): self._multiply((a, b), shifted[a], shifted[b], host) for a, b in self._pairs},
        )

    def _shift_host(
        self, name: str, block: np.ndarray, root: np.ndarray | None, dtype: np.dtype[Any]
    ) -> np.ndarray:
        key = (name, dtype)
        if key not in self._buffers or len(self._buffers[key]) < len(block):
            self._buffers[key] = np.empty(block.shape, dtype)
        out = self._buffers[key][: len(block)]
        shift, wide = self._shift_in(name, dtype)
        np.subtract(block, shift, out=out, dtype=wide, casting="same_kind")
        if root is not None:
            out *= root.astype(dtype)[:, None]
        return out

    def _shift_in(self, name: str, dtype: np.dtype[Any]) -> tuple[np.ndarray, np.dtype[Any]]:
        """Give the shift and the precision to take it off in, which must hold it to the last bit."""
        shift = self._shifts[name].astype(dtype)
        # float32 rows after float64 ones, whose shift float32 would round for all of them alike.
        if not np.array_equal(shift, self._shifts[name]):
            return self._shifts[name], np.dtype(np.float64)
        return shift, dtype

    def _shift_device(self, name: str, block: Array, root: np.ndarray | None, dtype: np.dtype[Any]) -> Array:
        xp = array_api_compat.array_namespace(block)
        where = array_api_compat.device(block)
        shift, wide = self._shift_in(name, dtype)
        z = xp.astype(block, getattr(xp, wide.name)) - xp.asarray(shift, device=where)[None, :]
        z = xp.astype(z, getattr(xp, dtype.name))
        if root is not None:
            z = z * xp.asarray(root, dtype=z.dtype, device=where)[:, None]
        return z

    def _sum(self, z: Array, root: np.ndarray | None) -> Float[np.ndarray, " d"]:
        xp = array_api_compat.array_namespace(z)
        # A product with ones is several times faster than a sum over the rows, and rounds no worse.
        ones = np.ones(z.shape[0]) if root is None else root
        left = xp.asarray(ones, dtype=z.dtype, device=array_api_compat.device(z))
        return as_host(left @ z)

    def _multiply(self, pair: Pair, left: Array, right: Array, host: bool) -> Float[np.ndarray, "d_a d_b"]:
        if not host:
            return as_host(left.T @ right)
        key = (pair, left.dtype)
        if key not in self._outputs:
            self._outputs[key] = np.empty((left.shape[1], right.shape[1]), left.dtype)
        # numpy sees a matrix times its own transpose and takes half the products (BLAS syrk).
        return np.matmul(left.T, right, out=self._outputs[key])
