"""Opening the files users bring, and saying in one line what is wrong with them.

Formats go by the file's ending; a wrong path gets the nearest existing name. Rows are named by their
ids in every message, shortened and escaped, since ids come from outside.
"""

from __future__ import annotations

import difflib
import gzip
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from outgrow.errors import DataError, FileError


def quoted(items: Iterable[object], limit: int = 5) -> str:
    """List the first items for a message, each quoted, shortened and with control characters escaped."""
    texts = [str(item) for item in items]
    shown = ", ".join(repr(text if len(text) <= 60 else text[:57] + "...") for text in texts[:limit])
    return shown if len(texts) <= limit else f"{shown}, ... ({len(texts)} in all)"


def row_name(ids: Sequence[str] | np.ndarray | None, row: int) -> str:
    """Name one row for a message: by its id, or by its number from 0."""
    return f"row {row}" if ids is None else f"row {quoted([ids[row]])}"


REMEDIES = {
    (".xlsx", ".xls", ".ods"): "Save the sheet as CSV (UTF-8). ",
    (".zip", ".bz2", ".xz", ".zst", ".7z", ".tar", ".gzip"): "Unpack it, or pack it with gzip (.gz). ",
    (
        ".pkl",
        ".pickle",
        ".pt",
        ".pth",
        ".bin",
        ".joblib",
    ): "Pickles can run code: save arrays as .npy. ",
    (".txt", ".dat", ".data"): "If columns are separated by commas, call it .csv; by tabs, .tsv. ",
}
"""What to do with files of other endings."""

CONTENTS = {
    b"\x1f\x8b": ("a gzip file", ".gz"),
    b"PAR1": ("a Parquet file", ".parquet"),
    b"PK\x03\x04": ("a zip file or a spreadsheet", ".npz"),
    b"\x93NUMPY": ("a NumPy array", ".npy"),
}
"""How files begin, what they then are, and the ending of such."""


def existing_file(path: str | Path, formats: Iterable[str]) -> Path:
    """Check that a path names a readable, non-empty file of a known format."""
    path, formats = Path(path), list(formats)
    where = str(path)
    try:
        if not path.exists():
            raise _no_such_file(path)
        if path.is_dir():
            raise FileError("is a folder, not a file", where, "Name one file in it.")
        if not path.is_file():
            # Opening a named pipe waits for its writer, for ever if need be.
            raise FileError("is a pipe or a device, not a file", where, "Write what it gives to a file.")
        if ending_of(path) not in formats:
            known = [ending for ending in formats if not ending.endswith(".gz")]
            kind = repr(ending_of(path)) if path.suffix else "without an ending"
            how = next((how for ends, how in REMEDIES.items() if path.suffix.lower() in ends), "")
            raise FileError(f"unsupported format {kind}", where, f"{how}Use one of {', '.join(known)}.")
        with path.open("rb") as stream:
            head = stream.read(64)
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        raise FileError(f"cannot be opened ({first_line(error)})", where, "Check the path.") from error
    if not head:
        raise FileError("the file is empty (0 bytes)", where, "Write it again.")
    for first, (kind, end) in CONTENTS.items():
        if head.startswith(first) and path.suffix.lower() not in (end, ".pq"):
            call_it = end in formats and end != ".npz"
            remedy = (
                f"Call it {path.stem}{end}." if call_it else "Unpack it, or save it as what its name says."
            )
            raise FileError(f"is {kind}, whatever its name says", where, remedy)
    if head.startswith(b"version https://git-lfs"):
        raise FileError("is a Git LFS pointer, not the data itself", where, "Run: git lfs pull.")
    return path


def ending_of(path: Path) -> str:
    """Give the ending that tells a file's format, in small letters: ".csv", or ".csv.gz"."""
    last = path.suffix.lower()
    return Path(path.stem).suffix.lower() + last if last == ".gz" else last


def content_of(path: Path) -> bytes:
    """Read a file whole, unpacked where its name ends in ".gz"."""
    try:
        if path.suffix.lower() == ".gz":
            with gzip.open(path) as stream:
                return stream.read()
        return path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise damaged(path, "a gzip file" if path.suffix.lower() == ".gz" else "readable", error) from error


def _no_such_file(path: Path) -> FileError:
    if not path.parent.is_dir():
        return FileError("no such file", str(path), f"The folder {str(path.parent)!r} does not exist.")
    names = sorted(entry.name for entry in path.parent.iterdir())
    near = difflib.get_close_matches(path.name, names, n=1)
    return FileError("no such file", str(path), f"Did you mean {near[0]!r}?" if near else "Check the path.")


def damaged(path: Path, kind: str, error: BaseException) -> FileError:
    """Say that a file cannot be read as what its ending says."""
    return FileError(
        f"damaged, cut short, or not {kind} ({first_line(error)})",
        str(path),
        "Write or download it again.",
    )


def first_line(error: BaseException) -> str:
    """Keep one short printable line of a library's message, which may quote a file's own bytes."""
    text = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    text = "".join(c if c.isprintable() else "?" for c in text)
    return text.rstrip(".") if len(text) <= 160 else text[:157] + "..."


def missing_column(where: str | Path, column: str, present: Sequence[str], role: str) -> DataError:
    """Say that a column is not there, and which ones are."""
    near = difflib.get_close_matches(column, present, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return DataError(
        f"there is no {role} column {column!r}", str(where), f"Columns present: {quoted(present, 20)}.{hint}"
    )


def check_ids(ids: np.ndarray, where: str) -> np.ndarray:
    """Refuse duplicated ids, naming the first five."""
    if len(set(ids.tolist())) < len(ids):
        raise DataError(f"duplicated ids {quoted(repeated(ids))}", where, "Each id may stand once only.")
    return ids


def repeated(ids: np.ndarray) -> list[str]:
    """Find the ids that occur more than once, in order of their second occurrence."""
    seen: set[str] = set()
    twice: dict[str, None] = {}
    for item in ids.tolist():
        if item in seen:
            twice[item] = None
        seen.add(item)
    return list(twice)


def row_numbers(rows: int) -> np.ndarray:
    """Number rows from 0, as strings: the ids of a file that has none."""
    return np.array([str(i) for i in range(rows)], dtype=object)


def is_unicode(text: str) -> bool:
    """Tell whether text is free of halves of surrogate pairs, as JSON and names of files may have them."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
