"""Rows at hand are all dealt anew, sizes shrink in proportion, and names meet whatever their spelling."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outgrow.errors import DataError
from outgrow.reproductions.at_hand import LEAST, known_as, models_at_hand, nearest, scaled, sized
from outgrow.reproductions.by_level import cell_table, dimension_table
from outgrow.results import Estimate, Undefined
from outgrow.sweeps.sweep_outcome import PairDimensions


@pytest.fixture
def own(written, rng):
    views = {name: rng.standard_normal((200, width)) for name, width in (("one", 2), ("two", 3), ("big", 5))}
    for view in views.values():
        view[:, 0] = np.arange(200)

    def write(**columns):
        config = written(views, **columns)
        return config.model_copy(update={"weak": (config.weak[0], f"second={config.weak[1]}")})

    return write


def test_every_row_with_a_label_is_in_one_part(own):
    found = models_at_hand(own(label=["" if i % 10 == 0 else i / 7 for i in range(200)]), 0.25)
    assert found.pairs == (("one", "big"), ("second", "big"))
    train, test = (found.views["big"][rows, 0] for rows in (found.train, found.test))
    assert sorted([*train, *test]) == [i for i in range(200) if i % 10]
    assert (found.rows, len(found.test)) == (180, 45)
    assert found.notes == ("20 rows without labels were left out.",)
    np.testing.assert_allclose(found.truth[:, 0], test / 7)
    np.testing.assert_allclose(found.labels.draw(0.0, 0)[:, 0], train / 7)


def test_tests_that_the_user_names_come_first(own):
    label = [i / 7 for i in range(200)]
    config = own(label=label, part=["test" if i < 30 else "train" for i in range(200)])
    named = models_at_hand(config.model_copy(update={"split_column": "part"}), 0.25)
    assert sorted(named.views["one"][named.test, 0]) == list(range(30))
    assert len(models_at_hand(config.model_copy(update={"test": 10.0}), 0.25).test) == 10
    config = own(label=label, part=["train"] * 200)
    with pytest.raises(DataError, match="no row is left to test on"):
        models_at_hand(config.model_copy(update={"split_column": "part"}), 0.25)


@given(st.lists(st.integers(LEAST, 10**6), min_size=1, max_size=6), st.integers(10, 10**6))
def test_sizes_shrink_in_proportion_and_never_grow(sizes, rows):
    published = 200_000
    found = scaled(sizes, rows, published)
    assert list(found) == sorted(set(found)) and min(found) >= LEAST
    assert max(found) <= max(sizes)
    if rows >= published:
        assert found == tuple(sorted(set(sizes)))
    assert all(min(abs(size - each * min(1, rows / published)) for each in sizes) <= LEAST for size in found)


def test_the_held_size_is_the_nearest_in_ratio():
    assert nearest((100, 400, 3_000), 1_200) == 3_000 and nearest((100, 400, 3_000), 1_000) == 400
    assert sized((50, 10, 50), (1, 2), 2_000, 10, 100) == ((10, 50), 50)
    assert sized((), (100, 2_000, 9_000), 2_000, 50_000, 20_000) == ((100, 2_000, 9_000), 2_000)


@pytest.mark.parametrize(
    ("name", "published"),
    [("ResNet-18", "ResNet-18"), ("resnet_18", "ResNet-18"), ("clip b32", "CLIP-B/32"), ("resnet180", None)],
)
def test_names_are_known_in_any_spelling(name, published):
    assert known_as(name, ("ResNet-18", "CLIP-B/32")) == published


def test_tables_leave_gaps_where_there_is_nothing():
    bare = PairDimensions("w", "s", 4, 8, 4, 8, Undefined("too few rows", ""), None, None, None)
    full = PairDimensions("v", "s", 4, 8, 4, 8, Estimate(3.0, (2.5, 3.5)), 3.1, 1.9, 2.0)
    columns = dimension_table((bare, full)).columns
    assert columns["d_sw"] == [None, 3.0] and columns["d_sw_by_d_w"] == [None, 0.75]
    assert columns["d_sw_low"] == [None, 2.5] and columns["its_chance_level"] == [None, 2.0]
    cells = {"quantity": np.array(["pgr", "opr"], dtype=object), "value": np.array([np.nan, 2.0])}
    assert cell_table(cells).columns == {"quantity": ["pgr", "opr"], "value": [None, 2.0]}
