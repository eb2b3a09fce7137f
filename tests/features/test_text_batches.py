"""Batches by tokens: nothing lost, nothing twice, budgets kept, halving where memory runs out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outgrow.errors import OutgrowError
from outgrow.features.text_batches import (
    Budget,
    halving,
    mask_of,
    padded,
    readable_texts,
    token_batches,
)

LENGTHS = st.lists(st.integers(0, 40), min_size=1, max_size=80)


@given(LENGTHS, st.integers(1, 200))
def test_every_row_is_in_exactly_one_batch_and_budgets_are_kept(lengths: list[int], budget: int) -> None:
    sizes = np.array(lengths)
    batches = list(token_batches(sizes, Budget(budget)))
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * sizes[batch].max() <= budget


def test_rows_of_one_length_share_batches_without_padding() -> None:
    sizes = np.repeat([7, 5, 3], 40)
    batches = list(token_batches(sizes, Budget(70)))
    assert all(len(set(sizes[batch])) == 1 for batch in batches)
    assert sizes[batches[0]][0] == 7  # the longest first


def test_a_lowered_budget_holds_for_the_batches_that_follow() -> None:
    budget = Budget(40)
    found = []
    for batch in token_batches(np.full(12, 10), budget):
        found.append(len(batch))
        budget.size = 20
    assert found == [4, 2, 2, 2, 2]


def test_padding_and_mask_agree() -> None:
    assert padded([[1, 2, 3], [4]], 9).tolist() == [[1, 2, 3], [4, 9, 9]]
    assert mask_of(np.array([3, 1])).tolist() == [[1, 1, 1], [1, 0, 0]]


def test_rows_that_are_no_texts_are_reported_by_position() -> None:
    bad: dict[int, str] = {}
    items = ["good", None, "lone \ud800", ("a", "b"), "Grüße", 3.5]
    positions, texts, seconds = readable_texts(items, bad.__setitem__)
    assert positions == [0, 4]
    assert texts == ["good", "Grüße"]
    assert seconds is None
    assert bad == {
        1: "is NoneType, not a text or a pair of texts",
        2: "holds a lone surrogate: not valid Unicode",
        3: "is a pair among single texts",
        5: "is float, not a text or a pair of texts",
    }


def test_pairs_are_split_into_firsts_and_seconds() -> None:
    bad: dict[int, str] = {}
    positions, texts, seconds = readable_texts([("a", "b"), ["c", "d"], "e", ("f", 1)], bad.__setitem__)
    assert (positions, texts, seconds) == ([0, 1], ["a", "c"], ["b", "d"])
    assert sorted(bad) == [2, 3]


def test_halves_what_does_not_fit_and_keeps_the_order(caplog: pytest.LogCaptureFixture) -> None:
    tried: list[int] = []

    def run(part: np.ndarray) -> np.ndarray:
        tried.append(len(part))
        if len(part) > 2:
            raise MemoryError
        return part * 10.0

    budget = Budget(40)
    batches = [np.arange(7), np.arange(7, 11)]
    found = list(halving(batches, run, MemoryError, budget, "mini"))
    assert np.concatenate([part for part, _ in found]).tolist() == list(range(11))
    assert all((features == part * 10).all() for part, features in found)
    # What is as large as what failed is not tried again.
    assert tried == [7, 4, 2, 2, 3, 2, 1, 2, 2]
    assert budget.size == 5
    assert caplog.messages[-1] == "mini: out of memory with 3 rows: going on with batches of 5 tokens"


def test_a_row_that_never_fits_is_an_error_and_others_are_not_caught() -> None:
    def run(part: np.ndarray) -> np.ndarray:
        raise (MemoryError if len(part) < 3 else ValueError)

    with pytest.raises(OutgrowError, match="mini: a single row does not fit into the device's memory"):
        list(halving([np.arange(2)], run, MemoryError, Budget(4), "mini"))
    with pytest.raises(ValueError):
        list(halving([np.arange(3)], run, MemoryError, Budget(4), "mini"))
