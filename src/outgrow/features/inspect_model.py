"""What a model is, whether it can be trusted, and what encoding many rows with it will take."""

from __future__ import annotations

import sys
import time
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from outgrow.config import RawConfig
from outgrow.data.raw import RawRows
from outgrow.errors import DataError
from outgrow.features.model_spec import ModelSpec, load_encoder
from outgrow.features.probe import probe
from outgrow.features.protocols import EncoderIdentity
from outgrow.features.room import disk_for, memory_for_storing
from outgrow.features.store import SHARD_ROWS
from outgrow.results import Check

TRIED = 256
"""Rows encoded to take the speed: some batches of any size in use, and seconds on a laptop."""

PROBED = 16
"""Rows probed."""

SAYING = (
    "the film is a fine and quiet study of people who do not say what they mean until it is too late and"
    " then say all of it at once with wit and grief in equal parts"
)
"""Its words make up texts; their lengths follow short reviews, 3 to 60 words."""

SIDE = 224
"""Sides of made-up pictures, in pixels: what most image models read."""


@dataclass(frozen=True)
class Inspection:
    """What was found."""

    identity: EncoderIdentity
    """Name, width, layer, pooling, transform, precision, licence."""
    layers: int | None
    """Hidden layers that could be asked for, where the model says."""
    checks: tuple[Check, ...]
    """What the probe raised; empty for a model that can be trusted."""
    rows_per_second: float
    """Measured, on this machine."""
    tried: int
    """Rows that took."""
    made_up: bool
    """Whether they were made up."""
    rows: int
    """Rows the estimates are for."""
    seconds: float
    """Time to encode them."""
    disk: int
    """Bytes to store them, and at work beside the model."""
    memory: int
    """Bytes to store them, and at work beside the model."""
    process: int | None
    """Peak memory of this process so far, in bytes, model included."""


def inspect_model(
    spec: ModelSpec,
    config: RawConfig,
    allow_code: Collection[str],
    raw: RawRows | None,
    kind: str,
    rows: int,
) -> Inspection:
    """Load a model and try it."""
    items = list(raw.items[:TRIED]) if raw is not None else _made_up(kind)
    encoder = load_encoder([spec], config, allow_code, kind if raw is None else raw.kind, items[:1])
    try:
        checks = probe(encoder, items[:PROBED])
        start, seen = time.perf_counter(), 0
        for positions, _ in encoder.encode(items, lambda _row, _reason: None):
            seen += len(positions)
        taken = time.perf_counter() - start
    finally:
        encoder.close()
    if not seen:
        raise DataError("none of the rows could be read", raw.source if raw else "made-up rows")
    identity = encoder.identities[0]
    return Inspection(
        identity=identity,
        layers=getattr(encoder, "layers", None),
        checks=tuple(checks),
        rows_per_second=seen / taken,
        tried=seen,
        made_up=raw is None,
        rows=rows,
        seconds=rows * taken / seen,
        disk=disk_for(rows, identity.width, config.dtype, SHARD_ROWS),
        memory=memory_for_storing(rows, identity.width, SHARD_ROWS),
        process=_peak(),
    )


def _made_up(kind: str) -> list[object]:
    rng = np.random.default_rng(0)
    if kind == "image":
        return list(rng.integers(0, 256, size=(TRIED // 4, SIDE, SIDE, 3), dtype=np.uint8))
    words = SAYING.split()
    lengths = np.clip(rng.lognormal(2.8, 0.6, size=TRIED), 3, 60).astype(int)
    return [" ".join(rng.choice(words, size=length)) for length in lengths]


def _peak() -> int | None:
    try:
        import resource
    except ImportError:  # not on Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)
