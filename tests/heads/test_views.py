"""What teacher and student read of X: every way to choose columns, and each way to choose them wrongly."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from outgrow.errors import ConfigError, DataError
from outgrow.heads.views import View, as_rows

NAMES = ["a", "b", "c", "d"]


@pytest.fixture
def X(rng):
    return rng.normal(size=(9, 4))


@pytest.fixture
def frame(X):
    return pa.table({name: X[:, place] for place, name in enumerate(NAMES)}).append_column(
        "text", pa.array(["x"] * len(X))
    )


@pytest.mark.parametrize(
    ("choice", "columns"),
    [
        (None, [0, 1, 2, 3]),
        (slice(1, 3), [1, 2]),
        (slice(None, None, -2), [3, 1]),
        ([2, 0], [2, 0]),
        ([-1, 1], [3, 1]),
        ([True, False, False, True], [0, 3]),
        (range(2), [0, 1]),
        (lambda X: [X.shape[1] - 1], [3]),
    ],
)
def test_columns_as_scikit_learn_takes_them(X, choice, columns):
    view, found = View.fit(choice, X, "weak")
    np.testing.assert_array_equal(found, X[:, columns])
    np.testing.assert_array_equal(view.features(X[:3].tolist()), X[:3][:, columns])
    ours_alone = choice is None or isinstance(choice, range) or choice == slice(None, None, -2)
    if not ours_alone:
        theirs = ColumnTransformer([("view", "passthrough", choice)]).fit_transform(X)
        np.testing.assert_array_equal(found, theirs)


@pytest.mark.parametrize(
    ("choice", "columns"),
    [
        (["c", "a"], [2, 0]),
        (slice("b", "c"), [1, 2]),
        (slice("b", 3), None),
        (slice(None, "b"), [0, 1]),
        (slice(0, 2), [0, 1]),
        (lambda table: [name for name in table.column_names if name < "c"], [0, 1]),
    ],
)
def test_columns_of_a_data_frame(X, frame, choice, columns):
    if columns is None:
        with pytest.raises(ConfigError, match="has one end that is a name and one that is not"):
            View.fit(choice, frame, "weak")
        return
    view, found = View.fit(choice, frame, "weak")
    np.testing.assert_array_equal(found, X[:, columns])
    # By name, whatever their order, and other columns are not needed.
    wanted = [NAMES[place] for place in columns]
    np.testing.assert_array_equal(view.features(frame.select(wanted[::-1])), X[:, columns])
    with pytest.raises(DataError, match=rf"weak features: X lacks '{wanted[0]}'"):
        view.features(frame.select(["d"]))


def test_a_column_that_is_not_read_may_hold_anything(X):
    X[3, 3] = np.nan
    view, _ = View.fit(slice(0, 3), X, "strong")
    X[0, 3] = np.inf
    assert view.features(X).shape == (9, 3)


def test_transformers_are_cloned_and_fitted(X):
    pca = PCA(2)
    view, found = View.fit(pca, X, "weak")
    assert not hasattr(pca, "components_")
    np.testing.assert_allclose(view.features(X), found, atol=1e-12)
    np.testing.assert_allclose(np.abs(found), np.abs(PCA(2).fit_transform(X)), atol=1e-12)


def test_a_transformer_may_lack_fit_transform(X):
    class Doubling(BaseEstimator):
        def fit(self, X):
            return self

        def transform(self, X):
            return 2 * X

    np.testing.assert_array_equal(View.fit(Doubling(), X, "weak")[1], 2 * X)


def test_texts_go_to_a_transformer_that_reads_them():
    texts = ["good film", "bad film", "good plot", "bad plot", "no plot"]
    svd = make_pipeline(TfidfVectorizer(), TruncatedSVD(2, random_state=0))
    view, found = View.fit(svd, as_rows(texts), "strong")
    assert found.shape == (5, 2)
    np.testing.assert_allclose(view.features(texts[:2]), found[:2], atol=1e-12)
    with pytest.raises(DataError, match="strong: the features are sparse, and dense ones are needed"):
        View.fit(TfidfVectorizer(), as_rows(texts), "strong")


def test_sparse_rows_are_refused_unless_a_transformer_reduces_them(X):
    rows = sparse.csr_array(X)
    assert View.fit(TruncatedSVD(2, random_state=0), rows, "weak")[1].shape == (9, 2)
    with pytest.raises(DataError, match="weak: the features are sparse"):
        View.fit(None, rows, "weak")


class Halving(BaseEstimator):
    def fit(self, X):
        return self

    def transform(self, X):
        return X[::2]


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ("a", "weak: 'a' chooses no columns. Give a slice, column numbers"),
        (3, "weak: 3 chooses no columns"),
        ([[0, 1]], r"weak: an array of shape \(1, 2\) chooses no columns"),
        ([0.0, 1.0], "weak: float64 is no type of column numbers or names"),
        ([1, None], "weak: object is no type of column numbers or names"),
        ([1, 4, -5], "weak: X has 4 columns, and no column 4, -5. They count from 0"),
        ([True, False], "weak: the mask has 2 entries for 4 columns. Give one per column"),
        ([], "weak: no column is left of the 4 of X"),
        (slice(4, None), "weak: no column is left of the 4 of X"),
        ([False] * 4, "weak: no column is left of the 4 of X"),
        (["a"], "weak: columns are chosen by name, and X has no names. Give X as a data frame"),
        (PCA, "weak: a class makes no features"),
        (Ridge(), "weak: an estimator without transform makes no features"),
        (Halving(), "weak: 9 rows became 5. A view keeps every row"),
    ],
)
def test_choices_that_are_none(X, choice, message):
    with pytest.raises(ValueError, match=message):
        View.fit(choice, X, "weak")


def test_wrong_names_are_named(frame):
    wrong = ["a", *(f"x{i}" for i in range(7))]
    with pytest.raises(ConfigError, match="weak: X has no column 'x0', 'x1', 'x2', 'x3', 'x4' and 2 more"):
        View.fit(wrong, frame, "weak")


def test_rows_that_are_none(X):
    with pytest.raises(ValueError, match=r"X \(weak features\) contains NaN"):
        View.fit(None, np.where(X > 1, np.nan, X) * np.nan, "weak")
    with pytest.raises(ValueError, match="Reshape your data"):
        View.fit(None, X[0], "weak")
    with pytest.raises(ValueError, match="Complex data not supported"):
        View.fit(None, X + 1j, "weak")
    with pytest.raises(ValueError, match="could not convert string to float"):
        View.fit(None, np.array([["a", "b"]] * 3), "weak")
    with pytest.raises(DataError, match="X: the rows are not of equal length"):
        as_rows([[1.0, 2.0], [3.0]])
    view, _ = View.fit(None, X, "weak")
    with pytest.raises(DataError, match="weak features: X has 3 columns, and had 4 in fit"):
        view.features(X[:, :3])
