"""scikit-dimension: lPCA's rules for the spectrum against ours, which are to give the same numbers."""

from __future__ import annotations

from typing import Any

import ours
from comparison import Comparison, Inputs, relative

from worlds import pair

RULES: tuple[dict[str, Any], ...] = (
    {"ver": "ratio", "alphaRatio": 0.90},
    {"ver": "participation_ratio"},
    {"ver": "GD"},
)
"""Energy .90, participation ratio and Gavish-Donoho, in our order."""


def dimensions(inputs: Inputs) -> list[float]:
    """Fit one lPCA per rule: each takes a spectrum of its own.

    Parameters
    ----------
    inputs : mapping
        With "strong".

    Returns
    -------
    list of float
        Dimensions.
    """
    from skdim.id import lPCA

    return [float(lPCA(**rule).fit(inputs["strong"]).dimension_) for rule in RULES]


def dimensions_of_one_spectrum(inputs: Inputs) -> list[float]:
    """Take the spectrum once and give it to every rule.

    Parameters
    ----------
    inputs : mapping
        With "strong".

    Returns
    -------
    list of float
        Dimensions.
    """
    from skdim.id import lPCA

    first = lPCA(**RULES[0]).fit(inputs["strong"])
    found = [float(first.dimension_)]
    for rule in RULES[1:]:
        model = lPCA(**rule, fit_explained_variance=True, n_samples=len(inputs["strong"]))
        found.append(float(model.fit(first.explained_var_).dimension_))
    return found


COMPARISONS = (
    Comparison(
        "intrinsic-dimension",
        "energy .90, participation ratio and Gavish-Donoho of 20,000 rows, 768 columns",
        pair,
        {
            "scikit-dimension lPCA": dimensions,
            "scikit-dimension, one spectrum": dimensions_of_one_spectrum,
            "outgrow": ours.dimensions,
        },
        relative,
        "dimensions, over the largest",
    ),
)
