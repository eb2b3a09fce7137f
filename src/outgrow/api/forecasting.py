"""What can be told before anything is trained: forecasts, rankings of teachers, plans of what to buy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outgrow import runs
from outgrow.api.frame import VERBS, Findings, Place
from outgrow.api.portable import portable
from outgrow.config import ForecastConfig, ForesightConfig, PlanConfig, RankConfig, RunConfig
from outgrow.engine.threads import few_threads
from outgrow.errors import ConfigError
from outgrow.forecasts.forecast import Forecast
from outgrow.forecasts.forecast_designs import forecast as study_forecast
from outgrow.forecasts.plan import plan as study_plan
from outgrow.forecasts.plan_outcome import PlannedRoute
from outgrow.forecasts.rank import rank as study_rank
from outgrow.report import forecast_page, plan_page, rank_page
from outgrow.results import Tabular, as_plain, tidy
from outgrow.study.sources import Permissions, Progress


@dataclass(frozen=True, kw_only=True)
class Forecasts(Findings):
    """What a forecast found, and the forecasts themselves to ask more of."""

    forecasts: Mapping[str, Forecast]
    """By weak set."""

    def __getitem__(self, weak: str) -> Forecast:
        return self.forecasts[weak]

    def _repr_html_(self) -> str:
        return forecast_page.summary_html(self.outcome)


@dataclass(frozen=True, kw_only=True)
class Ranking(Forecasts):
    """Teachers in order, and the forecasts to ask more of."""

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

    def _repr_html_(self) -> str:
        return rank_page.summary_html(self.outcome)


@dataclass(frozen=True, kw_only=True)
class Plan(Findings):
    """What to buy, and what it rests on."""

    best: PlannedRoute
    """The plan: route, rows, penalties and forecast risk."""

    def _repr_html_(self) -> str:
        return plan_page.summary_html(self.outcome)


@few_threads()
def forecast(
    config: ForecastConfig | None = None,
    out: str | Path | None = None,
    *,
    run: str | Path | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    allow_code: Sequence[str] = (),
) -> Forecasts:
    """Forecast teacher, student, baseline, ceiling and union for designs of n and N.

    Parameters
    ----------
    config : ForecastConfig, optional
        What to forecast; with a run, only what shall differ from it.
    out : str or Path, optional
        Folder to write findings and report to.
    run : str or Path, optional
        Folder of a run: its features and labels are used, and its measured risks shown beside the forecast.
    overwrite : bool
        Replace an earlier forecast there.
    progress : callable, optional
        Told what is being done and the share done.
    allow_code : sequence of str
        Callables that may be imported, and models whose own code may run.

    Returns
    -------
    Forecasts
        Such as ``forecasts["minilm"].risks(400, 5000)``.
    """
    if config is None and run is None:
        raise ConfigError("there is nothing to forecast", remedy="Name features and labels, or a run.")
    measured = None
    config = config or ForecastConfig()
    if run is not None:
        config, measured = _of_run(Path(run), config)
    if not config.strong:
        raise ConfigError("--strong is missing", remedy="Name the strong features, or the folder of a run.")
    config = portable(config)
    place = Place(VERBS["forecast"], out, overwrite)
    study = study_forecast(config, progress, Permissions(tuple(allow_code)), run=measured)
    return Forecasts(forecasts=study.foresight.forecasts, **_written(place, config, study.outcome))


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
        Such as ``ranking.order`` and ``ranking.tied``.
    """
    config = portable(config)
    place = Place(VERBS["rank"], out, overwrite)
    study = study_rank(config, progress, Permissions(tuple(allow_code)))
    return Ranking(forecasts=study.foresight.forecasts, **_written(place, config, study.outcome))


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
        Such as ``plan.best.route``, ``plan.best.n`` and ``plan.best.N``.
    """
    config = portable(config)
    place = Place(VERBS["plan"], out, overwrite)
    study = study_plan(config, Permissions(tuple(allow_code)), progress)
    return Plan(best=study.best, **_written(place, config, study))


def _written(place: Place, config: ForesightConfig, result: Tabular) -> dict[str, Any]:
    outcome = as_plain(result)
    return {"outcome": outcome, "folder": place.write(config, outcome, {place.verb.name: tidy(result)})}


def _of_run(folder: Path, config: ForecastConfig) -> tuple[ForecastConfig, Mapping[str, Any]]:
    """Take features, labels and split from a run, and whatever was asked for from this command."""
    path = runs.open_folder(folder)
    outcome: Mapping[str, Any] = runs.read_json(path, "run.json", dict[str, Any])
    theirs = runs.read_config(path, RunConfig)
    values = {key: value for key, value in dict(theirs).items() if key in ForecastConfig.model_fields}
    # A run's n is how many labels there are; a forecast's n is what is asked about.
    values |= {"n": (), "m": theirs.n}
    asked = {key: getattr(config, key) for key in config.model_fields_set}
    # Minimum-norm heads of a run stand on leading components, whose number the run chose.
    if (asked.get("head") or theirs.head) == "ridgeless" and not (asked.get("rank") or theirs.rank):
        kept = set(outcome.get("d_w", {}).values())
        if len(kept) != 1:
            raise ConfigError(
                "the run's teachers keep different numbers of directions",
                str(folder),
                "Give --rank, or forecast tuned heads (--head ridge).",
            )
        values["rank"] = (kept.pop(), outcome["d_s"])
    return ForecastConfig(**{**values, **asked}), outcome
