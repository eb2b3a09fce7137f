"""From raw rows and models to feature sets in the cache: what is there already is never made again.

A stretch of rows is encoded at a time and written as one shard; a run that was interrupted goes on with the
missing shards. Layers of one model come from one pass, each to a store of its own.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from outgrow.config import RawConfig
from outgrow.data.files import quoted
from outgrow.data.raw import RawRows
from outgrow.errors import ConfigError, DataError
from outgrow.features.cache import cached_store
from outgrow.features.model_spec import ModelSpec, grouped, load_encoder
from outgrow.features.protocols import Encoder
from outgrow.features.store import SHARD_ROWS, StoreWriter, open_store

Progress = Callable[[str, float], None]

WAIT_S = 24 * 3600.0
"""Seconds to wait for another process that encodes the same rows with the same model: a day."""

LIBRARIES = {
    "transformers": ("torch", "transformers", "tokenizers"),
    "onnx": ("onnxruntime", "tokenizers"),
    "static": ("model2vec", "tokenizers"),
    "timm": ("torch", "timm", "torchvision", "pillow"),
    "torchvision": ("torch", "torchvision", "pillow"),
    "open_clip": ("torch", "open_clip_torch", "torchvision", "pillow"),
    "torch": ("torch", "pillow"),
}
"""What features may differ by in their last digits from version to version, by kind of encoder.

Not what happens to be loaded: another model of the same command would then change the bytes, and a store
begun beside it could not be gone on with alone. What a user's own code uses is not known."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Encoding:
    """One feature set made, or found."""

    name: str
    """What reports call it."""
    folder: Path
    """Its store."""
    rows: int
    """Rows encoded."""
    fresh: int
    """Those of them that were encoded now."""
    skipped: tuple[tuple[str, str], ...]
    """Id of each row left out, by whoever read the rows or by the encoder, and why."""


def encode(
    raw: RawRows,
    specs: Sequence[ModelSpec],
    config: RawConfig,
    allow_code: Collection[str] = (),
    *,
    progress: Progress | None = None,
    check: Callable[[Encoder], None] | None = None,
) -> list[Encoding]:
    """Encode rows with every model named."""
    tell = progress or (lambda _what, _share: None)
    if not len(raw.items):
        raise DataError("there are no rows to encode", raw.source)
    by_name: dict[str, ModelSpec] = {}
    for spec in specs:
        if by_name.setdefault(spec.name, spec) != spec:
            raise ConfigError(f"two models are called {spec.name!r}", "--model", "Name them: small=MODEL.")
    groups = grouped(specs)
    done: dict[tuple[str, str, int | None], Encoding] = {}
    for place, group in enumerate(groups):
        names = ", ".join(spec.name for spec in group)
        tell(f"loading {names}", place / len(groups))

        def advance(share: float, place: int = place, names: str = names) -> None:
            tell(f"encoding with {names}", (place + share) / len(groups))

        encoder = load_encoder(group, config, allow_code, raw.kind, raw.items[:1])
        try:
            if encoder.input not in ("any", raw.kind):
                raise ConfigError(
                    f"{names} reads {encoder.input}s, the rows are {raw.kind}s",
                    raw.source,
                    "Name another model.",
                )
            encodings = _encode_group(raw, encoder, config, advance, check)
        finally:
            encoder.close()
        done |= {
            (spec.kind, spec.model, spec.layer): made for spec, made in zip(group, encodings, strict=True)
        }
    tell("encoded", 1.0)
    return [replace(done[spec.kind, spec.model, spec.layer], name=spec.name) for spec in specs]


def _encode_group(
    raw: RawRows,
    encoder: Encoder,
    config: RawConfig,
    advance: Callable[[float], None],
    check: Callable[[Encoder], None] | None,
) -> list[Encoding]:
    with ExitStack() as stack:
        opened: dict[str, StoreWriter] = {}
        # In one order everywhere: two processes that name layers differently must not wait for each other.
        for identity in sorted(encoder.identities, key=lambda one: one.digest):
            folder = cached_store(identity, raw.digest, config.dtype, SHARD_ROWS, on_damage=_log.warning)
            # Another process at the same rows and model: its shards are ours when it is done.
            writer = open_store(
                folder,
                identity,
                raw.digest,
                raw.ids,
                config.dtype,
                SHARD_ROWS,
                libraries=_libraries(identity.kind),
                wait=WAIT_S,
            )
            opened[identity.digest] = stack.enter_context(writer)
        writers = [opened[identity.digest] for identity in encoder.identities]
        todo = sorted({shard for writer in writers for shard in writer.missing()})
        fresh = [0] * len(writers)
        if todo and check is not None:
            check(encoder)
        for number, shard in enumerate(todo):
            span = writers[0].rows_of(shard)

            def advanced(share: float, number: int = number) -> None:
                advance((number + share) / len(todo))

            kept, matrices, skipped = _encode_rows(raw, span, encoder, config.on_error, advanced)
            for place, writer in enumerate(writers):
                if shard in writer.missing():
                    writer.write(shard, kept, matrices[place], skipped)
                    fresh[place] += len(kept)
        encodings = []
        for place, writer in enumerate(writers):
            manifest = writer.finish()
            if manifest.skipped and config.on_error == "fail":
                # Encoded before by someone who let rows go.
                raise _unreadable(*manifest.skipped[0], raw.source)
            left_out = (*raw.skipped, *manifest.skipped)
            encodings.append(Encoding("", writer.folder, manifest.rows, fresh[place], left_out))
        return encodings


def _encode_rows(
    raw: RawRows, span: slice, encoder: Encoder, on_error: str, advance: Callable[[float], None]
) -> tuple[np.ndarray, list[np.ndarray], list[tuple[str, str]]]:
    """Encode a stretch of rows: ids and features, in the encoder's order, and the rows that it left out."""
    ids = raw.ids[span]
    skipped: list[tuple[str, str]] = []

    def bad(row: int, reason: str) -> None:
        if on_error == "fail":
            raise _unreadable(str(ids[row]), reason, raw.source)
        skipped.append((str(ids[row]), reason))

    order = [np.arange(0)]
    matrices: list[list[np.ndarray]] = [[] for _ in encoder.identities]
    for positions, features in encoder.encode(raw.items[span], bad):
        order.append(positions)
        for parts, part in zip(matrices, features, strict=True):
            parts.append(part)
        advance(sum(map(len, order)) / len(ids))
    made = [
        # Where there is none to be had an empty one; never beside others, whose shape the store judges.
        np.concatenate(parts) if parts else np.zeros((0, identity.width), np.float32)
        for identity, parts in zip(encoder.identities, matrices, strict=True)
    ]
    return ids[np.concatenate(order)], made, skipped


def _libraries(kind: str) -> dict[str, str]:
    """Give the versions of what has a hand in the features of a kind of encoder, where they are known."""
    versions = {}
    for name in LIBRARIES.get(kind, ()):
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    return versions


def _unreadable(row: str, reason: str, source: str) -> DataError:
    return DataError(
        f"row {quoted([row])} cannot be read ({reason})",
        source,
        "Mend or remove it, or leave such rows out with --on-error skip.",
    )
