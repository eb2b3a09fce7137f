"""Models and rows at hand that a published experiment is done again with: read, joined by id, parted once.

Every feature set that the user names is read as a run reads it; all but one are teachers of the last. Rows
with labels are parted into those to test on and those that a sweep deals from. Where there are fewer rows
than were published on, sizes shrink in proportion.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from outgrow.config import LabelConfig, RunConfig
from outgrow.data.join import Joined, join
from outgrow.data.labels import NO_SPLIT, LabelTable
from outgrow.data.numeric import check_spread
from outgrow.data.raw import RawRows
from outgrow.data.splits import draw_split
from outgrow.data.task import choose_task, encode
from outgrow.errors import DataError
from outgrow.results import Check
from outgrow.study.prepare import Prepared, prepare
from outgrow.study.sources import NOTHING, Permissions, Progress, feature_sets
from outgrow.sweeps.grid import SweepData
from outgrow.sweeps.noisy_labels import NoisyLabels

LEAST = 4
"""Fewest rows of any size: what a run asks for, too."""

ASIDE = 20
"""Rows read as labelled, since reading asks for some: every seed deals all rows to train on anew."""

DEALT = "OG102"
"""Says that labelled rows and pool differ; here both are dealt at random from the same rows."""


@dataclass(frozen=True, eq=False)
class AtHand(SweepData):
    """Feature sets of the same rows, with labels: the last set is the student's, all others teach it."""

    noise_variance: float = 0.0
    """Variance of the labels around their truth, where it is known."""
    unit: str = "rows"
    """What rows are, such as "sentences"."""
    notes: tuple[str, ...] = ()
    """What was left out, and why."""
    checks: tuple[Check, ...] = ()
    """Suspicions about the data."""
    embedded: bool = False
    """Whether these are the embedded reviews."""

    @property
    def teachers(self) -> tuple[str, ...]:
        """Names of their sets."""
        return tuple(self.views)[:-1]

    @property
    def student(self) -> str:
        """Name of its set."""
        return tuple(self.views)[-1]

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Every teacher with the student."""
        return tuple((teacher, self.student) for teacher in self.teachers)

    @property
    def rows(self) -> int:
        """Rows with labels: those to deal from, and those to score on."""
        return len(self.train) + len(self.test)

    def known(self, published: Sequence[str]) -> dict[str, str]:
        """Find published teachers among those at hand, whatever the spelling of their names."""
        of = {name: known_as(name, published) for name in reversed(self.teachers)}
        return {known: name for name, known in of.items() if known is not None}


def models_at_hand(
    config: LabelConfig,
    share: float,
    what: str = "rows without labels",
    permissions: Permissions = NOTHING,
    progress: Progress | None = None,
) -> AtHand:
    """Read the models and rows that a configuration names; what rows without labels are called."""
    return at_hand(prepared(config, share, permissions, progress), what)


def prepared(
    config: LabelConfig, share: float, permissions: Permissions, progress: Progress | None
) -> Prepared:
    """Read models and rows as a run does, a share of the rows being the test unless options say which."""
    options = label_options(config)
    if not config.split_column:
        options["split_column"] = NO_SPLIT  # published experiments draw; a column has to be asked for
    if not (config.test or config.split_column):
        options["test"] = share
    return prepare(RunConfig(n=ASIDE, **options), permissions, progress, moments=False, deal=True)


def label_options(config: LabelConfig) -> dict[str, Any]:
    """Take the options that say where rows and labels are."""
    return {key: value for key, value in dict(config).items() if key in LabelConfig.model_fields}


def at_hand(inputs: Prepared, what: str = "rows without labels") -> AtHand:
    """Take what was read of a run, its rows to train on all being alike."""
    if not len(inputs.split.test):
        raise DataError(
            "no row is left to test on", "the labels", "Name test rows in the split column, or give --test."
        )
    known = ~np.isnan(inputs.y).any(axis=1)
    dealt = np.sort(np.concatenate([inputs.split.labelled, inputs.split.unlabelled]))
    train, left_out = dealt[known[dealt]], int((~known[dealt]).sum())
    return AtHand(
        views={**inputs.weak, inputs.strong_name: inputs.strong},
        train=train,
        test=inputs.split.test,
        labels=NoisyLabels(inputs.y[train], len(inputs.classes)),
        truth=inputs.y[inputs.split.test],
        classes=len(inputs.classes),
        notes=(f"{left_out:,} {what} were left out.",) if left_out else (),
        checks=tuple(check for check in inputs.checks if check.code != DEALT),
    )


def read_apart(
    config: LabelConfig,
    share: float,
    labels: LabelTable,
    made: RawRows | None,
    beside: Sequence[str],
    permissions: Permissions,
    progress: Progress | None,
) -> AtHand:
    """Read the models' features of rows of classes that were not read as a run reads them."""
    given = RunConfig(**label_options(config))
    weak, strong = feature_sets(given, made, beside, permissions, progress)
    names = [table.identity.name for table in (*weak, strong)]
    return parted(join(weak, strong, labels), names, config.test or share, config.seed)


def parted(joined: Joined, names: Sequence[str], test: float, seed: int) -> AtHand:
    """Part rows of classes."""
    _, classes, _ = choose_task(joined.labels, "classification", ids=joined.ids)
    split = draw_split(joined.has_label, ids=joined.ids, test=test, seed=seed)
    views = dict(zip(names, (*joined.weak, joined.strong), strict=True))
    for name, values in views.items():
        check_spread(values, name)
    y = encode(joined.labels, "classification", classes, ids=joined.ids)
    return AtHand(
        views=views,
        train=split.labelled,
        test=split.test,
        labels=NoisyLabels(y[split.labelled], len(classes)),
        truth=y[split.test],
        classes=len(classes),
        checks=joined.checks,
    )


def scaled(sizes: Sequence[int], rows: int, published: int) -> tuple[int, ...]:
    """Shrink published sizes to the rows at hand, in proportion."""
    factor = min(1.0, rows / published)
    return tuple(sorted({max(LEAST, round(size * factor)) for size in sizes}))


def sized(
    given: Sequence[int], usual: Sequence[int], centre: int, rows: int, published: int
) -> tuple[tuple[int, ...], int]:
    """Choose the sizes of one axis, and the one that is held while the other axis runs."""
    sizes = tuple(sorted(set(given))) or scaled(usual, rows, published)
    return sizes, nearest(sizes, centre * min(1.0, rows / published))


def nearest(sizes: Sequence[int], wanted: float | int) -> int:
    """Choose the size of a grid that is nearest to one wanted, in ratio."""
    return min(sizes, key=lambda size: (abs(math.log(size / wanted)), size))


def known_as(name: str, published: Sequence[str]) -> str | None:
    """Find which published model a name is of, whatever its spelling; None where it is none of them."""

    def plain(spelt: str) -> str:
        return re.sub(r"[^a-z0-9]", "", spelt.lower())

    return {plain(each): each for each in published}.get(plain(name))
