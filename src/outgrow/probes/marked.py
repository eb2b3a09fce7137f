"""Which rows are labelled, and as what.

In regression a row without a label is NaN; in classification it is -1, as in `sklearn.semi_supervised`, and
in arrays of objects, where string classes stand, None or NaN as well. Whatever could be read in two ways
is refused.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped
from numpy.typing import ArrayLike
from sklearn.utils import assert_all_finite, check_array, column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from outgrow.errors import DataError

UNLABELLED = -1
"""The class of rows without a label, as in `sklearn.semi_supervised`."""


def targets_of(y: ArrayLike) -> tuple[Float[np.ndarray, "m ..."], Bool[np.ndarray, " m"]]:
    """Read the targets of a regression.

    Parameters
    ----------
    y : array of shape (m,) or (m, k)
        Targets; NaN in every target of a row without a label.

    Returns
    -------
    array of shape (m,) or (m, k)
        The same in float64.
    array of shape (m,)
        Which rows are labelled; one at least.

    Raises
    ------
    DataError
        When no row is labelled, or a row has some of its targets alone.
    ValueError
        When a target is infinite or no number.
    """
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
    """Read the classes of a classification.

    Parameters
    ----------
    y : array of shape (m,)
        Classes; -1 for rows without one (or None, or NaN, in an array of dtype object).
    warn : bool
        Whether to warn, as scikit-learn does, when a column is given instead of a 1-d array.

    Returns
    -------
    array of shape (n,)
        Classes of the labelled rows.
    array of shape (m,)
        Which rows are labelled; one at least.

    Raises
    ------
    DataError
        When no row is labelled, a number is NaN, a class is the text "-1", or texts and others are mixed.
    ValueError
        When the numbers are no classes.
    """
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
    """Encode classes one-hot.

    Parameters
    ----------
    labels : array of shape (n,)
        Classes of the labelled rows.

    Returns
    -------
    array of shape (k,)
        The classes, sorted.
    array of shape (n, k)
        One-hot codes.

    Raises
    ------
    DataError
        When there are not two classes at least.
    """
    classes, places = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        what = f"the labelled rows are all of one class, {classes.tolist()[0]!r}"
        raise DataError(what, "y", "Label rows of another class too.")
    return classes, np.eye(len(classes))[places]


def group_numbers(groups: ArrayLike, m: int) -> Int[np.ndarray, " m"]:
    """Number the groups of rows.

    Parameters
    ----------
    groups : array of shape (m,)
        Group of each row.
    m : int
        Rows.

    Returns
    -------
    array of shape (m,)
        Numbers from 0.

    Raises
    ------
    DataError
        When there is not one group per row.
    """
    labels = np.asarray(groups)
    if labels.shape != (m,):
        raise DataError(
            f"there are {m} rows and groups of shape {labels.shape}", "groups", "Give one group per row."
        )
    return np.unique(labels, return_inverse=True)[1]


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
