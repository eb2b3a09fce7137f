"""What every verb that leaves a folder does alike: check the place, study, write whole or not at all.

A verb is its study, its findings' file and tables, its page, and what a terminal shows of it.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Group

from outgrow import runs
from outgrow.config import TargetConfig, to_toml
from outgrow.report import (
    forecast_page,
    page,
    plan_page,
    rank_page,
    reproduction_page,
    sweep_page,
)
from outgrow.report.figure_files import write_figures
from outgrow.report.findings import Plain
from outgrow.report.terminal import (
    forecast_lines,
    plan_lines,
    ranking_lines,
    reproduction_lines,
    run_lines,
    sweep_lines,
)

LIBRARIES = ("outgrow", "numpy", "scipy", "scikit-learn", "pyarrow", "safetensors", "altair")
"""Whose versions a folder names."""


@dataclass(frozen=True)
class Verb:
    """What tells a verb from the others once its study is done."""

    name: str
    """Of what it finds."""
    page: Callable[[Plain], str]
    lines: Callable[[Plain], Group]
    room: int = 10_000_000
    """Bytes asked for: a page with its scripts, and a few numbers."""
    figures: bool = False

    @property
    def findings(self) -> str:
        """The file of all that it found."""
        return f"{self.name}.json"


VERBS = {
    # Heads are small; what grows is one float32 square per feature set, 16 MB at 2,048 columns.
    "run": Verb("run", page.page, run_lines, room=64_000_000),
    "forecast": Verb("forecast", forecast_page.forecast_page, forecast_lines),
    "rank": Verb("rank", rank_page.page, ranking_lines),
    "plan": Verb("plan", plan_page.page, plan_lines),
    # Figures, and tables of a million rows.
    "sweep": Verb("sweep", sweep_page.page, sweep_lines, room=64_000_000, figures=True),
    "reproduce": Verb("reproduction", reproduction_page.page, reproduction_lines, figures=True),
}
"""Verbs that leave a folder."""


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What a verb found."""

    outcome: Mapping[str, Any]
    """Everything found, as plain values."""
    folder: Path | None = None
    """Where it was written."""


@dataclass(frozen=True)
class Place:
    """Where a verb writes, if anywhere: refused before any work is done for it."""

    verb: Verb
    out: str | Path | None
    overwrite: bool

    def __post_init__(self) -> None:
        if self.out is not None:
            runs.check_target(self.out, self.overwrite)
            runs.room_for(self.out, self.verb.room)

    def write(
        self,
        config: TargetConfig,
        outcome: Mapping[str, Any],
        tables: Mapping[str, Mapping[str, Any]],
        more: Callable[[Path], None] | None = None,
    ) -> Path | None:
        """Write findings with what they were made from; `more` writes files of the verb's own."""
        if self.out is None:
            return None
        with runs.new_folder(self.out, self.overwrite) as folder:
            (folder / "config.toml").write_text(to_toml(config), encoding="utf-8")
            versions = {name: version(name) for name in LIBRARIES} | {"python": platform.python_version()}
            runs.write_json(folder / "versions.json", {"versions": versions, "seed": config.seed})
            runs.write_json(folder / self.verb.findings, outcome)
            for name, columns in tables.items():
                runs.write_table(folder / f"{name}.parquet", columns)
            if more is not None:
                more(folder)
            page.write_report(folder, self.verb.page(outcome))
            if self.verb.figures:
                write_figures(folder, outcome)
        return Path(self.out)
