"""Do a published experiment again, and keep data, tables, figure and verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from outgrow.api.frame import VERBS, Findings, Place
from outgrow.api.portable import portable
from outgrow.config import ReproduceConfig
from outgrow.engine.threads import few_threads
from outgrow.report.reproduction_page import summary_html
from outgrow.reproductions.recipes import known
from outgrow.reproductions.recipes import reproduce as study_reproduce
from outgrow.reproductions.reproduction import Reproduction
from outgrow.results import as_plain
from outgrow.study.sources import Permissions, Progress


@dataclass(frozen=True, kw_only=True)
class Reproduced(Findings):
    """A published experiment, done again."""

    result: Reproduction
    """Verdict, comparisons, curves and tables."""

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
        Such as ``reproduced.result.verdict``.

    Raises
    ------
    ConfigError, DataError, FileError
        When there is no such experiment, it lacks something, or the folder is in the way.
    """
    known(name)
    config = portable(config or ReproduceConfig())
    place = Place(VERBS["reproduce"], out, overwrite)
    reproduction = study_reproduce(name, config, Permissions(tuple(allow_code)), progress, jobs)
    outcome = as_plain(reproduction)
    folder = place.write(config, outcome, {table.name: table.columns for table in reproduction.tables})
    return Reproduced(result=reproduction, outcome=outcome, folder=folder)
