"""Texts come out alike from every kind of table; rows that cannot be read are named, or listed."""

from __future__ import annotations

import pyarrow as pa
import pytest

from outgrow.data.raw import content_id
from outgrow.data.texts import read_texts
from outgrow.errors import ConfigError, DataError, FileError

COLUMNS = {
    "id": ["007", "b", "c"],
    "text": ["A fine film.", " spaced  ", "Ärger, «naïve» 映画"],
    "label": [1, 0, 1],
    "who": ["x", "x", "y"],
    "part": ["train", "train", "test"],
}


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.parquet", "t.arrow", "t.jsonl", "folder"])
def test_every_format_gives_the_same_rows(name, put):
    rows = read_texts(put(name, COLUMNS), group_column="who", split_column="part")
    assert (rows.kind, rows.skipped, rows.ids.tolist(), rows.items) == (
        "text", (), COLUMNS["id"], COLUMNS["text"],
    )  # fmt: skip
    assert rows.labels.tolist() == [1.0, 0.0, 1.0]
    assert (rows.groups.tolist(), rows.split.tolist()) == (COLUMNS["who"], COLUMNS["part"])
    # Of ids and texts alone: neither the format nor a corrected label makes them other rows.
    assert rows.digest == read_texts(put("other.parquet", {**COLUMNS, "label": [5, 6, 7]})).digest
    changed = put("changed.parquet", {**COLUMNS, "text": ["A fine film", *COLUMNS["text"][1:]]})
    assert rows.digest != read_texts(changed).digest


def test_without_ids_they_are_made_of_contents_and_equal_rows_are_kept_apart(put):
    rows = read_texts(put("t.csv", {"text": ["a", "b", "a", "a"], "label": [0, 1, 1, 0]}))
    first = content_id(b"a")
    assert rows.ids.tolist() == [first, content_id(b"b"), f"{first}-2", f"{first}-3"]
    assert rows.labels.tolist() == [0, 1, 1, 0]


def test_pairs_are_read_together_and_do_not_run_into_each_other(put):
    rows = read_texts(put("t.jsonl", {"q": ["ab", "a"], "a": ["c", "bc"]}), text_column=("q", "a"))
    assert rows.items == [("ab", "c"), ("a", "bc")]
    assert len(set(rows.ids)) == 2 and not any("-" in name for name in rows.ids)


def test_json_values_stay_what_they_were(put):
    columns = {"id": ["007", "8"], "sentence": ["2020-01-01", "12"], "label": ["x", "y"]}
    rows = read_texts(put("t.jsonl", columns))  # the only other column of text is meant
    assert (rows.ids.tolist(), rows.items) == (columns["id"], columns["sentence"])


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"text_column": "txt"}, "no text column 'txt'.*'id', 'text', 'label', 'who'.*Did you mean 'text'"),
        ({"label_column": "lable"}, "Columns present: 'id', 'text', 'label', 'who', 'part'"),
        ({"id_column": "key"}, "Columns present: 'id', 'text', 'label', 'who', 'part'"),
        ({"group_column": "g"}, "Columns present: 'id', 'text', 'label', 'who', 'part'"),
        ({"text_column": ("text", "who", "part")}, "3 text columns. Name one, or two for pairs"),
        ({"on_error": "warn"}, "'warn' is not known"),
    ],
)
def test_options_that_name_nothing(how, message, put):
    with pytest.raises((DataError, ConfigError), match=message):
        read_texts(put("t.csv", COLUMNS), **how)


BAD = {
    "t.csv": b"id,text,label\na,fine,1\nb,   ,0\nc,caf\xe9,1\nd,good,0\n",
    "t.jsonl": b"""{"id": "a", "text": "fine", "label": 1}
{"id": "b", "text": null, "label": 0}

{"id": "c", "text": "\xe9", "label": 1}
{"id": "d", "text": "good", "label": 0}
""",
    "t.parquet": {
        "id": [*"abcd"],
        "label": [1, 0, 1, 0],
        "text": pa.array([b"fine", b"", b"caf\xe9", b"good"]).view(pa.string()),
    },
}


@pytest.mark.parametrize("name", BAD)
def test_a_row_without_text_is_named_or_listed(name, put):
    path = put(name, BAD[name])
    with pytest.raises(DataError, match=r"row 'b' has no text in column 'text' \(and 1 more such rows\)"):
        read_texts(path)
    rows = read_texts(path, on_error="skip")
    assert (rows.items, rows.ids.tolist(), rows.rows.tolist()) == (["fine", "good"], ["a", "d"], [0, 3])
    assert rows.labels.tolist() == [1, 0]
    # The id of a line of JSON cannot be read either: its number stands for it.
    third = "row 2" if name == "t.jsonl" else "c"
    assert rows.skipped == (("b", "has no text in column 'text'"), (third, "is not UTF-8 text"))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", "title,body\na,b\n", "no column 'text', and several.*present: 'title', 'body'"),
        ("t.parquet", {"n": [1]}, "no column 'text', and no other column could be it"),
        ("t.csv", "id,text\na, \n", "no rows with text"),
        ("t.csv", "text\nfine\n".encode("utf-16"), "is not UTF-8 text"),
        ("t.csv", b"text,text\na,\xe9\n", "several columns are called 'text'"),
        ("t.csv", b"id,text\na,\xe9\nb,c,d\n", "Expected 2 columns, got 3.*Quote values that hold the sep"),
        ("t.csv", b"t\xe9xt\nfine\n", "is not UTF-8 text"),
        ("t.csv", b"text\nfine\n\xe9" + b"x" * 5000 + b"\0\n", "is not UTF-8 text"),
        ("t.jsonl", '{"text": "a"}\n{"text": "b"', "line 2: is not JSON, or was cut short"),
        ("t.jsonl", '["a"]\n', "line 1: is not a JSON object"),
        ("t.jsonl", '{"text": "a", "text": "b"}\n', "several values are called 'text'"),
        ("t.jsonl", '{"text": ["a"]}\n', "column 'text' is of type list"),
        ("t.jsonl", '{"text": ["a"]}\n{"text": "b"}\n', "holds lists or objects in some lines"),
        ("t.jsonl", '{"text": "\\ud800"}\n', "row 0 holds half of a surrogate pair"),
        ("t.jsonl", '{"text": "a", "id": "x"}\n{"text": "b", "id": "x"}\n', "duplicated ids 'x'"),
        ("t.jsonl", '{"text": "a", "id": "x"}\n{"text": "b"}\n', "row 1 has no id"),
    ],
)
def test_tables_that_hold_no_texts(name, content, message, put):
    path = put(name, content)
    with pytest.raises((DataError, FileError), match=message):
        read_texts(path, on_error="skip")
