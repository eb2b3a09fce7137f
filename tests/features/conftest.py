"""What tests of encoders share: rows encoded in order, and a transform that worker processes can import."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from outgrow.features.pictures import SplitTransform
from outgrow.features.protocols import Encoder

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@pytest.fixture(scope="session")
def encoded() -> Callable[..., list[np.ndarray]]:
    """Encode rows, none of which may be bad or come twice: one matrix per layer, in the rows' order."""

    def encode(encoder: Encoder, items: Sequence[Any]) -> list[np.ndarray]:
        def refuse(position: int, why: str) -> None:
            raise AssertionError(f"row {position} {why}")

        out = [np.full((len(items), one.width), np.nan, np.float32) for one in encoder.identities]
        for positions, features in encoder.encode(items, refuse):
            for matrix, part in zip(out, features, strict=True):
                assert np.isnan(matrix[positions]).all(), "a row came twice"
                assert part.dtype == np.float32
                matrix[positions] = part
        return out

    return encode


@pytest.fixture(scope="session")
def sized(needs: Callable[..., None]) -> Callable[..., SplitTransform]:
    """Make a transform to pictures of one size, scaled as ImageNet's are."""
    needs("PIL")
    from PIL import ImageOps

    def make(size: int, mean: tuple[float, ...] = MEAN, std: tuple[float, ...] = STD) -> SplitTransform:
        return SplitTransform((partial(ImageOps.fit, size=(size, size)),), mean, std, f"fit {size}")

    return make


@pytest.fixture
def like_the_shared_data(
    shared_data: Path, encoded: Callable[..., list[np.ndarray]]
) -> Callable[[Encoder, str, int], None]:
    """Check that a layer of an encoder gives the features of reviews that others made with the same model."""

    def check(encoder: Encoder, name: str, place: int) -> None:
        import pyarrow.parquet as pq

        texts, known = (
            pq.read_table(shared_data / "movies" / f"{file}.parquet").slice(0, 100)
            for file in ("reviews", name)
        )
        assert texts["id"].to_pylist() == known["id"].to_pylist()
        wanted = np.stack(known["features"].to_numpy()).astype(np.float64)
        found = encoded(encoder, texts["text"].to_pylist())[place]
        cosine = (found * wanted).sum(1) / np.linalg.norm(found, axis=1) / np.linalg.norm(wanted, axis=1)
        assert cosine.min() > 0.999

    return check
