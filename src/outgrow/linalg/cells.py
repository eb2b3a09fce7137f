"""What one split and group of rows adds up to: the running sums behind the moments.

Sums and products of shifted rows by block, with two numbers per block that tell how exact they are. Sums of
other rows are added or taken off; sums at another shift are moved first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass
class Cell:
    """Sums of the shifted rows of one split and group.

    Parameters
    ----------
    n : int
        Rows.
    weight : float
        Sum of their weights.
    sums : dict of str to array of shape (d,)
        Sum of w z by block.
    products : dict of (str, str) to array of shape (d_a, d_b)
        Sum of w z_a z_b' by pair of blocks, names in order.
    noise : dict of str to float
        By block: expected squared error of the sums of products, in units of the block's squared norm;
        see `BlockMoments.relative_error_of`.
    scale : dict of str to float
        By block: sum of w |z|^2 at the shift the products were taken at, which merging changes.
    """

    n: int
    weight: float
    sums: dict[str, Float[np.ndarray, " d"]]
    products: dict[tuple[str, str], Float[np.ndarray, "d_a d_b"]]
    noise: dict[str, float]
    scale: dict[str, float]

    @classmethod
    def empty(cls, widths: Mapping[str, int]) -> Cell:
        """Sums of no rows.

        Parameters
        ----------
        widths : mapping of str to int
            Width by block.

        Returns
        -------
        Cell
            All zeros.
        """
        names = sorted(widths)
        return cls(
            0,
            0.0,
            {a: np.zeros(widths[a]) for a in names},
            {(a, b): np.zeros((widths[a], widths[b])) for a in names for b in names if a <= b},
            dict.fromkeys(names, 0.0),
            dict.fromkeys(names, 0.0),
        )

    def copy(self) -> Cell:
        """Sums that can be added to without changing these.

        Returns
        -------
        Cell
            A deep copy.
        """
        return Cell(
            self.n,
            self.weight,
            {name: array.copy() for name, array in self.sums.items()},
            {pair: array.copy() for pair, array in self.products.items()},
            dict(self.noise),
            dict(self.scale),
        )

    def add_chunk(
        self,
        sums: Mapping[str, Float[np.ndarray, " d"]],
        products: Mapping[tuple[str, str], Float[np.ndarray, "d_a d_b"]],
        n: int,
        weight: float,
        eps: Mapping[str, float],
    ) -> None:
        """Add one chunk's sums in place.

        Parameters
        ----------
        sums : mapping of str to array of shape (d,)
            Sum of w z by block.
        products : mapping of (str, str) to array of shape (d_a, d_b)
            Sum of w z_a z_b' by pair.
        n : int
            Rows of the chunk.
        weight : float
            Sum of their weights.
        eps : mapping of str to float
            Machine epsilon of the products' precision, by block.
        """
        self.n += n
        self.weight += weight
        for pair, product in products.items():
            self.products[pair] += product
        for name, total in sums.items():
            self.sums[name] += total
            self.scale[name] += float(np.trace(products[name, name], dtype=np.float64))
            self.noise[name] += (eps[name] / 2 * (np.sqrt(n) + np.sqrt(len(total))) * weight) ** 2

    def add(self, other: Cell, sign: int = 1) -> None:
        """Add, or take off, sums at the same shift in place.

        Parameters
        ----------
        other : Cell
            Sums of other rows (or, to take off, of some of these).
        sign : int
            1 to add, -1 to take off.
        """
        self.n += sign * other.n
        self.weight += sign * other.weight
        for mine, theirs in ((self.sums, other.sums), (self.products, other.products)):
            for key, array in theirs.items():
                mine[key] += sign * array  # type: ignore[index]
        for totals, more in ((self.noise, other.noise), (self.scale, other.scale)):
            for name, value in more.items():
                totals[name] = max(0.0, totals[name] + sign * value)

    def moved(self, moves: Mapping[str, Float[np.ndarray, " d"]]) -> Cell:
        """Re-base to other shifts.

        Parameters
        ----------
        moves : mapping of str to array of shape (d,)
            Present shift less the wanted one, by block.

        Returns
        -------
        Cell
            The same rows about the wanted shifts.
        """
        sums = {name: total + self.weight * moves[name] for name, total in self.sums.items()}
        products = {
            # sum w (z_a + u)(z_b + v)' = P + S_a v' + u (S_b + w v)'
            (a, b): product + np.outer(self.sums[a], moves[b]) + np.outer(moves[a], sums[b])
            for (a, b), product in self.products.items()
        }
        return Cell(self.n, self.weight, sums, products, dict(self.noise), dict(self.scale))

    def arrays(self) -> dict[str, np.ndarray]:
        """Give the sums as named arrays.

        Returns
        -------
        dict of str to numpy.ndarray
            For safetensors.
        """
        names = list(self.sums)
        scalars = [[self.noise[name], self.scale[name]] for name in names]
        out = {"weight": np.array([self.weight]), "n": np.array([self.n], dtype=np.int64)}
        out |= {f"error/{name}": np.array(pair) for name, pair in zip(names, scalars, strict=True)}
        out |= {f"sum/{name}": array for name, array in self.sums.items()}
        out |= {f"product/{i}/{j}": self.products[a, b] for i, a, j, b in _indexed(names)}
        return out

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Cell:
        """Read what `arrays` gave.

        Parameters
        ----------
        arrays : mapping of str to numpy.ndarray
            Named arrays.

        Returns
        -------
        Cell
            The same sums.
        """
        names = sorted(name.removeprefix("sum/") for name in arrays if name.startswith("sum/"))
        return cls(
            int(arrays["n"][0]),
            float(arrays["weight"][0]),
            {name: arrays[f"sum/{name}"].copy() for name in names},
            {(a, b): arrays[f"product/{i}/{j}"].copy() for i, a, j, b in _indexed(names)},
            {name: float(arrays[f"error/{name}"][0]) for name in names},
            {name: float(arrays[f"error/{name}"][1]) for name in names},
        )


def _indexed(names: Sequence[str]) -> list[tuple[int, str, int, str]]:
    # Numbers, because a block's name may hold a slash.
    ordered = sorted(names)
    return [(i, a, j, ordered[j]) for i, a in enumerate(ordered) for j in range(i, len(ordered))]
