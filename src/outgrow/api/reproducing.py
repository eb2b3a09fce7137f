"""Do a published experiment again, and keep data, tables, figure and verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outgrow import runs
from outgrow.api.findings_folder import check_place
from outgrow.api.running import portable, write_origin
from outgrow.config import ReproduceConfig
from outgrow.engine.threads import few_threads
from outgrow.report.figure_files import write_figures
from outgrow.report.page import write_report
from outgrow.report.reproduction_page import page, summary_html
from outgrow.reproductions.recipes import known
from outgrow.reproductions.recipes import reproduce as study_reproduce
from outgrow.reproductions.reproduction import Reproduction
from outgrow.results import as_plain
from outgrow.study.sources import Permissions, Progress


@dataclass(frozen=True)
class Reproduced:
    """A published experiment, done again."""

    result: Reproduction
    """Verdict, comparisons, curves and tables."""
    outcome: Mapping[str, Any]
    """The same as plain values."""
    folder: Path | None = None
    """Where it was written."""

    def _repr_html_(self) -> str:
        return summary_html(self.outcome)


@few_threads()
def reproduce(
    name: str,
    config: ReproduceConfig | None = None,
    out: str | Path | None = None,
    *,
    overwrite: bool = False,
    jobs: int | None = None,
    progress: Progress | None = None,
    allow_code: Sequence[str] = (),
) -> Reproduced:
    """Do a published experiment again: synthetic, utkface, coloredmnist, sst2, movies or ceiling-table.

    Parameters
    ----------
    name : str
        Which.
    config : ReproduceConfig, optional
        What is not as published, and where the data are that the experiment needs.
    out : str or Path, optional
        Folder to write data, tables, figure and report to.
    overwrite : bool
        Replace an earlier one there.
    jobs : int, optional
        Processes, as in joblib; as many as pay by default.
    progress : callable, optional
        Told what is being done and the share done.
    allow_code : sequence of str
        Callables that may be imported, and models whose own code may run.

    Returns
    -------
    Reproduced
        Such as ``found.result.verdict``.

    Raises
    ------
    ConfigError, DataError, FileError
        When there is no such experiment, it lacks something, or the folder is in the way.
    """
    known(name)
    config = config or ReproduceConfig()
    if config.rows() is not None:
        # A student that is not named is asked for by the experiment, not looked for in this folder.
        config = portable(config) if config.strong else config
    check_place(out, overwrite)
    found = study_reproduce(name, config, Permissions(tuple(allow_code)), progress, jobs)
    outcome = as_plain(found)
    if out is None:
        return Reproduced(found, outcome)
    with runs.new_folder(out, overwrite) as folder:
        write_origin(folder, config)
        runs.write_json(folder / "reproduction.json", outcome)
        for table in found.tables:
            runs.write_table(folder / f"{table.name}.parquet", table.columns)
        write_report(folder, page(outcome))
        write_figures(folder, outcome)
    return Reproduced(found, outcome, Path(out))
