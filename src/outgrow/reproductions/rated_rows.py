"""Movie reviews with their raters: the embedded components, or the user's own features of the same kind.

A sweep on them has labels of real noise whose variance is known, and scores against mean ratings whose own
error is known too: risks are excess risks, and ratios of them the OPR.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

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


@dataclass(frozen=True, eq=False)
class RaterSigns:
    """Whether one rater, drawn anew by every seed from those who took a side, likes the film."""

    votes: Raters
    """Votes that are not 0."""

    def draw(self, noise: float, seed: int) -> Float[np.ndarray, "R 2"]:
        """Draw the labels of one seed."""
        return one_hot(self.votes.draw(noise, seed)[:, 0] > 0)

    @property
    def agreement(self) -> float:
        """Share of such votes that are the majority's, averaged over texts."""
        liked = np.add.reduceat(self.votes.values > 0, self.votes.starts, dtype=np.float64) / self.votes.sizes
        return float(np.mean(np.maximum(liked, 1 - liked)))


def one_hot(positive: np.ndarray) -> Float[np.ndarray, "R 2"]:
    """Code two classes."""
    return np.eye(2)[positive.astype(np.int64)]


def liked_or_not() -> AtHand:
    """Take the embedded reviews as two classes: whether a film is liked."""
    movies = load_movies()
    train, test = np.flatnonzero(~movies.is_test), np.flatnonzero(movies.is_test)
    sides = [movies.raters[row][movies.raters[row] != 0] for row in train]
    # Of a text that nobody takes a side on, the mean is 0: it counts as disliked, as on the test rows.
    votes = Raters.of(
        [movies.ids[row] for row in train], [own if len(own) else np.array([-1]) for own in sides], least=1
    )
    labels = RaterSigns(votes)
    *teachers, student = movies.features
    return AtHand(
        views=movies.features,
        teachers=tuple(teachers),
        student=student,
        train=train,
        test=test,
        labels=labels,
        truth=one_hot(movies.rating[test] > 0),
        classes=("disliked", "liked"),
        unit="the embedded movie reviews, liked or not",
        notes=(
            "Reviews: the class is whether the mean rating is above 0, and test rows are held against it."
            " Labels to train on are raters': the vote of one who took a side, drawn anew by each trial,"
            f" which is that of the majority in {labels.agreement:.0%} of cases on average. So label noise is"
            " real, and no model sees the mean. The features are leading principal components of the"
            " encoders'.",
        ),
        embedded=True,
    )


def _alive(view: Float[np.ndarray, "rows d"], train: Int[np.ndarray, " R"]) -> Float[np.ndarray, "rows e"]:
    # About the first row: the mean of a constant column is rounded, and would give it a variance.
    spread = np.var(view[train] - view[train[0]], axis=0, dtype=np.float64)
    alive = spread > DEAD * spread.mean()
    return view if alive.all() else np.ascontiguousarray(view[:, alive])
