"""The joint student of a given teacher: labels fitted with what the strong features say of its columns.

Imitating fixed pseudo-labels takes no label, so leaving a label out changes nothing in it, and the fit that
follows is one ridge regression with plain leave-one-out. On the movie reviews with VADER as the teacher it
errs less than a weighted fit of both kinds of labels at every n from 10 to 400 (docs/decisions.md, 26);
features of networks hold no column that is worth leaning on by itself, and keep the weighted fit.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from outgrow.heads.route_forecasts import RouteForecasts
from outgrow.heads.routes import Labelled, Route
from outgrow.heads.two_stage import Pool
from outgrow.linalg.ridge_path import LinearModel
from outgrow.theory.taught_features import taught_map


def scale_of(model: LinearModel) -> dict[str, float]:
    """Say how a single score became a label: its slope and offset, those of the last of two classes."""
    columns, targets = model.coef.shape
    if columns > 1 or targets > 2:
        return {}
    return {"slope": float(model.coef[0, -1]), "offset": float(np.ravel(model.intercept)[-1])}


def taught(weak_name: str, pool: Pool, rows: Labelled, forecasts: RouteForecasts | None = None) -> Route:
    """Train the joint student whose teacher's columns are fixed."""
    spectrum = pool.strong_spectrum
    vectors, values = spectrum.vectors[:, : spectrum.rank], spectrum.values[: spectrum.rank]
    mapped = vectors @ taught_map(
        values, vectors.T @ pool.cross_cov, float(np.trace(pool.weak_cov)), float(pool.size)
    )
    stage = rows.path(rows.strong @ mapped)
    forecast = None if forecasts is None else forecasts.taught(stage.alphas)
    route, _ = rows.tuned("joint", weak_name, stage, ("strong",), "alpha_s", forecast)
    return replace(route, model=LinearModel(mapped @ route.model.coef, route.model.intercept))
