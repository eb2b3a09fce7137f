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
from outgrow.forecasts.plan_outcome import PlannedRoute, PlanOutcome
from outgrow.report.plan_page import page, summary_html
from outgrow.results import Quantity, as_plain
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
    folder = write_findings(out, overwrite, "plan", config, outcome, _table(study), page)
    return Plan(study.best, outcome, folder)


COLUMNS = (
    "part", "route", "weak", "budget", "n", "N", "quantity", "value", "low", "high", "level", "m", "method",
)  # fmt: skip
"""Columns of the table: one row per number."""


def _table(outcome: PlanOutcome) -> Mapping[str, list[Any]]:
    columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    risk = "excess_risk" if outcome.excess else "risk"

    def add(where: tuple[Any, ...], quantity: str, found: Quantity | float | None) -> None:
        low, high = getattr(found, "interval", None) or (None, None)
        value = float(found) if isinstance(found, (int, float)) else getattr(found, "value", None)
        # NaN is how arrays say that there is none.
        value = None if value is not None and value != value else value
        level = getattr(found, "level", None) if low is not None else None
        told = (quantity, value, low, high, level, outcome.m, getattr(found, "method", None))
        for column, cell in zip(columns.values(), (*where, *told), strict=True):
            column.append(cell)

    for one in outcome.routes:
        where = ("route", one.route, one.weak, one.cost, one.n, one.N)
        add(where, risk, one.risk)
        add(where, "behind_the_plan", one.difference)
        for name, value in one.penalties.items():
            add(where, f"penalty_{name}", value)
    for name, values in outcome.frontier.risks.items():
        for budget, value in zip(outcome.frontier.budgets.tolist(), values.tolist(), strict=True):
            add(("frontier", name, None, budget, None, None), risk, value)
    own = outcome.risk_map
    for i, n in enumerate(own.n.tolist()):
        for j, N in enumerate(own.N.tolist()):
            cost = outcome.prices.cost(n, N)
            add(("map", "student", own.weak, cost, n, N), risk, float(own.risk[i, j]))
    for case in outcome.scenarios:
        where = (f"if {case.what} {case.change:+.0%}", case.route, None, outcome.budget, case.n, case.N)
        add(where, risk, case.risk)
    add(("floor", outcome.floor_route, None, None, None, None), risk, outcome.floor)
    return columns
