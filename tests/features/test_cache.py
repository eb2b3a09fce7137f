"""The same input and encoder have one place; what is damaged there is moved aside and made again."""

from __future__ import annotations

import shutil
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
    fields: dict[str, Any] = {"name": "mini", "kind": "transformers", "revision": "r1", "layer": "last"}
    return EncoderIdentity(**(fields | {"width": 3, "pooling": "mean", "transform": "none"} | changes))


def fill(folder: Path, **changes: Any) -> int:
    """Make what is missing of a store, and say how many shards that were."""
    values = np.arange(30, dtype=np.float32).reshape(10, 3)
    with open_store(folder, identity(**changes), INPUT, IDS, "float32", 4) as writer:
        missing = writer.missing()
        for shard in missing:
            writer.write(shard, IDS[writer.rows_of(shard)], values[writer.rows_of(shard)])
        writer.finish()
    return len(missing)


def place(said: list[str] | None = None, **changes: Any) -> Path:
    """Ask the cache for the store of these tests."""
    on_damage = None if said is None else said.append
    return cached_store(identity(**changes), INPUT, "float32", 4, on_damage=on_damage)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of our own."""
    monkeypatch.setenv("OUTGROW_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize(
    ("ours", "shared", "folder"),
    [
        ("~/mine", "/var/cache/me", "/home/me/mine"),
        ("", "/var/cache/me", "/var/cache/me/outgrow"),
        ("", "not/absolute", "/home/me/.cache/outgrow"),
        ("", "", "/home/me/.cache/outgrow"),
    ],
)
def test_the_variables_say_where_it_is(
    ours: str, shared: str, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"HOME": "/home/me", "OUTGROW_CACHE": ours, "XDG_CACHE_HOME": shared}.items():
        monkeypatch.setenv(name, value)
    assert cache_folder() == Path(folder)


def test_without_a_home_the_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    for name in ("OUTGROW_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(
        ConfigError, match=r"no home folder for the cache\. Name a folder .* in OUTGROW_CACHE"
    ):
        cache_folder()


def test_every_setting_that_changes_a_feature_has_a_place_of_its_own(cache: Path) -> None:
    same = {place(), place(name="models/mini", licence="MIT")}
    assert len(same) == 1
    changes = {"kind": "onnx", "revision": "r2", "layer": "6", "width": 4, "pooling": "cls"}
    changes |= {"transform": "lower", "dtype": "bfloat16"}
    others = {place(**{name: value}) for name, value in changes.items()}
    others |= {
        cached_store(identity(), "cd" * 32, "float32", 4),
        cached_store(identity(), INPUT, "float16", 4),
        cached_store(identity(), INPUT, "float32", 5),
    }
    assert len(others | same) == 11
    assert {path.parent for path in others | same} == {cache / "features"}


def test_what_is_there_is_not_made_again_and_what_was_begun_is_gone_on_with(cache: Path) -> None:
    with open_store(place(), identity(), INPUT, IDS, "float32", 4) as writer:
        writer.write(0, IDS[:4], np.zeros((4, 3)))
    assert fill(place()) == 2
    assert fill(place()) == 0
    assert [path.name for path in (cache / "features").iterdir()] == [place().name]


@pytest.mark.parametrize("damage", ["shard-00001", "edited", "is missing", "other"])
def test_a_damaged_store_is_named_moved_aside_and_made_again(damage: str, cache: Path) -> None:
    folder = place()
    for _ in range(2):  # a second damaged one takes the place of the first
        fill(folder)
        shard, manifest = folder / "shard-00001.parquet", folder / MANIFEST
        if damage == "shard-00001":
            shard.write_bytes(shard.read_bytes()[:-1] + b"?")
        elif damage == "is missing":
            shard.unlink()
        elif damage == "edited":
            manifest.write_text(manifest.read_text().replace("mini", "maxi"))
        else:  # a sound store, but not the one of this name
            other = place(revision="r2")
            fill(other, revision="r2")
            shutil.copytree(other, folder, dirs_exist_ok=True)
        said: list[str] = []
        assert place(said) == folder
        (line,) = said
        assert line.startswith(f"{folder}: damaged (")
        assert line.endswith(f"; moved to {folder.name}.damaged and made again")
        assert damage in line
        assert not folder.exists()
        assert fill(place()) == 3
    assert verify(folder) == []
    assert (cache / "features" / f"{folder.name}.damaged" / MANIFEST).exists()
    assert not list((cache / "features").rglob("*.lock"))


def test_a_store_at_which_someone_is_at_work_is_not_moved(monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_a_cache_that_cannot_be_written_is_one_line(cache: Path) -> None:
    cache.write_text("a file")
    line = r"features: cannot be written \(.*\)\. Name a folder that can be written in OUTGROW_CACHE"
    with pytest.raises(FileError, match=line):
        place()


@pytest.mark.parametrize("links", [True, False])
def test_export_gives_a_second_name_and_copies_only_where_links_are_not_to_be_had(
    links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_self: Path, _target: Path) -> None:
        raise OSError(18, "Invalid cross-device link")

    if not links:
        monkeypatch.setattr(Path, "hardlink_to", refuse)
    folder = place()
    fill(folder)
    out = export(folder, tmp_path / "deep" / "features")
    assert verify(out) == []
    np.testing.assert_array_equal(read_features(out).values, read_features(folder).values)
    assert ((out / MANIFEST).stat().st_ino == (folder / MANIFEST).stat().st_ino) == links
    assert [path.name for path in out.parent.iterdir()] == ["features"]
    # The same again is nothing to do, and nothing in the way.
    before = out.stat().st_ino
    assert export(folder, out) == out
    assert out.stat().st_ino == before


def test_export_replaces_stores_only_and_only_when_told(tmp_path: Path) -> None:
    folder, out = place(), tmp_path / "out"
    with pytest.raises(FileError, match="is not a feature store"):
        export(folder, out)
    fill(folder)
    export(folder, out)
    # An older store of that name, here a damaged one.
    (out / "shard-00000.parquet").unlink()
    with pytest.raises(FileError, match=r"exists already\. Choose another --out, or give --overwrite"):
        export(folder, out)
    export(folder, out, overwrite=True)
    assert verify(out) == []
    (out / "thesis.tex").write_text("years of work")
    thesis = tmp_path / "thesis"
    thesis.mkdir()
    (thesis / "thesis.tex").write_text("years of work")
    for target, line in {
        out: r"it holds 'thesis\.tex', which encode did not write",
        thesis: "is not a feature store, and is not replaced",
        thesis / "thesis.tex": "is not a folder",
        thesis / "thesis.tex" / "out": "cannot be written",
    }.items():
        with pytest.raises(FileError, match=line):
            export(folder, target, overwrite=True)
    assert (out / "thesis.tex").exists() and [path.name for path in thesis.iterdir()] == ["thesis.tex"]


def exported(folder: Path) -> None:
    export(cached_store(identity(), INPUT, "float32", 4), folder / "out", overwrite=True)


def test_an_export_killed_at_any_step_is_whole_or_absent_and_can_be_repeated(tmp_path: Path) -> None:
    fill(place())
    (tmp_path / "killed").mkdir()
    words = [sys.executable, Path(__file__).parents[1] / "kill_steps.py", __file__, "exported"]
    done = subprocess.run([*words, tmp_path / "killed"], check=True, capture_output=True, text=True)
    assert int(done.stdout) >= 12  # a folder, three shards, a manifest, a rename: before and after each
    for step in range(1, int(done.stdout) + 1):
        out = tmp_path / "killed" / str(step) / "out"
        if out.exists():
            assert verify(out) == []
        export(place(), out)
        assert verify(out) == []
        assert [path.name for path in out.parent.iterdir()] == ["out"]
