"""The right reader for each input, told by how it looks."""

from __future__ import annotations

import struct

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from outgrow.config import RawConfig
from outgrow.features.raw_sources import raw_rows


def write_idx(folder, part, count, rng):
    labels = rng.integers(0, 10, size=count, dtype=np.uint8)
    images = rng.integers(0, 256, size=(count, 4, 4), dtype=np.uint8)
    (folder / f"{part}-images-idx3-ubyte").write_bytes(
        struct.pack(">4I", 2051, count, 4, 4) + images.tobytes()
    )
    (folder / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">2I", 2049, count) + labels.tobytes())


def test_texts_and_pairs(tmp_path):
    (tmp_path / "rows.csv").write_text("id,text,other,label\na,one,two,1\nb,three,four,2\n")
    found = raw_rows(RawConfig(text_column=("text",)), tmp_path / "rows.csv")
    assert (found.kind, list(found.items), found.labels.tolist()) == ("text", ["one", "three"], [1.0, 2.0])
    pairs = raw_rows(RawConfig(text_column=("text", "other")), tmp_path / "rows.csv")
    assert list(pairs.items) == [("one", "two"), ("three", "four")]


def test_phrases_come_with_their_sentences(tmp_path):
    (tmp_path / "train.tsv").write_text("sentence\tlabel\nfine film\t1\na fine film indeed\t1\ndull\t0\n")
    found = raw_rows(RawConfig(layout="sst2"), tmp_path / "train.tsv")
    assert found.groups[0] == found.groups[1] != found.groups[2]


def test_coloured_digits_mislead_on_the_published_test_digits(tmp_path, rng):
    write_idx(tmp_path, "train", 3000, rng)
    write_idx(tmp_path, "t10k", 1000, rng)
    plain = raw_rows(RawConfig(), tmp_path)
    assert (plain.kind, len(plain.items), plain.items[0].shape) == ("image", 4000, (4, 4))
    found = raw_rows(RawConfig(layout="coloured-mnist"), tmp_path)
    assert found.items[0].shape == (4, 4, 3)
    test = found.split == "test"
    np.testing.assert_array_equal(test, plain.split == "test")
    # Green says 1 in training, with flips of .15 on average, and 0 in the test, with flips of .9.
    green = np.array([image[..., 1].any() for image in found.items])
    wrong = green != (found.labels == 1.0)
    assert abs(wrong[~test].mean() - 0.15) < 3.3 * np.sqrt(0.15 * 0.85 / 3000)
    assert abs(wrong[test].mean() - 0.9) < 3.3 * np.sqrt(0.9 * 0.1 / 1000)


def test_a_folder_is_of_texts_where_it_holds_a_table_and_nothing_else(tmp_path):
    folder = tmp_path / "rows.parquet"
    folder.mkdir()
    for number, text in enumerate(["one", "two"]):
        pq.write_table(pa.table({"id": [f"r{number}"], "text": [text]}), folder / f"part-{number}.parquet")
    (folder / "_SUCCESS").touch()
    assert list(raw_rows(RawConfig(), folder).items) == ["one", "two"]
    # Pictures with a table of them beside are pictures.
    pictures = tmp_path / "pictures"
    for name in ("cat", "dog"):
        (pictures / name).mkdir(parents=True)
        (pictures / name / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (pictures / "metadata.csv").write_text("file_name,text\ncat/a.png,a cat\n")
    found = raw_rows(RawConfig(), pictures)
    assert (found.kind, sorted(found.labels.tolist())) == ("image", ["cat", "dog"])
