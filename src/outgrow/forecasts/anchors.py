"""Forecasts held against two-stage leave-one-out where both speak of the same design.

That is n = the m labels at hand, N = the pool. They share nothing but the data, so a difference beyond its
interval says that one of them is wrong here, and a check says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from outgrow.forecasts.accuracy_forecast import LabelledRows
from outgrow.forecasts.forecast import Forecast
from outgrow.heads.two_stage import Pool, StageTwo
from outgrow.intervals.jackknife import jackknife_estimate
from outgrow.linalg.ridge_path import RidgePath
from outgrow.results import LEVEL, Estimate

TOO_WIDE = 2.0
"""Width of an anchor's interval, in units of the leave-one-out error, beyond which it holds the forecast to
nothing: any forecast between none of the error and twice it would pass. With 40 labels of noise the width is
about one."""


@dataclass(frozen=True)
class Anchor:
    """One route at the design at hand, forecast and left out."""

    route: str
    """ "teacher", "student" or "baseline"."""
    forecast: Estimate
    leave_one_out: Estimate
    """Expected squared error on new labels, both at the forecast's penalties."""
    difference: Estimate
    """The first less the second, with an interval that holds for the three routes together."""

    @property
    def agrees(self) -> bool:
        """Whether the interval of the difference includes zero, and is short enough to mean anything."""
        low, high = self.difference.interval or (-np.inf, np.inf)
        return bool(low <= 0 <= high and high - low <= TOO_WIDE * self.leave_one_out.value)


def anchored(
    forecast: Forecast,
    rows: LabelledRows,
    groups: list[Int[np.ndarray, " _"]] | None,
    pool_size: int,
    fixed: Mapping[str, float | None],
) -> tuple[tuple[Anchor, ...], dict[str, float]]:
    """Hold a forecast against two-stage leave-one-out at its own penalties, and look at the residuals."""
    pair, m, y = forecast.pair, len(rows.y), rows.y
    Z_w, Z_s = rows.Z_w * np.sqrt(pair.values_w), rows.Z_s * np.sqrt(pair.values_s)
    surface = forecast.surface([m], [pool_size], **fixed)
    alphas = forecast.best_alphas(m, pool_size, **fixed)
    pool = Pool(
        pool_size,
        np.zeros(Z_w.shape[1]),
        np.zeros(Z_s.shape[1]),
        np.diag(pair.values_w),
        np.diag(pair.values_s),
        pair.C * np.sqrt(np.outer(pair.values_s, pair.values_w)),
    )
    # A fit that passes through its labels leaves nothing out, and an infinite risk is not compared.
    kept = m - (1 if groups is None else max(map(len, groups)))
    single = {
        "teacher": (Z_w, pair.values_w, alphas.teacher),
        "baseline": (Z_s, pair.values_s, alphas.baseline),
    }
    losses: dict[str, np.ndarray] = {}
    for route, (Z, _, alpha) in single.items():
        if alpha > 0 or Z.shape[1] + 1 < kept:
            losses[route] = RidgePath(Z, y, np.array([alpha]), groups).row_losses[0]
    if alphas.alpha_w > 0 or Z_w.shape[1] + 1 < kept:
        taught = RidgePath(Z_w, y, np.array([alphas.alpha_w]), groups)
        losses["student"] = StageTwo(taught, Z_s, pool, np.array([alphas.alpha_s])).losses()[0, 0]
    values = {
        "teacher": surface.teacher[:, 0],
        "student": surface.student[:, 0, 0],
        "baseline": surface.labels_only[:, 0],
    }
    compared = [route for route in values if route in losses and not np.isnan(values[route][0])]
    anchors = []
    for route in compared:
        loss = losses[route]
        mean = np.array([loss.mean(), *(np.delete(loss, fold).mean() for fold in rows.members)])
        # The difference holds for the three routes together.
        together = 1 - (1 - LEVEL) / len(values)
        words = "jackknife over the same groups, for three routes together"
        anchors.append(
            Anchor(
                route,
                jackknife_estimate(values[route], m),
                jackknife_estimate(mean, m),
                jackknife_estimate(values[route] - mean, m, words, together),
            )
        )
    return tuple(anchors), {
        route: _factor(losses[route], *fit) for route, fit in single.items() if route in compared
    }


def _factor(
    squared: Float[np.ndarray, " m"],
    Z: Float[np.ndarray, "m d"],
    values: Float[np.ndarray, " d"],
    alpha: float,
) -> float:
    """Average of squared residual times influence, over the product of their averages; 1 for Gaussians."""
    # Relative to the leading direction, which cancels below: a huge penalty's square would overflow.
    influence = (Z**2) @ (values * ((values.max() + alpha) / (values + alpha)) ** 2)
    return float(np.mean(squared * influence) / (squared.mean() * influence.mean()))
