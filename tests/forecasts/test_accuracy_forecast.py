"""Held-out scores against refitting, and accuracies against trained models where scores are not Gaussian."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from outgrow.forecasts.accuracy_forecast import AccuracyForecast, LabelledRows
from outgrow.forecasts.forecast import Forecast
from outgrow.geometry.pairs import pair_of
from outgrow.linalg.moments import moments_of
from outgrow.results import Estimate, Undefined
from outgrow.theory.equivalents import single_risks
from outgrow.theory.label_terms import label_terms
from outgrow.theory.margins import variance_with_intercept
from outgrow.theory.surface import RELATIVE
from outgrow.theory.whitening import whiten

POOL, STEP = 1500, np.sqrt(2)


def rows(rng, m, classes):
    """Rows of two kinds, as pictures are: most easy, a quarter ambiguous; weak features see less of both."""
    label = rng.choice(classes, m, p=np.arange(1, classes + 1) / np.arange(1, classes + 1).sum())
    clear = np.where(rng.random(m) < 0.25, 0.15, 1.0)[:, None]
    strong = np.hstack([3 * clear * np.eye(classes)[label], np.zeros((m, 4))])
    strong += rng.standard_normal(strong.shape)
    return strong[:, :-3] + rng.standard_normal((m, classes + 1)), strong, label


def coded(label, classes):
    return STEP * (label[:, None] == 1) if classes == 2 else np.eye(classes)[label]


def made(rng, m, classes):
    W, S, label = rows(rng, m + POOL, classes)
    table = moments_of(pair_of(W[m:], S[m:])).select()
    white = whiten(table)
    Z_w, Z_s, y = white.weak(W[:m]), white.strong(S[:m]), coded(label[:m], classes)
    folds = np.arange(m) % 20
    one = Forecast(
        weak="w",
        strong="s",
        pair=white.pair.with_lengths(Z_w, Z_s),
        target=label_terms(white.pair, Z_w, Z_s, y, folds),
        m=m,
        penalties_w=white.pair.values_w.mean() * RELATIVE,
        penalties_s=white.pair.values_s.mean() * RELATIVE,
        union=False,
    )
    return AccuracyForecast(one, LabelledRows(Z_w, Z_s, y, folds)), (W[m:], S[m:])


def ridge(X, y, alpha):
    """Coefficients and intercept; `alpha` is added to the sum of squares."""
    centre = X - X.mean(axis=0)
    theta = np.linalg.solve(centre.T @ centre + alpha * np.eye(X.shape[1]), centre.T @ (y - y.mean(axis=0)))
    return theta, y.mean(axis=0) - X.mean(axis=0) @ theta


def test_held_out_scores_are_those_of_refitting(rng):
    named, (pool_w, pool_s) = made(rng, 80, 3)
    one, data = named.one, named.rows
    X_w, X_s = data.Z_w * np.sqrt(one.pair.values_w), data.Z_s * np.sqrt(one.pair.values_s)
    taught = one.stages(one.pair.values_w, [80], one.penalties_w[[12]])
    student = one.stages(one.pair.values_s, [POOL], one.penalties_s[[9]])
    which = named._alike(named.weak, taught)
    assert which == 12
    found = named._student_scores(taught, student)
    single = data.y - named.weak.deleted_residuals[:, which]
    for rows_out in data.members:
        kept = np.delete(np.arange(80), rows_out)
        theta, level = ridge(X_w[kept], data.y[kept], 80 * one.penalties_w[12])
        assert single[rows_out] == pytest.approx(X_w[rows_out] @ theta + level, abs=1e-9)
        # The student on the whole pool, at the penalty that the fit forecast amounts to there.
        shrunk = one.pair.values_s * (1 / student.shrink[0] - 1)
        cross = np.sqrt(one.pair.values_s)[:, None] * one.pair.C * np.sqrt(one.pair.values_w)
        passed = cross @ theta / (one.pair.values_s + shrunk)[:, None]
        assert found[rows_out] == pytest.approx(X_s[rows_out] @ passed + level, abs=1e-9)
    assert len(pool_w) == len(pool_s) == POOL


def gaussian_error(moments, target, share):
    """The rule that is Gaussian within classes (docs/theory.md, T4)."""
    apart = moments.signal[0, 0] / (share * (1 - share) * STEP)
    within = variance_with_intercept(moments, target)[0, 0] - share * (1 - share) * apart**2
    middle, sd = STEP * (share - 0.5), np.sqrt(within)
    above, below = middle + (1 - share) * apart, middle - share * apart
    return share * norm.cdf(-above / sd) + (1 - share) * norm.cdf(below / sd)


@pytest.mark.parametrize("classes", [2, 3])
def test_accuracies_are_those_of_trained_models(rng, classes):
    """Forecasts from ten draws of 200 labels are right on average, and their intervals hold."""
    sizes, errors, held, gaussian = (40, 800), [], [], []
    test_w, test_s, test = rows(rng, 8000, classes)
    draws = {n: [rows(rng, n, classes) for _ in range(15)] for n in sizes}

    def measured(n, side, alpha):
        wrong = []
        for W, S, label in draws[n]:
            theta, level = ridge((W, S)[side], coded(label, classes), n * alpha)
            scores = (test_w, test_s)[side] @ theta + level
            read = scores[:, 0] > STEP / 2 if classes == 2 else scores.argmax(axis=1)
            wrong.append(np.mean(read != test))
        return np.mean(wrong)

    for _ in range(10):
        named, _ = made(rng, 200, classes)
        for n in sizes:
            used, found = named.one.best_alphas(n, POOL), named.at(n, POOL)
            for side, route in enumerate(("teacher", "baseline")):
                true = measured(n, side, getattr(used, route))
                low, high = found[route].interval
                errors.append((1 - found[route].value) / true)
                held.append(low <= 1 - true <= high)
                if classes == 2 and route == "baseline":
                    pair, target = named.one.pair, named.one.target
                    fit = named.one.stages(pair.values_s, [n], np.array([used.baseline]))
                    moments = single_risks(fit, target.strong(), target)
                    share = named.rows.y.mean() / STEP
                    gaussian.append(gaussian_error(moments, target, share) / true)
    # Ten draws of 200 labels, a tenth of them wrong: a standard error of 7 % of the mean ratio.
    assert np.mean(errors) == pytest.approx(1, abs=0.2)
    # Intervals of 90 %, four from each of ten draws.
    assert np.mean(held) > 0.75
    if classes == 2:
        assert np.abs(np.mean(errors) - 1) < np.abs(np.mean(gaussian) - 1), np.mean(gaussian)


def test_undefined_where_the_risk_is(rng):
    named, _ = made(rng, 80, 2)
    found = named.at(7, 500, alpha_w=0.0, alpha_s=0.0, alpha_b=0.0, alpha_c=0.0)
    assert isinstance(found["baseline"], Undefined) and isinstance(found["ceiling"], Estimate)
