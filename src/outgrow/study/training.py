"""From prepared rows to trained routes, for one split into labelled and unlabelled rows.

Everything learned is learned here, bases of principal components included, so that cross-validation can
repeat all of it inside each fold. Test rows never enter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from outgrow.geometry.intrinsic import intrinsic_dimension
from outgrow.heads.head import Labelled
from outgrow.heads.linear import LinearHead
from outgrow.heads.routes import COST_ORDER, Route, train_routes
from outgrow.heads.taught import scale_of
from outgrow.heads.two_stage import Pool
from outgrow.linalg.ridge_path import interpolates
from outgrow.linalg.row_space import RowSpace
from outgrow.linalg.spectrum import Spectrum, spectrum_of_covariance
from outgrow.results import Check, Estimate
from outgrow.study.prepare import Prepared, fold_positions, positions

ENERGY = 0.90
"""Share of the variance that the default truncation keeps: the published rule."""

FEW = 40
"""Labels below which every estimate is rough: two in each of the twenty groups that forecasts leave out."""


@dataclass(frozen=True)
class Trained:
    """A route with the coordinates that its model needs."""

    route: Route
    """Model in these coordinates, settings and losses."""
    spaces: tuple[RowSpace, ...]
    """One per feature set read, in the route's order."""

    def predict(self, *features: Float[np.ndarray, "m _"]) -> Float[np.ndarray, "m k"]:
        """Predict from original features."""
        parts = [space.apply(X) for space, X in zip(self.spaces, features, strict=True)]
        return self.route.model.predict(parts[0] if len(parts) == 1 else np.hstack(parts))


@dataclass(frozen=True)
class TrainingRows:
    """The rows that training may see."""

    data: Prepared
    pools: dict[str, Pool]
    """Moments of the unlabelled rows with each weak set, taken once."""
    labelled: Int[np.ndarray, " n"]
    """Row numbers."""
    folds: Sequence[Int[np.ndarray, " _"]]
    """Partition of the positions in `labelled`, groups whole."""
    groups: Sequence[Int[np.ndarray, " _"]] | None
    """Positions in `labelled` that leave together."""
    head: LinearHead
    """How routes are fitted."""
    rank: tuple[int, ...]
    """Ranks set by hand: none, one for all, or weak and strong."""

    def space(self, weak: str | None) -> tuple[RowSpace, int]:
        """Choose directions of one feature set on all its rows; say how many were asked for."""
        features = self.data.strong if weak is None else self.data.weak[weak]
        width = features.shape[1]
        by_hand = (self.rank[-1 if weak is None else 0]) if self.rank else None
        if not self.head.ridgeless and (by_hand is None or by_hand >= width):
            return RowSpace.everything(width), width
        mean, spectrum = self._principal(weak, features[self.labelled])
        if by_hand is not None:
            asked = kept = min(by_hand, spectrum.rank)
        else:
            dimension = intrinsic_dimension(spectrum, rule="energy", level=ENERGY).estimate
            asked = int(dimension.value) if isinstance(dimension, Estimate) else spectrum.rank
            # Half the labels, a quarter of the pool: the variance factors d/(m-d) stay below 1 and 1/3.
            cap = len(self.labelled) // 2
            if weak is None:
                cap = min(cap, len(self.data.split.unlabelled) // 4)
            kept = max(1, min(asked, cap))
        return RowSpace(mean, np.ascontiguousarray(spectrum.vectors[:, :kept])), asked

    def _principal(
        self, weak: str | None, labelled: Float[np.ndarray, "n d"]
    ) -> tuple[Float[np.ndarray, " d"], Spectrum]:
        pool = self.pools[weak or next(iter(self.data.weak))]
        mean, covariance = (
            (pool.strong_mean, pool.strong_cov) if weak is None else (pool.weak_mean, pool.weak_cov)
        )
        n, N = len(labelled), pool.size
        offset = labelled.mean(axis=0, dtype=np.float64) - mean
        # Two groups of rows together: the spread within each, and that between their means.
        within = N * covariance + n * np.cov(labelled, rowvar=False, bias=True, dtype=np.float64)
        between = n * N / (n + N) * np.outer(offset, offset)
        both = np.atleast_2d(within + between) / (n + N)
        return mean + n / (n + N) * offset, spectrum_of_covariance(both, n + N)


def training_rows(
    data: Prepared,
    labelled: Int[np.ndarray, " n"],
    *,
    head: str,
    rank: tuple[int, ...],
    seed: int,
) -> TrainingRows:
    """Gather what training may see."""
    how = LinearHead(ridgeless=head == "ridgeless")
    return TrainingRows(
        data,
        {name: Pool.from_moments(table.select("unlabelled")) for name, table in data.moments.items()},
        labelled,
        fold_positions(data, labelled, how.folds, seed),
        positions(data.groups, labelled),
        how,
        rank,
    )


def train(rows: TrainingRows) -> tuple[list[Trained], list[Check]]:
    """Train and tune every route, the baseline first; tell of caps that held and penalties at an edge."""
    data, L, U = rows.data, rows.labelled, rows.data.split.unlabelled
    checks: list[Check] = [Check("OG215", f"{len(L)} labels")] if len(L) < FEW else []
    by_weak: dict[str, RowSpace] = {}
    by_strong, asked = rows.space(None)
    checks += _cap("strong", by_strong, asked)
    for name in data.weak:
        by_weak[name], asked = rows.space(name)
        checks += _cap(name, by_weak[name], asked)
    strong = by_strong.apply(data.strong[L])
    weak = {name: one.apply(data.weak[name][L]) for name, one in by_weak.items()}
    pools = {name: rows.pools[name].reduced(one, by_strong) for name, one in by_weak.items()}
    known, every = np.concatenate([L, U]), None
    if not np.isnan(data.y[known]).any():
        every = by_strong.apply(data.strong[known]), data.y[known]
    labelled = Labelled(weak, strong, data.y[L], rows.folds, rows.groups)
    done = []
    for route in train_routes(rows.head, labelled, pools, given=data.given, every=every):
        if route.expected is None and route.kind in COST_ORDER:
            raise interpolates(rows.groups)
        if route.kind == "teacher" and route.weak in data.given and by_weak[route.weak].basis is None:
            route = replace(route, settings=route.settings | scale_of(route.model))
        read = (
            {"strong": by_strong}
            if route.weak is None
            else {"weak": by_weak[route.weak], "strong": by_strong}
        )
        done.append(Trained(route, tuple(read[which] for which in route.features)))
    checks.extend(
        Check("OG208", f"{item.route.name}: {', '.join(item.route.at_edge)}")
        for item in done
        if item.route.at_edge
    )
    checks.extend(
        Check("OG214", f"{item.route.name}: {expected.rejected:.3g}, leave-one-out {expected.values[0]:.3g}")
        for item in done
        for expected in (item.route.expected,)
        if expected is not None and expected.rejected is not None
    )
    return done, checks


def _cap(name: str, space: RowSpace, asked: int) -> list[Check]:
    text = f"{name}: energy .90 asks for {asked} directions, {space.rank} are kept"
    return [Check("OG207", text)] if asked > space.rank else []
