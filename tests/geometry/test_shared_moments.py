"""Moments with a shared strong set are those of each pair alone."""

from __future__ import annotations

import numpy as np
import pytest

from outgrow.errors import DataError
from outgrow.geometry import shared_moments as module
from outgrow.geometry.pair_moments import STRONG, WEAK, pair_moments
from outgrow.geometry.shared_moments import shared_moments


@pytest.mark.parametrize("chunk", [7, 10_000])
def test_moments_are_those_of_the_pair(rng, monkeypatch, chunk):
    monkeypatch.setattr(module, "CHUNK", chunk)
    strong = (100 + rng.normal(size=(60, 5))).astype(np.float32)
    weak = {"a": rng.normal(size=(60, 3)).astype(np.float16), "b": rng.normal(size=(60, 4)) - 8}
    rows = rng.permutation(60)[:41]
    found = dict(shared_moments(weak, strong, rows))
    assert list(found) == ["a", "b"]
    for name, values in weak.items():
        pair = pair_moments(values[rows], strong[rows]).select()
        one = found[name]
        assert one.n == pair.n == 41
        for block in (WEAK, STRONG):
            np.testing.assert_allclose(one.mean(block), pair.mean(block), rtol=1e-12)
            np.testing.assert_allclose(one.covariance(block), pair.covariance(block), rtol=1e-9, atol=1e-13)
        np.testing.assert_allclose(one.covariance(STRONG, WEAK), pair.covariance(STRONG, WEAK), atol=1e-12)
        np.testing.assert_allclose(one.covariance(WEAK, STRONG), pair.covariance(WEAK, STRONG), atol=1e-12)
        assert 0 < one.relative_error < 1e-9


def test_constant_columns_have_no_variance_at_all(rng):
    weak = np.hstack([rng.normal(size=(30, 2)), np.full((30, 1), 0.1)])
    ((_, found),) = shared_moments({"a": weak}, rng.normal(size=(30, 4)), np.arange(30))
    assert found.covariance(WEAK)[2].tolist() == [0.0, 0.0, 0.0]
    assert not found.covariance(STRONG, WEAK)[:, 2].any()


def test_other_rows_and_no_rows_are_refused(rng):
    strong = rng.normal(size=(30, 4))
    with pytest.raises(DataError, match="29 weak and 30 strong rows make no pair"):
        list(shared_moments({"a": strong[1:]}, strong, np.arange(20)))
    with pytest.raises(DataError, match="there are no rows"):
        list(shared_moments({"a": strong}, strong, np.arange(0)))
