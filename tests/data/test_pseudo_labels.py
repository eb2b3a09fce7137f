"""Given teachers as people keep them: scores, probabilities, lists and words, in tables of any kind."""

from __future__ import annotations

import json

import numpy as np
import pytest

from outgrow.data.pseudo_labels import MOST_WORDS, combined, find_columns, read_pseudo_labels
from outgrow.errors import ConfigError, DataError

IDS = np.array([f"r{i}" for i in range(6)], dtype=object)
P = np.array([0.1, 0.9, 0.25, 0.5, 0.75, 1.0])


@pytest.fixture(params=["csv", "parquet"])
def table(request, put):
    """Writes columns beside the ids in another order than the rows."""

    def written(columns, ids=IDS, shuffled=True):
        order = np.array([3, 1, 5, 0, 4, 2]) if shuffled else np.arange(6)
        held = {"id": ids.tolist(), **columns} if ids is not None else dict(columns)
        held = {name: [values[place] for place in order] for name, values in held.items()}
        if request.param == "csv":  # as pandas writes lists to text
            held = {name: list(map(as_text, values)) for name, values in held.items()}
        return put(f"said.{request.param}", held)

    return written


def as_text(value):
    return json.dumps(value) if isinstance(value, (list, dict)) else value


def read(entry, path, classes=(), ids=IDS):
    name, file, columns = find_columns(entry, path, "id")
    return read_pseudo_labels(file, columns, ids, name=name, classes=classes)


def test_scores_and_probabilities_are_numbers_as_they_stand(table):
    path = table({"p1": P.tolist(), "label": [0, 1] * 3})
    for classes in ((), (0, 1), ("neg", "pos")):
        found = read("p1", path, classes)
        np.testing.assert_array_equal(found.values, P[:, None])
        assert (found.identity.name, found.identity.columns) == ("p1", ("p1",))


def test_lists_and_columns_per_class_are_one_teacher(table):
    path = table({"both": np.c_[1 - P, P].tolist(), "p0": (1 - P).tolist(), "p1": P.tolist()})
    for entry, name in (("both", "both"), ("judge=p0,p1", "judge"), ("judge=p?", "judge")):
        found = read(entry, path, (0, 1))
        np.testing.assert_allclose(found.values, np.c_[1 - P, P])
        assert found.identity.name == name
    assert read("both", path).identity.columns == ("both[0]", "both[1]")


def test_a_number_for_each_class_is_read(table):
    said = [{"neg": 1 - p, "pos": p} for p in P.tolist()]
    found = read("said", table({"said": said}), (0, 1))
    np.testing.assert_allclose(found.values, np.c_[1 - P, P])
    assert found.identity.columns == ("said[neg]", "said[pos]")
    with pytest.raises(DataError, match=r"row 3 of column 'said' holds .* Give a number for each class"):
        read("said", table({"said": [{"neg": 0.1}, *said[1:]]}))


def test_words_are_a_column_each_whatever_the_labels_are(table):
    path = table({"said": ["good", "bad", "none", "good", "good", "bad"]})
    for classes in ((), ("neg", "pos")):
        found = read("said", path, classes)
        assert found.identity.columns == ("said: bad", "said: good", "said: none")
        np.testing.assert_array_equal(found.values.argmax(axis=1), [1, 0, 2, 1, 1, 0])


def test_numbers_of_three_classes_are_names_and_of_two_a_line(table):
    path = table({"said": [0, 2, 1, 1, 0, 3]})
    assert read("said", path, (0, 1, 2)).values.shape == (6, 4)
    assert read("said", path, (0, 1)).values.shape == (6, 1)
    assert read("said", path).values.shape == (6, 1)


def test_a_table_of_its_own_needs_no_labels(table):
    path = table({"score": P.tolist()})
    name, file, columns = find_columns(f"judge={path}", None, "id")
    assert (name, columns) == ("judge", ("score",))
    np.testing.assert_array_equal(read_pseudo_labels(file, columns, IDS, name=name).values[:, 0], P)
    assert find_columns(str(path), None, "id")[0] == "said"
    with pytest.raises(ConfigError, match="'score' is no table"):
        find_columns("score", None, "id")


def test_a_column_with_the_signs_of_an_entry_in_its_name_is_found(table):
    path = table({"a=b": P.tolist(), "c,d": P.tolist()})
    assert find_columns("a=b", path, "id")[::2] == ("a=b", ("a=b",))
    assert find_columns("x=c,d", path, "id")[::2] == ("x", ("c,d",))
    with pytest.raises(DataError, match="no pseudo-label column 'e'"):
        find_columns("e", path, "id")


def test_rows_without_ids_are_matched_by_number_where_counts_agree(table):
    path = table({"score": P.tolist()}, ids=None, shuffled=False)
    numbers = np.array([str(i) for i in range(6)], dtype=object)
    np.testing.assert_array_equal(read("score", path, ids=numbers).values[:, 0], P)
    with pytest.raises(DataError, match="rows without ids cannot be joined with the column 'score'"):
        read("score", path)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([0.1, None, 0.3, 0.4, 0.5, 0.6], "says nothing of 1 rows, such as 'r1'"),
        ([[0.1, 0.9]] * 5 + [[0.2]], r"row \d of column 'said' holds"),
        ([0.1, float("inf"), 0.3, 0.4, 0.5, 0.6], "infinity"),
    ],
)
def test_what_no_teacher_may_say_is_refused(table, values, said):
    with pytest.raises(DataError, match=said):
        read("said", table({"said": values}))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["pos", "Pos", "neg"], "'Pos' and 'pos' look like two spellings"),
        ([f"{n / 10}%" for n in range(MOST_WORDS + 1)], "Write plain numbers, such as 12.5 for 12.5 %"),
        ([f"text {n}" for n in range(MOST_WORDS + 1)], "101 different words"),
        ([f"0,{n:03d}" for n in range(MOST_WORDS + 1)], "Read them with --decimal ','"),
    ],
)
def test_words_that_mean_something_else(words, said, put):
    ids = [f"r{n}" for n in range(len(words))]
    with pytest.raises(DataError, match=said):
        read("q", put("q.parquet", {"id": ids, "q": words}), ids=np.array(ids, dtype=object))


def test_rows_that_are_not_in_the_table_are_named(table):
    path = table({"score": P.tolist()})
    more = np.array([*IDS, "other"], dtype=object)
    with pytest.raises(DataError, match="says nothing of 1 rows, such as 'other'"):
        read("score", path, ids=more)
    fewer = read("score", path, ids=IDS[:2])
    np.testing.assert_array_equal(fewer.values[:, 0], P[:2])


def test_several_teachers_make_a_stack_and_an_average_in_units_of_their_own(table):
    path = table({"a": (100 * P).tolist(), "b": (P**2).tolist()})
    teachers = {name: read(name, path) for name in "ab"}
    made = combined(teachers)
    assert list(made) == ["average of 2", "stacked"]
    by_hand = np.c_[P / P.std(), P**2 / (P**2).std()]
    np.testing.assert_allclose(made["stacked"][0].values, by_hand)
    np.testing.assert_allclose(made["average of 2"][0].values[:, 0], by_hand.mean(axis=1))
    for found, mixing in made.values():
        raw = np.hstack([one.values for one in teachers.values()])
        np.testing.assert_allclose(raw @ mixing, found.values)
        assert found.identity.columns == ("a", "b")
    assert combined({"a": teachers["a"]}) == {}


def test_classes_are_averaged_as_votes_and_unlike_teachers_only_stacked(table):
    path = table({"a": list("xyxyxy"), "b": list("xxxyyy"), "c": P.tolist()})
    teachers = {name: read(name, path) for name in "abc"}
    votes = combined({name: teachers[name] for name in "ab"})["average of 2"][0]
    np.testing.assert_allclose(votes.values.sum(axis=1), 1)
    assert set(np.unique(votes.values)) == {0.0, 0.5, 1.0}
    assert list(combined(teachers)) == ["stacked"]
