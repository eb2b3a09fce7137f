"""Predict new rows with a model of a run, and write what comes out."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from outgrow import runs
from outgrow.config import RunConfig
from outgrow.data.feature_folder import is_store
from outgrow.data.feature_manifest import encoder_label, same_encoder
from outgrow.data.features_file import FeatureTable, read_features
from outgrow.data.files import quoted
from outgrow.data.join import join
from outgrow.data.raw import RawRows
from outgrow.engine.threads import few_threads
from outgrow.errors import ConfigError, DataError, printable
from outgrow.features.model_spec import parse_model
from outgrow.features.protocols import Encoder
from outgrow.linalg.rows import BATCH_ROWS
from outgrow.study.memory import PROGRAM, Memory
from outgrow.study.saved import LoadedRun, SavedModel, load
from outgrow.study.sources import Permissions, Progress, bare_rows, encoded, text_style
from outgrow.targets import check_writable

ENDINGS = (".csv", ".parquet", ".jsonl", ".ndjson")
"""Of files that predictions are written to; the last two are JSON lines."""

_log = logging.getLogger(__name__)


@few_threads()
def predict(
    folder: str | Path,
    features: list[str],
    *,
    model: str = "recommended",
    id_column: str | None = None,
    on_error: Literal["fail", "skip"] | None = None,
    with_text: bool = False,
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
    with_text : bool
        Put the text of every raw row (both of a pair; of pictures the path) beside its prediction.
    progress : callable, optional
        Told what is being done and the share done.
    allow_code : sequence of str
        As for `run`.

    Returns
    -------
    dict
        Columns "id" (of arrays the row number), of raw rows "row" (its number in the input, from 0) and texts
        where asked, "prediction", and one column of scores per class for classification.
    """
    run = load(folder)
    chosen = run.model(model)
    config: RunConfig = runs.read_config(run.folder, RunConfig)
    arrays = (".npy", ".npz", ".safetensors")
    ready = all(is_store(path) or Path(path).suffix.lower() in arrays for path in features)
    if id_column:
        config = config.model_copy(update={"id_column": id_column})
    if config.input and len(features) == 1 and not ready:
        if on_error:
            config = config.model_copy(update={"on_error": on_error})
        raw = bare_rows(config, features[0])
        tables = _encode_new(config, raw, features[0], chosen, Permissions(tuple(allow_code)), progress)
        _make_room(run, tables, progress)
        return _predicted(chosen, tables, raw, with_text)
    if with_text:
        raise ConfigError("features hold no texts", "--with-text", "Give raw rows, as the run had.")
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
            style=text_style(config),
        )
        for path, source in zip(features, chosen.sources, strict=True)
    ]
    _make_room(run, tables, progress)
    return _predicted(chosen, tables)


def _make_room(run: LoadedRun, tables: Sequence[FeatureTable], progress: Progress | None) -> None:
    """Tell what predictions take, and refuse them where that is not there."""
    sources = {id(source): source for model in run.models.values() for source in model.sources}.values()
    held = sum(
        array.nbytes
        for source in sources
        for array in (source.whereabouts.whitener, source.space.basis)
        if array is not None
    )
    read = sum(table.values.nbytes for table in tables)
    # In float64 once to take the centre off, and once side by side.
    scores = sum(2 * 8 * table.values.size for table in tables)
    there = {"program": PROGRAM, "models": held, "rows": read}
    needed = Memory(there | {"scores": scores}, sum(there.values()))
    if progress is not None:
        progress(str(needed), 0.0)
    needed.check()


def _encode_new(
    config: RunConfig,
    raw: RawRows,
    source: str,
    chosen: SavedModel,
    permissions: Permissions,
    progress: Progress | None,
) -> list[FeatureTable]:
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
    left = dict(pair for encoding in made for pair in encoding.skipped)
    if left:
        name, reason = next(iter(left.items()))
        _log.warning("no prediction for %d rows: %s (%s: %s)", len(left), quoted(list(left)), name, reason)
    tables = [read_features(encoding.folder, name=encoding.name) for encoding in made]
    return [
        replace(table, identity=replace(table.identity, source=entry))
        for table, entry in zip(tables, models, strict=True)
    ]


def _predicted(
    chosen: SavedModel,
    tables: Sequence[FeatureTable],
    raw: RawRows | None = None,
    with_text: bool = False,
) -> dict[str, Any]:
    joined = join(list(tables[1:]), tables[0], None)
    aligned = [
        replace(table, values=values)
        for table, values in zip(tables, (joined.strong, *joined.weak), strict=True)
    ]
    ids = joined.ids.tolist()
    columns: dict[str, Any] = {"id": ids}
    if raw is not None:
        place = {name: number for number, name in enumerate(raw.ids.tolist())}
        here = [place[name] for name in ids]
        columns["row"] = [number if raw.rows is None else int(raw.rows[number]) for number in here]
        if with_text:
            columns |= _texts([raw.items[number] for number in here])
    columns["prediction"] = chosen.predict(*aligned)
    if chosen.task == "classification":
        scores = chosen.scores(*aligned)
        columns |= {f"score: {label}": scores[:, k] for k, label in enumerate(chosen.classes)}
    return columns


def _texts(items: Sequence[Any]) -> dict[str, list[str]]:
    if isinstance(items[0], tuple):
        return {"text": [item[0] for item in items], "second text": [item[1] for item in items]}
    if isinstance(items[0], (str, Path)):
        return {"text" if isinstance(items[0], str) else "path": [str(item) for item in items]}
    raise ConfigError("these pictures have neither text nor path", "--with-text", "Leave it out.")


def check_output(out: Path | None, overwrite: bool) -> None:
    """Refuse a file to write predictions to, before any work: of another kind, or there already."""
    if out is None:
        return
    if out.suffix not in ENDINGS:
        raise ConfigError(
            f"cannot write {out.suffix or 'a file without ending'}", str(out), f"Use {', '.join(ENDINGS)}."
        )
    runs.check_file(out, overwrite)
    check_writable(out)


def write_columns(columns: Mapping[str, Any], out: Path | None, overwrite: bool = False) -> None:
    """Write predictions as CSV, Parquet or JSON lines, whole or not at all; None prints CSV."""
    import pyarrow as pa
    import pyarrow.csv

    check_output(out, overwrite)
    table = pa.table(dict(columns))
    if out is None:
        sink = pa.BufferOutputStream()
        pyarrow.csv.write_csv(table, sink)
        text = sink.getvalue().to_pybytes().decode()
        sys.stdout.write(printable(text) if sys.stdout.isatty() else text)
        return
    with runs.new_file(out, overwrite) as work:
        _write(table, work, out.suffix)


def _write(table: Any, out: Path, ending: str) -> None:
    import pyarrow.csv
    import pyarrow.parquet

    if ending == ".csv":
        pyarrow.csv.write_csv(table, out)
    elif ending == ".parquet":
        pyarrow.parquet.write_table(table, out)
    else:
        with out.open("w", encoding="utf-8") as stream:
            for batch in table.to_batches(max_chunksize=BATCH_ROWS):
                stream.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in batch.to_pylist())
