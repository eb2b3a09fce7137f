"""The spectrum that unrelated columns would have: each column shuffled by itself, several times over.

Shuffling keeps every column's own distribution and breaks what columns have in common. An eigenvalue that
exceeds all of k shuffled ones would do so by chance once in k + 1 times. Of many rows a part is enough: what
20,000 rows cannot tell from chance is of no use to a head.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

REPLICATES = 9
"""Exceeding all nine has a chance of one in ten for a null eigenvalue: the level of every interval here."""


ROWS = 20_000
"""Rows shuffled at most, evenly spaced: at width 768 nine copies then take a few seconds instead of minutes,
and directions of less than a tenth of a percent of a column's variance still stand out."""


def some_rows(count: int) -> slice:
    """Choose the rows that parallel analysis reads."""
    return slice(None, None, -(-count // ROWS))


def parallel_analysis(rows: Float[np.ndarray, "n d"], rng: np.random.Generator) -> Float[np.ndarray, " d"]:
    """Give the largest null eigenvalue at every place of the spectrum (Horn 1965)."""
    n, d = rows.shape
    # By a power of two, which rounds nothing: float32 holds no squares from 1e19 up.
    unit = 2.0 ** np.frexp(np.abs(rows).max())[1]
    # Columns as rows of a float32 array: shuffling is then along memory, and the null is needed to
    # three digits only.
    wide = (rows / unit).astype(np.float32, copy=False)
    columns = np.ascontiguousarray((wide - wide.mean(axis=0, dtype=np.float64)).T, dtype=np.float32)
    top = np.zeros(d)
    for _ in range(REPLICATES):
        for column in columns:
            rng.shuffle(column)
        covariance = (columns @ columns.T).astype(np.float64) / n
        top = np.maximum(top, np.linalg.eigvalsh(covariance)[::-1])
    return top * unit**2
