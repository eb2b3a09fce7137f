"""The task follows from the labels, with its reason; encodings match scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import OneHotEncoder

from outgrow.data import choose_task, encode
from outgrow.errors import ConfigError, DataError


def array(values):
    """Labels as they are read: text as objects."""
    return np.array(values, dtype=object if isinstance(values[0], str) else float)


NAMES = ["class 1", "18-24", "a1", "covid-19", "3 stars", "B12", "v2.0", "1st", "f-16", "top10"]


@pytest.mark.parametrize(
    ("values", "asked", "task", "classes", "why"),
    [
        (["b", "a", None], "auto", "classification", ("a", "b"), "the labels are text"),
        ([1, 0, 1], "auto", "classification", (0, 1), "the labels are 2 distinct whole numbers, at most 20"),
        (3 * [*range(20)], "auto", "classification", (*range(20),), "20 distinct whole numbers, at most 20"),
        (3 * [*range(21)], "auto", "regression", (), "the labels are 21 distinct whole numbers, over 20"),
        ([*range(20)], "auto", "regression", (), "whole numbers, 20 different ones among 20"),
        ([-1, 0, 1, 1], "auto", "classification", (-1, 0, 1), "3 distinct whole numbers"),
        (5 * [-4, -1, 0, 2, 4], "auto", "regression", (), "numbers on both sides of zero, from -4 to 4"),
        (5 * [-5, -4, -2, -1], "auto", "regression", (), "whole numbers below zero"),
        ([0.5, 1.0, np.nan], "auto", "regression", (), "the labels are numbers, not all whole"),
        ([True, False], "auto", "classification", (0, 1), "2 distinct whole numbers"),
        (["1", "0"], "auto", "classification", (0, 1), "2 distinct whole numbers"),
        (["\u22121.5", "2.5"], "auto", "regression", (), "not all whole"),
        (NAMES * 3, "auto", "classification", tuple(sorted(NAMES)), "the labels are text"),
        ([0.0, 1.0], "regression", "regression", (), "as asked"),
        ([0.5, 1.5], "classification", "classification", (0.5, 1.5), "as asked"),
        (["1", "2", "x"], "classification", "classification", ("1", "2", "x"), "as asked"),
        (["1,5", "2,5"] * 5, "classification", "classification", ("1,5", "2,5"), "as asked"),
    ],
)
def test_the_task_classes_and_reason(values, asked, task, classes, why):
    got = choose_task(array(values), asked)
    assert got[:2] == (task, classes)
    assert why in got[2]


TEXTS = [f"doc {chr(97 + n)}" for n in range(20)]
ALL_CLASSES = "nearly every label is a class of its own: "
AS_TEXT = {
    "numbers with digits in groups": ["1,234", "-12,345.67", "1'234", "1 234 567"],
    "numbers with a decimal comma": ["0,5", "-12,75", "1,25e3", ",5"],
    "percentages": ["12%", "12.5 %", "-3,5%", "7 percent"],
    "amounts of money": ["$1,200", "€ 3.50", "12 EUR", "-£5", "USD 7", "$1.5k"],
    "dates or times": [
        *("2024-01-31", "31/01/2024", "31.1.24", "2024-01-31T12:30:00Z", "12:30", "Jan 5, 2024")
    ],
    "numbers written for people": ["(1,234)", "1.5k", "3/5", "~7", "<10", "4 out of 5", "30+"],
}
SPELLINGS = {
    "pos": "Pos",
    "not spam": "not_spam",
    "not-spam": "Not Spam",
    "caf\u00e9": "cafe\u0301",
    "a\u200b": "a",
}


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
        ([0.0, 1.0], "rank", r"unknown task 'rank'. Use auto, regression or classification"),
        *(
            ([text] * 12 + ["0", "1", "2", text], "auto", f"the labels look like {look}, which are text here")
            for look, texts in AS_TEXT.items()
            for text in texts
        ),
        (["1,250", "2,500", "0,125", "3,000"] * 3, "auto", "look like numbers with a decimal comma"),
        (["20240131", "20240201", "19991224"] * 4, "auto", "look like dates: .*days since a date"),
        (
            ["0.5", "1.5", "2.5"] * 3 + ["?"] * 20,
            "auto",
            "in row 'r9' is not a number, though 9 others",
        ),
        (["0", "1"] * 5 + ["n.d."] * 12, "auto", "the label 'n.d.' in row 'r10' is not a number"),
        ([f"{n} kg" for n in range(30)] * 3, "auto", "the labels look like numbers with a unit"),
        (TEXTS, "auto", ALL_CLASSES + "20 classes among 20"),
        (TEXTS, "classification", ALL_CLASSES + "20 classes among 20"),
        ([n / 29 for n in range(30)], "classification", ALL_CLASSES),
        *(
            ([one, other, "neither", "neither"] * 3, task, "look like two spellings of one class")
            for one, other in SPELLINGS.items()
            for task in ("auto", "classification")
        ),
    ],
)
def test_labels_that_make_no_task(values, task, message):
    ids = np.array([f"r{row}" for row in range(len(values))], dtype=object)
    with pytest.raises((DataError, ConfigError), match=message):
        choose_task(array(values), task, ids=ids)


@given(st.lists(st.sampled_from(["a", "b", "c"]), min_size=1))
def test_one_hot_equals_scikit_learns(labels):
    values = np.array(labels, dtype=object)
    theirs = OneHotEncoder(categories=[["a", "b", "c"]], sparse_output=False).fit_transform(values[:, None])
    np.testing.assert_array_equal(encode(values, "classification", ("a", "b", "c")), theirs)


def test_missing_labels_stay_missing():
    one_hot = encode(np.array([1.0, np.nan, 0.0]), "classification", (0, 1))
    np.testing.assert_array_equal(one_hot, [[0, 1], [np.nan, np.nan], [1, 0]])
    numbers = encode(np.array(["1.5", None], dtype=object), "regression")
    np.testing.assert_array_equal(numbers, [1.5, np.nan])


@pytest.mark.parametrize(
    ("values", "task", "message"),
    [
        (["a", "z"], "classification", r"label 'z' in row 'r1' is none of the classes.*Classes: 'a', 'b'"),
        (["a", "z"], "regression", "the label 'a' in row 'r0' is not a number"),
        ([0.0, 1e200], "regression", "reach from 0 to 1e.200, and the squares of these are no numbers"),
    ],
)
def test_labels_that_cannot_be_encoded(values, task, message):
    with pytest.raises(DataError, match=message):
        encode(array(values), task, ("a", "b"), ids=np.array(["r0", "r1"]))
