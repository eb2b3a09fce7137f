"""Tells whether a strong student will outgrow its weak teacher, and then trains it.

The public names are imported when they are first used: `import outgrow` itself loads nothing heavy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from outgrow.api import demo, forecast, load, measure, plan, predict, rank, replay, reproduce, run, sweep
    from outgrow.config import (
        ForecastConfig,
        MeasureConfig,
        PlanConfig,
        RankConfig,
        ReproduceConfig,
        RunConfig,
        SweepConfig,
    )
    from outgrow.heads.estimators import WeakToStrongClassifier, WeakToStrongRegressor
    from outgrow.heads.min_norm import MinNormRegressor
    from outgrow.intervals.metrics import excess_risk, mean_loss, opr, opr_raw_mse, paired_difference, pgr
    from outgrow.results import Estimate, Undefined
    from outgrow.worlds.gaussian import World

_HOME = {
    "Estimate": "outgrow.results",
    "ForecastConfig": "outgrow.config",
    "MeasureConfig": "outgrow.config",
    "MinNormRegressor": "outgrow.heads.min_norm",
    "PlanConfig": "outgrow.config",
    "RankConfig": "outgrow.config",
    "ReproduceConfig": "outgrow.config",
    "RunConfig": "outgrow.config",
    "SweepConfig": "outgrow.config",
    "Undefined": "outgrow.results",
    "WeakToStrongClassifier": "outgrow.heads.estimators",
    "WeakToStrongRegressor": "outgrow.heads.estimators",
    "World": "outgrow.worlds.gaussian",
    "demo": "outgrow.api",
    "excess_risk": "outgrow.intervals.metrics",
    "forecast": "outgrow.api",
    "load": "outgrow.api",
    "mean_loss": "outgrow.intervals.metrics",
    "measure": "outgrow.api",
    "opr": "outgrow.intervals.metrics",
    "opr_raw_mse": "outgrow.intervals.metrics",
    "paired_difference": "outgrow.intervals.metrics",
    "pgr": "outgrow.intervals.metrics",
    "plan": "outgrow.api",
    "predict": "outgrow.api",
    "rank": "outgrow.api",
    "replay": "outgrow.api",
    "reproduce": "outgrow.api",
    "run": "outgrow.api",
    "sweep": "outgrow.api",
}

__all__ = [
    "Estimate",
    "ForecastConfig",
    "MeasureConfig",
    "MinNormRegressor",
    "PlanConfig",
    "RankConfig",
    "ReproduceConfig",
    "RunConfig",
    "SweepConfig",
    "Undefined",
    "WeakToStrongClassifier",
    "WeakToStrongRegressor",
    "World",
    "demo",
    "excess_risk",
    "forecast",
    "load",
    "mean_loss",
    "measure",
    "opr",
    "opr_raw_mse",
    "paired_difference",
    "pgr",
    "plan",
    "predict",
    "rank",
    "replay",
    "reproduce",
    "run",
    "sweep",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'outgrow' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
