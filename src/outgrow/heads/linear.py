"""Least squares as a head: penalties by exact leave-one-out of both stages, or none (docs/theory.md, T8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from outgrow.heads.head import FittedHead, Labelled, Trial, student_axes
from outgrow.heads.route_forecasts import RouteForecasts, route_forecasts
from outgrow.heads.two_stage import Pool, StageTwo, penalties
from outgrow.linalg.ridge_path import LinearModel, RidgePath


@dataclass(frozen=True)
class LinearHead:
    """Ridge regression, or least squares of minimum norm."""

    ridgeless: bool = False
    measure: str = ""
    folds: int = 10
    """For choices and cross-validation: the usual trade of bias and cost."""

    def pool(self, weak: Float[np.ndarray, "N d_w"], strong: Float[np.ndarray, "N d_s"]) -> Pool:
        return Pool.from_rows(weak, strong)

    def grid(self, source: Float[np.ndarray, "m d"]) -> Float[np.ndarray, " a"]:
        return np.zeros(1) if self.ridgeless else penalties(source)

    def fit(
        self,
        source: Float[np.ndarray, "m d"],
        targets: Float[np.ndarray, "m k"],
        weights: Float[np.ndarray, " m"] | None,
        alphas: Float[np.ndarray, " a"],
    ) -> list[LinearModel]:
        path = RidgePath(source, targets, alphas, weights=weights)
        return [path.model(a) for a in range(len(alphas))]

    def on_labels(self, source: Float[np.ndarray, "n d"], rows: Labelled, key: str) -> Trial:
        path = RidgePath(source, rows.y, self.grid(source), rows.groups)
        losses = None if self.ridgeless and not path.leaves_out else path.row_losses
        return Trial({key: path.alphas}, losses, lambda a: (path.model(a), None), path)

    def on_pool(
        self,
        teacher: Trial,
        weak: Float[np.ndarray, "n d_w"],
        pool: Pool,
        rows: Labelled,
        shares: Sequence[float],
    ) -> Trial:
        first, alphas = teacher.path, self.grid(rows.strong)
        assert first is not None
        stages = [StageTwo(first, rows.strong, pool, alphas, share) for share in shares]
        losses = None
        # Rows leave the teacher alone: the student's own fit may interpolate its pseudo-labels.
        if teacher.losses is not None:
            losses = np.concatenate([stage.losses().reshape(-1, len(rows.y)) for stage in stages])

        def fit(*place: int) -> tuple[FittedHead, FittedHead]:
            *which, a, b = place
            return stages[which[0] if which else 0].model(a, b), first.model(a)

        def imitates(a: int) -> int:
            return int(np.argmin(stages[0].imitation(a, pool)))

        return Trial(student_axes(shares, first.alphas, alphas), losses, fit, imitates=imitates)

    def forecasts(
        self, weak: Float[np.ndarray, "n d_w"], pool: Pool, rows: Labelled, alone: bool = False
    ) -> RouteForecasts | None:
        if self.ridgeless:
            return None
        return route_forecasts(weak, rows.strong, rows.y, pool, rows.folds, alone)
