"""Moments of 200,000 x 1,024 float32 rows from a memory map, against bare ``X.T @ X`` on the same map.

Both sides are warmed (the file is then in the page cache), take turns, and use the same BLAS threads; best
and median times are shown. Peak memory is taken in the warming call: the process's anonymous memory (RssAnon
of /proc/self/status, sampled by a thread every 2 ms) above what it was before; pages of the map are not in
it, results and buffers are. The aims are printed beside the figures and missing one is no failure: timings on
a shared machine vary.
"""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_info

from outgrow.linalg.moments import Moments

ROWS, WIDTH = 200_000, 1_024
REPEATS = 7
AIM_RATIO, AIM_MB = 1.15, 300
STATUS = Path("/proc/self/status")


def write_rows(path: Path) -> None:
    """Write rows with means far from 0, a few thousand at a time.

    Parameters
    ----------
    path : pathlib.Path
        A new .npy file of 0.8 GB.
    """
    rng = np.random.default_rng(0)
    out = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(ROWS, WIDTH))
    means = rng.normal(size=WIDTH, scale=3).astype(np.float32)
    for start in range(0, ROWS, 5_000):
        out[start : start + 5_000] = means + rng.standard_normal((5_000, WIDTH), dtype=np.float32)
    out.flush()


def anonymous_mb() -> float:
    """Give the process's anonymous memory.

    Returns
    -------
    float
        Megabytes; NaN where the system does not tell.
    """
    if not STATUS.exists():
        return float("nan")
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) * 1024 / 1e6


def peak_mb(function: Callable[[], object]) -> float:
    """Call a function and watch its memory.

    Parameters
    ----------
    function : callable
        What to watch.

    Returns
    -------
    float
        Highest anonymous memory seen meanwhile, above that before the call; megabytes.
    """
    before, peak, done = anonymous_mb(), 0.0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.002):
            peak = max(peak, anonymous_mb())

    watcher = threading.Thread(target=watch)
    watcher.start()
    result = function()
    peak = max(peak, anonymous_mb())
    done.set()
    watcher.join()
    del result
    return peak - before


def seconds(function: Callable[[], object]) -> float:
    """Call a function and take the time.

    Parameters
    ----------
    function : callable
        What to time.

    Returns
    -------
    float
        Wall time.
    """
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def main() -> None:
    """Time both sides and print a table."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.npy"
        write_rows(path)
        rows = np.load(path, mmap_mode="r")

        def bare() -> object:
            plain = np.asarray(rows)
            return plain.T @ plain

        def moments() -> object:
            running = Moments()
            running.update({"x": rows})
            return running.finalize()

        sides = {"numpy X.T @ X": bare, "outgrow Moments": moments}
        peaks = {name: peak_mb(function) for name, function in sides.items()}
        times: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(REPEATS):
            for name, function in sides.items():
                times[name].append(seconds(function))
    threads = ", ".join(f"{info['internal_api']} x {info['num_threads']}" for info in threadpool_info())
    print(f"{ROWS:,} x {WIDTH:,} float32 from a memory map; {REPEATS} turns each, warm; BLAS: {threads}")
    print(f"{'':17}{'best s':>9}{'median s':>10}{'peak MB beyond the map':>25}")
    for name, taken in times.items():
        print(f"{name:17}{min(taken):9.3f}{statistics.median(taken):10.3f}{peaks[name]:25.0f}")
    theirs, ours = times.values()
    best, median = min(ours) / min(theirs), statistics.median(ours) / statistics.median(theirs)
    print(
        f"ratio: best {best:.2f}, median {median:.2f} (aim: at most {AIM_RATIO});"
        f" memory {peaks['outgrow Moments']:.0f} MB (aim: under {AIM_MB})"
    )


if __name__ == "__main__":
    main()
