"""Intervals by leaving out one group of rows at a time.

A bootstrap of rows is no alternative here: duplicated rows lower the effective number of rows, and a
correlation dimension comes out too large (docs/theory.md, T8).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from outgrow.results import LEVEL


def jackknife_interval(
    estimate: float, replicates: Float[np.ndarray, " g"], level: float = LEVEL
) -> tuple[float, float]:
    """Give the delete-a-group jackknife interval around an estimate.

    Parameters
    ----------
    estimate : float
        From all rows.
    replicates : array of shape (g,)
        The same without each of g groups of about equal size.
    level : float
        Of the interval.

    Returns
    -------
    tuple of float
        Estimate plus and minus the t quantile with g - 1 degrees of freedom times the standard error.

    Examples
    --------
    >>> low, high = jackknife_interval(2.0, np.array([1.9, 2.0, 2.1]))
    >>> round(low, 3), round(high, 3)
    (1.663, 2.337)
    """
    from scipy.special import stdtrit

    g = len(replicates)
    spread = float(np.sqrt((g - 1) / g * np.sum((replicates - np.mean(replicates)) ** 2)))
    reach = float(stdtrit(g - 1, (1 + level) / 2)) * spread
    return estimate - reach, estimate + reach
