"""Accuracy forecasts: the normal integral, labels that are signs of scores or of classes, and experiments."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal, norm

from outgrow.errors import ConfigError, DataError
from outgrow.theory.effective_stage import effective_stages
from outgrow.theory.equivalents import SingleRisks, single_risks, student_risks
from outgrow.theory.sign_error import disagreement, hard_student_risks, sign_error, sign_target
from outgrow.theory.terms import PairSpectra, Target

MEANS = st.one_of(st.just(0.0), st.floats(-4, 4))


@settings(deadline=None, max_examples=150)
@given(st.floats(-0.999, 0.999), MEANS, MEANS)
def test_equal_to_scipys_bivariate_normal(r, h, k):
    both = multivariate_normal(cov=[[1, r], [r, 1]]).cdf([h, k])
    expected = norm.cdf(h) + norm.cdf(k) - 2 * both
    assert float(disagreement(r, h, k)) == pytest.approx(expected, abs=1e-7)
    assert disagreement(r, h, k) == pytest.approx(disagreement(r, k, h), abs=1e-12)
    assert disagreement(-r, h, -k) == pytest.approx(1 - disagreement(r, h, k), abs=1e-12)


def test_the_ends_of_the_bivariate_normal():
    r = np.linspace(-1, 1, 41)
    assert disagreement(r) == pytest.approx(np.arccos(r) / np.pi, abs=1e-12)
    # One score, two thresholds.
    assert disagreement(1.0, 1.0, -0.5) == pytest.approx(norm.cdf(1) - norm.cdf(-0.5), abs=1e-12)
    assert disagreement(-1.0, 1.0, 0.5) == pytest.approx(1 - norm.cdf(1) + norm.cdf(-0.5), abs=1e-12)
    # Correlations estimated beyond 1, and thresholds at infinity.
    assert disagreement(1.2) == 0 and disagreement(-3.0) == 1
    assert disagreement(0.3, np.inf, 0.7) == pytest.approx(1 - norm.cdf(0.7))
    assert np.isnan(disagreement(np.array([np.nan, 0.3]), np.array([0.0, np.nan]))).all()
    assert disagreement(np.zeros((3, 1)), np.zeros(4)).shape == (3, 4)


def fits(signal, size, offset, share=0.5, step=2.0):
    """Risks of fits of known product with the labels, and the labels' target."""
    signal, size = (np.atleast_2d(np.asarray(x, dtype=float)) for x in (signal, size))
    variance = step**2 * share * (1 - share)
    bias = variance - 2 * signal + size
    target = Target.known(np.zeros(1), np.zeros(1), variance, 0.0)
    return SingleRisks(bias, np.full_like(bias, offset), signal, size), target


@pytest.mark.parametrize("origin", ["score", "classes"])
@pytest.mark.parametrize("share", [0.5, 0.2])
@pytest.mark.parametrize("step", [2.0, 1.0])
def test_against_draws_of_fit_and_label(rng, origin, share, step):
    m = 1_000_000
    low = -1.0 if step == 2 else 0.0
    if origin == "score":
        score = rng.standard_normal(m)
        upper = score > norm.ppf(1 - share)
        centred = 0.3 * (0.8 * score + 0.6 * rng.standard_normal(m))
    else:
        upper = rng.random(m) < share
        centred = 0.25 * ((upper - share) + 0.7 * rng.standard_normal(m))
    y = low + step * upper
    # The intercept of another draw of labels, independent of the point.
    offset = 0.1 * rng.standard_normal(m)
    values = centred + y.mean() + offset
    observed = np.mean((values > low + step / 2) != upper)
    risks, target = fits(np.mean(centred * y), np.var(centred), 0.01, share, step)
    expected = sign_error(risks, target, share=share, step=step, origin=origin).item()
    assert expected == pytest.approx(observed, abs=0.002)


@pytest.mark.parametrize("r", [0.5, 0.95])
def test_flipped_labels_are_told_apart_from_a_noisy_score(rng, r):
    m, flip = 1_000_000, 0.15
    score = rng.standard_normal(m)
    clean = np.sign(score + 0.4)
    y = np.where(rng.random(m) < flip, -clean, clean)
    f = 0.5 * (r * score + np.sqrt(1 - r**2) * rng.standard_normal(m))
    observed = np.mean(np.sign(f + y.mean()) != y)
    share = np.mean(y > 0)
    risks, target = fits(np.mean(f * y), np.var(f), 0.0, share)
    known = sign_error(risks, target, share=share, origin="score", flip=flip).item()
    assert known == pytest.approx(observed, abs=0.002)
    # Not knowing it costs little, unless the fit is nearly the score itself: its errors are then overstated.
    unknown = sign_error(risks, target, share=share, origin="score").item()
    assert -0.005 < unknown - observed < (0.01 if r == 0.5 else 0.06)


def test_fits_that_tell_nothing_name_the_larger_class():
    for origin in ("score", "classes"):
        for share, expected in ((0.5, 0.5), (0.3, 0.3), (0.9, 0.1)):
            risks, target = fits([0.0, 0.2, np.nan], [0.0, -0.1, 0.2], 0.0, share)
            found = sign_error(risks, target, share=share, origin=origin)[0]
            assert found[:2] == pytest.approx([expected] * 2, abs=1e-12) and np.isnan(found[2])


def test_both_models_agree_where_errors_are_many():
    size = np.linspace(0.02, 0.4, 20)
    risks, target = fits(size, size, 0.0)
    score, classes = (sign_error(risks, target, origin=origin) for origin in ("score", "classes"))
    assert np.abs(score - classes)[score > 0.2].max() < 0.005
    # Labels that no score could explain are still told apart with errors.
    risks, target = fits(0.8, 0.8, 0.0)
    assert sign_error(risks, target, origin="score").item() == 0
    assert sign_error(risks, target).item() == pytest.approx(norm.cdf(-2), rel=1e-9)


def test_neither_sign_nor_code_of_the_classes_matters():
    for origin in ("score", "classes"):
        one = sign_error(*fits(0.2, 0.25, 0.01, 0.3), share=0.3, origin=origin)
        other = sign_error(*fits(0.2, 0.25, 0.01, 0.7), share=0.7, origin=origin)
        halved = sign_error(*fits(0.05, 0.0625, 0.0025, 0.3, 1.0), share=0.3, step=1.0, origin=origin)
        assert one == pytest.approx(other, rel=1e-9) and one == pytest.approx(halved, rel=1e-9)


def test_sign_targets_are_what_heads_see_of_signs(rng):
    m, mean, flip = 1_000_000, 0.9, 0.1
    f = 1.5 * rng.standard_normal(m)
    y = np.sign(f + mean)
    y[rng.random(m) < flip] *= -1
    target = sign_target(np.array([1.5]), np.array([0.0]), 1.5**2, mean=mean, flip=flip)
    assert target.left_w.item() == pytest.approx(np.mean(y * f) / 1.5, abs=0.004)
    assert target.variance.item() == pytest.approx(np.var(y), abs=0.003)
    assert sign_target(np.array([2.0]), np.zeros(1), 4.0, flip=0.5).left_w.item() == 0


@pytest.mark.slow
@pytest.mark.parametrize("hard", [False, True], ids=["soft", "hard"])
def test_experiments_with_signs_as_labels(rng, hard):
    """Teacher, baseline and students of soft or hard pseudo-labels: share of errors and squared errors."""
    d_w, d_s, n, N = 15, 25, 80, 300
    values_w, values_s = np.arange(1, d_w + 1.0) ** -0.8, np.arange(1, d_s + 1.0) ** -0.8
    C = np.zeros((d_s, d_w))
    C[np.arange(d_w), np.arange(d_w)] = np.repeat([0.95, 0.5], [8, 7])
    t_w = np.repeat([1.0, 0.3], [8, 7]) * rng.standard_normal(d_w)
    t_s, left = C @ t_w, np.sqrt(1 - np.diag(C @ C.T))
    v = 1.2 * (t_w @ t_w)
    pair = PairSpectra(values_w=values_w, values_s=values_s, C=C)
    labels = sign_target(t_w, t_s, v)
    alphas = np.array([0.0, 0.02, 0.3])
    common = [
        effective_stages(x, np.full(3, m), alphas) for x, m in ((values_w, n), (values_s, n), (values_s, N))
    ]
    two_stage = hard_student_risks if hard else student_risks
    risks = [
        single_risks(common[0], labels.weak(), labels),
        single_risks(common[1], labels.strong(), labels),
        two_stage(pair, labels, common[0], common[2]),
    ]
    wrong = np.concatenate([sign_error(x, labels, origin="score").ravel() for x in risks])
    squared = np.concatenate([x.error.ravel() for x in risks] + [risks[2].in_sample.ravel()])

    def rows(m):
        white = rng.standard_normal((m, d_w))
        strong = white @ C.T + left * rng.standard_normal((m, d_s))
        score = white @ t_w + np.sqrt(0.2 * (t_w @ t_w)) * rng.standard_normal(m)
        return white * np.sqrt(values_w), strong * np.sqrt(values_s), np.sign(score)

    def ridge(X, y, alpha):
        mean, centred = X.mean(axis=0), X - X.mean(axis=0)
        gram = centred.T @ centred / len(X) + alpha * np.eye(X.shape[1])
        theta = np.linalg.solve(gram, centred.T @ (y - y.mean()) / len(X))
        return lambda Z: (Z - mean) @ theta + y.mean()

    seen_wrong, seen_squared = [], []
    for _ in range(200):
        (W, S, y), (pool_w, pool_s, pool_y), (test_w, test_s, test_y) = rows(n), rows(N), rows(1000)
        teachers = [ridge(W, y, alpha) for alpha in alphas]
        values = [model(test_w) for model in teachers]
        values += [ridge(S, y, alpha)(test_s) for alpha in alphas]
        here = []
        for model in teachers:
            pseudo = np.sign(model(pool_w)) if hard else model(pool_w)
            for alpha in alphas:
                student = ridge(pool_s, pseudo, alpha)
                values.append(student(test_s))
                here.append(np.mean((student(pool_s) - pool_y) ** 2))
        seen_wrong.append([np.mean(np.sign(x) != test_y) for x in values])
        seen_squared.append([np.mean((x - test_y) ** 2) for x in values] + here)
    error = np.std(seen_wrong, axis=0).max() / np.sqrt(200)
    assert error < 0.005
    assert np.abs(np.mean(seen_wrong, axis=0) - wrong).max() < 0.006 + 3 * error
    # A teacher's unit is taken at its mean size; 80 labels leave it some spread.
    assert np.mean(seen_squared, axis=0) == pytest.approx(squared, rel=0.03 if hard else 0.02)


def test_students_of_signs_are_students_of_noisier_scores_in_another_unit():
    pair = PairSpectra(values_w=np.ones(4), values_s=np.ones(6), C=np.eye(6, 4))
    labels = sign_target(np.array([1.0, 0.5, 0, 0]), np.array([1.0, 0.5, 0, 0, 0, 0]), 2.0)
    one = effective_stages(pair.values_w, np.array([30, 60]), np.zeros(2), intercept=False)
    two = effective_stages(pair.values_s, np.array([10**9]), np.zeros(1), intercept=False)
    soft, hard = (f(pair, labels, one, two) for f in (student_risks, hard_student_risks))
    # With endless signs nothing is lost: the students agree but for their size.
    assert hard.size == pytest.approx(np.full((1, 2, 1), 2 / np.pi), rel=1e-6)
    assert sign_error(hard, labels) == pytest.approx(sign_error(soft, labels), rel=1e-6)
    assert hard.signal**2 / hard.size == pytest.approx(soft.signal**2 / soft.size, rel=1e-6)


def test_errors():
    risks, target = fits(0.2, 0.25, 0.0)
    with pytest.raises(DataError, match="must lie between 0 and 1, not at 1"):
        sign_error(risks, target, share=1)
    with pytest.raises(DataError, match="must differ by something positive, not 0"):
        sign_error(risks, target, step=0)
    with pytest.raises(DataError, match=r"flip must be at least 0 and below 0\.5, not 0\.5"):
        sign_error(risks, target, origin="score", flip=0.5)
    with pytest.raises(DataError, match=r"a share of 0\.1 is more unequal than 0\.2 of flipped labels allow"):
        sign_error(risks, target, share=0.1, origin="score", flip=0.2)
    with pytest.raises(ConfigError, match=r"no model 'probit' of labels\. Take classes or score"):
        sign_error(risks, target, origin="probit")
    with pytest.raises(ConfigError, match=r"belong to the model of a score\. Take origin='score'"):
        sign_error(risks, target, flip=0.1)
    with pytest.raises(DataError, match="variance must be positive, not 0"):
        sign_target(np.ones(1), np.ones(1), 0.0)
    with pytest.raises(DataError, match="flip must lie between 0 and 1, not at 2"):
        sign_target(np.ones(1), np.ones(1), 1.0, flip=2)
