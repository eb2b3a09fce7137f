"""Two-stage leave-one-out equals brute-force refits, for rows, groups and every weight (T8)."""

from __future__ import annotations

import numpy as np
import pytest

from outgrow.heads.two_stage import Pool, StageTwo, penalties
from outgrow.linalg.ridge_path import RidgePath
from outgrow.linalg.row_space import RowSpace


def ridge(X, y, weights, penalty):
    """Weighted ridge by normal equations, intercept free: an implementation with nothing in common."""
    d = X.shape[1]
    Z = np.hstack([np.ones((len(X), 1)), X])
    P = np.diag([0.0] + [penalty] * d)
    theta = np.linalg.solve(Z.T @ (weights[:, None] * Z) + P, Z.T @ (weights[:, None] * y))
    return lambda new: np.hstack([np.ones((len(new), 1)), new]) @ theta


def minimum_norm(X, y, weights=None):
    return RidgePath(X, y, np.zeros(1), weights=weights).model(0).predict


@pytest.fixture
def world(rng):
    n, N, d_w, d_s, k = 23, 40, 6, 9, 2
    mix = rng.normal(size=(d_w, d_s))
    W, U = rng.normal(size=(n, d_w)) + 2, rng.normal(size=(N, d_w)) + 1.5
    S, T = W @ mix + rng.normal(size=(n, d_s)), U @ mix + rng.normal(size=(N, d_s)) - 1
    y = W[:, :k] + rng.normal(size=(n, k)) + 5
    return W, S, U, T, y


@pytest.mark.parametrize("ranks", [(2, 4), (2, None), (None, 4), (None, None)], ids=str)
def test_a_pool_in_other_coordinates_is_that_of_the_rows_there(world, ranks):
    rows = world[2:4]
    spaces = [
        RowSpace.everything(X.shape[1]) if rank is None else RowSpace.leading(X, np.arange(20), rank)
        for X, rank in zip(rows, ranks, strict=True)
    ]
    found = Pool.from_rows(*rows).reduced(*spaces)
    there = Pool.from_rows(*(space.apply(X) for space, X in zip(spaces, rows, strict=True)))
    for name, values in vars(there).items():
        np.testing.assert_allclose(vars(found)[name], values, atol=1e-12)


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("task", ["two targets", "three classes"])
def test_equals_brute_force(world, weight, grouped, task):
    W, S, U, T, y = world
    if task == "three classes":
        y = np.eye(3)[np.digitize(y[:, 0], np.quantile(y[:, 0], [0.3, 0.7]))]
    n, N = len(W), len(U)
    groups = [np.array(g) for g in np.array_split(np.random.default_rng(0).permutation(n), 7)]
    left_out = groups if grouped else [np.array([i]) for i in range(n)]
    alphas_w, alphas_s = np.array([0.03, 1.0]), np.array([0.01, 0.5, 4.0])
    teacher = RidgePath(W, y, alphas_w, groups if grouped else None)
    losses = StageTwo(teacher, S, Pool.from_rows(U, T), alphas_s, weight).losses()
    for a, alpha_w in enumerate(alphas_w):
        for b, alpha_s in enumerate(alphas_s):
            for gone in left_out:
                kept = np.setdiff1d(np.arange(n), gone)
                f_w = ridge(W[kept], y[kept], np.full(len(kept), 1 / n), alpha_w)
                X = np.vstack([S[kept], T])
                target = np.vstack([y[kept], f_w(U)])
                v = np.r_[np.full(len(kept), (1 - weight) / n), np.full(N, weight / N)]
                f_s = ridge(X, target, v, alpha_s)
                brute = np.sum((f_s(S[gone]) - y[gone]) ** 2, axis=1)
                np.testing.assert_allclose(losses[a, b, gone], brute, rtol=1e-8, atol=1e-10)


def test_models_equal_refits(world):
    W, S, U, T, y = world
    teacher = RidgePath(W, y, np.array([0.1]))
    f_w = ridge(W, y, np.full(len(W), 1 / len(W)), 0.1)
    np.testing.assert_allclose(teacher.model(0).predict(U), f_w(U), rtol=1e-9)
    for weight in (0.0, 0.4, 1.0):
        student = StageTwo(teacher, S, Pool.from_rows(U, T), np.array([0.2]), weight).model(0, 0)
        v = np.r_[np.full(len(W), (1 - weight) / len(W)), np.full(len(U), weight / len(U))]
        f_s = ridge(np.vstack([S, T]), np.vstack([y, f_w(U)]), v, 0.2)
        np.testing.assert_allclose(student.predict(T), f_s(T), rtol=1e-8)


@pytest.mark.parametrize("far", [0.0, 1000.0])
@pytest.mark.parametrize("weight", [1.0, 0.5])
def test_a_student_of_fewer_rows_than_dimensions_has_the_least_norm(rng, far, weight):
    n, N, d_w, d_s = 30, 40, 5, 90
    W, S = rng.normal(size=(n + N, d_w)), rng.normal(size=(n + N, d_s))
    y = W[:n, :1] + rng.normal(size=(n, 1))
    teacher = RidgePath(W[:n], y, np.zeros(1))
    pool = Pool.from_rows(W[n:], S[n:] + far)
    student = StageTwo(teacher, S[:n] + far, pool, np.zeros(1), weight).model(0, 0)
    if weight == 1:
        own = minimum_norm(S[n:], teacher.model(0).predict(W[n:]))
    else:
        v = np.r_[np.full(n, (1 - weight) / n), np.full(N, weight / N)]
        own = minimum_norm(S, np.vstack([y, teacher.model(0).predict(W[n:])]), v)
    new = rng.normal(size=(10, d_s))
    np.testing.assert_allclose(student.predict(new + far), own(new), rtol=1e-6, atol=1e-8)


def test_narrow_floats_lose_nothing(rng):
    """float16 features far from zero (mean/sd of 100) are summed and multiplied in float64."""
    W, S = ((rng.normal(size=(200, d)) + 100).astype(np.float16) for d in (6, 9))
    y = rng.normal(size=(50, 1))
    alphas = np.array([0.0, 0.1])
    losses, models = [], []
    for dtype in (np.float16, np.float64):
        w, s = W.astype(dtype), S.astype(dtype)
        two = StageTwo(RidgePath(w[:50], y, alphas), s[:50], Pool.from_rows(w[50:], s[50:]), alphas)
        losses.append(two.losses())
        models.append(two.model(0, 0).coef)
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-10)
    np.testing.assert_allclose(models[0], models[1], rtol=1e-8)


@pytest.mark.parametrize("end", [0, -1])
def test_grid_ends_equal_brute_force(rng, end):
    """Next to ridgeless on wide rows, and next to constant: no digit that matters is lost."""
    X, y = rng.normal(size=(15, 40)) + 50, rng.normal(size=(15, 1))
    alpha = penalties(X)[[end]]
    losses = RidgePath(X, y, alpha).row_losses[0]
    for i in range(15):
        kept = np.delete(np.arange(15), i)
        Z = X[kept] - X[kept].mean(axis=0)
        dual = np.linalg.solve(Z @ Z.T + 15 * alpha * np.eye(14), y[kept] - y[kept].mean())
        left_out = y[kept].mean() + (X[i] - X[kept].mean(axis=0)) @ Z.T @ dual
        assert losses[i] == pytest.approx(float((left_out - y[i]) @ (left_out - y[i])), rel=1e-6)


def test_constant_features_have_no_scale():
    with pytest.raises(ValueError, match="do not vary"):
        penalties(np.ones((4, 3)))
