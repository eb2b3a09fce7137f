"""Tells whether a strong student will outgrow its weak teacher, and then trains it.

The public names are imported when they are first used: `import outgrow` itself loads nothing heavy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from outgrow.api import demo, load, measure, predict, replay, run
    from outgrow.config import MeasureConfig, RunConfig
    from outgrow.data.worlds import World
    from outgrow.probes.estimators import WeakToStrongClassifier, WeakToStrongRegressor
    from outgrow.probes.min_norm import MinNormRegressor

_HOME = {
    "MeasureConfig": "outgrow.config",
    "MinNormRegressor": "outgrow.probes.min_norm",
    "RunConfig": "outgrow.config",
    "WeakToStrongClassifier": "outgrow.probes.estimators",
    "WeakToStrongRegressor": "outgrow.probes.estimators",
    "World": "outgrow.data.worlds",
    "demo": "outgrow.api",
    "load": "outgrow.api",
    "measure": "outgrow.api",
    "predict": "outgrow.api",
    "replay": "outgrow.api",
    "run": "outgrow.api",
}

__all__ = [
    "MeasureConfig",
    "MinNormRegressor",
    "RunConfig",
    "WeakToStrongClassifier",
    "WeakToStrongRegressor",
    "World",
    "demo",
    "load",
    "measure",
    "predict",
    "replay",
    "run",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'outgrow' has no attribute {name!r}")
