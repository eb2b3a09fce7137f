"""How a user names a model: [NAME=][KIND:]MODEL[@LAYER], and which encoder that means.

"mpnet@8" is the eighth hidden layer of a text model, "small=timm:resnet18" an image model called small in
reports, "callable:pkg.module:function" the user's own code. Models that differ in their layer only are loaded
once and run in one pass.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from outgrow.config import RawConfig
from outgrow.errors import ConfigError
from outgrow.features.protocols import Encoder

Kind = Literal["text", "onnx", "static", "timm", "torchvision", "open_clip", "callable"]
"""What loads a model; "text" is any sentence-transformers or transformers model."""

IMAGES = ("timm", "torchvision", "open_clip")

MODES = {"text": ("text", "onnx", "static", "callable"), "image": (*IMAGES, "callable")}
"""Kinds that read each kind of rows; the first is meant where none is named."""

HEAD = re.compile(rf"(?:([^=/:@]+)=)?(?:({'|'.join(get_args(Kind))}):)?")
"""What may stand before the model: [NAME=][KIND:]."""


@dataclass(frozen=True)
class ModelSpec:
    """One model as named."""

    name: str
    """What reports call its features."""
    kind: Kind
    """What loads it."""
    model: str
    """Name, folder, file or code."""
    layer: int | None = None
    """Hidden layer; None for what the model gives at its end."""


def _parts(entry: str) -> tuple[str, str]:
    """Split an entry into what stands before the model, and the model; what exists as it stands is a path."""
    end = 0 if _exists(entry) else HEAD.match(entry).end()  # type: ignore[union-attr]
    return entry[:end], entry[end:]


def parse_model(entry: str, rows: str) -> ModelSpec:
    """Read one model's name."""
    head, model = _parts(entry)
    name, kind = HEAD.fullmatch(head).groups()  # type: ignore[union-attr]
    if kind is None:
        onnx, static = model.endswith(".onnx"), _is_static(Path(model))
        kind = MODES[rows][0] if rows != "text" else "onnx" if onnx else "static" if static else "text"
    if kind not in MODES[rows]:
        raise ConfigError(
            f"{kind} models do not read {rows}s", entry, f"Use one of {', '.join(MODES[rows])}."
        )
    layer = None
    base, at, number = model.rpartition("@")
    # A folder on the way may have "@" in its name, and so may the model's own.
    if at and kind == "text" and "/" not in number and not Path(model).expanduser().is_dir():
        if not number.lstrip("-").isdigit():
            raise ConfigError(f"the layer {number!r} is not a number", entry, "Name it as MODEL@8.")
        model, layer = base, int(number)
    if not model:
        raise ConfigError("no model is named", entry or "--model", "Give a name or a folder.")
    short = Path(model).name or model
    return ModelSpec(name or (f"{short}@{layer}" if layer is not None else short), kind, model, layer)  # type: ignore[arg-type]


def _is_static(path: Path) -> bool:
    # Published models say so in their configuration; those that model2vec saves only list it as their step.
    marks = {"config.json": "model2vec", "modules.json": "StaticEmbedding"}
    try:
        return any(
            (path / name).is_file() and mark in (path / name).read_text(encoding="utf-8")[:4096]
            for name, mark in marks.items()
        )
    except (OSError, UnicodeDecodeError):
        return False


def grouped(specs: Iterable[ModelSpec]) -> list[list[ModelSpec]]:
    """Put models together that one pass of one model serves."""
    groups: dict[tuple[str, str], dict[int | None, ModelSpec]] = {}
    for spec in specs:
        groups.setdefault((spec.kind, spec.model), {}).setdefault(spec.layer, spec)
    return [list(group.values()) for group in groups.values()]


def load_encoder(
    specs: Collection[ModelSpec],
    config: RawConfig,
    allow_code: Collection[str],
    rows: str,
    sample: Sequence[Any] = (),
) -> Encoder:
    """Load the model of one group; code of others runs where it was allowed by name on this command line."""
    first = next(iter(specs))
    if first.kind == "text":
        from outgrow.features.text_model import TextEncoder

        return TextEncoder(
            first.model,
            [spec.layer for spec in specs],
            pooling=config.pooling,
            max_length=config.max_length,
            dtype=config.precision,
            device=config.device,
            trust_remote_code=first.model in allow_code,
        )
    if first.kind == "onnx":
        from outgrow.features.onnx_model import OnnxEncoder

        pooling = "mean" if config.pooling == "auto" else config.pooling
        return OnnxEncoder(first.model, config.tokenizer, pooling=pooling, max_length=config.max_length)
    if first.kind == "static":
        from outgrow.features.static_model import StaticEncoder

        return StaticEncoder(first.model)
    if first.kind == "callable":
        from outgrow.features.callable_model import CallableEncoder

        return CallableEncoder(first.model, allow_code, sample=sample, reads=rows)
    from outgrow.features.image_model import image_encoder

    return image_encoder(
        first.kind, first.model, workers=config.workers, dtype=config.precision, device=config.device
    )


def anywhere(entry: str) -> str:
    """Make a model's path absolute, where it is one, so that a run can be repeated from anywhere."""
    head, model = _parts(entry)
    base, at, layer = model.rpartition("@")
    end = f"@{layer}" if at and layer.lstrip("-").isdigit() and not _exists(model) else ""
    path = base if end else model
    return f"{head}{Path(path).absolute()}{end}" if path and _exists(path) else entry


def _exists(path: str) -> bool:
    # Path.exists raises where a name is too long to be one.
    return os.path.exists(path)  # noqa: PTH110
