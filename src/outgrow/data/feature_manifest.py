"""What a store's manifest.json says: which encoder made the features, of which input, in which files.

It holds nothing about time or machine, so that the same input and encoder give the same bytes, and a digest
of itself, so that a field edited by hand is found. Nothing in it is trusted before it has been checked: the
names of files are those that shards have, never paths.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import from_json

from outgrow.errors import FileError, read_back

MANIFEST = "manifest.json"
"""Written last: a folder that has it is complete."""

BUILDING = ".building"
"""Folder of what an unfinished store needs to go on; gone when it is complete."""

FORMAT = "outgrow-features"
"""First field of every manifest, so that a run's manifest is not taken for a store's."""

VERSION = 1
"""Of the format; a change that this reader would misread gets the next number."""

Stored = Literal["float32", "float16"]
"""Types that features are stored as."""

DTYPES: tuple[str, ...] = get_args(Stored)

ENCODER_DIGITS = 16
"""Digits of an encoder's digest in its label: 64 bits, so that two encoders never share one by chance."""

AGAIN = "Encode again into a new folder."


class ShardEntry(BaseModel, frozen=True):
    """One file of a store."""

    name: str
    """Its name."""
    rows: int = Field(ge=0)
    """Rows in it; fewer than the store's `shard_rows` where some were skipped, or in the last."""
    sha256: str
    """Of its bytes."""


class Manifest(BaseModel):
    """What a store is, in the order of its file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    identity: dict[str, Any]
    """Fields of the encoder's identity, and its "digest"."""
    dtype: Stored
    rows: int = 0
    """Rows stored."""
    input: str
    """Digest of the raw rows."""
    shard_rows: int = Field(ge=1)
    """Rows of input per shard."""
    skipped: tuple[tuple[str, str], ...] = ()
    """Id of each row of the input that has no features, and why."""
    shards: tuple[ShardEntry, ...] = ()
    """The files, in order; none yet in the plan of a store that is not complete."""
    libraries: dict[str, str]
    """Versions of what took part."""

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if self.width < 1 or not self.encoder:
            raise ValueError("width below 1")
        if [shard.name for shard in self.shards] != [shard_name(i) for i in range(len(self.shards))]:
            raise ValueError("names of shards")
        if sum(shard.rows for shard in self.shards) != self.rows:
            raise ValueError("counts of rows do not add up")
        if len(self.shards) != shard_count(self.rows + len(self.skipped), self.shard_rows):
            raise ValueError("number of shards")
        return self

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
        fields = {"format": FORMAT} | self.model_dump(mode="json")
        fields["libraries"] = dict(sorted(self.libraries.items()))
        return json.dumps(fields | {"sha256": _digest(fields)}, indent=1, ensure_ascii=False) + "\n"


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


def files_of(manifest: Manifest) -> frozenset[str]:
    """Name the files of a complete store."""
    return frozenset({MANIFEST, *(shard.name for shard in manifest.shards)})


def read_manifest(folder: Path) -> Manifest:
    """Read and check the manifest of a store."""
    path = folder / MANIFEST
    if not path.is_file():
        if (folder / BUILDING).is_dir():
            raise FileError("the store is not complete", str(folder), "Run the same encode again to go on.")
        raise FileError(f"is not a feature store: it has no {MANIFEST}", str(folder), "Check the path.")
    with read_back(path, AGAIN):
        fields = from_json(path.read_bytes())
        if not isinstance(fields, dict) or fields.pop("format", None) != FORMAT:
            raise FileError(
                "is not the manifest of a feature store", str(path), "Name a folder made by encode."
            )
        check_version(fields, path)
        # The digest stands for every field; the schema guards against a writer's error, not an editor's.
        if fields.pop("sha256", None) != _digest({"format": FORMAT} | fields):
            raise FileError("was edited or damaged: its own sha256 does not fit", str(path), AGAIN)
        return Manifest.model_validate(fields)


def check_version(fields: Mapping[str, Any], path: Path) -> None:
    """Refuse what another version of the format may mean otherwise."""
    if fields.get("version") != VERSION:
        raise FileError(
            f"is of format version {fields.get('version')!r}, this outgrow reads version {VERSION}",
            str(path),
            "Use the outgrow that made it, or encode again into a new folder.",
        )


def _digest(fields: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
