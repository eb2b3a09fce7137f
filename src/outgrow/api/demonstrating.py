"""What outgrow does, on real data: where W2S pays, where it may help, and where it does not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from outgrow import runs
from outgrow.api.forecasting import forecast
from outgrow.api.running import run
from outgrow.config import DemoConfig, ForecastConfig, RunConfig
from outgrow.engine.threads import few_threads
from outgrow.errors import unwritable
from outgrow.study.sources import Progress
from outgrow.worlds.rated_movies import load_movies, write_demo_inputs

CASES = {
    "vader-to-mpnet-n20": ((), ("vader",), 20, "Can a 2014 lexicon teach a 2020 network?"),
    "layer8-to-mpnet-n100": (
        ("mpnet-layer8",),
        (),
        100,
        "One model, two layers: does mpnet outgrow its own layer 8?",
    ),
    "minilm-to-mpnet-n400": (
        ("minilm-l3", "minilm-l6"),
        (),
        400,
        "Does mpnet outgrow two small MiniLM teachers?",
    ),
}
"""By folder: weak sets, given teachers, labels and title."""

AHEAD = "vader-to-mpnet-forecast"
"""Folder of the forecast of the first case."""

LABELS = 100
"""Labels that it is made from: twenty say too little of what more would bring."""

MORE_LABELS = (20, 50, 100, 200, 400)
"""Labels that it is asked about."""


@few_threads()
def demo(
    out: str | Path,
    config: DemoConfig | None = None,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> dict[Path, Mapping[str, Any]]:
    """Run the main job on embedded real data: a rule as teacher, a close call, and a case of "do not".

    Parameters
    ----------
    out : str or Path
        Folder for the data as files, the runs, and a forecast of the first one with more labels.
    config : DemoConfig, optional
        Seed.
    overwrite : bool
        Replace the runs of an earlier demo.
    progress : callable, optional
        Told what is being done and the share done.

    Returns
    -------
    dict of Path to dict
        Folder and findings of each run, and of the forecast.
    """
    seed = (config or DemoConfig()).seed
    movies = load_movies()
    folder = Path(out)
    for name in (*CASES, AHEAD):
        runs.check_target(folder / name, overwrite)
    # The features are 13 MB; each run asks for its own room again.
    runs.room_for(folder, 80_000_000)
    try:
        files = write_demo_inputs(folder / "data", seed)
    except OSError as error:
        raise unwritable(error, folder) from None
    made: dict[Path, Mapping[str, Any]] = {}
    for name, (weak, given, n, title) in CASES.items():
        settings = RunConfig(
            weak=tuple(str(files[teacher]) for teacher in weak),
            pseudo_labels=given,
            strong=str(files["mpnet"]),
            labels=str(files["labels"]),
            label_column="label",
            split_column="split",
            truth_column="rating",
            truth_variance=movies.raters.mean_error,
            noise_variance=movies.raters.noise_variance,
            task="regression",
            n=n,
            seed=seed,
            title=title,
            note="of the reduced features: 256 leading principal components of mpnet, 128 of the others",
        )
        made[folder / name] = run(settings, folder / name, overwrite=overwrite, progress=progress).outcome
        if given:
            ahead = ForecastConfig(
                title="With more labels, does it still pay?",
                m=LABELS,
                n=MORE_LABELS,
                N=(made[folder / name]["N"],),
            )
            forecasts = forecast(
                ahead, folder / AHEAD, run=folder / name, overwrite=overwrite, progress=progress
            )
            made[folder / AHEAD] = forecasts.outcome
    return made
