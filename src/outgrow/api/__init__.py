"""The public verbs: what the command line calls, and what a notebook calls.

Each does one thing from a configuration to a folder or a value. Studies compute, the report draws, and this
is where they meet.
"""

from __future__ import annotations

from outgrow.api.encoding import encode, inspect, verify
from outgrow.api.predicting import predict, write_columns
from outgrow.api.running import demo, measure, redraw, replay, run
from outgrow.study.saved import LoadedRun, load

__all__ = [
    "LoadedRun",
    "demo",
    "encode",
    "inspect",
    "load",
    "measure",
    "predict",
    "redraw",
    "replay",
    "run",
    "verify",
    "write_columns",
]
