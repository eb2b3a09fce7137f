"""Wide rows in the span of themselves: the same inner products, the same fits."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge

from outgrow.linalg.row_space import RowSpace, narrowed
from outgrow.linalg.spectrum import spectrum_of_rows


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
    both = space.then(RowSpace(mean, basis))
    np.testing.assert_allclose(both.apply(new), (space.apply(new) - mean) @ basis, rtol=1e-6)


def test_many_rows_stay_as_they_are(rng):
    X = rng.normal(size=(50, 20))
    values, space = narrowed(X, np.arange(40))
    assert values is X
    assert space.basis is None
    assert space.apply(X) is X
    narrow, spectrum = RowSpace.leading(X, np.arange(50), 3), spectrum_of_rows(X)
    assert space.then(narrow) is narrow and narrow.then(space) is narrow
    assert space.whole(spectrum) is spectrum and space.rank == 20
    # Fitted rows that are few span less than all rows do: what lies outside no fit can use.
    values, space = narrowed(X, np.arange(10))
    assert values.shape == (50, 9)
    assert space.rank == 9


@pytest.mark.parametrize("shape", [(300, 40), (40, 300)])
def test_a_rank_keeps_the_principal_components_of_the_rows_fitted_to(rng, shape):
    X = 3 + rng.normal(size=shape) * np.geomspace(5, 0.1, shape[1])
    fitted = np.arange(30)[::-1] if shape[0] < shape[1] else np.arange(200)
    values, space = narrowed(X, fitted, 6)
    pca = PCA().fit(X[fitted])
    expected = pca.transform(X)[:, :6]
    np.testing.assert_allclose(np.abs(values), np.abs(expected), rtol=1e-7, atol=1e-9)
    variances = pca.explained_variance_ * (len(fitted) - 1) / len(fitted)
    np.testing.assert_allclose(space.beyond, variances[6 : 6 + len(space.beyond)], rtol=1e-6)
    assert space.beyond.sum() == pytest.approx(variances[6:].sum(), rel=1e-9)
    # A rank above what rows span asks for nothing.
    assert narrowed(X[:30], np.arange(30), 35)[0].shape[1] in (29, X.shape[1])


def test_a_spectrum_is_told_in_the_columns_with_what_was_left_out(rng):
    X = rng.normal(size=(300, 12)) * np.geomspace(5, 0.1, 12)
    values, space = narrowed(X, np.arange(300), 4)
    found = space.whole(spectrum_of_rows(values))
    whole = spectrum_of_rows(X)
    np.testing.assert_allclose(found.values, whole.values, rtol=1e-9)
    assert found.total == pytest.approx(whole.total, rel=1e-9)
    assert found.vectors.shape == (12, 4)
    np.testing.assert_allclose(np.abs(np.sum(found.vectors * whole.vectors[:, :4], axis=0)), 1, rtol=1e-9)
