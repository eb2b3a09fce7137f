"""Which rows are labelled, and as what.

In regression a row without a label is NaN; in classification it is -1, as in `sklearn.semi_supervised`, and
in arrays of objects, where string classes stand, None or NaN as well. Whatever could be read in two ways
is refused.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Shaped
from numpy.typing import ArrayLike
from sklearn.utils import assert_all_finite, check_array, column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from outgrow.errors import DataError

UNLABELLED = -1
"""The class of rows without a label, as in `sklearn.semi_supervised`."""


def targets_of(y: ArrayLike) -> tuple[Float[np.ndarray, "m ..."], Bool[np.ndarray, " m"]]:
    """Read the targets of a regression."""
    targets: np.ndarray = check_array(
        y, dtype=np.float64, ensure_2d=False, ensure_all_finite="allow-nan", input_name="y"
    )
    missing = np.isnan(targets.reshape(len(targets), -1))
    known = ~missing.all(axis=1)
    partly = np.flatnonzero(known & missing.any(axis=1))
    if len(partly):
        raise DataError(
            f"row {partly[0]} has some of its targets alone",
            "y",
            "Give all targets of a row, or NaN for all.",
        )
    _one_at_least(known, "NaN")
    return targets, known


def classes_of(y: ArrayLike, warn: bool = False) -> tuple[Shaped[np.ndarray, " m"], Bool[np.ndarray, " m"]]:
    """Read the classes of the labelled rows, and which rows these are; one at least."""
    values: np.ndarray = column_or_1d(y, warn=warn)
    known = np.ones(len(values), dtype=bool)
    if values.dtype.kind == "O":
        # NaN among objects can only be missing: pandas makes it of None. Among numbers it is refused below.
        known = np.array([not _is_missing(label) for label in values], dtype=bool)
    elif values.dtype.kind in "iuf":
        known = values != UNLABELLED
        nan = np.flatnonzero(values != values)
        if len(nan):
            raise DataError(f"row {nan[0]} is NaN", "y", "Mark unlabelled rows by -1, or label them.")
        assert_all_finite(values, input_name="y")
    text = [row for row, label in enumerate(values) if isinstance(label, str) and label == str(UNLABELLED)]
    if text:
        raise DataError(
            f"row {text[0]} is the text '-1'",
            "y",
            "Mark unlabelled rows by the number -1 or None in an array of dtype object: beside strings numpy"
            " makes -1 a text. A class of that name has to be renamed.",
        )
    _one_at_least(known, str(UNLABELLED))
    labels = values[known]
    if labels.dtype.kind == "O":
        others = [label for label in labels if not isinstance(label, str)]
        if len(others) == len(labels):
            # Numbers that stand in an array of objects only because None stood among them.
            labels = np.array(others)
        elif others:
            raise DataError(
                f"classes are texts and others alike ({others[0]!r})", "y", "Make all classes texts."
            )
    check_classification_targets(labels)
    return labels, known


def codes_of(labels: Shaped[np.ndarray, " n"]) -> tuple[Shaped[np.ndarray, " k"], Float[np.ndarray, "n k"]]:
    """Give the classes, sorted, and each label one-hot."""
    classes, places = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        what = f"the labelled rows are all of one class, {classes.tolist()[0]!r}"
        raise DataError(what, "y", "Label rows of another class too.")
    return classes, np.eye(len(classes))[places]


def _is_missing(label: Any) -> bool:
    if isinstance(label, (int, float, np.number)):
        return bool(label == UNLABELLED or label != label)
    return label is None


def _one_at_least(known: Bool[np.ndarray, " m"], mark: str) -> None:
    if not known.any():
        raise DataError(
            f"no row is labelled: all {len(known)} are {mark}",
            "y",
            "Label some rows; in cross-validation shuffle them: KFold(5, shuffle=True).",
        )
