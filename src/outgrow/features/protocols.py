"""What an encoder is: raw rows in, one feature matrix per layer out, and an identity that says which.

An encoder chooses its own batches, devices and worker processes; whoever calls it gives it a stretch of rows
and collects what comes back in any order. Everything that changes a feature is in the identity, so that
features made in another way are never mistaken for these.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Int


@dataclass(frozen=True, kw_only=True)
class EncoderIdentity:
    """What made a feature set.

    Parameters
    ----------
    name : str
        The model as its makers call it, with the layer where it is not the last: "all-mpnet-base-v2@8".
    kind : str
        What loads it: "transformers", "onnx", "static", "timm", "torchvision", "open_clip", "torch",
        "callable".
    revision : str
        Commit, version, or sha256 of the weights: changes whenever the weights do.
    layer : str
        "last", "pre-logits", or the number of a hidden layer.
    width : int
        Features per row.
    pooling : str
        How tokens or places become one vector: "mean", "cls", "last" or "none".
    transform : str
        Everything else done to a row before and after the model, in words that change when it does.
    dtype : str
        Precision that the model computes in.
    licence : str or None
        As the model states it.
    """

    name: str
    kind: str
    revision: str
    layer: str
    width: int
    pooling: str
    transform: str
    dtype: str = "float32"
    licence: str | None = None

    @property
    def digest(self) -> str:
        """SHA-256 of everything that changes a feature: two identities of one digest are one encoder."""
        identity = {key: value for key, value in asdict(self).items() if key not in ("name", "licence")}
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


Encoded = tuple[Int[np.ndarray, " b"], tuple[Float32[np.ndarray, "b _"], ...]]
"""Positions of b rows in the stretch given, and their features, one matrix per identity."""

OnBad = Callable[[int, str], None]
"""Told the position of a row that cannot be read, and why; raises where the user wants no row left out."""


def finite_rows(
    positions: Int[np.ndarray, " b"], features: Float32[np.ndarray, "b d"], on_bad: OnBad
) -> Encoded:
    """Leave out, and tell of, rows whose features are not finite."""
    finite = np.isfinite(features).all(axis=1)
    for position in positions[~finite].tolist():
        on_bad(position, "its features are not finite numbers")
    return positions[finite], (features[finite],)


@runtime_checkable
class Encoder(Protocol):
    """Turns raw rows into features."""

    @property
    def input(self) -> str:
        """What rows are: "text", "image", or "any" for a user's own code."""
        ...

    @property
    def identities(self) -> tuple[EncoderIdentity, ...]:
        """One per layer asked for, all made in one pass."""
        ...

    def encode(self, items: Sequence[Any], on_bad: OnBad) -> Iterator[Encoded]:
        """Encode a stretch of rows.

        Parameters
        ----------
        items : sequence
            Texts or pairs of texts; or images, as paths or arrays of bytes (h, w) or (h, w, 3).
        on_bad : callable
            Told of every row that cannot be read; it is then left out.

        Yields
        ------
        tuple
            Positions and features of some rows, every readable row once, in an order of the encoder's own
            that is the same for the same rows.
        """
        ...

    def close(self) -> None:
        """Give back worker processes and memory; may be called twice."""
