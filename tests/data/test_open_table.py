"""One table, however it is stored: the same labels and the same features, or a remedy."""

from __future__ import annotations

import gzip
import json
import shutil
import uuid
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from outgrow.data import read_features, read_labels
from outgrow.data.text_tables import TextStyle
from outgrow.errors import ConfigError, DataError, FileError

ROWS = 23
IDS = [f"r{i}" for i in range(ROWS)]
LABELS = [None if i % 5 == 0 else ["cat", "dog"][i % 2] for i in range(ROWS)]
PARTS = [["train", "pool", "test"][i % 3] for i in range(ROWS)]
VALUES = np.random.default_rng(0).standard_normal((ROWS, 3)).round(4)
TABLE = pa.table({"id": IDS, "label": LABELS, "split": PARTS, "features": pa.array(VALUES.tolist())})


def lines(table):
    """Write a table as JSON lines, without what is missing."""
    return "".join(
        json.dumps({k: v for k, v in row.items() if v is not None}) + "\n" for row in table.to_pylist()
    )


def text(table, mark=",", point="."):
    """Write a table as text, its list as one column per value."""
    out = [mark.join(["id", "label", "split", "f0", "f1", "f2"])]
    for row in table.to_pylist():
        numbers = [repr(value).replace(".", point) for value in row["features"]]
        out.append(mark.join([row["id"], row["label"] or "", row["split"], *numbers]))
    return "\n".join(out) + "\n"


def spark(folder):
    """Parts in a folder, numbers without zeros before them, and what Spark puts beside."""
    folder.mkdir()
    (folder / "_SUCCESS").touch()
    (folder / ".part-0.snappy.parquet.crc").write_bytes(b"crc")
    pq.write_table(TABLE.slice(0, 0), folder / "part-0.snappy.parquet")
    for number in range(11):
        stop = ROWS - 20 if number == 10 else 2
        pq.write_table(TABLE.slice(2 * number, stop), folder / f"part-{number + 1}.snappy.parquet")
    return folder


def hive(folder):
    """The split as names of folders."""
    for part in ("pool", "test", "train"):
        inside = folder / f"split={part}"
        inside.mkdir(parents=True)
        kept = TABLE.filter(pa.compute.equal(TABLE["split"], part)).drop_columns(["split"])
        pq.write_table(kept, inside / "data.parquet")
    return folder


def saved(folder):
    """As `save_to_disk` of Hugging Face's datasets writes."""
    folder.mkdir()
    for number in range(2):
        part = TABLE.slice(12 * number, 12)
        with (
            pa.OSFile(str(folder / f"data-{number}.arrow"), "wb") as sink,
            pa.ipc.new_stream(sink, part.schema) as w,
        ):
            w.write_table(part)
    listed = {"_data_files": [{"filename": f"data-{number}.arrow"} for number in range(2)]}
    (folder / "state.json").write_text(json.dumps(listed))
    return folder


def folder_of(kind, write):
    """A folder of two files."""

    def make(folder):
        folder.mkdir()
        write(folder / f"part-0{kind}", TABLE.slice(0, 9))
        write(folder / f"part-1{kind}", TABLE.slice(9))
        return folder

    return make


def file_of(ending, write):
    """A single file."""

    def make(path):
        path = path.with_name(path.name + ending)
        write(path, TABLE)
        return path

    return make


def packed(content):
    """Pack text with gzip."""
    return lambda path, table: path.write_bytes(gzip.compress(content(table).encode()))


def plain(content):
    """Write text."""
    return lambda path, table: path.write_text(content(table))


def oriented(orient):
    """Write JSON as pandas does."""

    def write(table):
        columns = table.to_pydict()
        if orient == "columns":
            columns = {name: {str(i): v for i, v in enumerate(column)} for name, column in columns.items()}
        return json.dumps(table.to_pylist() if orient == "records" else columns)

    return write


def renamed(table):
    """Names of columns in another spelling."""
    return text(table, "\t").replace("id\tlabel\tsplit", "ID\t Label\t'Split'")


def simplified(path, table):
    """Types of other writers: views, dictionaries, tensors."""
    tensors = pa.FixedShapeTensorArray.from_numpy_ndarray(np.array(table["features"].to_pylist()))
    columns = {
        "id": table["id"].cast(pa.string_view()),
        "label": table["label"].combine_chunks().dictionary_encode(),
        "split": table["split"].combine_chunks().dictionary_encode(),
        "embedding": tensors,
    }
    return feather.write_feather(pa.table(columns), str(path))


WAYS: dict[str, Callable[[Path], Path]] = {
    "csv": file_of(".csv", plain(text)),
    "csv.gz": file_of(".csv.gz", packed(text)),
    "tsv.gz": file_of(".tsv.gz", packed(lambda table: text(table, "\t"))),
    "jsonl": file_of(".jsonl", plain(lines)),
    "jsonl.gz": file_of(".jsonl.gz", packed(lines)),
    "lines in json": file_of(".json", plain(lines)),
    **{f"json {kind}": file_of(".json", plain(oriented(kind))) for kind in ("records", "columns", "lists")},
    "spelled otherwise": file_of(".tsv", plain(renamed)),
    "old line ends": file_of(".csv", plain(lambda table: text(table).replace("\n", "\r"))),
    "commented": file_of(".csv", plain(lambda table: "# made, by hand\n#\n" + text(table))),
    "lines ended by carriage returns": file_of(
        ".csv", lambda path, table: path.write_bytes(text(table).replace("\n", "\r").encode())
    ),
    "other types": file_of(".arrow", simplified),
    "spark": spark,
    "hive": hive,
    "datasets": saved,
    "folder of csv": folder_of(".csv", plain(text)),
    "folder of jsonl": folder_of(".jsonl", plain(lines)),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_same_rows_from_every_form(way, tmp_path):
    path = WAYS[way](tmp_path / "t")
    labels, features = read_labels(path), read_features(path)
    assert labels.split is not None and labels.split_column.strip(" '").lower() == "split"
    known = zip(labels.ids, labels.values, labels.split, strict=True)
    assert {row: (label, part) for row, label, part in known} == dict(
        zip(IDS, zip(LABELS, PARTS, strict=True), strict=True)
    )
    assert len(features.ids) == ROWS
    order = [IDS.index(name) for name in features.ids]
    np.testing.assert_array_equal(features.values, VALUES[order])
    if way != "hive":  # there the names of folders give the order
        assert order == list(range(ROWS))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("l.csv", b"Label,label\na,b\n", "columns 'Label', 'label' look like two spellings of one name"),
        ("l.csv", b"id,ID,label\na,b,c\n", "columns 'id', 'ID' look like two spellings"),
        ("l.csv", b"pos\nneg\npos\n", "the name of column 'pos' is also a label in row 1"),
        ("l.csv", b"id,label\na,x\nid,label\nb,y\n", "the name of column 'label' is also a label"),
        ("l.csv", b"r0,0.5,0.1,0.7\nr1,1,2,3\n", "the first line holds numbers"),
        ("l.csv", b"r0,1.5,train\nr1,2,test\n", "the first line holds numbers"),
        ("l.csv", b"sep=,\nid,label\na,1\n", r"the first line \(sep=,\) tells a spreadsheet what separates"),
        ("l.csv", b"sep=;\r\nid;label\r\na;1\r\n", r"Remove that line; .*--delimiter"),
        ("l.csv", gzip.compress(b"id,label\na,1\n", mtime=0), "is a gzip file, whatever its name says"),
        ("l.csv", b"PAR1 and more", r"is a Parquet file, whatever its name says. Call it l\.parquet"),
        ("l.xlsx", b"PK\3\4", r"unsupported format '.xlsx'. Save the sheet as CSV"),
        ("l.csv.zip", b"PK\3\4", r"unsupported format '.zip'. Unpack it"),
        ("l.json", b'{"a": {"label": 1}, "b": {"label": 2}}', r"neither a list of objects nor columns"),
        ("l.json", b'{"columns": ["label"], "data": [[1], [2]]}', r"orient='records'"),
        ("l.json", b'[{"label": 1}, {"lab', "is not JSON, or was cut short"),
    ],
)
def test_tables_that_are_not_what_they_seem(name, content, message, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises((DataError, FileError), match=message):
        read_labels(tmp_path / name)


def test_names_that_count_columns_or_are_wavelengths(tmp_path):
    for names in ("0,1,2,3,4", "id,400.5,401.5,402.5", "label,1,2"):
        (tmp_path / "f.csv").write_text(names + "\n" + ",".join("7" * len(names.split(","))) + "\n")
        assert len(read_features(tmp_path / "f.csv").values) == 1


def test_json_beside_parts_is_no_part(tmp_path):
    folder = spark(tmp_path / "s")
    (folder / "info.json").write_text('{"rows": 23}')
    assert len(read_labels(folder).ids) == ROWS


def test_how_text_is_written_is_said_and_never_guessed(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(text(TABLE, ";", ","))
    style = TextStyle(";", ",")
    np.testing.assert_array_equal(read_features(path, style=style).values, VALUES)
    assert read_labels(path, style=style).ids.tolist() == IDS
    for read in (read_labels, read_features):
        with pytest.raises(
            DataError, match=r"separated by semicolons. Say so: --delimiter ';' .*--decimal ','"
        ):
            read(path)
    with pytest.raises(DataError, match=r"look like numbers with a decimal comma.*--decimal"):
        read_features(path, style=TextStyle(";"))
    for wrong in ({"delimiter": ";;"}, {"decimal": "x"}, {"decimal": ",", "thousands": ","}):
        with pytest.raises(ConfigError, match=r"--(delimiter|decimal|thousands)"):
            TextStyle(**wrong)


@pytest.mark.parametrize(
    ("style", "good", "bad"),
    [
        (
            TextStyle(decimal=","),
            {"1,5": 1.5, "-,5": -0.5, "12": 12, "1,5e3": 1500},
            ["1.5", "1,5,5", "1.234"],
        ),
        (
            TextStyle(thousands=","),
            {"1,234": 1234, "-1,234,567.5": -1234567.5, "12": 12},
            ["1,23", "12,34,567"],
        ),
        (TextStyle(decimal=",", thousands="."), {"1.234,5": 1234.5, "1234,5": 1234.5}, ["1.5", "1,234.5"]),
        (TextStyle(thousands=" "), {"1 234": 1234, "1\u202f234": 1234, "1\u00a0234.5": 1234.5}, ["1 23"]),
        (TextStyle(), {"1.5": 1.5, "1e3": 1000}, ["1_000", "1,5", "1 000"]),
    ],
)
def test_numbers_are_read_in_one_style(style, good, bad):
    assert {written: style.number(written) for written in good} == good
    assert [style.number(written) for written in bad] == [None] * len(bad)


def test_a_label_that_the_options_do_not_read_is_named(tmp_path):
    (tmp_path / "l.csv").write_text("id;label\na;1,5\nb;1.234\n")
    with pytest.raises(DataError, match=r"the label '1.234' in row 'b' is no number as --decimal"):
        read_labels(tmp_path / "l.csv", style=TextStyle(";", ","))


@pytest.mark.parametrize(
    "first", ["#id,label\n", "\n\nid,label\n", "# a\r\n# b, c\r\nid,label\r\n", "\ufeff# a\nid,label\n"]
)
def test_what_stands_before_the_names_of_columns(first, tmp_path):
    (tmp_path / "l.csv").write_text(first + "a,x\nb,y\n")
    assert read_labels(tmp_path / "l.csv").values.tolist() == ["x", "y"]


def test_parts_of_json_lines_may_leave_out_what_is_missing(tmp_path):
    (tmp_path / "0.jsonl").write_text('{"id": "a", "x": 1, "y": 3}\n')
    (tmp_path / "1.jsonl").write_text('{"y": 2.5, "id": "b", "x": 0.5, "label": "u"}\n')
    read = read_features(tmp_path)
    assert (read.ids.tolist(), read.identity.columns, read.values.tolist()) == (
        ["a", "b"],
        ("x", "y"),
        [[1.0, 3.0], [0.5, 2.5]],
    )
    assert read_labels(tmp_path).values.tolist() == [None, "u"]


def test_parts_that_differ_or_are_damaged_are_named(tmp_path):
    folder = spark(tmp_path / "s")
    pq.write_table(TABLE.rename_columns(["id", "label", "part", "features"]), folder / "part-12.parquet")
    with pytest.raises(
        DataError, match=r"part-12.parquet: its columns are not those of part-0.*'part', 'split'"
    ):
        read_features(folder)
    changed = pa.table({"id": IDS, "label": [[1.0]] * len(IDS), "other": IDS})
    pq.write_table(changed, folder / "part-12.parquet")
    with pytest.raises(DataError, match=r"not those of part-0.*'features', 'other', 'split', 'label'"):
        read_features(folder)
    (folder / "part-12.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(FileError, match=r"part-12.parquet: damaged"):
        read_labels(folder)
    shutil.rmtree(folder)
    (tmp_path / "l.csv.gz").write_bytes(gzip.compress(b"id,label\na,1\nb,2\n", mtime=0)[:-9])
    with pytest.raises(FileError, match="not a gzip file"):
        read_labels(tmp_path / "l.csv.gz")


def test_tables_within_a_folder_of_parts_are_not_passed_over(tmp_path):
    folder = spark(tmp_path / "s")
    (folder / "more").mkdir()
    shutil.copy(folder / "part-1.snappy.parquet", folder / "more" / "part-2.parquet")
    with pytest.raises(DataError, match=r"table in a folder of its own: 'more.part-2.parquet'"):
        read_labels(folder)


def test_ids_of_bytes_and_beside_arrays(tmp_path):
    stored = pa.table({"id": [name.encode() for name in IDS], "features": VALUES.tolist()})
    pq.write_table(stored, tmp_path / "f.parquet")
    np.savez(tmp_path / "f.npz", id=np.array(IDS), features=VALUES)
    for name in ("f.parquet", "f.npz"):
        assert read_features(tmp_path / name).ids.tolist() == IDS


def test_files_may_call_ids_differently(tmp_path):
    for name in ("id", "doc_id"):
        pq.write_table(TABLE.rename_columns([name, *TABLE.column_names[1:]]), tmp_path / f"{name}.parquet")
        path = tmp_path / f"{name}.parquet"
        assert read_features(path, id_column="id,doc_id").ids.tolist() == IDS
        assert read_labels(path, id_column="id,doc_id").ids.tolist() == IDS
    with pytest.raises(DataError, match="there is no id column 'key,uid'"):
        read_labels(tmp_path / "id.parquet", id_column="key,uid")


@pytest.mark.parametrize("annotated", [True, False])
def test_uuids_meet_their_text(annotated, tmp_path):
    ids = [uuid.UUID(int=3**70 + i) for i in range(5)]
    stored = pa.array([item.bytes for item in ids], pa.uuid() if annotated else pa.binary(16))
    pq.write_table(pa.table({"id": stored, "features": VALUES[:5].tolist()}), tmp_path / "f.parquet")
    assert read_features(tmp_path / "f.parquet").ids.tolist() == [str(item) for item in ids]


def test_whole_numbers_as_databases_store_them_are_ids(tmp_path):
    ids = [Decimal(2**62 + i) for i in range(5)]
    held = {"id": pa.array(ids, pa.decimal128(38, 0)), "features": VALUES[:5].tolist()}
    pq.write_table(pa.table(held), tmp_path / "f.parquet")
    assert read_features(tmp_path / "f.parquet").ids.tolist() == [str(item) for item in ids]
    held["id"] = pa.array([Decimal(2**64 + i) for i in range(5)], pa.decimal128(38, 0))
    pq.write_table(pa.table(held), tmp_path / "f.parquet")
    with pytest.raises(DataError, match=r"column 'id' of type .* holds whole numbers beyond 64 bits"):
        read_features(tmp_path / "f.parquet")
    numbers = pa.array([Decimal("0.5"), Decimal("1.25")], pa.decimal128(9, 2))
    pq.write_table(pa.table({"x": numbers}), tmp_path / "n.parquet")
    assert read_features(tmp_path / "n.parquet").values.tolist() == [[0.5], [1.25]]


def test_tensors_and_lists_of_one_vector_are_read_and_others_named(tmp_path):
    lists = pa.array([[row] for row in VALUES.tolist()])
    pq.write_table(pa.table({"features": lists}), tmp_path / "n.parquet")
    np.testing.assert_array_equal(read_features(tmp_path / "n.parquet").values, VALUES)
    tensors = pa.FixedShapeTensorArray.from_numpy_ndarray(np.stack([VALUES, VALUES], axis=1))
    pq.write_table(pa.table({"id": IDS, "embedding": tensors}), tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"'embedding' holds .*shape=\[2,3\].*Give one vector per row"):
        read_features(tmp_path / "t.parquet")
    np.save(tmp_path / "b.npy", np.zeros((4, 2), "V2"))
    with pytest.raises(DataError, match=r"may be bfloat16: save it as .safetensors"):
        read_features(tmp_path / "b.npy")


def test_numbers_in_text_files_are_features_and_what_spoils_them_is_named(tmp_path):
    path = tmp_path / "f.csv"
    names = ["id", "word", "f0", "f1"]

    def write(*cells):
        rows = [[f"r{i}", "w", i / 3, i**2] for i in range(12)]
        rows[7] = ["r7", "w", *cells]
        path.write_text("\n".join(",".join(map(str, row)) for row in [names, *rows]) + "\n")

    write(7, 7)
    assert read_features(path).identity.columns == ("f0", "f1")
    write(7, "")
    with pytest.raises(DataError, match="NaN in row 'r7', column 'f1'"):
        read_features(path)
    write("#REF!", 7)
    with pytest.raises(
        DataError, match=r"column 'f0': '#REF!' in row 7 is not a number, though 11 others are"
    ):
        read_features(path)
    assert read_features(path, feature_columns="f1").identity.columns == ("f1",)
    rows = [f'r{i},"{VALUES[i].tolist()}"' for i in range(ROWS)]
    path.write_text("\n".join(["id,embedding", *rows]) + "\n")
    np.testing.assert_array_equal(read_features(path).values, VALUES)


@pytest.mark.parametrize("name", ["Unnamed: 0", "index", "n", "doc_id", "rowId"])
def test_columns_that_number_the_rows_are_no_features(name, tmp_path):
    numbers = np.random.default_rng(1).permutation(ROWS) + (1000 if name == "n" else 1)
    if name in ("doc_id", "rowId"):
        numbers = numbers**2  # an id by its name, whatever the values
    columns = {name: numbers, "x0": VALUES[:, 0], "x1": np.arange(ROWS) % 7}
    pq.write_table(pa.table(columns), tmp_path / "f.parquet")
    with pytest.raises(DataError, match=f"among the features number the rows: '{name}'. Leave them out"):
        read_features(tmp_path / "f.parquet")
    assert read_features(tmp_path / "f.parquet", feature_columns="x*").identity.columns == ("x0", "x1")
