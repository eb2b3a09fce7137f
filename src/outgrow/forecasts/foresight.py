"""From a configuration to forecasts: pool and labels are read once, every weak set gets its forecast."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import numpy as np
from jaxtyping import Float, Int

from outgrow.config import ForesightConfig
from outgrow.data.splits import jackknife_groups
from outgrow.data.task import encode
from outgrow.errors import ConfigError, DataError
from outgrow.forecasts.accuracy_forecast import LabelledRows
from outgrow.forecasts.anchors import Anchor, anchored
from outgrow.forecasts.forecast import Forecast
from outgrow.geometry.pairs import STRONG, tables_of
from outgrow.results import Check
from outgrow.study.prepare import Prepared, positions, prepare
from outgrow.study.reading import Reading
from outgrow.study.retrospective import SANDWICH
from outgrow.study.sources import NOTHING, Permissions, Progress, second_labels
from outgrow.study.training import FEW
from outgrow.theory.label_terms import label_terms
from outgrow.theory.surface import RELATIVE
from outgrow.theory.whitening import pool_spectrum, whiten


@dataclass(frozen=True, kw_only=True)
class Foreseen:
    """What every outcome that rests on forecasts says of them."""

    title: str
    note: str
    """Heading, and the remark on the features as the user gave it."""
    kind: str
    """ "prospective" or "retrospective"."""
    excess: bool
    """Whether risks are excess risks; else they are errors on new labels."""
    m: int
    pool: int
    """Labels and unlabelled rows that the forecasts were made from."""
    checks: tuple[Check, ...]
    """Every suspicion raised."""
    config: Mapping[str, object]
    """The resolved configuration, as plain values."""
    seconds: float
    """Wall time."""
    reading: Reading | None = None
    """What was read, and how."""


@dataclass(frozen=True)
class Foresight:
    """Forecasts of every weak set, and what they rest on."""

    config: ForesightConfig
    """The resolved configuration."""
    data: Prepared
    """The rows."""
    forecasts: dict[str, Forecast]
    """By weak set."""
    anchors: dict[str, tuple[Anchor, ...]]
    """By weak set; empty where none could be taken."""
    factors: dict[str, dict[str, float]]
    """By weak set, the sandwich factors of the variances at the design at hand (docs/theory.md, T2)."""
    rows: dict[str, LabelledRows]
    """By weak set, the labelled rows that the forecast was made from."""
    checks: tuple[Check, ...]
    """Suspicions about rows, labels and forecasts."""

    @property
    def m(self) -> int:
        """Labels that the forecasts were made from."""
        return self.first.m

    @property
    def pool(self) -> int:
        """Unlabelled rows at hand."""
        return len(self.data.split.unlabelled)

    @property
    def first(self) -> Forecast:
        """The first forecast: labels, noise and pool are those of all."""
        return next(iter(self.forecasts.values()))

    def basis(self, begun: float, checks: Iterable[Check]) -> dict[str, Any]:
        """Give the fields of `Foreseen`; `begun` is when the clock stood at the start."""
        return {
            "title": self.config.title,
            "note": self.config.note,
            "kind": self.first.kind,
            "excess": self.first.excess,
            "m": self.m,
            "pool": self.pool,
            "checks": tuple(dict.fromkeys(checks)),
            "config": self.config.model_dump(mode="json"),
            "seconds": time.perf_counter() - begun,
            "reading": self.data.reading,
        }


Outcome = TypeVar("Outcome", bound=Foreseen)


@dataclass(frozen=True)
class ForesightStudy(Generic[Outcome]):
    """An outcome, and the forecasts that it was made of, to ask more of."""

    foresight: Foresight
    """Rows and forecasts."""
    outcome: Outcome
    """All results."""


def forecast_pairs(
    config: ForesightConfig,
    permissions: Permissions = NOTHING,
    progress: Progress | None = None,
    *,
    union: bool = True,
) -> Foresight:
    """Forecast from rows and labels at hand."""
    tell = progress or (lambda _what, _share: None)
    tell("reading rows", 0.0)
    data = prepare(config.rows(), permissions, progress, moments=False)
    if len(data.split.unlabelled) < 3:
        raise DataError(
            f"{len(data.split.unlabelled)} unlabelled rows hold no covariance",
            "pool",
            "Give more: some hundreds, and more of them than the features have dimensions.",
        )
    rows, y, shift = _labels(config, data)
    sigma2 = _noise(config, data)
    checks = list(data.checks)
    if len(rows) < FEW:
        checks.append(Check("OG215", f"{len(rows)} labels"))
    folds = jackknife_groups(
        data.ids[rows], None if data.groups is None else data.groups[rows], seed=config.seed
    )
    forecasts: dict[str, Forecast] = {}
    anchors: dict[str, tuple[Anchor, ...]] = {}
    factors: dict[str, dict[str, float]] = {}
    behind: dict[str, LabelledRows] = {}
    strong, alone = None, None
    unlabelled = {"unlabelled": data.split.unlabelled}
    for place, (name, table) in enumerate(tables_of(data.weak, data.strong, unlabelled)):
        pool = table.select()
        tell(f"forecasting {name}", place / len(data.weak))
        features = data.weak[name]
        if strong is None:
            strong = pool_spectrum(pool, STRONG)
        ranks = (config.rank[0], config.rank[-1]) if config.rank else (None, None)
        labelled = features[rows], data.strong[rows]
        white = whiten(pool, ranks, strong, labelled)
        Z_w, Z_s = white.weak(labelled[0]), white.strong(labelled[1])
        behind[name] = LabelledRows(Z_w, Z_s, y, folds)
        target = label_terms(white.pair, Z_w, Z_s, y, folds, sigma2)
        target = replace(target, variance=target.variance + shift)
        if alone is None:
            # Of the strong features alone, once for all teachers: risks that need no teacher have one value.
            nothing = replace(white.pair, values_w=np.empty(0), C=white.pair.C[:, :0])
            alone = label_terms(nothing, Z_w[:, :0], Z_s, y, folds, sigma2)
            alone = replace(alone, variance=alone.variance + shift)
        forecast = Forecast(
            weak=name,
            strong=data.strong_name,
            pair=white.pair.with_lengths(Z_w, Z_s),
            target=target,
            m=len(rows),
            kind="retrospective" if config.retrospective else "prospective",
            penalties_w=white.pair.values_w.mean() * RELATIVE,
            penalties_s=white.pair.values_s.mean() * RELATIVE,
            union=union,
            alone=alone,
            given=name in data.given,
        )
        if sigma2 is not None and sigma2 > float(target.variance[0]):
            checks.append(
                Check("OG212", f"noise variance {sigma2:.3g}, all of the labels' {target.variance[0]:.3g}")
            )
        anchors[name], factors[name] = (), {}
        if not config.retrospective:
            groups = positions(data.groups, rows)
            anchors[name], factors[name] = anchored(
                forecast, behind[name], groups, pool.n, fixed_alphas(config)
            )
        raised = [
            Check(
                "OG214",
                f"{name}: {a.route} {a.forecast.value:.3g}, leave-one-out {a.leave_one_out.value:.3g},"
                f" difference {a.difference:.2g}",
            )
            for a in anchors[name]
            if not a.agrees
        ]
        raised += [
            Check("OG206", f"{name}: {route} {factor:.2f}")
            for route, factor in factors[name].items()
            if not SANDWICH[0] <= factor <= SANDWICH[1]
        ]
        checks += raised
        forecasts[name] = replace(forecast, checks=tuple(raised))
    tell("done", 1.0)
    return Foresight(config, data, forecasts, anchors, factors, behind, tuple(dict.fromkeys(checks)))


BINARY = float(np.sqrt(2))
"""Distance of the codes of two classes: their two one-hot columns mirror each other, so the error of one
column times this is that of both."""


def _labels(
    config: ForesightConfig, data: Prepared
) -> tuple[Int[np.ndarray, " m"], Float[np.ndarray, "m k"], float]:
    """Choose the labels to forecast from, and what their variance lacks of a label's."""
    split, coded = data.split, data.y
    if len(data.classes) == 2:
        coded = BINARY * coded[:, :1]
    if not config.retrospective:
        return split.labelled, coded[split.labelled], 0.0
    # Never rows of the pool: their features would be in the moments and the labels at once.
    rows = np.concatenate([split.labelled, split.test])
    if data.truth is not None and config.noise_variance is not None:
        known = rows[~np.isnan(data.truth[rows])]
        return known, data.truth[known][:, None], config.noise_variance - config.truth_variance
    if not len(split.test):
        raise ConfigError(
            "--retrospective uses test labels, and there are none",
            remedy="Name them (--split-column) or draw them (--test), or leave it out.",
        )
    rows = rows[~np.isnan(coded[rows]).any(axis=1)]
    return rows, coded[rows], 0.0


def _noise(config: ForesightConfig, data: Prepared) -> float | None:
    """Give the noise variance: as given, or half the mean squared difference of repeated labels."""
    if config.repeat_column is None:
        return config.noise_variance
    if config.noise_variance is not None:
        raise ConfigError(
            "--noise-variance and --repeat-column both give the noise variance", remedy="Leave one out."
        )
    if data.task != "regression":
        raise ConfigError("--repeat-column is of a regression", remedy="Leave it out.")
    second = encode(
        second_labels(config.rows(), config.repeat_column, data.ids),
        "regression",
        ids=data.ids,
        where=f"column {config.repeat_column!r}",
    )
    both = data.split.labelled[~np.isnan(second[data.split.labelled])]
    if len(both) < 2:
        raise DataError(
            f"{len(both)} labelled rows have a second label",
            f"column {config.repeat_column!r}",
            "Give it for 30 rows or more.",
        )
    return float(np.mean((data.y[both, 0] - second[both]) ** 2) / 2)


def fixed_alphas(config: ForesightConfig) -> dict[str, float | None]:
    """Name the penalties that a configuration fixes.

    None where the forecast chooses.
    """
    if getattr(config, "head", "ridge") == "ridgeless":
        return dict.fromkeys(("alpha_w", "alpha_s", "alpha_b", "alpha_c"), 0.0)
    return {"alpha_w": config.alpha_w, "alpha_s": config.alpha_s}
