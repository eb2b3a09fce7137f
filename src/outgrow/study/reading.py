"""What was read, and how: shown before any answer, since whatever was guessed may be wrong."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from outgrow.data.join import Joined
from outgrow.data.labels import LabelTable
from outgrow.data.splits import Split
from outgrow.study.memory import Memory


@dataclass(frozen=True)
class Reading:
    """Rows by part, where parts and labels are from, and what labels were taken for."""

    labelled: int
    unlabelled: int
    test: int
    unused: int
    """Rows with features that are in no part."""
    parts: str
    """ "column", "stored" (a data set kept in parts) or "drawn"."""
    split_column: str
    label_column: str
    """ "" where the raw rows hold the labels."""
    labels: int
    """Rows whose label is known, in whatever part."""
    matched: str
    """ "id" or "row number"."""
    task: str
    why: str
    classes: dict[str, int]
    """Known labels of each class, the most frequent first; empty for a regression."""
    memory: dict[str, int]
    """Bytes that the study was expected to take, by what takes them."""


def reading_of(
    joined: Joined,
    labels: LabelTable,
    split: Split,
    task: str,
    why: str,
    classes: tuple[object, ...],
    memory: Memory,
) -> Reading:
    """Say what was read of joined rows."""
    used = sum(len(part) for part in (split.labelled, split.unlabelled, split.test))
    known = joined.labels[joined.has_label]
    counts = Counter(f"{item:g}" if isinstance(item, float) else str(item) for item in known.tolist())
    stored = "stored" if labels.split is not None else "drawn"
    return Reading(
        labelled=len(split.labelled),
        unlabelled=len(split.unlabelled),
        test=len(split.test),
        unused=len(joined.ids) - used,
        parts="column" if labels.split_column else stored,
        split_column=labels.split_column,
        label_column=labels.answers[0] if labels.answers else "",
        labels=int(np.sum(joined.has_label)),
        matched=joined.matched,
        task=task,
        why=why,
        classes=dict(counts.most_common()) if classes else {},
        memory=dict(memory.parts),
    )
