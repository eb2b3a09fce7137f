"""Labels come out alike from every format, with ids as text and missing labels as missing."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from outgrow.data import read_labels
from outgrow.data.labels import as_values
from outgrow.errors import DataError, FileError, OutgrowError


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet", "arrow"])
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([1.5, None, -2.0], [1.5, np.nan, -2.0]),
        ([1, None, 0], [1.0, np.nan, 0.0]),
        (["cat", None, "dog"], ["cat", None, "dog"]),
        (["1", None, "2.5"], [1.0, np.nan, 2.5]),
        ([1.5, float("nan"), 2.0], [1.5, np.nan, 2.0]),
    ],
)
def test_every_format_gives_the_same_labels(suffix, given, expected, put):
    beside = {"part": ["train", "", "test"], "who": [1, 1, 2], "mean": [0.5, None, 1.5]}
    path = put(f"l.{suffix}", {"id": ["007", "a b", "x"], "label": given, **beside})
    labels = read_labels(path, split_column="part", group_column="who", truth_column="mean")
    assert labels.ids.tolist() == ["007", "a b", "x"]
    np.testing.assert_array_equal(labels.values, np.array(expected, dtype=labels.values.dtype))
    assert labels.values.dtype == (object if "cat" in expected else np.float64)
    assert (labels.split.tolist(), labels.groups.tolist()) == (["train", None, "test"], ["1", "1", "2"])
    np.testing.assert_array_equal(labels.truth, [0.5, np.nan, 1.5])
    assert labels.answers == ("label", "mean") and labels.has_ids


@pytest.mark.parametrize(
    "kind", [pa.float16(), pa.bool_(), pa.uint8(), pa.dictionary(pa.int8(), pa.string())]
)
def test_label_columns_of_other_types(kind, put):
    raw = ["b", "a"] if pa.types.is_dictionary(kind) else [1, 0]
    path = put("l.parquet", {"id": ["x", "y"], "label": pa.array(raw).cast(kind)})
    assert read_labels(path).values.tolist() == raw


def test_the_only_other_column_is_the_label(put):
    path = put("l.csv", {"key": ["a"], "rating": [2.5], "fold": ["test"]})
    assert read_labels(path, id_column="key", split_column="fold").values.tolist() == [2.5]
    path = put("f.parquet", {"id": ["a"], "y": [3.0], "features": [[1.0, 2.0]]})
    assert read_labels(path).values.tolist() == [3.0]


def test_without_ids_rows_are_numbered_and_an_empty_line_is_a_missing_label(put):
    labels = read_labels(put("l.csv", "label\n1\n\n2.5\n"))
    assert (labels.has_ids, labels.ids.tolist()) == (False, ["0", "1", "2"])
    np.testing.assert_array_equal(labels.values, [1.0, np.nan, 2.5])


@pytest.mark.parametrize("missing", ["", "NaN", "nan", "NA", "null", "NULL", '""'])
def test_spellings_of_a_missing_label_are_ids_and_names_of_parquet(missing, put):
    assert read_labels(put("l.csv", f"id,label\na,cat\nb,{missing}\n")).values.tolist() == ["cat", None]
    if missing.strip('"'):
        assert read_labels(put("l.csv", f"id,label\n{missing},1\nb,2\n")).ids.tolist() == [missing, "b"]
        path = put("l.parquet", {"id": ["a", "b"], "label": [missing, "US"]})
        assert read_labels(path).values.tolist() == [missing, "US"]


def test_quotes_line_breaks_and_a_byte_order_mark(put):
    labels = read_labels(put("l.csv", b'\xef\xbb\xbfid,label\r\n"a\nb","x, y"\r\n"say ""hi""",z\r\n'))
    assert (labels.ids.tolist(), labels.values.tolist()) == (["a\nb", 'say "hi"'], ["x, y", "z"])


NOT_TEXT = r"l\.csv: is not UTF-8 text\. Save it as UTF-8\."


@pytest.mark.parametrize(
    ("name", "raw", "message"),
    [
        ("l.csv", "id,label\na,1\na,2\nb,3\n", r"duplicated ids 'a'\. Each id may stand once only"),
        ("l.csv", "id,label\n,1\n", "row 0 has no id in column 'id'"),
        ("l.csv", "id,label\na,\nb,NA\n", "all labels are missing in column 'label'"),
        ("l.csv", "id,label\n", "no rows below the column names"),
        ("l.csv", "id,label\na,inf\n", "column 'label': infinity in row 'a'"),
        ("l.csv", "id,label,label\na,1,2\n", "several columns are called 'label'"),
        ("l.csv", "1,2\n3,4\n", r"the first line holds numbers \('1', '2'\), not column names"),
        ("l.csv", "id;label\na;1\n", "columns seem to be separated by semicolons"),
        ("l.csv", "id\tlabel\na\t1\n", "columns seem to be separated by tabs"),
        (
            "l.csv",
            "id,u,v\na,1,2\n",
            "no column 'label', and several could be.*Columns present: 'id', 'u', 'v'",
        ),
        ("l.csv", "id\na\n", "no column 'label', and no other column could be it"),
        ("l.csv", "id,label\na,é\n".encode("latin-1"), NOT_TEXT),
        ("l.csv", "id,lébel\na,1\n".encode("latin-1"), NOT_TEXT),
        ("l.csv", "id,label\na,1\n".encode("utf-16"), NOT_TEXT),
        ("l.csv", "id,label\na,1\nb\n", r"not a CSV file .*Expected 2 columns, got 1"),
        (
            "l.csv",
            "id,label,split\na,1,train\nb,2,train\na,3,test\n",
            "stands in two parts of the split: 'a'",
        ),
        ("l.parquet", b"PAR1 and no more", "not a Parquet file"),
        ("l.parquet", {"id": ["a"], "label": [[1.0]]}, "column 'label' is of type list"),
        ("l.parquet", {"label": pa.array([1], pa.date32())}, "column 'label' holds dates or times"),
        ("l.xlsx", b"PK", r"unsupported format '.xlsx'. .* Use one of .csv, .tsv, .parquet"),
    ],
)
def test_labels_that_cannot_be_used(name, raw, message, put):
    with pytest.raises(OutgrowError, match=message) as error:
        read_labels(put(name, raw))
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there(put, tmp_path):
    put("l.csv", "id,label\na,1\n")
    with pytest.raises(FileError, match=r"no such file. Did you mean 'l.csv'"):
        read_labels(tmp_path / "k.csv")


@pytest.mark.parametrize("role", ["label", "id", "split", "group", "truth"])
def test_missing_columns_are_named_with_those_present(role, put):
    message = f"no {role} column 'color'.*present: 'id', 'label', 'colour'.*Did you mean 'colour'?"
    with pytest.raises(DataError, match=message):
        read_labels(
            put("l.csv", {"id": ["a"], "label": [1], "colour": ["red"]}), **{f"{role}_column": "color"}
        )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([1, 2], [1.0, 2.0]),
        (np.array(["a", None, np.nan], dtype=object), ["a", None, None]),
        ([[1.0]], r"labels have shape \(1, 1\)"),
        ([1j, 2], "labels are complex"),
        ([1.0, np.inf], "infinity in row 'b'"),
    ],
)
def test_labels_in_memory(given, expected):
    if isinstance(expected, list):
        assert as_values(given).tolist() == expected
        return
    with pytest.raises(DataError, match=expected):
        as_values(given, ids=np.array(["a", "b"]))


def test_two_spellings_of_one_group_are_asked_about(put):
    message = r"column 'who': 'Group A' and 'group a' look like two spellings of one group"
    with pytest.raises(DataError, match=message):
        read_labels(put("l.csv", "label,who\n1,Group A\n2,group a \n3,\n4,Group B\n"), group_column="who")
    path = put("l.csv", "label,who\n1,A-\n2,A\n3,A\n")
    assert read_labels(path, group_column="who").groups.tolist() == ["A-", "A", "A"]
