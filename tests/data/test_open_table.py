"""One table, however it is stored: the same labels and the same features, or a remedy."""

from __future__ import annotations

import gzip
import json
import shutil
import uuid
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from outgrow.data import read_features, read_labels
from outgrow.data.text_tables import TextStyle
from outgrow.errors import ConfigError, DataError, FileError, OutgrowError

ROWS = 23
IDS = [f"r{i}" for i in range(ROWS)]
LABELS = [None if i % 5 == 0 else ["cat", "dog"][i % 2] for i in range(ROWS)]
PARTS = [["train", "pool", "test"][i % 3] for i in range(ROWS)]
VALUES = np.random.default_rng(0).standard_normal((ROWS, 3)).round(4)
TABLE = pa.table({"id": IDS, "label": LABELS, "split": PARTS, "features": pa.array(VALUES.tolist())})


def lines(table):
    """Write a table as JSON lines, without what is missing."""
    rows = ({k: v for k, v in row.items() if v is not None} for row in table.to_pylist())
    return "".join(json.dumps(row) + "\n" for row in rows)


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


def hive(folder):
    """The split as names of folders."""
    for part in ("pool", "test", "train"):
        inside = folder / f"split={part}"
        inside.mkdir(parents=True)
        kept = TABLE.filter(pa.compute.equal(TABLE["split"], part)).drop_columns(["split"])
        pq.write_table(kept, inside / "data.parquet")


def folder_of(kind, content):
    """A folder of two files."""

    def make(folder):
        folder.mkdir()
        for number, part in enumerate((TABLE.slice(0, 9), TABLE.slice(9))):
            (folder / f"part-{number}{kind}").write_text(content(part))

    return make


def in_json(orient):
    """JSON as pandas writes it."""
    columns = TABLE.to_pydict()
    if orient == "columns":
        columns = {name: {str(i): v for i, v in enumerate(column)} for name, column in columns.items()}
    return json.dumps(TABLE.to_pylist() if orient == "records" else columns)


def simplified(path):
    """Types of other writers: views, dictionaries, tensors."""
    tensors = pa.FixedShapeTensorArray.from_numpy_ndarray(VALUES)
    columns = {
        "id": TABLE["id"].cast(pa.string_view()),
        "label": TABLE["label"].combine_chunks().dictionary_encode(),
        "split": TABLE["split"].combine_chunks().dictionary_encode(),
        "embedding": tensors,
    }
    feather.write_feather(pa.table(columns), str(path))


CSV = text(TABLE)
WAYS = {
    "a.csv": CSV,
    "a.csv.gz": gzip.compress(CSV.encode()),
    "a.tsv.gz": gzip.compress(text(TABLE, "\t").encode()),
    "a.jsonl": lines(TABLE),
    "a.jsonl.gz": gzip.compress(lines(TABLE).encode()),
    "lines.json": lines(TABLE),
    **{f"{orient}.json": in_json(orient) for orient in ("records", "columns", "lists")},
    "spelled otherwise.tsv": text(TABLE, "\t").replace("id\tlabel\tsplit", "ID\t Label\t'Split'"),
    "commented.csv": "# made, by hand\n#\n" + CSV,
    "old line ends.csv": CSV.replace("\n", "\r"),
    "other types.arrow": simplified,
    "spark": spark,
    "hive": hive,
    "datasets": TABLE,
    "folder of csv": folder_of(".csv", text),
    "folder of jsonl": folder_of(".jsonl", lines),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_same_rows_from_every_form(way, put, tmp_path):
    path = tmp_path / way
    WAYS[way](path) if callable(WAYS[way]) else put(way, WAYS[way])
    labels, features = read_labels(path), read_features(path)
    assert labels.split_column.strip(" '").lower() == "split"
    known = zip(labels.ids, labels.values, labels.split, strict=True)
    assert sorted(known, key=str) == sorted(zip(IDS, LABELS, PARTS, strict=True), key=str)
    order = [IDS.index(name) for name in features.ids]
    np.testing.assert_array_equal(features.values, VALUES[order])
    # There the names of folders give the order.
    assert sorted(order) == list(range(ROWS)) if way == "hive" else order == list(range(ROWS))


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
        ("l.csv.gz", gzip.compress(b"id,label\na,1\nb,2\n", mtime=0)[:-9], "not a gzip file"),
        ("l.csv", b"PAR1 and more", r"is a Parquet file, whatever its name says. Call it l\.parquet"),
        ("l.xlsx", b"PK\3\4", r"unsupported format '.xlsx'. Save the sheet as CSV"),
        ("l.csv.zip", b"PK\3\4", r"unsupported format '.zip'. Unpack it"),
        ("l.json", b'{"a": {"label": 1}, "b": {"label": 2}}', r"neither a list of objects nor columns"),
        ("l.json", b'{"columns": ["label"], "data": [[1], [2]]}', r"orient='records'"),
        ("l.json", b'[{"label": 1}, {"lab', "is not JSON, or was cut short"),
        ("l.jsonl", b'{"id": "a", "label": 1}\n{"id": "\xe9", "label": 2}\n', "is not UTF-8 text"),
    ],
)
def test_tables_that_are_not_what_they_seem(name, content, message, put):
    with pytest.raises(OutgrowError, match=message):
        read_labels(put(name, content))


def test_names_that_count_columns_or_are_wavelengths(put):
    for names in ("0,1,2,3,4", "id,400.5,401.5,402.5", "label,1,2"):
        row = ",".join("7" * len(names.split(",")))
        assert len(read_features(put("f.csv", f"{names}\n{row}\n")).values) == 1


def test_how_text_is_written_is_said_and_never_guessed(put):
    path = put("t.csv", text(TABLE, ";", ","))
    style = TextStyle(";", ",")
    np.testing.assert_array_equal(read_features(path, style=style).values, VALUES)
    assert read_labels(path, style=style).ids.tolist() == IDS
    for read in (read_labels, read_features):
        with pytest.raises(DataError, match=r"separated by semicolons. Say so: --delimiter ';' .*--decimal"):
            read(path)
    with pytest.raises(DataError, match=r"look like numbers with a decimal comma.*--decimal"):
        read_features(path, style=TextStyle(";"))
    with pytest.raises(DataError, match=r"the label '1.234' in row 'b' is no number as --decimal"):
        read_labels(put("l.csv", "id;label\na;1,5\nb;1.234\n"), style=style)
    marks = [{"delimiter": mark} for mark in (";;", "²", "\0")]
    for wrong in (*marks, {"decimal": "x"}, {"decimal": ",", "thousands": ","}):
        with pytest.raises(ConfigError, match=r"--(delimiter|decimal|thousands)"):
            TextStyle(**wrong)


@pytest.mark.parametrize(
    ("style", "good", "bad"),
    [
        ({"decimal": ","}, {"1,5": 1.5, "-,5": -0.5, "12": 12, "1,5e3": 1500}, ["1.5", "1,5,5", "1.234"]),
        ({"thousands": ","}, {"1,234": 1234, "-1,234,567.5": -1234567.5, "12": 12}, ["1,23", "12,34,567"]),
        ({"decimal": ",", "thousands": "."}, {"1.234,5": 1234.5, "1234,5": 1234.5}, ["1.5", "1,234.5"]),
        ({"thousands": " "}, {"1 234": 1234, "1\u202f234": 1234, "1\u00a0234.5": 1234.5}, ["1 23"]),
        ({}, {"1.5": 1.5, "1e3": 1000, "\u22122": -2}, ["1_000", "1,5", "1 000"]),
    ],
)
def test_numbers_are_read_in_one_style(style, good, bad):
    number = TextStyle(**style).number
    assert {written: number(written) for written in good} == good
    assert [number(written) for written in bad] == [None] * len(bad)


@pytest.mark.parametrize(
    "first", ["#id,label\n", "\n\nid,label\n", "# a\r\n# b, c\r\nid,label\r\n", "\ufeff# a\nid,label\n"]
)
def test_what_stands_before_the_names_of_columns(first, put):
    assert read_labels(put("l.csv", first + "a,x\nb,y\n")).values.tolist() == ["x", "y"]


def test_parts_of_json_lines_may_leave_out_what_is_missing(put, tmp_path):
    put("0.jsonl", '{"id": "a", "x": 1, "y": 3}\n')
    put("1.jsonl", '{"y": 2.5, "id": "b", "x": 0.5, "label": "u"}\n')
    read = read_features(tmp_path)
    assert (read.ids.tolist(), read.identity.columns) == (["a", "b"], ("x", "y"))
    assert read.values.tolist() == [[1.0, 3.0], [0.5, 2.5]]
    assert read_labels(tmp_path).values.tolist() == [None, "u"]


def test_parts_that_differ_or_are_damaged_are_named(tmp_path):
    folder = tmp_path / "s"
    spark(folder)
    (folder / "info.json").write_text('{"rows": 23}')
    assert len(read_labels(folder).ids) == ROWS  # JSON beside parts is no part
    other = TABLE.rename_columns(["id", "label", "part", "features"])
    changed = pa.table({"id": IDS, "label": [[1.0]] * len(IDS), "other": IDS})
    for table, names in ((other, "'part', 'split'"), (changed, "'features', 'other', 'split', 'label'")):
        pq.write_table(table, folder / "part-12.parquet")
        with pytest.raises(DataError, match=f"part-12.parquet: its columns are not those of part-0.*{names}"):
            read_features(folder)
    (folder / "part-12.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(FileError, match=r"part-12.parquet: damaged"):
        read_labels(folder)
    (folder / "more").mkdir()
    shutil.move(folder / "part-12.parquet", folder / "more" / "part-2.parquet")
    with pytest.raises(DataError, match=r"table in a folder of its own: 'more.part-2.parquet'"):
        read_labels(folder)


def test_files_may_call_ids_differently(put):
    for name in ("id", "doc_id"):
        path = put(f"{name}.parquet", TABLE.rename_columns([name, *TABLE.column_names[1:]]))
        assert read_features(path, id_column="id,doc_id").ids.tolist() == IDS
        assert read_labels(path, id_column="id,doc_id").ids.tolist() == IDS
    with pytest.raises(DataError, match="there is no id column 'key,uid'"):
        read_labels(path, id_column="key,uid")


UUIDS = [uuid.UUID(int=3**70 + i) for i in range(3)]
LARGE = [2**62 + i for i in range(3)]


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (pa.array([b"a", b"b", b"c"]), ["a", "b", "c"]),
        (pa.array([item.bytes for item in UUIDS], pa.uuid()), list(map(str, UUIDS))),
        (pa.array([item.bytes for item in UUIDS], pa.binary(16)), list(map(str, UUIDS))),
        (pa.array([Decimal(item) for item in LARGE], pa.decimal128(38, 0)), list(map(str, LARGE))),
        *((pa.array([7, 12, 3]).cast(kind), ["7", "12", "3"]) for kind in (pa.int32(), pa.uint64())),
        *(
            (pa.array(["7", "12", "3"]).cast(kind), ["7", "12", "3"])
            for kind in (pa.large_string(), pa.dictionary(pa.int8(), pa.string()))
        ),
    ],
)
def test_ids_are_strings_whatever_the_column_holds(ids, expected, put):
    assert read_features(put("f.parquet", {"id": ids, "x": [1.0, 2.0, 3.0]})).ids.tolist() == expected


def test_numbers_of_databases(put):
    large = pa.array([Decimal(2**64 + i) for i in range(2)], pa.decimal128(38, 0))
    with pytest.raises(DataError, match=r"column 'id' of type .* holds whole numbers beyond 64 bits"):
        read_features(put("f.parquet", {"id": large, "x": [1.0, 2.0]}))
    numbers = pa.array([Decimal("0.5"), Decimal("1.25")], pa.decimal128(9, 2))
    assert read_features(put("n.parquet", {"x": numbers})).values.tolist() == [[0.5], [1.25]]


def test_tensors_and_lists_of_one_vector_are_read_and_others_named(put):
    lists = put("n.parquet", {"features": pa.array([[row] for row in VALUES.tolist()])})
    np.testing.assert_array_equal(read_features(lists).values, VALUES)
    tensors = pa.FixedShapeTensorArray.from_numpy_ndarray(np.stack([VALUES, VALUES], axis=1))
    with pytest.raises(DataError, match=r"'embedding' holds .*shape=\[2,3\].*Give one vector per row"):
        read_features(put("t.parquet", {"id": IDS, "embedding": tensors}))
    with pytest.raises(DataError, match=r"may be bfloat16: save it as .safetensors"):
        read_features(put("b.npy", np.zeros((4, 2), "V2")))


def test_numbers_in_text_files_are_features_and_what_spoils_them_is_named(put):
    def written(*cells):
        rows = [[f"r{i}", "w", i / 3, i**2] for i in range(12)]
        rows[7] = ["r7", "w", *cells]
        columns = zip(["id", "word", "f0", "f1"], zip(*rows, strict=True), strict=True)
        return put("f.csv", {name: list(map(str, column)) for name, column in columns})

    assert read_features(written(7, 7)).identity.columns == ("f0", "f1")
    for cells, message in (
        ((7, ""), "NaN in row 'r7', column 'f1'"),
        (("#REF!", 7), r"column 'f0': '#REF!' in row 7 is not a number, though 11 others are"),
    ):
        with pytest.raises(DataError, match=message):
            read_features(written(*cells))
    assert read_features(written("#REF!", 7), feature_columns="f1").identity.columns == ("f1",)
    lists = put("f.csv", {"id": IDS, "embedding": [str(row.tolist()) for row in VALUES]})
    np.testing.assert_array_equal(read_features(lists).values, VALUES)
    with pytest.raises(DataError, match="lists are not written as"):
        read_features(put("f.csv", {"id": ["a"], "embedding": ["[1 2]"]}))


@pytest.mark.parametrize("name", ["Unnamed: 0", "index", "n", "doc_id", "rowId"])
def test_columns_that_number_the_rows_are_no_features(name, put):
    numbers = np.random.default_rng(1).permutation(ROWS) + (1000 if name == "n" else 1)
    if name in ("doc_id", "rowId"):
        numbers = numbers**2  # an id by its name, whatever the values
    path = put("f.parquet", {name: numbers, "x0": VALUES[:, 0], "x1": np.arange(ROWS) % 7})
    with pytest.raises(DataError, match=f"among the features number the rows: '{name}'. Leave them out"):
        read_features(path)
    assert read_features(path, feature_columns="x*").identity.columns == ("x0", "x1")
