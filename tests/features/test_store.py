"""A store ends with the same bytes whatever happened on the way, and no two writers meet in it."""

from __future__ import annotations

import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from outgrow.data import read_features
from outgrow.data.feature_manifest import BUILDING, MANIFEST
from outgrow.errors import ConfigError, DataError, FileError
from outgrow.features import store as store_module
from outgrow.features.protocols import EncoderIdentity
from outgrow.features.store import StoreWriter, open_store
from outgrow.features.verify import verify

ROWS, WIDTH, SHARD = 46, 5, 4
SKIPPED = {"row 3": "empty text", "row 21": "not UTF-8\nat all"}
IDENTITY: dict[str, Any] = {
    "name": "mini@6",
    "kind": "transformers",
    "revision": "r1",
    "layer": "6",
    "width": WIDTH,
    "pooling": "mean",
    "transform": "at most 128 tokens",
}
INPUT = "ab" * 32

PROGRAM = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("tests_store", {path!r})
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
print("ready", flush=True)
module.{call}
"""


def identity(**changes: Any) -> EncoderIdentity:
    """Give the encoder of these tests, with changes."""
    return EncoderIdentity(**(IDENTITY | changes))


def ids() -> np.ndarray:
    """Name the rows."""
    return np.array([f"row {i}" for i in range(ROWS)], dtype=object)


def features() -> np.ndarray:
    """Give the same features in every process."""
    return np.random.default_rng(3).standard_normal((ROWS, WIDTH)).astype(np.float32)


def fill(writer: StoreWriter, shards: Iterable[int] | None = None, pause: float = 0.0) -> list[int]:
    """Write shards, rows in an order of their own, and say which."""
    done = []
    names, values = ids(), features()
    for shard in writer.missing() if shards is None else shards:
        rows = np.arange(ROWS)[writer.rows_of(shard)]
        rows = np.random.default_rng(os.getpid()).permutation(rows)
        skipped = [(names[i], SKIPPED[names[i]]) for i in rows if names[i] in SKIPPED]
        rows = np.array([i for i in rows if names[i] not in SKIPPED])
        writer.write(shard, names[rows], values[rows], skipped)
        done.append(shard)
        time.sleep(pause)
    return done


def build(
    folder: str | Path, dtype: str = "float16", pause: float = 0.0, wait: float = 0.0, rows: int = ROWS
) -> list[int]:
    """Begin or go on, to the end."""
    with open_store(folder, identity(), INPUT, ids()[:rows], dtype, SHARD, wait=wait) as writer:
        done = fill(writer, pause=pause)
        writer.finish()
    return done


def content(folder: Path) -> dict[str, bytes]:
    """Give all that a folder holds."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def start(call: str) -> subprocess.Popen[str]:
    """Call a function of this file in a new process, once it has imported everything."""
    program = PROGRAM.format(path=__file__, call=call)
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Wait for a process."""
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
    build(tmp_path / "s", dtype)
    kept = np.array([name not in SKIPPED for name in ids()])
    table = read_features(tmp_path / "s")
    assert table.ids.tolist() == ids()[kept].tolist()
    np.testing.assert_array_equal(table.values, features()[kept].astype(dtype).astype(np.float32))
    assert table.identity.dtype == dtype
    assert verify(tmp_path / "s") == []


def test_shards_are_plain_parquet_with_page_checksums(undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "s.parquet"
    path.write_bytes(undisturbed["shard-00000.parquet"])
    table = pq.read_table(path)
    assert [str(field.type) for field in table.schema] == [
        "string",
        f"fixed_size_list<element: halffloat>[{WIDTH}]",
    ]
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


def test_bytes_do_not_depend_on_the_order_of_shards(undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    with open_store(tmp_path, identity(), INPUT, ids(), "float16", SHARD) as writer:
        fill(writer, reversed(writer.missing()))
        assert writer.missing() == []
        manifest = writer.finish()
    assert content(tmp_path) == undisturbed
    assert manifest.rows == ROWS - len(SKIPPED)
    assert manifest.skipped == tuple(SKIPPED.items())


def test_a_complete_store_is_left_as_it_is(undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    build(tmp_path / "s")
    before = (tmp_path / "s" / MANIFEST).stat().st_mtime_ns
    assert build(tmp_path / "s") == []
    assert (tmp_path / "s" / MANIFEST).stat().st_mtime_ns == before
    assert content(tmp_path / "s") == undisturbed


def test_shards_without_rows_are_shards(tmp_path: Path) -> None:
    with open_store(tmp_path, identity(), INPUT, ids()[:4], "float32", 2) as writer:
        writer.write(0, [], np.empty((0, WIDTH), np.float32), [("row 1", "bad"), ("row 0", "bad")])
        writer.write(1, ids()[2:4], features()[2:4])
        assert [shard.rows for shard in writer.finish().shards] == [0, 2]
    assert read_features(tmp_path).ids.tolist() == ["row 2", "row 3"]
    assert verify(tmp_path) == []


# Kills


FEW = 10
# Three shards: every kind of step is met, also between two shards, and the last is shorter.


class Halting:
    """A file that is half written for a while."""

    def __init__(self, file: Any, halt: Callable[[], None]) -> None:
        self._file, self._halt = file, halt

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> Halting:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, content: bytes | memoryview) -> None:
        """Write one half, stop, and write the other."""
        half = len(content) // 2
        self._file.write(content[:half])
        self._file.flush()
        self._halt()
        self._file.write(content[half:])


def killed_at(folder: str, step: int) -> None:
    """Build, and be killed just before or after one step that touches the disk."""
    count = 0

    def wrapped(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal count
            count += 1
            if count == step:
                os.kill(os.getpid(), signal.SIGKILL)
            value = function(*args, **kwargs)
            count += 1
            if count == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return value

        return call

    for name in ("replace", "fsync", "unlink", "rmdir", "mkdir", "open", "ftruncate", "pwrite"):
        setattr(os, name, wrapped(getattr(os, name)))
    real = Path.open

    def opened(path: Path, mode: str = "r", *rest: Any, **more: Any) -> Any:
        file = real(path, mode, *rest, **more)
        return Halting(file, wrapped(lambda: None)) if "w" in mode else file

    Path.open = opened  # type: ignore[method-assign, assignment]
    build(folder, rows=FEW)


def kill_everywhere(base: str) -> None:
    """Be killed at every step in turn, in processes that share one import; print how many there are."""
    for step in range(1, 10_000):
        child = os.fork()
        if child == 0:
            killed_at(f"{base}/{step}", step)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            print(step - 1)
            return


def test_a_run_killed_at_any_step_goes_on_and_ends_with_the_same_bytes(tmp_path: Path) -> None:
    build(tmp_path / "undisturbed", rows=FEW)
    expected = content(tmp_path / "undisturbed")
    code, said = end(start(f"kill_everywhere({str(tmp_path)!r})"))
    steps = int(said)
    assert code == 0
    # At least: two files a shard, each with its sync and its rename, before and after.
    assert steps > 8 * 3
    for step in range(1, steps + 1):
        folder = tmp_path / str(step)
        there = {}
        complete = (folder / MANIFEST).exists()
        if (folder / BUILDING).is_dir() and not complete:
            # Noted shards are finished, the others are not.
            noted = {path.name.removesuffix(".json") for path in (folder / BUILDING).glob("shard-*.json")}
            there = {name: (folder / name).stat().st_ino for name in noted}
            assert len(list(folder.glob("shard-*.parquet"))) - len(noted) in (0, 1)
        done = build(folder, rows=FEW)
        assert content(folder) == expected, f"killed at step {step}"
        assert {name: (folder / name).stat().st_ino for name in there} == there
        assert len(done) + len(there) == (0 if complete else 3)


@pytest.mark.slow
def test_a_run_killed_from_outside_again_and_again_ends_with_the_same_bytes(
    undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    folder, chance, kills = tmp_path / "s", random.Random(20250713), 0
    for _ in range(25):
        process = start(f"build({str(folder)!r}, pause=0.01)")
        # The whole takes about 0.2 s: most are killed at work, and each goes on where the last one was.
        time.sleep(chance.uniform(0.0, 0.06))
        process.kill()
        kills += end(process)[0] == -signal.SIGKILL
        if (folder / MANIFEST).exists():
            build(folder)
            assert content(folder) == undisturbed
            shutil.rmtree(folder)
    build(folder)
    assert content(folder) == undisturbed
    assert kills >= 10


def test_what_was_damaged_before_the_end_is_made_again(undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    with open_store(tmp_path, identity(), INPUT, ids(), "float16", SHARD) as writer:
        fill(writer, range(6))
    (tmp_path / "shard-00001.parquet").write_bytes(undisturbed["shard-00001.parquet"][:-1])
    (tmp_path / "shard-00002.parquet").unlink()
    (tmp_path / BUILDING / "shard-00004.parquet.json").write_text("{")
    assert build(tmp_path) == [1, 2, 4, *range(6, -(-ROWS // SHARD))]
    assert content(tmp_path) == undisturbed


# Two processes


def hold(folder: str, seconds: float = 60.0) -> None:
    """Have a store open, and half a shard on its way."""
    with open_store(folder, identity(), INPUT, ids(), "float16", SHARD) as writer:
        fill(writer, [0])
        (Path(folder) / BUILDING / "new").write_bytes(b"half")
        print("open", flush=True)
        time.sleep(seconds)


def test_a_second_process_is_told_who_writes_and_touches_nothing(
    undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    holder = start(f"hold({str(tmp_path)!r})")
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        before = content(tmp_path)
        with pytest.raises(
            FileError, match=rf"process {holder.pid} is writing here\. Wait until it has ended"
        ):
            build(tmp_path)
        with pytest.raises(FileError, match=f"process {holder.pid}"):
            build(tmp_path, wait=0.3)
        assert content(tmp_path) == before
        with pytest.raises(FileError, match=r"the store is not complete\. Run the same encode again"):
            read_features(tmp_path)
    finally:
        holder.kill()
        end(holder)
    # Its lock went with it, and what it left over is cleared away.
    assert build(tmp_path) == list(range(1, -(-ROWS // SHARD)))
    assert content(tmp_path) == undisturbed


def hold_with_a_worker(folder: str) -> None:
    """Have a store open, and a forked worker that outlives us."""
    with open_store(folder, identity(), INPUT, ids(), "float16", SHARD):
        worker = os.fork()
        if worker == 0:
            os.close(1)
            time.sleep(60)
            os._exit(0)
        print(worker, flush=True)
        time.sleep(60)


def test_a_worker_left_alone_does_not_keep_the_lock(tmp_path: Path) -> None:
    holder = start(f"hold_with_a_worker({str(tmp_path)!r})")
    assert holder.stdout is not None
    worker = int(holder.stdout.readline())
    try:
        holder.kill()
        end(holder)
        os.kill(worker, 0)  # it is still there
        build(tmp_path)
    finally:
        os.kill(worker, signal.SIGKILL)


def build_and_tell(folder: str) -> None:
    """Build, waiting for others, and print what was written here."""
    print(*build(folder, pause=0.005, wait=60.0))


def test_processes_that_wait_for_each_other_write_every_shard_once(
    undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    processes = [start(f"build_and_tell({str(tmp_path / 's')!r})") for _ in range(4)]
    ends = [end(process) for process in processes]
    assert [code for code, _ in ends] == [0] * 4
    written = [int(shard) for _, said in ends for shard in said.split()]
    assert sorted(written) == list(range(-(-ROWS // SHARD)))
    assert content(tmp_path / "s") == undisturbed


def test_two_threads_of_one_process_are_two_writers(tmp_path: Path) -> None:
    said: list[str] = []

    def second() -> None:
        try:
            build(tmp_path)
        except FileError as error:
            said.append(str(error))

    with open_store(tmp_path, identity(), INPUT, ids(), "float16", SHARD) as writer:
        for _ in range(2):  # the first refusal must not have freed the lock
            thread = threading.Thread(target=second)
            thread.start()
            thread.join()
        other = start(f"build({str(tmp_path)!r})")
        assert end(other)[0] == 1
        fill(writer)
    assert len(said) == 2
    assert f"this process ({os.getpid()}) is writing here" in said[0]


# What is in the way


def test_another_store_in_the_way_is_said(tmp_path: Path) -> None:
    build(tmp_path / "whole")
    with open_store(tmp_path / "begun", identity(), INPUT, ids(), "float16", SHARD) as writer:
        fill(writer, [0])
    for folder in (tmp_path / "whole", tmp_path / "begun"):
        before = content(folder)

        def again(folder: Path = folder, **changes: Any) -> StoreWriter:
            said = {"identity": identity(), "input_digest": INPUT, "dtype": "float16", "shard_rows": SHARD}
            return open_store(folder, ids=ids(), **(said | changes))

        with pytest.raises(
            FileError,
            match=r"holds features of 'mini@6#\w{16}', not of 'mini@6#\w{16}'\. Choose another folder",
        ):
            again(identity=identity(revision="r2"))
        with pytest.raises(FileError, match="holds features of another input"):
            again(input_digest="cd" * 32)
        with pytest.raises(FileError, match=r"holds float16 features, not float32\. Give --dtype float16"):
            again(dtype="float32")
        with pytest.raises(FileError, match="holds shards of 4 rows, not 5"):
            again(shard_rows=5)
        assert content(folder) == before
        # A name is only a name.
        again(identity=identity(name="models/mini")).close()
    again(folder=tmp_path / "whole", libraries={"torch": "9"}).close()
    with pytest.raises(FileError, match=r"made with torch none, now 9\. Install that version again"):
        again(libraries={"torch": "9"})


def test_another_format_version_in_the_way_is_said(tmp_path: Path) -> None:
    build(tmp_path / "whole")
    path = tmp_path / "whole" / MANIFEST
    path.write_text(path.read_text().replace('"version": 1', '"version": 2'))
    with pytest.raises(FileError, match="is of format version 2, this outgrow reads version 1"):
        build(tmp_path / "whole")
    with open_store(tmp_path / "begun", identity(), INPUT, ids(), "float16", SHARD):
        pass
    plan = tmp_path / "begun" / BUILDING / "plan.json"
    plan.write_text(plan.read_text().replace('"version": 1', '"version": 2'))
    with pytest.raises(FileError, match=r"plan.json: is of format version 2, not 1"):
        build(tmp_path / "begun")
    plan.write_text("[]")
    with pytest.raises(FileError, match=r"plan.json: is damaged"):
        build(tmp_path / "begun")


def test_a_folder_that_is_no_store_is_not_written_into(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(FileError, match=r"is not a feature store, but holds 'thesis\.tex'"):
        build(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    with pytest.raises(FileError, match="is not a folder"):
        build(tmp_path / "thesis.tex")
    with pytest.raises(FileError, match=r"cannot be written \(.*\)\. Choose another folder"):
        build(tmp_path / "thesis.tex" / "store")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / MANIFEST).write_text('{"sha256": {}}')
    with pytest.raises(FileError, match="is not the manifest of a feature store"):
        build(tmp_path / "run")


# Rows that cannot be stored


def test_rows_that_do_not_fit_are_named(tmp_path: Path) -> None:
    with open_store(tmp_path, identity(), INPUT, ids()[:4], "float16", SHARD) as writer:
        values = features()[:4].astype(np.float64)
        for bad, line in {
            65_520.0: r"65520 in row 'row 2', column 1, is beyond float16 \(at most 65504\)\. Store float32",
            np.inf: "infinity in row 'row 2', column 1",
            np.nan: "NaN in row 'row 2', column 1",
        }.items():
            values[2, 1] = bad
            with pytest.raises(DataError, match=line):
                writer.write(0, ids()[:4], values)
        with pytest.raises(
            DataError, match=r"from row 'row 0' to row 'row 3' .* loses digits.*--dtype float32"
        ):
            writer.write(0, ids()[:4], features()[:4] * 1e-6)
        with pytest.raises(DataError, match=r"shape \(4, 4\) for 4 rows of width 5"):
            writer.write(0, ids()[:4], features()[:4, :4])
        assert writer.missing() == [0]
        values[2, 1] = 65_519.0  # rounds to 65504
        writer.write(0, ids()[:4], values)
    with open_store(tmp_path / "s", identity(), INPUT, ids()[:4], "float32", SHARD) as writer:
        values[2, 1] = 1e39
        with pytest.raises(DataError, match=r"1e\+39 in row 'row 2', column 1, is beyond float32"):
            writer.write(0, ids()[:4], values)


def test_every_row_is_given_or_named_once(tmp_path: Path) -> None:
    names, values = ids()[:4], features()[:4]
    with open_store(tmp_path, identity(), INPUT, names, "float32", SHARD) as writer:
        with pytest.raises(DataError, match="shard 0: no features of rows 'row 0', 'row 3'"):
            writer.write(0, names[1:3], values[1:3])
        with pytest.raises(DataError, match="unknown rows 'row 9'"):
            writer.write(0, [*names[:3], "row 9"], values)
        with pytest.raises(DataError, match="rows given twice"):
            writer.write(0, names, values, [("row 1", "bad")])
        with pytest.raises(FileError, match=r"1 of 1 shards are missing\. Run the same encode again"):
            writer.finish()


@pytest.mark.parametrize(
    ("names", "line"),
    [
        (["a", "b", "a"], "duplicated ids 'a'"),
        (["a", ""], "row 1 has no id"),
        (["a", 7], "row 1 has no id"),
        (["a", "\udcff"], "is not UTF-8 text"),
        ([], "no rows to store"),
    ],
)
def test_ids_are_checked_before_anything_is_made(names: list[Any], line: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=line):
        open_store(tmp_path / "s", identity(), INPUT, np.array(names, dtype=object))
    assert list(tmp_path.iterdir()) == []


def test_other_types_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be stored as 'float64'\. Use float32 or float16"):
        open_store(tmp_path / "s", identity(), INPUT, ids(), "float64")
    with pytest.raises(ConfigError, match="0 rows per shard"):
        open_store(tmp_path / "s", identity(), INPUT, ids(), shard_rows=0)


# A full disk


def test_a_full_disk_is_said_before_the_work_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _place: usage)
    with pytest.raises(FileError, match=r"the disk has 0 MB free, the features need about 0 MB\. Free some"):
        build(tmp_path / "s")
    assert list(tmp_path.iterdir()) == []


def test_too_little_memory_is_said_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outgrow.features.room.free_memory", lambda: 100)
    with pytest.raises(FileError, match=r"needs about 64 MB of memory, 0 MB are free"):
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
    code, said = end(start(f"build_with_little_room({str(tmp_path / 's')!r})"))
    assert code == 0
    assert "cannot be written (file too large)" in said
    build(tmp_path / "s")
    assert content(tmp_path / "s") == undisturbed


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

    monkeypatch.setattr(store_module.os, "fsync", fsync)
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
