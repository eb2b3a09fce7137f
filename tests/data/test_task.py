"""The task follows from the labels, with its reason; encodings match scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import OneHotEncoder

from outgrow.data import choose_task, encode
from outgrow.errors import ConfigError, DataError


@pytest.mark.parametrize(
    ("values", "task", "classes", "why"),
    [
        (["b", "a", None], "classification", ("a", "b"), "the labels are text"),
        ([1, 0, 1], "classification", (0, 1), "the labels are 2 distinct whole numbers, at most 20"),
        (list(range(20)), "classification", tuple(range(20)), "20 distinct whole numbers, at most 20"),
        (list(range(21)), "regression", (), "the labels are 21 distinct whole numbers, over 20"),
        ([0.5, 1.0, np.nan], "regression", (), "the labels are numbers, not all whole"),
        ([True, False], "classification", (0, 1), "2 distinct whole numbers"),
        (["1", "0"], "classification", (0, 1), "2 distinct whole numbers"),
    ],
)
def test_auto(values: list[object], task: str, classes: tuple[object, ...], why: str) -> None:
    got = choose_task(np.array(values, dtype=object) if isinstance(values[0], str) else np.array(values))
    assert got[:2] == (task, classes)
    assert why in got[2]


def test_the_user_overrules_auto() -> None:
    assert choose_task(np.array([0.0, 1.0]), "regression") == ("regression", (), "as asked")
    assert choose_task(np.array([0.5, 1.5]), "classification") == ("classification", (0.5, 1.5), "as asked")
    numbers_and_text = np.array(["1", "2", "x"], dtype=object)
    assert choose_task(numbers_and_text, "classification")[1] == ("1", "2", "x")


@pytest.mark.parametrize(
    ("values", "task", "message"),
    [
        ([np.nan, np.nan], "auto", "all labels are missing"),
        ([2.5, 2.5, np.nan], "auto", "all 2 labels have one value: '2.5'"),
        ([3.0, 3.0], "regression", "all 2 labels have one value"),
        ([3.0, 3.0], "auto", "all 2 labels belong to one class"),
        (["a", "a"], "auto", "all 2 labels belong to one class: 'a'"),
        (["1.5", "oops", "2"], "regression", "the label 'oops' in row 'r1' is not a number. Correct it"),
        (["1.5", "oops", "2"], "auto", "the label 'oops' in row 'r1' is not a number, though 2 others are"),
        (["cat", "dog"], "regression", "the label 'cat' in row 'r0' is not a number"),
    ],
)
def test_labels_that_make_no_task(values: list[object], task: str, message: str) -> None:
    array = np.array(values, dtype=object if isinstance(values[0], str) else float)
    with pytest.raises(DataError, match=message):
        choose_task(array, task, ids=np.array(["r0", "r1", "r2"], dtype=object))


def test_an_unknown_task() -> None:
    with pytest.raises(ConfigError, match=r"unknown task 'rank'. Use auto, regression or classification"):
        choose_task(np.array([0.0, 1.0]), "rank")


@given(st.lists(st.sampled_from(["a", "b", "c"]), min_size=1))
def test_one_hot_equals_scikit_learns(labels: list[str]) -> None:
    values = np.array(labels, dtype=object)
    theirs = OneHotEncoder(categories=[["a", "b", "c"]], sparse_output=False).fit_transform(values[:, None])
    np.testing.assert_array_equal(encode(values, "classification", ("a", "b", "c")), theirs)


def test_missing_labels_stay_missing() -> None:
    one_hot = encode(np.array([1.0, np.nan, 0.0]), "classification", (0, 1))
    np.testing.assert_array_equal(one_hot, [[0, 1], [np.nan, np.nan], [1, 0]])
    numbers = encode(np.array(["1.5", None], dtype=object), "regression")
    np.testing.assert_array_equal(numbers, [1.5, np.nan])


def test_labels_that_cannot_be_encoded() -> None:
    values = np.array(["a", "z"], dtype=object)
    with pytest.raises(
        DataError, match=r"the label 'z' in row 'r1' is none of the classes.*Classes: 'a', 'b'"
    ):
        encode(values, "classification", ("a", "b"), ids=np.array(["r0", "r1"]))
    with pytest.raises(DataError, match="the label 'a' in row 0 is not a number"):
        encode(values, "regression")
