"""Train and judge, do it again, draw it again, and measure alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, FiniteFloat

from outgrow import runs
from outgrow.api.frame import VERBS, Place
from outgrow.api.portable import portable
from outgrow.config import MeasureConfig, RunConfig
from outgrow.engine.threads import few_threads
from outgrow.errors import FileError, read_back
from outgrow.results import as_plain, tidy
from outgrow.study.evaluate import read_by
from outgrow.study.measure import measure as study_measure
from outgrow.study.run import Study
from outgrow.study.run import run as study_run
from outgrow.study.saved import INPUTS, LoadedRun, check_inputs, input_digests, load, save_models
from outgrow.study.sources import Permissions, Progress
from outgrow.targets import check_writable


@few_threads()
def run(
    config: RunConfig,
    out: str | Path,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
    allow_code: Sequence[str] = (),
) -> LoadedRun:
    """Train and judge every route, and write the run folder with its report.

    Parameters
    ----------
    config : RunConfig
        What to do.
    out : str or Path
        The folder to make.
    overwrite : bool
        Replace an earlier run there.
    progress : callable, optional
        Told what is being done and the share done.
    allow_code : sequence of str
        Callables that may be imported, and models whose own code may run.

    Returns
    -------
    LoadedRun
        The run as read back from the folder.
    """
    config = portable(config)
    place = Place(VERBS["run"], out, overwrite)
    study = study_run(config, progress, Permissions(tuple(allow_code)))

    def of_runs_alone(folder: Path) -> None:
        geometry = {pair.weak: as_plain(pair.geometry) for pair in study.outcome.pairs}
        runs.write_json(folder / "geometry.json", geometry)
        runs.write_json(folder / INPUTS, input_digests(study.data))
        save_models(folder, study.data, study.trained)

    tables = {"results": tidy(study.outcome), "pseudo_labels": _pseudo_labels(study)}
    place.write(study.config, as_plain(study.outcome), tables, of_runs_alone)
    return load(out)


def _pseudo_labels(study: Study) -> Mapping[str, Any]:
    data = study.data
    unlabelled = data.split.unlabelled
    columns: dict[str, Any] = {"id": [str(row) for row in data.ids[unlabelled]]}
    for item in study.trained:
        if item.route.kind != "teacher":
            continue
        values = read_by(data, item, unlabelled)
        for place in range(values.shape[1]):
            suffix = f": {data.classes[place]}" if data.classes else ""
            columns[f"{item.route.weak}{suffix}"] = np.ascontiguousarray(values[:, place])
    return columns


class _Number(BaseModel):
    value: FiniteFloat | None = None


class _RouteFindings(BaseModel):
    name: str
    expected: _Number | None = None
    risk: _Number | None = None


class _Findings(BaseModel):
    """Of a run's findings what a replay compares."""

    routes: list[_RouteFindings]


@few_threads()
def replay(
    folder: str | Path, *, progress: Progress | None = None, allow_code: Sequence[str] = ()
) -> tuple[Study, dict[str, float]]:
    """Do a run again from its configuration and say how far the numbers moved.

    Parameters
    ----------
    folder : str or Path
        The run.
    progress : callable, optional
        Told what is being done and the share done.
    allow_code : sequence of str
        As for `run`: what the run was allowed is not in its folder, so that no folder can allow itself.

    Returns
    -------
    Study
        The repeated study.
    dict of str to float
        Largest relative change of the risks, by route.
    """
    path = runs.open_folder(folder)
    before = {route.name: route for route in runs.read_json(path, "run.json", _Findings).routes}
    study = study_run(runs.read_config(path, RunConfig), progress, Permissions(tuple(allow_code)))
    check_inputs(path, study.data)
    moved: dict[str, float] = {}
    for route in study.outcome.routes:
        old = before.get(route.name)
        if old is None:
            raise FileError(f"holds no route {route.name!r}", str(path), "It was made by another version.")
        for metric in ("expected", "risk"):
            new_value, old_value = (
                getattr(getattr(route, metric), "value", None),
                getattr(getattr(old, metric), "value", None),
            )
            if new_value is not None and old_value is not None:
                change = abs(new_value - old_value) / max(abs(old_value), 1e-300)
                moved[route.name] = max(change, moved.get(route.name, 0.0))
    return study, moved


def redraw(folder: str | Path) -> Path:
    """Draw the report of a folder again, from its findings alone."""
    path = runs.any_folder(folder)
    check_writable(path / "report.html")
    verb = next((verb for verb in VERBS.values() if (path / verb.findings).is_file()), VERBS["run"])
    outcome = runs.read_json(path, verb.findings, dict[str, Any])
    with read_back(path / verb.findings):
        html = verb.page(outcome)
    with runs.replacing(path, "report.html") as file:
        file.write_text(html, encoding="utf-8", newline="\n")
    return path / "report.html"


@few_threads()
def measure(
    config: MeasureConfig, *, progress: Progress | None = None, allow_code: Sequence[str] = ()
) -> dict[str, Any]:
    """Measure dimensions of feature sets and what each weak set shares with the strong one.

    Parameters
    ----------
    config : MeasureConfig
        What to measure.
    progress : callable, optional
        Told what is being done and the share done.
    allow_code : sequence of str
        As for `run`.

    Returns
    -------
    dict
        Plain values: "strong", "note", the geometry of each pair under "pairs", and under "agreement" how far
        each given teacher and its student agree.
    """
    return study_measure(config, progress, Permissions(tuple(allow_code)))
