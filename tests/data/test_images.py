"""Pictures are found by name, whatever the file system says, and labels by folder, table or name."""

from __future__ import annotations

import numpy as np
import pytest

from outgrow.data.images import read_images
from outgrow.errors import ConfigError, DataError, FileError


def put(folder, *names):
    """Write files that hold their names: nothing is decoded here."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return folder


def test_a_folder_is_read_by_name_and_its_digest_is_of_whole_contents(tmp_path):
    names = ["b.jpg", "a.PNG", "sub/c.webp", "B.jpeg", "a10.gif", "a2.tif"]
    put(tmp_path, *names, ".hidden.jpg", ".git/d.jpg", "notes.txt", "Thumbs.db")
    rows = read_images(tmp_path)
    assert rows.ids.tolist() == sorted(names)
    assert rows.items == [tmp_path / name for name in sorted(names)]
    assert (rows.labels, rows.skipped) == (None, ())
    put(tmp_path / "again", *names)
    assert read_images(tmp_path / "again").digest == rows.digest
    digests = set()
    for last in (b"x", b"y"):
        (tmp_path / "again" / "b.jpg").write_bytes(bytes(3_000_000) + last)
        digests.add(read_images(tmp_path / "again").digest)
    assert len(digests) == 2


def test_a_folder_per_class(tmp_path):
    put(tmp_path, "dog/1.jpg", "cat/2.jpg", "cat/more/3.jpg")
    rows = read_images(tmp_path)
    assert rows.ids.tolist() == ["cat/2.jpg", "cat/more/3.jpg", "dog/1.jpg"]
    assert rows.labels.tolist() == ["cat", "cat", "dog"]
    assert read_images(tmp_path, layout="folder").labels is None
    put(tmp_path, "loose.jpg")
    assert read_images(tmp_path).labels is None
    with pytest.raises(DataError, match=r"'loose.jpg' lies in no folder of a class"):
        read_images(tmp_path, layout="classes")


def test_classes_below_parts_of_a_split(tmp_path):
    rows = read_images(put(tmp_path, "train/dog/1.jpg", "train/cat/2.jpg", "test/dog/1.jpg"))
    assert rows.labels.tolist() == ["dog", "cat", "dog"]
    assert rows.split.tolist() == ["test", "train", "train"]


def test_utkface_names_hold_the_age_and_malformed_ones_are_listed(tmp_path):
    good = ["1_0_0_20161219140623097.jpg.chip.jpg", "100_1_4_20170112.jpg", "26_1_2_20170116.jpg"]
    bad = ["39_1_20170116174525125.jpg.chip.jpg", "61_3_1_2017.jpg"]
    rows = read_images(put(tmp_path, *good, *bad))
    assert (rows.ids.tolist(), rows.labels.tolist()) == (sorted(good), [100.0, 1.0, 26.0])
    assert rows.skipped == tuple((name, "its name is not [age]_[gender]_[race]_[date].jpg") for name in bad)
    assert read_images(tmp_path, layout="folder").ids.tolist() == sorted(good + bad)
    with pytest.raises(FileError, match=r"holds no picture that can be used \(2 were left out\)"):
        read_images(put(tmp_path / "other", *bad), layout="utkface")


def test_a_table_of_paths(tmp_path):
    put(tmp_path, "p/a.jpg", "p/b.jpg")
    (tmp_path / "t.csv").write_text("path,label,who,part\np/b.jpg,1.5,x,train\np/a.jpg,,y,test\n")
    rows = read_images(tmp_path / "t.csv", group_column="who", split_column="part")
    assert rows.ids.tolist() == ["p/b.jpg", "p/a.jpg"]
    assert rows.items == [tmp_path / "p/b.jpg", tmp_path / "p/a.jpg"]
    np.testing.assert_array_equal(rows.labels, [1.5, np.nan])
    assert rows.groups.tolist() == ["x", "y"]
    (tmp_path / "u.csv").write_text("id,picture\n7,p/a.jpg\n8,p/a.jpg\n")
    assert read_images(tmp_path / "u.csv", image_column="picture").ids.tolist() == ["7", "8"]
    for rows, message in (
        ("id,x\n7,p/a.jpg\n7,p/b.jpg", "ids '7'"),
        ("x\np/a.jpg\np/a.jpg", "ids 'p/a.jpg'"),
    ):
        (tmp_path / "u.csv").write_text(rows + "\n")
        with pytest.raises(DataError, match=f"duplicated {message}"):
            read_images(tmp_path / "u.csv")


def test_rows_without_a_file_are_named_or_listed(tmp_path):
    put(tmp_path, "a.jpg")
    (tmp_path / "t.csv").write_text("id,path\nx,a.jpg\ny,gone.jpg\nz,\nw,.\n")
    message = r"row 'y' names a file that cannot be read \('gone.jpg': No such file.*\(and 2 more such rows"
    with pytest.raises(DataError, match=message):
        read_images(tmp_path / "t.csv")
    rows = read_images(tmp_path / "t.csv", on_error="skip")
    assert (rows.ids.tolist(), [name for name, _ in rows.skipped]) == (["x"], ["y", "z", "w"])
    with pytest.raises(DataError, match=r"no image column 'file'.*Columns present: 'id', 'path'"):
        read_images(tmp_path / "t.csv", image_column="file")
    (tmp_path / "t.csv").write_text("path\ngone.jpg\n")
    with pytest.raises(DataError, match="no rows with pictures"):
        read_images(tmp_path / "t.csv", on_error="skip")


def test_links_do_not_lead_out_of_the_folder(tmp_path):
    put(tmp_path, "out/secret.jpg", "in/a.jpg")
    (tmp_path / "in" / "inside.jpg").symlink_to("a.jpg")
    assert read_images(tmp_path / "in").ids.tolist() == ["a.jpg", "inside.jpg"]
    (tmp_path / "in" / "link.jpg").symlink_to(tmp_path / "out" / "secret.jpg")
    (tmp_path / "in" / "none.jpg").symlink_to("nowhere.jpg")
    (tmp_path / "in" / "loop").symlink_to(tmp_path / "in")
    with pytest.raises(DataError, match=r"row 'link.jpg' is a link that leads out"):
        read_images(tmp_path / "in")
    rows = read_images(tmp_path / "in", on_error="skip")
    assert rows.ids.tolist() == ["a.jpg", "inside.jpg"]
    assert [name for name, _ in rows.skipped] == ["link.jpg", "loop", "none.jpg"]
    # The folder itself may be a link: the user named it.
    (tmp_path / "way").symlink_to(tmp_path / "out")
    assert read_images(tmp_path / "way").ids.tolist() == ["secret.jpg"]


@pytest.mark.parametrize(
    ("name", "layout", "message"),
    [
        ("gone", "auto", "no such folder"),
        ("empty", "auto", r"holds no picture \(.jpg, .jpeg"),
        ("a.jpg", "auto", "is a file, not a folder of pictures"),
        ("empty", "imagenet", "layout 'imagenet' is not known"),
    ],
)
def test_what_is_not_there(name, layout, message, tmp_path):
    put(tmp_path, "empty/a.txt", "a.jpg")
    with pytest.raises((FileError, ConfigError), match=message):
        read_images(tmp_path / name, layout=layout)
