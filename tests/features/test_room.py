"""Estimates are never too small, and what cannot fit is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from outgrow.errors import FileError
from outgrow.features.protocols import EncoderIdentity
from outgrow.features.room import check_memory, disk_for, free_memory, memory_for_storing
from outgrow.features.store import open_store


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize(("rows", "width", "shard"), [(1, 1, 1), (300, 3, 7), (1000, 384, 4096)])
def test_no_store_is_larger_than_estimated(
    dtype: str, rows: int, width: int, shard: int, tmp_path: Path, rng: np.random.Generator
) -> None:
    """Random bits do not compress, so this is the largest a store can be."""
    ids = np.array([f"{i:016x}" for i in range(rows)], dtype=object)
    values = rng.standard_normal((rows, width)).astype(np.float32)
    identity = EncoderIdentity(
        name="m", kind="k", revision="r", layer="last", width=width, pooling="none", transform=""
    )
    with open_store(tmp_path, identity, "ab" * 32, ids, dtype, shard) as writer:
        for number in writer.missing():
            writer.write(number, ids[writer.rows_of(number)], values[writer.rows_of(number)])
        writer.finish()
    size = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert size <= disk_for(rows, width, dtype, shard)
    # Nor wildly larger, where there are rows enough for features to be most of it: compression saves a sixth.
    if width == 384:
        assert disk_for(rows, width, dtype, shard) < 1.3 * size
    assert memory_for_storing(10**9, width, shard) == memory_for_storing(shard, width, shard)


def test_memory_that_lacks_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    check_memory(1, "features")
    line = r"features: needs about .* GB of memory, .* are free\. Use fewer rows"
    with pytest.raises(FileError, match=line):
        check_memory(10**18, "features")
    monkeypatch.setattr("outgrow.features.room.free_memory", lambda: None)
    check_memory(10**18, "features")


@pytest.mark.parametrize(
    ("groups", "ours", "free"),
    [
        ({}, "/", 1_024_000),
        ({"job": ("max", 1, 0), "job/step": ("500", 300, 100)}, "/job/step", 300),
        ({"job": ("900", 800, 50), "job/step": ("max", 300, 100), "other": ("1", 1, 0)}, "/job/step", 150),
        # In a container the name is the host's, the limit stands at the top.
        ({".": ("700", 900, 0)}, "/docker/abc", 0),
    ],
)
def test_free_memory_is_the_smallest_of_all_limits(
    groups: dict[str, tuple[str, int, int]], ours: str, free: int, tmp_path: Path
) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/meminfo").write_text("MemTotal: 9000 kB\nMemAvailable:    1000 kB\n")
    (tmp_path / "proc/self/cgroup").write_text(f"0::{ours}\n")
    for name, (most, used, cached) in groups.items():
        group = tmp_path / "sys/fs/cgroup" / name
        group.mkdir(parents=True, exist_ok=True)
        (group / "memory.max").write_text(f"{most}\n")
        (group / "memory.current").write_text(f"{used}\n")
        (group / "memory.stat").write_text(f"anon 5\ninactive_file {cached}\n")
    assert free_memory(tmp_path) == free


def test_a_system_that_does_not_tell_and_this_one(tmp_path: Path) -> None:
    assert free_memory(tmp_path / "nowhere") is None
    found = free_memory()
    assert found is None or found > 0
