"""Outgrow's side of every comparison."""

from __future__ import annotations

from typing import Any

import numpy as np
from comparison import Inputs


def d_sw(inputs: Inputs) -> float:
    """Give the sum of squared canonical correlations, no interval.

    Parameters
    ----------
    inputs : mapping
        With "weak" and "strong".

    Returns
    -------
    float
        Uncorrected, as the others give it.
    """
    from outgrow.geometry.correlation import correlation_dimension

    naive = correlation_dimension(inputs["weak"], inputs["strong"], interval=False).naive
    assert naive is not None
    return naive


def d_sw_with_interval(inputs: Inputs) -> float:
    """Give the same with the jackknife over twenty groups, as by default.

    Parameters
    ----------
    inputs : mapping
        With "weak" and "strong".

    Returns
    -------
    float
        Uncorrected, as the others give it.
    """
    from outgrow.geometry.correlation import correlation_dimension

    naive = correlation_dimension(inputs["weak"], inputs["strong"]).naive
    assert naive is not None
    return naive


def canonical(inputs: Inputs) -> np.ndarray:
    """Give the canonical correlations.

    Parameters
    ----------
    inputs : mapping
        With "weak" and "strong".

    Returns
    -------
    numpy.ndarray
        Descending.
    """
    from outgrow.geometry.correlation import correlation_dimension

    return correlation_dimension(inputs["weak"], inputs["strong"], interval=False).canonical


def dimensions(inputs: Inputs) -> list[float]:
    """Count directions by three rules from one spectrum: energy .90, participation ratio, Gavish-Donoho.

    Parameters
    ----------
    inputs : mapping
        With "strong".

    Returns
    -------
    list of float
        In that order.
    """
    from outgrow.geometry.intrinsic import intrinsic_dimension
    from outgrow.linalg.moments import Moments
    from outgrow.linalg.spectrum import spectrum_of_covariance

    moments = Moments()
    moments.update({"x": inputs["strong"]})
    total = moments.finalize().select()
    spectrum = spectrum_of_covariance(total.covariance("x"), total.n, total.relative_error_of("x"))
    rules: tuple[Any, ...] = ("energy", "participation", "gavish-donoho")
    return [float(intrinsic_dimension(spectrum, rule).estimate.value) for rule in rules]


def ridge(inputs: Inputs) -> np.ndarray:
    """Predict test rows by ridge regression for every penalty, from one factorization.

    Parameters
    ----------
    inputs : mapping
        With "strong", "y", "test" and "alphas".

    Returns
    -------
    numpy.ndarray
        Predictions, one row per penalty.
    """
    from outgrow.linalg.ridge_path import RidgePath

    path = RidgePath(inputs["strong"], inputs["y"][:, None], inputs["alphas"])
    scores = (inputs["test"] - path.mean) @ path.basis
    return np.asarray((scores @ path.theta[:, :, 0] + path.level).T)


def ridgeless(inputs: Inputs) -> np.ndarray:
    """Predict test rows by least squares of minimum norm.

    Parameters
    ----------
    inputs : mapping
        With "strong", "y" and "test".

    Returns
    -------
    numpy.ndarray
        Predictions.
    """
    from outgrow.linalg.ridge_path import RidgePath

    model = RidgePath(inputs["strong"], inputs["y"][:, None], np.zeros(1)).model(0)
    return model.predict(inputs["test"])[:, 0]


def linear_cka(inputs: Inputs) -> float:
    """Give the linear centred kernel alignment, which the moments hold: no kernel of rows is formed.

    Parameters
    ----------
    inputs : mapping
        With "weak" and "strong".

    Returns
    -------
    float
        In [0, 1].
    """
    from outgrow.geometry.pairs import pair_of
    from outgrow.linalg.moments import moments_of

    total = moments_of(pair_of(inputs["weak"], inputs["strong"])).select()
    sizes = [np.linalg.norm(total.covariance(name)) for name in ("weak", "strong")]
    return float(np.sum(total.covariance("weak", "strong") ** 2) / (sizes[0] * sizes[1]))
