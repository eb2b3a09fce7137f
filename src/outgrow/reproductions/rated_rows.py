"""Rated rows: labels of single raters, mean ratings to score with, and features of teachers and a student.

The noise is real: its variance differs from row to row and is known, since every row has several raters. By
default the embedded reviews in their embedded components; on request the user's features, with a table of
raters. Columns that do not vary are left out of the user's: without a penalty such a column decides whether
its model interpolates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from outgrow.config import LabelConfig
from outgrow.data.files import existing_file, missing_column, quoted
from outgrow.data.tables import COLUMNAR, Columnar, as_ids
from outgrow.errors import ConfigError, DataError
from outgrow.reproductions.at_hand import AtHand, at_hand, prepared
from outgrow.study.sources import NOTHING, Permissions, Progress
from outgrow.sweeps.noisy_labels import NoisyLabels
from outgrow.worlds.rated_movies import Raters, load_movies

RATING, RATERS = "rating", "raters"
"""Columns of a table: what says which rows have labels, where the user names none; and lists of ratings."""

SHARE = 3_000 / 10_605
"""Share of the rows to test on, as embedded."""

LEAST = 2
"""Fewest raters of a row whose variance can be estimated."""

DEAD = 1e-8
"""Variance relative to the mean column's below which a column is left out. Some encoders end in columns that
are constant but for the rounding of float16; a fit without a penalty would count each as a direction, or not,
by that rounding."""


def embedded_rows() -> AtHand:
    """Take the embedded components."""
    movies = load_movies()
    train, test = np.flatnonzero(~movies.is_test), np.flatnonzero(movies.is_test)
    dealt, scorers = movies.raters.rows(train), movies.raters.rows(test)
    return AtHand(
        views=movies.features,
        train=train,
        test=test,
        labels=NoisyLabels(dealt.draw),
        truth=scorers.mean[:, None],
        truth_variance=scorers.mean_error,
        noise_variance=dealt.noise_variance,
        embedded=True,
    )


def rated_rows(
    config: LabelConfig, permissions: Permissions = NOTHING, progress: Progress | None = None
) -> AtHand:
    """Read the features, or encode the texts, that a configuration names, and their raters."""
    table = config.labels or config.input
    if table is None:
        raise ConfigError(
            "the raters of the reviews are in no table", "--labels", "Name the table that holds them."
        )
    changes = {"task": "regression", "label_column": config.label_column or RATING}
    inputs = prepared(config.model_copy(update=changes), SHARE, permissions, progress)
    rows = at_hand(inputs)
    dealt, scorers = (
        read_raters(table, inputs.ids[part].tolist(), config.id_column) for part in (rows.train, rows.test)
    )
    views = {name: _alive(view, rows.train) for name, view in rows.views.items()}
    dead = sum(rows.views[name].shape[1] - view.shape[1] for name, view in views.items())
    return replace(
        rows,
        views=views,
        labels=NoisyLabels(dealt.draw),
        truth=scorers.mean[:, None],
        truth_variance=scorers.mean_error,
        noise_variance=dealt.noise_variance,
        notes=(f"{dead} columns that do not vary were left out.",) if dead else (),
    )


def liked_or_not() -> AtHand:
    """Take the embedded reviews as two classes, disliked and liked, by the vote of a rater or by all."""
    movies, rows = load_movies(), embedded_rows()
    sides = [values[values != 0] for values in movies.raters.rows(rows.train).each()]
    # Of a text that nobody takes a side on, the mean is 0: it counts as disliked, as on the test rows.
    votes = Raters.of(
        [movies.ids[row] for row in rows.train], [side if len(side) else np.array([-1.0]) for side in sides]
    )
    liked = np.array([np.mean(values > 0) for values in votes.each()])
    agreement = float(np.mean(np.maximum(liked, 1 - liked)))
    return replace(
        rows,
        labels=NoisyLabels(partial(_vote, votes), 2),
        truth=_one_hot(movies.rating[rows.test] > 0),
        truth_variance=0.0,
        noise_variance=0.0,
        classes=2,
        unit="the embedded movie reviews, liked or not",
        notes=(
            "Reviews: the class is whether the mean rating is above 0, and test rows are held against it."
            " Labels to train on are raters': the vote of one who took a side, drawn anew by each trial,"
            f" which is that of the majority in {agreement:.0%} of cases on average. So label noise is"
            " real, and no model sees the mean. The features are leading principal components of the"
            " encoders'.",
        ),
    )


def _vote(votes: Raters, seed: int) -> Float[np.ndarray, "R 2"]:
    return _one_hot(votes.draw(seed)[:, 0] > 0)


def _one_hot(positive: np.ndarray) -> Float[np.ndarray, "R 2"]:
    return np.eye(2)[positive.astype(np.int64)]


def read_raters(path: str | Path, ids: Sequence[str], id_column: str = "id") -> Raters:
    """Read the raters of rows from a table."""
    import pyarrow as pa

    file = existing_file(path, tuple(COLUMNAR))
    table = Columnar(file)
    for column, role in ((id_column, "id"), (RATERS, "raters")):
        if column not in table.names:
            raise missing_column(file, column, table.names, role)
    kind = table.schema.field(RATERS).type
    lists = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    if not lists or not (pa.types.is_integer(kind.value_type) or pa.types.is_floating(kind.value_type)):
        raise DataError(
            f"the column {RATERS!r} holds {kind}, not lists of numbers",
            str(path),
            "Write every row's ratings as a list.",
        )
    places = {row: place for place, row in enumerate(as_ids(table.column(id_column), id_column, str(path)))}
    missing = [row for row in ids if row not in places]
    if missing:
        raise DataError(
            f"{len(missing)} rows with features have no raters: {quoted(missing)}",
            str(path),
            "Give theirs, or leave the rows out.",
        )
    read = table.column(RATERS).to_pylist()
    return checked(ids, [np.array(read[places[name]] or (), dtype=np.float64) for name in ids])


def checked(ids: Sequence[str], lists: Sequence[np.ndarray]) -> Raters:
    """Refuse ratings whose noise is not known, or that are no numbers."""
    few = [name for name, values in zip(ids, lists, strict=True) if len(values) < LEAST]
    if few:
        raise DataError(
            f"{len(few)} rows have fewer than {LEAST} raters, so that their noise is not known:"
            f" {quoted(few)}",
            RATERS,
            "Leave such rows out.",
        )
    bad = [name for name, values in zip(ids, lists, strict=True) if not np.isfinite(values).all()]
    if bad:
        raise DataError(
            f"{len(bad)} rows have ratings that are no numbers: {quoted(bad)}", RATERS, "Correct them."
        )
    return Raters.of(ids, lists)


def _alive(view: Float[np.ndarray, "rows d"], train: Int[np.ndarray, " R"]) -> Float[np.ndarray, "rows e"]:
    # About the first row: the mean of a constant column is rounded, and would give it a variance.
    spread = np.var(view[train] - view[train[0]], axis=0, dtype=np.float64)
    alive = spread > DEAD * spread.mean()
    return view if alive.all() else np.ascontiguousarray(view[:, alive])
