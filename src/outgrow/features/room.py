"""What features need on disk and in memory, said before the work starts and not when the disk is full.

Sizes follow from rows, width and type; the little else there is (ids, pages' headers, the footer) is bounded
from measurement. Free memory is the smaller of the machine's and the container's.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from outgrow.data.feature_manifest import shard_count
from outgrow.errors import FileError
from outgrow.targets import size_of

SHARD_OVERHEAD = 4_096
"""Bytes of a shard beside ids and features: schema, headers, footer (measured: 740 in one without rows), its
entry in the manifest, and its share of the manifest itself."""

ID_BYTES = 24
"""Bytes of an id: 16 hexadecimal digits and Parquet's length before them, with some to spare."""

STORING_BASE = 64_000_000
"""Bytes that pyarrow's buffers and pool take while shards are written (measured: 30 to 60 MB)."""

COPIES = 5
"""Features of a shard in memory at once, as float32: the encoder's and what it made them of, those in input
order, as stored, and as Parquet. With the base this is 127 MB at 4,096 x 768, where 108 were measured."""


def disk_for(rows: int, width: int, dtype: str, shard_rows: int, id_bytes: int = ID_BYTES) -> int:
    """Estimate the bytes of a store; never too few, since compression is not counted on."""
    per_row = width * np.dtype(dtype).itemsize + id_bytes
    return rows * per_row + shard_count(rows, shard_rows) * SHARD_OVERHEAD


def memory_for_storing(rows: int, width: int, shard_rows: int) -> int:
    """Estimate the bytes that writing shards takes, however many there are; the encoder's come on top."""
    return STORING_BASE + COPIES * min(rows, shard_rows) * width * 4


def check_memory(needed: int, what: str) -> None:
    """Refuse to start what memory cannot hold."""
    free = free_memory()
    if free is not None and free < needed:
        raise FileError(
            f"needs about {size_of(needed)} of memory, {size_of(free)} are free",
            what,
            "Use fewer rows at a time, a narrower model, or a larger machine.",
        )


def free_memory(root: Path = Path("/")) -> int | None:
    """Tell how much memory is free, to this process.

    None where the system does not tell.
    """
    free = []
    try:
        lines = (root / "proc/meminfo").read_text(encoding="ascii").splitlines()
        free += [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    except (OSError, ValueError, IndexError):
        pass
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
        cgroup = next(line.split(":", 2)[2] for line in lines if line.startswith("0::"))
    except (OSError, ValueError, IndexError, StopIteration):
        cgroup = "/"
    top = root / "sys/fs/cgroup"
    here = top / cgroup.strip("/")
    # The limit of any group above counts too. Inside a container its own group is mounted at the top.
    for group in {here, *here.parents, top}:
        if group == top or top in group.parents:
            free += _left_in(group)
    return min(free, default=None)


def _left_in(group: Path) -> list[int]:
    try:
        most = int((group / "memory.max").read_text(encoding="ascii"))
        used = int((group / "memory.current").read_text(encoding="ascii"))
        stat = (group / "memory.stat").read_text(encoding="ascii").splitlines()
        # Cached files count as used, and are given up when memory is wanted.
        cached = sum(int(line.split()[1]) for line in stat if line.startswith("inactive_file "))
    except (OSError, ValueError, IndexError):  # ValueError: "max", which is no limit
        return []
    return [max(0, most - used + cached)]
