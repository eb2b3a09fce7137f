"""Movie reviews with their raters: the embedded components, or the user's own features of the same kind.

A sweep on them has labels of real noise whose variance is known, and scores against mean ratings whose own
error is known too: risks are excess risks, and ratios of them the OPR.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from outgrow.config import LabelConfig, RunConfig
from outgrow.data.labels import NO_SPLIT
from outgrow.errors import ConfigError
from outgrow.reproductions.at_hand import ASIDE, at_hand
from outgrow.reproductions.raters import Raters, read_raters
from outgrow.results import Check
from outgrow.study.prepare import prepare
from outgrow.study.sources import NOTHING, Permissions, Progress
from outgrow.sweeps.grid import SweepData
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


@dataclass(frozen=True, eq=False)
class RatedRows:
    """Feature sets of rows that several raters have rated."""

    views: Mapping[str, Float[np.ndarray, "rows _"]]
    """Feature sets by name."""
    teachers: tuple[str, ...]
    """All names but the student's."""
    student: str
    """Name of the strong set."""
    train: Int[np.ndarray, " R"]
    """Rows to deal from, and to score on."""
    test: Int[np.ndarray, " T"]
    """Rows to deal from, and to score on."""
    raters: Raters
    """Of the rows to deal from."""
    scorers: Raters
    """Of the test rows."""
    embedded: bool
    """Whether these are the embedded components."""
    dead: int = 0
    """Columns left out."""
    checks: tuple[Check, ...] = ()
    """Suspicions about the data."""

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Every teacher with the student."""
        return tuple((teacher, self.student) for teacher in self.teachers)

    @property
    def noise_variance(self) -> float:
        """Variance of one rater around the true mean, averaged over the rows dealt."""
        return float(self.raters.variance.mean())

    def data(self) -> SweepData:
        """Give what a sweep is measured on."""
        return SweepData(
            views=self.views,
            train=self.train,
            test=self.test,
            labels=self.raters,
            truth=self.scorers.mean[:, None],
            truth_variance=self.scorers.mean_error,
        )


def embedded_rows() -> RatedRows:
    """Take the embedded components."""
    movies = load_movies()
    raters = Raters.of(movies.ids, movies.raters)
    train, test = np.flatnonzero(~movies.is_test), np.flatnonzero(movies.is_test)
    teachers = tuple(name for name in movies.features if name != STUDENT)
    return RatedRows(
        movies.features, teachers, STUDENT, train, test, raters.rows(train), raters.rows(test), True
    )


def rated_rows(
    config: LabelConfig, permissions: Permissions = NOTHING, progress: Progress | None = None
) -> RatedRows:
    """Read the features, or encode the texts, that a configuration names, and their raters."""
    table = config.labels or config.input
    if table is None:
        raise ConfigError(
            "the raters of the reviews are in no table", "--labels", "Name the table that holds them."
        )
    own = {key: value for key, value in dict(config).items() if key in LabelConfig.model_fields}
    own |= {"task": "regression", "label_column": config.label_column or RATING}
    if not config.split_column:
        own["split_column"] = NO_SPLIT  # published experiments draw; a column has to be asked for
    if not (config.test or config.split_column):
        own["test"] = SHARE
    found = prepare(RunConfig(n=ASIDE, **own), permissions, progress, moments=False, deal=True)
    rows = at_hand(found)
    train, test = (
        read_raters(table, found.ids[part].tolist(), config.id_column) for part in (rows.train, rows.test)
    )
    views = {name: _alive(view, rows.train) for name, view in rows.views.items()}
    dead = sum(rows.views[name].shape[1] - view.shape[1] for name, view in views.items())
    return RatedRows(
        views=views,
        teachers=rows.teachers,
        student=rows.student,
        train=rows.train,
        test=rows.test,
        raters=train,
        scorers=test,
        embedded=False,
        dead=dead,
        checks=rows.checks,
    )


def _alive(view: Float[np.ndarray, "rows d"], train: Int[np.ndarray, " R"]) -> Float[np.ndarray, "rows e"]:
    # About the first row: the mean of a constant column is rounded, and would give it a variance.
    spread = np.var(view[train] - view[train[0]], axis=0, dtype=np.float64)
    alive = spread > DEAD * spread.mean()
    return view if alive.all() else np.ascontiguousarray(view[:, alive])
