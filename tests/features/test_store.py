"""A store ends with the same bytes whatever happened on the way, and no two writers meet in it."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from outgrow.data import read_features
from outgrow.data.feature_manifest import BUILDING, MANIFEST
from outgrow.errors import ConfigError, DataError, FileError, OutgrowError
from outgrow.features.protocols import EncoderIdentity
from outgrow.features.store import StoreWriter, open_store
from outgrow.features.verify import verify

ROWS, WIDTH, SHARD, SHARDS = 46, 5, 4, 12
SKIPPED = {"row 3": "empty text", "row 21": "not UTF-8\nat all"}
INPUT = "ab" * 32
IDS = np.array([f"row {i}" for i in range(ROWS)], dtype=object)
FEATURES = np.random.default_rng(3).standard_normal((ROWS, WIDTH)).astype(np.float32)

PROGRAM = """
import importlib.util
spec = importlib.util.spec_from_file_location("tests_store", {path!r})
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
print("ready", flush=True)
module.{call}
"""


def identity(**changes: Any) -> EncoderIdentity:
    fields: dict[str, Any] = {"name": "mini@6", "kind": "transformers", "revision": "r1", "layer": "6"}
    fields |= {"width": WIDTH, "pooling": "mean", "transform": "at most 128 tokens"}
    return EncoderIdentity(**(fields | changes))


def opened(folder: str | Path, rows: int = ROWS, wait: float = 0.0, **changes: Any) -> StoreWriter:
    options: dict[str, Any] = {"identity": identity(), "input_digest": INPUT, "dtype": "float16"}
    options |= {"shard_rows": SHARD, "ids": IDS[:rows], "wait": wait, "libraries": {"a library": "1"}}
    return open_store(folder, **(options | changes))


def fill(writer: StoreWriter, shards: Iterable[int] | None = None, aloud: bool = False) -> list[int]:
    """Write shards, rows in an order of their own, and say which."""
    done = []
    for shard in writer.missing() if shards is None else shards:
        if aloud:
            print(shard, flush=True)
        rows = np.random.default_rng(os.getpid()).permutation(np.arange(ROWS)[writer.rows_of(shard)])
        skipped = [(IDS[i], SKIPPED[IDS[i]]) for i in rows if IDS[i] in SKIPPED]
        rows = np.array([i for i in rows if IDS[i] not in SKIPPED])
        writer.write(shard, IDS[rows], FEATURES[rows], skipped)
        done.append(shard)
    return done


def build(folder: str | Path, aloud: bool = False, **options: Any) -> list[int]:
    """Begin or go on, to the end."""
    with opened(folder, **options) as writer:
        done = fill(writer, aloud=aloud)
        writer.finish()
    return done


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def start(call: str) -> subprocess.Popen[str]:
    """Call a function of this file in a new process, once it has imported everything."""
    program = PROGRAM.format(path=__file__, call=call)
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    said = process.communicate(timeout=600)[0]
    return process.returncode, said


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The bytes of a store that nothing happened to."""
    folder = tmp_path_factory.mktemp("undisturbed") / "store"
    build(folder)
    return content(folder)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_rows_come_back_as_they_were_given(dtype: str, tmp_path: Path) -> None:
    build(tmp_path / "s", dtype=dtype)
    kept = np.array([name not in SKIPPED for name in IDS])
    table = read_features(tmp_path / "s")
    assert table.ids.tolist() == IDS[kept].tolist()
    np.testing.assert_array_equal(table.values, FEATURES[kept].astype(dtype).astype(np.float32))
    assert table.identity.dtype == dtype
    assert verify(tmp_path / "s") == []


def test_shards_are_plain_parquet_with_page_checksums(undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "s.parquet"
    path.write_bytes(undisturbed["shard-00000.parquet"])
    kinds = [str(field.type) for field in pq.read_table(path).schema]
    assert kinds == ["string", f"fixed_size_list<element: halffloat>[{WIDTH}]"]
    column = pq.ParquetFile(path).metadata.row_group(0).column(1)
    assert column.statistics is None
    assert not any("DICTIONARY" in encoding for encoding in column.encodings)
    # A shard alone still says whose features it holds.
    assert read_features(path).identity.encoder == f"mini@6#{identity().digest[:16]}"
    whole = bytearray(path.read_bytes())
    whole[column.data_page_offset + column.total_compressed_size - 1] ^= 1
    path.write_bytes(bytes(whole))
    with pytest.raises(OSError, match="CRC"):
        pq.ParquetFile(path, page_checksum_verification=True).read()


def test_order_of_shards_and_a_second_start_change_nothing(
    undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    with opened(tmp_path) as writer:
        fill(writer, reversed(writer.missing()))
        assert writer.missing() == []
        manifest = writer.finish()
    assert content(tmp_path) == undisturbed
    # To the letter: stores of earlier versions are continued, and compared.
    said = json.loads((tmp_path / MANIFEST).read_text())
    fields = ["format", "version", "identity", "dtype", "rows", "input", "shard_rows", "skipped", "shards"]
    assert list(said) == [*fields, "libraries", "sha256"]
    assert list(said["libraries"]) == ["a library", "numpy", "outgrow", "pyarrow"]
    assert list(said["shards"][0]) == ["name", "rows", "sha256"]
    assert (manifest.rows, manifest.skipped) == (ROWS - len(SKIPPED), tuple(SKIPPED.items()))
    before = (tmp_path / MANIFEST).stat().st_mtime_ns
    assert build(tmp_path) == []
    assert (tmp_path / MANIFEST).stat().st_mtime_ns == before


def test_shards_without_rows_are_shards(tmp_path: Path) -> None:
    with opened(tmp_path, 4, dtype="float32", shard_rows=2) as writer:
        writer.write(0, [], np.empty((0, WIDTH), np.float32), [("row 1", "bad"), ("row 0", "bad")])
        writer.write(1, IDS[2:4], FEATURES[2:4])
        assert [shard.rows for shard in writer.finish().shards] == [0, 2]
    assert read_features(tmp_path).ids.tolist() == ["row 2", "row 3"]
    assert verify(tmp_path) == []


# Kills


def killed(place: Path) -> None:
    """Build two shards, the last one shorter: every kind of step is met, also between two shards."""
    build(place / "s", rows=6)


def test_a_run_killed_at_any_step_goes_on_and_ends_with_the_same_bytes(tmp_path: Path) -> None:
    killed(tmp_path)
    expected = content(tmp_path / "s")
    words = [sys.executable, Path(__file__).parents[1] / "kill_steps.py", __file__, "killed", tmp_path]
    steps = int(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
    # At least: two files a shard, each with its sync and its rename, before and after.
    assert steps > 8 * 2
    for step in range(1, steps + 1):
        folder = tmp_path / str(step) / "s"
        there = {}
        complete = (folder / MANIFEST).exists()
        if (folder / BUILDING).is_dir() and not complete:
            # Noted shards are finished, the others are not.
            noted = {path.name.removesuffix(".json") for path in (folder / BUILDING).glob("shard-*.json")}
            there = {name: (folder / name).stat().st_ino for name in noted}
            assert len(list(folder.glob("shard-*.parquet"))) - len(noted) in (0, 1)
        done = build(folder, rows=6)
        assert content(folder) == expected, f"killed at step {step}"
        assert {name: (folder / name).stat().st_ino for name in there} == there
        assert len(done) + len(there) == (0 if complete else 2)
        assert [path.name for path in folder.parent.iterdir()] == ["s"]


def test_a_run_killed_from_outside_again_and_again_ends_with_the_same_bytes(
    undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    chance, written = random.Random(20250713), 0
    while written < SHARDS - 3:
        process = start(f"build({str(tmp_path)!r}, aloud=True)")
        assert process.stdout is not None
        # Killed while it writes the second, third or fourth shard from where the last one was.
        for _ in range(chance.randint(2, 4)):
            number = int(process.stdout.readline())
        process.kill()
        end(process)
        assert number > written  # those before it are kept
        written = number
        with pytest.raises(FileError, match=r"the store is not complete\. Run the same encode again"):
            read_features(tmp_path)
    build(tmp_path)
    assert content(tmp_path) == undisturbed


def test_what_was_damaged_before_the_end_is_made_again(undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    with opened(tmp_path) as writer:
        fill(writer, range(6))
    (tmp_path / "shard-00001.parquet").write_bytes(undisturbed["shard-00001.parquet"][:-1])
    (tmp_path / "shard-00002.parquet").unlink()
    (tmp_path / BUILDING / "shard-00004.parquet.json").write_text("{")
    assert build(tmp_path) == [1, 2, 4, *range(6, SHARDS)]
    assert content(tmp_path) == undisturbed


# Several writers


def hold(folder: str, worker: bool = False) -> None:
    """Have a store open, half a shard on its way, and perhaps a forked worker that outlives us."""
    with opened(folder) as writer:
        fill(writer, [0])
        (Path(folder) / BUILDING / "new").write_bytes(b"half")
        child = os.fork() if worker else -1
        if child == 0:
            os.close(1)
            signal.pause()
        print(child, flush=True)
        sys.stdin.read()


@pytest.mark.parametrize("worker", [False, True])
def test_a_second_process_is_told_who_writes_and_touches_nothing(
    worker: bool, undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    holder = start(f"hold({str(tmp_path)!r}, {worker})")
    assert holder.stdout is not None
    child = int(holder.stdout.readline())
    try:
        before = content(tmp_path)
        for wait in (0.0, 0.3):
            line = rf"process {holder.pid} is writing here\. Wait until it has ended"
            with pytest.raises(FileError, match=line):
                build(tmp_path, wait=wait)
        assert content(tmp_path) == before
        holder.kill()
        holder.wait()
        if worker:
            os.kill(child, 0)  # it is still there, and does not keep the lock
        # The lock went with its holder, and what it left over is cleared away.
        assert build(tmp_path) == list(range(1, SHARDS))
    finally:
        holder.kill()
        if worker:
            os.kill(child, signal.SIGKILL)
        end(holder)
    assert content(tmp_path) == undisturbed


def test_processes_that_wait_for_each_other_write_every_shard_once(
    undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    processes = [start(f"build({str(tmp_path)!r}, aloud=True, wait=60.0)") for _ in range(3)]
    ends = [end(process) for process in processes]
    assert [code for code, _ in ends] == [0] * 3
    assert sorted(int(shard) for _, said in ends for shard in said.split()) == list(range(SHARDS))
    assert content(tmp_path) == undisturbed


def test_two_threads_of_one_process_are_two_writers(tmp_path: Path) -> None:
    said: list[str] = []

    def second() -> None:
        try:
            build(tmp_path)
        except FileError as error:
            said.append(str(error))

    with opened(tmp_path) as writer:
        for _ in range(2):  # the first refusal must not have freed the lock
            thread = threading.Thread(target=second)
            thread.start()
            thread.join()
        assert end(start(f"build({str(tmp_path)!r})"))[0] == 1
        fill(writer)
    assert len(said) == 2
    assert f"this process ({os.getpid()}) is writing here" in said[0]


# What is in the way


@pytest.mark.parametrize("complete", [True, False])
def test_another_store_in_the_way_is_said(complete: bool, tmp_path: Path) -> None:
    with opened(tmp_path) as writer:
        fill(writer, None if complete else [0])
        if complete:
            writer.finish()
    before = content(tmp_path)
    labels = r"'mini@6#\w{16}', not of 'mini@6#\w{16}'\. Choose another folder"
    changes: list[tuple[dict[str, Any], str]] = [
        ({"identity": identity(revision="r2")}, f"holds features of {labels}"),
        ({"input_digest": "cd" * 32}, "holds features of another input"),
        ({"dtype": "float32"}, r"holds float16 features, not float32\. Give --dtype float16"),
        ({"shard_rows": 5}, "holds shards of 4 rows, not 5"),
    ]
    for change, line in changes:
        with pytest.raises(FileError, match=line):
            opened(tmp_path, **change)
    assert content(tmp_path) == before
    opened(tmp_path, identity=identity(name="models/mini")).close()  # a name is only a name
    if complete:
        opened(tmp_path, libraries={"torch": "9"}).close()
    else:
        with pytest.raises(FileError, match=r"made with torch none, now 9\. Install that version again"):
            opened(tmp_path, libraries={"torch": "9"})
    path = tmp_path / MANIFEST if complete else tmp_path / BUILDING / "plan.json"
    path.write_text(path.read_text().replace('"version": 1', '"version": 2'))
    with pytest.raises(FileError, match=r"is of format version 2, this outgrow reads version 1"):
        opened(tmp_path)
    path.write_text("[]")
    with pytest.raises(FileError, match=f"{path.name}: is (damaged|not the manifest)"):
        opened(tmp_path)


def test_the_lock_that_an_older_writer_left_is_not_in_the_way(tmp_path: Path) -> None:
    (tmp_path / ".lock").touch()
    build(tmp_path)
    assert verify(tmp_path) == []


def test_a_folder_that_is_no_store_is_not_written_into(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / MANIFEST).write_text('{"sha256": {}}')
    before = content(tmp_path)
    for folder, line in {
        ".": r"it holds 'run/manifest\.json', 'thesis\.tex', which encode did not write",
        "thesis.tex": "is not a folder",
        "thesis.tex/store": r"cannot be written \(.*\)\. Choose another folder",
        "run": "is not the manifest of a feature store",
    }.items():
        with pytest.raises(FileError, match=line):
            build(tmp_path / folder)
    assert content(tmp_path) == before


# Rows that cannot be stored


@pytest.mark.parametrize(
    ("dtype", "bad", "line"),
    [
        (
            "float16",
            65_520.0,
            r"65520 in row 'row 2', column 1, is beyond float16 \(at most 65504\)\. Store f",
        ),
        ("float16", 65_519.0, ""),  # rounds to 65504
        ("float16", np.inf, "infinity in row 'row 2', column 1"),
        ("float16", np.nan, "NaN in row 'row 2', column 1"),
        ("float16", 0.0, r"from row 'row 0' to row 'row 3' .* loses digits.*--dtype float32"),
        ("float32", 1e39, r"1e\+39 in row 'row 2', column 1, is beyond float32"),
    ],
)
def test_rows_that_do_not_fit_are_named(dtype: str, bad: float, line: str, tmp_path: Path) -> None:
    values = FEATURES[:4].astype(np.float64) * (1 if bad else 1e-6)
    values[2, 1] = bad
    with opened(tmp_path, 4, dtype=dtype) as writer:
        if line:
            with pytest.raises(DataError, match=line):
                writer.write(0, IDS[:4], values)
        else:
            writer.write(0, IDS[:4], values)
        assert writer.missing() == ([0] if line else [])


def test_every_row_is_given_or_named_once(tmp_path: Path) -> None:
    names, values = IDS[:4], FEATURES[:4]
    with opened(tmp_path, 4) as writer:
        for line, given, skipped in (
            ("shard 0: no features of rows 'row 0', 'row 3'", names[1:3], []),
            ("unknown rows 'row 9'", [*names[:3], "row 9"], []),
            ("rows given twice", names, [("row 1", "bad")]),
        ):
            with pytest.raises(DataError, match=line):
                writer.write(0, given, values[: len(given)], skipped)
        with pytest.raises(DataError, match=r"shape \(4, 4\) for 4 rows of width 5"):
            writer.write(0, names, values[:, :4])
        with pytest.raises(FileError, match=r"1 of 1 shards are missing\. Run the same encode again"):
            writer.finish()


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"ids": ["a", "b", "a"]}, "duplicated ids 'a'"),
        ({"ids": ["a", ""]}, "row 1 has no id"),
        ({"ids": ["a", 7]}, "row 1 has no id"),
        ({"ids": ["a", "\udcff"]}, "is not UTF-8 text"),
        ({"ids": []}, "no rows to store"),
        ({"dtype": "float64"}, r"cannot be stored as 'float64'\. Use float32 or float16"),
        ({"shard_rows": 0}, "0 rows per shard"),
    ],
)
def test_what_is_asked_for_is_checked_before_anything_is_made(
    change: dict[str, Any], line: str, tmp_path: Path
) -> None:
    with pytest.raises((DataError, ConfigError), match=line):
        opened(tmp_path / "s", **change)
    assert list(tmp_path.iterdir()) == []


# Too little room


@pytest.mark.parametrize("lacking", ["disk", "memory"])
def test_too_little_room_is_said_before_the_work_and_nothing_is_left(
    lacking: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if lacking == "disk":
        usage = shutil.disk_usage(tmp_path)._replace(free=1000)
        monkeypatch.setattr(shutil, "disk_usage", lambda _place: usage)
        line = r"the disk has 0 MB free, the features need about 0 MB\. Free some .*--dtype float16"
    else:
        monkeypatch.setattr("outgrow.features.room.free_memory", lambda: 100)
        line = r"needs about 64 MB of memory, 0 MB are free"
    with pytest.raises(OutgrowError, match=line):
        build(tmp_path / "s")
    assert list(tmp_path.iterdir()) == []


def build_with_little_room(folder: str) -> None:
    """Build where no file may grow beyond 700 bytes: the operating system refuses the rest."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (700, resource.RLIM_INFINITY))
    try:
        build(folder)
    except FileError as error:
        print(error, flush=True)


def test_a_write_that_the_system_refuses_is_one_line(undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    assert max(map(len, undisturbed.values())) > 700
    code, said = end(start(f"build_with_little_room({str(tmp_path)!r})"))
    assert code == 0
    assert "cannot be written (file too large)" in said
    build(tmp_path)
    assert content(tmp_path) == undisturbed


def test_a_disk_that_fills_up_keeps_what_is_finished(
    undisturbed: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, left = os.fsync, 8

    def fsync(handle: int) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(FileError) as error:
        build(tmp_path)
    assert str(error.value) == (
        f"{tmp_path}: cannot be written (no space left on device). Free some space and run the same encode"
        " again: 3 of 12 shards are kept."
    )
    assert not (tmp_path / BUILDING / "new").exists()
    monkeypatch.undo()
    assert build(tmp_path) == list(range(3, 12))
    assert content(tmp_path) == undisturbed
