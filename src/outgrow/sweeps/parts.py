"""Parts of an unfinished sweep, kept in a folder beside the one to be made.

A part is one Parquet file with its checksum beside it, and counts whole or not at all. The folder says of
which sweep it is: parts of another configuration, or of other rows, are never mixed in. More seeds may be
asked for than before.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from outgrow.config import SweepConfig
from outgrow.errors import FileError, reason
from outgrow.runs import new_file, write_json, write_table
from outgrow.study.prepare import Prepared
from outgrow.study.saved import input_digests
from outgrow.sweeps.grid import SweepGrid
from outgrow.sweeps.table import SweepTable, as_columns, read_table
from outgrow.targets import clear_leftovers, lock_of, refuse_strangers

ENDING = ".unfinished"
"""Of the folder's name."""

ORIGIN = "origin.json"
"""What the parts are of."""

BLOCK = "rows of a block"
"""What every origin says, whatever the configuration: tells it from other files of its name."""

DIGEST = ".sha256"
"""Ending of the file beside each part that holds its checksum."""

_PART = re.compile(r"[0-9a-f]{16}-\d{5,}\.(parquet|sha256)")

FREE = ("seeds", "title", "note")
"""Options that change no part."""


class PartFolder:
    """A store of parts."""

    def __init__(self, out: str | Path, origin: Mapping[str, Any], overwrite: bool = False) -> None:
        target = Path(out)
        self.folder = target.with_name(target.name + ENDING)
        content = json.dumps(dict(origin), sort_keys=True).encode()
        self._origin = hashlib.sha256(content).digest()
        # Held to the end: two sweeps that share --out would mix their rows.
        self._lock = lock_of(self.folder, 0.0)
        try:
            self._begin(dict(origin), overwrite)
        except BaseException:
            self._lock.release()
            raise

    def _begin(self, origin: dict[str, Any], overwrite: bool) -> None:
        if os.path.lexists(self.folder):
            self._check(origin, overwrite)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FileError(
                f"cannot be made ({reason(error)})", str(self.folder), "Choose another --out."
            ) from None
        if not (self.folder / ORIGIN).exists():
            with new_file(self.folder / ORIGIN) as file:
                write_json(file, origin)

    def _check(self, origin: dict[str, Any], overwrite: bool) -> None:
        in_the_way = FileError(
            "is in the way, and holds no parts of a sweep",
            str(self.folder),
            "Move it, or choose another --out.",
        )
        if not self.folder.is_dir() or self.folder.is_symlink():
            raise in_the_way
        refuse_strangers(self.folder, set(self._names()), "the sweep")
        clear_leftovers(self.folder)
        if not any(self.folder.iterdir()):
            return
        try:
            before = dict(json.loads((self.folder / ORIGIN).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, RecursionError):
            before = {}
        if BLOCK not in before:
            raise in_the_way
        differing = sorted(key for key in {*origin, *before} if before.get(key) != origin.get(key))
        if not differing:
            return
        # A sweep that was stopped before its first part has nothing to lose.
        if self.count and not overwrite:
            raise FileError(
                f"holds parts of another sweep: it differs in {', '.join(differing)}",
                str(self.folder),
                "Finish that one first, choose another --out, or give --overwrite to throw the parts away.",
            )
        self._clear()

    def _names(self) -> list[str]:
        parts = (path.name for path in self.folder.iterdir() if _PART.fullmatch(path.name) and path.is_file())
        return [ORIGIN, *parts]

    def _clear(self) -> None:
        """Remove what is a sweep's, and the folder unless somebody put something else into it."""
        for name in self._names():
            (self.folder / name).unlink(missing_ok=True)
        clear_leftovers(self.folder)
        with suppress(OSError):
            self.folder.rmdir()

    @property
    def count(self) -> int:
        """Number of parts."""
        return sum(1 for _ in self.folder.glob("*.parquet"))

    def load(self, student: str, seed: int) -> SweepTable | None:
        """Give a part that was measured before.

        None where there is none, or its file is damaged: it is then measured again.
        """
        path = self._path(student, seed)
        try:
            # Parquet's own checksums are of pages, and cover neither their headers nor the footer.
            if self._digest(path) != path.with_suffix(DIGEST).read_text(encoding="ascii"):
                return None
            return read_table(path)
        # pyarrow's errors are of these kinds.
        except (OSError, ValueError, KeyError):
            return None

    def save(self, student: str, seed: int, part: SweepTable) -> None:
        """Keep a part."""
        path = self._path(student, seed)
        # Waiting for the disk takes as long as a small part; what a loss of power spoils, its digest tells.
        with new_file(path, durable=False) as file:
            write_table(file, as_columns(part))
            with new_file(path.with_suffix(DIGEST), durable=False) as beside:
                beside.write_text(self._digest(file), encoding="ascii")

    def remove(self) -> None:
        """Remove the folder: the sweep is finished."""
        if self.folder.is_dir():
            self._clear()
        self.close()

    def close(self) -> None:
        """Let others go on with the parts; may be called twice."""
        self._lock.release()

    def _path(self, student: str, seed: int) -> Path:
        # A student's name may hold what a file's may not.
        return self.folder / f"{hashlib.sha256(student.encode()).hexdigest()[:16]}-{seed:05d}.parquet"

    def _digest(self, path: Path) -> str:
        # With the origin in it, so that no other sweep's part is ever taken for one of this.
        return hashlib.sha256(self._origin + path.read_bytes()).hexdigest()


def origin_of(config: SweepConfig, grid: SweepGrid, read: Prepared, block: int) -> dict[str, Any]:
    """Say what decides the parts of a sweep."""
    options = {key: value for key, value in config.model_dump(mode="json").items() if key not in FREE}
    origin = options | {"n": list(grid.n), "N": list(grid.N), **input_digests(read)}
    return json.loads(json.dumps(origin | {BLOCK: block}))
