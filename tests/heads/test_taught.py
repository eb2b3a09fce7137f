"""The joint student of a given teacher against brute force: hat matrices, and labels left out by refits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from outgrow.heads.head import Labelled
from outgrow.heads.linear import LinearHead
from outgrow.heads.routes import train_routes
from outgrow.heads.taught import scale_of
from outgrow.heads.two_stage import Pool
from outgrow.linalg.ridge_path import RidgePath
from outgrow.theory.surface import RELATIVE

N_LABELS, N_POOL, D = 25, 120, 7


def ridge(X, y, alpha):
    """Coefficients and level of (1/m)|y - X b - a|^2 + alpha |b|^2, by the normal equations."""
    mean, level = X.mean(axis=0), y.mean(axis=0)
    A = (X - mean).T @ (X - mean) / len(X) + alpha * np.eye(X.shape[1])
    theta = np.linalg.solve(A, (X - mean).T @ (y - level) / len(X))
    return theta, level - mean @ theta


def imitated(weak, strong):
    """The least GCV over the grid, each penalty with its own hat matrix."""
    X, t = strong - strong.mean(axis=0), weak - weak.mean(axis=0)
    S = X.T @ X / len(X)
    scores = {}
    for alpha in np.linalg.eigvalsh(S).mean() * RELATIVE:
        hat = X @ np.linalg.solve(S + alpha * np.eye(D), X.T) / len(X)
        left = np.sum((t - hat @ t) ** 2) / len(X)
        scores[alpha] = left / (1 - (1 + np.trace(hat)) / len(X)) ** 2
    return ridge(strong, weak, min(scores, key=scores.get))[0]


@pytest.fixture
def rows(rng):
    latent = rng.normal(size=(N_LABELS + N_POOL, D))
    strong = latent @ rng.normal(size=(D, D)) + 2
    weak = 40 * (latent[:, :1] + 0.7 * rng.normal(size=(len(latent), 1))) - 3
    y = 2 * latent[:, :1] + latent[:, 1:2] + rng.normal(size=(len(latent), 1))
    folds = np.array_split(rng.permutation(N_LABELS), 5)
    labelled = Labelled({"w": weak[:N_LABELS]}, strong[:N_LABELS], y[:N_LABELS], folds)
    return labelled, weak, strong


def taught(pool, labelled, weak=None):
    """The joint student, and the baseline beside it; without forecasts."""
    if weak is not None:
        labelled = replace(labelled, weak={"w": weak[:N_LABELS]})
    made = train_routes(Unforeseen(), labelled, {"w": pool}, kinds=("joint",), given=("w",))
    return made[-1], made[0]


class Unforeseen(LinearHead):
    def forecasts(self, weak, pool, rows, alone=False):
        return None


@pytest.mark.parametrize("columns", [1, 3])
def test_it_is_a_ridge_on_the_imitation_and_the_strong_features(rows, rng, columns):
    labelled, weak, strong = rows
    weak = np.hstack([weak, rng.normal(size=(len(weak), columns - 1)) + strong[:, : columns - 1]])
    pool = Pool.from_rows(weak[N_LABELS:], strong[N_LABELS:])
    route, _ = taught(pool, labelled, weak)
    copied, S = imitated(weak[N_LABELS:], strong[N_LABELS:]), pool.strong_cov
    both = np.hstack([copied / np.sqrt(np.trace(copied.T @ S @ copied)), np.eye(D) / np.sqrt(np.trace(S))])
    X = labelled.strong @ both
    theta, level = ridge(X, labelled.y, route.settings["alpha_s"])
    np.testing.assert_allclose(route.model.predict(strong), strong @ both @ theta + level, rtol=1e-7)
    # Every row is scored at a setting of the grid by a fit that never saw it.
    alphas = LinearHead().grid(X)
    left = RidgePath(X, labelled.y, alphas).deleted_residuals[:, :, 0] ** 2
    at = int(np.flatnonzero(np.isclose(alphas, route.settings["alpha_s"]))[0])
    assert route.expected.leave_one_out[0] == pytest.approx(left[:, at].mean(), rel=1e-9)
    kept = np.delete(np.arange(N_LABELS), 3)
    total = alphas[10] * N_LABELS / len(kept)  # when a row leaves, the total penalty stays as it was
    theta, level = ridge(X[kept], labelled.y[kept], total)
    assert left[3, 10] == pytest.approx((X[3] @ theta + level - labelled.y[3])[0] ** 2, rel=1e-8)


def test_a_teacher_that_cannot_be_imitated_leaves_the_baseline(rows):
    labelled, weak, strong = rows
    pool = Pool.from_rows(weak[N_LABELS:], strong[N_LABELS:])
    deaf = Pool(
        pool.size, pool.weak_mean, pool.strong_mean, pool.weak_cov, pool.strong_cov, 0 * pool.cross_cov
    )
    found, plain = taught(deaf, labelled)
    np.testing.assert_allclose(found.model.predict(strong), plain.model.predict(strong), rtol=0.05, atol=0.05)


def test_the_scale_is_told_of_single_scores_alone(rng):
    X, y = rng.normal(size=(30, 1)), rng.normal(size=(30, 2))
    model = RidgePath(X, y, np.array([0.1])).model(0)
    told = scale_of(model)
    assert told == {"slope": model.coef[0, 1], "offset": model.intercept[1]}
    assert scale_of(RidgePath(X, rng.normal(size=(30, 3)), np.array([0.1])).model(0)) == {}
    assert scale_of(RidgePath(rng.normal(size=(30, 2)), y[:, :1], np.array([0.1])).model(0)) == {}
