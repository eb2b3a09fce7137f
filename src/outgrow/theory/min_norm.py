"""Exact risks of minimum-norm fits with fewer or more rows than dimensions (docs/theory.md, T2).

Below the peak a fit keeps only what its rows span, a uniformly random part of the coefficients where the
features are isotropic on their range. Truncated and whitened features are; others need the spectrum (T4).
"""

from __future__ import annotations

from outgrow.results import Risks
from outgrow.theory.design import Design
from outgrow.theory.population import Population
from outgrow.theory.two_stage_risks import four_risks


def min_norm_risks(
    population: Population, n: int, N: int, *, design: Design = "fresh", intercept: bool = True
) -> Risks:
    """Give the expected excess risks of minimum-norm fits on isotropic features.

    Parameters
    ----------
    population : Population
        The pair and the target; its `v` counts here.
    n : int
        Labelled rows, at least 1.
    N : int
        Unlabelled rows, at least 0.
    design : {"fresh", "in_sample", "own_points"}
        As in `outgrow.theory.exact_risks.exact_risks`. On its own points a student with more coefficients
        than rows is its teacher.
    intercept : bool
        Whether intercepts are fitted, by centring.

    Returns
    -------
    Risks
        Equal to `exact_risks` with more rows than dimensions. Undefined where the expectation is infinite
        (rows within one of the number of coefficients).

    Raises
    ------
    DataError, ConfigError
        When a size is no number of rows, or there is no such design.

    Examples
    --------
    >>> pair = Population(d_w=20, d_s=15, d_sw=5.0, v=1.0, sigma2=1.0)
    >>> risks = min_norm_risks(pair, n=10, N=216, intercept=False)
    >>> f"{risks.teacher.value:.3f}"
    '1.611'
    """
    return four_risks(population, n, N, design, intercept=intercept, isotropic=True)
