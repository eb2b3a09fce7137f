"""From one vector per token to one per text, paying heed to which places are padding.

The same names mean the same sums for torch tensors here and for arrays of ONNX models; padding may stand on
either side.
"""

from __future__ import annotations

from typing import Any, Literal

import array_api_compat

from outgrow.errors import ConfigError

Pooling = Literal["mean", "cls", "last", "max"]
"""Mean over tokens, first token, last token, largest value of each feature over tokens."""


def pool(tokens: Any, mask: Any, how: str) -> Any:
    """Make one vector of each text's tokens."""
    xp = array_api_compat.array_namespace(tokens, mask)
    if how == "mean":
        precise = xp.astype(tokens, xp.float32) if tokens.itemsize < 4 else tokens
        weights = xp.astype(mask, precise.dtype)[:, :, None]
        return xp.astype(xp.sum(precise * weights, axis=1) / xp.sum(weights, axis=1), tokens.dtype)
    if how == "max":
        outside = xp.asarray(-xp.inf, dtype=tokens.dtype, device=array_api_compat.device(tokens))
        return xp.max(xp.where((mask == 0)[:, :, None], outside, tokens), axis=1)
    if how not in ("cls", "last"):
        raise ConfigError(f"unknown pooling {how!r}", remedy="Use one of mean, cls, last, max.")
    # argmax finds the first token; of the mirrored mask, the last one.
    if how == "cls":
        place = xp.argmax(mask, axis=1)
    else:
        place = mask.shape[1] - 1 - xp.argmax(xp.flip(mask, axis=1), axis=1)
    rows = xp.arange(tokens.shape[0], device=array_api_compat.device(tokens))
    return tokens[rows, place]


def unit_length(vectors: Any) -> Any:
    """Scale vectors to length 1."""
    xp = array_api_compat.array_namespace(vectors)
    norm = xp.sqrt(xp.sum(vectors * vectors, axis=1, keepdims=True))
    return vectors / xp.clip(norm, min=1e-12)
