"""The joint student of a given teacher: labels fitted with what the strong features say of its columns.

Imitating fixed pseudo-labels takes no label, so leaving a label out changes nothing in it, and the fit that
follows is one ridge regression with plain leave-one-out. On the movie reviews with VADER as the teacher it
errs less than a weighted fit of both kinds of labels at every n from 10 to 400 (docs/decisions.md, 26);
features of networks hold no column that is worth leaning on by itself, and keep the weighted fit.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from outgrow.heads.head import FittedHead
from outgrow.heads.two_stage import Pool
from outgrow.theory.taught_features import taught_map


def scale_of(model: FittedHead) -> dict[str, float]:
    """Say how a single score became a label: its slope and offset, those of the last of two classes."""
    coef, intercept = model.state["coef"], model.state["intercept"]
    if coef.shape[0] > 1 or coef.shape[1] > 2:
        return {}
    return {"slope": float(coef[0, -1]), "offset": float(intercept[-1])}


def taught_mapping(pool: Pool) -> Float[np.ndarray, "d_s r"]:
    """Map strong features to what they repeat of fixed columns, and to themselves."""
    spectrum, of_columns = pool.strong_spectrum, float(np.trace(pool.weak_cov))
    values, vectors = spectrum.resolved
    return np.asarray(vectors @ taught_map(values, vectors.T @ pool.cross_cov, of_columns, float(pool.size)))
