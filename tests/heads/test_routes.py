"""Routes are what their names say: the right rows, features and tuning."""

from __future__ import annotations

import numpy as np
import pytest

from outgrow.heads import routes
from outgrow.heads.two_stage import Pool, StageTwo
from outgrow.linalg.ridge_path import RidgePath


@pytest.fixture
def rows(rng):
    n, N, d_w, d_s = 60, 300, 8, 12
    latent = rng.normal(size=(n + N, 12))
    weak = latent[:, :d_w] + 0.5 * rng.normal(size=(n + N, d_w))
    strong = latent @ rng.normal(size=(12, d_s))
    y = latent[:, :1] + rng.normal(size=(n + N, 1))
    folds = np.array_split(rng.permutation(n), 10)
    labelled = routes.Labelled(strong[:n], y[:n], folds)
    return labelled, weak, strong, y, Pool.from_rows(weak[n:], strong[n:])


def test_every_route_is_tuned_and_scored_on_every_label(rows):
    labelled, weak, _, _, pool = rows
    forecasts = labelled.forecasts(weak[:60], pool)
    found = routes.with_teacher("w", weak[:60], pool, labelled, forecasts)
    found.append(routes.union("w", weak[:60], pool, labelled, forecasts))
    assert [r.kind for r in found] == ["teacher", "student", "joint", "stage-wise student", "union"]
    assert all(r.expected.values.shape == (11,) for r in found)
    assert all((r.expected.forecast is None) == (r.kind == "stage-wise student") for r in found)
    # Jointly tuned, the student's leave-one-out loss at the best setting cannot exceed the stage-wise one.
    first = labelled.path(weak[:60])
    table = StageTwo(first, labelled.strong, pool, labelled.grid(labelled.strong)).losses()
    assert table.mean(axis=2).min() <= found[3].expected.leave_one_out[0] + 1e-12
    assert routes.baseline(labelled, pool).expected.forecast is not None


def test_union_reads_both_sets_in_their_own_units(rows):
    labelled, weak, strong, _, pool = rows
    one = routes.union("w", weak[:60], pool, labelled)
    scaled = Pool.from_rows(1000 * weak[60:], strong[60:])
    other = routes.union("w", 1000 * weak[:60], scaled, labelled)
    X, Z = np.hstack([weak, strong]), np.hstack([1000 * weak, strong])
    np.testing.assert_allclose(one.model.predict(X), other.model.predict(Z), rtol=1e-7)


def test_imitation_matches_leave_one_out_on_the_pseudo_labels(rows):
    labelled, weak, strong, _, pool = rows
    first = RidgePath(weak[:60], labelled.y, np.array([0.1]))
    alphas = np.array([0.01, 0.1, 1.0])
    student = StageTwo(first, labelled.strong, pool, alphas)
    pseudo = first.model(0).predict(weak[60:])
    exact = np.mean(RidgePath(strong[60:], pseudo, alphas).deleted_residuals[:, :, 0] ** 2, axis=0)
    np.testing.assert_allclose(student.imitation(0, pool), exact, rtol=0.02)  # GCV averages the leverages


def test_ridgeless_head_uses_no_penalty(rows):
    labelled, _, strong, _, _ = rows
    plain = routes.Labelled(labelled.strong, labelled.y, labelled.folds, ridgeless=True)
    fitted = routes.baseline(plain)
    Z = np.hstack([np.ones((60, 1)), labelled.strong])
    theta = np.linalg.lstsq(Z, labelled.y, rcond=None)[0]
    np.testing.assert_allclose(fitted.model.predict(strong), theta[0] + strong @ theta[1:], rtol=1e-8)
    assert fitted.settings == {"alpha_s": 0.0}


def test_heads_without_a_penalty_are_not_forecast(rows):
    labelled, weak, _, _, pool = rows
    plain = routes.Labelled(labelled.strong, labelled.y, labelled.folds, ridgeless=True)
    assert plain.forecasts(weak[:60], pool) is None
    found = routes.with_teacher("w", weak[:60], pool, plain)
    assert all(route.expected.forecast is None for route in found)


def test_ceiling_sees_every_true_label(rows):
    labelled, _, strong, y, _ = rows
    top = routes.ceiling(strong, y, labelled)
    assert np.mean((top.model.predict(strong) - y) ** 2) < np.mean(
        (routes.baseline(labelled).model.predict(strong) - y) ** 2
    )
