"""The misfit gain: an equality for projections on a subspace, a bound on convex classes, nothing beyond."""

from __future__ import annotations

import numpy as np
import pytest

from outgrow.errors import DataError
from outgrow.results import Estimate, Undefined
from outgrow.theory.misfit import outcome_of, squared_misfit


def risk(f, target):
    return np.mean(np.sum((f - target) ** 2, axis=1))


def project(basis, f):
    return basis @ np.linalg.lstsq(basis, f, rcond=None)[0]


def test_least_squares_on_a_subspace_with_the_target_gains_exactly_the_misfit(rng):
    basis = rng.standard_normal((200, 7))
    target, teacher = basis @ rng.standard_normal((7, 2)), rng.standard_normal((200, 2))
    student = project(basis, teacher)
    promised = squared_misfit(teacher, student).mean()
    assert promised > 0.5
    assert risk(teacher, target) - risk(student, target) == pytest.approx(promised, rel=1e-12)


def test_projection_on_a_convex_class_with_the_target_gains_at_least_the_misfit(rng):
    # Values between -1 and 1: the projection clips.
    for _ in range(50):
        target, teacher = rng.uniform(-1, 1, (40, 1)), 2 * rng.standard_normal((40, 1))
        student = np.clip(teacher, -1, 1)
        gain = risk(teacher, target) - risk(student, target)
        # Row by row 2 (f_w - f_w2s)(f_w2s - f*) is above 0 wherever something is clipped.
        assert gain > squared_misfit(teacher, student).mean()


def test_nothing_is_gained_where_the_class_does_not_hold_the_target(rng):
    basis = rng.standard_normal((200, 7))
    target = rng.standard_normal((200, 1))
    # A perfect teacher: what the student cannot express is lost, and it is as large as what was promised.
    student = project(basis, target)
    promised = squared_misfit(target, student).mean()
    assert risk(target, target) - risk(student, target) == pytest.approx(-promised, rel=1e-12)
    assert promised > 0.5


def test_outputs_are_summed_row_by_row():
    teacher, student = np.array([[1.0, 0.0], [2.0, 2.0]]), np.array([[0.0, 2.0], [2.0, 2.0]])
    assert squared_misfit(teacher, student).tolist() == [5.0, 0.0]


def test_predictions_of_other_shapes_are_refused(rng):
    with pytest.raises(DataError, match=r"shapes \(5, 1\) and \(5, 2\) cannot be compared"):
        squared_misfit(np.zeros((5, 1)), np.zeros((5, 2)))


@pytest.mark.parametrize(
    ("beyond", "outcome"),
    [
        (Estimate(0.3, (0.1, 0.5)), "exceeded"),
        (Estimate(0.3, (-0.1, 0.7)), "met"),
        (Estimate(0.0, (0.0, 0.0)), "met"),
        (Estimate(-0.3, (-0.5, -0.1)), "broken"),
        (Estimate(-0.3), "not measured"),
        (Undefined("no test rows", "Give some."), "not measured"),
    ],
)
def test_how_a_promise_comes_out(beyond, outcome):
    assert outcome_of(beyond) == outcome
