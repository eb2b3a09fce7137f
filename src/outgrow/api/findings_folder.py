"""What forecast, rank and plan leave behind: one folder with the same things in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from outgrow import runs
from outgrow.api.running import write_origin
from outgrow.config import ForesightConfig
from outgrow.report.page import write_report
from outgrow.results import Tabular, tidy

ROOM = 10_000_000
"""Bytes asked for: a page with its scripts, and a few numbers."""


def check_place(out: str | Path | None, overwrite: bool) -> None:
    """Refuse a place before any work is done for it."""
    if out is not None:
        runs.check_target(out, overwrite)
        runs.room_for(out, ROOM)


def write_findings(
    out: str | Path | None,
    overwrite: bool,
    name: str,
    config: ForesightConfig,
    found: Tabular,
    outcome: Mapping[str, Any],
    page: Callable[[Mapping[str, Any]], str],
) -> Path | None:
    """Write findings, whole or not at all."""
    if out is None:
        return None
    with runs.new_folder(out, overwrite) as folder:
        write_origin(folder, config)
        runs.write_json(folder / f"{name}.json", outcome)
        runs.write_table(folder / f"{name}.parquet", tidy(found))
        write_report(folder, page(outcome))
    return Path(out)
