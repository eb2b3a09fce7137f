"""What one split and group of rows adds up to: the running sums behind the moments.

Sums and products of shifted rows by block, and how exact they are. Sums of other rows are added or taken off;
sums at another shift are moved first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass

import numpy as np
from jaxtyping import Float

from outgrow.linalg.rounding import Rounding


@dataclass
class Cell:
    """Sums of the shifted rows of one split and group."""

    n: int
    """Rows."""
    weight: float
    """Sum of their weights."""
    sums: dict[str, Float[np.ndarray, " d"]]
    """Sum of w z by block."""
    products: dict[tuple[str, str], Float[np.ndarray, "d_a d_b"]]
    """Sum of w z_a z_b' by pair of blocks, names in order."""
    rounding: dict[str, Rounding]
    """How exact the products are, by block."""

    @classmethod
    def empty(cls, widths: Mapping[str, int]) -> Cell:
        """Sums of no rows."""
        names = sorted(widths)
        return cls(
            0,
            0.0,
            {a: np.zeros(widths[a]) for a in names},
            {(a, b): np.zeros((widths[a], widths[b])) for a in names for b in names if a <= b},
            dict.fromkeys(names, Rounding()),
        )

    def copy(self) -> Cell:
        """Sums that can be added to without changing these."""
        return Cell(
            self.n,
            self.weight,
            {name: array.copy() for name, array in self.sums.items()},
            {pair: array.copy() for pair, array in self.products.items()},
            dict(self.rounding),
        )

    def add_chunk(
        self,
        sums: Mapping[str, Float[np.ndarray, " d"]],
        products: Mapping[tuple[str, str], Float[np.ndarray, "d_a d_b"]],
        n: int,
        weight: float,
        eps: Mapping[str, float],
    ) -> None:
        """Add one chunk's sums in place."""
        self.n += n
        self.weight += weight
        for pair, product in products.items():
            self.products[pair] += product
        for name, total in sums.items():
            self.sums[name] += total
            squares = float(np.trace(products[name, name], dtype=np.float64))
            chunk = Rounding.of_chunk(n, len(total), squares, eps[name])
            self.rounding[name] = self.rounding[name].plus(chunk)

    def add(self, other: Cell, sign: int = 1) -> None:
        """Add, or take off, sums at the same shift in place."""
        self.n += sign * other.n
        self.weight += sign * other.weight
        for mine, theirs in ((self.sums, other.sums), (self.products, other.products)):
            for key, array in theirs.items():
                mine[key] += sign * array  # type: ignore[index]
        for name, rounding in other.rounding.items():
            self.rounding[name] = self.rounding[name].plus(rounding, sign)

    def moved(self, moves: Mapping[str, Float[np.ndarray, " d"]]) -> Cell:
        """Re-base to other shifts."""
        sums = {name: total + self.weight * moves[name] for name, total in self.sums.items()}
        products = {
            # sum w (z_a + u)(z_b + v)' = P + (S_a v' + u S_b') + w u v', symmetric to the last bit if a is b
            (a, b): product
            + (np.outer(self.sums[a], moves[b]) + np.outer(moves[a], self.sums[b]))
            + self.weight * np.outer(moves[a], moves[b])
            for (a, b), product in self.products.items()
        }
        norms = {
            name: (float(np.linalg.norm(s)), float(np.linalg.norm(moves[name])))
            for name, s in self.sums.items()
        }
        rounding = {name: r.after_move(self.weight, *norms[name]) for name, r in self.rounding.items()}
        return Cell(self.n, self.weight, sums, products, rounding)

    def arrays(self) -> dict[str, np.ndarray]:
        """Give the sums as named arrays."""
        names = sorted(self.sums)
        out = {"weight": np.array([self.weight]), "n": np.array([self.n], dtype=np.int64)}
        for i, a in enumerate(names):
            out[f"sum/{i}"] = self.sums[a]
            out[f"rounding/{i}"] = np.array(astuple(self.rounding[a]))
            # Numbers, because a block's name may hold a slash.
            out |= {f"product/{i}/{j}": self.products[a, names[j]] for j in range(i, len(names))}
        return out

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], prefix: str, widths: Mapping[str, int]) -> Cell:
        """Read what `arrays` gave."""

        def read(name: str, shape: tuple[int, ...], kind: type = np.float64) -> np.ndarray:
            array = arrays[prefix + name]
            if array.shape != shape or array.dtype != kind or not np.isfinite(array).all():
                raise ValueError(prefix + name)
            return array.copy()

        cell = cls.empty(widths)
        names = sorted(widths)
        cell.n, cell.weight = int(read("n", (1,), np.int64)[0]), float(read("weight", (1,))[0])
        for i, a in enumerate(names):
            cell.sums[a] = read(f"sum/{i}", (widths[a],))
            rounding = read(f"rounding/{i}", (4,))
            if rounding.min() < 0:
                raise ValueError(prefix)
            cell.rounding[a] = Rounding(*map(float, rounding))
            for j in range(i, len(names)):
                cell.products[a, names[j]] = read(f"product/{i}/{j}", (widths[a], widths[names[j]]))
        if cell.n < 0 or cell.weight < 0:
            raise ValueError(prefix)
        return cell
