"""The scikit-learn face: its conventions, equality with scikit-learn, invariances, errors, real data."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
import sklearn
from sklearn.compose import make_column_selector
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from outgrow import WeakToStrongClassifier, WeakToStrongRegressor
from outgrow.errors import ConfigError, DataError
from outgrow.intervals.metrics import opr, paired_difference
from outgrow.results import Undefined
from outgrow.worlds.rated_movies import load_movies

# scikit-learn's checks label every row. These twins hide every second label, so that the checks meet a
# student too; where they hand over something that is no label at all, it goes through as it is.


def _hidden(y, mark):
    values = np.asarray(y)
    if values.ndim == 2 and values.shape[1] == 1:
        return _hidden(values[:, 0], mark)[:, None]
    if values.ndim != 1 or values.dtype.kind == "c" or not len(values):
        return y
    seen = {}
    hide = []
    for label in values.tolist() if mark == -1 else [0.0] * len(values):
        seen[label] = seen.get(label, 0) + 1
        hide.append(seen[label] % 2 == 0)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        return y
    values = values.astype(object if mark == -1 else float)
    values[np.array(hide)] = mark
    return values


class HalfLabelledRegressor(WeakToStrongRegressor):
    def fit(self, X, y, groups=None):
        return super().fit(X, y if y is None else _hidden(y, np.nan), groups)


class HalfLabelledClassifier(WeakToStrongClassifier):
    def fit(self, X, y, groups=None):
        return super().fit(X, y if y is None else _hidden(y, -1), groups)


def reduced():
    return make_pipeline(StandardScaler(), PCA(0.9, svd_solver="full"))


REASON = "the check takes -1 for a class; scikit-learn exempts its own semi-supervised classifiers by name"


@parametrize_with_checks(
    [
        WeakToStrongRegressor(),
        WeakToStrongRegressor(weak=slice(0, 8), strong=slice(None, None, -1), head="ridgeless"),
        WeakToStrongRegressor(weak=StandardScaler(), strong=reduced()),
        HalfLabelledRegressor(weak=slice(0, 8)),
        HalfLabelledRegressor(weak=reduced(), head="ridgeless"),
        WeakToStrongClassifier(),
        WeakToStrongClassifier(weak=StandardScaler(), strong=[0], head="ridgeless"),
        HalfLabelledClassifier(weak=slice(0, 2)),
        HalfLabelledClassifier(head="logistic"),
    ],
    expected_failed_checks=lambda estimator: (
        {"check_classifiers_classes": REASON} if isinstance(estimator, WeakToStrongClassifier) else {}
    ),
    xfail_strict=True,
)
def test_scikit_learn_compatible(estimator, check):
    check(estimator)


WEAK, STRONG = slice(0, 5), slice(3, 11)


@pytest.fixture
def world(rng):
    """30 labelled and 90 unlabelled rows in mixed order; two targets."""
    X = rng.normal(size=(120, 11)) @ (np.eye(11) + 0.4 * rng.normal(size=(11, 11))) + 3
    truth = X[:, :2] + X[:, 4:6] - X[:, 8:10]
    y = truth + rng.normal(size=truth.shape)
    known = rng.permutation(120) < 30
    return X, y, known


def hide(y, known, mark=np.nan):
    """Copy y and mark the rows that are not known."""
    found = np.array(y, dtype=object if mark is None or np.asarray(y).dtype.kind == "U" else None)
    found[~known] = mark
    return found


def classes_of(y):
    """Three classes of unequal size."""
    return np.digitize(y[:, 0], np.quantile(y[:, 0], [0.3, 0.8]))


def test_ridge_head_equals_scikit_learn(world):
    X, y, known = world
    model = WeakToStrongRegressor(WEAK, STRONG).fit(X, hide(y, known))
    settings, n, N = model.settings_, known.sum(), (~known).sum()
    W, S = X[:, WEAK], X[:, STRONG]
    teacher = Ridge(alpha=n * settings["teacher"]["alpha_w"]).fit(W[known], y[known])
    baseline = Ridge(alpha=n * settings["baseline"]["alpha_s"]).fit(S[known], y[known])
    source = Ridge(alpha=n * settings["student"]["alpha_w"]).fit(W[known], y[known])
    student = Ridge(alpha=N * settings["student"]["alpha_s"]).fit(S[~known], source.predict(W[~known]))
    np.testing.assert_allclose(model.teacher_.predict(X), teacher.predict(W), rtol=1e-9)
    np.testing.assert_allclose(model.baseline_.predict(X), baseline.predict(S), rtol=1e-9)
    np.testing.assert_allclose(model.pseudo_labels_, source.predict(W[~known]), rtol=1e-9)
    np.testing.assert_allclose(model.predict(X), student.predict(S), rtol=1e-9)


def test_classifier_equals_ridge_on_one_hot_codes(world):
    X, y, known = world
    labels = classes_of(y)
    model = WeakToStrongClassifier(WEAK, STRONG).fit(X, hide(labels, known, -1))
    settings, n, N = model.settings_["student"], known.sum(), (~known).sum()
    source = Ridge(alpha=n * settings["alpha_w"]).fit(X[known, WEAK], np.eye(3)[labels[known]])
    scores = source.predict(X[~known, WEAK])
    student = Ridge(alpha=N * settings["alpha_s"]).fit(X[~known, STRONG], scores)
    np.testing.assert_allclose(model.decision_function(X), student.predict(X[:, STRONG]), rtol=1e-7)
    np.testing.assert_array_equal(model.predict(X), student.predict(X[:, STRONG]).argmax(axis=1))


def test_logistic_head_equals_scikit_learn(world):
    X, y, known = world
    labels = classes_of(y)
    model = WeakToStrongClassifier(WEAK, STRONG, head="logistic", random_state=0)
    model.fit(X, hide(labels, known, -1))
    alpha = model.settings_["teacher"]["alpha_w"]
    theirs = LogisticRegression(C=1 / (2 * known.sum() * alpha), tol=1e-10, max_iter=10_000)
    theirs.fit(X[known, WEAK], labels[known])
    np.testing.assert_allclose(
        model.teacher_.outputs(X), theirs.predict_proba(X[:, WEAK]), rtol=1e-3, atol=1e-5
    )
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1.0)
    np.testing.assert_allclose(np.exp(model.decision_function(X)), model.predict_proba(X), rtol=1e-9)


@pytest.mark.parametrize("head", ["ridge", "ridgeless", "logistic"])
def test_two_classes_have_one_score(world, head):
    X, y, known = world
    labels = np.where(y[:, 0] > np.median(y[:, 0]), "up", "down")
    model = WeakToStrongClassifier(WEAK, STRONG, head=head, random_state=0)
    model.fit(X, hide(labels, known, None))
    score = model.decision_function(X)
    assert score.shape == (120,)
    np.testing.assert_array_equal(model.predict(X), np.where(score > 0, "up", "down"))
    assert hasattr(model, "predict_proba") == (head == "logistic")
    if head == "logistic":
        chance = model.predict_proba(X)[:, 1]
        np.testing.assert_allclose(score, np.log(chance / (1 - chance)), rtol=1e-6)


def test_no_probabilities_of_scores(world):
    with pytest.raises(AttributeError, match="has no attribute 'predict_proba'") as found:
        WeakToStrongClassifier().predict_proba(world[0])
    assert "use head='logistic'" in str(found.value.__cause__)


@pytest.mark.parametrize("head", ["ridge", "ridgeless"])
def test_order_of_rows_does_not_matter(world, rng, head):
    X, y, known = world
    order = rng.permutation(len(X))
    one = WeakToStrongRegressor(WEAK, STRONG, head=head).fit(X, hide(y, known))
    two = WeakToStrongRegressor(WEAK, STRONG, head=head).fit(X[order], hide(y, known)[order])
    np.testing.assert_allclose(two.predict(X), one.predict(X), rtol=1e-8)
    assert all(two.settings_[key] == pytest.approx(alphas) for key, alphas in one.settings_.items())


def test_hidden_labels_do_not_matter(world, rng):
    """What y held before it was marked unlabelled, and where -1 or NaN or None marks it, changes nothing."""
    X, y, known = world
    other = y.copy()
    other[~known] = rng.permutation(other[~known])
    one = WeakToStrongRegressor(WEAK, STRONG, random_state=0).fit(X, hide(y, known))
    two = WeakToStrongRegressor(WEAK, STRONG, random_state=0).fit(X, hide(other, known))
    np.testing.assert_array_equal(one.predict(X), two.predict(X))
    names = np.array(["low", "middle", "top"])[classes_of(y)]
    marks = [
        WeakToStrongClassifier(WEAK, STRONG, random_state=0).fit(X, hide(names, known, mark)).predict(X)
        for mark in (-1, None, np.nan, np.int64(-1), -1.0)
    ]
    assert all((found == marks[0]).all() for found in marks)


def test_groups_travel_as_metadata(world):
    X, y, known = world
    groups = np.arange(120) // 3
    with sklearn.config_context(enable_metadata_routing=True):
        model = WeakToStrongRegressor(WEAK, STRONG).set_fit_request(groups=True)
        found = cross_validate(
            model, X, hide(y[:, 0], known), params={"groups": groups}, cv=GroupKFold(3), return_estimator=True
        )
    assert all("groups" in fitted.risks_.teacher.method for fitted in found["estimator"])


def test_without_unlabelled_rows_the_teacher_predicts(world):
    X, y, known = world
    for head in ("ridge", "ridgeless", "logistic"):
        model = WeakToStrongClassifier(WEAK, STRONG, head=head).fit(X[known], classes_of(y)[known])
        assert [check.code for check in model.checks_ if check.code == "OG210"] == ["OG210"]
        assert "all 30 rows are labelled" in str(model.checks_[0])
        assert isinstance(model.student_, Undefined)
        assert isinstance(model.risks_.student, Undefined)
        assert model.pseudo_labels_.shape == (0, 3)
        np.testing.assert_array_equal(model.predict(X), model.teacher_.predict(X))


def test_dimensions(rng):
    base = rng.normal(size=(600, 12))
    y = base[:, 0].copy()
    y[100:] = np.nan
    model = WeakToStrongRegressor(slice(0, 8), slice(5, 12), head="ridgeless").fit(base, y)
    assert (model.d_w_.value, model.d_s_.value) == (8.0, 7.0)
    low, high = model.d_sw_.interval
    assert low < 3 < high
    # A shrinking head hardly uses directions of little variance.
    faint = WeakToStrongRegressor(slice(0, 8), slice(5, 12)).fit(base * np.r_[np.ones(9), [0.01] * 3], y)
    assert faint.d_s_.value == 4
    few = WeakToStrongRegressor(slice(0, 8), slice(5, 12), head="ridgeless").fit(base[95:110], y[95:110])
    assert isinstance(few.d_sw_, Undefined)
    assert few.d_sw_.reason == "15 rows cannot tell apart 8 + 7 directions"
    assert few.d_sw_.remedy == "Give more rows, or reduce the features first (PCA in a pipeline)."


def test_in_pipelines_and_searches(world):
    X, y, known = world
    target = hide(y[:, 0], known)
    inside = make_pipeline(StandardScaler(), WeakToStrongRegressor(WEAK, STRONG)).fit(X, target)
    outside = WeakToStrongRegressor(WEAK, STRONG).fit(StandardScaler().fit_transform(X), target)
    np.testing.assert_allclose(inside.predict(X), outside.predict(StandardScaler().fit_transform(X)))
    model = WeakToStrongRegressor(make_pipeline(StandardScaler(), PCA(2)), STRONG)
    grid = {"weak__pca__n_components": [1, 11], "head": ["ridge", "ridgeless"]}
    search = GridSearchCV(model, grid, cv=3, error_score="raise").fit(X, target)
    assert search.best_params_["weak__pca__n_components"] == 11
    names, folds = np.array(["low", "middle", "top"])[classes_of(y)], KFold(3, shuffle=True, random_state=0)
    for labels, mark, cv in ((classes_of(y), -1, 3), (names, -1, folds), (names, None, folds)):
        model = WeakToStrongClassifier(WEAK, STRONG)
        scores = cross_val_score(model, X, hide(labels, known, mark), cv=cv, error_score="raise")
        assert scores.mean() > 1 / 3


def test_scores_count_labelled_rows_alone(world):
    X, y, known = world
    model = WeakToStrongRegressor(WEAK, STRONG).fit(X, hide(y, known))
    assert model.score(X, y) == pytest.approx(r2_score(y, model.predict(X)))
    weights = np.arange(120.0)
    expected = r2_score(y[known], model.predict(X)[known], sample_weight=weights[known])
    assert model.score(X, hide(y, known), weights) == pytest.approx(expected)
    labels = classes_of(y)
    head = WeakToStrongClassifier(WEAK, STRONG).fit(X, hide(labels, known, -1))
    expected = accuracy_score(labels[known], head.predict(X)[known], sample_weight=weights[known])
    assert head.score(X, hide(labels, known, -1), weights) == pytest.approx(expected)
    for empty, fitted in ((np.full(120, np.nan), model), (np.full(120, -1), head)):
        with pytest.raises(DataError, match="y: no row is labelled: all 120 are"):
            fitted.score(X, empty)


def test_data_frames(world):
    X, y, known = world
    names = [f"x{place}" for place in range(11)]
    table = pa.table(dict(zip(names, X.T, strict=True)))
    model = WeakToStrongRegressor(weak=names[WEAK], strong=names[STRONG]).fit(table, hide(y, known))
    np.testing.assert_array_equal(model.feature_names_in_, names)
    plain = WeakToStrongRegressor(WEAK, STRONG).fit(X, hide(y, known))
    np.testing.assert_allclose(model.predict(table), plain.predict(X))
    # The student by itself asks for its own columns alone.
    np.testing.assert_allclose(model.student_.predict(table.select(names[STRONG])), plain.predict(X))
    with pytest.raises(ValueError, match="Feature names seen at fit time, yet now missing"):
        model.predict(table.select(names[STRONG]))


def test_only_the_student_s_columns_are_read(world):
    X, y, known = world
    model = WeakToStrongRegressor(WEAK, STRONG).fit(X, hide(y, known))
    blank = X.copy()
    blank[:, :3] = np.nan  # the weak model's features need not be computed for new rows
    np.testing.assert_array_equal(model.predict(blank), model.predict(X))


def test_strings_and_the_rest_of_what_scikit_learn_checks(world):
    """The part of check_classifiers_classes that does not use -1 as a class."""
    X, y, _ = world
    names = np.array(["one", "two", "three"])[classes_of(y)]
    for labels in (names, names.astype(object), classes_of(y) + 5, classes_of(y) > 0):
        model = WeakToStrongClassifier(StandardScaler(), STRONG).fit(X, labels)
        np.testing.assert_array_equal(model.classes_, np.unique(labels))
        assert np.mean(model.predict(X) == labels) > 0.6


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (["a", "b", -1, -1], "y: row 2 is the text '-1'. Mark unlabelled rows by the number -1 or None"),
        ([0.0, 1.0, np.nan, -1.0], "y: row 2 is NaN. Mark unlabelled rows by -1"),
        (
            [-1, -1, -1, -1],
            r"all 4 are -1\. Label some rows; in cross-validation shuffle them: KFold\(5, shuffle=True\)",
        ),
        ([1, 1, -1, -1], "y: the labelled rows are all of one class, 1. Label rows of another class"),
        (np.array(["a", 3, "b", None], dtype=object), r"y: classes are texts and others alike \(3\)"),
        ([0.5, 1.2, 3.3, 2.2], "Unknown label type: continuous"),
        ([0.0, 1.0, np.inf, -1.0], "Input y contains infinity"),
        (np.eye(4), "y should be a 1d array"),
    ],
)
def test_classes_that_are_none(y, message):
    with pytest.raises(ValueError, match=message):
        WeakToStrongClassifier().fit(np.eye(4), y)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.full(4, np.nan), "y: no row is labelled: all 4 are NaN"),
        ([1.0, 2.0, np.inf, np.nan], "Input y contains infinity"),
        ([[1.0, 2.0], [3.0, np.nan], [np.nan] * 2, [1.0, 1.0]], "y: row 1 has some of its targets alone"),
        ([1.0, np.nan, np.nan, np.nan], "y: 1 sample with a label cannot be left out and fitted at once"),
        ([1.0, 2.0], "inconsistent numbers of samples"),
    ],
)
def test_targets_that_are_none(y, message):
    with pytest.raises(ValueError, match=message):
        WeakToStrongRegressor().fit(np.eye(4), y)


def test_other_errors(world):
    X, y, _ = world
    with pytest.raises(ConfigError, match=r"there is no head 'logistic'\. Heads: ridge, ridgeless\."):
        WeakToStrongRegressor(head="logistic").fit(X, y)
    with pytest.raises(DataError, match=r"groups: there are 120 rows and groups of shape \(3,\)"):
        WeakToStrongRegressor().fit(X, y, groups=[1, 2, 3])
    with pytest.raises(DataError, match="y: one group of labelled rows cannot be left out"):
        WeakToStrongRegressor().fit(X, y, groups=np.zeros(120))
    with pytest.raises(DataError, match="the features do not vary"):
        WeakToStrongRegressor(weak=[0]).fit(X * np.r_[0, np.ones(10)], y)
    frame_only = make_column_selector("x")
    with pytest.raises(ValueError, match="only be applied to"):
        WeakToStrongRegressor(weak=frame_only).fit(X, y)


def test_on_movie_reviews():
    """One rater's word on 200 reviews, a pool of 7,405, judged by the mean of the raters."""
    movies = load_movies()
    X = np.hstack([movies.features["mpnet-layer8"], movies.features["mpnet"]])
    train, test = np.flatnonzero(~movies.is_test), movies.is_test
    y = movies.raters.draw(0)[train, 0]
    y[200:] = np.nan
    model = WeakToStrongRegressor(weak=slice(0, 128), strong=slice(128, None), random_state=0)
    model.fit(X[train], y)
    assert model.pseudo_labels_.shape == (7405,)
    assert model.checks_ == ()
    truth = movies.rating[test]
    losses = {
        name: (getattr(model, f"{name}_").predict(X[test]) - truth) ** 2
        for name in ("teacher", "student", "baseline")
    }
    # A constant has risk 3.6, and no linear model on these features comes below .6.
    noise = movies.raters.noise_variance
    for name, found in losses.items():
        assert 0.9 < found.mean() < 2.0
        low, high = dict(model.risks_.items())[name].interval
        assert low < found.mean() + noise < high
    assert paired_difference(losses["student"], losses["baseline"]).interval[1] < 0
    assert opr(losses["baseline"], losses["student"], movies.raters.mean_error).interval[0] > 1
    assert model.score(X[test], truth) > 0.5
    assert 60 < model.d_w_.value < 110 < model.d_s_.value < 200
    assert 30 < model.d_sw_.value < model.d_w_.value


def test_import_is_light():
    code = "import sys, outgrow; print(*{'sklearn', 'pyarrow', 'altair', 'numpy'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == ""
    code = "from outgrow import WeakToStrongRegressor; import sys; print(*{'pyarrow'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == ""
