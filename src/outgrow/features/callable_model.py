"""The user's own function as an encoder: imported only where its very name was allowed on this command line.

A name in a configuration or a run folder is a claim by whoever wrote it; nothing is imported on its word.
What the function gives is checked at every call: one row per item, one width throughout, finite numbers.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from jaxtyping import Float32, Int

from outgrow.errors import ConfigError, DataError
from outgrow.features.protocols import Encoded, EncoderIdentity, OnBad, finite_rows

BATCH_SIZE = 256
"""Items given at a time: enough for a function that works in batches, little enough to be read at leisure."""

NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")
"""pkg.module:function, and nothing else that an import might be talked into."""


class CallableEncoder:
    """A function of the user's as an encoder."""

    def __init__(
        self, name: str, allowed: Collection[str], *, sample: Sequence[Any] = (), reads: str = "any"
    ) -> None:
        self.input = reads
        module, self._function = _imported(name, allowed)
        width = getattr(self._function, "width", None)
        if width is None:
            if not len(sample):
                raise ConfigError(
                    "the width of its features is not known before it is called",
                    name,
                    "Give the function an attribute: function.width = 384.",
                )
            width = _call(self._function, list(sample[:1]), name).shape[1]
        if isinstance(width, bool) or not isinstance(width, int) or width < 1:
            raise ConfigError(f"its width is {width!r}", name, "Give a whole number above 0.")
        identity = EncoderIdentity(
            name=name,
            kind="callable",
            revision=_revision(module, name),
            layer="last",
            width=width,
            pooling="none",
            transform=name,
        )
        self.identities = (identity,)

    def encode(self, items: Sequence[Any], on_bad: OnBad) -> Iterator[Encoded]:
        """Encode items as given, `BATCH_SIZE` at a time."""
        identity = self.identities[0]
        for start in range(0, len(items), BATCH_SIZE):
            batch = list(items[start : start + BATCH_SIZE])
            positions = np.arange(start, start + len(batch))
            try:
                features = _call(self._function, batch, identity.name)
            except ConfigError as error:
                batch, positions = self._sound(batch, start, on_bad, error)
                features = _call(self._function, batch, identity.name)
            if features.shape[1] != identity.width:
                raise DataError(
                    f"gave {features.shape[1]} features per row, and {identity.width} before",
                    identity.name,
                    "Give one width.",
                )
            yield finite_rows(positions, features, on_bad)

    def _sound(
        self, batch: list[Any], start: int, on_bad: OnBad, error: ConfigError
    ) -> tuple[list[Any], Int[np.ndarray, " b"]]:
        """Find the items on which the function fails: one damaged picture must not hide behind 255 others."""
        bad: dict[int, str] = {}
        for place, item in enumerate(batch):
            try:
                self._function([item])
            except Exception as fault:  # the user's own code runs here
                bad[place] = " ".join(f"{type(fault).__name__}: {fault}".split())
        if len(bad) in (0, len(batch)):
            raise error  # not one item's fault
        for place, reason in bad.items():
            on_bad(start + place, reason)
        kept = [place for place in range(len(batch)) if place not in bad]
        return [batch[place] for place in kept], np.array(kept, dtype=np.int64) + start

    def close(self) -> None:
        """Do nothing: the function belongs to the user."""


def _imported(name: str, allowed: Collection[str]) -> tuple[ModuleType, Callable[[list[Any]], Any]]:
    if name not in allowed:
        raise ConfigError(
            "this code was not allowed to run",
            name,
            f"If you trust it, add: --allow-code {name}",
        )
    if NAME.fullmatch(name) is None:
        raise ConfigError("is not the name of a function", name, "Write it as pkg.module:function.")
    place, _, attribute = name.partition(":")
    try:
        module = importlib.import_module(place)
    except Exception as error:  # the module's own code runs here
        raise ConfigError(
            f"cannot be imported ({type(error).__name__}: {error})", name, "Check the name and PYTHONPATH."
        ) from error
    function = getattr(module, attribute, None)
    if not callable(function):
        raise ConfigError(f"{place} has no function {attribute!r}", name, "Check the name.")
    return module, function


def _revision(module: ModuleType, name: str) -> str:
    try:
        source = inspect.getsourcefile(module)
        content = Path(source).read_bytes() if source else None
    except (TypeError, OSError):
        content = None
    if content is None:
        raise ConfigError(
            "its source cannot be read, so that a change would go unnoticed", name, "Use a .py file."
        )
    return hashlib.sha256(content).hexdigest()


def _call(function: Callable[[list[Any]], Any], items: list[Any], name: str) -> Float32[np.ndarray, "m d"]:
    try:
        given = function(items)
    except Exception as error:
        raise ConfigError(
            f"failed on {len(items)} items ({type(error).__name__}: {error})",
            name,
            "Try it on them by itself.",
        ) from error
    try:
        features = np.asarray(given)
        if features.dtype.kind not in "fiub":
            raise TypeError(features.dtype)
    except (TypeError, ValueError) as error:  # ragged lists
        raise DataError("gave no array of numbers", name, "Give an array (items, features).") from error
    if features.ndim != 2 or len(features) != len(items) or features.shape[1] == 0:
        raise DataError(
            f"gave an array of shape {features.shape} for {len(items)} items",
            name,
            f"Give ({len(items)}, features).",
        )
    # Too large for float32 becomes infinite here, and is then told as not finite.
    with np.errstate(over="ignore"):
        return features.astype(np.float32)
