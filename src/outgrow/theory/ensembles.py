"""Spiked bi-level ensembles: a few favoured directions among very many (Wu and Sahai 2024; T4 with spectra).

Dimensions are powers of the number of labels: d = n^p directions, n^r of them favoured, which together hold
n^(-q) of the trace. Weak directions are a subset of the strong ones, favoured among favoured, and the target
is one direction that all favour. A teacher near chance may then have a student near perfection; here both
follow from the two-stage equivalents at finite sizes, where the published statement is about the limit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from outgrow.errors import DataError
from outgrow.theory.effective_stage import Stages, effective_stages
from outgrow.theory.terms import PairSpectra

MOST = 20_000
"""Most directions of one feature set: a pair of that size already has a gigabyte of correlations."""


@dataclass(frozen=True)
class BiLevel:
    """A covariance of two levels, by exponents of the number of labels n."""

    p: float
    """Directions: d = n^p. Above 1 in the literature: more directions than labels."""
    q: float
    """Favouring: the favoured directions hold n^(-q) of the trace."""
    r: float
    """Favoured directions: s = n^r, fewer than d."""

    def __post_init__(self) -> None:
        if not (np.isfinite([self.p, self.q, self.r]).all() and self.p > self.r >= 0 and self.q > 0):
            raise DataError(
                f"no bi-level ensemble has p {self.p}, q {self.q} and r {self.r}",
                "ensemble",
                "r is at least 0 and below p, and q positive.",
            )

    def counts(self, n: int) -> tuple[int, int]:
        """Give the numbers of favoured and of all other directions.

        Returns rounded, at least one of each.
        """
        if n < 2 or n**self.p > MOST:
            raise DataError(
                f"{n} labels to the power of {self.p} are not between 2 and {MOST} directions",
                "ensemble",
                "Take another n or a smaller p.",
            )
        favoured = max(round(n**self.r), 1)
        return favoured, max(round(n**self.p) - favoured, 1)

    def values(self, n: int) -> Float[np.ndarray, " d"]:
        """Give the eigenvalues, favoured ones first, adding up to the number of directions."""
        favoured, others = self.counts(n)
        share = float(n) ** -self.q
        d = favoured + others
        return np.repeat([share * d / favoured, (1 - share) * d / others], [favoured, others])


@dataclass(frozen=True)
class SubsetEnsemble:
    """A weak ensemble within a strong one, with n labels and n^u pseudo-labels."""

    weak: BiLevel
    strong: BiLevel
    """The two covariances. The weak one has at most as many directions of each level."""
    n: int
    """Labels."""
    u: float
    """Pseudo-labels: N = n^u."""

    def __post_init__(self) -> None:
        counts = zip(self.weak.counts(self.n), self.strong.counts(self.n), ("favoured", "other"), strict=True)
        for few, many, level in counts:
            if few > many:
                raise DataError(
                    f"{few} weak {level} directions are no subset of {many} strong ones",
                    "ensemble",
                    "Give the strong ensemble larger p and r.",
                )
        if not self.N >= 2:
            raise DataError(f"u of {self.u} leaves fewer than 2 pseudo-labels", "ensemble")

    @property
    def N(self) -> int:
        """Number of pseudo-labels."""
        return round(self.n**self.u)

    def pair(self) -> PairSpectra:
        """Give spectra and correlations; a weak direction is a strong one in another scale."""
        values_w, values_s = self.weak.values(self.n), self.strong.values(self.n)
        weak, strong = self.weak.counts(self.n), self.strong.counts(self.n)
        C = np.zeros((len(values_s), len(values_w)))
        C[: weak[0], : weak[0]] = np.eye(weak[0])
        C[strong[0] : strong[0] + weak[1], weak[0] :] = np.eye(weak[1])
        return PairSpectra(values_w=values_w, values_s=values_s, C=C)

    def covariances(self) -> tuple[Float[np.ndarray, " d_w"], Float[np.ndarray, " d_s"]]:
        """Give the target's covariances with the whitened directions: one favoured direction, variance 1."""
        t_w, t_s = np.zeros(sum(self.weak.counts(self.n))), np.zeros(sum(self.strong.counts(self.n)))
        t_w[0] = t_s[0] = 1.0
        return t_w, t_s

    def fits(self) -> tuple[Stages, Stages]:
        """Give the minimum-norm teacher and student of the literature, without intercepts.

        Returns of n labels and of N pseudo-labels.
        """
        zero = np.zeros(1)
        return (
            effective_stages(self.weak.values(self.n), np.array([self.n]), zero, intercept=False),
            effective_stages(self.strong.values(self.n), np.array([self.N]), zero, intercept=False),
        )
