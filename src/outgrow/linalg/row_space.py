"""Wide rows in fewer coordinates: the span of few rows, or the leading directions of many.

Ridge and minimum-norm fits lie in the span of the rows that they are fitted to, so wide rows lose nothing in
an orthonormal basis of that span: inner products, norms and fits are the same, and what grew with the square
of the width grows with that of the rows. Where a rank is asked for, its principal directions are found first
and nothing else is formed of the width.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float, Int, Shaped

from outgrow.linalg.moments import moments_of
from outgrow.linalg.rounding import EPS
from outgrow.linalg.rows import ArraySource
from outgrow.linalg.spectrum import Spectrum, spectrum_of_covariance

PIECE = 4_096
"""Rows turned to float64 at a time: 25 MB of 768 columns, and products long enough for full speed."""


@dataclass(frozen=True)
class RowSpace:
    """A space that rows are projected on: their mean, and orthonormal directions, the leading first."""

    mean: Float[np.ndarray, " d"]
    basis: Float[np.ndarray, "d r"] | None
    """None leaves rows as they are."""
    beyond: Float[np.ndarray, " k"] = field(default_factory=lambda: np.zeros(0))
    """Variances of the rows along directions that were left out, the largest first."""

    @classmethod
    def everything(cls, width: int) -> RowSpace:
        """Leave rows of a width as they are."""
        return cls(np.zeros(width), None)

    @classmethod
    def of(cls, rows: Shaped[np.ndarray, "n d"]) -> RowSpace:
        """Span rows that are fewer than their columns: the narrow factor first, then its directions."""
        mean, basis, _ = _span(rows)
        return cls(mean, np.ascontiguousarray(basis))

    @classmethod
    def leading(
        cls, values: Shaped[np.ndarray, "rows d"], fitted: Int[np.ndarray, " m"], rank: int
    ) -> RowSpace:
        """Keep the leading principal directions of some rows, by way of rows or of columns, the fewer."""
        if len(fitted) <= values.shape[1]:
            mean, vectors, variances = _span(values[fitted])
        else:
            moments = moments_of(ArraySource({"x": values}), splits={"fitted": fitted}).select()
            mean, covariance = moments.mean("x"), moments.covariance("x")
            del moments  # wide ones would take the room of the factorization
            variances, vectors = spectrum_of_covariance(covariance, len(fitted)).resolved
        return cls(mean, np.ascontiguousarray(vectors[:, :rank]), variances[rank:])

    @property
    def rank(self) -> int:
        """Count the directions."""
        return len(self.mean) if self.basis is None else self.basis.shape[1]

    def apply(self, rows: Shaped[np.ndarray, "m d"]) -> Shaped[np.ndarray, "m r"]:
        """Coordinates of rows; what of them lies outside the span is left out."""
        if self.basis is None:
            return rows
        places = pieces(np.arange(len(rows)))
        return np.vstack(
            [np.empty((0, self.basis.shape[1])), *((rows[at] - self.mean) @ self.basis for at in places)]
        )

    def turned(self, columns: Float[np.ndarray, "d ..."]) -> Float[np.ndarray, "r ..."]:
        """Coordinates of directions, which have no mean."""
        return columns if self.basis is None else self.basis.T @ columns

    def then(self, inner: RowSpace) -> RowSpace:
        """Do at once what this and then another centring and basis do."""
        if self.basis is None or inner.basis is None:
            return inner if self.basis is None else self
        return RowSpace(self.mean + self.basis @ inner.mean, self.basis @ inner.basis)

    def whole(self, spectrum: Spectrum) -> Spectrum:
        """Give a spectrum found in these coordinates in those of the columns, with what was left out."""
        if self.basis is None:
            return spectrum
        values = np.concatenate([spectrum.values, self.beyond])
        total = spectrum.total + float(self.beyond.sum())
        return replace(spectrum, values=values, vectors=self.basis @ spectrum.vectors, total=total)


def pieces(rows: Int[np.ndarray, " m"]) -> Iterator[Int[np.ndarray, " _"]]:
    """Cut row numbers into pieces that are converted together."""
    for start in range(0, len(rows), PIECE):
        yield rows[start : start + PIECE]


def narrowed(
    values: Shaped[np.ndarray, "n d"], fitted: Int[np.ndarray, " m"], rank: int | None = None
) -> tuple[Shaped[np.ndarray, "n _"], RowSpace]:
    """Give rows in leading directions of those fitted to, or in a span of rows; as they are where many."""
    spanning = np.arange(len(values)) if len(values) <= values.shape[1] else fitted
    if rank is not None and rank < min(len(fitted) - 1, values.shape[1]):
        space = RowSpace.leading(values, fitted, rank)
    elif len(spanning) > values.shape[1]:
        space = RowSpace.everything(values.shape[1])
    else:
        space = RowSpace.of(values[spanning])
    return space.apply(values), space


def _span(
    rows: Shaped[np.ndarray, "n d"],
) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, "d r"], Float[np.ndarray, " r"]]:
    """Mean, principal directions and variances of rows that are fewer than their columns."""
    from scipy.linalg import qr

    centred = np.asarray(rows, dtype=np.float64)
    mean = centred.mean(axis=0)
    Q, R = qr((centred - mean).T, mode="economic", overwrite_a=True, check_finite=False)
    left, sizes, _ = np.linalg.svd(R)
    kept = sizes > max(rows.shape) * EPS * sizes.max(initial=0.0)
    return mean, Q @ left[:, kept], sizes[kept] ** 2 / len(rows)
