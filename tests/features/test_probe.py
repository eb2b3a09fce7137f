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


def longest(batch: list[list[float]]) -> int:
    return max(map(len, batch))


CASES: dict[str, tuple[Run, str, str, str]] = {
    "padding that leaks": (
        lambda batch: np.array([[np.sum(row) / longest(batch), np.mean(row)] for row in batch]),
        "text", "float32", "OG303",
    ),
    # Among the probe's own rows nothing leaks: only texts of 100 letters and more do.
    "a slight leak into short rows of long batches": (
        lambda batch: letters(batch) * (1 + 1e-2 * (longest(batch) > 100)), "text", "float32", "OG303",
    ),
    "the same, of pictures, which have no longer ones": (
        lambda batch: letters(batch) * (1 + 1e-2 * (longest(batch) > 100)), "image", "float32", "",
    ),
    "dependence on order alone": (
        lambda batch: letters(batch) - (letters(batch)[0] if len(batch) > 1 else 0),
        "image", "float32", "OG303",
    ),
    "rounding that float32 does not have": (
        lambda batch: letters(batch) * (1 + 4e-3 * (len(batch) > 1)), "text", "float32", "OG303",
    ),
    "rounding of low precision": (
        lambda batch: letters(batch) * (1 + 4e-3 * (len(batch) > 1)), "text", "bfloat16", "",
    ),
    "infinity": (
        lambda batch: np.where(letters(batch) > 0.8, np.inf, letters(batch)), "text", "float32", "OG304",
    ),
    "one vector for all": (lambda batch: np.ones((len(batch), 2)), "text", "float32", "OG305"),
    "nothing but zeros": (lambda batch: np.zeros((len(batch), 2)), "text", "float32", "OG305"),
    "a sound encoder of texts": (letters, "text", "float32", ""),
    "a sound encoder of pictures": (letters, "image", "float32", ""),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_cannot_be_trusted_is_found_and_nothing_else(case: str) -> None:
    run, reads, dtype, code = CASES[case]
    checks = probe(Letters(run, input=reads, dtype=dtype), TEXTS)
    assert [check.code for check in checks] == ([code] if code else [])
    if code == "OG303":
        assert "letters: the same rows in other batches differ by" in checks[0].detail


def test_randomness_is_found_and_batches_are_then_not_compared(rng: np.random.Generator) -> None:
    noisy = Letters(lambda batch: letters(batch) * rng.choice([0, 2], size=(len(batch), 2)))
    assert codes(noisy) == ["OG302"]


def test_unreadable_rows_are_left_out_and_none_readable_is_an_error() -> None:
    assert codes(Letters(letters), ["", *TEXTS, ""]) == []
    assert codes(Letters(letters), [(text, text[::-1] + "x") for text in TEXTS]) == []
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
