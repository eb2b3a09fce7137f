"""Intervals by leaving out one group of rows at a time.

A bootstrap of rows is no alternative here: duplicated rows lower the effective number of rows, and a
correlation dimension comes out too large (docs/theory.md, T8).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from outgrow.results import LEVEL


def jackknife_interval(
    estimate: float, replicates: Float[np.ndarray, " g"], level: float = LEVEL, of_pairs: float = 0.0
) -> tuple[float, float]:
    """Give the delete-a-group interval: estimate plus and minus a t quantile times the standard error.

    Leaving groups out counts that part of the variance twice that comes from pairs of rows (Efron and Stein
    1981); where it is known (`of_pairs`), once is taken off, and it is the least that can be left.
    """
    from scipy.special import stdtrit

    g = len(replicates)
    variance = (g - 1) / g * float(np.sum((replicates - np.mean(replicates)) ** 2))
    reach = float(stdtrit(g - 1, (1 + level) / 2) * np.sqrt(max(variance - of_pairs, of_pairs)))
    return estimate - reach, estimate + reach
