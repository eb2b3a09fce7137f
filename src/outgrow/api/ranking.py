"""Rank teachers for a student before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outgrow.api.findings_folder import check_place, write_findings
from outgrow.api.running import portable
from outgrow.config import RankConfig
from outgrow.engine.threads import few_threads
from outgrow.forecasts.forecast import Forecast
from outgrow.forecasts.rank import rank as study_rank
from outgrow.report.rank_page import page, summary_html
from outgrow.results import as_plain
from outgrow.study.sources import Permissions, Progress


@dataclass(frozen=True)
class Ranking:
    """Teachers in order, and the forecasts to ask more of."""

    forecasts: Mapping[str, Forecast]
    """By weak set."""
    outcome: Mapping[str, Any]
    """Everything found, as plain values."""
    folder: Path | None = None
    """Where it was written."""

    @property
    def order(self) -> tuple[str, ...]:
        """The teachers, the least forecast first."""
        return tuple(teacher["weak"] for teacher in self.outcome["teachers"])

    @property
    def tied(self) -> tuple[str, ...]:
        """Those that may be the best."""
        return tuple(self.outcome["tied"])

    @property
    def sentence(self) -> str:
        """The decision in words."""
        return str(self.outcome["sentence"])

    def __getitem__(self, weak: str) -> Forecast:
        return self.forecasts[weak]

    def _repr_html_(self) -> str:
        return summary_html(self.outcome)


@few_threads()
def rank(
    config: RankConfig,
    out: str | Path | None = None,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
    allow_code: Sequence[str] = (),
) -> Ranking:
    """Rank teachers by the forecast risk of the student that each would have.

    Parameters
    ----------
    config : RankConfig
        Teachers, student, labels, and the design to rank at.
    out : str or Path, optional
        Folder to write findings and report to.
    overwrite : bool
        Replace an earlier ranking there.
    progress : callable, optional
        Told what is being done and the share done.
    allow_code : sequence of str
        Callables that may be imported, and models whose own code may run.

    Returns
    -------
    Ranking
        Such as ``found.order`` and ``found.tied``.
    """
    config = portable(config)
    check_place(out, overwrite)
    study = study_rank(config, progress, Permissions(tuple(allow_code)))
    outcome = as_plain(study.outcome)
    folder = write_findings(out, overwrite, "rank", config, study.outcome, outcome, page)
    return Ranking(study.foresight.forecasts, outcome, folder)
