"""What a sentence-transformers folder says is done after the model: pooling, dense layers, normalisation.

The folder's modules.json names the steps in order. Those that make up nearly all published models are
followed here without importing sentence-transformers; any other one is refused by name, never skipped. A
plain transformers folder is pooled by the mean, as sentence-transformers itself would do.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from outgrow.errors import ConfigError, FileError, read_back
from outgrow.features.pooling import unit_length

Step = Callable[[Any], Any]

_POOLINGS = {"cls": "cls", "max": "max", "mean": "mean", "lasttoken": "last"}


@dataclass(frozen=True)
class Pipeline:
    """What surrounds the model."""

    folder: Path
    """Where the model itself is."""
    pooling: str
    """How tokens become one vector."""
    steps: tuple[tuple[str, Step], ...] = ()
    """What is done to the pooled vectors of the last layer, in order: in words, and by which function."""
    max_length: int | None = None
    """Tokens after which texts are cut."""
    lower: bool = False
    """Texts are put in lower case first."""
    prompt: str = ""
    """What is put before every text."""


def read_pipeline(folder: Path, device: str) -> Pipeline:
    """Read what a folder says is done around its model."""
    listed = folder / "modules.json"
    pipeline = Pipeline(folder, "mean")
    if not listed.exists():
        return pipeline
    with read_back(listed, "Fetch the model again."):
        for module in read_json(listed):
            kind, place = module["type"].rpartition(".")[2], folder / module["path"]
            if ".." in place.relative_to(folder).parts:  # which refuses absolute paths itself
                raise FileError(
                    f"{module['path']!r} leads out of the model's folder", str(listed), "Do not use it."
                )
            if kind == "Transformer":
                settings: dict[str, Any] = next(
                    map(read_json, sorted(place.glob("sentence_*_config.json"))), {}
                )
                length, lower = settings.get("max_seq_length"), bool(settings.get("do_lower_case"))
                pipeline = replace(pipeline, folder=place, max_length=length, lower=lower)
            elif kind == "Pooling":
                pipeline = replace(pipeline, pooling=_pooling(place / "config.json"))
            elif kind in ("Normalize", "Dense"):
                step = ("unit length", unit_length) if kind == "Normalize" else _dense(place, device)
                pipeline = replace(pipeline, steps=(*pipeline.steps, step))
            else:
                raise ConfigError(
                    f"the model's step {module['type']} is not one that is followed here",
                    str(listed),
                    "Name it as static:MODEL."
                    if kind == "StaticEmbedding"
                    else "Ask for a hidden layer (MODEL@LAYER), or use the model through a callable.",
                )
        return replace(pipeline, prompt=_prompt(folder))


def read_json(path: Path) -> Any:
    """Read one JSON file of a model."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise FileError("missing, or not JSON", str(path), "Fetch the model again.") from error


def _pooling(path: Path) -> str:
    settings = read_json(path)
    modes = settings.get("pooling_mode")
    if modes is None:
        # Before the modes had names, each had a switch: pooling_mode_mean_tokens, pooling_mode_lasttoken.
        switches = [key.removeprefix("pooling_mode_") for key, on in settings.items() if on is True]
        modes = [
            key.removesuffix("_tokens").removesuffix("_token") for key in switches if key != "include_prompt"
        ]
    modes = [modes] if isinstance(modes, str) else modes
    if len(modes) != 1 or modes[0] not in _POOLINGS:
        raise ConfigError(
            f"the model's pooling {', '.join(modes)} is not followed here",
            str(path),
            "Use a model that pools by mean, cls, last token or max.",
        )
    return _POOLINGS[modes[0]]


def _prompt(folder: Path) -> str:
    path = folder / "config_sentence_transformers.json"
    settings = read_json(path) if path.exists() else {}
    name = settings.get("default_prompt_name")
    prompt: str = settings.get("prompts", {}).get(name, "") if name else ""
    pooled = [read_json(one) for one in folder.glob("*_Pooling/config.json")]
    if prompt and any(one.get("include_prompt") is False for one in pooled):
        raise ConfigError(
            "the model leaves its prompt out of the pooling, which is not followed here",
            str(folder),
            "Use another model.",
        )
    return prompt


def _dense(folder: Path, device: str) -> tuple[str, Step]:
    import torch

    settings = read_json(folder / "config.json")
    activation = settings.get("activation_function", "torch.nn.modules.activation.Tanh")
    kind = getattr(torch.nn, activation.rpartition(".")[2], None)
    if not activation.startswith("torch.nn.") or kind is None or settings.get("use_residual"):
        raise ConfigError(
            f"the dense layer (activation {activation}) is not followed here",
            str(folder),
            "Use another model.",
        )
    layer = torch.nn.Linear(
        settings["in_features"], settings["out_features"], bias=settings.get("bias", True)
    )
    weights = folder / "model.safetensors"
    try:
        if weights.exists():
            from safetensors.torch import load_file

            state = load_file(weights)
        else:
            state = torch.load(folder / "pytorch_model.bin", map_location="cpu", weights_only=True)
        layer.load_state_dict({key.removeprefix("linear."): value for key, value in state.items()})
    except Exception as error:  # each loader has errors of its own; all of them mean a damaged file
        raise FileError(
            f"the weights of the dense layer cannot be loaded ({type(error).__name__})",
            str(folder),
            "Fetch the model again.",
        ) from error
    words = f"dense {settings['in_features']}x{settings['out_features']} {kind.__name__}"
    return words, torch.nn.Sequential(layer, kind()).eval().to(device)
