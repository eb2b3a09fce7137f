"""The run folder appears whole or not at all, and damage is named."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from outgrow import runs, targets
from outgrow.errors import FileError


def make(out, overwrite=False, text="x"):
    with runs.new_folder(out, overwrite) as folder:
        runs.write_json(folder / "run.json", {"text": text})
        runs.write_tensors(folder / "model.safetensors", {"coef": np.eye(2).T[:, ::-1]})


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_round_trip_and_an_earlier_run_is_kept_unless_told(tmp_path):
    make(tmp_path / "a")
    folder = runs.open_folder(tmp_path / "a")
    assert runs.read_json(folder, "run.json") == {"text": "x"}
    np.testing.assert_array_equal(runs.read_tensors(folder, "model.safetensors")["coef"], np.eye(2)[:, ::-1])
    with pytest.raises(FileError, match=r"exists already.*--overwrite"):
        make(folder)
    make(folder, overwrite=True, text="new")
    assert runs.read_json(folder, "run.json") == {"text": "new"}
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("write", [runs.new_folder, runs.new_file])
def test_a_failure_leaves_nothing(tmp_path, write):
    with pytest.raises(RuntimeError), write(tmp_path / "a") as place:
        (place / "half" if place.is_dir() else place).write_text("written")
        raise RuntimeError("the study failed")
    assert names(tmp_path) == []


def test_a_name_taken_meanwhile_is_kept(tmp_path):
    with pytest.raises(FileError, match="exists already"), runs.new_folder(tmp_path / "a") as folder:
        runs.write_json(folder / "run.json", {"text": "late"})
        (tmp_path / "a").mkdir()
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_one_writes_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(targets, "lock_of", partial(targets.lock_of, wait=0.0))
    with runs.new_folder(tmp_path / "a") as folder:
        runs.write_json(folder / "run.json", {"text": "early"})
        with pytest.raises(FileError, match=rf"this process \({os.getpid()}\) is writing here"):
            make(tmp_path / "a", text="late")
    assert runs.read_json(tmp_path / "a", "run.json") == {"text": "early"}
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_what_somebody_added_to_a_run_is_never_replaced(tmp_path):
    out = tmp_path / "a"
    make(out)
    for name in ("NOTES.md", "models/mine.bin", "link"):
        path = out / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("years of work") if name != "link" else path.symlink_to(tmp_path)
        with pytest.raises(
            FileError, match=f"a: is in the way: it holds '{name}', which the run did not write"
        ):
            make(out, overwrite=True)
        path.unlink()
    make(out, overwrite=True, text="new")
    assert runs.read_json(out, "run.json") == {"text": "new"}


@pytest.mark.parametrize(
    "manifest", [None, "{}", '{"name": "my web app"}', '{"sha256": {"app.js": "ab"}}', "[" * 9000, ""]
)
def test_a_folder_that_is_no_run_is_never_replaced(tmp_path, manifest):
    (tmp_path / "plan.json").write_text("years of work")
    if manifest is not None:
        (tmp_path / "manifest.json").write_text(manifest)
    with pytest.raises(FileError, match="not a run of outgrow"):
        make(tmp_path, overwrite=True)
    assert (tmp_path / "plan.json").read_text() == "years of work"


def test_names_of_any_length_and_planted_links(tmp_path):
    make(tmp_path / ("n" * 250))
    victim = tmp_path / "victim"
    victim.write_text("years of work")
    planted = [f".p.csv.{os.getpid()}", targets._beside(tmp_path / "p.csv", "-aaaaaaaa").name]
    for name in planted:
        (tmp_path / name).symlink_to(victim)
    with runs.new_file(tmp_path / "p.csv") as file:
        file.write_text("x")
    assert victim.read_text() == "years of work"
    assert {path.name for path in tmp_path.iterdir()} == {"n" * 250, "victim", "p.csv", *planted}
    (tmp_path / "link").symlink_to(victim)
    for out, said in (("link", "is not a file"), ("victim", "exists already")):
        with pytest.raises(FileError, match=said), runs.new_file(tmp_path / out, overwrite=False) as file:
            file.write_text("x")


def before_file(place, text="old"):
    with runs.new_file(place / "a") as file:
        file.write_text(text)


def before_folder(place, text="old"):
    with runs.new_folder(place / "a", overwrite=True) as folder:
        runs.write_json(folder / "run.json", text)
        (folder / "models").mkdir()
        (folder / "models" / "m").write_text(text)


def file(place):
    before_file(place, "new")


def folder(place):
    before_folder(place, "new")


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_killed_at_any_step_nothing_is_lost_and_the_next_start_clears_up(tmp_path, kind):
    words = [sys.executable, Path(__file__).with_name("kill_steps.py"), __file__, kind, tmp_path]
    steps = int(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
    assert steps >= (4 if kind == "file" else 12)
    for step in range(1, steps + 1):
        out = tmp_path / str(step) / "a"
        targets.recover(out)
        assert [path.name for path in out.parent.iterdir()] == ["a"]
        if kind == "file":
            assert out.read_text() in ("old", "new")
            continue
        assert runs.read_json(out, "run.json") == runs.verified(out, "models/m").read_text()
        make(out, overwrite=True, text="again")
        assert [path.name for path in out.parent.iterdir()] == ["a"]


@pytest.mark.parametrize("write", ["new_folder", "new_file", "replacing"])
def test_a_disk_that_fills_is_one_line_and_leaves_nothing(tmp_path, write):
    make(tmp_path / "a")
    before = sorted(path for path in tmp_path.rglob("*"))
    contexts = {
        "new_folder": lambda: runs.new_folder(tmp_path / "b"),
        "new_file": lambda: runs.new_file(tmp_path / "b"),
        "replacing": lambda: runs.replacing(tmp_path / "a", "run.json"),
    }
    with pytest.raises(FileError, match="cannot be written \\(no space left on device\\)"), contexts[write]():
        # The path of the temporary file is no business of the user's.
        raise OSError(errno.ENOSPC, "Error writing /tmp/.b.123/half")
    assert sorted(path for path in tmp_path.rglob("*")) == before


def test_damage_is_named(tmp_path):
    make(tmp_path / "a")
    path = tmp_path / "a" / "run.json"
    path.write_text(path.read_text().replace("x", "y"))
    with pytest.raises(FileError, match=r"run\.json: is damaged"):
        runs.read_json(tmp_path / "a", "run.json")
    (tmp_path / "a" / "manifest.json").write_text("[]")
    with pytest.raises(FileError, match=r"manifest\.json: is damaged, or not what it should be"):
        runs.read_json(tmp_path / "a", "run.json")


def test_what_is_missing_or_in_the_way_is_one_line(tmp_path):
    make(tmp_path / "a")
    (tmp_path / "file").write_text("")
    for call, line in (
        (lambda: runs.open_folder(tmp_path / "none"), "there is no such run"),
        (lambda: runs.open_folder(tmp_path), "not a run of outgrow"),
        (lambda: runs.read_json(tmp_path / "a", "other"), "has no other"),
        (lambda: runs.room_for(tmp_path / "a", 10**18), "GB free, the run needs about"),
        (lambda: make(tmp_path / "file" / "a"), "Choose another --out"),
    ):
        with pytest.raises(FileError, match=line):
            call()


@pytest.mark.parametrize(
    ("name", "again"), [("sweep", "sweep --config"), ("reproduction", "reproduce NAME --config")]
)
def test_a_folder_of_another_verb_is_named(tmp_path, name, again):
    with runs.new_folder(tmp_path / name) as work:
        runs.write_json(work / f"{name}.json", {})
    with pytest.raises(FileError, match=f"is a {name}, and this reads runs.*outgrow {again}"):
        runs.open_folder(tmp_path / name)


def test_what_has_its_name_is_on_the_disk(tmp_path, monkeypatch):
    told = []
    real = {name: getattr(os, name) for name in ("rename", "replace")}
    monkeypatch.setattr(targets, "sync", lambda path: told.append(path.name))
    for name, function in real.items():

        def noted(source, target, *args, function=function, **kwargs):
            told.append(f"{Path(source).name} as {Path(target).name}")
            return function(source, target, *args, **kwargs)

        monkeypatch.setattr(os, name, noted)
    make(tmp_path / "a")
    *written, named, parent = told
    assert sorted(written[:-1]) == ["manifest.json", "model.safetensors", "run.json"]
    assert [written[-1], named, parent] == ["new", "new as a", tmp_path.name]
    told.clear()
    with runs.new_file(tmp_path / "f") as file:
        file.write_text("x")
    assert told == ["new", "new as f", tmp_path.name]
    told.clear()
    with runs.new_file(tmp_path / "f", durable=False) as file:
        file.write_text("y")
    assert told == ["new as f"]


def test_disks_that_cannot_wait_are_not_waited_for(tmp_path, monkeypatch):
    def fsync(handle):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fsync)
    number = errno.EINVAL
    make(tmp_path / "a")
    number = errno.EIO
    with pytest.raises(FileError, match=r"b: cannot be written \(input/output error\)"):
        make(tmp_path / "b")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_place_is_tried_before_the_work_and_left_as_it_was(tmp_path, monkeypatch):
    make(tmp_path / "a")
    (tmp_path / "file").write_text("")
    before = sorted(tmp_path.rglob("*"))
    for free in ("a", "b", "c/d/e", "file"):
        targets.check_writable(tmp_path / free)
    wrong = (
        ("file/x", "not a directory"),
        ("n" * 300, "name too long"),
        ("/", "mounted"),
        ("a\0b", "null char"),
    )
    for out, said in wrong:
        with pytest.raises(FileError, match=said):
            targets.check_writable(tmp_path / out)
    assert sorted(tmp_path.rglob("*")) == before

    def mkdtemp(*, prefix, dir):
        if dir == refusing[0]:
            raise OSError(errno.EROFS, "Read-only file system", f"{dir}/{prefix}")
        return real(prefix=prefix, dir=dir)

    refusing, real = [tmp_path], targets.tempfile.mkdtemp
    monkeypatch.setattr(targets.tempfile, "mkdtemp", mkdtemp)
    # A folder that is to be replaced must itself be free to move.
    for refusing[0], out in ((tmp_path, "x"), (tmp_path, "c/d"), (tmp_path / "a", "a")):
        with pytest.raises(FileError, match=r"cannot be written \(read-only file system\)"):
            runs.check_target(tmp_path / out, overwrite=True)
