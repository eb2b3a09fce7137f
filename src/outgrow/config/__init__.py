"""One typed configuration per verb, read from the command line or TOML, written back resolved.

A configuration says everything that decides the result. It is checked before any work starts, and a run
folder keeps the resolved one, so that `outgrow replay` can do the same again.
"""

from __future__ import annotations

from outgrow.config.configurations import (
    DemoConfig,
    EncodeConfig,
    ForecastConfig,
    ForesightConfig,
    MeasureConfig,
    PlanConfig,
    RankConfig,
    ReproduceConfig,
    RunConfig,
    SweepConfig,
)
from outgrow.config.options import (
    Config,
    DataConfig,
    LabelConfig,
    RawConfig,
    RawLayout,
    TargetConfig,
    named_path,
)
from outgrow.config.toml import COMMAND_ALONE, explain, from_toml, to_toml, toml_values

__all__ = [
    "COMMAND_ALONE",
    "Config",
    "DataConfig",
    "DemoConfig",
    "EncodeConfig",
    "ForecastConfig",
    "ForesightConfig",
    "LabelConfig",
    "MeasureConfig",
    "PlanConfig",
    "RankConfig",
    "RawConfig",
    "RawLayout",
    "ReproduceConfig",
    "RunConfig",
    "SweepConfig",
    "TargetConfig",
    "explain",
    "from_toml",
    "named_path",
    "to_toml",
    "toml_values",
]
