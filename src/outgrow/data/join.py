"""Joining feature sets and labels by id.

The rows of the strong feature file set the order. Every id must stand in every feature set; labels may
cover a subset. Feature sets already in the strong one's order are passed on without a copy. Files without
ids are matched by row number, which is only allowed where it cannot be ambiguous.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from outgrow.data.features_file import FeatureTable
from outgrow.data.files import check_ids, quoted
from outgrow.data.hidden_ids import refuse_hidden_ids
from outgrow.data.labels import LabelTable, present_mask
from outgrow.data.written_labels import spelling
from outgrow.errors import DataError
from outgrow.results import Check


@dataclass(frozen=True)
class Joined:
    """Feature sets and labels, row by row."""

    ids: np.ndarray
    """Object array of n strings."""
    weak: tuple[Float[np.ndarray, "n _"], ...]
    """One array (n, d) per weak feature set."""
    strong: Float[np.ndarray, "n _"]
    """Array (n, d) of the strong feature set."""
    labels: np.ndarray
    """The n labels: floats with NaN, or objects (str) with None, where missing."""
    split: np.ndarray | None = None
    """What stood beside the labels, None or NaN where missing."""
    groups: np.ndarray | None = None
    """What stood beside the labels, None or NaN where missing."""
    truth: np.ndarray | None = None
    """What stood beside the labels, None or NaN where missing."""
    checks: tuple[Check, ...] = ()
    """What deserves suspicion (OG105: labels without features)."""
    matched: str = "id"
    """How rows met."""

    @property
    def has_label(self) -> np.ndarray:
        """Boolean array of n: whether a label is known."""
        return present_mask(self.labels)


def join(weak: Sequence[FeatureTable], strong: FeatureTable, labels: LabelTable | None) -> Joined:
    """Bring feature sets and labels into the order of the strong feature file."""
    tables = [strong, *weak]
    refuse_hidden_ids(tables, labels)
    named = [table for table in tables if table.has_ids]
    bare = [_name(table) for table in tables if not table.has_ids]
    if labels is not None:
        bare += [] if labels.has_ids else [labels.source]
        _no_answer_among(tables, labels)
    if bare:
        _one_order(named)
    # The strong set's ids name the rows, else those of the first set that has any, else row numbers.
    ids = (named or tables)[0].ids
    position = {item: row for row, item in enumerate(check_ids(ids, _name(strong)).tolist())}
    arrays = [_aligned(table, strong, ids, position) for table in tables]
    by_number = f"{quoted(bare)} without ids, {quoted(map(_name, named))} with"
    joined = Joined(
        ids=ids,
        weak=tuple(arrays[1:]),
        strong=arrays[0],
        labels=np.full(len(ids), np.nan),
        checks=(Check("OG106", by_number),) if named and bare else (),
        matched="row number" if bare else "id",
    )
    if labels is None:
        return joined
    rows, checks = _label_rows(labels, ids, position, bool(named), _name(strong))

    def spread(values: np.ndarray | None) -> np.ndarray | None:
        if rows is None or values is None:
            return values
        text = values.dtype == object
        out = np.full(len(ids), None if text else np.nan, dtype=object if text else np.float64)
        out[rows[rows >= 0]] = values[rows >= 0]
        return out

    values = spread(labels.values)
    assert values is not None
    if not present_mask(values).any():
        raise DataError(
            "no row with features has a label", labels.source, "Give labels for some of the rows encoded."
        )
    return replace(
        joined,
        labels=values,
        split=spread(labels.split),
        groups=spread(labels.groups),
        truth=spread(labels.truth),
        checks=(*joined.checks, *labels.checks, *checks),
    )


def _no_answer_among(tables: Sequence[FeatureTable], labels: LabelTable) -> None:
    """Refuse features that hold the label itself, as a wide table with labels in it may by oversight."""
    for table in tables:
        leaked = [name for name in labels.answers if name in table.identity.columns]
        if leaked:
            raise DataError(
                f"the label column is among the features: {quoted(leaked)}",
                _name(table),
                "Pick the feature columns with --feature-columns, such as 'x*'.",
            )


def _name(table: FeatureTable) -> str:
    return table.identity.source or table.identity.name


def _one_order(named: Sequence[FeatureTable]) -> None:
    """Refuse row numbers where files with ids are in different orders: whose rows would they number?"""
    for table in named[1:]:
        if not np.array_equal(table.ids, named[0].ids):
            raise DataError(
                f"rows without ids cannot be matched, since {_name(named[0])} and {_name(table)} differ in"
                " order",
                _name(table),
                "Give every file ids, or bring all files into one order.",
            )


def _aligned(
    table: FeatureTable, strong: FeatureTable, ids: np.ndarray, position: dict[str, int]
) -> Float[np.ndarray, "n _"]:
    if not table.has_ids or not strong.has_ids:
        if len(table.values) != len(ids):
            raise DataError(
                f"{len(table.values)} rows, but {_name(strong)} has {len(strong.values)}",
                _name(table),
                "Files without ids are matched by row number: give equal counts, or ids.",
            )
        return table.values
    if table.ids is ids or np.array_equal(table.ids, ids):
        return table.values
    rows = {item: row for row, item in enumerate(check_ids(table.ids, _name(table)).tolist())}
    for holder, lacking, only in (
        (_name(strong), _name(table), [item for item in position if item not in rows]),
        (_name(table), _name(strong), [item for item in rows if item not in position]),
    ):
        if only:
            _refuse_spellings(only, [*rows, *position], lacking, holder)
            raise DataError(
                f"{len(only)} ids are in {holder} only: {quoted(only)}",
                lacking,
                "Encode the same rows with every model, or remove them.",
            )
    return table.values[[rows[item] for item in ids]]


def _refuse_spellings(lost: Sequence[str], known: Sequence[str], where: str, holder: str) -> None:
    """Refuse ids that meet none, and half of which would if written as there: 007 for 7, r1 for R1."""
    only = set(lost)
    others = {spelling(item): item for item in known if item not in only}
    pairs = [(item, others[spelling(item)]) for item in lost if spelling(item) in others]
    if 2 * len(pairs) >= len(lost):
        one, other = pairs[0]
        raise DataError(
            f"ids {quoted([one])} and {quoted([other])} look like two spellings of one ({len(pairs)} such)",
            f"{where} and {holder}",
            "Write ids alike in all files.",
        )


def _label_rows(
    labels: LabelTable, ids: np.ndarray, position: dict[str, int], with_ids: bool, features: str
) -> tuple[Int[np.ndarray, " m"] | None, tuple[Check, ...]]:
    """Find the row of each label, -1 where it has none; None where labels stand in the rows' own order."""
    if not labels.has_ids:
        if len(labels.ids) != len(ids):
            raise DataError(
                f"{len(labels.ids)} labels without ids for {len(ids)} rows of features",
                labels.source,
                "Give one label per row (empty where unknown), or an id column in both.",
            )
        return None, ()
    check_ids(labels.ids, labels.source)
    if np.array_equal(labels.ids, ids):
        return None, ()
    rows = np.array([position.get(item, -1) for item in labels.ids], dtype=np.int64)
    lost = labels.ids[rows < 0]
    if not len(lost):
        return rows, ()
    _refuse_spellings(lost.tolist(), ids.tolist(), labels.source, features)
    if len(lost) == len(rows):
        raise DataError(
            f"no label's id stands in the features: {quoted(labels.ids, 3)} here,"
            f" {quoted(ids, 3)} in {features}",
            labels.source,
            "Use the same ids in both.",
        )
    if not with_ids:
        raise DataError(
            f"the features have no ids, and {quoted(lost)} are no row numbers from 0 to {len(ids) - 1}",
            labels.source,
            "Use row numbers as ids, or store the features with ids.",
        )
    detail = f"{len(lost)} of {len(rows)} labels have no features: {quoted(lost)}"
    return rows, (Check("OG105", detail),)
