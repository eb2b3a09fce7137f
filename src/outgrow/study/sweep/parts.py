"""Parts of an unfinished sweep, kept in a folder beside the one to be made.

A part is one Parquet file with its checksum beside it, and counts whole or not at all. The folder says of
which sweep it is: parts of another configuration, or of other rows, are never mixed in. More seeds may be
asked for than before.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from outgrow.config import SweepConfig
from outgrow.errors import FileError
from outgrow.runs import new_file, write_json, write_table
from outgrow.study.prepare import Prepared
from outgrow.study.sweep.grid import SweepGrid
from outgrow.study.sweep.table import SweepTable, as_columns, read_table

ENDING = ".unfinished"
"""Of the folder's name."""

ORIGIN = "origin.json"
"""What the parts are of."""

DIGEST = ".sha256"
"""Ending of the file beside each part that holds its checksum."""

FREE = ("seeds", "title", "note")
"""Options that change no part."""


class PartFolder:
    """A store of parts.

    Parameters
    ----------
    out : str or Path
        The folder to be made in the end.
    origin : mapping of str to object
        What decides the parts' numbers: see `origin_of`.
    overwrite : bool
        Whether parts of another sweep may be thrown away.

    Raises
    ------
    FileError
        When the folder holds parts of another sweep: in what it differs.
    """

    def __init__(self, out: str | Path, origin: Mapping[str, Any], overwrite: bool = False) -> None:
        target = Path(out)
        self.folder = target.with_name(target.name + ENDING)
        if self.folder.exists():
            self._check(dict(origin), overwrite)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FileError(
                f"cannot be made ({error.strerror})", str(self.folder), "Choose another --out."
            ) from None
        if not (self.folder / ORIGIN).exists():
            with new_file(self.folder / ORIGIN) as file:
                write_json(file, dict(origin))

    def _check(self, origin: dict[str, Any], overwrite: bool) -> None:
        try:
            before = json.loads((self.folder / ORIGIN).read_text(encoding="utf-8"))
            differing = sorted(key for key in {*origin, *before} if before.get(key) != origin.get(key))
        except (OSError, ValueError, AttributeError, TypeError):
            if not self.folder.is_dir() or any(self.folder.iterdir()):
                raise FileError(
                    "is in the way, and holds no parts of a sweep",
                    str(self.folder),
                    "Move it, or choose another --out.",
                ) from None
            return
        if not differing:
            return
        # A sweep that was stopped before its first part has nothing to lose.
        if self.count and not overwrite:
            raise FileError(
                f"holds parts of another sweep: it differs in {', '.join(differing)}",
                str(self.folder),
                "Finish that one first, choose another --out, or give --overwrite to throw the parts away.",
            )
        shutil.rmtree(self.folder)

    @property
    def count(self) -> int:
        """Number of parts."""
        return sum(1 for _ in self.folder.glob("*.parquet"))

    def load(self, student: str, seed: int) -> SweepTable | None:
        """Give a part that was measured before.

        Parameters
        ----------
        student : str
            Its student.
        seed : int
            Its seed.

        Returns
        -------
        SweepTable or None
            None where there is none, or its file is damaged: it is then measured again.
        """
        path = self._path(student, seed)
        try:
            # Parquet's own checksums are of pages, and cover neither their headers nor the footer.
            if _digest(path) != path.with_suffix(DIGEST).read_text(encoding="ascii"):
                return None
            return read_table(path)
        # pyarrow's errors are of these kinds.
        except (OSError, ValueError, KeyError):
            return None

    def save(self, student: str, seed: int, part: SweepTable) -> None:
        """Keep a part.

        Parameters
        ----------
        student : str
            Its student.
        seed : int
            Its seed.
        part : SweepTable
            What was measured.
        """
        path = self._path(student, seed)
        with new_file(path) as file:
            write_table(file, as_columns(part))
            with new_file(path.with_suffix(DIGEST)) as beside:
                beside.write_text(_digest(file), encoding="ascii")

    def remove(self) -> None:
        """Remove the folder: the sweep is finished."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, student: str, seed: int) -> Path:
        # A student's name may hold what a file's may not.
        return self.folder / f"{hashlib.sha256(student.encode()).hexdigest()[:16]}-{seed:05d}.parquet"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def origin_of(config: SweepConfig, grid: SweepGrid, read: Prepared, block: int) -> dict[str, Any]:
    """Say what decides the parts of a sweep.

    Parameters
    ----------
    config : SweepConfig
        As resolved.
    grid : SweepGrid
        Its axes.
    read : Prepared
        Its rows.
    block : int
        Rows of a block.

    Returns
    -------
    dict of str to object
        Plain values, whatever their order in the configuration file.
    """
    options = {key: value for key, value in config.model_dump(mode="json").items() if key not in FREE}
    features = {name: identity.sha256 for name, identity in read.identities.items()}
    rows = hashlib.sha256(read.y.tobytes())
    for part in (read.split.labelled, read.split.unlabelled, read.split.test):
        rows.update(part.tobytes())
    found = options | {"n": list(grid.n), "N": list(grid.N), "features": features, "labels": rows.hexdigest()}
    return json.loads(json.dumps(found | {"rows of a block": block}))
