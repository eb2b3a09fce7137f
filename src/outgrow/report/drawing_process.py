"""The drawing library in a process of its own: it may end its process, and must not take results with it.

It holds a JavaScript engine, which ends the process where memory is limited (ulimit -v, some schedulers).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

SECONDS = 300
"""After which drawing is given up: the largest figures take ten."""

CHILD = """
import json, sys, vl_convert
for name, arguments, path in json.load(sys.stdin):
    made = getattr(vl_convert, name)(**arguments)
    file = open(path, "wb") if path else sys.stdout.buffer
    file.write(made if isinstance(made, bytes) else made.encode())
"""


class DrawingError(Exception):
    """Nothing was drawn; says why."""


def draw(calls: Sequence[tuple[str, Mapping[str, Any], Path | None]]) -> bytes:
    """Call functions of vl_convert, and write what each gives to its file; give what has none."""
    given = json.dumps([(name, arguments, path and str(path)) for name, arguments, path in calls])
    try:
        ended = subprocess.run(
            [sys.executable, "-c", CHILD],
            input=given.encode(),
            capture_output=True,
            check=False,
            timeout=SECONDS,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DrawingError(type(error).__name__) from None
    if ended.returncode < 0:
        raise DrawingError(f"the drawing library was ended by {signal.Signals(-ended.returncode).name}")
    if ended.returncode:
        messages = ended.stderr.decode(errors="replace").strip().splitlines()
        raise DrawingError(messages[-1][:200] if messages else f"status {ended.returncode}")
    return ended.stdout
