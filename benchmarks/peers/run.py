"""Outgrow and its peers, side by side: time, memory and agreement, written to results.json.

Every comparison is timed in a child process of its own: all sides are warmed, take turns, and use the same
BLAS threads; best and median of the turns are kept, and the least processor time, which other processes
disturb less. Memory is taken in a child process per side: its peak beyond what it held with inputs made and
imports done. A side that cannot run is reported with its error. The aims are written beside the figures, and
missing one is no failure: timings on a shared machine vary, so the load average stands with them. `make
bench-peers` installs the peers and runs this; `page.py` writes the tables of docs/peers.md.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from contextlib import suppress
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent

ADAPTERS = ("with_cca_zoo", "with_scikit_learn", "with_scikit_dimension", "with_repsim")

PACKAGES = ("outgrow", "numpy", "scipy", "cca-zoo", "repsim", "scikit-dimension", "scikit-learn")

NOT_COMPARED = {
    "netrep": "not on PyPI; with alpha=0 it is CCA of whitened rows, which QR + SVD stands for here"
}
"""Tools that would belong here, and why they do not stand here."""

LIMIT_S = 600
"""Seconds that one child may take: the slowest needs a minute or so on two cores."""

PAUSE_S = 0.2
"""Seconds between turns: NumPy and SciPy bring a BLAS library each, whose threads spin for a tenth of a
second after their last work, and would take a core from the next side."""

STATUS = Path("/proc/self/status")


def comparisons() -> dict[str, Any]:
    """Collect what the adapters list.

    Returns
    -------
    dict of str to Comparison
        By name.
    """
    return {one.name: one for adapter in ADAPTERS for one in import_module(adapter).COMPARISONS}


def timed(name: str) -> dict[str, Any]:
    """Warm every side, let them take turns, and hold their quantities against the first one's.

    Parameters
    ----------
    name : str
        Of the comparison.

    Returns
    -------
    dict
        Times in seconds and distance by side, or its error.
    """
    comparison = comparisons()[name]
    inputs = comparison.make()
    quantities: dict[str, Any] = {}
    found: dict[str, Any] = {}
    for side, function in comparison.sides.items():
        try:
            quantities[side] = function(inputs)
            found[side] = {"turns": [], "cpu": []}
        except Exception as error:  # whatever a peer raises is its result
            found[side] = {"error": f"{type(error).__name__}: {error}"}
    for _ in range(comparison.repeats):
        for side in quantities:
            time.sleep(PAUSE_S)
            start, spent = time.perf_counter(), time.process_time()
            comparison.sides[side](inputs)
            found[side]["cpu"].append(time.process_time() - spent)
            found[side]["turns"].append(time.perf_counter() - start)
    reference = next(iter(comparison.sides))
    for side, quantity in quantities.items():
        turns, cpu = found[side].pop("turns"), found[side].pop("cpu")
        found[side] |= {"best_s": min(turns), "median_s": statistics.median(turns), "cpu_s": min(cpu)}
        if reference in quantities:
            found[side]["distance"] = comparison.distance(quantities[reference], quantity)
    return found


def memory(name: str, side: str) -> dict[str, Any]:
    """Watch one side's peak memory.

    Parameters
    ----------
    name : str
        Of the comparison.
    side : str
        Which.

    Returns
    -------
    dict
        Megabytes beyond the inputs; None where the system does not tell, or the side's error.
    """
    comparison = comparisons()[name]
    inputs = comparison.make()
    function = comparison.sides[side]
    try:
        # Imports and thread pools are not what is asked for: the first call pays for them, on a few numbers.
        _try(function, {key: _first(value) for key, value in inputs.items()})
        before = _reset_peak()
        function(inputs)
        peak = _peak()
    except Exception as error:  # whatever a peer raises is its result
        return {"error": f"{type(error).__name__}: {error}"}
    return {"peak_mb": None if before is None or peak is None else max(0.0, peak - before)}


def _try(function: Any, inputs: dict[str, Any]) -> None:
    try:
        function(inputs)
    except Exception:  # too little for the method: its imports are done, and that is all it was for
        return


def _first(value: Any) -> Any:
    return value[:64, :4].copy() if value.ndim == 2 else value[:64].copy()


def _reset_peak() -> float | None:
    """Set the high-water mark to the present size and give that, in MB."""
    if not STATUS.exists():
        return None
    # What making the inputs left behind goes back first, or calls would live on it unseen.
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    return _peak()


def _peak() -> float | None:
    if not STATUS.exists():
        return None
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


def child(*arguments: str) -> dict[str, Any]:
    """Call this file in a process of its own.

    Parameters
    ----------
    *arguments : str
        After --child.

    Returns
    -------
    dict
        What it printed last, or its error.
    """
    command = [sys.executable, str(Path(__file__)), "--child", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        return {"error": f"took more than {LIMIT_S} s"}
    if done.returncode:
        last = done.stderr.strip().splitlines()
        return {"error": last[-1] if last else f"exit status {done.returncode}"}
    return json.loads(done.stdout.splitlines()[-1])


def compared(comparison: Any) -> dict[str, Any]:
    """Measure one comparison.

    Parameters
    ----------
    comparison : Comparison
        Which.

    Returns
    -------
    dict
        Ready for JSON.
    """
    load = round(os.getloadavg()[0], 2)
    found = child("time", comparison.name)
    if "error" in found:
        return {"title": comparison.title, "error": found["error"], "load_average": load}
    for side in found:
        found[side] |= child("memory", comparison.name, side)
    aims = []
    for aim in comparison.aims:
        best = [found[side].get("best_s") for side in (aim.over, aim.side)]
        ratio = best[0] / best[1] if all(best) else None
        reached = ratio is not None and ratio >= aim.times
        aims.append(
            {"side": aim.side, "over": aim.over, "aim": aim.times, "times": ratio, "reached": reached}
        )
    return {
        "title": comparison.title,
        "unit": comparison.unit,
        "load_average": load,
        "sides": found,
        "aims": aims,
    }


def machine() -> dict[str, Any]:
    """Say what the figures were taken on.

    Returns
    -------
    dict
        Processor, cores, BLAS threads and versions.
    """
    import numpy as np
    from threadpoolctl import threadpool_info

    np.ones((2, 2)) @ np.ones((2, 2))
    cpu = Path("/proc/cpuinfo")
    lines = cpu.read_text().splitlines() if cpu.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.machine(),
        "cores": os.cpu_count(),
        "blas": [f"{info['internal_api']} x {info['num_threads']}" for info in threadpool_info()],
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def main() -> None:
    """Measure everything, or answer as a child."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE / "results.json")
    parser.add_argument("--only", nargs="*", help="names of comparisons; the others stay as they were")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        kind, *arguments = given.child
        answers = {"time": timed, "memory": memory, "conditioning": _conditioning}
        print(json.dumps(answers[kind](*arguments)))
        return
    known = comparisons()
    wanted = given.only if given.only is not None else [*known, "conditioning"]
    unknown = set(wanted) - {*known, "conditioning"}
    if unknown:
        parser.error(f"no comparison is called {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    here = machine()
    before = json.loads(given.out.read_text()) if given.only and given.out.exists() else {}
    if before and before["machine"] != here:
        parser.error(f"{given.out.name} is of another machine, threads or versions: leave --only out")
    results = {
        "machine": here,
        "not_compared": NOT_COMPARED,
        "comparisons": before.get("comparisons", {}),
        "conditioning": before.get("conditioning", {}),
    }
    for name in wanted:
        print(name, flush=True)
        if name == "conditioning":
            results["conditioning"] = child("conditioning")
            if "error" in results["conditioning"]:
                print(f"  {results['conditioning']['error']}")
        else:
            results["comparisons"][name] = compared(known[name])
            _show(results["comparisons"][name])
        # After each one, so that what was measured is kept when the rest is interrupted.
        given.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def _conditioning() -> dict[str, Any]:
    from conditioning import conditioning

    return {"rows": conditioning()}


def _show(found: dict[str, Any]) -> None:
    for side, values in found.get("sides", {"all": found}).items():
        if "best_s" not in values:
            print(f"  {side:32} {values['error']}")
            continue
        times = ", ".join(f"{name} {values[f'{name}_s']:8.3f} s" for name in ("best", "median", "cpu"))
        peak, off = values.get("peak_mb"), values.get("distance")
        memory_word = "unknown" if peak is None else f"{peak:.0f} MB"
        print(f"  {side:32} {times}, peak {memory_word}, off by {'unknown' if off is None else f'{off:.1e}'}")
    for aim in found.get("aims", ()):
        times = "not measured" if aim["times"] is None else f"{aim['times']:.1f} times"
        print(f"  {aim['side']} against {aim['over']}: {times} (aim: {aim['aim']:g})")


if __name__ == "__main__":
    main()
