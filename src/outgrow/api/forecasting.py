"""Forecast every route's risk for designs that nobody has paid for yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outgrow import runs
from outgrow.api.findings_folder import check_place, write_findings
from outgrow.api.running import portable
from outgrow.config import ForecastConfig, RunConfig
from outgrow.engine.threads import few_threads
from outgrow.errors import ConfigError
from outgrow.forecasts.forecast import Forecast
from outgrow.forecasts.forecast_designs import forecast as study_forecast
from outgrow.report.forecast_page import forecast_page, summary_html
from outgrow.results import as_plain
from outgrow.study.sources import Permissions, Progress


@dataclass(frozen=True)
class Forecasts:
    """What a forecast found, and the forecasts themselves to ask more of."""

    forecasts: Mapping[str, Forecast]
    """By weak set."""
    outcome: Mapping[str, Any]
    """Everything found, as plain values."""
    folder: Path | None = None
    """Where it was written."""

    def __getitem__(self, weak: str) -> Forecast:
        return self.forecasts[weak]

    def _repr_html_(self) -> str:
        return summary_html(self.outcome)


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
        Such as ``found["minilm"].risks(400, 5000)``.
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
    check_place(out, overwrite)
    study = study_forecast(config, progress, Permissions(tuple(allow_code)), run=measured)
    outcome = as_plain(study.outcome)
    folder = write_findings(out, overwrite, "forecast", config, study.outcome, outcome, forecast_page)
    return Forecasts(study.foresight.forecasts, outcome, folder)


def _of_run(folder: Path, own: ForecastConfig) -> tuple[ForecastConfig, Mapping[str, Any]]:
    """Take features, labels and split from a run, and whatever was asked for from this command."""
    path = runs.open_folder(folder)
    outcome: Mapping[str, Any] = runs.read_json(path, "run.json", dict[str, Any])
    theirs = runs.read_config(path, RunConfig)
    values = {key: value for key, value in dict(theirs).items() if key in ForecastConfig.model_fields}
    # A run's n is how many labels there are; a forecast's n is what is asked about.
    values |= {"n": (), "m": theirs.n}
    asked = {key: getattr(own, key) for key in own.model_fields_set}
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
