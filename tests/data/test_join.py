"""Rows meet by id in whatever order the files are; what cannot meet is named."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outgrow.data import FeatureTable, Joined, LabelTable, as_features, join
from outgrow.errors import DataError

IDS = np.array([f"r{i}" for i in range(30)], dtype=object)
WEAK = np.arange(60.0).reshape(30, 2)
STRONG = -np.arange(90.0).reshape(30, 3)
LABELS = np.arange(30.0) / 7


def labelled(values, ids=None):
    """Give labels, by row number unless there are ids."""
    values = np.array(values, dtype=object if isinstance(values[0], str) else float)
    names = range(len(values)) if ids is None else ids
    return LabelTable(np.array([str(name) for name in names], dtype=object), values, has_ids=ids is not None)


def tables(order_w, order_s, order_l):
    """Give the same rows in three orders."""
    labels = LabelTable(
        IDS[order_l], LABELS[order_l], split=IDS[order_l], groups=IDS[order_l], truth=2 * LABELS[order_l]
    )
    weak = as_features(WEAK[order_w], ids=IDS[order_w], name="weak")
    return weak, as_features(STRONG[order_s], ids=IDS[order_s], name="strong"), labels


@given(st.permutations(range(30)), st.permutations(range(30)), st.permutations(range(30)), st.integers(1, 30))
def test_the_order_of_rows_never_matters(w, s, l, labelled):
    weak, strong, labels = tables(np.array(w), np.array(s), np.array(l[:labelled]))
    joined = join([weak, weak], strong, labels)
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
        assert beside[back].tolist() == [
            name if here else None for name, here in zip(IDS, known, strict=True)
        ]
    assert joined.checks == ()


def test_rows_in_one_order_are_not_copied():
    order = np.arange(30)
    weak, strong, labels = tables(order, order, order)
    joined = join([weak], strong, labels)
    assert joined.weak[0] is weak.values
    assert joined.strong is strong.values
    assert joined.labels is labels.values


def test_text_labels_are_spread_with_none():
    strong = as_features(STRONG[:3], ids=IDS[:3])
    joined = join([], strong, labelled(["cat"], ids=["r1"]))
    assert joined.labels.tolist() == [None, "cat", None]


def test_without_labels_there_is_geometry_only():
    joined = join([], as_features(STRONG, ids=IDS), None)
    assert not joined.has_label.any()


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


def fails(message, weak, strong, labels):
    """Check what a join says."""
    with pytest.raises(DataError, match=message) as error:
        join([weak], strong, labels)
    assert "\n" not in str(error.value)


def test_ids_in_one_set_only_are_named():
    weak, strong = (
        as_features(WEAK[:20], ids=IDS[:20], name="weak"),
        as_features(STRONG, ids=IDS, name="strong"),
    )
    labels = labelled(LABELS, ids=IDS)
    fails(
        re.escape("weak: 10 ids are in strong only: 'r20', 'r21', 'r22', 'r23', 'r24', ... (10 in all)"),
        weak,
        strong,
        labels,
    )
    fewer = as_features(STRONG[1:20], ids=IDS[1:20], name="strong")
    fails("strong: 1 ids are in weak only: 'r0'", weak, fewer, labels)


def test_counts_that_differ_without_ids():
    labels = labelled(LABELS)
    fails(
        "weak: 29 rows, but strong has 30",
        as_features(WEAK[1:], name="weak"),
        as_features(STRONG, name="strong"),
        labels,
    )
    fails("30 labels without ids for 29 rows", as_features(WEAK[1:]), as_features(STRONG[1:]), labels)


def test_row_numbers_are_refused_where_they_are_ambiguous():
    weak, strong, _ = tables(np.arange(30)[::-1], np.arange(30), np.arange(30))
    fails(
        "rows without ids cannot be matched, since strong and weak differ in order",
        weak,
        strong,
        labelled(LABELS),
    )


def test_duplicated_ids_are_named():
    good = as_features(STRONG, ids=IDS, name="strong")
    twice = IDS.copy()
    twice[3] = "r2"
    bad = FeatureTable(twice, True, WEAK, as_features(WEAK, name="weak").identity)
    fails("weak: duplicated ids 'r2'", bad, good, labelled(LABELS, ids=IDS))
    fails("duplicated ids 'r2'", good, bad, labelled(LABELS, ids=IDS))
    fails("duplicated ids 'r2'", good, good, LabelTable(twice, LABELS))


def test_labels_that_meet_no_row_show_both_kinds_of_ids():
    features = as_features(STRONG, ids=IDS, name="strong")
    fails(
        re.escape(
            "no label's id stands in the features: '0', '1', '2', ... (30 in all) here, 'r0', 'r1', 'r2', ..."
        ),
        features,
        features,
        labelled(LABELS, ids=range(30)),
    )


def test_labels_without_features_raise_a_check():
    features = as_features(STRONG, ids=IDS)
    joined = join([], features, labelled([1.0, 2.0, 3.0], ids=["r1", "lost", "gone"]))
    assert [check.code for check in joined.checks] == ["OG105"]
    assert joined.checks[0].detail == "2 of 3 labels have no features: 'lost', 'gone'"
    fails(
        "the features have no ids, and '30' are no row numbers from 0 to 29",
        as_features(WEAK),
        as_features(STRONG),
        labelled(LABELS, ids=range(1, 31)),
    )
    fails("no row with features has a label", features, features, LabelTable(IDS[:2], np.full(2, np.nan)))


def test_the_label_among_the_features_is_refused():
    wide = as_features(STRONG, ids=IDS, columns=("x", "y", "rating"), name="wide")
    labels = LabelTable(IDS, LABELS, answers=("rating",))
    fails("wide: the label column is among the features: 'rating'", as_features(WEAK, ids=IDS), wide, labels)


def test_the_result_is_frozen():
    joined = join([], as_features(STRONG, ids=IDS), None)
    assert isinstance(joined, Joined)
    with pytest.raises(AttributeError):
        joined.ids = IDS


def test_rows_matched_by_number_beside_ids_are_suspicious():
    strong = as_features([[1.0], [2.0]], ids=["a", "b"], name="strong")
    bare = as_features([[1.0], [2.0]], name="weak")
    labels = LabelTable(
        np.array(["0", "1"], dtype=object), np.array([0.5, 1.0]), has_ids=False, source="l.csv"
    )
    codes = {check.code: check.detail for check in join([bare], strong, labels).checks}
    assert codes == {"OG106": "'weak', 'l.csv' without ids, 'strong' with"}
    assert [check.code for check in join([bare], strong, None).checks] == ["OG106"]
    whole = as_features([[1.0], [2.0]], ids=["b", "a"], name="weak")
    assert join([whole], strong, None).checks == ()


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
