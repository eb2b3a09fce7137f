"""Bi-level ensembles: their spectra, and teacher and students in one regime against experiments."""

from __future__ import annotations

import numpy as np
import pytest

from outgrow.errors import DataError
from outgrow.theory.ensembles import BiLevel, SubsetEnsemble
from outgrow.theory.equivalents import single_risks, student_risks
from outgrow.theory.sign_error import hard_student_risks, sign_error, sign_target


def test_levels_by_their_definition():
    level = BiLevel(p=1.5, q=0.4, r=0.3)
    for n in (20, 100, 400):
        favoured, others = level.counts(n)
        values = level.values(n)
        d = round(n**1.5)
        assert (favoured, favoured + others, len(values)) == (round(n**0.3), d, d)
        assert values.sum() == pytest.approx(d)
        assert values[:favoured].sum() / d == pytest.approx(n**-0.4)
        assert len(np.unique(values)) == 2 and values[0] > values[-1]


def test_weak_directions_are_strong_ones_in_another_scale():
    world = SubsetEnsemble(BiLevel(1.2, 0.8, 0.2), BiLevel(1.4, 0.3, 0.5), n=50, u=1.3)
    pair = world.pair()
    weak, strong = world.weak.counts(50), world.strong.counts(50)
    assert pair.C.shape == (sum(strong), sum(weak)) and np.isinf(pair.rows)
    assert np.array_equal(pair.C.T @ pair.C, np.eye(sum(weak)))
    rows = np.argmax(pair.C, axis=0)
    assert (rows[: weak[0]] < strong[0]).all() and (rows[weak[0] :] >= strong[0]).all()
    t_w, t_s = world.covariances()
    assert (pair.C @ t_w == t_s).all() and t_w @ t_w == 1
    assert world.N == 162


@pytest.mark.slow
def test_minimum_norm_classifiers_of_one_regime_against_experiments(rng):
    """More directions than rows at both stages; the student is better than a teacher of 28 % errors."""
    world = SubsetEnsemble(BiLevel(1.5, 1.2, 0.1), BiLevel(1.7, 0.5, 0.2), n=40, u=1.2)
    pair, (one, two) = world.pair(), world.fits()
    labels = sign_target(*world.covariances(), v=1.0)
    risks = {
        "teacher": single_risks(one, labels.weak(), labels),
        "soft": student_risks(pair, labels, one, two),
        "hard": hard_student_risks(pair, labels, one, two),
    }
    wrong = {name: sign_error(x, labels, origin="score").item() for name, x in risks.items()}
    squared = {name: x.error.item() for name, x in risks.items()}
    columns = np.argmax(pair.C, axis=0)
    scale_w, scale_s = np.sqrt(pair.values_w), np.sqrt(pair.values_s)
    seen = {name: [] for name in wrong}

    def judge(name, white):
        """Errors of a linear function of whitened strong directions; the target is the first of them."""
        size = np.linalg.norm(white)
        seen[name].append(
            (np.arccos(white[0] / size) / np.pi, 1 - 2 * np.sqrt(2 / np.pi) * white[0] + size**2)
        )

    for _ in range(150):
        z, pool = (rng.standard_normal((m, len(scale_s))) for m in (world.n, world.N))
        weak, strong = z[:, columns] * scale_w, pool * scale_s
        teacher = weak.T @ np.linalg.solve(weak @ weak.T, np.sign(z[:, 0]))
        judge("teacher", pair.C @ (scale_w * teacher))
        pseudo = pool[:, columns] @ (scale_w * teacher)
        for name, told in (("soft", pseudo), ("hard", np.sign(pseudo))):
            judge(name, scale_s * (strong.T @ np.linalg.solve(strong @ strong.T, told)))
    for name, draws in seen.items():
        error = np.std(draws, axis=0) / np.sqrt(len(draws))
        off = np.abs(np.mean(draws, axis=0) - (wrong[name], squared[name]))
        assert (error < 0.01).all()
        assert (off < np.array([0.01, 0.02]) + 3 * error).all(), (name, off)
    # What the ensembles are about: students better than their teacher, and worse when told only signs.
    assert wrong["soft"] < wrong["teacher"] - 0.05 and wrong["soft"] < wrong["hard"] < wrong["teacher"]


def test_errors():
    with pytest.raises(DataError, match=r"no bi-level ensemble has p 0\.2, q 0\.5 and r 0\.3"):
        BiLevel(0.2, 0.5, 0.3)
    with pytest.raises(DataError, match="r is at least 0 and below p, and q positive"):
        BiLevel(1.2, 0.0, 0.3)
    with pytest.raises(DataError, match=r"100 labels to the power of 3\.0 are not between 2 and 20000"):
        BiLevel(3.0, 0.5, 0.3).values(100)
    small, large = BiLevel(1.2, 0.5, 0.1), BiLevel(1.4, 0.5, 0.5)
    with pytest.raises(DataError, match="weak favoured directions are no subset"):
        SubsetEnsemble(BiLevel(1.2, 0.5, 0.6), large, n=30, u=1.0)
    with pytest.raises(DataError, match=r"weak other directions are no subset.*larger p and r"):
        SubsetEnsemble(large, BiLevel(1.2, 0.5, 0.5), n=30, u=1.0)
    with pytest.raises(DataError, match="fewer than 2 pseudo-labels"):
        SubsetEnsemble(small, large, n=30, u=0.0)
