"""The public verbs: what the command line calls, and what a notebook calls.

Each does one thing from a configuration to a folder or a value. Studies compute, the report draws, and this
is where they meet.
"""

from __future__ import annotations

from outgrow.api.demonstrating import demo
from outgrow.api.encoding import encode, inspect, verify
from outgrow.api.forecasting import Forecasts, Plan, Ranking, forecast, plan, rank
from outgrow.api.frame import VERBS
from outgrow.api.predicting import check_output, predict, write_columns
from outgrow.api.reproducing import Reproduced, reproduce
from outgrow.api.running import measure, redraw, replay, run
from outgrow.api.sweeping import Sweep, sweep
from outgrow.study.saved import LoadedRun, load

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
