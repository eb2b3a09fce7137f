"""Call a function of a test file once for each of its steps on the disk, killed there, and print how many.

`python kill_steps.py FILE FUNCTION FOLDER`: call number k is given FOLDER/k and is killed just before or just
after one of the functions that touch the disk, or when half of a file's content is written. All are forked
from one process, so that libraries are imported once. `before_FUNCTION`, where there is one, comes first and
is not killed.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

TOUCHING = ["replace", "rename", "link", "fsync", "unlink", "rmdir", "mkdir", "open", "ftruncate", "pwrite"]


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

    def write(self, content: Any) -> int:
        half = len(content) // 2
        self._file.write(content[:half])
        self._file.flush()
        self._halt()
        return half + self._file.write(content[half:])


def arm(step: int) -> None:
    """Have this process killed at a step."""
    count = 0

    def passed() -> None:
        nonlocal count
        count += 1
        if count == step:
            os.kill(os.getpid(), signal.SIGKILL)

    def wrapped(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            passed()
            value = function(*args, **kwargs)
            passed()
            return value

        return call

    for name in TOUCHING:
        setattr(os, name, wrapped(getattr(os, name)))
    real = Path.open

    def opened(path: Path, mode: str = "r", *rest: Any, **more: Any) -> Any:
        file = real(path, mode, *rest, **more)
        return Halting(file, passed) if "w" in mode else file

    Path.open = opened  # type: ignore[method-assign, assignment]


def main(file: str, function: str, base: str) -> int:
    """Kill everywhere."""
    spec = importlib.util.spec_from_file_location("killed", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for step in range(1, 10_000):
        place = Path(base, str(step))
        place.mkdir()
        getattr(module, f"before_{function}", lambda _place: None)(place)
        child = os.fork()
        if child == 0:
            arm(step)
            getattr(module, function)(place)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            print(step - 1)
            return os.waitstatus_to_exitcode(status)
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
