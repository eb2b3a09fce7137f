"""The probe finds dropout, batch norm in training mode and leaking padding, and lets sound encoders pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from outgrow.errors import DataError
from outgrow.features.probe import probe
from outgrow.features.protocols import Encoded, EncoderIdentity, OnBad

TEXTS = ["a film", "dull", "one of the year's best films, by far", "it never ends", "fine work"]
Run = Callable[[list[list[float]]], np.ndarray]


def letters(batch: list[list[float]]) -> np.ndarray:
    """Mean and sum of squares of the letters: a sound encoder."""
    return np.array([[np.mean(row), np.sum(np.square(row)) / len(row)] for row in batch])


@dataclass
class Letters:
    """An encoder over the letters' numbers, in batches of a given size."""

    run: Run
    size: int = 3
    dtype: str = "float32"
    input: str = "text"

    @property
    def identities(self) -> tuple[EncoderIdentity, ...]:
        return (
            EncoderIdentity(
                name="letters", kind="callable", revision="1", layer="last", width=2, pooling="mean",
                transform="", dtype=self.dtype,
            ),
        )  # fmt: skip

    def encode(self, items: Sequence[Any], on_bad: OnBad) -> Iterator[Encoded]:
        good = [place for place, item in enumerate(items) if item]
        for place in set(range(len(items))) - set(good):
            on_bad(place, "is empty")
        for start in range(0, len(good), self.size):
            part = good[start : start + self.size]
            rows = [[ord(letter) / 128 for letter in "".join(items[place])] for place in part]
            yield np.array(part), (self.run(rows).astype(np.float32),)

    def close(self) -> None:
        pass


def codes(encoder: Any, items: Sequence[Any] = TEXTS) -> list[str]:
    return [check.code for check in probe(encoder, items)]


def test_a_sound_encoder_raises_nothing() -> None:
    assert codes(Letters(letters)) == []
    assert codes(Letters(letters), [(text, text[::-1] + "x") for text in TEXTS]) == []
    assert codes(Letters(letters, input="image")) == []


def test_randomness_is_found_and_batches_are_then_not_compared(rng: np.random.Generator) -> None:
    noisy = Letters(lambda batch: letters(batch) * rng.choice([0, 2], size=(len(batch), 2)))
    assert codes(noisy) == ["OG302"]


def test_padding_that_leaks_is_found() -> None:
    def leak(batch: list[list[float]]) -> np.ndarray:
        longest = max(map(len, batch))
        return np.array([[np.sum(row) / longest, np.mean(row)] for row in batch])

    checks = probe(Letters(leak), TEXTS)
    assert [check.code for check in checks] == ["OG303"]
    assert "letters: the same rows in other batches differ by" in checks[0].detail


def test_a_slight_leak_into_short_rows_of_long_batches_is_found_only_by_longer_texts() -> None:
    # Among the probe's own rows nothing leaks: only texts of 100 letters and more do.
    def leak(batch: list[list[float]]) -> np.ndarray:
        return letters(batch) * (1 + 1e-2 * (max(map(len, batch)) > 100))

    assert codes(Letters(leak)) == ["OG303"]
    assert codes(Letters(leak, input="image")) == []


def test_dependence_on_order_alone_is_found() -> None:
    def first(batch: list[list[float]]) -> np.ndarray:
        return letters(batch) - (letters(batch)[0] if len(batch) > 1 else 0)

    assert codes(Letters(first, input="image")) == ["OG303"]


def test_not_finite_and_constant_features_are_found() -> None:
    def broken(batch: list[list[float]]) -> np.ndarray:
        return np.where(letters(batch) > 0.8, np.inf, letters(batch))

    assert codes(Letters(broken)) == ["OG304"]
    assert codes(Letters(lambda batch: np.ones((len(batch), 2)))) == ["OG305"]
    assert codes(Letters(lambda batch: np.zeros((len(batch), 2)))) == ["OG305"]


def test_rounding_of_low_precision_passes_where_float32_would_not() -> None:
    def rounded(batch: list[list[float]]) -> np.ndarray:
        return letters(batch) * (1 + 4e-3 * (len(batch) > 1))

    assert codes(Letters(rounded)) == ["OG303"]
    assert codes(Letters(rounded, dtype="bfloat16")) == []


def test_unreadable_rows_are_left_out_and_none_readable_is_an_error() -> None:
    assert codes(Letters(letters), ["", *TEXTS, ""]) == []
    with pytest.raises(DataError, match="letters: none of the rows to probe with can be read"):
        probe(Letters(letters), ["", ""])


def test_batch_norm_in_training_mode_is_found(needs: Callable[..., None]) -> None:
    needs("torch")
    import torch

    norm = torch.nn.BatchNorm1d(2, momentum=None)

    def run(batch: list[list[float]]) -> np.ndarray:
        rows = torch.from_numpy(letters(batch).astype(np.float32))
        if norm.training and len(rows) == 1:
            return rows.numpy()  # torch itself refuses a single row
        return norm(rows).detach().numpy()

    assert codes(Letters(run, input="image")) == ["OG303"]
    norm.eval()
    assert codes(Letters(run, input="image")) == []
