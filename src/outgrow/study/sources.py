"""Where a study's feature sets and labels come from: files of features, or raw rows encoded on the way.

Raw rows and models are turned into stores in the cache first; from there on a store is a feature set like any
other. A teacher of whom only pseudo-labels are known is a weak set of few columns.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from outgrow.config import DataConfig, MeasureConfig, RawConfig, RunConfig, named_path
from outgrow.data.columnar_features import BESIDE
from outgrow.data.features_file import FeatureTable, read_features
from outgrow.data.files import ending_of
from outgrow.data.labels import NO_SPLIT, LabelTable, read_labels
from outgrow.data.numeric import check_spread
from outgrow.data.open_table import FORMATS
from outgrow.data.pseudo_labels import combined, find_columns, read_pseudo_labels
from outgrow.data.raw import RawRows
from outgrow.errors import ConfigError, DataError
from outgrow.features.encode import Encoding
from outgrow.features.encode import encode as encode_rows
from outgrow.features.model_spec import parse_model
from outgrow.features.probe import probe
from outgrow.features.protocols import Encoder
from outgrow.features.raw_sources import raw_rows as raw_rows
from outgrow.features.raw_sources import text_style as text_style

Mixing = Float[np.ndarray, "columns d"]
"""What turns the columns that a set was made of into its features."""

Progress = Callable[[str, float], None]
"""Told what is being done and the share done so far."""

PROBED = 4
"""Rows that every model is probed on before it encodes: dropout and leaking padding show in any row, and long
texts are expensive (mpnet, one thread of a busy machine: about a second a row; MiniLM-L6 .15)."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Permissions:
    """What the user allowed on this command line; no configuration or run can."""

    code: tuple[str, ...] = ()
    """Callables that may be imported, and models whose own code may run."""


NOTHING = Permissions()
"""No foreign code."""


def bare_rows(config: RawConfig, source: str) -> RawRows:
    """Read raw rows without what stands beside them: labels, groups and parts."""
    nothing = {"label_column": None, "group_column": None, "split_column": NO_SPLIT}
    return raw_rows(config.model_copy(update=nothing), source)


def encoded(
    config: RawConfig,
    raw: RawRows,
    models: Sequence[str],
    permissions: Permissions = NOTHING,
    progress: Progress | None = None,
    check: Callable[[Encoder], None] | None = None,
) -> list[Encoding]:
    """Encode raw rows with every model named; what a probe finds wrong with a model is a warning."""
    specs = [parse_model(model, raw.kind) for model in models]

    def checked(encoder: Encoder) -> None:
        if check is not None:
            check(encoder)
        try:
            checks = probe(encoder, _distinct(raw.items))
        except DataError:
            return  # rows that cannot be read are reported, by name, where they are encoded
        for one in checks:
            _log.warning("%s. %s", one, one.remedy)

    return encode_rows(raw, specs, config, permissions.code, progress=progress, check=checked)


def _distinct(items: Sequence[Any]) -> list[Any]:
    """Give a few rows to probe with: no text twice, or equal features would be no wonder."""
    some = list(items[: 16 * PROBED])
    return (some if isinstance(some[0], np.ndarray) else list(dict.fromkeys(some)))[:PROBED]


def feature_sets(
    config: DataConfig,
    raw: RawRows | None,
    exclude: Sequence[str] = (),
    permissions: Permissions = NOTHING,
    progress: Progress | None = None,
) -> tuple[list[FeatureTable], FeatureTable]:
    """Read, or make, every feature set that a configuration names."""
    entries = (*config.weak, config.strong)
    if raw is None:
        named = [named_path(entry) for entry in entries]
    else:
        encodings = encoded(config, raw, list(dict.fromkeys(entries)), permissions, progress)
        folder = {made.name: made.folder for made in encodings}
        names = [parse_model(entry, raw.kind).name for entry in entries]
        named = [(name, folder[name]) for name in names]
    weak = [name for name, _ in named[:-1]]
    if len(set(weak)) < len(weak):
        raise ConfigError(
            "two weak feature sets have the same name", ", ".join(weak), "Name them: --weak small=FILE."
        )
    tables = [
        read_features(
            path,
            name=name,
            feature_columns=config.feature_columns,
            id_column=config.id_column,
            exclude=(*BESIDE, *exclude),
            style=text_style(config),
        )
        for name, path in named
    ]
    return tables[:-1], tables[-1]


def label_table(config: RunConfig, raw: RawRows | None) -> LabelTable:
    """Read the labels that a configuration names."""
    if config.labels is not None:
        return _labels(config, config.labels, config.label_column, config.truth_column)
    if raw is None:
        raise ConfigError("--labels is missing", remedy="Name a table of labels.")
    if raw.labels is None:
        raise DataError(
            "the raw rows hold no labels", raw.source, "Name their column, or a table (--labels)."
        )
    if config.truth_column:
        path = labels_path(config)
        if path is None:
            raise ConfigError(
                "the truth is a column of a table",
                "--truth-column",
                f"Name it by --labels: one of {', '.join(FORMATS)}.",
            )
        table = _labels(config, path, config.label_column, config.truth_column)
        if not table.has_ids:
            raise _without_ids(config.truth_column, raw.source, config.id_column)
        return table
    return LabelTable(
        ids=raw.ids,
        values=raw.labels,
        split=raw.split,
        groups=raw.groups,
        source=raw.source,
        split_column=raw.split_column,
        checks=raw.checks,
    )


def _without_ids(column: str, where: str, id_column: str) -> DataError:
    return DataError(
        f"rows without ids cannot be joined with the column {column!r}",
        where,
        f"Give the table a column {id_column!r}.",
    )


def labels_path(config: RunConfig | MeasureConfig) -> str | None:
    """Find the table of labels: the one named, or the raw rows' own where they stand in one."""
    if config.labels is not None:
        return config.labels
    usual = config.layout in ("auto", "text", "table")
    if config.input and usual and ending_of(Path(config.input)) in FORMATS:
        return config.input
    return None


def _labels(config: RunConfig, path: str, label: str | None, truth: str | None) -> LabelTable:
    return read_labels(
        path,
        label_column=label,
        id_column=config.id_column,
        split_column=config.split_column,
        group_column=config.group_column,
        truth_column=truth,
        style=text_style(config),
    )


def given_columns(
    config: RunConfig | MeasureConfig,
) -> list[tuple[str, Path, tuple[str, ...]]]:
    """Find every given teacher's name, file and columns."""
    table, style = labels_path(config), text_style(config)
    given = [find_columns(entry, table, config.id_column, style) for entry in config.pseudo_labels]
    names = [name for name, _, _ in given]
    if len(set(names)) < len(names):
        raise ConfigError(
            "two given teachers have the same name", ", ".join(names), "Name them: --pseudo-labels a=COLUMN."
        )
    return given


def given_teachers(
    given: Sequence[tuple[str, Path, tuple[str, ...]]],
    ids: np.ndarray,
    config: RawConfig,
    classes: Sequence[int | float | str] = (),
) -> dict[str, tuple[FeatureTable, Mixing | None]]:
    """Read given teachers as weak feature sets, and make sets of them all where there are several.

    With each comes what mixes its columns, where they are not its features as they stand.
    """
    tables = {
        name: read_pseudo_labels(
            path,
            columns,
            ids,
            name=name,
            id_column=config.id_column,
            classes=classes,
            style=text_style(config),
        )
        for name, path, columns in given
    }
    made: dict[str, tuple[FeatureTable, Mixing | None]] = {name: (t, None) for name, t in tables.items()}
    for name, table in tables.items():
        check_spread(table.values, name, table.identity.columns)
    return made | combined(tables)


def second_labels(config: RunConfig, column: str, ids: np.ndarray) -> np.ndarray:
    """Read another column of labels, in the order of the rows."""
    path = labels_path(config)
    if path is None:
        raise ConfigError(
            "repeated labels are a column of a table", "--repeat-column", "Name it by --labels."
        )
    table = _labels(config, path, column, None)
    place = {name: row for row, name in enumerate(table.ids.tolist())}
    values = np.full(len(ids), np.nan, dtype=table.values.dtype)
    there = [row for row, name in enumerate(ids.tolist()) if name in place]
    values[there] = table.values[[place[ids[row]] for row in there]]
    return values
