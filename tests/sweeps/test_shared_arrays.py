"""Arrays that processes share: they lie where there is room, and none outlives its sweep for long."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from outgrow.engine.leftovers import PREFIX
from outgrow.sweeps.shared_arrays import place_for, shared_arrays


def test_an_array_is_a_file_of_zeros_as_long_as_it_is_needed(tmp_path: Path) -> None:
    with shared_arrays(str(tmp_path)) as make:
        one, other = make((3, 4)), make((5,))
        assert isinstance(one.base, np.memmap)
        one += 2
        assert (one == 2).all()
        assert (other == 0).all()
        assert other.dtype == np.float64
        assert len(list(tmp_path.glob(f"{PREFIX}*/*.bin"))) == 2
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_sweep_left_is_removed_and_what_is_in_use_is_not(tmp_path: Path) -> None:
    code = f"""
from outgrow.sweeps.shared_arrays import shared_arrays
with shared_arrays({str(tmp_path)!r}) as make:
    make((10,))
    print("made", flush=True)
    input()
"""
    left = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert left.stdin is not None and left.stdout is not None
    try:
        assert left.stdout.readline() == b"made\n"
        (folder,) = tmp_path.iterdir()
        with shared_arrays(str(tmp_path)) as make:
            make((2,))
            assert folder.exists()
    finally:
        left.send_signal(signal.SIGKILL)
        left.communicate()
    assert folder.exists()
    (tmp_path / f"{PREFIX}of-somebody-else").mkdir()
    with shared_arrays(str(tmp_path)):
        assert not folder.exists()
    assert [path.name for path in tmp_path.iterdir()] == [f"{PREFIX}of-somebody-else"]


def test_places_too_small_are_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # As in a container: memory with names is 64 MB.
    free = {"/dev/shm": 64_000_000, str(tmp_path): 10**9}

    def usage(place: Any) -> SimpleNamespace:
        return SimpleNamespace(free=free[str(place)])

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(shutil, "disk_usage", usage)
    monkeypatch.setattr("os.access", lambda *_: True)
    assert place_for(1_000_000) == "/dev/shm"
    assert place_for(60_000_000) == str(tmp_path)
    assert place_for(900_000_000) is None
