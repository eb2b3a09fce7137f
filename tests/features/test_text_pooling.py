"""Pooling: equal to a plain loop, for padding on either side, in numpy and in torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from outgrow.errors import ConfigError
from outgrow.features.pooling import pool, unit_length

LOOPS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "mean": lambda rows: rows.mean(axis=0),
    "cls": lambda rows: rows[0],
    "last": lambda rows: rows[-1],
    "max": lambda rows: rows.max(axis=0),
}


def masks(lengths: list[int], width: int, side: str) -> np.ndarray:
    places = np.arange(width)
    real = [places < n if side == "right" else places >= width - n for n in lengths]
    return np.array(real, dtype=np.int64)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("how", list(LOOPS))
def test_equals_a_loop_over_the_real_tokens(rng: np.random.Generator, how: str, side: str) -> None:
    tokens = rng.normal(size=(4, 6, 3))
    mask = masks([6, 1, 3, 5], 6, side)
    wanted = np.array([LOOPS[how](row[real == 1]) for row, real in zip(tokens, mask, strict=True)])
    np.testing.assert_allclose(pool(tokens, mask, how), wanted, rtol=1e-12)


@pytest.mark.parametrize("how", list(LOOPS))
def test_torch_equals_numpy(rng: np.random.Generator, how: str, needs: Callable[..., None]) -> None:
    needs("torch")
    import torch

    tokens, mask = rng.normal(size=(4, 6, 3)), masks([6, 1, 3, 5], 6, "left")
    found = pool(torch.from_numpy(tokens), torch.from_numpy(mask), how)
    np.testing.assert_allclose(found.numpy(), pool(tokens, mask, how), rtol=1e-12)


def test_sums_of_half_precision_are_taken_in_float32(needs: Callable[..., None]) -> None:
    needs("torch")
    import torch

    # 300 ones: in bfloat16 a running sum stands still at 256.
    tokens, mask = torch.ones(1, 300, 2, dtype=torch.bfloat16), torch.ones(1, 300, dtype=torch.int64)
    found = pool(tokens, mask, "mean")
    assert found.dtype == torch.bfloat16
    assert found.tolist() == [[1.0, 1.0]]


def test_unit_length_leaves_zeros_finite() -> None:
    found: Any = unit_length(np.array([[3.0, 4.0], [0.0, 0.0]]))
    assert found.tolist() == [[0.6, 0.8], [0.0, 0.0]]


def test_unknown_pooling_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"unknown pooling 'median'\. Use one of mean, cls, last, max\."):
        pool(np.zeros((1, 1, 1)), np.ones((1, 1), dtype=np.int64), "median")
