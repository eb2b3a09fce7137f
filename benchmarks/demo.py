"""Wall time and peak memory of ``outgrow demo``, run as a user runs it, in an empty folder.

Fails when it takes more than 60 s or its largest process more than 1.5 GB, on two cores.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LIMIT_S = 60.0
LIMIT_GB = 1.5
COMMAND = Path(sys.executable).with_name("outgrow")


def main() -> int:
    """Run the demo once and print what it took.

    Returns
    -------
    int
        Exit status: the demo's own if it failed, else 1 if over a limit.
    """
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "output.txt").open("w+") as output:
        start = time.perf_counter()
        process = subprocess.Popen([COMMAND, "demo"], cwd=folder, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        code = process.returncode = os.waitstatus_to_exitcode(status)
        if code:
            output.seek(0)
            print(output.read())
            return code if code > 0 else 1
    # Linux counts ru_maxrss in KiB, macOS in bytes.
    gigabytes = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e9
    cpu = usage.ru_utime + usage.ru_stime
    print(f"outgrow demo: {seconds:.1f} s (limit {LIMIT_S:.0f} s), {cpu:.1f} s of processor time")
    print(f"largest process: {gigabytes:.2f} GB (limit {LIMIT_GB} GB)")
    return int(seconds > LIMIT_S or gigabytes > LIMIT_GB)


if __name__ == "__main__":
    sys.exit(main())
