"""Plan how many labels and pseudo-labels to buy, before anything is bought."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outgrow.api.findings_folder import check_place, write_findings
from outgrow.api.running import portable
from outgrow.config import PlanConfig
from outgrow.engine.threads import few_threads
from outgrow.forecasts.plan import plan as study_plan
from outgrow.forecasts.plan_outcome import PlannedRoute
from outgrow.report.plan_page import page, summary_html
from outgrow.results import as_plain
from outgrow.study.sources import Permissions, Progress


@dataclass(frozen=True)
class Plan:
    """What to buy, and what it rests on."""

    best: PlannedRoute
    """The plan: route, rows, penalties and forecast risk."""
    outcome: Mapping[str, Any]
    """Everything found, as plain values."""
    folder: Path | None = None
    """Where it was written."""

    def _repr_html_(self) -> str:
        return summary_html(self.outcome)


@few_threads()
def plan(
    config: PlanConfig,
    out: str | Path | None = None,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
    allow_code: Sequence[str] = (),
) -> Plan:
    """Plan the design of least risk for a budget, or the cheapest one that reaches a risk.

    Parameters
    ----------
    config : PlanConfig
        Features, labels, prices, and the budget or the target.
    out : str or Path, optional
        Folder to write findings and report to.
    overwrite : bool
        Replace an earlier plan there.
    progress : callable, optional
        Told what is being done and the share done.
    allow_code : sequence of str
        Callables that may be imported, and models whose own code may run.

    Returns
    -------
    Plan
        Such as ``found.best.route``, ``found.best.n`` and ``found.best.N``.
    """
    config = portable(config)
    check_place(out, overwrite)
    study = study_plan(config, Permissions(tuple(allow_code)), progress)
    outcome = as_plain(study)
    folder = write_findings(out, overwrite, "plan", config, study, outcome, page)
    return Plan(study.best, outcome, folder)
