"""Storing 20,000 x 768 features and reading them back verified, against bare pyarrow in the same run.

Both sides write the same rows in the same Parquet layout (shards of 4,096 rows), are warmed, and take turns;
the store also hashes, syncs every shard to the disk and writes its manifest, and hashes again when it reads.
A third side is pyarrow without the layout: plain pages, no compression. Peak memory is taken in new
processes: anonymous memory (RssAnon, sampled every 2 ms) above what it was before, at 2,000 and 20,000 rows.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from moments import peak_mb, seconds

from outgrow.data import FeatureSource, read_features
from outgrow.features.protocols import EncoderIdentity
from outgrow.features.shard_file import LAYOUT
from outgrow.features.store import SHARD_ROWS, open_store

ROWS, WIDTH = 20_000, 768
REPEATS = 5
PLAIN = {
    "use_dictionary": False,
    "write_statistics": False,
    "write_page_checksum": True,
    "compression": "none",
}
IDENTITY = EncoderIdentity(
    name="noise", kind="callable", revision="0", layer="last", width=WIDTH, pooling="none", transform=""
)


def rows_of(start: int, stop: int) -> np.ndarray:
    """Make features as an encoder would: unit vectors, a stretch at a time.

    Parameters
    ----------
    start, stop : int
        The stretch.

    Returns
    -------
    numpy.ndarray
        Array (stop - start, 768) of float32.
    """
    values = np.random.default_rng(start).standard_normal((stop - start, WIDTH), dtype=np.float32)
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def store(folder: Path, dtype: str, rows: int, shard_rows: int, made: Callable[[int, int], Any]) -> None:
    """Store rows.

    Parameters
    ----------
    folder : Path
        A new one.
    dtype : str
        Type stored.
    rows, shard_rows : int
        How many, in all and per shard.
    made : callable
        Gives the features from one row to another.
    """
    ids = np.array([f"{i:016x}" for i in range(rows)], dtype=object)
    with open_store(folder, IDENTITY, "0" * 64, ids, dtype, shard_rows) as writer:
        for shard in writer.missing():
            span = writer.rows_of(shard)
            writer.write(shard, ids[span], made(span.start, span.stop))
        writer.finish()


def bare_write(folder: Path, dtype: str, values: np.ndarray, layout: dict[str, Any]) -> None:
    """Write the same shards with pyarrow alone.

    Parameters
    ----------
    folder : Path
        A new one.
    dtype : str
        Type stored.
    values : numpy.ndarray
        Array (n, 768).
    layout : dict
        Options of `write_table`.
    """
    folder.mkdir()
    for start in range(0, len(values), SHARD_ROWS):
        part = values[start : start + SHARD_ROWS].astype(dtype)
        ids = [f"{i:016x}" for i in range(start, start + len(part))]
        features = pa.FixedSizeListArray.from_arrays(pa.array(part.reshape(-1)), WIDTH)
        pq.write_table(pa.table({"id": ids, "features": features}), folder / f"{start:06d}.parquet", **layout)


def bare_read(folder: Path) -> int:
    """Read shards with pyarrow alone, page checksums verified, to float32.

    Parameters
    ----------
    folder : Path
        Made by `bare_write`.

    Returns
    -------
    int
        Rows read.
    """
    parts = []
    for path in sorted(folder.iterdir()):
        file = pq.ParquetFile(path, page_checksum_verification=True, pre_buffer=False)
        table = file.read(use_threads=False)
        table.column("id").to_numpy()
        flat = table.column("features").combine_chunks().flatten().to_numpy()
        parts.append(flat.reshape(-1, WIDTH).astype(np.float32))
    return len(np.concatenate(parts))


def stream(folder: Path) -> int:
    """Read a store batch by batch, as whoever streams does.

    Parameters
    ----------
    folder : Path
        The store.

    Returns
    -------
    int
        Rows read.
    """
    return sum(len(batch.rows) for batch in FeatureSource(folder).batches())


def compare(dtype: str, base: Path) -> None:
    """Time all sides for one type and print them.

    Parameters
    ----------
    dtype : str
        Type stored.
    base : Path
        A folder to work in.
    """
    values = np.vstack([rows_of(i, min(i + SHARD_ROWS, ROWS)) for i in range(0, ROWS, SHARD_ROWS)])
    sides: dict[str, tuple[Callable[[Path], object], dict[str, Callable[[Path], object]]]] = {
        "outgrow store": (
            lambda out: store(out, dtype, ROWS, SHARD_ROWS, lambda a, b: values[a:b]),
            {"read whole": read_features, "streamed": stream},
        ),
        "pyarrow, same layout": (
            lambda out: bare_write(out, dtype, values, LAYOUT),
            {"read whole": bare_read},
        ),
        "pyarrow, plain": (lambda out: bare_write(out, dtype, values, PLAIN), {"read whole": bare_read}),
    }
    taken: dict[str, dict[str, list[float]]] = {
        name: {"write": [], **{how: [] for how in reads}} for name, (_, reads) in sides.items()
    }
    size: dict[str, int] = {}
    for turn in range(REPEATS + 1):
        for name, (write, reads) in sides.items():
            out = base / name.replace(" ", "-")
            shutil.rmtree(out, ignore_errors=True)
            times = {"write": seconds(lambda write=write, out=out: write(out))}
            size[name] = sum(path.stat().st_size for path in out.iterdir())
            for how, read in reads.items():
                times[how] = seconds(lambda read=read, out=out: read(out))
            if turn:  # the first warms
                for how, time in times.items():
                    taken[name][how].append(time)
    print(f"{ROWS:,} x {WIDTH} {dtype}: {values.size * np.dtype(dtype).itemsize / 1e6:.1f} MB of numbers")
    for name, by_how in taken.items():
        said = "  ".join(
            f"{how} {min(t):.3f} s (median {statistics.median(t):.3f})" for how, t in by_how.items()
        )
        print(f"  {name:22}{size[name] / 1e6:7.1f} MB  {said}")


def show_memory(dtype: str, rows: int, shard_rows: int) -> None:
    """Print the peak memory of storing and of streaming; for a process of its own.

    Parameters
    ----------
    dtype : str
        Type stored.
    rows, shard_rows : int
        How many, in all and per shard.
    """
    with tempfile.TemporaryDirectory() as base:
        # Imports and pools are not what is measured.
        store(Path(base) / "warm", dtype, 8, shard_rows, rows_of)
        stream(Path(base) / "warm")
        out = Path(base) / "store"
        storing = peak_mb(lambda: store(out, dtype, rows, shard_rows, rows_of))
        streaming = peak_mb(lambda: stream(out))
    print(
        f"  {dtype}, {rows:6,} rows in shards of {shard_rows:,}: storing {storing:4.0f} MB,"
        f" streaming {streaming:4.0f} MB more than before"
    )


def main() -> None:
    """Print times, sizes and memory."""
    if len(sys.argv) > 1:
        show_memory(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
        return
    with tempfile.TemporaryDirectory() as base:
        for dtype in ("float16", "float32"):
            compare(dtype, Path(base))
    print("peak memory (features are made a shard at a time):", flush=True)
    for dtype in ("float16", "float32"):
        for shard_rows in (1_024, SHARD_ROWS):
            for rows in (2_000, ROWS):
                subprocess.run([sys.executable, __file__, dtype, str(rows), str(shard_rows)], check=True)


if __name__ == "__main__":
    main()
