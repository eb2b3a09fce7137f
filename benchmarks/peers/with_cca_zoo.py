"""cca-zoo: canonical correlation analysis in scikit-learn's manner, and the aims of speed for d_sw."""

from __future__ import annotations

import numpy as np
import ours
import with_numpy
from comparison import Aim, Comparison, Inputs, largest

from worlds import pair


def d_sw(inputs: Inputs) -> float:
    """Fit all canonical directions, score the rows, and add up squared correlations.

    Parameters
    ----------
    inputs : mapping
        With "weak" and "strong".

    Returns
    -------
    float
        The correlation dimension before correction.
    """
    from cca_zoo.linear import CCA

    views = [inputs["weak"], inputs["strong"]]
    model = CCA(n_components=min(view.shape[1] for view in views)).fit(views)
    A, B = (np.asarray(scores) - np.mean(scores, axis=0) for scores in model.transform(views))
    products = np.einsum("ij,ij->j", A, B) ** 2
    return float(np.sum(products / np.einsum("ij,ij->j", A, A) / np.einsum("ij,ij->j", B, B)))


COMPARISONS = (
    Comparison(
        "correlation-dimension",
        "correlation dimension d_sw of 20,000 rows, 384 and 768 columns",
        pair,
        {
            "QR + SVD (NumPy)": with_numpy.d_sw,
            "outgrow": ours.d_sw,
            "outgrow with interval": ours.d_sw_with_interval,
            "cca-zoo CCA": d_sw,
        },
        largest,
        "d_sw, absolute",
        (Aim("outgrow", "cca-zoo CCA", 12.0), Aim("outgrow", "QR + SVD (NumPy)", 5.0)),
    ),
)
