"""How a user names a model: [NAME=][KIND:]MODEL[@LAYER], and which encoder that means.

"mpnet@8" is the eighth hidden layer of a text model, "small=timm:resnet18" an image model called small in
reports, "callable:pkg.module:function" the user's own code. Models that differ in their layer only are loaded
once and run in one pass.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from outgrow.errors import ConfigError
from outgrow.features.protocols import Encoder

Kind = Literal["text", "onnx", "static", "timm", "torchvision", "open_clip", "callable"]
"""What loads a model; "text" is any sentence-transformers or transformers model."""

IMAGES = ("timm", "torchvision", "open_clip")

MODES = {"text": ("text", "onnx", "static", "callable"), "image": (*IMAGES, "callable")}
"""Kinds that read each kind of rows; the first is meant where none is named."""

HEAD = re.compile(rf"([^=/:@]+=)?(({'|'.join(get_args(Kind))}):)?")
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


@dataclass(frozen=True)
class EncoderOptions:
    """What else decides how models are loaded and run."""

    pooling: str = "auto"
    """ "auto", "mean", "cls" or "last", for text models."""
    max_length: int | None = None
    """Tokens after which texts are cut; None for the model's own limit."""
    tokenizer: str | None = None
    """Folder or file of the tokenizer of ONNX models."""
    precision: str = "float32"
    """ "float32", "bfloat16" or "auto"."""
    device: str = "auto"
    """ "auto", "cpu", "cuda", ..."""
    workers: int | None = None
    """Processes that decode images; None for one per core."""
    allow_code: tuple[str, ...] = ()
    """Callables that may be imported and models whose own code may run, named on this command line."""


def parse_model(entry: str, rows: str) -> ModelSpec:
    """Read one model's name."""
    name, model = "", entry
    # "=" is part of the model where what stands before it is a path or a kind.
    if (found := re.match(r"([^=/:@]+)=(.+)", entry, re.DOTALL)) and not Path(entry).exists():
        name, model = found.group(1), found.group(2)
    head, colon, rest = model.partition(":")
    kind: str = MODES[rows][0]
    if colon and head in get_args(Kind):
        kind, model = head, rest
    elif rows == "text" and model.endswith(".onnx"):
        kind = "onnx"
    elif rows == "text" and _is_static(Path(model)):
        kind = "static"
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
    specs: Collection[ModelSpec], options: EncoderOptions, rows: str, sample: Sequence[Any] = ()
) -> Encoder:
    """Load the model of one group."""
    first = next(iter(specs))
    if first.kind == "text":
        from outgrow.features.text_model import TextEncoder

        return TextEncoder(
            first.model,
            [spec.layer for spec in specs],
            pooling=options.pooling,
            max_length=options.max_length,
            dtype=options.precision,
            device=options.device,
            trust_remote_code=first.model in options.allow_code,
        )
    if first.kind == "onnx":
        from outgrow.features.onnx_model import OnnxEncoder

        pooling = "mean" if options.pooling == "auto" else options.pooling
        return OnnxEncoder(first.model, options.tokenizer, pooling=pooling, max_length=options.max_length)
    if first.kind == "static":
        from outgrow.features.static_model import StaticEncoder

        return StaticEncoder(first.model)
    if first.kind == "callable":
        from outgrow.features.callable_model import CallableEncoder

        return CallableEncoder(first.model, options.allow_code, sample=sample, reads=rows)
    from outgrow.features.image_model import image_encoder

    return image_encoder(
        first.kind, first.model, workers=options.workers, dtype=options.precision, device=options.device
    )


def anywhere(entry: str) -> str:
    """Make a model's path absolute, where it is one, so that a run can be repeated from anywhere."""
    head = HEAD.match(entry)
    # As `parse_model` has it: what exists as it stands is a path, whatever signs are in it.
    start = 0 if head is None or Path(entry).exists() else head.end()
    base, at, layer = entry.rpartition("@")
    layered = bool(at) and layer.lstrip("-").isdigit() and not Path(entry[start:]).exists()
    end = len(base) if layered else len(entry)
    there = Path(entry[start:end])
    if start >= end or not there.exists():
        return entry
    return entry[:start] + str(there.absolute()) + entry[end:]
