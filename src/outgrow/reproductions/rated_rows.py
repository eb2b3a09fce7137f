"""Movie reviews with their raters: the embedded components, or the user's own features of the same kind.

A sweep on them has labels of real noise whose variance is known, and scores against mean ratings whose own
error is known too: risks are excess risks, and ratios of them the OPR.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float, Int

from outgrow.config import LabelConfig
from outgrow.errors import ConfigError
from outgrow.reproductions.at_hand import AtHand, at_hand, prepared
from outgrow.reproductions.raters import Raters, read_raters
from outgrow.study.sources import NOTHING, Permissions, Progress
from outgrow.worlds.rated_movies import load_movies

STUDENT = "mpnet"
"""The student among the embedded encoders; all others teach it."""

RATING = "rating"
"""Column that says which rows have labels, where the user names none."""

SHARE = 3_000 / 10_605
"""Share of the rows to test on, as embedded."""

DEAD = 1e-8
"""Variance relative to the mean column's below which a column is left out. Some encoders end in columns that
are constant but for the rounding of float16; a fit without a penalty would count each as a direction, or not,
by that rounding."""


def embedded_rows() -> AtHand:
    """Take the embedded components."""
    movies = load_movies()
    raters = Raters.of(movies.ids, movies.raters)
    train, test = np.flatnonzero(~movies.is_test), np.flatnonzero(movies.is_test)
    dealt, scorers = raters.rows(train), raters.rows(test)
    return AtHand(
        views=movies.features,
        teachers=tuple(name for name in movies.features if name != STUDENT),
        student=STUDENT,
        train=train,
        test=test,
        labels=dealt,
        truth=scorers.mean[:, None],
        truth_variance=scorers.mean_error,
        noise_variance=float(dealt.variance.mean()),
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
    found = prepared(config.model_copy(update=changes), SHARE, permissions, progress)
    rows = at_hand(found)
    dealt, scorers = (
        read_raters(table, found.ids[part].tolist(), config.id_column) for part in (rows.train, rows.test)
    )
    views = {name: _alive(view, rows.train) for name, view in rows.views.items()}
    dead = sum(rows.views[name].shape[1] - view.shape[1] for name, view in views.items())
    return replace(
        rows,
        views=views,
        labels=dealt,
        truth=scorers.mean[:, None],
        truth_variance=scorers.mean_error,
        noise_variance=float(dealt.variance.mean()),
        notes=(f"{dead} columns that do not vary were left out.",) if dead else (),
    )


def _alive(view: Float[np.ndarray, "rows d"], train: Int[np.ndarray, " R"]) -> Float[np.ndarray, "rows e"]:
    # About the first row: the mean of a constant column is rounded, and would give it a variance.
    spread = np.var(view[train] - view[train[0]], axis=0, dtype=np.float64)
    alive = spread > DEAD * spread.mean()
    return view if alive.all() else np.ascontiguousarray(view[:, alive])
