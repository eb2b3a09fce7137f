"""idx files, the format of MNIST and its kin: pictures of bytes and their labels, gzipped or not.

The header says how many bytes follow, and is believed only where exactly that many do: nothing is reserved on
its word alone. A folder of the usual four files is one data set in two parts, "train" and "test".
"""

from __future__ import annotations

import gzip
import math
import zlib
from itertools import product
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from outgrow.data.files import existing_file
from outgrow.data.raw import RawRows, digest_of
from outgrow.errors import DataError, FileError

SETS = {"train": ("train",), "test": ("t10k", "test")}
"""Parts of the split, and how names of their files begin; MNIST calls its test set "t10k"."""

UNSIGNED_BYTE = 0x08
"""The type of MNIST's kin, as the third byte of the file says it; others are refused."""

LARGEST_RATIO = 1032
"""Deflate cannot shrink bytes further than 1032 to 1: a header that asks for more lies."""


def is_idx(path: str | Path) -> bool:
    """Tell whether a path looks like idx files: "train-images-idx3-ubyte.gz" and the like, or a folder."""
    path = Path(path)
    if path.is_dir():
        return any(_find(path, names, "images", 3) is not None for names in SETS.values())
    return "idx3" in path.name and "ubyte" in path.name


def read_idx(path: str | Path) -> RawRows:
    """Read pictures and labels."""
    path = Path(path)
    if not path.is_dir():
        images, values = _pair(path, _beside(path))
        name = path.name.removesuffix(".gz").split("-images")[0].split(".")[0]
        return _rows([(name, "", images, values)], str(path))
    parts = []
    for part, names in SETS.items():
        file = _find(path, names, "images", 3)
        if file is not None:
            parts.append((part, part, *_pair(file, _find(path, names, "labels", 1))))
    if not parts:
        raise FileError(
            "holds no idx files", str(path), "They are called train-images-idx3-ubyte.gz and so on."
        )
    return _rows(parts, str(path))


def read_idx_array(path: str | Path, dimensions: int) -> UInt8[np.ndarray, " *shape"]:
    """Read one file."""
    path = existing_file(path, [Path(path).suffix.lower()])
    where = str(path)
    with path.open("rb") as raw:
        zipped = raw.read(2) == b"\x1f\x8b"
    size = path.stat().st_size * (LARGEST_RATIO if zipped else 1)
    try:
        with gzip.open(path) if zipped else path.open("rb") as stream:
            magic = stream.read(4)
            if len(magic) < 4 or magic[:2] != b"\0\0":
                raise FileError("is not an idx file: its first two bytes are not 0", where, "Check the path.")
            if magic[2] != UNSIGNED_BYTE:
                raise FileError(
                    f"holds numbers of type {magic[2]:#04x}, not bytes (0x08)", where, "Convert it."
                )
            if magic[3] != dimensions:
                kind = "pictures have 3" if dimensions == 3 else "labels have 1"
                raise FileError(f"has {magic[3]} dimensions; {kind}", where, "Name the other file.")
            header = stream.read(4 * dimensions)
            shape = tuple(int.from_bytes(header[at : at + 4], "big") for at in range(0, len(header), 4))
            wanted = math.prod(shape)
            if len(header) < 4 * dimensions or wanted > size:
                raise _cut_short(where, shape)
            # One byte more, so that what follows the last row is noticed; for gzip, so that its checksum is.
            content = stream.read(wanted + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise FileError("is damaged or cut short", where, "Download it again.") from error
    if len(content) < wanted:
        raise _cut_short(where, shape)
    if len(content) > wanted:
        raise FileError(
            f"goes on behind the {wanted:,} bytes its header {shape} says", where, "Download it again."
        )
    if 0 in shape:
        raise FileError(f"is empty: its header says {shape}", where, "Download it again.")
    return np.frombuffer(content, dtype=np.uint8).reshape(shape)


def _cut_short(where: str, shape: tuple[int, ...]) -> FileError:
    return FileError(f"is shorter than its header {shape} says", where, "Download it again.")


def _pair(images: Path, labels: Path | None) -> tuple[np.ndarray, np.ndarray | None]:
    pictures = read_idx_array(images, 3)
    if labels is None:
        return pictures, None
    values = read_idx_array(labels, 1)
    if len(values) != len(pictures):
        raise DataError(
            f"{len(pictures)} pictures, but {len(values)} labels in {labels.name}",
            str(images),
            "Name its own labels.",
        )
    return pictures, values


def _rows(parts: list[tuple[str, str, np.ndarray, np.ndarray | None]], where: str) -> RawRows:
    # Padded, so that ids sort as rows do.
    ids = [f"{name}-{row:05d}" for name, _, images, _ in parts for row in range(len(images))]
    items = [image for _, _, images, _ in parts for image in images]
    known = [values for _, _, _, values in parts]
    labels = np.concatenate(
        [
            np.full(len(images), np.nan) if values is None else values.astype(np.float64)
            for _, _, images, values in parts
        ]
    )
    split = [part for _, part, images, _ in parts for _ in range(len(images))]
    # The shape belongs to the content: 2 x 8 bytes are another picture than 4 x 4.
    contents = (repr(image.shape).encode() + image.tobytes() for image in items)
    return RawRows(
        kind="image",
        ids=np.array(ids, dtype=object),
        items=items,
        digest=digest_of(zip(ids, contents, strict=True)),
        labels=None if all(values is None for values in known) else labels,
        split=np.array(split, dtype=object) if len(parts) > 1 else None,
        source=where,
    )


def _beside(images: Path) -> Path | None:
    name = images.name.replace("images", "labels").replace("idx3", "idx1")
    base = name.removesuffix(".gz")
    candidates = (images.with_name(other) for other in (name, base, base + ".gz") if other != images.name)
    return next((file for file in candidates if file.is_file()), None)


def _find(folder: Path, names: tuple[str, ...], kind: str, dimensions: int) -> Path | None:
    candidates = (
        folder / f"{name}-{kind}{dash}idx{dimensions}-ubyte{ending}"
        for name, dash, ending in product(names, "-.", ("", ".gz"))
    )
    return next((file for file in candidates if file.is_file()), None)
