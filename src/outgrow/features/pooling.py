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
    """Make one vector of each text's tokens.

    Parameters
    ----------
    tokens : array or torch.Tensor
        (b, t, d) vectors.
    mask : array or torch.Tensor
        (b, t): 1 for a token, 0 for padding, on either side.
    how : {"mean", "cls", "last", "max"}
        What is taken.

    Returns
    -------
    array or torch.Tensor
        (b, d), of the kind and precision given; sums of less than float32 are taken in float32.

    Raises
    ------
    ConfigError
        When the pooling has another name.

    Examples
    --------
    >>> import numpy as np
    >>> tokens, mask = np.array([[[1.0], [3.0], [9.0]]]), np.array([[1, 1, 0]])
    >>> [float(pool(tokens, mask, how)[0, 0]) for how in ("mean", "cls", "last", "max")]
    [2.0, 1.0, 3.0, 3.0]
    """
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
    """Scale vectors to length 1.

    Parameters
    ----------
    vectors : array or torch.Tensor
        (b, d) vectors.

    Returns
    -------
    array or torch.Tensor
        (b, d); vectors shorter than 1e-12, the bound sentence-transformers has, are divided by that.

    Examples
    --------
    >>> import numpy as np
    >>> unit_length(np.array([[3.0, 4.0]])).tolist()
    [[0.6, 0.8]]
    """
    xp = array_api_compat.array_namespace(vectors)
    norm = xp.sqrt(xp.sum(vectors * vectors, axis=1, keepdims=True))
    return vectors / xp.clip(norm, min=1e-12)
