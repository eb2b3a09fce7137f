"""Published vision models by name: timm, torchvision and open_clip, with pooled features and own transforms.

Only the loading is here; what is loaded runs as any torch module does. Weights come as safetensors where the
library has them so, and else through torch's weights-only loader: no file is unpickled.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outgrow.errors import ConfigError
from outgrow.features.pictures import need_pillow
from outgrow.features.torch_module import TorchEncoder, need_torch, torch_encoder

if TYPE_CHECKING:
    import torch

EXTRAS = {"timm": "timm", "torchvision": "timm", "open_clip": "open-clip"}
"""The extra that brings each library."""

CLASSIFIERS = ("classifier", "fc", "head", "heads")
"""Where torchvision's models keep what turns features into classes."""


@dataclass(frozen=True)
class _Loaded:
    module: torch.nn.Module
    transform: Callable[[Any], Any]
    words: str
    pooling: str
    licence: str | None


def image_encoder(
    model: str,
    *,
    batch_size: int | None = None,
    workers: int | None = None,
    device: str = "auto",
    dtype: str = "float32",
) -> TorchEncoder:
    """Load a published vision model."""
    kind, _, name = model.partition(":")
    load = _LOADERS.get(kind)
    if load is None:
        known = ", ".join(f"{library}:" for library in _LOADERS)
        raise ConfigError(f"no library {kind!r} is known", model, f"Use {known}.")
    if not name:
        raise ConfigError("no model is named", model, f"Write it as {kind}:NAME.")
    need_torch()
    need_pillow()
    try:
        loaded = load(name)
    except ConfigError:
        raise
    except ImportError as error:
        raise ConfigError(
            f"{kind} cannot be imported ({_line(error)})",
            model,
            f"Install it: pip install 'outgrow[{EXTRAS[kind]}]'.",
        ) from error
    except Exception as error:  # what the libraries raise for wrong names, no network and damaged files
        raise ConfigError(
            f"cannot be loaded ({_line(error)})",
            model,
            f"Check the name and the network; weights were looked for in {_caches(kind)}.",
        ) from error
    return torch_encoder(
        loaded.module,
        loaded.transform,
        name=name,
        transform_words=loaded.words,
        kind=kind,
        pooling=loaded.pooling,
        licence=loaded.licence,
        batch_size=batch_size,
        workers=workers,
        device=device,
        dtype=dtype,
    )


def _load_timm(name: str) -> _Loaded:
    import timm
    import timm.data

    # timm takes safetensors where a model has them, and loads anything else with weights_only.
    module = timm.create_model(name, pretrained=True, num_classes=0)
    settings = timm.data.resolve_model_data_config(module)
    transform = timm.data.create_transform(**settings, is_training=False)
    known = getattr(module, "pretrained_cfg", None) or {}
    return _Loaded(
        module,
        transform,
        ", ".join(f"{key} {settings[key]}" for key in sorted(settings)),
        str(getattr(module, "global_pool", "model's own")) if _is_word(module) else "model's own",
        known.get("license"),
    )


def _is_word(module: torch.nn.Module) -> bool:
    # Some models have a module there, whose print is long and no name.
    return isinstance(getattr(module, "global_pool", None), str)


def _load_torchvision(name: str) -> _Loaded:
    import torch
    from torchvision import models

    weights = models.get_model_weights(name).DEFAULT
    # check_hash: an interrupted or changed download is noticed. torchvision loads state dictionaries only.
    module = models.get_model(name, weights=None)
    module.load_state_dict(weights.get_state_dict(progress=False, check_hash=True, weights_only=True))
    place = next((found for found in CLASSIFIERS if hasattr(module, found)), "")
    layers = [name for name, part in module.named_modules() if isinstance(part, torch.nn.Linear)]
    last = next((name for name in reversed(layers) if name.split(".")[0] == place), None)
    if last is None:
        raise ConfigError(
            f"it is not known where torchvision's {name} keeps its classifier",
            f"torchvision:{name}",
            "Use a model of timm.",
        )
    # Only the last layer: what some models do before it (a norm, a flattening, a wider layer) makes features.
    parent, _, leaf = last.rpartition(".")
    setattr(module.get_submodule(parent), leaf, torch.nn.Identity())
    transform = weights.transforms()
    return _Loaded(module, transform, _plain(f"{weights}: {transform}"), "model's own", None)


def _load_open_clip(name: str) -> _Loaded:
    import open_clip

    architecture, _, pretrained = name.rpartition("/")
    if not architecture:
        raise ConfigError(
            "no weights are named", f"open_clip:{name}", "Write open_clip:ViT-B-32/laion2b_s34b_b79k."
        )
    model, _, transform = open_clip.create_model_and_transforms(
        architecture, pretrained=pretrained, weights_only=True
    )
    settings = getattr(model.visual, "preprocess_cfg", None)
    words = ", ".join(f"{key} {settings[key]}" for key in sorted(settings)) if settings else str(transform)
    return _Loaded(model.visual, transform, _plain(words), "image tower", None)


_LOADERS: dict[str, Callable[[str], _Loaded]] = {
    "timm": _load_timm,
    "torchvision": _load_torchvision,
    "open_clip": _load_open_clip,
}


def _caches(kind: str) -> Path:
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    if kind == "torchvision":
        return Path(os.environ.get("TORCH_HOME") or home / "torch") / "hub" / "checkpoints"
    hub = Path(os.environ.get("HF_HOME") or home / "huggingface") / "hub"
    return Path(os.environ.get("HF_HUB_CACHE") or hub)


def _plain(words: str) -> str:
    # Functions print with their address, which is another one in every process.
    return re.sub(r" at 0x[0-9a-f]+", "", " ".join(words.split()))


def _line(error: BaseException) -> str:
    line = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return line if len(line) <= 160 else line[:157] + "..."
