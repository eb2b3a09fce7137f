"""Data sets of Hugging Face's library: saved folders and names on the hub."""

from __future__ import annotations

import sys
from types import ModuleType

import pyarrow as pa
import pytest

from outgrow.data.texts import read_texts
from outgrow.errors import ConfigError, DataError, FileError

TABLE = pa.table({"text": ["a"]})
STATE, ROWS = "state.json", "data-00000-of-00001.arrow"


def test_parts_are_the_split_and_classes_come_by_name(save_dataset, tmp_path):
    info = {
        "features": {"label": {"names": ["neg", "pos"], "_type": "ClassLabel"}, "text": {"_type": "Value"}}
    }
    train = [pa.table({"text": ["a"], "label": [1]}), pa.table({"text": ["b"], "label": [0]})]
    save_dataset(tmp_path / "train", *train, info=info)
    save_dataset(tmp_path / "test", pa.table({"text": ["c"], "label": [-1]}), info=info)
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    rows = read_texts(tmp_path)
    assert rows.items == ["a", "b", "c"]
    assert rows.labels.tolist() == ["pos", "neg", None]
    assert rows.split.tolist() == ["train", "train", "test"]
    assert read_texts(tmp_path / "train").split is None
    save_dataset(tmp_path / "test", pa.table({"text": ["c"], "other": [1]}))
    with pytest.raises(DataError, match=r"part 'test' has the columns 'text', 'other', the first one 'text'"):
        read_texts(tmp_path)
    save_dataset(tmp_path / "test", pa.table({"text": ["c"], "label": [[1]]}))
    with pytest.raises(DataError, match="its parts hold columns of different types"):
        read_texts(tmp_path)
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["../train"]}')
    with pytest.raises(FileError, match="names no parts"):
        read_texts(tmp_path)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (f'{{"_data_files": [{{"filename": "{ROWS}"}}], "_indices_files": [1]}}', r"flatten_indices\(\)"),
        (f'{{"_data_files": [{{"filename": "../{ROWS}"}}]}}', "names no files of rows"),
        ('{"_data_files": [{"filename": "gone.arrow"}]}', "the file is missing"),
        *(
            (f'{{"_data_files": {odd}}}', r"state\.json: is damaged, or not what it should be")
            for odd in ("true", "3", "[3]", "[{}]", "null")
        ),
    ],
)
def test_a_saved_folder_that_lies_or_lacks_files(state, message, save_dataset, tmp_path):
    save_dataset(tmp_path, TABLE)
    (tmp_path / STATE).write_text(state)
    with pytest.raises(FileError, match=message):
        read_texts(tmp_path)


def test_files_of_a_saved_folder_that_are_damaged_or_differ(save_dataset, tmp_path):
    folder = save_dataset(tmp_path, TABLE, pa.table({"other": [1]}))
    with pytest.raises(FileError, match="its files differ in their columns"):
        read_texts(folder)
    file = save_dataset(tmp_path, TABLE) / ROWS
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(FileError, match="damaged, cut short"):
        read_texts(tmp_path)


class ClassLabel:
    names = ("neg", "pos")


class Rows:
    """A part of a data set, as the library gives it."""

    features = {"sentence": object(), "label": ClassLabel()}  # noqa: RUF012

    def with_format(self, name):
        assert name == "arrow"
        return self

    def __getitem__(self, rows):
        return pa.table({"sentence": ["a", "b"], "label": [1, 0]})


def test_a_hub_name_needs_datasets_and_nothing_of_that_name_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ConfigError, match=r"pip install 'outgrow\[hub\]'"):
        read_texts("stanfordnlp/sst2")
    # What looks like a path is one: a mistyped file is not looked for on the network.
    with pytest.raises(FileError, match="no such file"):
        read_texts("data/reviews.csv")
    asked = []

    def load_dataset(name, configuration):
        asked.append((name, configuration))
        if name == "no/such":
            raise RuntimeError("not on the hub\nlong story")
        return {"train": Rows()}

    fake = ModuleType("datasets")
    fake.load_dataset = load_dataset
    monkeypatch.setitem(sys.modules, "datasets", fake)
    rows = read_texts("nyu-mll/glue:sst2")
    assert asked == [("nyu-mll/glue", "sst2")]
    assert (rows.items, rows.labels.tolist()) == (["a", "b"], ["pos", "neg"])
    with pytest.raises(DataError, match=r"cannot be loaded from the hub \(not on the hub\)"):
        read_texts("no/such")
