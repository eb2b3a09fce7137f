"""The answer among the features: a column of a wide table that says what the label says."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from outgrow.data.files import quoted
from outgrow.data.numeric import row_chunks
from outgrow.errors import DataError

FEWEST = 10
"""Labels from which on a column that says the same as they do is no chance."""

SAME = 1e-6
"""Share of a column's variance that the label may leave: what rounding to float16 does to a copy."""


def refuse_answers(
    values: Float[np.ndarray, "n d"], columns: tuple[str, ...], y: Float[np.ndarray, "n k"], where: str
) -> None:
    """Refuse columns that are a linear function of the label, or one value per class."""
    known = ~np.isnan(y).any(axis=1)
    if not columns or known.sum() < max(FEWEST, 2 * y.shape[1] + 1):
        return
    target = y[known] - y[known].mean(axis=0)
    basis, lengths, _ = np.linalg.svd(target, full_matrices=False)
    basis = basis[:, lengths > lengths[0] * 1e-8]  # one-hot codes sum to one: centred, their rank is k - 1
    both, seen = np.zeros((basis.shape[1], len(columns))), np.zeros(len(columns))
    rows = values[known]
    mean = rows.mean(axis=0, dtype=np.float64)
    start = 0
    for chunk in row_chunks(rows):
        part = rows[chunk] - mean
        both += basis[start : start + len(part)].T @ part
        seen += (part**2).sum(axis=0)
        start += len(part)
    left = seen - (both**2).sum(axis=0)
    leaking = (seen > 0) & (left <= SAME * seen)
    if leaking.any():
        raise DataError(
            f"columns among the features say what the label says: {quoted(np.array(columns)[leaking])}",
            where,
            "Pick the feature columns with --feature-columns, such as 'x*'.",
        )
