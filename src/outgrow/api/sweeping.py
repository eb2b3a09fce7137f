"""Measure risks over a grid, and keep every seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from outgrow import runs
from outgrow.api.running import write_origin
from outgrow.config import SweepConfig, whole, whole_columns
from outgrow.engine.threads import few_threads
from outgrow.features.model_spec import anywhere
from outgrow.report.figure_files import write_figures
from outgrow.report.page import write_report
from outgrow.report.sweep_page import page, summary_html
from outgrow.results import as_plain
from outgrow.study.sources import Permissions, Progress
from outgrow.sweeps.measured_grid import memory_of
from outgrow.sweeps.parts import PartFolder, origin_of
from outgrow.sweeps.sweep import check_sweep, grid_of, sweep_rows
from outgrow.sweeps.sweep import sweep as study_sweep
from outgrow.sweeps.sweep_outcome import SweepOutcome
from outgrow.sweeps.table import as_columns

ROOM = 64_000_000
"""Bytes asked for: a page, figures, and tables of a million rows."""


@dataclass(frozen=True)
class Sweep:
    """Measured risks over a grid."""

    table: Mapping[str, np.ndarray]
    """One row per model, cell and seed: columns model, weak, strong, n, N, noise, alpha_w, alpha_s, seed,
    risk, accuracy, solver, condition."""
    cells: Mapping[str, np.ndarray]
    """Means over seeds with intervals, PGR and OPR, per pair and cell."""
    outcome: Mapping[str, Any]
    """Everything else found, as plain values."""
    folder: Path | None = None
    """Where it was written."""

    def _repr_html_(self) -> str:
        return summary_html(self.outcome)


@few_threads()
def sweep(
    config: SweepConfig,
    out: str | Path | None = None,
    *,
    overwrite: bool = False,
    jobs: int | None = None,
    progress: Progress | None = None,
    allow_code: Sequence[str] = (),
) -> Sweep:
    """Measure teacher, student, baseline, ceiling and joint student on a grid of sizes, penalties and seeds.

    Parameters
    ----------
    config : SweepConfig
        Features, labels and the axes.
    out : str or Path, optional
        Folder to write tables, figure and report to. An interrupted sweep goes on when it is called again.
    overwrite : bool
        Replace an earlier sweep there, and throw away parts of another one.
    jobs : int, optional
        Processes, as in joblib; as many as pay by default.
    progress : callable, optional
        Told what is being done and the share done.
    allow_code : sequence of str
        Callables that may be imported, and models whose own code may run.

    Returns
    -------
    Sweep
        Such as ``found.table["risk"]``.

    Raises
    ------
    ConfigError, DataError, FileError
        When the grid does not fit the rows or the memory, rows cannot be used, or the folder is in the way.
    """
    config = _portable(config)
    if out is not None:
        runs.check_target(out, overwrite)
        runs.room_for(out, ROOM)
    data, names, read = sweep_rows(config, Permissions(tuple(allow_code)), progress)
    grid = grid_of(config, names, len(data.train))
    config = config.model_copy(update={"n": grid.n, "N": grid.N})
    check_sweep(data, grid)
    if out is None:
        found = study_sweep(config, data, grid, read, jobs=jobs, progress=progress)
        return Sweep(found.table, found.cells, plain(found))
    _, blocks = memory_of(data, grid)
    with closing(PartFolder(out, origin_of(config, grid, read, blocks.size), overwrite)) as store:
        try:
            found = study_sweep(config, data, grid, read, jobs=jobs, progress=progress, store=store)
        except KeyboardInterrupt:
            if not store.count:
                raise
            raise KeyboardInterrupt(
                f"interrupted; {store.count} finished parts are kept in {store.folder}: the same command goes"
                " on"
            ) from None
        finally:
            if not store.count:
                store.remove()
        outcome = plain(found)
        with runs.new_folder(out, overwrite) as folder:
            write_origin(folder, config)
            runs.write_json(folder / "sweep.json", outcome)
            runs.write_table(folder / "sweep.parquet", as_columns(found.table))
            runs.write_table(folder / "cells.parquet", as_columns(found.cells))
            write_report(folder, page(outcome))
            write_figures(folder, outcome)
        store.remove()
    return Sweep(found.table, found.cells, outcome, Path(out))


def plain(found: SweepOutcome) -> Mapping[str, Any]:
    """Give what a report shows of a sweep: everything but the tables of seeds and cells."""
    cells = {
        name: [None if value != value else value for value in values.tolist()]
        for name, values in found.cells.items()
    }
    return {**as_plain(replace(found, table={}, cells={})), "cells": cells}


def _portable(config: SweepConfig) -> SweepConfig:
    """Make a configuration mean the same from any folder."""
    entry = whole
    update: dict[str, Any] = {
        "labels": config.labels and str(Path(config.labels).absolute()),
        "pseudo_labels": whole_columns(config.pseudo_labels),
    }
    if config.input is not None:
        entry, there = anywhere, Path(config.input)
        update["input"] = str(there.absolute()) if there.exists() else config.input
        update["tokenizer"] = config.tokenizer and str(Path(config.tokenizer).absolute())
    update |= {name: tuple(entry(one) for one in getattr(config, name)) for name in ("weak", "strong")}
    return config.model_copy(update=update)
