"""What one split and group of rows adds up to: the running sums behind the moments.

Sums and products of shifted rows by block, and how exact they are. Sums of other rows are added or taken off;
sums at another shift are moved first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from jaxtyping import Float, Int

from outgrow.linalg.rounding import Rounding
from outgrow.linalg.shifted_products import ChunkProducts, Pair

MakeArray: TypeAlias = Callable[[tuple[int, ...]], np.ndarray]
"""Makes an array of zeros, float64, of a shape."""


@dataclass
class Cell:
    """Sums of the shifted rows of one split and group."""

    n: int
    sums: dict[str, Float[np.ndarray, " d"]]
    """Sum of z by block."""
    products: dict[Pair, Float[np.ndarray, "d_a d_b"]]
    """Sum of z_a z_b' by pair of blocks, for the pairs that are kept."""
    rounding: dict[str, Rounding]
    """How exact the products are, by block."""

    @classmethod
    def empty(cls, widths: Mapping[str, int], pairs: Collection[Pair], zeros: MakeArray = np.zeros) -> Cell:
        """Sums of no rows; `zeros` makes the products."""
        return cls(
            0,
            {name: np.zeros(width) for name, width in widths.items()},
            {(a, b): zeros((widths[a], widths[b])) for a, b in pairs},
            dict.fromkeys(widths, Rounding()),
        )

    def product(self, a: str, b: str) -> Float[np.ndarray, "d_a d_b"]:
        """Give the products of two blocks, in this order."""
        return self.products[a, b] if (a, b) in self.products else self.products[b, a].T

    def copy(self) -> Cell:
        """Sums that can be added to without changing these."""
        return Cell(
            self.n,
            {name: array.copy() for name, array in self.sums.items()},
            {pair: array.copy() for pair, array in self.products.items()},
            dict(self.rounding),
        )

    def add_chunk(self, chunk: ChunkProducts, n: int, eps: float) -> None:
        """Add one chunk's sums in place."""
        self.n += n
        for pair, product in chunk.products.items():
            self.products[pair] += product
        for name, total in chunk.sums.items():
            self.sums[name] += total
            if (name, name) in chunk.products:
                squares = float(np.trace(chunk.products[name, name], dtype=np.float64))
                rounding = Rounding.of_chunk(n, len(total), squares, eps)
                self.rounding[name] = self.rounding[name].plus(rounding)

    def add(self, other: Cell, sign: int = 1) -> None:
        """Add, or take off, sums at the same shift in place."""
        self.n += sign * other.n
        change = np.add if sign > 0 else np.subtract
        for name, total in self.sums.items():
            change(total, other.sums[name], out=total)
        for pair, product in self.products.items():
            change(product, other.products[pair], out=product)
        for name, rounding in other.rounding.items():
            self.rounding[name] = self.rounding[name].plus(rounding, sign)

    def moved(self, moves: Mapping[str, Float[np.ndarray, " d"]]) -> Cell:
        """Re-base to other shifts."""
        sums = {name: total + self.n * moves[name] for name, total in self.sums.items()}
        products = {
            # sum (z_a + u)(z_b + v)' = P + (S_a v' + u S_b') + n u v', symmetric to the last bit if a is b
            (a, b): product
            + (np.outer(self.sums[a], moves[b]) + np.outer(moves[a], self.sums[b]))
            + self.n * np.outer(moves[a], moves[b])
            for (a, b), product in self.products.items()
        }
        norms = {
            name: (float(np.linalg.norm(s)), float(np.linalg.norm(moves[name])))
            for name, s in self.sums.items()
        }
        rounding = {name: r.after_move(self.n, *norms[name]) for name, r in self.rounding.items()}
        return Cell(self.n, sums, products, rounding)

    def columns(self, block: str, chosen: Int[np.ndarray, " c"]) -> Cell:
        """Keep some columns of a block; the others' arrays are shared."""
        products = {
            (a, b): product[:, chosen] if b == block else product[chosen] if a == block else product
            for (a, b), product in self.products.items()
        }
        return Cell(self.n, {**self.sums, block: self.sums[block][chosen]}, products, self.rounding)

    def beside(self, other: Cell) -> Cell:
        """Lay the products of other pairs of the same rows beside these; arrays are shared."""
        return Cell(
            self.n,
            {**other.sums, **self.sums},
            {**other.products, **self.products},
            # Known of blocks whose products with themselves are kept.
            self.rounding | {name: r for name, r in other.rounding.items() if (name, name) in other.products},
        )
