"""The same input and encoder have one place; what is damaged there is moved aside and made again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from outgrow.data import read_features
from outgrow.data.feature_manifest import MANIFEST
from outgrow.errors import ConfigError, FileError
from outgrow.features import cache as cache_module
from outgrow.features.cache import cache_folder, cached_store, export
from outgrow.features.protocols import EncoderIdentity
from outgrow.features.store import open_store
from outgrow.features.verify import verify

INPUT = "ab" * 32
IDS = np.array([f"row {i}" for i in range(10)], dtype=object)


def identity(**changes: Any) -> EncoderIdentity:
    """Give an encoder."""
    said: dict[str, Any] = {
        "name": "mini",
        "kind": "transformers",
        "revision": "r1",
        "layer": "last",
        "width": 3,
        "pooling": "mean",
        "transform": "none",
        "dtype": "float32",
    }
    return EncoderIdentity(**(said | changes))


def fill(folder: Path) -> int:
    """Make what is missing of a store, and say how many shards that were."""
    values = np.arange(30, dtype=np.float32).reshape(10, 3)
    with open_store(folder, identity(), INPUT, IDS, "float32", 4) as writer:
        missing = writer.missing()
        for shard in missing:
            writer.write(shard, IDS[writer.rows_of(shard)], values[writer.rows_of(shard)])
        writer.finish()
    return len(missing)


def place(said: list[str] | None = None) -> Path:
    """Ask the cache for the store of these tests."""
    return cached_store(identity(), INPUT, "float32", 4, on_damage=None if said is None else said.append)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of our own."""
    monkeypatch.setenv("OUTGROW_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_variables_say_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache/me")
    assert cache_folder() == tmp_path / "cache"
    monkeypatch.setenv("OUTGROW_CACHE", "~/mine")
    assert cache_folder() == Path("/home/me/mine")
    monkeypatch.setenv("OUTGROW_CACHE", "")
    assert cache_folder() == Path("/var/cache/me/outgrow")
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    assert cache_folder() == Path("/home/me/.cache/outgrow")
    monkeypatch.delenv("OUTGROW_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path("/home/me/.cache/outgrow")

    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(
        ConfigError, match=r"no home folder for the cache\. Name a folder .* in OUTGROW_CACHE"
    ):
        cache_folder()


def test_every_setting_that_changes_a_feature_has_a_place_of_its_own(cache: Path) -> None:
    same = {place(), cached_store(identity(name="models/mini", licence="MIT"), INPUT, "float32", 4)}
    assert len(same) == 1
    others = {
        cached_store(identity(**change), INPUT, "float32", 4)
        for change in (
            {"kind": "onnx"},
            {"revision": "r2"},
            {"layer": "6"},
            {"width": 4},
            {"pooling": "cls"},
            {"transform": "lower"},
            {"dtype": "bfloat16"},
        )
    }
    others |= {
        cached_store(identity(), "cd" * 32, "float32", 4),
        cached_store(identity(), INPUT, "float16", 4),
        cached_store(identity(), INPUT, "float32", 5),
    }
    assert len(others | same) == 11
    assert {path.parent for path in others | same} == {cache / "features"}


def test_what_is_there_is_not_made_again(cache: Path) -> None:
    assert fill(place()) == 3
    assert fill(place()) == 0
    assert [path.name for path in (cache / "features").iterdir()] == [place().name]


def test_an_unfinished_store_is_gone_on_with(cache: Path) -> None:
    with open_store(place(), identity(), INPUT, IDS, "float32", 4) as writer:
        writer.write(0, IDS[:4], np.zeros((4, 3)))
    assert fill(place()) == 2


@pytest.mark.parametrize("damage", ["shard", "manifest", "missing", "other"])
def test_a_damaged_store_is_named_moved_aside_and_made_again(damage: str, cache: Path) -> None:
    folder = place()
    for _ in range(2):  # a second damaged one takes the place of the first
        fill(folder)
        shard, manifest = folder / "shard-00001.parquet", folder / MANIFEST
        if damage == "shard":
            shard.write_bytes(shard.read_bytes()[:-1] + b"?")
        elif damage == "missing":
            shard.unlink()
        elif damage == "manifest":
            manifest.write_text(manifest.read_text().replace("mini", "maxi"))
        else:  # a sound store, but not the one of this name
            other = cached_store(identity(revision="r2"), INPUT, "float32", 4)
            with open_store(other, identity(revision="r2"), INPUT, IDS, "float32", 4) as writer:
                for number in writer.missing():
                    part = writer.rows_of(number)
                    writer.write(number, IDS[part], np.zeros((len(IDS[part]), 3)))
                writer.finish()
            for path in other.iterdir():
                (folder / path.name).write_bytes(path.read_bytes())
        said: list[str] = []
        assert place(said) == folder
        (line,) = said
        assert line.startswith(f"{folder}: damaged (")
        assert line.endswith(f"; moved to {folder.name}.damaged and made again")
        assert {"shard": "shard-00001", "manifest": "edited", "missing": "is missing", "other": "other"}[
            damage
        ] in line
        assert not folder.exists()
        assert fill(place()) == 3
    assert verify(folder) == []
    assert (cache / "features" / f"{folder.name}.damaged" / MANIFEST).exists()
    assert not list((cache / "features").rglob("*.lock"))


def test_a_cache_that_cannot_be_written_is_one_line(cache: Path) -> None:
    cache.write_text("a file")
    with pytest.raises(
        FileError,
        match=r"features: cannot be written \(.*\)\. Name a folder that can be written in OUTGROW_CACHE",
    ):
        place()


def test_export_gives_a_second_name_without_a_second_copy(tmp_path: Path) -> None:
    folder = place()
    fill(folder)
    out = export(folder, tmp_path / "deep" / "features")
    assert verify(out) == []
    np.testing.assert_array_equal(read_features(out).values, read_features(folder).values)
    assert (out / MANIFEST).stat().st_ino == (folder / MANIFEST).stat().st_ino
    assert [path.name for path in out.parent.iterdir()] == ["features"]
    # The same again is nothing to do, and nothing in the way.
    before = out.stat().st_ino
    assert export(folder, out) == out
    assert out.stat().st_ino == before


def test_export_copies_where_links_are_not_to_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_self: Path, _target: Path) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    folder = place()
    fill(folder)
    out = export(folder, tmp_path / "features")
    assert (out / MANIFEST).stat().st_ino != (folder / MANIFEST).stat().st_ino
    assert verify(out) == []


def test_export_replaces_stores_only_and_only_when_told(tmp_path: Path) -> None:
    folder, out = place(), tmp_path / "out"
    with pytest.raises(FileError, match="is not a feature store"):
        export(folder, out)
    fill(folder)
    export(folder, out)
    # An older store of that name, here a damaged one.
    (out / "shard-00000.parquet").unlink()
    with pytest.raises(FileError, match=r"exists already\. Choose another folder, or give --overwrite"):
        export(folder, out)
    export(folder, out, overwrite=True)
    assert verify(out) == []
    thesis = tmp_path / "thesis"
    thesis.mkdir()
    (thesis / "thesis.tex").write_text("years of work")
    with pytest.raises(FileError, match="is not a feature store, and is not replaced"):
        export(folder, thesis, overwrite=True)
    assert [path.name for path in thesis.iterdir()] == ["thesis.tex"]
    with pytest.raises(FileError, match="cannot be written"):
        export(folder, thesis / "thesis.tex" / "out")
    assert {path.name for path in tmp_path.iterdir()} == {"cache", "out", "thesis"}


EXPORT = """
import os, signal, sys
from pathlib import Path
from outgrow.features.cache import export
names = ("mkdir", "link", "rename", "unlink", "rmdir")
real = {name: getattr(os, name) for name in names}
for step in range(1, 1000):
    child = os.fork()
    if child == 0:
        count = 0
        def counted(function):
            def call(*args, **kwargs):
                global count
                count += 1
                if count == step:
                    os.kill(os.getpid(), signal.SIGKILL)
                return function(*args, **kwargs)
            return call
        for name in names:
            setattr(os, name, counted(real[name]))
        export(sys.argv[1], f"{sys.argv[2]}/{step}/out", overwrite=True)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status):
        print(step - 1)
        break
"""


def test_an_export_killed_at_any_step_is_whole_or_absent_and_can_be_repeated(tmp_path: Path) -> None:
    folder = place()
    fill(folder)
    done = subprocess.run(
        [sys.executable, "-c", EXPORT, str(folder), str(tmp_path)],
        check=True,
        capture_output=True,
        text=True,
    )
    steps = int(done.stdout)
    assert steps >= 6  # a folder, three shards, a manifest, a rename
    for step in range(1, steps + 1):
        out = tmp_path / str(step) / "out"
        if out.exists():
            assert verify(out) == []
        export(folder, out)
        assert verify(out) == []
        assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_a_store_at_which_someone_is_at_work_is_not_moved(
    monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    folder = place()
    fill(folder)
    monkeypatch.setattr(cache_module, "WAIT_S", 0.0)
    with open_store(folder, identity(), INPUT, IDS, "float32", 4):
        (folder / "shard-00001.parquet").unlink()
        with pytest.raises(FileError, match="is writing here"):
            place()
        assert folder.exists()
    assert place() == folder
    assert not folder.exists()
