"""repsim: similarity of representations by kernels of rows, here Yanai's measure and linear CKA."""

from __future__ import annotations

import numpy as np
import ours
import with_numpy
from comparison import Comparison, Inputs, largest

from worlds import movies, pair


def d_sw(inputs: Inputs) -> float:
    """Turn Yanai's measure, d_sw over the smaller dimension, into d_sw.

    Parameters
    ----------
    inputs : mapping
        With "weak" and "strong".

    Returns
    -------
    float
        The correlation dimension before correction.
    """
    import repsim

    X, Y = inputs["weak"], inputs["strong"]
    return float(repsim.cca([X, Y], summary_type="yanai")[0, 1] * min(X.shape[1], Y.shape[1]))


def linear_cka(inputs: Inputs) -> float:
    """Give the linear centred kernel alignment.

    Parameters
    ----------
    inputs : mapping
        With "weak" and "strong".

    Returns
    -------
    float
        In [0, 1].
    """
    import repsim

    views = [inputs["weak"], inputs["strong"]]
    return float(repsim.cka(views, kernel_type="linear", estimator="gretton")[0, 1])


def some() -> dict[str, np.ndarray]:
    """Give 2,000 rows: repsim forms matrices of rows by rows.

    Returns
    -------
    dict of str to numpy.ndarray
        Inputs.
    """
    return pair(2_000, 48, 96, 24)


def few_movies() -> dict[str, np.ndarray]:
    """Give 1,000 movie reviews, two encoders.

    Returns
    -------
    dict of str to numpy.ndarray
        Inputs.
    """
    return movies(1_000)


COMPARISONS = (
    Comparison(
        "yanai",
        "correlation dimension d_sw of 2,000 rows, 48 and 96 columns",
        some,
        {"QR + SVD (NumPy)": with_numpy.d_sw, "outgrow": ours.d_sw, "repsim CCA (Yanai)": d_sw},
        largest,
        "d_sw, absolute",
        repeats=3,
    ),
    Comparison(
        "linear-cka",
        "linear CKA of 1,000 movie reviews, MiniLM-L6 and mpnet",
        few_movies,
        {"repsim CKA": linear_cka, "from outgrow's moments": ours.linear_cka},
        largest,
        "CKA, absolute",
        repeats=3,
    ),
)
