"""What is missing, what may be, and ids under another name: said with the values, never decided silently."""

from __future__ import annotations

import numpy as np
import pytest

from outgrow.data import as_features, join, read_features, read_labels
from outgrow.data.answers import refuse_answers
from outgrow.data.checks import carried_by_few, carried_columns, same_set
from outgrow.errors import DataError

ROWS = 40
RNG = np.random.default_rng(5)
IDS = [f"r{i}" for i in range(ROWS)]
VALUES = RNG.standard_normal((ROWS, 4))
ORDER = RNG.permutation(ROWS)


@pytest.mark.parametrize(
    ("words", "detail"),
    [
        (["a", "b", ""], None),
        (["a", "b", "nan"], None),
        (["1", "2.5", "NA"], None),
        (["a", "b", "None", "N/A"], "read as missing: 'None' (3), 'N/A' (3)"),
        (["a", "b", "?"], "taken for classes: '?' (3)"),
        (["a", "b", "Unknown", "NULL"], "read as missing: 'NULL' (3); taken for classes: 'Unknown' (3)"),
        (["0", "1", "2", "-1"], "taken for a label: '-1' (3)"),
        (["-1", "0", "1"], "taken for a label: '-1' (3)"),
        (["0", "1", "-999"], "taken for a label: '-999' (3)"),
        (["0", "1", "9"], None),
        ([*(f"0.{i}" for i in range(1, 9)), "-1"], "taken for a label: '-1' (3)"),
        (["a", "b", "#REF!"], "taken for classes: '#REF!' (3)"),
        (["-1", "1"], None),
        (["0.5", "1.5", "2", "3.5", "-999"], "taken for a label: '-999' (3)"),
        (["0.5", "1.5", "2", "3.5", "4"], None),
    ],
)
def test_marks_of_missing_labels(words, detail, put):
    path = put("l.csv", {"id": [f"{n}{w}" for n in range(3) for w in words], "label": words * 3})
    found = read_labels(path).checks
    assert [(check.code, check.detail) for check in found] == ([] if detail is None else [("OG110", detail)])


def test_na_is_a_name_in_parquet_and_asked_about(put):
    read = read_labels(put("l.parquet", {"id": IDS[:4], "label": ["NA", "EU", "NA", "EU"]}))
    assert read.values.tolist() == ["NA", "EU", "NA", "EU"]
    assert read.checks[0].detail == "taken for classes: 'NA' (2)"


@pytest.mark.parametrize("name", ["Unnamed: 0", "", "index", "__index_level_0__", "row_nr"])
def test_a_saved_index_is_not_the_label(name, put):
    assert read_labels(put("l.csv", {name: [0, 1], "mood": ["good", "bad"]})).values.tolist() == [
        "good",
        "bad",
    ]


def test_the_split_column_is_used_unless_it_is_another_one_or_none(put):
    path = put("l.csv", {"label": ["a", "b"], "split": ["train", "test"], "part": ["x", "y"]})
    assert read_labels(path).split.tolist() == ["train", "test"]
    assert read_labels(path).split_column == "split"
    assert read_labels(path, split_column="part").split.tolist() == ["x", "y"]
    assert read_labels(path, split_column="none").split is None
    assert read_labels(path, label_column="split").split is None


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("rows", [ROWS, 12])
def test_ids_of_labels_under_another_name_are_named(ending, rows, put):
    order = ORDER[:rows]
    columns = {"note": ["x"] * rows, "doc_id": [IDS[i] for i in order], "label": order + 0.5}
    path = put(f"l.{ending}", columns)
    strong = as_features(VALUES, ids=IDS, name="strong")
    with pytest.raises(DataError, match="has no ids, but its column 'doc_id' holds those of strong"):
        join([], strong, read_labels(path, label_column="label"))
    joined = join([], strong, read_labels(path, label_column="label", id_column="doc_id"))
    assert joined.matched == "id"
    assert {i for i in range(ROWS) if joined.has_label[i]} == set(order.tolist())
    assert all(joined.labels[i] == i + 0.5 for i in order)


def test_ids_of_features_under_another_name_are_named(put):
    keys = [IDS[i] for i in ORDER]
    features = read_features(put("f.parquet", {"key": keys, "features": VALUES[ORDER].tolist()}))
    beside = {"label": [1.5] * ROWS}
    with pytest.raises(DataError, match=r"f.parquet: .* but its column 'key' holds those of .*l.csv"):
        join([], features, read_labels(put("l.csv", {"id": IDS, **beside})))
    bare = read_labels(put("k.csv", {"key": IDS, **beside}), label_column="label")
    with pytest.raises(DataError, match=r"hold the same values in another order.*--id-column key"):
        join([], features, bare)
    same = read_labels(put("s.csv", {"key": keys, **beside}), label_column="label")
    assert join([], features, same).matched == "row number"


def test_a_table_without_ids_is_joined_by_number_only_where_nothing_has_ids(put):
    bare = read_labels(put("l.csv", {"label": [i / 7 for i in range(ROWS)]}))
    joined = join([as_features(VALUES)], as_features(VALUES), bare)
    assert joined.matched == "row number"
    np.testing.assert_allclose(joined.labels, np.arange(ROWS) / 7)
    with pytest.raises(DataError, match=r"l.csv: it has no ids, while strong has, and none of its columns"):
        join([], as_features(VALUES, ids=IDS, name="strong"), bare)


def codes(names):
    """One-hot codes."""
    return (np.array(names)[:, None] == np.unique(names)[None, :]).astype(float)


@pytest.mark.parametrize("kind", ["copy", "scaled", "rounded", "number of the class", "is class b"])
def test_a_column_that_says_what_the_label_says_is_refused(kind):
    classes = ["a", "b", "c", "b"] * (ROWS // 4)
    y = codes(classes) if "class" in kind else VALUES[:, :1] ** 2
    said = {
        "copy": y[:, 0],
        "scaled": 3 - 5 * y[:, 0],
        "rounded": y[:, 0].astype(np.float16).astype(np.float64),
        "number of the class": np.array([{"a": 4.0, "b": 1.0, "c": 9.0}[name] for name in classes]),
        "is class b": np.array([float(name == "b") for name in classes]),
    }[kind]
    y[::4] = np.nan  # as the pool's labels
    features, names = np.column_stack([VALUES, said]), ("x0", "x1", "x2", "x3", "mood")
    with pytest.raises(DataError, match=r"wide: columns among the features say what the label says: 'mood'"):
        refuse_answers(features, names, y, "wide")
    refuse_answers(VALUES, names[:4], y, "wide")
    refuse_answers(features, (), y, "an array has no names")
    noisy = np.column_stack([VALUES, said + 0.05 * said.std() * RNG.standard_normal(ROWS)])
    refuse_answers(noisy, names, y, "wide")


def test_rows_that_carry_the_labels_spread_are_named():
    y = RNG.standard_normal(400)
    ids = np.array([f"r{i}" for i in range(400)], dtype=object)
    assert carried_by_few(y, ids) is None
    assert carried_by_few(RNG.standard_exponential(400), ids) is None
    y[17] = 1e9
    found = carried_by_few(y, ids)
    assert found.code == "OG108" and "'r17' (1e+09) carries 100 %" in found.detail
    y[[17, 30, 41]] = -500.0
    found = carried_by_few(y, ids)
    assert "'r17' (-500), 'r30' (-500)" in found.detail
    assert carried_by_few(np.where(np.arange(400) < 19, y, np.nan), ids) is None


def test_columns_that_few_rows_carry_are_named():
    ids = np.array([f"r{i}" for i in range(400)], dtype=object)
    sound = np.column_stack(
        [
            RNG.standard_normal(400),
            RNG.standard_exponential(400),
            np.exp(RNG.standard_normal(400)),  # incomes
            RNG.random(400) < 0.005,  # a rare word
            RNG.poisson(0.1, 400),
            np.full(400, 3.0),
        ]
    )
    assert carried_columns(sound, ids, "set") is None
    assert carried_columns(sound[:10] * 1e6, ids, "set") is None
    for column, value in ((0, 1e30), (0, -1e4), (4, 1e6)):
        values = sound.copy()
        values[17, column] = value
        found = carried_columns(values, ids, "set")
        assert found.detail == f"set: columns carried by few rows: '{column} by row r17 ({value:.3g})'"
    values[[3, 30], 0] = 1e5
    found = carried_columns(values.astype(np.float32), ids, "set", tuple("abcdef"))
    assert "'a by row r3 (1e+05)', 'e by row r17 (1e+06)'" in found.detail


def test_one_set_given_twice_is_told():
    found = same_set("small", VALUES, VALUES.copy())
    assert found.code == "OG109" and "small" in found.detail
    assert same_set("small", VALUES, VALUES[:, :3]) is None
    assert same_set("small", VALUES, VALUES[::-1]) is None
