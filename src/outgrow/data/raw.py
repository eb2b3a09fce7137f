"""Raw rows: texts or images with ids, before any model has seen them.

Whatever they come from (a table, a folder of pictures, idx files), they are ids, items and, where the source
holds them, labels. A digest over ids and contents says whether two inputs are the same one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from outgrow.results import Check


@dataclass(frozen=True, eq=False)
class RawRows:
    """Rows as a user has them."""

    kind: str
    """ "text" or "image"."""
    ids: np.ndarray
    """Object array of n distinct strings."""
    items: Sequence[Any]
    """The n rows: texts, pairs of texts, paths of images, or images as arrays of bytes."""
    digest: str
    """SHA-256 over ids and contents (`digest_of`)."""
    labels: np.ndarray | None = None
    """The n labels where the source holds them (floats with NaN, or objects with None, where missing)."""
    groups: np.ndarray | None = None
    """Object array of what rows belong together, such as the sentence of a phrase."""
    split: np.ndarray | None = None
    """Object array of the part each row was given."""
    skipped: tuple[tuple[str, str], ...] = ()
    """Name of each row that could not be used, and why."""
    source: str = ""
    """What they were read from, as messages name it."""
    split_column: str = ""
    """Where the split is from; "" for none, or the parts a data set is stored in."""
    checks: tuple[Check, ...] = ()
    """What is unusual about the labels."""
    rows: np.ndarray | None = None
    """Number of each row in the source, from 0, where some were left out."""


def digest_of(rows: Iterable[tuple[str, bytes]]) -> str:
    """Hash ids and contents, in order."""
    total = hashlib.sha256()
    for name, content in rows:
        encoded = name.encode()
        total.update(len(encoded).to_bytes(8, "big") + encoded + len(content).to_bytes(8, "big") + content)
    return total.hexdigest()


def content_id(content: bytes) -> str:
    """Make an id of a row's content, for sources that have none."""
    return hashlib.sha256(content).hexdigest()[:16]
