"""How long ``import outgrow`` takes in a new process, and that it brings nothing heavy with it.

Fails when the median exceeds half a second or a heavy library was imported.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

LIMIT_S = 0.5
HEAVY = ("sklearn", "pyarrow", "altair", "pandas", "torch", "ray", "vl_convert")
REPEATS = 7
PROGRAM = """
import json, sys, time
start = time.perf_counter()
import {name}
print(json.dumps([time.perf_counter() - start, sorted(sys.modules)]))
"""


def seconds_and_modules(name: str) -> tuple[float, list[str]]:
    """Import `name` in new processes, once to warm the disk and then `REPEATS` times.

    Parameters
    ----------
    name : str
        A module.

    Returns
    -------
    seconds : float
        Median time of the import statement, without the interpreter's own start.
    modules : list of str
        All modules loaded.
    """
    runs = []
    for _ in range(REPEATS + 1):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM.format(name=name)], check=True, capture_output=True, text=True
        )
        runs.append(json.loads(done.stdout))
    return statistics.median(run[0] for run in runs[1:]), runs[0][1]


def main() -> int:
    """Time the imports.

    Returns
    -------
    int
        Exit status: 1 if over the limit or heavy.
    """
    numpy_seconds, _ = seconds_and_modules("numpy")
    seconds, modules = seconds_and_modules("outgrow")
    heavy = sorted(set(HEAVY) & set(modules))
    print(f"import outgrow: {seconds:.3f} s (limit {LIMIT_S} s); numpy alone: {numpy_seconds:.3f} s")
    print(f"heavy libraries imported: {', '.join(heavy) or 'none'}")
    return int(seconds > LIMIT_S or bool(heavy))


if __name__ == "__main__":
    sys.exit(main())
