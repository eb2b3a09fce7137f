"""Logistic fits side by side against fits one by one."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from outgrow.heads import logistic_columns


@pytest.fixture(params=[2, 4])
def world(request, rng):
    k = request.param
    X = rng.normal(size=(90, 6)) * np.r_[1.0, 5.0, 0.2, 1.0, 1.0, 1.0] + 3
    scores = (X - 3) @ rng.normal(size=(6, k)) + rng.gumbel(size=(90, k))
    return X, np.argmax(scores, axis=1), k


@pytest.fixture
def columns(world, rng):
    """Soft targets of six fits with penalties of their own, on rows with ones in the last column."""
    X, _, k = world
    targets = rng.dirichlet(np.ones(k), size=(len(X), 6)).transpose(2, 0, 1)
    rows = np.c_[X - X.mean(axis=0), np.ones(len(X))]
    return rows, targets, np.geomspace(1e-3, 3, 6), (rows**2).mean(axis=0)


def test_columns_leave_no_gradient(columns):
    """The objective itself, written out anew."""
    rows, targets, alphas, moments = columns
    fits = logistic_columns.fit_columns(rows, targets, alphas, moments=moments)
    slopes = (fits.predict(rows) - targets) / len(rows)
    coef = np.einsum("kq,qdc->kdc", logistic_columns.contrasts(len(targets)), fits.coef)
    gradient = np.einsum("md,kmc->kdc", rows, slopes)
    gradient[:, :-1] += 2 * alphas * coef[:, :-1]
    np.testing.assert_allclose(gradient, 0, atol=3e-7)


def test_neither_start_nor_metric_moves_columns(columns, rng):
    rows, targets, alphas, moments = columns
    plain = logistic_columns.fit_columns(rows, targets, alphas, moments=moments)
    # From far away, where most probabilities are 0 or 1.
    start = 20 * rng.normal(size=plain.coef.shape)
    far = logistic_columns.fit_columns(rows, targets, alphas, moments=moments, start=start)
    askew = logistic_columns.fit_columns(
        rows, targets, alphas, moments=moments * rng.uniform(0.01, 100, len(moments))
    )
    for other in (far, askew):
        assert other.converged.all()
        np.testing.assert_allclose(other.coef, plain.coef, atol=1e-6)


def test_weights_leave_rows_out(columns):
    rows, targets, alphas, moments = columns
    sizes = np.array([20, 30, 40, 50, 60, 90])
    weights = (np.arange(len(rows))[:, None] < sizes) / sizes
    fits = logistic_columns.fit_columns(rows, targets, alphas, moments=moments, weights=weights)
    for c, size in enumerate(sizes):
        of_it = rows[:size], targets[:, :size, [c]], alphas[[c]]
        alone = logistic_columns.fit_columns(*of_it, moments=moments)
        np.testing.assert_allclose(fits.coef[:, :, c], alone.coef[:, :, 0], atol=1e-6)


def test_columns_without_an_intercept(world):
    X, labels, k = world
    codes = np.eye(k)[labels].T[:, :, None]
    moments = (X**2).mean(axis=0)
    fits = logistic_columns.fit_columns(X, codes, np.array([0.02]), moments=moments, intercept=False)
    C = 1 / (len(X) * 0.02) if k == 2 else 1 / (2 * len(X) * 0.02)
    reference = LogisticRegression(C=C, fit_intercept=False, tol=1e-10, max_iter=10_000).fit(X, labels)
    np.testing.assert_allclose(fits.predict(X)[:, :, 0].T, reference.predict_proba(X), atol=1e-5)


def test_columns_may_lack_classes(columns):
    rows, targets, alphas, moments = columns
    plain = logistic_columns.fit_columns(rows, targets, alphas, moments=moments).predict(rows)
    # All of one class: the fit that has no end without this.
    targets[:, :, 1], plain[:, :, 1] = 0, 0
    targets[-1, :, 1], plain[-1, :, 1] = 1, 1
    one = logistic_columns.fit_columns(rows, targets, alphas, moments=moments)
    more = logistic_columns.fit_columns(
        rows, np.concatenate([targets[:1], 0 * targets[:1], targets[1:]]), alphas, moments=moments
    )
    assert one.converged.all() and more.converged.all()
    np.testing.assert_array_equal(one.coef[:, :, 1], 0)
    np.testing.assert_allclose(one.predict(rows), plain, atol=1e-7)
    np.testing.assert_allclose(np.delete(more.predict(rows), 1, axis=0), plain, atol=1e-7)
    np.testing.assert_array_equal(more.predict(rows)[1], 0)


def test_columns_that_stop_short_are_named(columns, monkeypatch):
    rows, targets, alphas, moments = columns
    fits = logistic_columns.fit_columns(rows, targets, alphas, moments=moments)
    monkeypatch.setattr(logistic_columns, "ITERATIONS", 3)
    start = fits.coef.copy()
    start[:, :, 3] += 5
    short = logistic_columns.fit_columns(rows, targets, alphas, moments=moments, start=start)
    assert short.converged.tolist() == [True, True, True, False, True, True]
    # They are where they came, neither at the start nor nowhere.
    assert np.abs(short.coef - start)[:, :, 3].max() > 0.1 and short.coef[:, :, 3].all()
    taken = short.take(np.array([3, 0]))
    assert taken.converged.tolist() == [False, True]
    np.testing.assert_array_equal(taken.predict(rows), short.predict(rows)[:, :, [3, 0]])


def test_few_steps_suffice_where_rows_exceed_columns(rng, monkeypatch):
    """In the metric given: steepest descent would need as many steps as moments differ."""
    X = rng.normal(size=(1000, 8)) * np.geomspace(1e-3, 1e3, 8)
    chance = 1 / (1 + np.exp(-X @ (1 / np.geomspace(1e-3, 1e3, 8))))
    targets = np.stack([chance, 1 - chance])[:, :, None]
    monkeypatch.setattr(logistic_columns, "ITERATIONS", 25)
    moments = (X**2).mean(axis=0)
    for given, enough in ((moments, True), (np.full(8, moments.mean()), False)):
        fits = logistic_columns.fit_columns(X, targets, np.array([1e-9]), moments=given, intercept=False)
        assert fits.converged.all() == enough


def test_fits_that_rounding_ends_have_converged(columns, monkeypatch):
    rows, targets, alphas, moments = columns
    fits = logistic_columns.fit_columns(rows, targets, alphas, moments=moments)
    monkeypatch.setattr(logistic_columns, "ITERATIONS", 0)
    monkeypatch.setattr(logistic_columns, "DECREMENT", logistic_columns.DECREMENT / 5)
    for moved in (0.0, 1e-3):
        start = fits.coef + moved
        ended = logistic_columns.fit_columns(rows, targets, alphas, moments=moments, start=start)
        assert ended.converged.all() == (moved == 0)


def test_searches_cut_short_still_lead_there(columns, monkeypatch, rng):
    """A length that is tried and not improved upon is the one that is gone."""
    rows, targets, alphas, moments = columns
    plain = logistic_columns.fit_columns(rows, targets, alphas, moments=moments)
    monkeypatch.setattr(logistic_columns, "TRIALS", 1)
    start = plain.coef + 0.1 * rng.normal(size=plain.coef.shape)
    # A metric ten times too steep, so that first lengths do not do.
    hasty = logistic_columns.fit_columns(rows, targets, alphas, moments=10 * moments, start=start)
    assert hasty.converged.all()
    np.testing.assert_allclose(hasty.coef, plain.coef, atol=1e-6)
