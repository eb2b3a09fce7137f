"""What risks depend on: two feature sets through spectra and correlations, a target through its products."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from outgrow.errors import DataError
from outgrow.theory.effective_stage import CLOSE, least_penalty
from outgrow.theory.row_lengths import ALIKE, length_nodes


@dataclass(frozen=True, kw_only=True)
class PairSpectra:
    """What two feature sets share, whitened by their own covariances."""

    values_w: Float[np.ndarray, " d_w"]
    """Positive eigenvalues of the weak covariance."""
    values_s: Float[np.ndarray, " d_s"]
    """Positive eigenvalues of the strong covariance."""
    C: Float[np.ndarray, "d_s d_w"]
    """Correlations of whitened strong with whitened weak directions."""
    rows: float = np.inf
    """Rows that all of it was measured on, mean taken off; infinite for a population."""
    lengths_w: Float[np.ndarray, " q"] = field(default_factory=lambda: ALIKE)
    lengths_s: Float[np.ndarray, " r"] = field(default_factory=lambda: ALIKE)
    lengths_both: Float[np.ndarray, " t"] = field(default_factory=lambda: ALIKE)
    """Squared lengths of rows in each set and in both, of mean 1; all alike by default."""

    def __post_init__(self) -> None:
        if self.C.shape != (len(self.values_s), len(self.values_w)):
            raise DataError(
                f"correlations of shape {self.C.shape} do not belong to {len(self.values_s)} strong and"
                f" {len(self.values_w)} weak directions",
                "theory",
            )

    def lengths(self, values: Float[np.ndarray, " d"]) -> Float[np.ndarray, " _"]:
        """Squared lengths of rows in `values_w` or `values_s` themselves, or in both sets together."""
        if values is self.values_w:
            return self.lengths_w
        return self.lengths_s if values is self.values_s else self.lengths_both

    def with_lengths(self, Z_w: Float[np.ndarray, "m d_w"], Z_s: Float[np.ndarray, "m d_s"]) -> PairSpectra:
        """Measure how long rows are, on m rows in whitened directions that the spectra have not seen."""
        # As fits to that many rows see them: in directions that are shrunk away, or that the pool hardly
        # spans, a row may be a thousand times as long as another (a pixel that few pictures use).
        weak, strong = (
            Z * np.sqrt(values / (values + max(of_pool, of_rows)))
            for Z, values in ((Z_w, self.values_w), (Z_s, self.values_s))
            for of_pool in (least_penalty(values, self.rows - 1, CLOSE),)
            for of_rows in (least_penalty(values, float(len(Z)), SEEN),)
        )
        both = np.hstack([weak, strong])
        lengths = [length_nodes(rows) if rows.any() else ALIKE for rows in (weak, strong, both)]
        return replace(self, lengths_w=lengths[0], lengths_s=lengths[1], lengths_both=lengths[2])


SEEN = 2.0
"""Rows per degree of freedom of the fit that lengths are taken for: about that of a tuned one."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A target through its covariances with whitened directions, as estimates that risks are linear in.

    The covariances of a pair p are those of a function that lies in the features' span, taken over the rows
    behind the spectra (`fit`), plus what is left of the target, estimated twice from other rows (`left`,
    `right`). A product of covariances i and j is the sum over pairs of weights[r, p] times the product of
    (fit + left)[p, i] and (fit + right)[p, j], made symmetric. Several columns of labels are further pairs.
    """

    fit_w: Float[np.ndarray, "P d_w"]
    left_w: Float[np.ndarray, "P d_w"]
    right_w: Float[np.ndarray, "P d_w"]
    """Covariances with the weak directions."""
    fit_s: Float[np.ndarray, "P d_s"]
    left_s: Float[np.ndarray, "P d_s"]
    right_s: Float[np.ndarray, "P d_s"]
    """Covariances with the strong directions."""
    fit_norm: Float[np.ndarray, " P"]
    """Variances of the functions `fit` over those rows."""
    weights: Float[np.ndarray, "R P"]
    """One row for the estimate, further ones for its replicates."""
    variance: Float[np.ndarray, " R"]
    """Variance of the labels, noise included, summed over their columns."""
    sigma2: float | None = None
    """Variance of the label noise where it is known: test errors become excess risks."""

    @classmethod
    def known(
        cls, t_w: Float[np.ndarray, " d_w"], t_s: Float[np.ndarray, " d_s"], v: float, sigma2: float
    ) -> Target:
        """Describe a target whose population moments are known."""
        w, s = np.atleast_2d(np.asarray(t_w, dtype=float)), np.atleast_2d(np.asarray(t_s, dtype=float))
        return cls(
            fit_w=0 * w,
            left_w=w,
            right_w=w,
            fit_s=0 * s,
            left_s=s,
            right_s=s,
            fit_norm=np.zeros(1),
            weights=np.ones((1, 1)),
            variance=np.array([float(v) + sigma2]),
            sigma2=float(sigma2),
        )

    def weak(self) -> Side:
        """Give the covariances with the weak directions."""
        return Side(self.fit_w, self.left_w, self.right_w)

    def strong(self) -> Side:
        """Give the covariances with the strong directions."""
        return Side(self.fit_s, self.left_s, self.right_s)


class Side(NamedTuple):
    """The covariances of a target with one feature set, or what a fit makes of them."""

    fit: Float[np.ndarray, "P d"]
    left: Float[np.ndarray, "P d"]
    right: Float[np.ndarray, "P d"]
    """As in `Target`."""

    def squares(self, weights: Float[np.ndarray, "R P"]) -> Float[np.ndarray, "3 R d"]:
        """Give products of every covariance with itself: of the fit, of fit and rest, of the rest."""
        mixed = self.fit * (self.left + self.right)
        return np.stack([weights @ (self.fit**2), weights @ mixed, weights @ (self.left * self.right)])

    def parts(self, weights: Float[np.ndarray, "R P"]) -> Float[np.ndarray, "3 R d"]:
        """Give the same, the product of fit and rest taken once."""
        return np.asarray(self.squares(weights) * [[[1.0]], [[0.5]], [[1.0]]])

    def crossed(self, other: Side, weights: Float[np.ndarray, "R P"]) -> Float[np.ndarray, "4 R d"]:
        """Give products with another side: of fits, of this fit and that rest, of rest and fit, of rests."""
        this, that = (self.left + self.right) / 2, (other.left + other.right) / 2
        rests = (self.left * other.right + self.right * other.left) / 2
        return np.stack(
            [weights @ x for x in (self.fit * other.fit, self.fit * that, this * other.fit, rests)]
        )
