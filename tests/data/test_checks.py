"""Suspicions are raised where there is reason, and hardly ever where there is none."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from outgrow.data import (
    Split,
    draw_split,
    drawn_from_pool,
    read_features,
    same_content,
    suspicions,
)
from outgrow.data.checks import constant_columns, hotelling


def names(rows):
    """Give ids."""
    return np.array([f"r{i}" for i in range(rows)], dtype=object)


@pytest.mark.parametrize("mean", [0.0, 1000.0])
@pytest.mark.parametrize("width", [3, 400])
def test_copies_across_the_split_are_found_despite_last_digits(mean, width, rng):
    values = (rng.standard_normal((300, width)) + mean).astype(np.float32)
    split = Split(np.arange(50), np.arange(50, 200), np.arange(200, 300))
    assert same_content(values, names(300), split) is None
    # At a mean of 1000 spreads the last digit of a float32 is as large as the rounding: exact copies then.
    values[[210, 250]] = values[[7, 150]] * np.float32(1 if mean else 1 + 1e-7)
    values[20] = values[21]  # within the training rows: no harm
    check = same_content(values, names(300), split)
    assert check.code == "OG101"
    assert check.detail == "2 of 100 test rows are also trained on: 'r210 = r7', 'r250 = r150'"


def test_without_a_test_nothing_is_compared():
    split = Split(np.arange(2), np.arange(2, 4), np.arange(0))
    assert suspicions(np.ones((4, 2)), names(4), split) == ()


def test_hotelling_equals_the_regression_of_membership_on_features(rng):
    x, y = rng.standard_normal((40, 5)) + 0.2, rng.standard_normal((90, 5)) @ np.diag([1, 2, 3, 4, 5.0])
    both = np.column_stack([np.ones(130), np.concatenate([x, y])])
    member = np.repeat([1.0, 0.0], [40, 90])
    residual = member - both @ np.linalg.lstsq(both, member, rcond=None)[0]
    explained = 1 - residual @ residual / ((member - member.mean()) ** 2).sum()
    f = explained / 5 / ((1 - explained) / (130 - 5 - 1))
    t2, ours, p = hotelling(x, y)
    np.testing.assert_allclose(ours, f, rtol=1e-10)
    np.testing.assert_allclose(t2, f * 128 * 5 / 124, rtol=1e-10)
    np.testing.assert_allclose(p, stats.f.sf(f, 5, 124), rtol=1e-10)


def test_random_draws_hardly_ever_look_suspicious(rng):
    alarms = 0
    for _ in range(300):
        values = rng.standard_t(8, (400, 60)) * np.linspace(3, 0.1, 60)
        alarms += drawn_from_pool(values, np.arange(60), np.arange(60, 400), "OG102") is not None
    # .3 expected; more than 3 has a probability of 3e-4.
    assert alarms <= 3


def test_a_shifted_sample_is_seen(rng):
    values = rng.standard_normal((3000, 100)) * np.linspace(3, 0.1, 100)
    values[:200] += 0.15
    values[200:400, 0] += 1.5
    labelled, test, pool = np.arange(200), np.arange(200, 400), np.arange(400, 3000)
    check = drawn_from_pool(values, test, pool, "OG103")
    assert check.code == "OG103"
    assert "on 20 leading components of 200 and 2000 rows" in check.detail
    codes = [check.code for check in suspicions(values, names(3000), Split(labelled, pool, test))]
    assert "OG103" in codes


def test_wide_short_and_flat_data_do_not_break_the_test(rng):
    wide = rng.standard_normal((30, 500))
    assert drawn_from_pool(wide, np.arange(10), np.arange(10, 30), "OG102") is None
    wide[:10] += 2
    assert drawn_from_pool(wide, np.arange(10), np.arange(10, 30), "OG102") is not None
    assert drawn_from_pool(np.ones((30, 5)), np.arange(10), np.arange(10, 30), "OG102") is None
    assert drawn_from_pool(wide, np.arange(1), np.arange(10, 30), "OG102") is None
    assert drawn_from_pool(wide, np.arange(10), np.arange(0), "OG102") is None


def test_rows_of_a_group_count_once(rng):
    """Thirty rows each of few groups: row by row they differ from the pool, as groups they do not."""
    centres = rng.standard_normal((40, 5))
    groups = np.array([f"g{i}" for i in range(40) for _ in range(30)], dtype=object)
    values = np.repeat(centres, 30, axis=0) + 0.1 * rng.standard_normal((1200, 5))
    split = Split(np.arange(600, 610), np.arange(610, 1200), np.arange(600))
    assert [c.code for c in suspicions(values, names(1200), split) if c.code == "OG103"] == ["OG103"]
    assert [c.code for c in suspicions(values, names(1200), split, groups) if c.code == "OG103"] == []


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_constant_columns_are_named(dtype, rng):
    values = rng.standard_normal((50, 8)).astype(dtype)
    values[:, [1, 4]] = 3.3
    values[:, 4] *= 1 + np.finfo(dtype).eps * rng.integers(0, 2, 50)  # the last bit may waver
    values[:, 6] = 0
    values[:, 7] = 1000 + values[:, 7]
    check = constant_columns(values, "small")
    assert (check.code, check.detail) == ("OG104", "small: 3 of 8 columns do not vary: '1', '4', '6'")
    named = constant_columns(values, "small", tuple("abcdefgh"))
    assert named.detail.endswith("'b', 'e', 'g'")


def test_columns_that_vary_raise_nothing():
    assert constant_columns(np.arange(6.0).reshape(3, 2), "small") is None


@pytest.mark.parametrize("width", [1, 2])
def test_strangers_on_a_line_or_in_a_plane_are_no_copies(width, rng):
    values = rng.standard_normal((3000, width))
    split = Split(np.arange(500), np.arange(500, 2000), np.arange(2000, 3000))
    assert same_content(values, names(3000), split) is None
    values[2500] = values[7]
    check = same_content(values, names(3000), split)
    assert check.detail.startswith("1 of 1000")


def test_the_shared_movie_features_raise_no_alarm_but_their_constant_columns(shared_data):
    table = read_features(shared_data / "movies" / "minilm-l6.parquet")
    split = draw_split(np.ones(len(table.ids), dtype=bool), ids=table.ids, n=400, test=0.3)
    assert suspicions(table.values, table.ids, split) == ()
    check = constant_columns(table.values, "minilm-l6")
    assert check.detail.startswith("minilm-l6: 2 of 384")
