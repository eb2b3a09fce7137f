"""Models and rows at hand that a published experiment is done again with: read, joined by id, parted once.

Every feature set that the user names is read as a run reads it; all but one are teachers of the last. Rows
with labels are parted into those to test on and those that a sweep deals from. Where there are fewer rows
than were published on, sizes shrink in proportion.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from outgrow.config import LabelConfig, RunConfig
from outgrow.data.join import Joined
from outgrow.data.labels import NO_SPLIT
from outgrow.data.numeric import check_spread
from outgrow.data.splits import draw_split
from outgrow.data.task import choose_task, encode
from outgrow.errors import DataError
from outgrow.results import Check
from outgrow.study.prepare import Prepared, prepare
from outgrow.study.sources import NOTHING, Permissions, Progress
from outgrow.study.sweep.grid import LabelDraws, SweepData
from outgrow.study.sweep.labels import NoisyLabels

LEAST = 4
"""Fewest rows of any size: what a run asks for, too."""

ASIDE = 20
"""Rows read as labelled, since reading asks for some: every seed deals all rows to train on anew."""

DEALT = "OG102"
"""Says that labelled rows and pool differ; here both are dealt at random from the same rows."""


@dataclass(frozen=True, eq=False)
class AtHand:
    """Feature sets of the same rows, with labels.

    Parameters
    ----------
    views : mapping of str to array of shape (rows, d)
        Feature sets by name.
    teachers : tuple of str
        All names but the student's.
    student : str
        Name of the strong set.
    train, test : integer arrays
        Rows to deal from, and to score on.
    y : array of shape (rows, k)
        Labels: one column, or one-hot codes; NaN where unknown, which no row of `train` and `test` is.
    classes : tuple
        Classes in the order of the columns of `y`; empty for a regression.
    left_out : int
        Rows that have no label.
    checks : tuple of Check
        Suspicions about the data.
    """

    views: Mapping[str, Float[np.ndarray, "rows _"]]
    teachers: tuple[str, ...]
    student: str
    train: Int[np.ndarray, " R"]
    test: Int[np.ndarray, " T"]
    y: Float[np.ndarray, "rows k"]
    classes: tuple[object, ...]
    left_out: int
    checks: tuple[Check, ...]

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Every teacher with the student."""
        return tuple((teacher, self.student) for teacher in self.teachers)

    @property
    def rows(self) -> int:
        """Rows with labels: those to deal from, and those to score on."""
        return len(self.train) + len(self.test)

    def data(self, labels: LabelDraws | None = None) -> SweepData:
        """Give what a sweep is measured on.

        Parameters
        ----------
        labels : LabelDraws, optional
            Of the rows to train on; those at hand with noise added by default.

        Returns
        -------
        SweepData
            Scored on the test rows' own labels.
        """
        count = len(self.classes)
        return SweepData(
            views=self.views,
            train=self.train,
            test=self.test,
            labels=NoisyLabels(self.y[self.train], count) if labels is None else labels,
            truth=self.y[self.test],
            classes=count,
        )


def models_at_hand(
    config: LabelConfig,
    share: float,
    permissions: Permissions = NOTHING,
    progress: Progress | None = None,
) -> AtHand:
    """Read the models and rows that a configuration names.

    Parameters
    ----------
    config : LabelConfig
        Feature sets or models, and labels.
    share : float
        Share of the rows to test on, where neither `config.test` nor a split column says.
    permissions : Permissions
        What may be run.
    progress : callable, optional
        Told what is being done and the share done.

    Returns
    -------
    AtHand
        Joined and parted.

    Raises
    ------
    DataError
        When no row is left to test on; what reading raises besides.
    """
    own = {key: value for key, value in dict(config).items() if key in LabelConfig.model_fields}
    if not config.split_column:
        own["split_column"] = NO_SPLIT  # published experiments draw; a column has to be asked for
    if not (config.test or config.split_column):
        own["test"] = share
    return at_hand(prepare(RunConfig(n=ASIDE, **own), permissions, progress, moments=False, deal=True))


def at_hand(found: Prepared) -> AtHand:
    """Take what was read of a run, its rows to train on all being alike.

    Parameters
    ----------
    found : Prepared
        As it was read.

    Returns
    -------
    AtHand
        Rows without labels are left out.

    Raises
    ------
    DataError
        When no row is left to test on.
    """
    if not len(found.split.test):
        raise DataError(
            "no row is left to test on", "the labels", "Name test rows in the split column, or give --test."
        )
    known = ~np.isnan(found.y).any(axis=1)
    dealt = np.sort(np.concatenate([found.split.labelled, found.split.unlabelled]))
    return AtHand(
        views={**found.weak, found.strong_name: found.strong},
        teachers=tuple(found.weak),
        student=found.strong_name,
        train=dealt[known[dealt]],
        test=found.split.test,
        y=found.y,
        classes=found.classes,
        left_out=int((~known[dealt]).sum()),
        checks=tuple(check for check in found.checks if check.code != DEALT),
    )


def parted(joined: Joined, names: Sequence[str], test: float, seed: int) -> AtHand:
    """Part rows of classes that were read by other ways than a run's.

    Parameters
    ----------
    joined : Joined
        Feature sets and labels by id; all rows have labels, which are classes.
    names : sequence of str
        Of the feature sets, the student's last.
    test : float
        Share or number of rows to test on.
    seed : int
        Seed of the draw, which hangs on ids alone.

    Returns
    -------
    AtHand
        Every row in one of two parts.
    """
    _, classes, _ = choose_task(joined.labels, "classification", ids=joined.ids)
    split = draw_split(joined.has_label, ids=joined.ids, test=test, seed=seed)
    views = dict(zip(names, (*joined.weak, joined.strong), strict=True))
    for name, values in views.items():
        check_spread(values, name)
    return AtHand(
        views=views,
        teachers=tuple(names[:-1]),
        student=names[-1],
        train=split.labelled,
        test=split.test,
        y=encode(joined.labels, "classification", classes, ids=joined.ids),
        classes=tuple(classes),
        left_out=0,
        checks=joined.checks,
    )


def scaled(sizes: Sequence[int], rows: int, published: int) -> tuple[int, ...]:
    """Shrink published sizes to the rows at hand, in proportion.

    Parameters
    ----------
    sizes : sequence of int
        As published.
    rows : int
        Rows at hand to train on.
    published : int
        Rows that sizes are meant for; with as many or more at hand they stay as they are.

    Returns
    -------
    tuple of int
        Increasing, each once, none below `LEAST`.

    Examples
    --------
    >>> scaled((500, 2_000, 10_000), 20_000, 20_000)
    (500, 2000, 10000)
    >>> scaled((500, 2_000, 10_000), 200, 20_000)
    (5, 20, 100)
    """
    factor = min(1.0, rows / published)
    return tuple(sorted({max(LEAST, round(size * factor)) for size in sizes}))


def sized(
    given: Sequence[int], usual: Sequence[int], centre: int, rows: int, published: int
) -> tuple[tuple[int, ...], int]:
    """Choose the sizes of one axis, and the one that is held while the other axis runs.

    Parameters
    ----------
    given : sequence of int
        What the user names; nothing for the usual ones.
    usual : sequence of int
        Sizes for as many rows as were published on.
    centre : int
        The published size that is held.
    rows : int
        Rows at hand to train on.
    published : int
        Rows that the usual sizes are meant for.

    Returns
    -------
    sizes : tuple of int
        Increasing.
    held : int
        The one that is nearest to the centre, in proportion to the rows.

    Examples
    --------
    >>> sized((), (500, 2_000, 4_000), 2_000, 200, 20_000)
    ((5, 20, 40), 20)
    >>> sized((100, 300), (500, 2_000, 4_000), 2_000, 20_000, 20_000)
    ((100, 300), 300)
    """
    sizes = tuple(sorted(set(given))) or scaled(usual, rows, published)
    return sizes, nearest(sizes, centre * min(1.0, rows / published))


def nearest(sizes: Sequence[int], wanted: float | int) -> int:
    """Choose the size of a grid that is nearest to one wanted, in ratio.

    Parameters
    ----------
    sizes : sequence of int
        Of the grid.
    wanted : float
        What is looked for.

    Returns
    -------
    int
        One of the sizes; the smaller of two equally near.

    Examples
    --------
    >>> nearest((100, 400, 3_000), 1_000)
    400
    """
    return min(sizes, key=lambda size: (abs(math.log(size / wanted)), size))


def plain_name(name: str) -> str:
    """Bring the name of a model to letters and figures alone, so that spellings of it meet.

    Parameters
    ----------
    name : str
        As the user, a file or a paper spells it.

    Returns
    -------
    str
        Lower case.

    Examples
    --------
    >>> plain_name("ResNet-18"), plain_name("CLIP-B/32")
    ('resnet18', 'clipb32')
    """
    return re.sub(r"[^a-z0-9]", "", name.lower())


def known_as(name: str, published: Mapping[str, Any] | Sequence[str]) -> str | None:
    """Find which published model a name is of.

    Parameters
    ----------
    name : str
        As the user or a file spells it.
    published : mapping or sequence of str
        Published spellings.

    Returns
    -------
    str or None
        The published spelling; None where it is none of them.

    Examples
    --------
    >>> known_as("resnet_18", ("ResNet-18", "ResNet-34")), known_as("vit", ("ResNet-18",))
    ('ResNet-18', None)
    """
    spelt = {plain_name(each): each for each in published}
    return spelt.get(plain_name(name))
