"""Train and judge, do it again, draw it again, and measure alone."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, FiniteFloat

from outgrow import runs
from outgrow.config import (
    LabelConfig,
    Labelled,
    MeasureConfig,
    RunConfig,
    SweepConfig,
    absolute,
    to_toml,
    whole_columns,
)
from outgrow.engine.threads import few_threads
from outgrow.errors import FileError, read_back
from outgrow.features.model_spec import anywhere
from outgrow.report.page import page, write_report
from outgrow.results import as_plain, tidy
from outgrow.study.evaluate import read_by
from outgrow.study.measure import measure as study_measure
from outgrow.study.run import Study
from outgrow.study.run import run as study_run
from outgrow.study.saved import INPUTS, LoadedRun, check_inputs, input_digests, load, save_models
from outgrow.study.sources import Permissions, Progress
from outgrow.targets import check_writable

LIBRARIES = ("outgrow", "numpy", "scipy", "scikit-learn", "pyarrow", "safetensors", "altair")


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
    runs.check_target(out, overwrite)
    # Heads are small; what grows is one float32 square per feature set, 16 MB at 2,048 columns.
    runs.room_for(out, 64_000_000)
    study = study_run(config, progress, Permissions(tuple(allow_code)))
    with runs.new_folder(out, overwrite) as folder:
        _write(folder, study)
    return load(out)


def portable(config: Labelled) -> Labelled:
    """Make a configuration mean the same from any folder."""
    if config.input is None:
        return absolute(config)
    there = Path(config.input)
    return config.model_copy(
        update={
            "weak": tuple(anywhere(entry) for entry in config.weak),
            "strong": anywhere(config.strong),
            "input": str(there.absolute()) if there.exists() else config.input,
            "labels": config.labels and str(Path(config.labels).absolute()),
            "pseudo_labels": whole_columns(config.pseudo_labels),
            "tokenizer": config.tokenizer and str(Path(config.tokenizer).absolute()),
        }
    )


def _write(folder: Path, study: Study) -> None:
    outcome = as_plain(study.outcome)
    write_origin(folder, study.config)
    runs.write_json(folder / "run.json", outcome)
    geometry = {pair.weak: as_plain(pair.geometry) for pair in study.outcome.pairs}
    runs.write_json(folder / "geometry.json", geometry)
    runs.write_table(folder / "results.parquet", tidy(study.outcome))
    runs.write_table(folder / "pseudo_labels.parquet", _pseudo_labels(study))
    runs.write_json(folder / INPUTS, input_digests(study.data))
    save_models(folder, study.data, study.trained)
    write_report(folder, page(outcome))


def write_origin(folder: Path, config: LabelConfig | SweepConfig) -> None:
    """Write what a folder was made from: the resolved configuration, versions and seed."""
    (folder / "config.toml").write_text(to_toml(config), encoding="utf-8")
    versions = {name: version(name) for name in LIBRARIES}
    versions["python"] = platform.python_version()
    runs.write_json(folder / "versions.json", {"versions": versions, "seed": config.seed})


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


class _FoundRoute(BaseModel):
    name: str
    expected: _Number | None = None
    risk: _Number | None = None


class _Found(BaseModel):
    """Of a run's findings what a replay compares."""

    routes: list[_FoundRoute]


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
    before = {route.name: route for route in runs.read_json(path, "run.json", _Found).routes}
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
    """Draw the report of a run again, from its findings alone."""
    path = runs.open_folder(folder)
    check_writable(path / "report.html")
    outcome = runs.read_json(path, "run.json", dict[str, Any])
    with read_back(path / "run.json"):
        html = page(outcome)
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
