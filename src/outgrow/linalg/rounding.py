"""How exact running sums of products are: a model of their rounding, kept beside them, stated with results.

A product of n shifted rows in precision u carries rounding errors that behave as independent: about
u sqrt(n) along correlated columns (partial sums grow) and u sqrt(d) from the d^2 unrelated entries together
(the norm of a random matrix). Chunks add in quadrature, weighing as their squares do. An estimate on the
safe side: BLAS adds in blocks, and the errors that the tests measure are several times smaller.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

EPS = float(np.finfo(np.float64).eps)
"""Machine epsilon of the totals, which are float64 whatever the rows are."""


@dataclass(frozen=True)
class Rounding:
    """Rounding in the sums of products of one block."""

    noise: float = 0.0
    """Expected squared error, had all squares been along one direction."""
    scale: float = 0.0
    """Sum of |z|^2 at the shift the products were taken at."""
    eps: float = 0.0
    """Machine epsilon of the coarsest products."""
    moved: float = 0.0
    """Expected squared error that moves to other shifts have brought."""

    @classmethod
    def of_chunk(cls, n: int, width: int, squares: float, eps: float) -> Rounding:
        """Give the rounding of one product."""
        return cls((eps / 2 * (np.sqrt(n) + np.sqrt(width)) * squares) ** 2, squares, eps)

    def plus(self, other: Rounding, sign: int = 1) -> Rounding:
        """Add, or take off, the sums of other rows."""
        scale = max(0.0, self.scale + sign * other.scale)
        # What is taken off takes its own errors along; the total rounds once more, which counts where
        # chunks are many and small.
        total = (EPS / 2 * max(scale, self.scale)) ** 2
        return Rounding(
            max(0.0, self.noise + sign * other.noise) + total,
            scale,
            max(self.eps, other.eps),
            max(0.0, self.moved + sign * other.moved),
        )

    def after_move(self, n: int, total: float, move: float) -> Rounding:
        """Move the sums to another shift, in float64."""
        error = EPS * move * (n * move + 2 * total)
        return Rounding(self.noise, self.scale, self.eps, self.moved + error**2)

    def relative_error(
        self, n: int, covariance: Float[np.ndarray, "d d"], mean: Float[np.ndarray, " d"]
    ) -> float:
        """Estimate the spectral norm of a covariance's error, relative to its largest eigenvalue."""
        trace = float(np.trace(covariance))
        if trace <= 0:
            return 0.0
        # Since sum of lambda^2 <= lambda_1 sum of lambda, this is at most the largest eigenvalue.
        largest = float(np.sum(covariance**2)) / trace
        offset = max(0.0, self.scale / n - trace)
        rounding = float(np.sqrt(self.noise)) / self.scale if self.scale > 0 else 0.0
        # 2 u stays however many chunks there are, for what rounds alike in all.
        taken = max(rounding, self.eps) * (1 + offset / largest)
        # Squares of the mean are taken off the products, both rounded.
        moved = float(np.sqrt(self.moved)) / n + EPS * float(mean @ mean)
        return taken + moved / largest
