"""Labels come out alike from every format, with ids as text and missing labels as missing."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from outgrow.data import read_labels
from outgrow.data.labels import as_values
from outgrow.errors import DataError, FileError


def write(path, columns):
    """Write columns in the format of the file's ending."""
    table = pa.table(columns)
    if path.suffix == ".parquet":
        pq.write_table(table, path)
    elif path.suffix == ".arrow":
        feather.write_feather(table, str(path))
    else:
        mark = "\t" if path.suffix == ".tsv" else ","
        rows = zip(*columns.values(), strict=True)
        lines = [mark.join(columns), *(mark.join("" if v is None else str(v) for v in row) for row in rows)]
        path.write_text("\n".join(lines) + "\n")
    return path


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
def test_every_format_gives_the_same_labels(suffix, given, expected, tmp_path):
    columns = {
        "id": ["007", "a b", "x"],
        "label": given,
        "part": ["train", "", "test"],
        "who": [1, 1, 2],
        "mean": [0.5, None, 1.5],
    }
    path = write(tmp_path / f"l.{suffix}", columns)
    labels = read_labels(path, split_column="part", group_column="who", truth_column="mean")
    assert labels.ids.tolist() == ["007", "a b", "x"]
    np.testing.assert_array_equal(labels.values, np.array(expected, dtype=labels.values.dtype))
    assert labels.values.dtype == (object if "cat" in expected else np.float64)
    assert labels.split.tolist() == ["train", None, "test"]
    assert labels.groups.tolist() == ["1", "1", "2"]
    np.testing.assert_array_equal(labels.truth, [0.5, np.nan, 1.5])
    assert labels.answers == ("label", "mean")
    assert labels.has_ids


@pytest.mark.parametrize(
    "kind", [pa.float16(), pa.bool_(), pa.uint8(), pa.dictionary(pa.int8(), pa.string())]
)
def test_label_columns_of_other_types(kind, tmp_path):
    raw = ["b", "a"] if pa.types.is_dictionary(kind) else [1, 0]
    pq.write_table(pa.table({"id": ["x", "y"], "label": pa.array(raw).cast(kind)}), tmp_path / "l.parquet")
    assert read_labels(tmp_path / "l.parquet").values.tolist() == raw


def test_the_only_other_column_is_the_label(tmp_path):
    path = write(tmp_path / "l.csv", {"key": ["a"], "rating": [2.5], "fold": ["test"]})
    labels = read_labels(path, id_column="key", split_column="fold")
    assert labels.values.tolist() == [2.5]
    pq.write_table(pa.table({"id": ["a"], "y": [3.0], "features": [[1.0, 2.0]]}), tmp_path / "f.parquet")
    assert read_labels(tmp_path / "f.parquet").values.tolist() == [3.0]


def test_without_ids_rows_are_numbered_and_an_empty_line_is_a_missing_label(tmp_path):
    (tmp_path / "l.csv").write_text("label\n1\n\n2.5\n")
    labels = read_labels(tmp_path / "l.csv")
    assert not labels.has_ids
    assert labels.ids.tolist() == ["0", "1", "2"]
    np.testing.assert_array_equal(labels.values, [1.0, np.nan, 2.5])


@pytest.mark.parametrize("missing", ["", "NaN", "nan", "NA", "null", "NULL", '""'])
def test_spellings_of_a_missing_label(missing, tmp_path):
    (tmp_path / "l.csv").write_text(f"id,label\na,cat\nb,{missing}\n")
    assert read_labels(tmp_path / "l.csv").values.tolist() == ["cat", None]


def test_ids_are_never_missing_values_and_a_class_of_parquet_may_be_called_na(tmp_path):
    (tmp_path / "l.csv").write_text("id,label\nNA,1\nnull,2\n")
    assert read_labels(tmp_path / "l.csv").ids.tolist() == ["NA", "null"]
    write(tmp_path / "l.parquet", {"id": ["a", "b"], "label": ["NA", "US"]})
    assert read_labels(tmp_path / "l.parquet").values.tolist() == ["NA", "US"]


def test_quotes_line_breaks_and_a_byte_order_mark(tmp_path):
    (tmp_path / "l.csv").write_bytes(b'\xef\xbb\xbfid,label\r\n"a\nb","x, y"\r\n"say ""hi""",z\r\n')
    labels = read_labels(tmp_path / "l.csv")
    assert labels.ids.tolist() == ["a\nb", 'say "hi"']
    assert labels.values.tolist() == ["x, y", "z"]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"id,label\na,1\na,2\nb,3\n", r"duplicated ids 'a'\. Each id may stand once only"),
        (b"id,label\n,1\n", "row 0 has no id in column 'id'"),
        (b"id,label\na,\nb,NA\n", "all labels are missing in column 'label'"),
        (b"id,label\n", "no rows below the column names"),
        (b"id,label\na,inf\n", "column 'label': infinity in row 'a'"),
        (b"id,label,label\na,1,2\n", "several columns are called 'label'"),
        (b"1,2\n3,4\n", r"the first line holds numbers \('1', '2'\), not column names"),
        (b"id;label\na;1\n", "columns seem to be separated by semicolons"),
        (b"id\tlabel\na\t1\n", "columns seem to be separated by tabs"),
        (b"id,u,v\na,1,2\n", "no column 'label', and several could be it.*Columns present: 'id', 'u', 'v'"),
        (b"id\na\n", "no column 'label', and no other column could be it"),
    ],
)
def test_labels_that_cannot_be_used(raw, message, tmp_path):
    (tmp_path / "l.csv").write_bytes(raw)
    with pytest.raises(DataError, match=message) as error:
        read_labels(tmp_path / "l.csv")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "raw",
    [
        "id,label\na,é\n".encode("latin-1"),
        "id,lébel\na,1\n".encode("latin-1"),
        "id,label\na,1\n".encode("utf-16"),
    ],
)
def test_text_that_is_not_utf8(raw, tmp_path):
    (tmp_path / "l.csv").write_bytes(raw)
    with pytest.raises(FileError, match=r"l.csv: is not UTF-8 text\. Save it as UTF-8\."):
        read_labels(tmp_path / "l.csv")


def test_damaged_and_unsupported_files(tmp_path):
    (tmp_path / "l.csv").write_text("id,label\na,1\nb\n")
    with pytest.raises(FileError, match=r"not a CSV file .*Expected 2 columns, got 1"):
        read_labels(tmp_path / "l.csv")
    (tmp_path / "l.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(FileError, match="not a Parquet file"):
        read_labels(tmp_path / "l.parquet")
    (tmp_path / "l.xlsx").write_bytes(b"PK")
    with pytest.raises(FileError, match=r"unsupported format '.xlsx'. .* Use one of .csv, .tsv, .parquet"):
        read_labels(tmp_path / "l.xlsx")
    with pytest.raises(FileError, match=r"no such file. Did you mean 'l.csv'"):
        read_labels(tmp_path / "k.csv")


@pytest.mark.parametrize(
    ("how", "role"),
    [
        ("label_column", "label"),
        ("id_column", "id"),
        ("split_column", "split"),
        ("group_column", "group"),
        ("truth_column", "truth"),
    ],
)
def test_missing_columns_are_named_with_those_present(how, role, tmp_path):
    path = write(tmp_path / "l.csv", {"id": ["a"], "label": [1], "colour": ["red"]})
    with pytest.raises(DataError) as error:
        read_labels(path, **{how: "color"})
    line = str(error.value)
    assert f"there is no {role} column 'color'" in line
    assert "Columns present: 'id', 'label', 'colour'" in line
    assert "Did you mean 'colour'?" in line


def test_the_same_id_in_train_and_test(tmp_path):
    path = write(
        tmp_path / "l.csv", {"id": ["a", "b", "a"], "label": [1, 2, 3], "s": ["train", "train", "test"]}
    )
    with pytest.raises(DataError, match="the same id stands in two parts of the split: 'a'"):
        read_labels(path, split_column="s")


def test_columns_of_lists_are_no_labels(tmp_path):
    write(tmp_path / "l.parquet", {"id": ["a"], "label": [[1.0]]})
    with pytest.raises(DataError, match="column 'label' is of type list"):
        read_labels(tmp_path / "l.parquet")


def test_labels_in_memory():
    assert as_values([1, 2]).tolist() == [1.0, 2.0]
    assert as_values(np.array(["a", "b"])).tolist() == ["a", "b"]
    assert as_values(np.array(["a", None, np.nan], dtype=object)).tolist() == ["a", None, None]
    for values, message in (
        ([[1.0]], r"labels have shape \(1, 1\)"),
        ([1j, 2], "labels are complex"),
        ([1.0, np.inf], "infinity in row 'b'"),
    ):
        with pytest.raises(DataError, match=message):
            as_values(values, ids=np.array(["a", "b"]))


def test_two_spellings_of_one_group_are_asked_about(tmp_path):
    path = tmp_path / "l.csv"
    path.write_text("label,who\n1,Group A\n2,group a \n3,\n4,Group B\n")
    with pytest.raises(
        DataError, match=r"column 'who': 'Group A' and 'group a' look like two spellings of one group"
    ):
        read_labels(path, group_column="who")
    path.write_text("label,who\n1,A-\n2,A\n3,A\n")
    assert read_labels(path, group_column="who").groups.tolist() == ["A-", "A", "A"]
