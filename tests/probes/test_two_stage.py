"""Two-stage leave-one-out equals brute-force refits, for rows, groups and every weight (T8)."""

from __future__ import annotations

import numpy as np
import pytest

from outgrow.probes.two_stage import Pool, StageOne, StageTwo, choose, penalties, row_losses


def ridge(X, y, weights, penalty):
    """Weighted ridge by normal equations, intercept free: an implementation with nothing in common."""
    d = X.shape[1]
    Z = np.hstack([np.ones((len(X), 1)), X])
    P = np.diag([0.0] + [penalty] * d)
    theta = np.linalg.solve(Z.T @ (weights[:, None] * Z) + P, Z.T @ (weights[:, None] * y))
    return lambda new: np.hstack([np.ones((len(new), 1)), new]) @ theta


@pytest.fixture
def world(rng):
    n, N, d_w, d_s, k = 23, 40, 6, 9, 2
    mix = rng.normal(size=(d_w, d_s))
    W, U = rng.normal(size=(n, d_w)) + 2, rng.normal(size=(N, d_w)) + 1.5
    S, T = W @ mix + rng.normal(size=(n, d_s)), U @ mix + rng.normal(size=(N, d_s)) - 1
    y = W[:, :k] + rng.normal(size=(n, k)) + 5
    return W, S, U, T, y


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("grouped", [False, True])
def test_equals_brute_force(world, weight, grouped):
    W, S, U, T, y = world
    n, N = len(W), len(U)
    groups = [np.array(g) for g in np.array_split(np.random.default_rng(0).permutation(n), 7)]
    left_out = groups if grouped else [np.array([i]) for i in range(n)]
    alphas_w, alphas_s = np.array([0.03, 1.0]), np.array([0.01, 0.5, 4.0])
    teacher = StageOne(W, y, alphas_w, groups if grouped else None)
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


@pytest.mark.parametrize("grouped", [False, True])
def test_single_stage_equals_brute_force(world, grouped):
    W, _, _, _, y = world
    n = len(W)
    groups = [np.arange(n)[i::5] for i in range(5)] if grouped else None
    alphas = np.array([0.0, 0.2])
    losses = row_losses(StageOne(W, y, alphas, groups))
    for a, alpha in enumerate(alphas):
        for gone in groups or [np.array([i]) for i in range(n)]:
            kept = np.setdiff1d(np.arange(n), gone)
            f = ridge(W[kept], y[kept], np.full(len(kept), 1 / n), alpha)
            np.testing.assert_allclose(
                losses[a, gone], np.sum((f(W[gone]) - y[gone]) ** 2, axis=1), rtol=1e-8
            )


def test_models_equal_refits(world):
    W, S, U, T, y = world
    teacher = StageOne(W, y, np.array([0.1]))
    f_w = ridge(W, y, np.full(len(W), 1 / len(W)), 0.1)
    np.testing.assert_allclose(teacher.model(0).predict(U), f_w(U), rtol=1e-9)
    for weight in (0.0, 0.4, 1.0):
        student = StageTwo(teacher, S, Pool.from_rows(U, T), np.array([0.2]), weight).model(0, 0)
        v = np.r_[np.full(len(W), (1 - weight) / len(W)), np.full(len(U), weight / len(U))]
        f_s = ridge(np.vstack([S, T]), np.vstack([y, f_w(U)]), v, 0.2)
        np.testing.assert_allclose(student.predict(T), f_s(T), rtol=1e-8)


def test_ridgeless_student_is_the_projection(world):
    W, S, U, T, y = world
    teacher = StageOne(W, y, np.array([0.0]))
    student = StageTwo(teacher, S, Pool.from_rows(U, T), np.array([0.0])).model(0, 0)
    pseudo = teacher.model(0).predict(U)
    Z = np.hstack([np.ones((len(T), 1)), T])
    np.testing.assert_allclose(student.predict(T), Z @ np.linalg.lstsq(Z, pseudo, rcond=None)[0], rtol=1e-8)


def test_interpolating_fit_is_refused(rng):
    stage = StageOne(rng.normal(size=(5, 9)), rng.normal(size=(5, 1)), np.array([0.0]))
    with pytest.raises(ValueError, match="interpolates its labels"):
        row_losses(stage)


def test_choice_is_scored_without_its_fold():
    losses = np.array([[0.0, 0.0, 9.0, 9.0], [2.0, 2.0, 2.0, 2.0]])
    best, honest = choose(losses, [np.array([0, 1]), np.array([2, 3])])
    assert best == 1
    np.testing.assert_array_equal(honest, [2.0, 2.0, 9.0, 9.0])


def test_constant_features_have_no_scale():
    with pytest.raises(ValueError, match="do not vary"):
        penalties(np.ones((4, 3)))
