"""The logistic head against scikit-learn, on labels and on probabilities."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from outgrow.heads import logistic, logistic_columns
from outgrow.heads.head import Labelled, PoolRows
from outgrow.heads.logistic import LogisticHead, LogisticModel
from outgrow.linalg.ridge_path import LinearModel


@pytest.fixture(params=[2, 4])
def world(request, rng):
    k = request.param
    X = rng.normal(size=(90, 6)) * np.r_[1.0, 5.0, 0.2, 1.0, 1.0, 1.0] + 3
    scores = (X - 3) @ rng.normal(size=(6, k)) + rng.gumbel(size=(90, k))
    return X, np.argmax(scores, axis=1), k


def theirs(X, labels, alpha, k, weights=None):
    """LogisticRegression at the C that the docstring of `path` names."""
    m = len(X) if weights is None else weights.sum()
    C = 1 / (m * alpha) if k == 2 else 1 / (2 * m * alpha)
    return LogisticRegression(C=C, tol=1e-12, max_iter=100_000).fit(X, labels, sample_weight=weights)


def test_equals_scikit_learn_along_the_path(world):
    X, labels, k = world
    alphas = np.array([1e-3, 1e-2, 1.0])
    for alpha, model in zip(alphas, logistic.path(X, np.eye(k)[labels], alphas), strict=True):
        reference = theirs(X, labels, alpha, k)
        assert model.converged
        np.testing.assert_allclose(model.predict(X), reference.predict_proba(X), atol=1e-5)
        coef = model.linear.coef.T if k > 2 else [model.linear.coef[:, 1] - model.linear.coef[:, 0]]
        np.testing.assert_allclose(coef * X.std(axis=0), reference.coef_ * X.std(axis=0), atol=1e-4)


def test_probabilities_act_like_weighted_labels(world, rng):
    X, _, k = world
    soft = rng.dirichlet(np.ones(k), size=len(X))
    (model,) = logistic.path(X, soft, np.array([0.01]))
    rows, labels = np.repeat(X, k, axis=0), np.tile(np.arange(k), len(X))
    reference = theirs(rows, labels, 0.01, k, soft.ravel())
    np.testing.assert_allclose(model.predict(X), reference.predict_proba(X), atol=3e-5)


def test_scale_and_place_of_features_do_not_matter(world):
    X, labels, k = world
    codes = np.eye(k)[labels]
    (one,) = logistic.path(X, codes, np.array([0.01]))
    (two,) = logistic.path(1e3 * X - 5, codes, np.array([1e4]))
    np.testing.assert_allclose(two.predict(1e3 * X - 5), one.predict(X), atol=1e-5)
    np.testing.assert_allclose(LogisticHead().grid(10 * X), 100 * LogisticHead().grid(X))


def test_a_class_without_weight_has_probability_zero(world):
    X, labels, k = world
    codes = np.hstack([np.zeros((len(X), 1)), np.eye(k)[labels]])
    (model,) = logistic.path(X, codes, np.array([0.1]))
    (plain,) = logistic.path(X, codes[:, 1:], np.array([0.1]))
    np.testing.assert_array_equal(model.predict(X)[:, 0], 0)
    np.testing.assert_allclose(model.predict(X)[:, 1:], plain.predict(X))
    # Its rows cost what the smallest number that counts costs, not infinity.
    losses = logistic.cross_entropy(model.predict(X[:1]), np.eye(k + 1)[:1])
    np.testing.assert_allclose(losses, -np.log(np.finfo(float).eps))


def test_cross_entropy():
    found = logistic.cross_entropy(np.array([[0.5, 0.5], [0.2, 0.8]]), np.array([[1.0, 0.0], [0.5, 0.5]]))
    np.testing.assert_allclose(found, [np.log(2), -0.5 * np.log(0.2) - 0.5 * np.log(0.8)])


def test_large_scores_do_not_overflow():
    model = LogisticModel(LinearModel(np.array([[1000.0, -1000.0]]), np.zeros(2)))
    np.testing.assert_array_equal(model.predict(np.array([[1.0], [-1.0]])), [[1, 0], [0, 1]])


def test_stopping_short_is_said(world, monkeypatch):
    X, labels, k = world
    monkeypatch.setattr(logistic_columns, "ITERATIONS", 1)
    (model,) = logistic.path(X, np.eye(k)[labels], np.array([1e-4]))
    assert not model.converged


def test_tables_equal_refits(world, rng):
    X, labels, k = world
    codes, weak = np.eye(k)[labels], X[:, :3]
    n = 40
    folds = np.array_split(rng.permutation(n), 3)
    alphas, alphas_w = LogisticHead().grid(X[:n]), LogisticHead().grid(weak[:n])
    rows, head = Labelled({}, X[:n], codes[:n], folds), LogisticHead()
    single = head.on_labels(X[:n], rows, "alpha_s").losses
    teacher = head.on_labels(weak[:n], rows, "alpha_w")
    trial = head.on_pool(teacher, weak[:n], PoolRows(weak[n:], X[n:]), rows, (1.0,))
    assert list(trial.axes) == ["alpha_w", "alpha_s"]
    pair = trial.losses.reshape(len(alphas_w), len(alphas), n)
    assert single.shape == (len(alphas), n)
    a, b = 1, 3
    for fold in folds:
        kept = np.setdiff1d(np.arange(n), fold)
        alone = theirs(X[kept], labels[kept], alphas[b], k).predict_proba(X[fold])
        np.testing.assert_allclose(
            single[b, fold], -np.log(alone[np.arange(len(fold)), labels[fold]]), atol=1e-4
        )
        soft = theirs(weak[kept], labels[kept], alphas_w[a], k).predict_proba(weak[n:])
        rows, targets = np.repeat(X[n:], k, axis=0), np.tile(np.arange(k), len(soft))
        student = theirs(rows, targets, alphas[b], k, soft.ravel()).predict_proba(X[fold])
        np.testing.assert_allclose(
            pair[a, b, fold], -np.log(student[np.arange(len(fold)), labels[fold]]), atol=1e-4
        )
