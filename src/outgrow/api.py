"""The public verbs: what the command line calls, and what a notebook calls.

Each does one thing from a configuration to a folder or a value. Studies compute, the report draws, and this
is where they meet.
"""

from __future__ import annotations

import logging
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np

from outgrow import runs
from outgrow.config import (
    DemoConfig,
    EncodeConfig,
    MeasureConfig,
    RawConfig,
    RunConfig,
    absolute,
    from_toml,
    to_toml,
)
from outgrow.data.feature_folder import is_store
from outgrow.data.feature_manifest import encoder_label, same_encoder
from outgrow.data.features_file import FeatureTable, read_features
from outgrow.data.files import quoted
from outgrow.data.join import join
from outgrow.data.movies import load_movies, write_demo_inputs
from outgrow.errors import ConfigError, DataError, FileError
from outgrow.features.cache import export
from outgrow.features.encode import Encoding
from outgrow.features.inspect_model import Inspection, inspect_model
from outgrow.features.model_spec import anywhere, parse_model
from outgrow.features.protocols import Encoder
from outgrow.features.verify import verify as verify_store
from outgrow.report.page import write_report
from outgrow.results import as_plain
from outgrow.study.evaluate import read_by
from outgrow.study.measure import measure as study_measure
from outgrow.study.run import Study
from outgrow.study.run import run as study_run
from outgrow.study.saved import LoadedRun, SavedModel, load, save_models
from outgrow.study.sources import Permissions, Progress, bare_rows, encoded, encoder_options, raw_rows

__all__ = [
    "LoadedRun",
    "demo",
    "encode",
    "inspect",
    "load",
    "measure",
    "predict",
    "redraw",
    "replay",
    "run",
    "verify",
    "write_columns",
]

_log = logging.getLogger(__name__)

LIBRARIES = ("outgrow", "numpy", "scipy", "scikit-learn", "pyarrow", "safetensors", "altair")


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
    config = _anywhere(config)
    runs.check_target(out, overwrite)
    # Heads are small; what grows is one float32 square per feature set, 16 MB at 2,048 columns.
    runs.room_for(out, 64_000_000)
    study = study_run(config, progress, Permissions(tuple(allow_code)))
    with runs.new_folder(out, overwrite) as folder:
        _write(folder, study)
    return load(out)


def _anywhere(config: RunConfig) -> RunConfig:
    if config.input is None:
        return absolute(config)
    there = Path(config.input)
    return config.model_copy(
        update={
            "weak": tuple(anywhere(entry) for entry in config.weak),
            "strong": anywhere(config.strong),
            "input": str(there.absolute()) if there.exists() else config.input,
            "labels": config.labels and str(Path(config.labels).absolute()),
            "tokenizer": config.tokenizer and str(Path(config.tokenizer).absolute()),
        }
    )


def _write(folder: Path, study: Study) -> None:
    outcome = as_plain(study.outcome)
    (folder / "config.toml").write_text(to_toml(study.config), encoding="utf-8")
    versions = {name: version(name) for name in LIBRARIES}
    versions["python"] = platform.python_version()
    runs.write_json(folder / "versions.json", {"versions": versions, "seed": study.config.seed})
    runs.write_json(folder / "run.json", outcome)
    geometry = {pair.weak: as_plain(pair.geometry) for pair in study.outcome.pairs}
    runs.write_json(folder / "geometry.json", geometry)
    runs.write_table(folder / "results.parquet", _table(study))
    runs.write_table(folder / "pseudo_labels.parquet", _pseudo_labels(study))
    save_models(folder, study.data, study.trained)
    write_report(folder, outcome)


def _table(study: Study) -> Mapping[str, list[Any]]:
    rows = []
    for route in study.outcome.routes:
        for metric in ("leave_one_out", "risk", "excess_risk", "accuracy"):
            rows.append((route.name, route.kind, route.weak, metric, getattr(route, metric)))
    for pair in study.outcome.pairs:
        for metric in ("pgr", "opr", "opr_raw_mse", "pgr_accuracy"):
            rows.append((f"student ({pair.weak})", "student", pair.weak, metric, getattr(pair, metric)))
    columns: dict[str, list[Any]] = {
        key: []
        for key in (
            "route",
            "kind",
            "weak",
            "metric",
            "value",
            "low",
            "high",
            "level",
            "n",
            "method",
            "reason",
        )
    }
    for name, kind, weak, metric, quantity in rows:
        interval = getattr(quantity, "interval", None) or (None, None)
        values = (
            name,
            kind,
            weak,
            metric,
            getattr(quantity, "value", None),
            *interval,
            getattr(quantity, "level", None),
            getattr(quantity, "n", None),
            getattr(quantity, "method", None),
            getattr(quantity, "reason", None),
        )
        for column, value in zip(columns.values(), values, strict=True):
            column.append(value)
    return columns


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
    text = runs.verified(path, "config.toml").read_text(encoding="utf-8")
    config = from_toml(text, RunConfig, str(path / "config.toml"))
    study = study_run(config, progress, Permissions(tuple(allow_code)))
    before = {route["name"]: route for route in runs.read_json(path, "run.json")["routes"]}
    moved: dict[str, float] = {}
    for route in study.outcome.routes:
        old = before.get(route.name)
        if old is None:
            raise FileError(f"holds no route {route.name!r}", str(path), "It was made by another version.")
        for metric in ("leave_one_out", "risk"):
            new_value, old_value = getattr(getattr(route, metric), "value", None), old[metric].get("value")
            if new_value is not None and old_value is not None:
                change = abs(new_value - old_value) / max(abs(old_value), 1e-300)
                moved[route.name] = max(change, moved.get(route.name, 0.0))
    return study, moved


def predict(
    folder: str | Path,
    features: list[str],
    *,
    model: str = "recommended",
    id_column: str | None = None,
    on_error: Literal["fail", "skip"] | None = None,
    progress: Progress | None = None,
    allow_code: Sequence[str] = (),
) -> dict[str, Any]:
    """Predict new rows with a model of a run.

    Parameters
    ----------
    folder : str or Path
        The run.
    features : list of str
        One file per feature set that the model reads, weak first; rows in any order, matched by id. Of wide
        tables the columns that the run used are read. A run on raw rows takes one input of raw rows, which
        its own models encode.
    model : str
        Name or kind of the model; the recommended route by default.
    id_column : str, optional
        Column of ids; that of the run by default.
    on_error : {"fail", "skip"}, optional
        What is done about raw rows that cannot be read; as in the run by default. Those left out are said.
    progress : callable, optional
        Told what is being done and the share done.
    allow_code : sequence of str
        As for `run`.

    Returns
    -------
    dict
        Columns "id" and "prediction", and one column of scores per class for classification.
    """
    found = load(folder)
    chosen = found.model(model)
    text = runs.verified(found.folder, "config.toml").read_text(encoding="utf-8")
    config: RunConfig = from_toml(text, RunConfig, str(found.folder / "config.toml"))
    arrays = (".npy", ".npz", ".safetensors")
    ready = all(is_store(path) or Path(path).suffix.lower() in arrays for path in features)
    if id_column:
        config = config.model_copy(update={"id_column": id_column})
    if config.input and len(features) == 1 and not ready:
        if on_error:
            config = config.model_copy(update={"on_error": on_error})
        tables = _encode_new(config, features[0], chosen, Permissions(tuple(allow_code)), progress)
        return _predicted(chosen, tables)
    if len(features) != len(chosen.sources):
        names = " and ".join(f"{source.name} ({source.role})" for source in chosen.sources)
        raise ConfigError(
            f"{chosen.name} reads {names}; {len(features)} feature files were given",
            remedy="Give one --input per feature set, in that order.",
        )
    tables = [
        read_features(
            path,
            feature_columns=source.columns or config.feature_columns,
            id_column=config.id_column,
        )
        for path, source in zip(features, chosen.sources, strict=True)
    ]
    return _predicted(chosen, tables)


def _encode_new(
    config: RunConfig,
    source: str,
    chosen: SavedModel,
    permissions: Permissions,
    progress: Progress | None,
) -> list[FeatureTable]:
    raw = bare_rows(config, source)
    by_name = {parse_model(entry, raw.kind).name: entry for entry in (*config.weak, config.strong)}
    models = []
    for wanted in chosen.sources:
        name = wanted.name.removesuffix(" (strong)") if wanted.name not in by_name else wanted.name
        if name not in by_name:
            raise ConfigError(
                f"{chosen.name} reads {wanted.name!r}, which no model of the run makes",
                source,
                "Name another --model.",
            )
        models.append(by_name[name])
    labels = [wanted.encoder for wanted in chosen.sources if wanted.encoder]

    def check(encoder: Encoder) -> None:
        # Said before anything is encoded; what is in the cache already is refused when it is read.
        for one in encoder.identities:
            label = encoder_label(one.name, one.digest)
            if not any(same_encoder(label, known) for known in labels):
                raise DataError(
                    f"the model is no longer that of the run: it is {label!r} now, and is none of"
                    f" {quoted(labels)}",
                    one.name,
                    "Put the model of the run back where it was, or run again with this one.",
                )

    made = encoded(config, raw, models, permissions, progress, check)
    left = dict(pair for found in made for pair in found.skipped)
    if left:
        name, reason = next(iter(left.items()))
        _log.warning("no prediction for %d rows: %s (%s: %s)", len(left), quoted(list(left)), name, reason)
    tables = [read_features(found.folder, name=found.name) for found in made]
    return [
        replace(table, identity=replace(table.identity, source=entry))
        for table, entry in zip(tables, models, strict=True)
    ]


def _predicted(chosen: SavedModel, tables: Sequence[FeatureTable]) -> dict[str, Any]:
    joined = join(list(tables[1:]), tables[0], None)
    aligned = [
        replace(table, values=values)
        for table, values in zip(tables, (joined.strong, *joined.weak), strict=True)
    ]
    columns: dict[str, Any] = {"id": joined.ids.tolist(), "prediction": chosen.predict(*aligned)}
    if chosen.task == "classification":
        scores = chosen.scores(*aligned)
        columns |= {f"score: {label}": scores[:, k] for k, label in enumerate(chosen.classes)}
    return columns


def write_columns(columns: Mapping[str, Any], out: Path | None) -> None:
    """Write predictions as CSV or Parquet, whole or not at all.

    Parameters
    ----------
    columns : mapping of str to sequence
        Equal lengths.
    out : Path or None
        The file, its kind told by its ending; None prints CSV.
    """
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    table = pa.table(dict(columns))
    if out is None:
        sys.stdout.flush()
        pyarrow.csv.write_csv(table, sys.stdout.buffer)
        return
    kinds = {".csv": pyarrow.csv.write_csv, ".parquet": pyarrow.parquet.write_table}
    if out.suffix not in kinds:
        raise ConfigError(
            f"cannot write {out.suffix or 'a file without ending'}", str(out), "Use .csv or .parquet."
        )
    with runs.new_file(out) as work:
        kinds[out.suffix](table, work)


def redraw(folder: str | Path) -> Path:
    """Draw the report of a run again, from its findings alone.

    Parameters
    ----------
    folder : str or Path
        The run.

    Returns
    -------
    Path
        The report.
    """
    path = runs.open_folder(folder)
    outcome = runs.read_json(path, "run.json")
    with runs.replacing(path, "report.html") as work:
        write_report(work, outcome)
    return path / "report.html"


def encode(
    config: EncodeConfig,
    out: str | Path | None = None,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
    allow_code: Sequence[str] = (),
) -> list[Encoding]:
    """Turn raw rows into feature sets, one per model.

    Parameters
    ----------
    config : EncodeConfig
        Rows, models and how.
    out : str or Path, optional
        Folder to put the sets in, each under its name; by default they stay in the cache.
    overwrite : bool
        Replace other sets of those names there.
    progress : callable, optional
        Told what is being done and the share done.
    allow_code : sequence of str
        Callables that may be imported, and models whose own code may run.

    Returns
    -------
    list of Encoding
        One per model, in their order.
    """
    raw = raw_rows(config, config.input)
    # Names come from the user and from file names: they must not lead out of the folder, nor to one place.
    names = [parse_model(model, raw.kind).name for model in config.model]
    names = [name.replace("/", "-").lstrip(".") or "features" for name in names]
    if out is not None and len({name.casefold() for name in names}) < len(set(config.model)):
        raise ConfigError(
            f"two feature sets would be one folder: {', '.join(names)}", str(out), "Name them: small=MODEL."
        )
    made = encoded(config, raw, config.model, Permissions(tuple(allow_code)), progress)
    if out is None:
        return made
    return [
        replace(found, folder=export(found.folder, Path(out) / name, overwrite))
        for found, name in zip(made, names, strict=True)
    ]


def inspect(
    model: str,
    config: RawConfig | None = None,
    *,
    kind: str = "text",
    source: str | None = None,
    rows: int = 100_000,
    allow_code: Sequence[str] = (),
) -> Inspection:
    """Look at a model before it is trusted with many rows.

    Parameters
    ----------
    model : str
        As in `EncodeConfig`.
    config : RawConfig, optional
        How rows are read and encoded.
    kind : {"text", "image"}
        What the model reads, where no rows are given.
    source : str, optional
        Raw rows to try it on; made-up ones by default.
    rows : int
        Rows to estimate time and room for.
    allow_code : sequence of str
        As for `encode`.

    Returns
    -------
    Inspection
        What it is, whether it can be trusted, and what it costs.
    """
    config = config or RawConfig()
    raw = raw_rows(config, source) if source is not None else None
    options = encoder_options(config, Permissions(tuple(allow_code)))
    spec = parse_model(model, raw.kind if raw is not None else kind)
    return inspect_model(spec, options, raw, kind, rows, config.dtype)


def verify(store: str | Path) -> list[str]:
    """Check every page and id of a feature store.

    Parameters
    ----------
    store : str or Path
        Its folder.

    Returns
    -------
    list of str
        All that is wrong; empty for a sound store.
    """
    return [str(finding) for finding in verify_store(store)]


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
        Plain values: "strong", "note" and the geometry of each pair under "pairs".
    """
    return study_measure(config, progress, Permissions(tuple(allow_code)))


def demo(
    out: str | Path,
    config: DemoConfig | None = None,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> dict[Path, Mapping[str, Any]]:
    """Run the main job twice on embedded real data: where W2S may help, and where it does not.

    Parameters
    ----------
    out : str or Path
        Folder for the data as files and the two runs.
    config : DemoConfig, optional
        Seed.
    overwrite : bool
        Replace the runs of an earlier demo.
    progress : callable, optional
        Told what is being done and the share done.

    Returns
    -------
    dict of Path to dict
        Folder and findings of each run.
    """
    seed = (config or DemoConfig()).seed
    movies = load_movies()
    folder = Path(out)
    cases = {
        "layer8-to-mpnet-n100": (
            ("mpnet-layer8",),
            100,
            "One model, two layers: does mpnet outgrow its own layer 8?",
        ),
        "minilm-to-mpnet-n400": (
            ("minilm-l3", "minilm-l6"),
            400,
            "Does mpnet outgrow two small MiniLM teachers?",
        ),
    }
    for name in cases:
        runs.check_target(folder / name, overwrite)
    # The features are 13 MB; each run asks for its own room again.
    runs.room_for(folder, 80_000_000)
    try:
        files = write_demo_inputs(folder / "data", seed)
    except OSError as error:
        raise runs.unwritable(error, folder) from None
    made: dict[Path, Mapping[str, Any]] = {}
    for name, (weak, n, title) in cases.items():
        settings = RunConfig(
            weak=tuple(str(files[teacher]) for teacher in weak),
            strong=str(files["mpnet"]),
            labels=str(files["labels"]),
            label_column="label",
            split_column="split",
            truth_column="rating",
            truth_variance=movies.truth_error_variance,
            noise_variance=movies.noise_variance,
            task="regression",
            n=n,
            seed=seed,
            title=title,
            note="of the reduced features: 256 leading principal components of mpnet, 128 of the others",
        )
        made[folder / name] = run(settings, folder / name, overwrite=overwrite, progress=progress).outcome
    return made
