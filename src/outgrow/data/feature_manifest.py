"""What a store's manifest.json says: which encoder made the features, of which input, in which files.

It holds nothing about time or machine, so that the same input and encoder give the same bytes, and a digest
of itself, so that a field edited by hand is found. Nothing in it is trusted before it has been checked: the
names of files are those that shards have, never paths.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outgrow.errors import FileError

MANIFEST = "manifest.json"
"""Written last: a folder that has it is complete."""

BUILDING = ".building"
"""Folder of what an unfinished store needs to go on; gone when it is complete."""

FORMAT = "outgrow-features"
"""First field of every manifest, so that a run's manifest is not taken for a store's."""

VERSION = 1
"""Of the format; a change that this reader would misread gets the next number."""

DTYPES = ("float32", "float16")
"""Types that features are stored as."""

ENCODER_DIGITS = 16
"""Digits of an encoder's digest in its label: 64 bits, so that two encoders never share one by chance."""

AGAIN = "Encode again into a new folder."


@dataclass(frozen=True)
class ShardEntry:
    """One file of a store."""

    name: str
    """Its name."""
    rows: int
    """Rows in it; fewer than the store's `shard_rows` where some were skipped, or in the last."""
    sha256: str
    """Of its bytes."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a store is."""

    identity: Mapping[str, Any]
    """Fields of the encoder's identity, and its "digest"."""
    dtype: str
    """ "float32" or "float16"."""
    rows: int
    """Rows stored."""
    input: str
    """Digest of the raw rows."""
    shard_rows: int
    """Rows of input per shard."""
    skipped: tuple[tuple[str, str], ...]
    """Id of each row of the input that has no features, and why."""
    shards: tuple[ShardEntry, ...]
    """The files, in order."""
    libraries: Mapping[str, str]
    """Versions of what took part."""

    @property
    def name(self) -> str:
        """The model's name."""
        return str(self.identity["name"])

    @property
    def width(self) -> int:
        """Features per row."""
        return int(self.identity["width"])

    @property
    def encoder(self) -> str:
        """Label of the encoder, as feature sets and saved models carry it (`encoder_label`)."""
        return encoder_label(self.name, str(self.identity["digest"]))

    def to_json(self) -> str:
        """Write the manifest out."""
        said: dict[str, Any] = {
            "format": FORMAT,
            "version": VERSION,
            "identity": dict(self.identity),
            "dtype": self.dtype,
            "rows": self.rows,
            "input": self.input,
            "shard_rows": self.shard_rows,
            "skipped": [list(pair) for pair in self.skipped],
            "shards": [
                {"name": shard.name, "rows": shard.rows, "sha256": shard.sha256} for shard in self.shards
            ],
            "libraries": dict(sorted(self.libraries.items())),
        }
        return json.dumps(said | {"sha256": _digest(said)}, indent=1, ensure_ascii=False) + "\n"


def encoder_label(name: str, digest: str) -> str:
    """Name an encoder so that people and programs can tell it from another."""
    return f"{name}#{digest[:ENCODER_DIGITS]}"


def same_encoder(one: str, other: str) -> bool:
    """Tell whether two labels mean one encoder, whatever it was called."""
    digests = [label.rpartition("#")[2] for label in (one, other) if "#" in label]
    labelled = len(digests) == 2 and all(len(digest) == ENCODER_DIGITS for digest in digests)
    return digests[0] == digests[1] if labelled else one == other


def shard_name(number: int) -> str:
    """Name a shard's file."""
    return f"shard-{number:05d}.parquet"


def shard_count(rows: int, shard_rows: int) -> int:
    """Count the shards of an input."""
    return -(-rows // shard_rows)


def read_manifest(folder: Path) -> Manifest:
    """Read and check the manifest of a store."""
    path = folder / MANIFEST
    where = str(path)
    if not path.is_file():
        if (folder / BUILDING).is_dir():
            raise FileError("the store is not complete", str(folder), "Run the same encode again to go on.")
        raise FileError(f"is not a feature store: it has no {MANIFEST}", str(folder), "Check the path.")
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        raise FileError("is damaged: it is not valid JSON", where, AGAIN) from None
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        raise FileError("is not the manifest of a feature store", where, "Name a folder made by encode.")
    if said.get("version") != VERSION:
        raise FileError(
            f"is of format version {said.get('version')!r}, this outgrow reads version {VERSION}",
            where,
            "Use the outgrow that made it, or encode again into a new folder.",
        )
    # The digest stands for every field; what follows guards against a writer's error, not an editor's.
    if said.pop("sha256", None) != _digest(said):
        raise FileError("was edited or damaged: its own sha256 does not fit", where, AGAIN)
    try:
        manifest = _understood(said)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FileError(f"cannot be understood ({type(error).__name__}: {error})", where, AGAIN) from None
    return manifest


def _digest(said: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _understood(said: Mapping[str, Any]) -> Manifest:
    manifest = Manifest(
        identity=dict(said["identity"]),
        dtype=said["dtype"],
        rows=int(said["rows"]),
        input=str(said["input"]),
        shard_rows=int(said["shard_rows"]),
        skipped=tuple((str(name), str(why)) for name, why in said["skipped"]),
        shards=tuple(
            ShardEntry(str(shard["name"]), int(shard["rows"]), str(shard["sha256"]))
            for shard in said["shards"]
        ),
        libraries={str(name): str(number) for name, number in said["libraries"].items()},
    )
    if manifest.dtype not in DTYPES:
        raise ValueError(f"dtype {manifest.dtype!r}")
    if manifest.width < 1 or manifest.shard_rows < 1 or not manifest.encoder:
        raise ValueError("width or shard_rows below 1")
    if [shard.name for shard in manifest.shards] != [shard_name(i) for i in range(len(manifest.shards))]:
        raise ValueError("names of shards")
    counts = [shard.rows for shard in manifest.shards]
    if min(counts, default=0) < 0 or sum(counts) != manifest.rows:
        raise ValueError("counts of rows do not add up")
    if len(counts) != shard_count(manifest.rows + len(manifest.skipped), manifest.shard_rows):
        raise ValueError("number of shards")
    return manifest
