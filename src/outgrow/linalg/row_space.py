"""Rows fewer than their columns, in coordinates as many as there are rows.

Ridge and minimum-norm fits lie in the span of the rows that they are fitted to, so wide rows lose nothing in
an orthonormal basis of that span: inner products, norms and fits are the same, and what grew with the square
of the width grows with that of the rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Shaped

from outgrow.linalg.rounding import EPS


@dataclass(frozen=True)
class RowSpace:
    """The affine span of some rows: their mean, and an orthonormal basis of what is left."""

    mean: Float[np.ndarray, " d"]
    basis: Float[np.ndarray, "d r"]

    @classmethod
    def of(cls, rows: Shaped[np.ndarray, "n d"]) -> RowSpace:
        """Span rows that are fewer than their columns: the narrow factor first, then its directions."""
        from scipy.linalg import qr

        centred = np.asarray(rows, dtype=np.float64)
        mean = centred.mean(axis=0)
        Q, R = qr((centred - mean).T, mode="economic")
        left, sizes, _ = np.linalg.svd(R)
        kept = sizes > max(rows.shape) * EPS * sizes.max(initial=0.0)
        return cls(mean, np.ascontiguousarray(Q @ left[:, kept]))

    def apply(self, rows: Shaped[np.ndarray, "m d"]) -> Float[np.ndarray, "m r"]:
        """Coordinates of rows; what of them lies outside the span is left out."""
        return np.asarray((rows - self.mean) @ self.basis)

    def before(
        self, mean: Float[np.ndarray, " r"], basis: Float[np.ndarray, "r k"] | None
    ) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, "d k"]]:
        """Mean and basis that do at once what this and then another centring and basis do."""
        if basis is None:
            return self.mean, self.basis
        return self.mean + self.basis @ mean, self.basis @ basis


def narrowed(
    values: Shaped[np.ndarray, "n d"], fitted: Int[np.ndarray, " m"]
) -> tuple[Shaped[np.ndarray, "n _"], RowSpace | None]:
    """Give rows in the span of all, or of those that are fitted to; as they are where rows are many."""
    spanning = np.arange(len(values)) if len(values) <= values.shape[1] else fitted
    if len(spanning) > values.shape[1]:
        return values, None
    space = RowSpace.of(values[spanning])
    return space.apply(values), space
