"""Parts are disjoint, of the sizes asked for, whole by group, and the same in every order of rows."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from outgrow.data import draw_split, folds, jackknife_groups
from outgrow.errors import DataError


def names(rows):
    """Give ids."""
    return np.array([f"id-{i}" for i in range(rows)], dtype=object)


def as_sets(split, ids):
    """Give the parts as sets of ids."""
    return tuple(frozenset(ids[rows].tolist()) for rows in (split.labelled, split.unlabelled, split.test))


@st.composite
def designs(draw):
    """Rows, some of them labelled, in groups, and sizes that are possible."""
    rows = draw(st.integers(4, 60))
    known = np.array(draw(st.lists(st.booleans(), min_size=rows, max_size=rows)))
    known[:2] = True
    groups = draw(st.none() | st.lists(st.sampled_from([*"abcdefgh", None]), min_size=rows, max_size=rows))
    return {
        "known": known,
        "groups": None if groups is None else np.array(groups, dtype=object),
        "test": draw(st.integers(0, max(0, int(known.sum()) - 2)) | st.floats(0, 0.5)),
        "seed": draw(st.integers(0, 5)),
        "order": np.array(draw(st.permutations(range(rows)))),
    }


@given(designs(), st.integers(1, 60), st.none() | st.integers(0, 60))
def test_properties_of_every_split(design, n, n_unlabelled):
    known, groups, order = design["known"], design["groups"], design["order"]
    ids, how = names(len(known)), {"test": design["test"], "seed": design["seed"]}
    try:
        split = draw_split(known, ids=ids, groups=groups, n=n, n_unlabelled=n_unlabelled, **how)
    except DataError as error:
        assert "are asked for" in str(error) or "is left to train on" in str(error)
        return
    parts = as_sets(split, ids)
    assert sum(map(len, parts)) == len(frozenset.union(*parts))
    assert len(split.labelled) == n
    assert n_unlabelled is None or len(split.unlabelled) == n_unlabelled
    assert known[split.labelled].all()
    assert known[split.test].all()
    for rows in (split.labelled, split.unlabelled, split.test):
        assert (np.diff(rows) > 0).all()
    test = design["test"]
    wanted = int(np.ceil(test * known.sum() - 1e-9)) if test < 1 else int(test)
    if groups is None:
        assert len(split.test) == wanted
        assert n_unlabelled is not None or sum(map(len, parts)) == len(known)
    else:
        assert len(split.test) >= wanted
        tested = {groups[i] for i in split.test} - {None}
        assert not tested & {groups[i] for i in (*split.labelled, *split.unlabelled)}
    moved = draw_split(
        known[order],
        ids=ids[order],
        groups=None if groups is None else groups[order],
        n=n,
        n_unlabelled=n_unlabelled,
        **how,
    )
    assert as_sets(moved, ids[order]) == parts


def test_the_draw_is_the_same_in_every_process():
    code = (
        "import numpy as np; from outgrow.data import draw_split;"
        "s = draw_split(np.ones(50, bool), n=5, test=5, seed=3); print(s.labelled.tolist(), s.test.tolist())"
    )
    runs = {
        subprocess.check_output(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, text=True
        )
        for seed in ("1", "2")
    }
    here = draw_split(np.ones(50, dtype=bool), n=5, test=5, seed=3)
    assert runs == {f"{here.labelled.tolist()} {here.test.tolist()}\n"}


def test_draws_are_nested_and_change_with_the_seed():
    known = np.ones(500, dtype=bool)
    small, large = (draw_split(known, n=n, test=100) for n in (50, 200))
    assert set(small.labelled) < set(large.labelled)
    np.testing.assert_array_equal(small.test, large.test)
    other = draw_split(known, n=50, test=100, seed=1)
    assert len(set(other.labelled) & set(small.labelled)) < 25
    assert len(set(other.test) & set(small.test)) < 50


def test_every_row_is_drawn_equally_often():
    known = np.ones(40, dtype=bool)
    drawn = np.zeros((2, 40))
    for seed in range(400):
        split = draw_split(known, n=10, test=10, seed=seed)
        drawn[0, split.labelled] += 1
        drawn[1, split.test] += 1
    for counts in drawn:
        # A count's variance is 400 p (1 - p), and the counts' sum is fixed: hence .75 and 39 degrees.
        statistic = ((counts - 100) ** 2 / 100).sum() / 0.75 * 39 / 40
        assert 1e-3 < stats.chi2.sf(statistic, 39) < 1 - 1e-3


@pytest.mark.parametrize(
    ("known", "parts", "labelled", "unlabelled", "test"),
    [
        ([1, 0, 1, 0], None, [0, 2], [1, 3], []),
        (
            [1, 1, 0, 1, 1, 1, 1],
            ["labelled", "unlabelled", "pool", "train", "test", "Test ", None],
            [0, 3],
            [1, 2, 6],
            [4, 5],
        ),
        ([1, 1, 1, 0], ["test", None, None, None], [1, 2], [3], [0]),  # what is not named is drawn
        ([1] * 5, ["train", "validation", "Val", "dev", "test"], [0], [], [4]),
    ],
)
def test_a_given_split_is_followed_and_the_rest_is_the_pool(known, parts, labelled, unlabelled, test):
    given = None if parts is None else np.array(parts, dtype=object)
    split = draw_split(np.array(known, dtype=bool), split=given)
    assert (split.labelled.tolist(), split.unlabelled.tolist(), split.test.tolist()) == (
        labelled,
        unlabelled,
        test,
    )
    fewer = draw_split(np.array(known, dtype=bool), split=given, n=1)
    assert len(fewer.unlabelled) == len(labelled) + len(unlabelled) - 1


def test_unlabelled_rows_of_a_test_group_are_in_no_part():
    known = np.array([True, False, True, False])
    groups = np.array(["a", "a", "b", "b"], dtype=object)
    split = draw_split(known, groups=groups, test=1)
    assert len(split.test) == len(split.labelled) == len(split.unlabelled) == 1
    assert groups[split.labelled[0]] == groups[split.unlabelled[0]] != groups[split.test[0]]


KNOWN = np.array([True] * 6 + [False] * 4)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"n": 7}, r"7 labelled rows are asked for, 6 with a label are left \(6 in all, 0 for the test\)"),
        ({"n": 0}, r"0 labelled rows are asked for.*Ask for at least one"),
        ({"n": 5, "test": 2}, r"5 labelled rows are asked for, 4 with a label are left \(6 in all, 2 for"),
        ({"test": 6}, "6 test rows are asked for, 6 rows with a label are there"),
        ({"test": 1.5}, "test is 1.5.*Give a count of rows, or a fraction below 1"),
        ({"test": -1}, "test is -1"),
        ({"test": float("nan")}, "test is nan"),
        ({"test": float("inf")}, "test is inf"),
        ({"n": 2, "n_unlabelled": 9}, r"9 unlabelled .* 8 are left \(10 rows in all, 2 labelled, 0 held out"),
        (
            {"split": np.array(["train"] * 6 + ["val"] * 3 + ["pool"]), "n": 2, "n_unlabelled": 6},
            r"6 unlabelled rows are asked for, 5 are left .*3 held out",
        ),
        ({"ids": np.array(["a"] * 2 + list("bcdefghi"))}, "the same id may stand in train and test: 'a'"),
        ({"split": np.array(["holdout"] + ["train"] * 9)}, "unknown part 'holdout' in row '0'. Use labelled"),
        ({"split": np.array(["train"] * 9 + ["test"])}, "1 test rows have no label: '9'"),
        ({"split": np.array(["labelled"] * 10)}, "4 labelled rows have no label: '6', '7', '8', '9'"),
        ({"split": np.array(["test"] + ["train"] * 9), "test": 2}, "the split column names them already"),
        ({"split": np.array(["pool"] * 10)}, "no labelled row is left to train on .6 have a label"),
        ({"groups": np.array(["a"] * 10), "test": 1}, "no labelled row is left to train on"),
        (
            {"split": np.array(["test"] + ["train"] * 9), "groups": np.array(["a"] * 2 + ["b"] * 8)},
            "groups have rows in the test and outside it: 'a'",
        ),
    ],
)
def test_splits_that_cannot_be_drawn(how, message):
    with pytest.raises(DataError, match=message) as error:
        draw_split(KNOWN, **how)
    assert "\n" not in str(error.value)


@given(
    st.lists(st.sampled_from("abcdefghij"), min_size=10, max_size=80), st.integers(2, 5), st.integers(0, 3)
)
def test_folds_keep_groups_whole_and_do_not_depend_on_order(groups, k, seed):
    units = np.array(groups)
    if len(set(groups)) < k:
        with pytest.raises(DataError, match=f"{k} folds are asked for"):
            folds(units, k, seed)
        return
    fold = folds(units, k, seed)
    assert set(fold) == set(range(k))
    assert all(len(set(fold[units == unit])) == 1 for unit in set(groups))
    np.testing.assert_array_equal(folds(units[::-1], k, seed)[::-1], fold)


@pytest.mark.parametrize(("rows", "k"), [(100, 5), (103, 20), (7, 7)])
def test_folds_of_single_rows_differ_by_one_at_most(rows, k):
    sizes = np.bincount(folds(names(rows), k, seed=2), minlength=k)
    assert sizes.max() - sizes.min() <= 1
    assert (folds(names(rows), k, seed=2) != folds(names(rows), k, seed=3)).any()


def test_jackknife_groups():
    assert len(set(jackknife_groups(names(300)))) == 20
    groups = np.array([f"g{i % 7}" for i in range(300)], dtype=object)
    assert len(set(jackknife_groups(names(300), groups))) == 7
    groups[::2] = None
    assert len(set(jackknife_groups(names(300), groups))) == 20
    with pytest.raises(DataError, match="2 folds are asked for, 1 ids or groups"):
        jackknife_groups(names(3), np.array(["a"] * 3))
