"""The public verbs: what the command line calls, and what a notebook calls.

Each does one thing from a configuration to a folder or a value. Studies compute, the report draws, and this
is where they meet. A verb is loaded when it is asked for: all of them together take a second.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from outgrow.api.demonstrating import demo
    from outgrow.api.encoding import encode, inspect, verify
    from outgrow.api.forecasting import Forecasts, Plan, Ranking, forecast, plan, rank
    from outgrow.api.frame import VERBS
    from outgrow.api.predicting import check_output, predict, write_columns
    from outgrow.api.reproducing import Reproduced, reproduce
    from outgrow.api.running import measure, redraw, replay, run
    from outgrow.api.sweeping import Sweep, sweep
    from outgrow.study.saved import LoadedRun, load

_MODULES = {
    "outgrow.api.demonstrating": ("demo",),
    "outgrow.api.encoding": ("encode", "inspect", "verify"),
    "outgrow.api.forecasting": ("Forecasts", "Plan", "Ranking", "forecast", "plan", "rank"),
    "outgrow.api.frame": ("VERBS",),
    "outgrow.api.predicting": ("check_output", "predict", "write_columns"),
    "outgrow.api.reproducing": ("Reproduced", "reproduce"),
    "outgrow.api.running": ("measure", "redraw", "replay", "run"),
    "outgrow.api.sweeping": ("Sweep", "sweep"),
    "outgrow.study.saved": ("LoadedRun", "load"),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "VERBS",
    "Forecasts",
    "LoadedRun",
    "Plan",
    "Ranking",
    "Reproduced",
    "Sweep",
    "check_output",
    "demo",
    "encode",
    "forecast",
    "inspect",
    "load",
    "measure",
    "plan",
    "predict",
    "rank",
    "redraw",
    "replay",
    "reproduce",
    "run",
    "sweep",
    "verify",
    "write_columns",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'outgrow.api' has no attribute {name!r}")
