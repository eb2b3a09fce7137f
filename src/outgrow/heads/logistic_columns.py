"""Logistic fits of many targets on the same rows, side by side: what sweeps of logistic heads are made of.

One product of the rows with all columns of coefficients serves every target at a step of L-BFGS; each has its
own penalty and row weights, its line search works on scores alone, and it leaves once it has converged. One
target after the other, as in `logistic.path`, costs a pass over the rows per target and step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

ITERATIONS = 2000
"""Enough for features of any usual scale, as in `logistic`."""

DECREMENT = 1e-8
"""Newton decrement, in square roots of nats and by the curvature of even odds, at which a column of
`fit_columns` counts as converged. Risks on other rows are then right to 1e-9 where rows well exceed columns,
and to 1e-6 in the worst case met, as many rows as columns and a penalty of 1e-4 mean variances; each further
digit costs a tenth more steps."""

MEMORY = 10
"""Steps whose curvature L-BFGS remembers: the usual number, and little beside the rows."""

TRIALS = 30
"""Tries of one line search, which needs one or two: beyond these rounding has the word."""


@dataclass(frozen=True, eq=False)
class LogisticColumns:
    """Logistic fits side by side.

    Scores of k classes matter up to a number common to all, and the penalty makes coefficients of all classes
    sum to zero: kept are their k - 1 coordinates in `contrasts`.
    """

    coef: Float[np.ndarray, "q d c"]
    """Coefficients of c fits; the last of the d belongs to the intercept, if there is one."""
    seen: Bool[np.ndarray, "k c"]
    """Classes that had any weight; others have probability zero."""
    converged: Bool[np.ndarray, " c"]
    """False where the optimizer stopped short."""

    def take(self, columns: Int[np.ndarray, " e"]) -> LogisticColumns:
        """Take some of the fits."""
        return LogisticColumns(self.coef[:, :, columns], self.seen[:, columns], self.converged[columns])

    def predict(self, X: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "k m c"]:
        """Predict the probability of every class for every row by every fit."""
        return _probabilities(np.matmul(X, self.coef), contrasts(len(self.seen)), self.seen)


def contrasts(k: int) -> Float[np.ndarray, "k q"]:
    """Give an orthonormal basis of the scores of k classes that sum to zero."""
    from scipy.linalg import helmert

    return np.asarray(helmert(k).T)


def fit_columns(
    X: Float[np.ndarray, "m d"],
    targets: Float[np.ndarray, "k m c"],
    alphas: Float[np.ndarray, " c"],
    *,
    moments: Float[np.ndarray, " d"],
    intercept: bool = True,
    weights: Float[np.ndarray, "m c"] | None = None,
    start: Float[np.ndarray, "q d c"] | None = None,
) -> LogisticColumns:
    """Fit many class probabilities, each with a penalty of its own, on the same rows at once.

    Every fit has the objective of `path`. All take their L-BFGS steps together, so that a pass over the rows
    is one matrix product for all, and leave when they have converged. Steps are taken in the metric of even
    odds, (1/2) moments + 2 alpha: in coordinates whose covariance is diagonal it is near the curvature, and
    a dozen steps suffice where rows well exceed columns. The line search looks at scores alone, and costs no
    pass.
    """
    k, m, c = targets.shape
    weights = np.full((m, c), 1 / m) if weights is None else weights
    seen = np.asarray(((targets > 0) & (weights > 0)).any(axis=1))
    penalty = np.tile(2.0 * alphas, (X.shape[1], 1))
    if intercept:
        penalty[-1] = 0.0
    coef = np.zeros((k - 1, X.shape[1], c))
    converged = seen.sum(axis=0) == 1
    # Where one class has all the weight its probability is one, whatever the scores.
    left = np.flatnonzero(~converged)
    first = coef if start is None else start
    work = _Descent(X, targets, weights, seen, penalty, moments, first)
    work.keep(left)
    for _ in range(ITERATIONS):
        done = work.decrement() <= DECREMENT
        if done.any():
            coef[:, :, left[done]], converged[left[done]] = work.coef[:, :, done], True
            left = left[~done]
            work.keep(~done)
        if not len(left):
            break
        work.step(work.direction())
    coef[:, :, left] = work.coef
    # A line search that rounding ends has converged all the same if the gradient is small.
    converged[left] = work.decrement() <= 10 * DECREMENT
    return LogisticColumns(coef, seen, converged)


class _Descent:
    """Where the fits of `fit_columns` stand: coefficients, scores, gradients and the last steps of each."""

    def __init__(
        self,
        X: Float[np.ndarray, "m d"],
        targets: Float[np.ndarray, "k m c"],
        weights: Float[np.ndarray, "m c"],
        seen: Bool[np.ndarray, "k c"],
        penalty: Float[np.ndarray, "d c"],
        moments: Float[np.ndarray, " d"],
        coef: Float[np.ndarray, "q d c"],
    ) -> None:
        self.X, self.weights, self.seen, self.penalty, self.coef = X, weights, seen, penalty, coef
        self.basis = contrasts(len(targets))
        self.wanted = _in_contrasts(self.basis, targets)
        # The cross-entropy curves no more than this: 1/2 is the largest eigenvalue of diag(p) - p p'.
        self.metric = 0.5 * moments[:, None] + penalty
        self.scores = np.matmul(X, coef)
        self.gradient = np.matmul(X.T, self.slopes(self.scores)) + penalty * coef
        self.steps: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def keep(self, which: np.ndarray) -> None:
        """Go on with some of the fits."""
        for name in ("weights", "seen", "penalty", "coef", "wanted", "metric", "scores", "gradient"):
            setattr(self, name, getattr(self, name)[..., which])
        self.steps = [(step[..., which], turn[..., which], inv[which]) for step, turn, inv in self.steps]

    def slopes(self, scores: Float[np.ndarray, "q m c"]) -> Float[np.ndarray, "q m c"]:
        """Differentiate the weighted cross-entropy of every row by its scores."""
        if len(self.basis) == 2:
            slope = np.tanh(scores * np.sqrt(0.5))
            slope *= np.sqrt(0.5)
        else:
            slope = _in_contrasts(self.basis, _probabilities(scores, self.basis, self.seen))
        slope -= self.wanted
        slope *= self.weights
        return slope

    def decrement(self) -> Float[np.ndarray, " c"]:
        """Measure how far each fit may be from its end."""
        return np.sqrt(_dots(self.gradient, self.gradient / self.metric))

    def direction(self) -> Float[np.ndarray, "q d c"]:
        """Turn gradients into steps by what the last steps tell of the curvature: the two loops of L-BFGS."""
        q = -self.gradient
        shares = []
        for step, turn, inv in reversed(self.steps):
            share = _dots(step, q) * inv
            q -= share * turn
            shares.append(share)
        q /= self.metric
        if self.steps:
            _, turn, inv = self.steps[-1]
            # Even odds are too steep where classes are told apart: the last step says by how much.
            scale = inv * _dots(turn, turn / self.metric)
            q /= np.where(scale > 0, scale, 1.0)
        for (step, turn, inv), share in zip(self.steps, reversed(shares), strict=True):
            q += (share - _dots(turn, q) * inv) * step
        return q

    def step(self, direction: Float[np.ndarray, "q d c"]) -> None:
        """Go along directions as far as it goes down, and remember how the gradients turned."""
        along = np.matmul(self.X, direction)
        down = _dots(self.gradient, direction)
        fixed = _dots(self.penalty * self.coef, direction)
        grows = _dots(self.penalty * direction, direction)
        search = _Search(down)
        for _ in range(TRIALS):
            length = search.t
            scores = self.scores + length * along
            slopes = self.slopes(scores)
            if search.ends(_dots(slopes, along) + fixed + length * grows):
                break
        step = length * direction
        self.coef, self.scores = self.coef + step, scores
        gradient = np.matmul(self.X.T, slopes) + self.penalty * self.coef
        turn, self.gradient = gradient - self.gradient, gradient
        product = _dots(step, turn)
        # Positive but for rounding, since the objective is convex; a step without it teaches nothing.
        inv = np.where(product > 0, 1.0 / np.where(product > 0, product, 1.0), 0.0)
        self.steps = [*self.steps[1 - MEMORY :], (step, turn, inv)]


class _Search:
    """Lengths of steps at which a convex objective is flatter than at the start, by its slopes alone.

    Values of the objective are not looked at: near the end their differences are below rounding.
    """

    FLATTER, BEYOND = 0.9, 0.5
    """Shares of the first slope that may remain: downhill the customary one; past the lowest point that at
    which a parabola has risen again by a quarter of its fall, so that most other shapes end lower, too."""

    def __init__(self, down: Float[np.ndarray, " c"]) -> None:
        self.down = down
        self.t = np.ones_like(down)
        self.low, self.low_slope = np.zeros_like(down), down
        self.high, self.high_slope = np.full_like(down, np.nan), np.full_like(down, np.nan)

    def ends(self, slope: Float[np.ndarray, " c"]) -> bool:
        """Look at the slopes at the lengths tried; set others where they do not do."""
        poor = (slope < self.FLATTER * self.down) | (slope > -self.BEYOND * self.down)
        if not poor.any():
            return True
        short = slope < 0
        low_slope = np.where(short, slope, self.low_slope)
        self.low, self.low_slope = np.where(short, self.t, self.low), low_slope
        self.high = np.where(short, self.high, self.t)
        self.high_slope = np.where(short, self.high_slope, slope)
        # Between a length too short and one too long, where the line through their slopes is zero; else where
        # that from the start is, within reason.
        with np.errstate(divide="ignore", invalid="ignore"):
            between = self.low + (self.high - self.low) * low_slope / (low_slope - self.high_slope)
            beyond = self.t * np.clip(self.down / (self.down - slope), 1.5, 10.0)
        self.t = np.where(poor, np.where(np.isnan(self.high), beyond, between), self.t)
        return False


def _dots(a: Float[np.ndarray, "q m c"], b: Float[np.ndarray, "q m c"]) -> Float[np.ndarray, " c"]:
    return np.einsum("qmc,qmc->c", a, b)


def _in_contrasts(
    basis: Float[np.ndarray, "k q"], values: Float[np.ndarray, "k m c"]
) -> Float[np.ndarray, "q m c"]:
    return np.tensordot(basis, values, (0, 0))


def _probabilities(
    scores: Float[np.ndarray, "q m c"], basis: Float[np.ndarray, "k q"], seen: Bool[np.ndarray, "k c"]
) -> Float[np.ndarray, "k m c"]:
    weights = np.tensordot(basis, scores, (1, 0))
    weights += np.where(seen, 0.0, -np.inf)[:, None, :]
    weights -= weights.max(axis=0)
    np.exp(weights, out=weights)
    weights /= weights.sum(axis=0)
    return weights
