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
        (3 * list(range(20)), "classification", tuple(range(20)), "20 distinct whole numbers, at most 20"),
        (3 * list(range(21)), "regression", (), "the labels are 21 distinct whole numbers, over 20"),
        (list(range(20)), "regression", (), "whole numbers, 20 different ones among 20"),
        ([-1, 0, 1, 1], "classification", (-1, 0, 1), "3 distinct whole numbers"),
        (5 * [-4, -1, 0, 2, 4], "regression", (), "whole numbers on both sides of zero, from -4 to 4"),
        (5 * [-5, -4, -2, -1], "regression", (), "whole numbers below zero"),
        ([0.5, 1.0, np.nan], "regression", (), "the labels are numbers, not all whole"),
        ([True, False], "classification", (0, 1), "2 distinct whole numbers"),
        (["1", "0"], "classification", (0, 1), "2 distinct whole numbers"),
    ],
)
def test_auto(values, task, classes, why):
    got = choose_task(np.array(values, dtype=object) if isinstance(values[0], str) else np.array(values))
    assert got[:2] == (task, classes)
    assert why in got[2]


def test_the_user_overrules_auto():
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
def test_labels_that_make_no_task(values, task, message):
    array = np.array(values, dtype=object if isinstance(values[0], str) else float)
    with pytest.raises(DataError, match=message):
        choose_task(array, task, ids=np.array(["r0", "r1", "r2"], dtype=object))


def test_an_unknown_task():
    with pytest.raises(ConfigError, match=r"unknown task 'rank'. Use auto, regression or classification"):
        choose_task(np.array([0.0, 1.0]), "rank")


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
    ("look", "texts"),
    [
        ("numbers with digits in groups", ["1,234", "-12,345.67", "1'234", "1 234 567"]),
        ("numbers with a decimal comma", ["0,5", "-12,75", "1,25e3", ",5"]),
        ("percentages", ["12%", "12.5 %", "-3,5%", "7 percent"]),
        ("amounts of money", ["$1,200", "€ 3.50", "12 EUR", "-£5", "USD 7", "$1.5k"]),
        (
            "dates or times",
            ["2024-01-31", "31/01/2024", "31.1.24", "2024-01-31T12:30:00Z", "12:30", "Jan 5, 2024"],
        ),
        ("numbers written for people", ["(1,234)", "1.5k", "3/5", "~7", "<10", "4 out of 5", "30+"]),
    ],
)
def test_numbers_as_people_write_them_are_no_classes(look, texts):
    for text in texts:
        values = np.array([text, f"{text}"] * 6 + [f"{n}" for n in range(3)] + [text], dtype=object)
        with pytest.raises(DataError, match=f"the labels look like {look}, which are text here"):
            choose_task(values)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["1,250", "2,500", "0,125", "3,000"] * 3, "look like numbers with a decimal comma"),
        (["20240131", "20240201", "19991224"] * 4, "look like dates: .*days since a date"),
        (["0.5", "1.5", "2.5"] * 3 + ["?"] * 20, "the label '\\?' in row 9 is not a number, though 9 others"),
        (["0", "1"] * 5 + ["n.d."] * 12, "the label 'n.d.' in row 10 is not a number"),
    ],
)
def test_what_would_pass_for_numbers_or_classes(texts, message):
    with pytest.raises(DataError, match=message):
        choose_task(np.array(texts, dtype=object))
    assert choose_task(np.array(["\u22121.5", "2.5"], dtype=object))[0] == "regression"


def test_names_of_classes_that_hold_digits_stay_names():
    names = ["class 1", "18-24", "a1", "covid-19", "3 stars", "B12", "v2.0", "1st", "f-16", "top10"]
    values = np.array(names * 3, dtype=object)
    assert choose_task(values)[1] == tuple(sorted(names))
    many = np.array([f"{n} kg" for n in range(30)] * 3, dtype=object)
    with pytest.raises(DataError, match="the labels look like numbers with a unit"):
        choose_task(many)
    prices = np.array(["1,5", "2,5"] * 5, dtype=object)
    assert choose_task(prices, "classification")[1] == ("1,5", "2,5")


@pytest.mark.parametrize("task", ["auto", "classification"])
def test_labels_that_are_nearly_all_classes_of_their_own(task):
    texts = np.array([f"doc {chr(97 + n)}" for n in range(20)], dtype=object)
    with pytest.raises(DataError, match=r"nearly every label is a class of its own: 20 classes among 20"):
        choose_task(texts, task)
    if task == "classification":
        with pytest.raises(DataError, match="nearly every label is a class of its own"):
            choose_task(np.linspace(0, 1, 30), task)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("pos", "Pos"),
        ("not spam", "not_spam"),
        ("not-spam", "Not Spam"),
        ("caf\u00e9", "cafe\u0301"),
        ("a\u200b", "a"),
    ],
)
def test_two_spellings_of_one_class_are_asked_about(one, other):
    values = np.array([one, other, "neither", "neither"] * 3, dtype=object)
    for task in ("auto", "classification"):
        with pytest.raises(DataError, match="look like two spellings of one class") as error:
            choose_task(values, task)
        assert repr(other) in str(error.value)


def test_labels_that_cannot_be_encoded():
    values = np.array(["a", "z"], dtype=object)
    with pytest.raises(
        DataError, match=r"the label 'z' in row 'r1' is none of the classes.*Classes: 'a', 'b'"
    ):
        encode(values, "classification", ("a", "b"), ids=np.array(["r0", "r1"]))
    with pytest.raises(DataError, match="the label 'a' in row 0 is not a number"):
        encode(values, "regression")
