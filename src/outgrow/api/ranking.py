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
from outgrow.forecasts.rank import FORECAST, RankOutcome
from outgrow.forecasts.rank import rank as study_rank
from outgrow.report.rank_page import page, summary_html
from outgrow.results import Quantity, as_plain
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
    folder = write_findings(out, overwrite, "rank", config, outcome, _table(study.outcome), page)
    return Ranking(study.foresight.forecasts, outcome, folder)


COLUMNS = ("weak", "place", "quantity", "value", "low", "high", "level", "n", "N", "m", "method", "reason")
"""Columns of the table: one row per number."""


def _table(outcome: RankOutcome) -> Mapping[str, list[Any]]:
    columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}

    def add(weak: str | None, place: int | None, name: str, found: Quantity | float | None) -> None:
        low, high = getattr(found, "interval", None) or (None, None)
        value = float(found) if isinstance(found, (int, float)) else getattr(found, "value", None)
        level = getattr(found, "level", None) if low is not None else None
        about = (outcome.n, outcome.N, outcome.m, getattr(found, "method", None))
        cells = (weak, place, name, value, low, high, level, *about, getattr(found, "reason", None))
        for column, cell in zip(columns.values(), cells, strict=True):
            column.append(cell)

    for teacher in outcome.teachers:
        numbers = (*FORECAST, "behind", "beyond_labels", "probability", "tied", "worth")
        for name in (*numbers, "d_w", "d_s", "d_sw", "alpha_w", "alpha_s"):
            add(teacher.weak, teacher.place, name, getattr(teacher, name))
    add(None, None, "baseline", outcome.baseline)
    return columns
