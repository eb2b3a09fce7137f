"""Arrays from .npy, .npz and .safetensors files, mapped where the format allows, never unpickled.

Headers are read and compared with the size of the file first, so that a file that declares more than it
holds is named as damaged before memory is asked for.
"""

from __future__ import annotations

import json
import math
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np

from outgrow.data.files import damaged, quoted
from outgrow.data.numeric import check_shape
from outgrow.errors import DataError, FileError


def _npy_header(stream: IO[bytes], where: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    magic = stream.read(6)
    if magic != b"\x93NUMPY":
        if magic.startswith(b"\x80"):
            raise _pickled(where)
        raise ValueError("it does not start as a .npy file does")
    stream.seek(0)
    major, _ = np.lib.format.read_magic(stream)
    if major not in (1, 2, 3):
        raise ValueError(f"it is of version {major}")
    read = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(stream)
    if dtype.hasobject:
        raise _pickled(where)
    if any(type(length) is not int or length < 0 for length in shape):  # True is a number to numpy's reader
        raise ValueError(f"it declares the shape {shape}")
    return shape, fortran, dtype


def _pickled(where: str) -> FileError:
    return FileError(
        "holds pickled Python objects, which are never loaded", where, "Save a plain array of floats."
    )


def read_npy(path: Path) -> np.ndarray:
    """Map the array of a .npy file."""
    try:
        with path.open("rb") as stream:
            shape, fortran, dtype = _npy_header(stream, str(path))
            offset = stream.tell()
    except FileError:
        raise
    except Exception as error:  # numpy's header parser raises many kinds on a damaged header
        raise damaged(path, "a .npy file", error) from error
    check_shape(shape, dtype, str(path))
    _enough(path, math.prod(shape) * dtype.itemsize, path.stat().st_size - offset, shape, dtype)
    return np.asarray(np.memmap(path, dtype, "r", offset, shape, "F" if fortran else "C"))


def _enough(path: Path, wanted: int, held: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    if wanted > held:
        reason = ValueError(f"{shape} of {dtype} is {wanted} bytes, but {held} follow the header")
        raise damaged(path, "a .npy file", reason)


def read_npz(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Read the array of a .npz file, and ids where it has them."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = {
                i.filename.removesuffix(".npy"): i for i in archive.infolist() if i.filename.endswith(".npy")
            }
            chosen = _only(path, [key for key in members if key not in _IDS], "array")
            features = _member(path, archive, members[chosen], table=True)
            key = next((key for key in _IDS if key in members), None)
            ids = None if key is None else _member(path, archive, members[key], table=False)
    except (FileError, DataError):
        raise
    except Exception as error:  # zipfile, zlib and numpy each have their own
        raise damaged(path, "a .npz file", error) from error
    return features, ids


def _member(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo, table: bool) -> np.ndarray:
    with archive.open(info) as stream:
        shape, _, dtype = _npy_header(stream, str(path))
        if table:
            check_shape(shape, dtype, str(path))
        elif len(shape) != 1 or dtype.kind not in "USiu":
            raise DataError(
                f"'ids' has shape {shape} and type {dtype}", str(path), "Give one string per row."
            )
        # Checked before anything of the declared size is made.
        _enough(path, math.prod(shape) * dtype.itemsize, info.file_size, shape, dtype)
        stream.seek(0)
        return np.lib.format.read_array(stream, allow_pickle=False)


_IDS = ("ids", "id")
# What the ids beside an array are called.


def _only(path: Path, names: list[str], kind: str) -> str:
    if "features" in names:
        return "features"
    if len(names) != 1:
        held = f"holds {len(names)} {kind}s, none called 'features'" if names else f"holds no {kind}"
        listed = f": {quoted(names)}" if names else ""
        raise DataError(held + listed, str(path), f"Call one {kind} 'features'.")
    return names[0]


_SAFETENSORS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "BOOL": "?"}
_SAFETENSORS |= {f"{kind}{bits}": f"<{kind.lower()}{bits // 8}" for kind in "IU" for bits in (8, 16, 32, 64)}


def read_safetensors(path: Path) -> tuple[np.ndarray, str | None]:
    """Map the tensor of a .safetensors file."""
    from safetensors import safe_open

    try:
        # The library checks that header, offsets and size agree; then the bytes are mapped as they lie, since
        # its numpy face copies them and cannot read bfloat16.
        with safe_open(str(path), framework="np") as opened:
            names, metadata = list(opened.keys()), opened.metadata() or {}
        with path.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            header = json.loads(stream.read(length))
    except Exception as error:
        raise damaged(path, "a .safetensors file", error) from error
    entry = header[_only(path, names, "tensor")]
    if entry["dtype"] not in _SAFETENSORS:
        raise DataError(
            f"features are of type {entry['dtype']}", str(path), "Store float16, bfloat16 or float32."
        )
    dtype, shape = np.dtype(_SAFETENSORS[entry["dtype"]]), tuple(entry["shape"])
    check_shape(shape, dtype, str(path))
    start = 8 + length + entry["data_offsets"][0]
    values = np.asarray(np.memmap(path, dtype, "r", start, shape))
    if entry["dtype"] == "BF16":
        values = (values.astype(np.uint32) << 16).view(np.float32)  # bfloat16 is the upper half of a float32
    return values, metadata.get("encoder")
