"""A configuration that means the same from any folder, so that what was done can be done again."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from outgrow.config import TargetConfig, named_path
from outgrow.features.model_spec import anywhere

Labelled = TypeVar("Labelled", bound=TargetConfig)


def portable(config: Labelled) -> Labelled:
    """Make every path absolute; names, columns and models by name are kept."""
    entry = _whole if config.input is None else anywhere
    strong: str | tuple[str, ...] = dict(config)["strong"]
    update: dict[str, Any] = {
        "weak": tuple(map(entry, config.weak)),
        # A student that is not named is asked for by the verb, not looked for in this folder.
        "strong": tuple(entry(one) for one in strong)
        if isinstance(strong, tuple)
        else strong and entry(strong),
        "labels": config.labels and _absolute(config.labels),
        "pseudo_labels": tuple(
            _whole(one) if named_path(one)[1].suffix and named_path(one)[1].is_file() else one
            for one in config.pseudo_labels
        ),
    }
    if config.input is not None:
        update["input"] = _absolute(config.input) if Path(config.input).exists() else config.input
        update["tokenizer"] = config.tokenizer and _absolute(config.tokenizer)
    return config.model_copy(update=update)


def _whole(entry: str) -> str:
    name, path = named_path(entry)
    return f"{name}={path.absolute()}"


def _absolute(path: str) -> str:
    return str(Path(path).absolute())
