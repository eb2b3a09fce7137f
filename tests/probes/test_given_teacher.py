"""A given teacher against brute force: students refitted without each row, its pseudo-labels unchanged."""

from __future__ import annotations

import numpy as np
import pytest

from outgrow.probes.given_teacher import GivenTeacher
from outgrow.probes.two_stage import Pool, StageTwo


def ridge(X, y, weights, alpha):
    """Weighted ridge with a free intercept, by its normal equations."""
    w = weights / weights.sum()
    mean_x, mean_y = w @ X, w @ y
    A, b = X - mean_x, y - mean_y
    theta = np.linalg.solve(A.T @ (w[:, None] * A) + alpha * np.eye(X.shape[1]), A.T @ (w[:, None] * b))
    return theta, mean_y - mean_x @ theta


@pytest.mark.parametrize("weight", [1.0, 0.5])
@pytest.mark.parametrize("k", [1, 3])
def test_students_of_a_given_teacher_equal_refits(rng, weight, k):
    n, N, d, alpha = 20, 70, 6, 0.1
    strong, pool = rng.normal(size=(n, d)), rng.normal(size=(N, d))
    y = rng.normal(size=(n, k))
    own, given = y + rng.normal(size=(n, k)), pool[:, :1] + rng.normal(size=(N, k)) + 2.0
    teacher = GivenTeacher(own, y)
    student = StageTwo(teacher, strong, Pool.from_rows(given, pool), np.array([alpha]), weight)
    found = student.losses()[0, 0]
    for i in range(n):
        kept = np.delete(np.arange(n), i)
        X, target = np.vstack([strong[kept], pool]), np.vstack([y[kept], given])
        # Each remaining label keeps its weight of (1 - weight)/n, so that the total penalty stays as it was.
        weights = np.concatenate([np.full(n - 1, (1 - weight) / n), np.full(N, weight / N)])
        theta, level = ridge(X, target, weights, alpha / weights.sum())
        assert found[i] == pytest.approx(np.sum((strong[i] @ theta + level - y[i]) ** 2), rel=1e-9)
    theta, level = ridge(
        np.vstack([strong, pool]),
        np.vstack([y, given]),
        np.concatenate([np.full(n, (1 - weight) / n), np.full(N, weight / N)]),
        alpha,
    )
    model = student.model(0, 0)
    np.testing.assert_allclose(model.coef, theta, atol=1e-9)
    np.testing.assert_allclose(model.intercept, level, atol=1e-9)


def test_the_teacher_repeats_its_pseudo_labels(rng):
    X, y = rng.normal(size=(5, 2)), rng.normal(size=(5, 2))
    teacher = GivenTeacher(X, y)
    np.testing.assert_array_equal(teacher.model(0).predict(X), X)
    np.testing.assert_allclose(teacher.own_losses()[0], np.sum((X - y) ** 2, axis=1))
