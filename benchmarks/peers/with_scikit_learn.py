"""scikit-learn: Ridge, LinearRegression and CCA."""

from __future__ import annotations

import numpy as np
import ours
import with_numpy
from comparison import Comparison, Inputs, largest, relative

from worlds import movies, pair


def ridge(inputs: Inputs) -> np.ndarray:
    """Fit one Ridge per penalty, as a loop over it does.

    Parameters
    ----------
    inputs : mapping
        With "strong", "y", "test" and "alphas" (of the mean square; scikit-learn's is of the sum).

    Returns
    -------
    numpy.ndarray
        Predictions, one row per penalty.
    """
    from sklearn.linear_model import Ridge

    X, y = inputs["strong"], inputs["y"]
    return np.array(
        [Ridge(alpha=len(X) * alpha).fit(X, y).predict(inputs["test"]) for alpha in inputs["alphas"]]
    )


def linear_regression(inputs: Inputs) -> np.ndarray:
    """Fit LinearRegression, which is of minimum norm where columns outnumber rows.

    Parameters
    ----------
    inputs : mapping
        With "strong", "y" and "test".

    Returns
    -------
    numpy.ndarray
        Predictions.
    """
    from sklearn.linear_model import LinearRegression

    return np.asarray(LinearRegression().fit(inputs["strong"], inputs["y"]).predict(inputs["test"]))


def canonical(inputs: Inputs) -> np.ndarray:
    """Find all canonical correlations one after the other, at a tolerance that gives six digits.

    Parameters
    ----------
    inputs : mapping
        With "weak" and "strong".

    Returns
    -------
    numpy.ndarray
        Descending.
    """
    from sklearn.cross_decomposition import CCA

    X, Y = inputs["weak"], inputs["strong"]
    model = CCA(n_components=min(X.shape[1], Y.shape[1]), tol=1e-12, max_iter=10_000).fit(X, Y)
    A, B = model.transform(X, Y)
    return np.sort([abs(np.corrcoef(a, b)[0, 1]) for a, b in zip(A.T, B.T, strict=True)])[::-1]


def path() -> dict[str, np.ndarray]:
    """Give the movie reviews and the 25 penalties of outgrow's grid.

    Returns
    -------
    dict of str to numpy.ndarray
        Inputs.
    """
    found = movies()
    mean = float(found["strong"].var(axis=0).mean())
    return {**found, "alphas": mean * np.geomspace(1e-4, 1e4, 25)}


def single() -> dict[str, np.ndarray]:
    """Give the same with one penalty, the mean variance of a column.

    Returns
    -------
    dict of str to numpy.ndarray
        Inputs.
    """
    found = path()
    return {**found, "alphas": found["alphas"][12:13]}


def tall() -> dict[str, np.ndarray]:
    """Give wide synthetic features with more rows than columns.

    Returns
    -------
    dict of str to numpy.ndarray
        Inputs.
    """
    return _regression(8_000)


def wide() -> dict[str, np.ndarray]:
    """Give the same with fewer rows than columns.

    Returns
    -------
    dict of str to numpy.ndarray
        Inputs.
    """
    return _regression(500)


def _regression(rows: int) -> dict[str, np.ndarray]:
    found = pair(rows + 1_000, weak=16, shared=8)
    return {"strong": found["strong"][:rows], "test": found["strong"][rows:], "y": found["weak"][:rows, 0]}


def small() -> dict[str, np.ndarray]:
    """Give a pair small enough for an iterative method.

    Returns
    -------
    dict of str to numpy.ndarray
        Inputs.
    """
    return pair(2_000, 16, 32, 12)


COMPARISONS = (
    Comparison(
        "ridge-path",
        "ridge on the movie reviews (7,605 rows, mpnet), 25 penalties",
        path,
        {"scikit-learn Ridge": ridge, "outgrow": ours.ridge},
        relative,
        "predictions, over the largest",
    ),
    Comparison(
        "ridge-single",
        "ridge on the same, one penalty",
        single,
        {"scikit-learn Ridge": ridge, "outgrow": ours.ridge},
        relative,
        "predictions, over the largest",
    ),
    Comparison(
        "least-squares-tall",
        "least squares of 8,000 rows, 768 columns",
        tall,
        {"scikit-learn LinearRegression": linear_regression, "outgrow": ours.ridgeless},
        relative,
        "predictions, over the largest",
    ),
    Comparison(
        "least-squares-wide",
        "minimum norm of 500 rows, 768 columns",
        wide,
        {"scikit-learn LinearRegression": linear_regression, "outgrow": ours.ridgeless},
        relative,
        "predictions, over the largest",
    ),
    Comparison(
        "canonical-correlations",
        "16 canonical correlations of 2,000 rows, 16 and 32 columns",
        small,
        {"QR + SVD (NumPy)": with_numpy.canonical, "outgrow": ours.canonical, "scikit-learn CCA": canonical},
        largest,
        "canonical correlations, absolute",
        repeats=3,
    ),
)
