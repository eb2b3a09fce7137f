"""From a configuration to rows that are joined, checked and split.

Files are read, features and labels meet by id, the task is chosen, the split is given or drawn. What comes
out is the only thing that training and evaluation see.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from outgrow.config import RunConfig
from outgrow.data.answers import refuse_answers
from outgrow.data.checks import carried_by_few, carried_columns, constant_columns, same_set, suspicions
from outgrow.data.features_file import FeatureIdentity
from outgrow.data.files import quoted
from outgrow.data.join import Joined, join
from outgrow.data.labels import NO_SPLIT, present_mask
from outgrow.data.numeric import check_spread
from outgrow.data.raw import RawRows
from outgrow.data.splits import PARTS, Split, draw_split, folds, jackknife_groups, units_of
from outgrow.data.task import choose_task, encode
from outgrow.errors import ConfigError, DataError
from outgrow.geometry.dependence import Dependence, dependence
from outgrow.geometry.pairs import tables_of
from outgrow.intervals.jackknife import together
from outgrow.linalg.moment_table import MomentTable
from outgrow.linalg.row_space import RowSpace, narrowed
from outgrow.results import Check
from outgrow.study.memory import make_room
from outgrow.study.reading import Reading, reading_of
from outgrow.study.sources import (
    NOTHING,
    Mixing,
    Permissions,
    Progress,
    bare_rows,
    feature_sets,
    given_columns,
    given_teachers,
    label_table,
    raw_rows,
)


@dataclass(frozen=True)
class Prepared:
    """Rows ready for training, in one order."""

    ids: np.ndarray
    """Row ids."""
    weak: dict[str, Float[np.ndarray, "rows d_w"]]
    """Weak feature sets by name."""
    strong_name: str
    """Name of the strong set."""
    strong: Float[np.ndarray, "rows d_s"]
    """Strong features."""
    y: Float[np.ndarray, "rows k"]
    """Labels, NaN where unknown: one column, or one-hot codes."""
    truth: Float[np.ndarray, " rows"] | None
    """Less noisy targets, for reporting."""
    groups: np.ndarray | None
    """Values of the group column."""
    split: Split
    """Labelled, unlabelled and test rows."""
    given: dict[str, Mixing | None]
    """Weak sets that are pseudo-labels of teachers of whom nothing else is known, with what mixes the columns
    of several."""
    moments: dict[str, MomentTable]
    """Of every weak set with the strong one, by split ("labelled", "unlabelled") and jackknife group: the one
    pass over the pool. Empty where they were not wanted."""
    belong: Dependence | None
    """Which labelled and unlabelled rows, in this order, belong together, and their jackknife folds."""
    task: str
    why: str
    """Regression or classification, and how it was chosen."""
    classes: tuple[object, ...]
    """Classes in the order of the columns of `y`; empty for regression."""
    identities: dict[str, FeatureIdentity]
    """Identity of every feature set."""
    checks: tuple[Check, ...]
    """Suspicions about the data."""
    spaces: dict[str, RowSpace]
    """What the values of every set are coordinates in."""
    reading: Reading
    """What was read, and how."""

    @property
    def pool_known(self) -> bool:
        """Whether every unlabelled row has a label that was only put aside."""
        return not bool(np.isnan(self.y[self.split.unlabelled]).any())


def prepare(
    config: RunConfig,
    permissions: Permissions = NOTHING,
    progress: Progress | None = None,
    *,
    moments: bool = True,
    deal: bool = False,
) -> Prepared:
    """Read, join, check and split the data of a run."""
    if not (config.weak or config.pseudo_labels):
        raise ConfigError("--weak is missing", remedy="Name a weak feature set, or a model.")
    beside = (config.label_column, config.split_column, config.group_column, config.truth_column)
    teacher_columns = given_columns(config)
    of_teachers = [column for _, _, columns in teacher_columns for column in columns]
    exclude = [column for column in (*beside, *of_teachers) if column and column != NO_SPLIT]
    raw = None
    if config.input:
        # Where labels have a table of their own, the columns named are that table's.
        raw = (bare_rows if config.labels else raw_rows)(config, config.input)
    labels = label_table(config, raw)
    leaked = [column for column in labels.answers if column in of_teachers]
    if leaked:
        raise ConfigError(
            f"{quoted(leaked)} holds the labels themselves, which no teacher may say",
            "--pseudo-labels",
            "Name the column of the pseudo-labels.",
        )
    weak, strong = feature_sets(config, raw, exclude, permissions, progress)
    joined = join(weak, strong, labels)
    where = Path(labels.source).name
    task, classes, why = choose_task(joined.labels, config.task, ids=joined.ids, where=where)
    y = encode(joined.labels, task, classes)
    y = y[:, None] if y.ndim == 1 else y
    known = ~np.isnan(y).any(axis=1)
    split = draw_split(
        known,
        ids=joined.ids,
        n=config.n,
        n_unlabelled=config.unlabelled,
        test=config.test,
        groups=joined.groups,
        split=joined.split,
        seed=config.seed,
    )
    if len(split.labelled) < 4:
        raise DataError(
            f"{len(split.labelled)} labelled rows are too few to fit and to judge a model",
            where,
            "Give at least 4; intervals want 50 or more.",
        )
    if not len(split.unlabelled):
        raise DataError(
            f"all {len(split.labelled)} rows for training are labelled: there is no pool to label",
            where,
            "Put labels aside with --n, or add rows without labels.",
        )
    fitted = np.concatenate([split.labelled, split.unlabelled])
    to_train = _called_labelled(joined, fitted) if deal else split.labelled
    _refuse_one_value(joined.labels[to_train], bool(classes), where)
    truth = _truth(joined, task, why, split, config, where)
    sets = dict(zip((table.identity.name for table in weak), joined.weak, strict=True))
    identities = {table.identity.name: table.identity for table in weak}
    given: dict[str, Mixing | None] = {}
    for name, (read, mixing) in given_teachers(teacher_columns, joined.ids, config, classes).items():
        if name in sets:
            raise ConfigError("two teachers have the same name", name, "Name the models: --weak small=MODEL.")
        sets[name], identities[name], given[name] = read.values, read.identity, mixing
    strong_name = strong.identity.name
    if strong_name in identities:
        strong_name += " (strong)"
    identities[strong_name] = strong.identity
    # Sweeps and forecasts find their leading directions among rows of their own.
    ranks = (config.rank[0], config.rank[-1]) if config.rank and moments else (None, None)
    # What a sweep takes beside its rows depends on its grid, and is stated there.
    memory = make_room(
        "run" if moments else "rows" if deal else "forecast",
        list(sets.values()),
        joined.strong,
        (len(split.labelled), len(split.unlabelled)),
        ranks,
        y.shape[1],
        progress,
    )
    checks: list[Check | None] = [*joined.checks, _unused(raw)]
    if not classes:
        checks.append(carried_by_few(y[:, 0], joined.ids))
    checks += [same_set(name, values, joined.strong) for name, values in sets.items()]
    for name, values in (*sets.items(), (strong_name, joined.strong)):
        columns = identities[name].columns
        check_spread(values, name, columns)
        if config.feature_columns is None and name not in given:
            refuse_answers(values, columns, y, name)
        if not deal:
            check_spread(values[split.labelled], f"{name}, labelled rows", columns)
        # A centred linear head gives constant columns no weight: leaving them in place is dropping them.
        checks += [
            constant_columns(values, name, columns),
            carried_columns(values, joined.ids, name, columns),
        ]
    spaces: dict[str, RowSpace] = {}
    for name, values in sets.items():
        sets[name], spaces[name] = narrowed(values, fitted, ranks[0])
    strong_values, spaces[strong_name] = narrowed(joined.strong, fitted, ranks[1])
    checks += suspicions(strong_values, joined.ids, split, joined.groups)
    tables: dict[str, MomentTable] = {}
    belong = None
    if moments:
        parts = {"labelled": split.labelled, "unlabelled": split.unlabelled}
        rows = np.concatenate(list(parts.values()))
        belong = belonging(strong_values, joined.ids, joined.groups, rows, config.seed)
        jackknife = np.full(len(joined.ids), -1, dtype=np.int64)
        jackknife[rows] = belong.folds
        tables = dict(tables_of(sets, strong_values, parts, jackknife))
    return Prepared(
        joined.ids,
        sets,
        strong_name,
        strong_values,
        y,
        truth,
        None if joined.groups is None else units_of(joined.ids, joined.groups),
        split,
        given,
        tables,
        belong,
        task,
        why,
        tuple(classes),
        identities,
        tuple(check for check in checks if check is not None),
        spaces,
        reading_of(joined, labels, split, task, why, classes, memory),
    )


def _called_labelled(joined: Joined, rows: np.ndarray) -> np.ndarray:
    """Give the rows that the split calls labelled, or all where it calls none so."""
    if joined.split is None:
        return rows
    called = [PARTS.get(str(joined.split[row]).strip().lower()) in ("labelled", "train") for row in rows]
    return rows[called] if any(called) else rows


def _refuse_one_value(labels: np.ndarray, classes: bool, where: str) -> None:
    known = labels[present_mask(labels)]
    if len(set(known.tolist())) == 1:
        kind = "belong to one class" if classes else "have one value"
        raise DataError(
            f"all {len(known)} labels to train on {kind}: {quoted(known[:1])}",
            where,
            "Label rows that differ. From equal labels nothing is learned; a larger --n may hold others.",
        )


def _unused(raw: RawRows | None) -> Check | None:
    """Tell of rows that never became features."""
    if raw is None or not raw.skipped:
        return None
    names = quoted([name for name, _ in raw.skipped])
    return Check("OG107", f"{len(raw.skipped)} rows of {raw.source}: {names} ({raw.skipped[0][1]})")


def belonging(
    strong: np.ndarray, ids: np.ndarray, groups: np.ndarray | None, rows: np.ndarray, seed: int
) -> Dependence:
    """Say which rows belong together, by group or as copies, and deal them into folds by their ids.

    Copies are sought in the strong features, which tell most rows apart: all teachers share one set of folds.
    """
    named = None if groups is None else units_of(ids[rows], groups[rows])
    result = dependence((strong,), named, rows)
    # The least id stands for a unit, so that folds hang on no order of rows.
    order = np.argsort(ids[rows].astype(str), kind="stable")
    first = np.empty(int(result.units.max()) + 1, dtype=np.int64)
    first[result.units[order[::-1]]] = order[::-1]
    return replace(result, folds=jackknife_groups(ids[rows[first[result.units]]], seed=seed))


def _truth(
    joined: Joined, task: str, why: str, split: Split, config: RunConfig, where: str
) -> np.ndarray | None:
    if task != "regression":
        given = [
            option
            for option, value in (
                ("--truth-column", config.truth_column),
                ("--noise-variance", config.noise_variance),
            )
            if value is not None
        ]
        if given:
            raise ConfigError(
                f"the task is classification ({why}), and {given[0]} is of a regression",
                remedy="Leave it out, or give --task regression.",
            )
    if joined.truth is None:
        if config.truth_variance:
            raise ConfigError("--truth-variance is given without --truth-column", remedy="Give both.")
        return None
    column = f"{where}, column {config.truth_column!r}"
    truth = encode(joined.truth, "regression", ids=joined.ids, where=column)
    # Without test rows, routes are scored on the labelled ones.
    scored = split.test if len(split.test) else split.labelled
    bare = scored[np.isnan(truth[scored])]
    if bare.size:
        raise DataError(
            f"{bare.size} rows to score on have no truth: {quoted(joined.ids[bare])}",
            where,
            "Give it for each of them, or leave --truth-column out.",
        )
    return truth


def positions(groups: np.ndarray | None, rows: np.ndarray) -> list[np.ndarray] | None:
    """List the positions in `rows` of each group; None where every row is a group of its own."""
    if groups is None:
        return None
    by_group = together(groups[rows])
    return None if len(by_group) == len(rows) else by_group


def fold_positions(data: Prepared, rows: np.ndarray, count: int, seed: int) -> Sequence[np.ndarray]:
    """Partition rows into folds, groups whole."""
    units = data.ids if data.groups is None else data.groups
    count = min(count, len(set(units[rows].tolist())))
    if count < 2:
        raise DataError(
            "all labelled rows belong to one group",
            remedy="Tuning and judging leave whole groups out: label rows of two groups at least.",
        )
    return together(folds(units[rows], count, seed))
