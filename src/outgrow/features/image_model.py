"""Published vision models by name: timm, torchvision and open_clip, with pooled features and own transforms.

Only the loading is here; what is loaded runs as any torch module does. Weights come as safetensors where the
library has them so, and else through torch's weights-only loader: no file is unpickled.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from outgrow.data.files import first_line
from outgrow.errors import ConfigError
from outgrow.features.extras import need
from outgrow.features.torch_module import TorchEncoder

EXTRAS = {"timm": "timm", "torchvision": "timm", "open_clip": "open-clip"}
"""The extra that brings each library."""

Loaded = tuple[Any, Callable[[Any], Any], dict[str, Any]]
"""A torch module, its transform, and more options of `TorchEncoder`."""

CLASSIFIERS = ("classifier", "fc", "head", "heads")
"""Where torchvision's models keep what turns features into classes."""


def image_encoder(kind: str, name: str, **options: Any) -> TorchEncoder:
    """Load a published vision model; options are those of `TorchEncoder`."""
    need("vision", "torch", "PIL.Image")
    model = f"{kind}:{name}"
    try:
        module, transform, loaded = _LOADERS[kind](name)
    except ConfigError:
        raise
    except ImportError as error:
        raise ConfigError(
            f"{kind} cannot be imported ({first_line(error)})",
            model,
            f"Install it: pip install 'outgrow[{EXTRAS[kind]}]'.",
        ) from error
    except Exception as error:  # what the libraries raise for wrong names, no network and damaged files
        raise ConfigError(
            f"cannot be loaded ({first_line(error)})",
            model,
            f"Check the name and the network; weights were looked for in {_caches(kind)}.",
        ) from error
    return TorchEncoder(module, transform, name=name, kind=kind, **loaded, **options)


def _load_timm(name: str) -> Loaded:
    import timm
    import timm.data

    # timm takes safetensors where a model has them, and loads anything else with weights_only.
    module = timm.create_model(name, pretrained=True, num_classes=0)
    settings = timm.data.resolve_model_data_config(module)
    transform = timm.data.create_transform(**settings, is_training=False)
    known = getattr(module, "pretrained_cfg", None) or {}
    pooling = getattr(module, "global_pool", None)
    return (
        module,
        transform,
        {
            "transform_words": ", ".join(f"{key} {settings[key]}" for key in sorted(settings)),
            # Some models have a module there, whose print is long and no name.
            "pooling": pooling if isinstance(pooling, str) else "model's own",
            "licence": known.get("license"),
        },
    )


def _load_torchvision(name: str) -> Loaded:
    import torch
    from torchvision import models

    weights = models.get_model_weights(name).DEFAULT
    # check_hash: an interrupted or changed download is noticed. torchvision loads state dictionaries only.
    module = models.get_model(name, weights=None)
    module.load_state_dict(weights.get_state_dict(progress=False, check_hash=True, weights_only=True))
    place = next((attribute for attribute in CLASSIFIERS if hasattr(module, attribute)), "")
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
    words = _plain(f"{weights}: {transform}")
    return module, transform, {"transform_words": words, "pooling": "model's own"}


def _load_open_clip(name: str) -> Loaded:
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
    return model.visual, transform, {"transform_words": _plain(words), "pooling": "image tower"}


_LOADERS: dict[str, Callable[[str], Loaded]] = {
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
