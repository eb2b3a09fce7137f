"""What exact risks need to know of a pair of representations and a target: ten numbers.

Means are taken off, both feature sets are whitened; then only the dimensions, what the two sets share, and
how the target lies between them matter (docs/theory.md, "Objects and conventions"). The sizes n and N are
no part of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Float

from outgrow.errors import DataError

SLACK = 1e-9
"""Rounding allowed in what must hold between the fields, relative to the target's variance: a million times
the rounding of the sums that they come from, and far below what any risk is read to."""


@dataclass(frozen=True, kw_only=True)
class Population:
    """Population moments of a weak and a strong feature set and a target.

    P_w and P_s are the projections, in the space of square-integrable functions, on what weak and strong
    features span; f* is the target without noise, of mean zero.

    Examples
    --------
    >>> Population(d_w=20, d_s=15, d_sw=5.0, rho_w=0.3, e2=0.3, sigma2=1.0).c0
    0.0
    """

    d_w: int
    d_s: int
    """Dimensions of the weak and the strong features."""
    d_sw: float
    """Correlation dimension, in [0, min(d_w, d_s)]."""
    rho_w: float = 0.0
    rho_s: float = 0.0
    """Approximation errors: variances of f* - P_w f* and of f* - P_s f*."""
    e2: float = 0.0
    """Variance of P_s (f* - P_w f*): what the teacher cannot express and the student could."""
    g0: float = 0.0
    """Variance of P_w f* - P_s P_w f*: what the teacher expresses and the student cannot imitate."""
    v: float = 1.0
    """Variance of f*. Only minimum-norm fits on fewer rows than dimensions depend on it."""
    sigma2: float
    """Variance of the label noise."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not (math.isfinite(value) and value >= 0):
                raise DataError(f"{field.name} must be finite and at least 0, not {value}", "population")
        for name in ("d_w", "d_s"):
            value = getattr(self, name)
            if value != int(value) or value < 1:
                raise DataError(f"{name} must be a whole number of at least 1, not {value}", "population")
        if self.d_sw > min(self.d_w, self.d_s) * (1 + SLACK):
            raise DataError(
                f"d_sw of {self.d_sw:g} exceeds the smaller dimension {min(self.d_w, self.d_s)}",
                "population",
                "Features share at most as many directions as either set has.",
            )
        if max(self.rho_w + self.g0, self.rho_s) > self.v * (1 + SLACK):
            raise DataError(
                f"the target's variance v of {self.v:g} is less than its parts",
                "population",
                "It is at least rho_s, and at least rho_w + g0.",
            )
        # Two inner products and the squared norms of their factors: of f* - P_s f* and P_w f* - P_s P_w f*;
        # and of P_s (f* - P_w f*) and P_s P_w f*.
        slack = SLACK * self.v**2
        if (
            self.c0**2 > self.g0 * self.rho_s + slack
            or (self.g0 - self.c0) ** 2 > self.e2 * (self.v - self.rho_w - self.g0) + slack
        ):
            raise DataError(
                f"no target of variance {self.v:g} has rho_w {self.rho_w:g}, rho_s {self.rho_s:g},"
                f" e2 {self.e2:g} and g0 {self.g0:g} together",
                "population",
                "Measure them together, or let outgrow.World place the target.",
            )

    @property
    def c0(self) -> float:
        """Inner product of P_w f* and f* less that of P_s P_w f* and f*; the other fields determine it."""
        return (self.rho_s + self.e2 + self.g0 - self.rho_w) / 2

    @property
    def seen_w(self) -> float:
        """Variance of P_w f*, |t_w|^2."""
        return self.v - self.rho_w

    @property
    def seen_s(self) -> float:
        """Variance of P_s f*, |t_s|^2."""
        return self.v - self.rho_s

    @property
    def s(self) -> float:
        """What is noise to the teacher: sigma2 + rho_w."""
        return self.sigma2 + self.rho_w

    @classmethod
    def from_whitened(
        cls,
        C: Float[np.ndarray, "d_s d_w"],
        t_w: Float[np.ndarray, " d_w"],
        t_s: Float[np.ndarray, " d_s"],
        v: float,
        sigma2: float,
    ) -> Population:
        """Reduce whitened population moments to the numbers that matter."""
        if C.shape != (len(t_s), len(t_w)):
            raise DataError(
                f"C of shape {C.shape} does not belong to {len(t_w)} weak and {len(t_s)} strong directions",
                "population",
                "Give it as (d_s, d_w).",
            )
        imitated = C @ t_w
        numbers = {
            "d_sw": np.sum(C**2),
            "rho_w": v - t_w @ t_w,
            "rho_s": v - t_s @ t_s,
            "e2": np.sum((imitated - t_s) ** 2),
            "g0": t_w @ t_w - imitated @ imitated,
        }
        # Differences of equal sums may fall below zero by their rounding.
        tidy = {name: 0.0 if -SLACK * v < x < 0 else float(x) for name, x in numbers.items()}
        return cls(d_w=len(t_w), d_s=len(t_s), v=float(v), sigma2=float(sigma2), **tidy)
