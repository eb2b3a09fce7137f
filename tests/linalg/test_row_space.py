"""Wide rows in the span of themselves: the same inner products, the same fits."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from outgrow.linalg.row_space import RowSpace, narrowed


@pytest.fixture
def wide(rng):
    return (5 + rng.normal(size=(30, 200)) * np.geomspace(10, 0.01, 200)).astype(np.float32)


def test_inner_products_are_kept(wide):
    space = RowSpace.of(wide)
    assert space.basis.shape == (200, 29)
    np.testing.assert_allclose(space.basis.T @ space.basis, np.eye(29), atol=1e-12)
    scores, centred = space.apply(wide), wide - wide.mean(axis=0, dtype=np.float64)
    np.testing.assert_allclose(scores @ scores.T, centred @ centred.T, rtol=1e-9, atol=1e-6)


def test_a_direction_that_rows_repeat_is_no_direction(wide):
    assert RowSpace.of(np.vstack([wide, wide[:5]])).basis.shape[1] == 29


def test_ridge_fits_are_the_same_and_come_back(wide, rng):
    y, new = rng.normal(size=20), wide[20:]
    values, space = narrowed(wide[:20], np.arange(20))
    small = Ridge(alpha=3.0).fit(values, y)
    whole = Ridge(alpha=3.0).fit(wide[:20].astype(float), y)
    np.testing.assert_allclose(small.predict(space.apply(new)), whole.predict(new.astype(float)), rtol=1e-6)
    mean, basis = rng.normal(size=19), rng.normal(size=(19, 3))
    both = space.before(mean, basis)
    np.testing.assert_allclose((new - both[0]) @ both[1], (space.apply(new) - mean) @ basis, rtol=1e-6)


def test_many_rows_stay_as_they_are(rng):
    X = rng.normal(size=(50, 20))
    values, space = narrowed(X, np.arange(40))
    assert values is X
    assert space is None
    # Fitted rows that are few span less than all rows do: what lies outside no fit can use.
    values, space = narrowed(X, np.arange(10))
    assert values.shape == (50, 9)
    assert space is not None
