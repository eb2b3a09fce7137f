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

    Undefined where the expectation is infinite (rows within one of the number of coefficients).
    """
    return four_risks(population, n, N, design, intercept=intercept, isotropic=True)
