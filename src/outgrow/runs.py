"""The run folder: written whole or not at all, and read back without running any code.

A run is built in a sibling folder and renamed into place when it is complete. It holds the resolved
configuration, one JSON of everything found, tables as Parquet, models as safetensors beside JSON, and the
report. A manifest keeps a sha256 per file, so that a damaged file is named instead of read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, Field, TypeAdapter
from pydantic_core import from_json

from outgrow.config import Config, from_toml
from outgrow.errors import FileError, read_back
from outgrow.targets import check_replaceable, check_writable, recover, replacement, sha256_of, strangers
from outgrow.targets import room_for as room_for

MANIFEST = "manifest.json"

FINDINGS = ("run.json", "forecast.json", "rank.json", "plan.json", "sweep.json", "reproduction.json")
"""What tells a folder of ours: one of these holds everything that a verb found."""


@contextmanager
def new_folder(out: str | Path, overwrite: bool = False) -> Iterator[Path]:
    """Give an empty folder that takes the name `out` once all in it is written; gone if anything fails."""
    with replacement(out, lambda: _check_folder(Path(out), overwrite)) as folder:
        folder.mkdir()
        yield folder
        _seal(folder)


@contextmanager
def new_file(out: str | Path, overwrite: bool = True, durable: bool = True) -> Iterator[Path]:
    """Give a path that takes the name `out` once a file is written to it; gone if anything fails."""
    with replacement(out, lambda: check_file(out, overwrite), durable) as file:
        yield file


@contextmanager
def replacing(folder: Path, name: str) -> Iterator[Path]:
    """Give a path for a file of a run that is made anew, and enter it in the manifest."""
    with new_file(folder / name) as file:
        yield file
        sums = _manifest(folder) | {name: sha256_of(file)}
    with new_file(folder / MANIFEST) as file:
        write_json(file, {"sha256": sums})


def check_file(out: str | Path, overwrite: bool) -> None:
    """Refuse an output file that is in the way."""
    target = Path(out)
    if target.is_symlink() or (target.exists() and not target.is_file()):
        raise FileError("is not a file", str(target), "Choose another --out.")
    if target.exists() and not overwrite:
        raise FileError("exists already", str(target), "Choose another --out, or give --overwrite.")


def check_target(out: str | Path, overwrite: bool) -> None:
    """Refuse an output folder that is in the way, before any work; clear what a killed run left there."""
    recover(out)
    _check_folder(Path(out), overwrite)
    check_writable(out)


def _check_folder(target: Path, overwrite: bool) -> None:
    check_replaceable(target, overwrite, _files_of_run, "a run of outgrow", "the run")


def _files_of_run(folder: Path) -> Set[str]:
    try:
        ours = _manifest(folder).keys() | {MANIFEST}
    except FileError:
        return frozenset()
    # Other folders have a manifest too: a feature store, for one, took hours to make.
    return ours if ours & set(FINDINGS) else frozenset()


def _seal(folder: Path) -> None:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    sums = {path.relative_to(folder).as_posix(): sha256_of(path) for path in files}
    write_json(folder / MANIFEST, {"sha256": sums})


def write_json(path: Path, value: Any) -> None:
    """Write plain values as JSON."""
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def write_table(path: Path, columns: Mapping[str, Sequence[Any] | np.ndarray]) -> None:
    """Write columns as Parquet with page checksums."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table(dict(columns)), path, write_page_checksum=True)


def write_tensors(path: Path, tensors: Mapping[str, np.ndarray]) -> None:
    """Write arrays as safetensors."""
    from safetensors.numpy import save

    # The library's own writer reports a full disk as a fault of the tensors.
    path.write_bytes(save({name: np.ascontiguousarray(value) for name, value in tensors.items()}))


def any_folder(folder: str | Path) -> Path:
    """Check that a folder is what some verb wrote, whole."""
    path = Path(folder)
    recover(path)
    if not path.is_dir():
        raise FileError("there is no such run", str(path), "Give the folder that --out named.")
    if not (path / MANIFEST).is_file():
        raise FileError(f"is not a run of outgrow: it has no {MANIFEST}", str(path))
    return path


def open_folder(folder: str | Path) -> Path:
    """Check that a folder is a complete run, and nothing of another verb."""
    path = any_folder(folder)
    other = [Path(name).stem for name in FINDINGS[1:] if (path / name).is_file()]
    if other and not (path / FINDINGS[0]).is_file():
        verb = "reproduce NAME" if other[0] == "reproduction" else other[0]
        raise FileError(
            f"is a {other[0]}, and this reads runs",
            str(path),
            f"Its report lies there; `outgrow {verb} --config {path / 'config.toml'}` does it again.",
        )
    return path


def verified(folder: Path, name: str) -> Path:
    """Find a file of a run and check it against the manifest."""
    path = folder / name
    sums = _manifest(folder)
    # A manifest is no better than its author: what it lists outside the run is not of the run.
    inside = not Path(name).is_absolute() and ".." not in Path(name).parts
    if not inside or name not in sums or not path.is_file():
        raise FileError(f"has no {name}", str(folder), "The run is incomplete: run it again.")
    if sha256_of(path) != sums[name]:
        raise FileError("is damaged: its checksum is not the one written", str(path), "Run it again.")
    return path


class _Manifest(BaseModel):
    sha256: dict[str, Annotated[str, Field(pattern="^[0-9a-f]{64}$")]]


def _manifest(folder: Path) -> dict[str, str]:
    path = folder / MANIFEST
    with read_back(path):
        return _Manifest.model_validate(from_json(path.read_bytes())).sha256


def read_json(folder: Path, name: str, kind: Any = Any) -> Any:
    """Read a JSON file of a run as values of a type."""
    path = verified(folder, name)
    with read_back(path):
        return TypeAdapter(kind).validate_python(from_json(path.read_bytes()))


def read_tensors(folder: Path, name: str) -> dict[str, np.ndarray]:
    """Read the tensors of a saved model, all of them finite floats."""
    from safetensors.numpy import load

    path = verified(folder, name)
    with read_back(path):
        tensors = dict(load(path.read_bytes()))
        for key, values in tensors.items():
            if values.dtype.kind != "f" or not np.isfinite(values).all():
                raise ValueError(f"{key!r} holds more than finite numbers")
    return tensors


def read_config(folder: Path, kind: type[Config]) -> Config:
    """Read the configuration of a run."""
    path = verified(folder, "config.toml")
    with read_back(path):
        return from_toml(path.read_text(encoding="utf-8"), kind, str(path))


def wrong_files(folder: Path) -> list[str]:
    """List what in a run is not as it was written."""
    wrong = []
    for name in (sums := _manifest(folder)):
        try:
            verified(folder, name)
        except FileError as error:
            wrong.append(f"{name}: {error.what}")
    unlisted = strangers(folder, sums.keys() | {MANIFEST})
    return wrong + [f"{name!r}: is not in the manifest" for name in unlisted]
