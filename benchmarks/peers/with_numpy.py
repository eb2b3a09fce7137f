"""QR and SVD of centred rows: the textbook's canonical correlations, and the reference for the others."""

from __future__ import annotations

import numpy as np
from comparison import Inputs


def canonical(inputs: Inputs) -> np.ndarray:
    """Give the canonical correlations by orthonormal bases of the rows.

    Parameters
    ----------
    inputs : mapping
        With "weak" and "strong".

    Returns
    -------
    numpy.ndarray
        Descending.
    """
    bases = [np.linalg.qr(inputs[name] - inputs[name].mean(axis=0))[0] for name in ("weak", "strong")]
    return np.linalg.svd(bases[0].T @ bases[1], compute_uv=False)


def d_sw(inputs: Inputs) -> float:
    """Give the sum of their squares.

    Parameters
    ----------
    inputs : mapping
        With "weak" and "strong".

    Returns
    -------
    float
        The correlation dimension before correction.
    """
    return float(np.sum(canonical(inputs) ** 2))


def d_sw_by_gram(inputs: Inputs) -> float:
    """Give the same by Gram matrices and no other care: what outgrow would be without its fall-back.

    Parameters
    ----------
    inputs : mapping
        With "weak" and "strong".

    Returns
    -------
    float
        The correlation dimension before correction; NaN where a Gram matrix is singular.
    """
    X, Y = (inputs[name] - inputs[name].mean(axis=0) for name in ("weak", "strong"))
    try:
        left, right = np.linalg.solve(X.T @ X, X.T @ Y), np.linalg.solve(Y.T @ Y, Y.T @ X)
    except np.linalg.LinAlgError:
        return float("nan")
    return float(np.sum(left * right.T))
