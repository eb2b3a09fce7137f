"""Products of shifted chunks: the inner loop of the moments, for numpy and for other arrays.

Each chunk is shifted and multiplied in one precision, float32 or float64. numpy's chunks go piece
by piece through buffers that stay in cache, onto running products, with no other copy of the rows; other
libraries' chunks (torch, on any device) are multiplied where they are, by the same formulas, and only their
products travel.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import array_api_compat
import numpy as np
from jaxtyping import Float, Int

from outgrow.errors import DataError
from outgrow.linalg.rows import Array, taken

PIECE_BYTES, PIECE_LEAST = 4 * 2**20, 1_024
"""Size over all blocks of what is shifted and multiplied at once, and its rows at least: it stays in caches.
Of 4,096 rows products took 6 % longer; those of fewer rows than 1,024 are too small for full speed."""

STRIP = 64
"""Columns transposed at a time: they stay in the first cache."""

ABOVE = np.triu(np.ones((STRIP, STRIP), dtype=bool), 1)
"""Where a square of a strip is filled from below its diagonal."""

CHUNK_ROWS = 16_384
"""Rows of a chunk, which is added to its float64 total: more would save no time, and float32 sums over n rows
lose about sqrt(n) rounding units."""

Pair: TypeAlias = tuple[str, str]


@dataclass
class ChunkProducts:
    """Sums of one chunk of shifted rows."""

    sums: Mapping[str, Float[np.ndarray, " d"]]
    """Sum of z by block."""
    products: Mapping[Pair, Float[np.ndarray, "d_a d_b"]]
    """Sum of z_a z_b' by pair of blocks."""


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
        self, blocks: Mapping[str, Array], rows: Int[np.ndarray, " m"], dtype: np.dtype[Any]
    ) -> ChunkProducts:
        """Shift and multiply some rows of blocks."""
        if not all(is_numpy(block) for block in blocks.values()):
            return self._on_device(blocks, rows, dtype)
        # Imported when first needed: SciPy's linear algebra takes a fifth of a second. Its BLAS adds to what
        # is there, which numpy's product cannot; all is by one BLAS: threads of two that take turns wait for
        # each other.
        from scipy.linalg import get_blas_funcs

        syrk, gemm, gemv = get_blas_funcs(("syrk", "gemm", "gemv"), dtype=dtype)
        width = sum(block.shape[1] for block in blocks.values()) * dtype.itemsize
        count = -(-len(rows) // max(PIECE_LEAST, PIECE_BYTES // width))
        sums = {name: np.zeros(block.shape[1]) for name, block in blocks.items()}
        totals = {(a, b): self._output((a, b), dtype) for a, b in self._pairs}
        # Pieces of one size: short ones are multiplied more slowly.
        for place, at in enumerate(np.array_split(np.arange(len(rows)), count)):
            keep, ones = float(place > 0), np.ones(len(at), dtype)
            z = {name: self._shifted(name, taken(b, rows[at]), dtype).T for name, b in blocks.items()}
            for name, columns in z.items():
                sums[name] += gemv(1.0, columns, ones)
            for (a, b), total in totals.items():
                if a == b:
                    syrk(1.0, z[a], beta=keep, c=total, overwrite_c=1, lower=1)
                else:
                    gemm(1.0, z[b], z[a], beta=keep, c=total, overwrite_c=1, trans_b=1)
        # By rows, as the sums that they are added to.
        return ChunkProducts(sums, {(a, b): (_whole(p) if a == b else p).T for (a, b), p in totals.items()})

    def _output(self, pair: Pair, dtype: np.dtype[Any]) -> np.ndarray:
        if (pair, dtype) not in self._outputs:
            shape = tuple(len(self._shifts[name]) for name in reversed(pair))
            self._outputs[pair, dtype] = np.zeros(shape, dtype, order="F")
        return self._outputs[pair, dtype]

    def _on_device(
        self, blocks: Mapping[str, Array], rows: Int[np.ndarray, " m"], dtype: np.dtype[Any]
    ) -> ChunkProducts:
        z = {name: self._shift_device(name, taken(b, rows), dtype) for name, b in blocks.items()}
        sums = {name: as_host(array_api_compat.array_namespace(b).sum(b, axis=0)) for name, b in z.items()}
        return ChunkProducts(sums, {(a, b): as_host(z[a].T @ z[b]) for a, b in self._pairs})

    def _shifted(self, name: str, block: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
        key = (name, dtype)
        if key not in self._buffers or len(self._buffers[key]) < len(block):
            self._buffers[key] = np.empty(block.shape, dtype)
        out = self._buffers[key][: len(block)]
        shift, wide = self._shift_in(name, dtype)
        return np.subtract(block, shift, out=out, dtype=wide, casting="same_kind")

    def _shift_in(self, name: str, dtype: np.dtype[Any]) -> tuple[np.ndarray, np.dtype[Any]]:
        """Give the shift and the precision to take it off in, which must hold it to the last bit."""
        shift = self._shifts[name].astype(dtype)
        # float32 rows after float64 ones, whose shift float32 would round for all of them alike.
        if not np.array_equal(shift, self._shifts[name]):
            return self._shifts[name], np.dtype(np.float64)
        return shift, dtype

    def _shift_device(self, name: str, block: Array, dtype: np.dtype[Any]) -> Array:
        xp = array_api_compat.array_namespace(block)
        where = array_api_compat.device(block)
        shift, wide = self._shift_in(name, dtype)
        z = xp.astype(block, getattr(xp, wide.name)) - xp.asarray(shift, device=where)[None, :]
        return xp.astype(z, getattr(xp, dtype.name))


def _whole(lower: Float[np.ndarray, "d d"]) -> Float[np.ndarray, "d d"]:
    """Fill in the other triangle of a symmetric matrix, in place."""
    for start in range(0, len(lower), STRIP):
        strip = slice(start, start + STRIP)
        lower[:start, strip] = lower[strip, :start].T
        corner = lower[strip, strip]
        np.copyto(corner, corner.T.copy(), where=ABOVE[: len(corner), : len(corner)])
    return lower
