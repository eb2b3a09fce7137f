"""Rows meet by id in whatever order the files are; what cannot meet is named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outgrow.data import FeatureTable, LabelTable, as_features, join
from outgrow.errors import DataError

IDS = np.array([f"r{i}" for i in range(30)], dtype=object)
WEAK = np.arange(60.0).reshape(30, 2)
STRONG = -np.arange(90.0).reshape(30, 3)
LABELS = np.arange(30.0) / 7
ALL, FEW = slice(None), slice(20)


def labelled(values, ids=None):
    """Give labels, by row number unless there are ids."""
    values = np.array(values, dtype=object if isinstance(values[0], str) else float)
    names = range(len(values)) if ids is None else ids
    return LabelTable(np.array([str(name) for name in names], dtype=object), values, has_ids=ids is not None)


def weak_set(rows, named=True):
    """The weak set's rows, in some order, with or without ids."""
    return as_features(WEAK[rows], ids=IDS[rows] if named else None, name="weak")


def strong_set(rows, named=True):
    """The strong set's."""
    return as_features(STRONG[rows], ids=IDS[rows] if named else None, name="strong")


@given(st.permutations(range(30)), st.permutations(range(30)), st.permutations(range(30)), st.integers(1, 30))
def test_the_order_of_rows_never_matters(w, s, l, labelled):
    rows = np.array(l[:labelled])
    labels = LabelTable(IDS[rows], LABELS[rows], split=IDS[rows], groups=IDS[rows], truth=2 * LABELS[rows])
    joined = join([weak_set(np.array(w))] * 2, strong_set(np.array(s)), labels)
    back = np.argsort(s)
    assert joined.ids.tolist() == IDS[s].tolist()
    np.testing.assert_array_equal(joined.strong[back], STRONG)
    for values in joined.weak:
        np.testing.assert_array_equal(values[back], WEAK)
    known = np.isin(np.arange(30), l[:labelled])
    np.testing.assert_array_equal(joined.labels[back], np.where(known, LABELS, np.nan))
    np.testing.assert_array_equal(joined.has_label[back], known)
    np.testing.assert_array_equal(joined.truth[back], np.where(known, 2 * LABELS, np.nan))
    for beside in (joined.split, joined.groups):
        assert beside[back].tolist() == np.where(known, IDS, None).tolist()
    assert joined.checks == ()


def test_rows_in_one_order_are_not_copied():
    weak, strong, labels = weak_set(ALL), strong_set(ALL), labelled(LABELS, IDS)
    joined = join([weak], strong, labels)
    assert joined.weak[0] is weak.values
    assert joined.strong is strong.values
    assert joined.labels is labels.values


def test_text_labels_are_spread_with_none():
    joined = join([], strong_set(slice(3)), labelled(["cat"], ids=["r1"]))
    assert joined.labels.tolist() == [None, "cat", None]
    assert not join([], strong_set(ALL), None).has_label.any()


def test_without_ids_rows_are_matched_by_number():
    weak, strong = as_features(WEAK), as_features(STRONG)
    joined = join([weak], strong, labelled(LABELS))
    np.testing.assert_array_equal(joined.labels, LABELS)
    assert joined.ids.tolist() == [str(i) for i in range(30)]
    numbered = join([weak], strong, labelled([5.0], ids=[17]))
    assert np.flatnonzero(numbered.has_label).tolist() == [17]
    mixed = join([as_features(WEAK, ids=IDS)], strong, labelled([5.0], ids=["r4"]))
    assert mixed.ids.tolist() == IDS.tolist()
    assert np.flatnonzero(mixed.has_label).tolist() == [4]


TWICE = np.array(["r2" if name == "r3" else name for name in IDS], dtype=object)
REPEATED = FeatureTable(TWICE, True, WEAK, weak_set(ALL).identity)
WIDE = as_features(STRONG, ids=IDS, columns=("x", "y", "rating"), name="wide")
OWN, NUMBERED = labelled(LABELS, IDS), labelled(LABELS)
NO_LABEL, ANSWER = LabelTable(IDS[:2], np.full(2, np.nan)), LabelTable(IDS, LABELS, answers=("rating",))
FIVE = r"'r20', 'r21', 'r22', 'r23', 'r24', \.\.\. \(10 in all\)"
NO_ROW = r"no label's id stands in the features: '0', '1', '2', \.\.\. \(30 in all\) here, 'r0', 'r1', 'r2',"


@pytest.mark.parametrize(
    ("weak", "strong", "labels", "message"),
    [
        (weak_set(FEW), strong_set(ALL), OWN, f"weak: 10 ids are in strong only: {FIVE}"),
        (weak_set(FEW), strong_set(slice(1, 20)), OWN, "strong: 1 ids are in weak only: 'r0'"),
        (weak_set(FEW, False), strong_set(ALL, False), NUMBERED, "weak: 20 rows, but strong has 30"),
        (weak_set(FEW, False), strong_set(FEW, False), NUMBERED, "30 labels without ids for 20 rows"),
        (weak_set(slice(None, None, -1)), strong_set(ALL), NUMBERED, "strong and weak differ in order"),
        (REPEATED, strong_set(ALL), OWN, "weak: duplicated ids 'r2'"),
        (strong_set(ALL), REPEATED, OWN, "duplicated ids 'r2'"),
        (weak_set(ALL), strong_set(ALL), LabelTable(TWICE, LABELS), "duplicated ids 'r2'"),
        (weak_set(ALL), strong_set(ALL), labelled(LABELS, range(30)), NO_ROW),
        (
            weak_set(ALL, False),
            strong_set(ALL, False),
            labelled(LABELS, range(1, 31)),
            "the features have no ids, and '30' are no row numbers from 0 to 29",
        ),
        (weak_set(ALL), strong_set(ALL), NO_LABEL, "no row with features has a label"),
        (weak_set(ALL), WIDE, ANSWER, "wide: the label column is among the features: 'rating'"),
    ],
)
def test_what_cannot_be_joined(weak, strong, labels, message):
    with pytest.raises(DataError, match=message) as error:
        join([weak], strong, labels)
    assert "\n" not in str(error.value)


def test_labels_without_features_raise_a_check():
    joined = join([], strong_set(ALL), labelled([1.0, 2.0, 3.0], ids=["r1", "lost", "gone"]))
    assert [check.code for check in joined.checks] == ["OG105"]
    assert joined.checks[0].detail == "2 of 3 labels have no features: 'lost', 'gone'"
    assert np.flatnonzero(joined.has_label).tolist() == [1] and joined.labels[1] == 1.0


def test_rows_matched_by_number_beside_ids_are_suspicious():
    strong, bare = strong_set(ALL), weak_set(ALL, named=False)
    labels = replace(NUMBERED, source="l.csv")
    codes = {check.code: check.detail for check in join([bare], strong, labels).checks}
    assert codes == {"OG106": "'weak', 'l.csv' without ids, 'strong' with"}
    assert [check.code for check in join([bare], strong, None).checks] == ["OG106"]
    assert join([weak_set(slice(None, None, -1))], strong, None).checks == ()


@pytest.mark.parametrize(
    ("here", "there"), [("{:03d}", "{}"), ("{}", " {} "), ("R{}", "r{}"), ("{}.0", "{}")]
)
def test_two_spellings_of_ids_are_asked_about(here, there):
    rows = np.arange(120.0)[:, None]
    a, b = ([form.format(i) for i in range(120)] for form in (here, there))
    one, other = as_features(rows, ids=a, name="one"), as_features(rows, ids=b, name="other")
    labels = LabelTable(np.array(a, dtype=object), rows[:, 0])
    for sets in (([one], other, None), ([other], other, labels)):
        with pytest.raises(DataError, match=r"look like two spellings of one .*Write ids alike"):
            join(*sets)
