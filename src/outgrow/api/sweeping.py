"""Measure risks over a grid, and keep every seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from outgrow.api.frame import VERBS, Findings, Place
from outgrow.api.portable import portable
from outgrow.config import SweepConfig
from outgrow.engine.threads import few_threads
from outgrow.report.sweep_page import summary_html
from outgrow.results import as_plain
from outgrow.study.sources import Permissions, Progress
from outgrow.sweeps.measured_grid import memory_of
from outgrow.sweeps.parts import PartFolder, origin_of
from outgrow.sweeps.sweep import check_sweep, grid_of, sweep_rows
from outgrow.sweeps.sweep import sweep as study_sweep
from outgrow.sweeps.sweep_outcome import SweepOutcome
from outgrow.sweeps.table import as_columns


@dataclass(frozen=True, kw_only=True)
class Sweep(Findings):
    """Measured risks over a grid."""

    table: Mapping[str, np.ndarray]
    """One row per model, cell and seed: columns model, weak, strong, n, N, noise, alpha_w, alpha_s, seed,
    risk, accuracy, solver, condition."""
    cells: Mapping[str, np.ndarray]
    """Means over seeds with intervals, PGR and OPR, per pair and cell."""

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
        Such as ``sweep.table["risk"]``.

    Raises
    ------
    ConfigError, DataError, FileError
        When the grid does not fit the rows or the memory, rows cannot be used, or the folder is in the way.
    """
    config = portable(config)
    place = Place(VERBS["sweep"], out, overwrite)
    data, names, read = sweep_rows(config, Permissions(tuple(allow_code)), progress)
    grid = grid_of(config, names, len(data.train))
    config = config.model_copy(update={"n": grid.n, "N": grid.N})
    check_sweep(data, grid)
    if out is None:
        result = study_sweep(config, data, grid, read, jobs=jobs, progress=progress)
        return Sweep(table=result.table, cells=result.cells, outcome=plain(result))
    _, blocks = memory_of(data, grid)
    with closing(PartFolder(out, origin_of(config, grid, read, blocks.size), overwrite)) as store:
        try:
            result = study_sweep(config, data, grid, read, jobs=jobs, progress=progress, store=store)
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
        outcome = plain(result)
        tables = {"sweep": as_columns(result.table), "cells": as_columns(result.cells)}
        folder = place.write(config, outcome, tables)
        store.remove()
    return Sweep(table=result.table, cells=result.cells, outcome=outcome, folder=folder)


def plain(result: SweepOutcome) -> Mapping[str, Any]:
    """Give what a report shows of a sweep: everything but the tables of seeds and cells."""
    cells = {
        name: [None if value != value else value for value in values.tolist()]
        for name, values in result.cells.items()
    }
    return {**as_plain(replace(result, table={}, cells={})), "cells": cells}
