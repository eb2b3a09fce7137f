"""Label terms: unbiased whatever the fold's fits, equal to refitting, and honest about their own spread."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

import outgrow.theory.label_terms as label_terms_module
from outgrow.errors import DataError
from outgrow.theory.effective_stage import effective_stages
from outgrow.theory.equivalents import single_risks, student_risks
from outgrow.theory.label_terms import LEVEL, label_terms
from outgrow.theory.terms import PairSpectra, Target

D_W, D_S, LATENT = 12, 20, 34
SIGMA2 = 0.8
T9 = 1.833
"""Quantile .95 of Student's t with 9 degrees of freedom."""


class Source:
    """Rows z A_w and z A_s, labels 1.5 + z a + noise: a target of a large mean, partly outside both spans."""

    def __init__(self, rng):
        basis = np.linalg.qr(rng.standard_normal((LATENT, LATENT)))[0]
        strong = np.hstack(
            [0.8 * basis[:, :8] + 0.6 * basis[:, D_W : D_W + 8], basis[:, D_W + 8 : D_W + D_S]]
        )
        self.A_w = basis[:, :D_W] * np.arange(1, D_W + 1.0) ** -0.5
        self.A_s = strong * np.arange(1, D_S + 1.0) ** -0.4
        a = self.A_w @ rng.standard_normal(D_W) + self.A_s @ rng.standard_normal(D_S)
        a = a + 0.4 * rng.standard_normal(LATENT)
        self.a = a * np.sqrt(2) / np.linalg.norm(a)

    def labels(self, z, rng):
        return 1.5 + z @ self.a + np.sqrt(SIGMA2) * rng.standard_normal(len(z))

    def measured(self, z):
        """Spectra of a pool, and how to whiten rows with them."""
        X, Y = z @ self.A_w, z @ self.A_s
        return whitened(X - X.mean(axis=0), Y - Y.mean(axis=0), len(z)), X.mean(axis=0), Y.mean(axis=0)

    def population(self):
        eye = np.eye(LATENT)
        pair, T_w, T_s = whitened(eye @ self.A_w, eye @ self.A_s, np.inf, 1)
        return (
            pair,
            Target.known(T_w.T @ self.A_w.T @ self.a, T_s.T @ self.A_s.T @ self.a, 2.0, SIGMA2),
            T_w,
            T_s,
        )


def whitened(X, Y, rows, divisor=None):
    divisor = divisor or rows
    lam_w, U = np.linalg.eigh(X.T @ X / divisor)
    lam_s, V = np.linalg.eigh(Y.T @ Y / divisor)
    T_w, T_s = U / np.sqrt(lam_w), V / np.sqrt(lam_s)
    return (
        PairSpectra(values_w=lam_w, values_s=lam_s, C=T_s.T @ (Y.T @ X / divisor) @ T_w, rows=rows),
        T_w,
        T_s,
    )


def products(target, M_w, M_s, M_x):
    """Every quadratic form that a risk needs: weak with weak, strong with strong, strong with weak."""
    W = target.weights

    def form(M, a, b):
        left = (getattr(target, f"fit_{a}") + getattr(target, f"left_{a}")) @ M
        right = getattr(target, f"fit_{b}") + getattr(target, f"right_{b}")
        return W @ np.sum(left * right, axis=1)

    crossed = (form(M_x, "s", "w") + form(M_x.T, "w", "s")) / 2
    return np.stack([form(M_w, "w", "w"), form(M_s, "s", "s"), crossed, target.variance])


@pytest.mark.slow
@pytest.mark.parametrize("penalties", [(0.03,), label_terms_module.PENALTIES], ids=["given", "chosen"])
def test_every_product_is_estimated_without_bias(rng, monkeypatch, penalties):
    monkeypatch.setattr(label_terms_module, "PENALTIES", penalties)
    source = Source(rng)
    pair, truth, T_w, T_s = source.population()
    forms = rng.standard_normal((D_W, D_W)), rng.standard_normal((D_S, D_S)), rng.standard_normal((D_S, D_W))
    forms = ((forms[0] + forms[0].T) / 2, (forms[1] + forms[1].T) / 2, forms[2])
    expected = products(truth, *forms)[:, 0]
    # Fewer rows than directions, folds of unequal size: still without bias.
    folds = np.repeat(np.arange(5), [3, 6, 4, 5, 6])
    found = []
    for _ in range(1000):
        z = rng.standard_normal((len(folds), LATENT))
        target = label_terms(
            pair, z @ source.A_w @ T_w, z @ source.A_s @ T_s, source.labels(z, rng)[:, None], folds
        )
        found.append(products(target, *forms)[:, 0])
    spread = np.std(found, axis=0)
    off = (np.mean(found, axis=0) - expected) / spread
    error = 1 / np.sqrt(len(found))
    if len(penalties) == 1:
        assert np.abs(off).max() < 3 * error, off / error
    else:
        # Chosen from all labels, the penalty knows a little of the rows left out.
        assert np.abs(off).max() < 0.12 + 3 * error, off


@pytest.mark.parametrize("more", [0, 40], ids=["fewer rows than directions", "more"])
def test_equal_to_refitting_for_every_pair_of_folds(rng, more):
    source, m = Source(rng), 26 + more
    z = rng.standard_normal((m, LATENT))
    (pair, *_), *_ = source.measured(rng.standard_normal((300, LATENT)))
    Z_w, Z_s = rng.standard_normal((m, D_W)), rng.standard_normal((m, D_S))
    y = np.stack([source.labels(z, rng), 3 * source.labels(z, rng)], axis=1)
    folds = np.array([7, 7, 3, 3, 3, 1] + [4] * 10 + [1] * 4 + [3] * 6 + [7, 1, 3, 4] * (more // 4))
    target = label_terms(pair, Z_w, Z_s, y, folds)
    y = y - y.mean(axis=0)  # where labels lie is left out
    scale_w, scale_s = (np.sqrt(x / x.sum()) for x in (pair.values_w, pair.values_s))
    X = np.hstack([Z_w * scale_w, Z_s * scale_s, np.full((m, 1), LEVEL)])
    penalty = _penalty(X, y)
    pairs = list(combinations(np.unique(folds), 2))
    assert len(target.fit_norm) == 2 * len(pairs)
    variances, sizes = [], []
    for p, (first, second) in enumerate(pairs):
        one, other = folds == first, folds == second
        kept = ~(one | other)
        # The penalty is that of the whole fit, also in sums over fewer rows.
        model = Ridge(alpha=m * penalty, fit_intercept=False, solver="cholesky").fit(X[kept], y[kept])
        theta = model.coef_.T
        w, s, level = scale_w[:, None] * theta[:D_W], scale_s[:, None] * theta[D_W:-1], LEVEL * theta[-1]
        here = slice(2 * p, 2 * p + 2)
        assert pytest.approx(w + pair.C.T @ s, rel=1e-8, abs=1e-8) == target.fit_w[here].T
        assert pytest.approx(pair.C @ w + s, rel=1e-8, abs=1e-8) == target.fit_s[here].T
        norm = np.sum(w * (w + pair.C.T @ s), axis=0) + np.sum(s * (pair.C @ w + s), axis=0)
        assert target.fit_norm[here] == pytest.approx(norm, rel=1e-8)
        residual = y - X @ theta
        for side, part in (("left", one), ("right", other)):
            for name, Z in (("w", Z_w), ("s", Z_s)):
                expected = residual[part].T @ Z[part] / part.sum()
                assert getattr(target, f"{side}_{name}")[here] == pytest.approx(expected, rel=1e-8, abs=1e-8)
        means = level + residual[one].mean(axis=0), level + residual[other].mean(axis=0)
        square = norm + level**2 + np.mean((y**2 - (y - residual) ** 2)[one | other], axis=0)
        variances.append(np.sum(square - means[0] * means[1]))
        sizes.append(one.sum() * other.sum())
    share = np.array(sizes) / np.sum(sizes)
    assert target.weights[0] == pytest.approx(np.repeat(share, 2))
    assert target.variance[0] == pytest.approx(share @ variances, rel=1e-8)
    for k, fold in enumerate(np.unique(folds)):
        kept = np.array([fold not in pair for pair in pairs])
        expected = np.where(kept, sizes, 0) / np.sum(np.array(sizes)[kept])
        assert target.weights[1 + k] == pytest.approx(np.repeat(expected, 2))
        assert target.variance[1 + k] == pytest.approx(expected @ variances, rel=1e-8)


def _penalty(X, y):
    """The penalty of least leave-one-out loss, by the hat matrix."""
    losses = []
    for penalty in label_terms_module.PENALTIES:
        H = X @ np.linalg.solve(X.T @ X + len(y) * penalty * np.eye(X.shape[1]), X.T)
        losses.append(np.sum(((y - H @ y) / (1 - np.diag(H))[:, None]) ** 2))
    return label_terms_module.PENALTIES[int(np.argmin(losses))]


def test_neither_names_nor_order_of_rows_and_folds_matter(rng):
    source = Source(rng)
    pair, _, T_w, T_s = source.population()
    z = rng.standard_normal((40, LATENT))
    Z_w, Z_s, y, folds = (
        z @ source.A_w @ T_w,
        z @ source.A_s @ T_s,
        source.labels(z, rng)[:, None],
        np.arange(40) % 5,
    )
    forms = np.eye(D_W), np.eye(D_S), np.ones((D_S, D_W))
    one = products(label_terms(pair, Z_w, Z_s, y, folds), *forms)
    order, names = rng.permutation(40), np.array([30, 10, 50, 20, 40])
    other = products(label_terms(pair, Z_w[order], Z_s[order], y[order], names[folds[order]]), *forms)
    assert other[:, 0] == pytest.approx(one[:, 0], rel=1e-8)
    # Replicates come in the order of the folds' numbers.
    assert other[:, 1 + np.argsort(np.argsort(names))] == pytest.approx(one[:, 1:], rel=1e-8)
    shifted = label_terms(pair, Z_w, Z_s, 7 + 2 * y, folds)
    assert products(shifted, *forms)[:, 0] == pytest.approx(4 * one[:, 0], rel=0.1)


def test_columns_of_labels_add_up(rng):
    source = Source(rng)
    pair, _, T_w, T_s = source.population()
    z = rng.standard_normal((50, LATENT))
    Z_w, Z_s, folds = z @ source.A_w @ T_w, z @ source.A_s @ T_s, np.arange(50) % 5
    y = source.labels(z, rng)[:, None]
    forms = np.eye(D_W), np.eye(D_S), np.ones((D_S, D_W))
    alone = products(label_terms(pair, Z_w, Z_s, y, folds), *forms)
    # The same column three times, in other units: one penalty serves all, and it is the same one.
    many = products(label_terms(pair, Z_w, Z_s, y * np.array([1.0, 2.0, -1.0]), folds), *forms)
    assert many == pytest.approx(6 * alone, rel=1e-9)
    assert label_terms(pair, Z_w, Z_s, y, folds, sigma2=0.3).sigma2 == 0.3
    assert label_terms(pair, Z_w, Z_s, y, folds).sigma2 is None


def test_the_rows_of_a_group_never_meet(rng):
    """Copies of a row in one fold are one label; in several folds, their noise would count as signal."""
    source = Source(rng)
    pair, truth, T_w, T_s = source.population()
    forms = np.eye(D_W), np.eye(D_S), np.zeros((D_S, D_W))
    expected = products(truth, *forms)[0, 0]
    whole, split = [], []
    for _ in range(150):
        z = np.repeat(rng.standard_normal((24, LATENT)), 3, axis=0)
        y = np.repeat(source.labels(z[::3], rng), 3)[:, None]
        Z_w, Z_s = z @ source.A_w @ T_w, z @ source.A_s @ T_s
        whole.append(products(label_terms(pair, Z_w, Z_s, y, np.arange(72) // 3 % 6), *forms)[0, 0])
        split.append(products(label_terms(pair, Z_w, Z_s, y, np.arange(72) % 6), *forms)[0, 0])
    error = np.std(whole) / np.sqrt(150)
    assert abs(np.mean(whole) - expected) < 3 * error
    assert np.mean(split) - expected > 6 * error


def risks(pair, target):
    """Ten risks, some with fewer rows than directions, some without a penalty."""
    common = {"rows": pair.rows}
    n, alpha = np.array([10, 60, 200]), np.array([0.05, 0.0, 0.03])
    teachers = effective_stages(pair.values_w, n, alpha, **common)
    baseline = effective_stages(pair.values_s, n, np.array([0.05, 0.05, 0.01]), **common)
    students = effective_stages(pair.values_s, np.array([60, 300]), np.array([0.05, 0.0]), **common)
    student = student_risks(pair, target, teachers, students).error.reshape(len(target.weights), -1)
    return np.concatenate(
        [
            single_risks(teachers, target.weak(), target).error,
            single_risks(baseline, target.strong(), target).error,
            student,
        ],
        axis=1,
    )


@pytest.mark.slow
@pytest.mark.parametrize("pool", [80, 400])
def test_forecasts_from_a_pool_and_few_labels_are_right_on_average_and_know_their_spread(rng, pool):
    source = Source(rng)
    population, truth, *_ = source.population()
    expected = risks(population, truth)[0]
    m, groups = 60, 10
    found, naive, spread = [], [], []
    for _ in range(150):
        (pair, T_w, T_s), mean_w, mean_s = source.measured(rng.standard_normal((pool, LATENT)))
        z = rng.standard_normal((m, LATENT))
        Z_w, Z_s = (z @ source.A_w - mean_w) @ T_w, (z @ source.A_s - mean_s) @ T_s
        target = label_terms(pair, Z_w, Z_s, source.labels(z, rng)[:, None], np.arange(m) % groups)
        all_ = risks(pair, target)
        found.append(all_[0])
        spread.append(
            np.sqrt((groups - 1) / groups * np.sum((all_[1:] - all_[1:].mean(axis=0)) ** 2, axis=0))
        )
        plain = PairSpectra(values_w=pair.values_w, values_s=pair.values_s, C=pair.C)
        naive.append(risks(plain, target)[0])
    found, spread = np.array(found), np.array(spread)
    error = found.std(axis=0) / np.sqrt(len(found))
    assert (np.abs(found.mean(axis=0) - expected) < 0.03 * expected + 3 * error).all()
    if pool == 80:
        # Sample spectra taken for the population's forecast too little risk.
        assert (np.mean(naive, axis=0) / expected - 1).min() < -0.1
    covered = (np.abs(found - expected) < T9 * spread).mean(axis=0)
    # Twelve risks of one world; each is seen with a standard error of .025.
    assert 0.84 < covered.mean() < 0.96 and (covered > 0.80).all() and (covered < 0.975).all(), covered


def test_errors(rng):
    source = Source(rng)
    pair, _, T_w, T_s = source.population()
    z = rng.standard_normal((12, LATENT))
    Z_w, Z_s, y = z @ source.A_w @ T_w, z @ source.A_s @ T_s, source.labels(z, rng)[:, None]
    with pytest.raises(
        DataError, match=r"3 folds of labelled rows are too few.*at least 8 rows, of 4 groups"
    ):
        label_terms(pair, Z_w, Z_s, y, np.arange(12) % 3)
    with pytest.raises(DataError, match=r"labels: all labels are equal\. Label rows that differ"):
        label_terms(pair, Z_w, Z_s, np.ones((12, 1)), np.arange(12) % 4)
