"""Moments of several weak sets with one strong set are those of each pair alone."""

from __future__ import annotations

import numpy as np
import pytest

from outgrow.errors import DataError
from outgrow.geometry.pairs import STRONG, WEAK, pair_of, tables_of
from outgrow.linalg.moments import moments_of


def test_tables_are_those_of_each_pair(rng):
    strong = (100 + rng.normal(size=(60, 5))).astype(np.float32)
    weak = {"a": rng.normal(size=(60, 3)).astype(np.float16), "b": rng.normal(size=(60, 4)) - 8}
    splits, groups = {"labelled": np.arange(20), "pool": 20 + rng.permutation(40)[:31]}, np.arange(60) % 3
    found = dict(tables_of(weak, strong, splits, groups))
    assert list(found) == ["a", "b"]
    for name, values in weak.items():
        rows = splits["pool"][groups[splits["pool"]] != 1]
        one = found[name].select("pool", without_group=1)
        pair = moments_of(pair_of(values[rows], strong[rows])).select()
        assert one.n == pair.n == len(rows)
        for block in (WEAK, STRONG):
            np.testing.assert_allclose(one.mean(block), pair.mean(block), rtol=1e-12)
            np.testing.assert_allclose(one.covariance(block), pair.covariance(block), rtol=1e-9, atol=1e-13)
            assert 0 < one.relative_error_of(block) < 1e-9
        np.testing.assert_allclose(one.covariance(STRONG, WEAK), pair.covariance(STRONG, WEAK), atol=1e-12)
    # Of both the strong products are the same arrays.
    cells = [table.cells["pool", 0] for table in found.values()]
    assert cells[0].products[STRONG, STRONG] is cells[1].products[STRONG, STRONG]


def test_other_rows_are_refused(rng):
    strong = rng.normal(size=(30, 4))
    with pytest.raises(DataError, match="29 weak and 30 strong rows make no pair"):
        pair_of(strong[1:], strong)
