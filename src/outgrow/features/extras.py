"""What the optional libraries bring: whether they are there, and which device torch has."""

from __future__ import annotations

import importlib

from outgrow.data.files import first_line
from outgrow.errors import ConfigError


def need(extra: str, *modules: str) -> None:
    """Check that the modules of an extra can be imported."""
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise ConfigError(
                f"{module} cannot be imported ({first_line(error)})",
                remedy=f"Install it: pip install 'outgrow[{extra}]'.",
            ) from error


def device_of(device: str) -> str:
    """Choose a device of torch's, or check the one asked for."""
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(
            f"the device {device!r} cannot be used ({first_line(error)})",
            "--device",
            "Use cpu, or a torch built for the device.",
        ) from error
    return device
