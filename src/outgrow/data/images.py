"""Pictures from a folder, a folder per class, a table of paths, or UTKFace: ids, labels, paths in order.

Files are hashed but not decoded here; what cannot be decoded is found by the encoder. The order is that of
the names, never that of the file system, and nothing outside of the folder is read through a link in it.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Unpack, get_args

import numpy as np

from outgrow.data.files import is_unicode, quoted
from outgrow.data.idx import is_idx, read_idx
from outgrow.data.labels import Beside
from outgrow.data.open_table import FORMATS
from outgrow.data.raw import RawRows, digest_of
from outgrow.data.raw_table import OnError, read_raw_table, refuse_or_list
from outgrow.errors import ConfigError, DataError, FileError

Layout = Literal["auto", "folder", "classes", "utkface", "table", "idx"]
"""How pictures are stored; "auto" looks."""

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
"""Endings of pictures; other files in a folder are passed over."""

USUAL = ("path", "image", "file", "file_name", "filename")
"""What the column of paths is called where nobody says."""

PARTS = ("train", "test")
"""First-level folders that are parts of a split and not classes."""

UTKFACE = re.compile(r"(\d{1,3})_([01])_([0-4])_(\d+)\.jpe?g(\.chip\.jpg)?", re.IGNORECASE)
"""[age]_[gender]_[race]_[date].jpg, as published; the aligned faces have ".chip.jpg" behind."""


def read_images(
    path: str | Path,
    *,
    layout: Layout = "auto",
    image_column: str | None = None,
    on_error: OnError = "fail",
    **beside: Unpack[Beside],
) -> RawRows:
    """Read pictures, as paths."""
    path = Path(path)
    if layout not in get_args(Layout):
        raise ConfigError(
            f"the layout {layout!r} is not known", "--layout", f"Use {', '.join(get_args(Layout))}."
        )
    if layout == "idx" or (layout == "auto" and is_idx(path)):
        return read_idx(path)
    if layout == "table" or (layout == "auto" and path.suffix.lower() in FORMATS and not path.is_dir()):
        columns = () if image_column is None else (image_column,)
        return read_raw_table(
            path, "image", columns, USUAL, lambda texts: _named_file(path.parent, *texts), on_error, **beside
        )
    if not path.is_dir():
        what = (
            "is a file, not a folder of pictures or a table of paths" if path.exists() else "no such folder"
        )
        raise FileError(what, str(path), f"Give a folder, or one of {', '.join(FORMATS)}.")
    return _from_folder(path, layout, on_error)


def _from_folder(folder: Path, layout: Layout, on_error: OnError) -> RawRows:
    where = str(folder)
    names, bad = _pictures(folder)
    refused = refuse_or_list(
        dict(enumerate(bad.values())), np.array(list(bad), dtype=object), where, on_error
    )
    if layout == "auto":
        layout = _guess(names)
    labels: np.ndarray | None = None
    split: np.ndarray | None = None
    if layout == "utkface":
        names, labels, malformed = _utkface(names)
        refused += malformed
    elif layout == "classes":
        labels, split = _classes(names, where)
    if not names:
        left = f" that can be used ({len(refused)} were left out)" if refused else f" ({', '.join(ENDINGS)})"
        raise FileError(f"holds no picture{left}", where, "Check the path.")
    items = [folder / name for name in names]
    return RawRows(
        kind="image",
        ids=np.array(names, dtype=object),
        items=items,
        digest=digest_of(zip(names, map(_file_digest, items), strict=True)),
        labels=labels,
        split=split,
        skipped=refused,
        source=where,
    )


def _pictures(folder: Path) -> tuple[list[str], dict[str, str]]:
    """List pictures below a folder by name, and links that are not followed."""
    root = os.path.realpath(folder)
    names: list[str] = []
    bad: dict[str, str] = {}

    def walk(prefix: str) -> Iterator[os.DirEntry[str]]:
        with os.scandir(folder / prefix) as entries:
            yield from (entry for entry in entries if not entry.name.startswith("."))

    todo = [""]
    while todo:
        prefix = todo.pop()
        for entry in walk(prefix):
            name = prefix + entry.name
            if entry.is_dir(follow_symlinks=False):
                todo.append(name + "/")
            elif entry.is_dir():
                bad[name] = "is a link to a folder, which is not followed"
            elif Path(entry.name).suffix.lower() in ENDINGS:
                if entry.is_symlink() and not _inside(os.path.realpath(entry.path), root):
                    bad[name] = "is a link that leads out of the folder or to nothing"
                elif entry.is_file():
                    names.append(name)
    for name in [*names, *bad]:
        if not is_unicode(name):
            raise DataError(
                f"the name {name.encode(errors='replace').decode()!r} is not UTF-8", str(folder), "Rename it."
            )
    return sorted(names), dict(sorted(bad.items()))


def _inside(real: str, root: str) -> bool:
    return os.path.exists(real) and os.path.commonpath([real, root]) == root  # noqa: PTH110


def _guess(names: list[str]) -> Layout:
    fit = sum(UTKFACE.fullmatch(name.rpartition("/")[2]) is not None for name in names)
    if 2 * fit > len(names):
        return "utkface"
    if not names or not all("/" in name for name in names):
        return "folder"
    folders = {tuple(name.split("/")[:-1]) for name in names}
    first = {parts[0] for parts in folders}
    if first <= set(PARTS):
        classes = {parts[1] for parts in folders if len(parts) > 1}
        return "classes" if len(classes) > 1 and all(len(parts) > 1 for parts in folders) else "folder"
    return "classes" if len(first) > 1 else "folder"


def _classes(names: list[str], where: str) -> tuple[np.ndarray, np.ndarray | None]:
    parts = [name.split("/") for name in names]
    in_parts = all(len(part) > 2 and part[0] in PARTS for part in parts)
    depth = 1 if in_parts else 0
    loose = next((part for part in parts if len(part) < 2), None)
    if loose is not None:
        raise DataError(
            f"{'/'.join(loose)!r} lies in no folder of a class", where, "Move it, or use --layout folder."
        )
    labels = np.array([part[depth] for part in parts], dtype=object)
    return labels, np.array([part[0] for part in parts], dtype=object) if in_parts else None


def _utkface(names: list[str]) -> tuple[list[str], np.ndarray, tuple[tuple[str, str], ...]]:
    kept, ages, malformed = [], [], []
    for name in names:
        match = UTKFACE.fullmatch(name.rpartition("/")[2])
        if match is None:
            malformed.append((name, "its name is not [age]_[gender]_[race]_[date].jpg"))
        else:
            kept.append(name)
            ages.append(float(match.group(1)))
    return kept, np.array(ages, dtype=np.float64), tuple(malformed)


def _named_file(folder: Path, written: str) -> tuple[Path, bytes]:
    try:
        return folder / written, _file_digest(folder / written)
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise DataError(f"names a file that cannot be read ({quoted([written])}: {reason})") from error


def _file_digest(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").digest()
    except IsADirectoryError as error:
        raise FileNotFoundError(2, "is a folder") from error
