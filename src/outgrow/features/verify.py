"""Checking a feature store: every byte of every shard is read once, and all that is wrong is listed.

The manifest first, since everything else is held against it; then each shard's sha256, pages, columns,
counts, ids and values; then what only shows across shards: ids that stand twice, files that do not belong.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import numpy as np

from outgrow.data.feature_folder import is_store, read_shard
from outgrow.data.feature_manifest import BUILDING, MANIFEST, Manifest, files_of, read_manifest
from outgrow.data.files import quoted
from outgrow.errors import FileError, OutgrowError
from outgrow.features.protocols import EncoderIdentity
from outgrow.features.store import OLD_LOCK

LEFT_OVER = {BUILDING, OLD_LOCK}
"""What a killed writer may leave in a complete store."""


def verify(folder: str | Path) -> list[str]:
    """Check a store, and list what is wrong: the file, and what is wrong with it."""
    folder = Path(folder)
    if not is_store(folder):
        raise FileError("is not a feature store", str(folder), "Name a folder made by encode.")
    try:
        manifest = read_manifest(folder)
    except FileError as error:
        return [f"{MANIFEST}: {error.what}"]
    return [*_identity(manifest), *_shards(folder, manifest), *_strays(folder, manifest)]


def _identity(manifest: Manifest) -> Iterator[str]:
    names = {field.name for field in fields(EncoderIdentity)}
    identity = {name: value for name, value in manifest.identity.items() if name != "digest"}
    if identity.keys() != names or EncoderIdentity(**identity).digest != manifest.identity["digest"]:
        yield f"{MANIFEST}: the encoder's digest is not that of its identity"


def _shards(folder: Path, manifest: Manifest) -> Iterator[str]:
    skipped = {name for name, _ in manifest.skipped}
    # Eight bytes an id rather than the ids themselves: 100 million rows are checked in 0.8 GB.
    hashes, sound = [np.empty(0, np.int64)], []
    for number, entry in enumerate(manifest.shards):
        try:
            ids, _ = read_shard(folder, manifest, number)
        except OutgrowError as error:
            yield f"{entry.name}: {error.what}"
            continue
        both = [name for name in ids if name in skipped]
        if both:
            yield f"{entry.name}: has features of rows listed as skipped: {quoted(both)}"
        hashes.append(np.fromiter(map(hash, ids), np.int64, len(ids)))
        sound.append(number)
    values, counts = np.unique(np.concatenate(hashes), return_counts=True)
    suspects = set(values[counts > 1].tolist())
    # Read once more to name the ids that stand twice: only those whose hashes met are kept.
    seen: dict[str, str] = {}
    for number in sound if suspects else ():
        name, twice = manifest.shards[number].name, []
        for one in read_shard(folder, manifest, number)[0]:
            if hash(one) in suspects:
                if one in seen:
                    twice.append(f"{one} (also in {seen[one]})")
                seen.setdefault(one, name)
        if twice:
            yield f"{name}: duplicated ids {quoted(twice)}"


def _strays(folder: Path, manifest: Manifest) -> Iterator[str]:
    known = files_of(manifest) | LEFT_OVER  # once: 100 million rows are 24,000 files
    for path in sorted(folder.iterdir()):
        if path.name not in known:
            yield f"{path.name}: is not in the manifest"
