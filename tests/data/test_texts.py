"""Texts come out alike from every kind of table; rows that cannot be read are named, or listed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from outgrow.data.raw import content_id
from outgrow.data.raw_table import content_ids
from outgrow.data.texts import read_texts
from outgrow.errors import ConfigError, DataError, FileError

COLUMNS: dict[str, list[object]] = {
    "id": ["007", "b", "c"],
    "text": ["A fine film.", " spaced  ", "Ärger, «naïve» 映画"],
    "label": [1, 0, 1],
    "who": ["x", "x", "y"],
    "part": ["train", "train", "test"],
}


def write(path: Path, columns: dict[str, list[object]]) -> Path:
    """Write columns in the format of the path's ending; "" is a folder saved by datasets."""
    table = pa.table(columns)
    if path.suffix == ".parquet":
        pq.write_table(table, path)
    elif path.suffix == ".arrow":
        feather.write_feather(table, str(path))
    elif path.suffix == ".jsonl":
        rows = zip(*columns.values(), strict=True)
        path.write_text("".join(json.dumps(dict(zip(columns, row, strict=True))) + "\n" for row in rows))
    elif path.suffix == "":
        save_dataset(path, table)
    else:
        mark = "\t" if path.suffix == ".tsv" else ","
        lines = [columns, *zip(*columns.values(), strict=True)]
        path.write_text("".join(mark.join(f'"{value}"' for value in line) + "\n" for line in lines))
    return path


def save_dataset(
    folder: Path, *tables: pa.Table, info: dict[str, object] | None = None, **state: object
) -> Path:
    """Write tables as `save_to_disk` does: Arrow streams, and a list of them."""
    folder.mkdir(parents=True)
    names = [f"data-{i:05d}-of-{len(tables):05d}.arrow" for i in range(len(tables))]
    for name, table in zip(names, tables, strict=True):
        with pa.OSFile(str(folder / name), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
    listed = {"_data_files": [{"filename": name} for name in names], **state}
    (folder / "state.json").write_text(json.dumps(listed))
    (folder / "dataset_info.json").write_text(json.dumps(info or {}))
    return folder


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".parquet", ".arrow", ".jsonl", ""])
def test_every_format_gives_the_same_rows(ending: str, tmp_path: Path) -> None:
    rows = read_texts(write(tmp_path / f"t{ending}", COLUMNS), group_column="who", split_column="part")
    assert (rows.kind, rows.skipped) == ("text", ())
    assert rows.ids.tolist() == COLUMNS["id"]
    assert rows.items == COLUMNS["text"]
    assert rows.labels is not None and rows.groups is not None and rows.split is not None
    assert rows.labels.tolist() == [1.0, 0.0, 1.0]
    assert rows.groups.tolist() == COLUMNS["who"]
    assert rows.split.tolist() == COLUMNS["part"]
    # Of ids and texts alone: neither the format nor a corrected label makes them other rows.
    other = write(tmp_path / "other.parquet", {**COLUMNS, "label": [5, 6, 7]})
    assert rows.digest == read_texts(other).digest
    changed = write(tmp_path / "changed.parquet", {**COLUMNS, "text": ["A fine film", *COLUMNS["text"][1:]]})
    assert rows.digest != read_texts(changed).digest


def test_without_ids_they_are_made_of_contents_and_equal_rows_are_kept_apart(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", {"text": ["a", "b", "a", "a"], "label": [0, 1, 1, 0]})
    rows = read_texts(path)
    first = content_id(b"a")
    assert rows.ids.tolist() == [first, content_id(b"b"), f"{first}-2", f"{first}-3"]
    assert rows.labels is not None and rows.labels.tolist() == [0, 1, 1, 0]


def test_pairs_are_read_together_and_do_not_run_into_each_other(tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", {"q": ["ab", "a"], "a": ["c", "bc"]})
    rows = read_texts(path, text_column=("q", "a"))
    assert rows.items == [("ab", "c"), ("a", "bc")]
    assert len(set(rows.ids)) == 2
    assert not any("-" in name for name in rows.ids)


def test_the_only_text_column_is_meant(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", {"sentence": ["a"], "label": ["x"], "id": ["1"]})
    assert read_texts(path).items == ["a"]
    path = write(tmp_path / "u.csv", {"title": ["a"], "body": ["b"]})
    with pytest.raises(DataError, match=r"no column 'text', and several.*present: 'title', 'body'"):
        read_texts(path)
    path = write(tmp_path / "v.parquet", {"n": [1]})
    with pytest.raises(DataError, match="no other column could be it"):
        read_texts(path)


def test_a_missing_column_lists_those_present(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", COLUMNS)
    for option in (
        {"text_column": "txt"},
        {"label_column": "lable"},
        {"id_column": "key"},
        {"group_column": "g"},
    ):
        with pytest.raises(DataError, match="Columns present: 'id', 'text', 'label', 'who', 'part'"):
            read_texts(path, **option)
    with pytest.raises(DataError, match="Did you mean 'text'"):
        read_texts(path, text_column="txt")


BAD_CSV = b"id,text,label\na,fine,1\nb,   ,0\nc,caf\xe9,1\nd,good,0\n"
BAD_JSON = b"""{"id": "a", "text": "fine"}
{"id": "b", "text": null}

{"id": "c", "text": "\xe9"}
{"id": "d", "text": "good"}
"""


def test_a_row_without_text_is_named_or_listed_in_csv(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(BAD_CSV)
    with pytest.raises(DataError, match=r"row 'b' has no text in column 'text' \(and 1 more such rows\)"):
        read_texts(path)
    rows = read_texts(path, on_error="skip")
    assert rows.items == ["fine", "good"]
    assert rows.ids.tolist() == ["a", "d"]
    assert rows.labels is not None and rows.labels.tolist() == [1.0, 0.0]
    assert rows.skipped == (("b", "has no text in column 'text'"), ("c", "is not UTF-8 text"))


def test_a_row_without_text_is_named_or_listed_in_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(BAD_JSON)
    rows = read_texts(path, on_error="skip")
    assert rows.items == ["fine", "good"]
    # The id of the third line cannot be read either: its number stands for it.
    assert rows.skipped == (("b", "has no text in column 'text'"), ("row 2", "is not UTF-8 text"))


def test_a_row_that_is_not_utf8_is_found_in_parquet(tmp_path: Path) -> None:
    broken = pa.array([b"fine", b"caf\xe9"]).view(pa.string())
    pq.write_table(pa.table({"text": broken}), tmp_path / "t.parquet")
    with pytest.raises(DataError, match="row 1 is not UTF-8 text"):
        read_texts(tmp_path / "t.parquet")
    assert read_texts(tmp_path / "t.parquet", on_error="skip").items == ["fine"]


def test_another_encoding_altogether_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("text\nfine\n".encode("utf-16"))
    with pytest.raises(FileError, match="is not UTF-8 text"):
        read_texts(tmp_path / "t.csv", on_error="skip")
    for content, message in (
        (b"text,text\na,\xe9\n", "several columns are called 'text'"),
        (b"id,text\na,\xe9\nb,c,d\n", "Expected 2 columns, got 3.*Quote values that hold the separator"),
        (b"t\xe9xt\nfine\n", "is not UTF-8 text"),
        (b"text\nfine\n\xe9" + b"x" * 5000 + b"\0\n", "is not UTF-8 text"),
    ):
        (tmp_path / "v.csv").write_bytes(content)
        with pytest.raises((DataError, FileError), match=message):
            read_texts(tmp_path / "v.csv", on_error="skip")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"text": "a"}\n{"text": "b"', "line 2: is not JSON, or was cut short"),
        ('["a"]\n', "line 1: is not a JSON object"),
        ('{"text": "a", "text": "b"}\n', "several values are called 'text'"),
        ('{"text": ["a"]}\n', "column 'text' is of type list"),
        ('{"text": ["a"]}\n{"text": "b"}\n', "holds lists or objects in some lines"),
        ('{"text": "\\ud800"}\n', "row 0 holds half of a surrogate pair"),
        ('{"text": "a", "id": "x"}\n{"text": "b", "id": "x"}\n', "duplicated ids 'x'"),
        ('{"text": "a", "id": "x"}\n{"text": "b"}\n', "row 1 has no id"),
        ('{"text": ""}\n', "row 0 has no text"),
    ],
)
def test_json_lines_say_what_is_wrong(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text(content)
    with pytest.raises((DataError, FileError), match=message):
        read_texts(tmp_path / "t.jsonl")


def test_json_values_stay_what_they_were(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"id": "007", "text": "2020-01-01"}\n{"id": "8", "text": "12"}\n')
    rows = read_texts(tmp_path / "t.jsonl")
    assert rows.ids.tolist() == ["007", "8"]
    assert rows.items == ["2020-01-01", "12"]


def test_nothing_but_bad_rows_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", {"id": ["a"], "text": [" "]})
    with pytest.raises(DataError, match="no rows with text"):
        read_texts(path, on_error="skip")
    with pytest.raises(ConfigError, match="'warn' is not known"):
        read_texts(path, on_error="warn")  # type: ignore[arg-type]


def test_a_saved_dataset_in_parts_has_them_as_its_split_and_its_classes_by_name(tmp_path: Path) -> None:
    info = {
        "features": {"label": {"names": ["neg", "pos"], "_type": "ClassLabel"}, "text": {"_type": "Value"}}
    }
    train = [pa.table({"text": ["a"], "label": [1]}), pa.table({"text": ["b"], "label": [0]})]
    save_dataset(tmp_path / "d" / "train", *train, info=info)
    save_dataset(tmp_path / "d" / "test", pa.table({"text": ["c"], "label": [-1]}), info=info)
    (tmp_path / "d" / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    rows = read_texts(tmp_path / "d")
    assert rows.items == ["a", "b", "c"]
    assert rows.labels is not None and rows.labels.tolist() == ["pos", "neg", None]
    assert rows.split is not None and rows.split.tolist() == ["train", "train", "test"]
    assert read_texts(tmp_path / "d" / "train").split is None


def test_a_saved_dataset_that_lies_or_lacks_files(tmp_path: Path) -> None:
    table = pa.table({"text": ["a"]})
    chosen = save_dataset(tmp_path / "chosen", table, _indices_files=[{"filename": "i.arrow"}])
    with pytest.raises(FileError, match=r"flatten_indices\(\)"):
        read_texts(chosen)
    outside = save_dataset(tmp_path / "outside", table)
    (outside / "state.json").write_text(
        '{"_data_files": [{"filename": "../chosen/data-00000-of-00001.arrow"}]}'
    )
    with pytest.raises(FileError, match="names no files of rows"):
        read_texts(outside)
    for odd in ("true", "3", "[3]", "[{}]", "null"):
        (outside / "state.json").write_text(f'{{"_data_files": {odd}}}')
        with pytest.raises(FileError, match=r"state\.json: is damaged, or not what it should be"):
            read_texts(outside)
    lacking = save_dataset(tmp_path / "lacking", table)
    (lacking / "data-00000-of-00001.arrow").unlink()
    with pytest.raises(FileError, match="the file is missing"):
        read_texts(lacking)
    short = save_dataset(tmp_path / "short", table)
    file = short / "data-00000-of-00001.arrow"
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(FileError, match="damaged, cut short"):
        read_texts(short)
    (tmp_path / "plain").mkdir()
    with pytest.raises(FileError, match="is a folder that holds no table"):
        read_texts(tmp_path / "plain")


def test_a_hub_name_needs_datasets_and_nothing_of_that_name_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ConfigError, match=r"pip install 'outgrow\[hub\]'"):
        read_texts("stanfordnlp/sst2")
    # What looks like a path is one: a mistyped file is not looked for on the network.
    with pytest.raises(FileError, match="no such file"):
        read_texts("data/reviews.csv")

    class ClassLabel:
        names = ("neg", "pos")

    class Rows:
        def __init__(self) -> None:
            self.features = {"sentence": object(), "label": ClassLabel()}

        def with_format(self, name: str) -> dict[object, pa.Table] | Rows:
            assert name == "arrow"
            return self

        def __getitem__(self, rows: slice) -> pa.Table:
            return pa.table({"sentence": ["a", "b"], "label": [1, 0]})

    asked = []

    def load_dataset(name: str, configuration: str | None) -> dict[str, Rows]:
        asked.append((name, configuration))
        if name == "no/such":
            raise RuntimeError("not on the hub\nlong story")
        return {"train": Rows()}

    fake = ModuleType("datasets")
    fake.__dict__.update(SimpleNamespace(load_dataset=load_dataset).__dict__)
    monkeypatch.setitem(sys.modules, "datasets", fake)
    rows = read_texts("nyu-mll/glue:sst2")
    assert asked == [("nyu-mll/glue", "sst2")]
    assert rows.items == ["a", "b"]
    assert rows.labels is not None and rows.labels.tolist() == ["pos", "neg"]
    with pytest.raises(DataError, match=r"cannot be loaded from the hub \(not on the hub\)"):
        read_texts("no/such")


def test_content_ids_do_not_depend_on_other_rows() -> None:
    alone = content_ids([b"x"])[0]
    assert content_ids([b"a", b"x", b"b"])[1] == alone
    assert len(set(np.array(content_ids([b"x"] * 50)))) == 50
