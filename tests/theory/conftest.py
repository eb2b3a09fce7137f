"""Independent laboratories: features and target linear in Gaussian variables, fitted by numpy alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from outgrow.theory.population import Population
from outgrow.theory.terms import PairSpectra, Target

DESIGNS = ("fresh", "in_sample", "own_points")
ROUTES = ("teacher", "student", "baseline", "ceiling")


@dataclass
class Lab:
    """Rows are z A_w and z A_s, the target is z a, with z standard normal."""

    A_w: np.ndarray
    A_s: np.ndarray
    a: np.ndarray
    sigma: float

    def population(self) -> Population:
        """By projections of functions, straight from the definitions."""
        P_w, P_s = (A @ np.linalg.pinv(A) for A in (self.A_w, self.A_s))
        f, w = self.a, P_w @ self.a
        return Population(
            d_w=int(np.linalg.matrix_rank(self.A_w)),
            d_s=int(np.linalg.matrix_rank(self.A_s)),
            d_sw=float(np.trace(P_w @ P_s)),
            rho_w=float(np.sum((f - w) ** 2)),
            rho_s=float(np.sum((f - P_s @ f) ** 2)),
            e2=float(np.sum((P_s @ (f - w)) ** 2)),
            g0=float(np.sum((w - P_s @ w) ** 2)),
            v=float(f @ f),
            sigma2=self.sigma**2,
        )

    def draw(self, rows, rng):
        z = rng.standard_normal((rows, len(self.a)))
        return z @ self.A_w, z @ self.A_s, z @ self.a

    def experiment(self, n, N, rng, intercept):
        """One draw; the four risks in the three designs, as an array of shape (3, 4)."""
        W1, S1, f1 = self.draw(n, rng)
        W2, S2, f2 = self.draw(N, rng)
        y1, y2 = f1 + self.sigma * rng.standard_normal(n), f2 + self.sigma * rng.standard_normal(N)
        both, fs, ys = np.vstack([S1, S2]), np.concatenate([f1, f2]), np.concatenate([y1, y2])
        teacher = fit(W1, y1, intercept)
        pseudo = W2 @ teacher[0] + teacher[1]
        student = fit(S2, pseudo, intercept)
        baseline, ceiling = fit(S1, y1, intercept), fit(both, ys, intercept)
        fresh = [self._fresh(self.A_w, teacher)]
        fresh += [self._fresh(self.A_s, model) for model in (student, baseline, ceiling)]
        in_sample = [on(W2, teacher, f2), on(S2, student, f2), on(S2, baseline, f2), on(S2, ceiling, f2)]
        own = [on(W1, teacher, f1), on(S2, student, f2), on(S1, baseline, f1), on(both, ceiling, fs)]
        return np.array([fresh, in_sample, own])

    def _fresh(self, A, model):
        return np.sum((A @ model[0] - self.a) ** 2) + model[1] ** 2


def fit(X, y, intercept):
    if not intercept:
        return np.linalg.lstsq(X, y, rcond=None)[0], 0.0
    theta = np.linalg.lstsq(X - X.mean(axis=0), y - y.mean(), rcond=None)[0]
    return theta, y.mean() - X.mean(axis=0) @ theta


def on(X, model, f):
    return np.mean((X @ model[0] + model[1] - f) ** 2)


def build(rng, d_w, d_s, squared, sigma=0.7, kind="invertible", weak=0.5, strong=0.5, hidden=0.4):
    """Canonical pairs of given squared correlations; a target with a part everywhere."""
    latent, k = d_w + d_s + 1, len(squared)
    r = np.sqrt(np.asarray(squared, dtype=np.float64))
    A_w, A_s = np.zeros((latent, d_w)), np.zeros((latent, d_s))
    A_w[:d_w] = np.eye(d_w)
    A_s[d_w : d_w + d_s] = np.eye(d_s)
    A_s[np.arange(k), np.arange(k)] = r
    A_s[d_w + np.arange(k), np.arange(k)] = np.sqrt(1 - r**2)
    x, y = (scale * rng.standard_normal(d) / np.sqrt(d) for scale, d in ((weak, d_w), (strong, d_s)))
    a = A_w @ x + A_s @ y
    if k:
        a = a + 0.5 * (A_w[:, 0] + A_s[:, 0])
    a[-1] = hidden
    if kind == "invertible":
        A_w, A_s = (A @ (rng.standard_normal((A.shape[1],) * 2) + 2 * np.eye(A.shape[1])) for A in (A_w, A_s))
    else:  # a rotation into a wider space
        A_w, A_s = (
            A @ np.linalg.qr(rng.standard_normal((A.shape[1] + 3, A.shape[1])))[0].T for A in (A_w, A_s)
        )
    return Lab(A_w, A_s, a, sigma)


@pytest.fixture(scope="session")
def lab():
    return build


@pytest.fixture(scope="session")
def compare():
    """Deviations in standard errors of every risk in every design; an array of shape (3, 4)."""

    def deviations(world, n, N, intercept, predict, repetitions, rng):
        seen = np.array([world.experiment(n, N, rng, intercept) for _ in range(repetitions)])
        error = seen.std(axis=0, ddof=1) / np.sqrt(repetitions)
        expected = np.array(
            [
                [
                    float(getattr(predict(world.population(), n, N, design=d, intercept=intercept), r))
                    for r in ROUTES
                ]
                for d in DESIGNS
            ]
        )
        return (seen.mean(axis=0) - expected) / error

    return deviations


@dataclass
class GaussianPair:
    """Gaussian features of given spectra and correlations; the target lies partly outside both spans."""

    values_w: np.ndarray
    values_s: np.ndarray
    C: np.ndarray
    on_w: np.ndarray
    on_s: np.ndarray
    outside: float = 0.3
    sigma2: float = 0.5

    @property
    def t_w(self):
        return self.on_w + self.C.T @ self.on_s

    @property
    def t_s(self):
        return self.C @ self.on_w + self.on_s

    @property
    def v(self):
        return float(self.on_w @ self.t_w + self.on_s @ self.t_s + self.outside)

    def pair(self):
        return PairSpectra(values_w=self.values_w, values_s=self.values_s, C=self.C)

    def target(self):
        return Target.known(self.t_w, self.t_s, self.v, self.sigma2)

    def rows(self, m, rng):
        """Weak and strong features, and the target."""
        white = rng.standard_normal((m, len(self.t_w)))
        left = np.linalg.cholesky(np.eye(len(self.C)) - self.C @ self.C.T)
        strong = white @ self.C.T + rng.standard_normal((m, len(self.C))) @ left.T
        f = white @ self.on_w + strong @ self.on_s + np.sqrt(self.outside) * rng.standard_normal(m)
        return white * np.sqrt(self.values_w), strong * np.sqrt(self.values_s), f

    def noisy(self, f, rng):
        return f + np.sqrt(self.sigma2) * rng.standard_normal(len(f))


def gaussian_pair(rng, kind="flat", shared=15, d_w=30, d_s=40):
    r = 0.98 * np.sqrt(rng.uniform(0.2, 1.0, shared))
    Q_w, Q_s = (np.linalg.qr(rng.standard_normal((d, d)))[0][:, :shared] for d in (d_w, d_s))
    a, b = (0.6 * rng.standard_normal(d) / np.sqrt(d) for d in (d_w, d_s))
    w, s = np.arange(1, d_w + 1.0), np.arange(1, d_s + 1.0)
    spectra = {
        "flat": (np.ones(d_w), np.ones(d_s)),
        "power": (1 / w, s**-1.2),
        "spiked": (np.where(w <= 4, 20.0, 1.0), np.where(s <= 6, 30.0, 1.0)),
    }
    return GaussianPair(*spectra[kind], (Q_s * r) @ Q_w.T, a, b)


@pytest.fixture(scope="session")
def gaussian():
    return gaussian_pair
