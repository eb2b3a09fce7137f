"""Routes are what their names say, with any head: the right rows, features and tuning."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from outgrow.heads.head import CrossValidated, Labelled
from outgrow.heads.linear import LinearHead
from outgrow.heads.routes import KINDS, train_routes
from outgrow.heads.two_stage import Pool, StageTwo
from outgrow.linalg.ridge_path import LinearModel, RidgePath
from outgrow.theory.joint_equivalent import WEIGHTS

RIDGE, RIDGELESS = LinearHead(), LinearHead(ridgeless=True)


class World:
    """Sixty labels and a pool of two overlapping feature sets."""

    def __init__(self, rng, n=60, N=300, d_w=8, d_s=12):
        latent = rng.normal(size=(n + N, 12))
        self.weak = latent[:, :d_w] + 0.5 * rng.normal(size=(n + N, d_w))
        self.strong = latent @ rng.normal(size=(12, d_s))
        self.y = latent[:, :1] + rng.normal(size=(n + N, 1))
        self.n, self.folds = n, np.array_split(rng.permutation(n), 10)

    @property
    def rows(self):
        n = self.n
        return Labelled({"w": self.weak[:n]}, self.strong[:n], self.y[:n], self.folds)

    def train(self, head, **options):
        pools = {"w": head.pool(self.weak[self.n :], self.strong[self.n :])}
        return {route.kind: route for route in train_routes(head, self.rows, pools, **options)}


@pytest.fixture
def world(rng):
    return World(rng)


def test_every_route_is_tuned_and_scored_on_every_label(world):
    found = world.train(RIDGE)
    assert list(found) == ["baseline", "teacher", "student", "joint", "stage-wise student", "union"]
    assert all(route.expected.values.shape == (11,) for route in found.values())
    for kind, route in found.items():
        assert (route.expected.forecast is None) == (kind == "stage-wise student")
        assert (route.teacher is not None) == ("student" in kind or kind == "joint")
    # Jointly tuned, the student's leave-one-out loss at the best setting cannot exceed the stage-wise one.
    rows = world.rows
    first = RidgePath(rows.weak["w"], rows.y, RIDGE.grid(rows.weak["w"]))
    pool = Pool.from_rows(world.weak[60:], world.strong[60:])
    table = StageTwo(first, rows.strong, pool, RIDGE.grid(rows.strong)).losses()
    assert table.mean(axis=2).min() <= found["stage-wise student"].expected.leave_one_out[0] + 1e-12


def test_union_reads_both_sets_in_their_own_units(world):
    one = world.train(RIDGE, kinds=("union",))["union"]
    X = np.hstack([world.weak, world.strong])
    world.weak = 1000 * world.weak
    other = world.train(RIDGE, kinds=("union",))["union"]
    Z = np.hstack([world.weak, world.strong])
    np.testing.assert_allclose(one.model.predict(X), other.model.predict(Z), rtol=1e-7)


def test_imitation_matches_leave_one_out_on_the_pseudo_labels(world):
    first = RidgePath(world.weak[:60], world.y[:60], np.array([0.1]))
    pool, alphas = Pool.from_rows(world.weak[60:], world.strong[60:]), np.array([0.01, 0.1, 1.0])
    pseudo = first.model(0).predict(world.weak[60:])
    exact = RidgePath(world.strong[60:], pseudo, alphas).row_losses.mean(axis=1)
    student = StageTwo(first, world.strong[:60], pool, alphas)
    np.testing.assert_allclose(student.imitation(0, pool), exact, rtol=0.02)  # GCV averages the leverages


def test_ceiling_sees_every_true_label(world):
    found = world.train(RIDGE, every=(world.strong, world.y))
    errors = {
        kind: np.mean((found[kind].model.predict(world.strong) - world.y) ** 2)
        for kind in ("ceiling", "baseline")
    }
    assert errors["ceiling"] < errors["baseline"]


@dataclass(frozen=True)
class Plain(CrossValidated):
    """A head that can only fit, at one penalty: scikit-learn's ridge, and rows that are numbers of rows."""

    features: np.ndarray
    alpha: float = 0.1

    def grid(self, source):
        return np.array([self.alpha])

    def fit(self, source, targets, weights, alphas):
        shares = np.full(len(source), 1 / len(source)) if weights is None else weights
        model = Ridge(alpha=alphas[0] * shares.sum(), solver="svd")
        model.fit(self.features[source], targets, sample_weight=shares)
        coef = np.reshape(model.coef_, (targets.shape[1], -1)).T
        return [Fitted(LinearModel(coef, np.ravel(model.intercept_)), self.features)]


@dataclass(frozen=True)
class Fitted:
    linear: LinearModel
    features: np.ndarray
    state: dict = field(default_factory=dict)
    info: dict = field(default_factory=dict)

    def predict(self, source):
        return self.linear.predict(self.features[source])

    def after(self, mapping):
        raise NotImplementedError


class OnePenalty(LinearHead):
    """Ridge with the same single penalty."""

    def grid(self, source):
        return np.array([0.1])

    def forecasts(self, weak, pool, rows, alone=False):
        return None


def test_any_head_that_can_fit_trains_the_same_routes(world):
    """Rows need not be features: texts, or here their numbers, do as well."""
    n, m = world.n, len(world.y)
    features = np.zeros((2 * m, 12))
    features[:m, :8], features[m:] = world.weak, world.strong
    head = Plain(features)
    numbers = Labelled({"w": np.arange(n)}, m + np.arange(n), world.y[:n], [np.array([i]) for i in range(n)])
    pools = {"w": head.pool(np.arange(n, m), m + np.arange(n, m))}
    kinds = [kind for kind in KINDS if kind != "union"]
    every = m + np.arange(m), world.y
    found = {route.kind: route for route in train_routes(head, numbers, pools, kinds=kinds, every=every)}
    world.folds = numbers.folds
    exact = world.train(OnePenalty(), kinds=kinds, every=(world.strong, world.y))
    assert list(found) == ["baseline", "teacher", "student", "joint", "ceiling"]
    assert found["joint"].settings["weight"] in WEIGHTS
    rows = {kind: world.weak if kind == "teacher" else world.strong for kind in found}
    for kind in ("baseline", "teacher", "student", "ceiling"):
        own = found[kind].model.predict(np.arange(m) + (0 if kind == "teacher" else m))
        np.testing.assert_allclose(own, exact[kind].model.predict(rows[kind]), rtol=1e-6)
    for kind in ("baseline", "teacher", "student", "joint"):
        # Refits without a row have its share of the penalty less; exact leave-one-out keeps it.
        assert found[kind].left_out.mean() == pytest.approx(exact[kind].left_out.mean(), rel=0.01)
    np.testing.assert_allclose(
        found["student"].teacher.predict(np.arange(m)),
        exact["student"].teacher.predict(world.weak),
        rtol=1e-6,
    )
