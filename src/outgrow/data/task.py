"""Regression or classification, and what a linear head is fitted to.

"auto" looks at the labels: text, or at most 20 distinct whole numbers, make a classification; everything
else, ratings below zero among them, a regression. The choice always comes with its reason, so that a user can
see and overrule it. Classes are fitted one-hot with squared loss.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Float

from outgrow.data.files import quoted, row_name
from outgrow.data.labels import as_values, present_mask
from outgrow.data.numeric import squarable
from outgrow.data.text_tables import is_number
from outgrow.data.written_labels import refuse_spellings, refuse_written_numbers
from outgrow.errors import ConfigError, DataError

Task: TypeAlias = Literal["regression", "classification"]

MAX_CLASSES = 20
"""More distinct whole numbers than this are counts or ratings on a fine scale, not names of classes."""

FEW = 10
"""Labels from which on classes are expected to repeat: of fewer, each may stand for its own by chance."""

SIGNED_CLASSES = 3
"""Classes are numbered from 0 or 1 up, or are signs: -1, 0 and 1. More values below zero are ratings."""


_DAY = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")
# A day as one number, 20240131: a line through these sees 70 days between two months.


def choose_task(
    values: np.ndarray, task: str = "auto", *, ids: np.ndarray | None = None, where: str = "labels"
) -> tuple[Task, tuple[int | float | str, ...], str]:
    """Decide what the labels ask for: the task, its classes in order (none: regression), and why."""
    if task not in ("auto", "regression", "classification"):
        raise ConfigError(f"unknown task {task!r}", "--task", "Use auto, regression or classification.")
    values = as_values(values, where, ids)
    known = values[present_mask(values)]
    if not len(known):
        raise DataError("all labels are missing", where, "Give some labels.")
    text = values.dtype == object
    distinct = sorted(set(known.tolist()))
    whole = not text and all(float(item).is_integer() for item in distinct)
    if len(distinct) == 1:
        kind = "belong to one class" if text or (whole and task != "regression") else "have one value"
        raise DataError(
            f"all {len(known)} labels {kind}: {quoted(distinct)}", where, "Give labels that differ."
        )
    single = len(known) >= FEW and 2 * len(distinct) > len(known)
    if text:
        odd = [item for item in known if not is_number(item)]
        if task != "classification":
            refuse_written_numbers(odd, MAX_CLASSES, where)
        _refuse_stray_text(values, task, ids, where)
        _refuse_singles(single, distinct, len(known), where)
        refuse_spellings(distinct, where)
        return "classification", tuple(distinct), "the labels are text" if task == "auto" else "as asked"
    classes = tuple(int(item) if whole else item for item in distinct)
    if task == "classification":
        _refuse_singles(single, distinct, len(known), where)
        return "classification", classes, "as asked"
    if task == "regression":
        return "regression", (), "as asked"
    if whole and all(_DAY.fullmatch(f"{item:.0f}") for item in distinct):
        raise DataError(
            f"the labels look like dates: {quoted([f'{item:.0f}' for item in distinct], 3)}",
            where,
            "Write numbers, such as days since a date; or say --task.",
        )
    # A single -1 below classes from 0 up may mean that the class is not known: check OG110 asks.
    if whole and distinct[0] < 0 and len(distinct) > SIGNED_CLASSES and distinct[:2] != [-1, 0]:
        why = f"the labels are whole numbers on both sides of zero, from {classes[0]} to {classes[-1]}"
        return "regression", (), why if classes[-1] > 0 else "the labels are whole numbers below zero"
    if whole and single:
        return (
            "regression",
            (),
            f"the labels are whole numbers, {len(distinct)} different ones among {len(known)}",
        )
    if whole and len(distinct) <= MAX_CLASSES:
        why = f"the labels are {len(distinct)} distinct whole numbers, at most {MAX_CLASSES}"
        return "classification", classes, why
    if whole:
        return "regression", (), f"the labels are {len(distinct)} distinct whole numbers, over {MAX_CLASSES}"
    return "regression", (), "the labels are numbers, not all whole"


def _refuse_singles(single: bool, distinct: Sequence[object], known: int, where: str) -> None:
    if single:
        raise DataError(
            f"nearly every label is a class of its own: {len(distinct)} classes among {known} labels, such as"
            f" {quoted(distinct, 3)}",
            where,
            "Name the column of the classes (--label-column), or write numbers for a regression.",
        )


def _refuse_stray_text(values: np.ndarray, task: str, ids: np.ndarray | None, where: str) -> None:
    """Refuse text where numbers are meant: always in a regression, else where most labels are numbers."""
    odd = [i for i, item in enumerate(values) if item is not None and not is_number(item)]
    known = int(present_mask(values).sum())
    # A typing error among numbers, or a word for "not known", would make hundreds of classes of a regression.
    words = {values[i] for i in odd}
    few = len(odd) < known / 2 or 2 * len(words) < len({item for item in values if item is not None})
    if task == "regression" or (task == "auto" and few):
        others = "" if task == "regression" else f", though {known - len(odd)} others are"
        raise DataError(
            f"the label {quoted([values[odd[0]]])} in {row_name(ids, odd[0])} is not a number{others}",
            where,
            "Correct it, leave it empty where it is not known, or use --task classification.",
        )


def encode(
    values: np.ndarray,
    task: Task,
    classes: Sequence[int | float | str] = (),
    *,
    ids: np.ndarray | None = None,
    where: str = "labels",
) -> Float[np.ndarray, "n ..."]:
    """Turn labels into what a head is fitted to."""
    values = as_values(values, where, ids)
    if task == "regression":
        if values.dtype == object:
            _refuse_stray_text(values, task, ids, where)
        numbers = values.astype(np.float64)
        least, limit = squarable(numbers.dtype)
        low, high = np.nanmin(numbers, initial=np.inf), np.nanmax(numbers, initial=-np.inf)
        if max(-low, high) > limit or 0 < high - low < least:
            raise DataError(
                f"the labels reach from {low:.3g} to {high:.3g}, and the squares of these are no numbers",
                where,
                "Scale the labels.",
            )
        return numbers
    here = present_mask(values)
    column = {item: j for j, item in enumerate(classes)}
    out = np.full((len(values), len(column)), np.nan)
    for i in np.flatnonzero(here):
        j = column.get(values[i])
        if j is None:
            raise DataError(
                f"the label {quoted([values[i]])} in {row_name(ids, int(i))} is none of the classes",
                where,
                f"Classes: {quoted(classes, 20)}.",
            )
        out[i] = 0.0
        out[i, j] = 1.0
    return out
