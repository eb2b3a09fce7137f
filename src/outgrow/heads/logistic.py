"""The optional logistic head: teacher, student and baseline by cross-entropy instead of squared loss.

The student is fitted to the teacher's probabilities (soft pseudo-labels, cross-entropy): like the linear
student it imitates all that the teacher says, and hard labels would discard. Both penalties are chosen
together by cross-validation of the whole chain against the true labels, as for the squared loss
(docs/theory.md, T8); there is no exact leave-one-out here, so it costs folds x grid x grid fits, and five
folds, half of what leave-one-out choices use, do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from outgrow.heads.head import CrossValidated
from outgrow.heads.two_stage import penalties
from outgrow.linalg.ridge_path import LinearModel

GRID = 5
"""Penalties tried per stage, one a decade: every pair costs a fit on the pool in every fold."""

LOW, HIGH = 1e-4, 1.0
"""Ends of the grid in units of the mean variance per feature: the logistic loss is at most a quarter as
curved as the squared one, and below the lower end separable classes are fitted without bound."""

ITERATIONS = 2000
"""Enough for features of any usual scale; each step is one pass over the rows."""

GRADIENT = 1e-6
"""Largest entry of the gradient at which a fit counts as converged, features scaled to unit variance: risks
are then right to about 1e-6 nats."""


@dataclass(frozen=True)
class LogisticModel:
    """Class probabilities: softmax of linear scores."""

    linear: LinearModel
    """Scores, one column per class; for two classes their difference is the log-odds."""
    converged: bool = True
    """False where the optimizer stopped short."""

    @property
    def state(self) -> Mapping[str, np.ndarray]:
        """The tensors that it is saved as."""
        return self.linear.state

    @property
    def info(self) -> Mapping[str, Any]:
        """Whether the descent reached its end."""
        return {"converged": self.converged}

    def after(self, mapping: Float[np.ndarray, "d ..."]) -> LogisticModel:
        """The same model of features that are yet to be mapped; a vector scales them."""
        return replace(self, linear=self.linear.after(mapping))

    def predict(self, features: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "m k"]:
        """Predict the probability of every class for every row."""
        scores = self.linear.predict(features)
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def path(
    X: Float[np.ndarray, "m d"],
    targets: Float[np.ndarray, "m k"],
    alphas: Float[np.ndarray, " a"],
    weights: Float[np.ndarray, " m"] | None = None,
) -> list[LogisticModel]:
    """Fit multinomial logistic regression to class probabilities along a path of penalties.

    The objective is the (weighted) mean cross-entropy plus alpha times the squared norm of the coefficients
    of all classes, intercepts free. On one-hot codes this is scikit-learn's LogisticRegression with
    C = 1 / (2 m alpha) for three or more classes, and with C = 1 / (m alpha) for two, whose single
    coefficient vector is the difference of two opposite ones.
    """
    from scipy.optimize import minimize

    # Without any weight a class's intercept would run to minus infinity: set it there at once.
    seen = np.flatnonzero(targets.any(axis=0))
    wanted = targets[:, seen]
    m, d, k = len(X), X.shape[1], len(seen)
    share = np.full((m, 1), 1 / m) if weights is None else (weights / weights.sum())[:, None]
    # The same problem in better condition: features centred, and all divided by one number.
    mean = X.mean(axis=0, dtype=np.float64)
    scale = float(np.sqrt(X.var(axis=0, dtype=np.float64).mean())) or 1.0
    scaled = (X - mean) / scale

    def objective(flat: np.ndarray, alpha: float) -> tuple[float, np.ndarray]:
        coef, level = flat[:-k].reshape(d, k), flat[-k:]
        scores = scaled @ coef + level
        scores -= scores.max(axis=1, keepdims=True)
        sums = np.exp(scores).sum(axis=1, keepdims=True)
        logs = scores - np.log(sums)
        slope = share * (np.exp(logs) - wanted)
        value = -np.sum(share * wanted * logs) + alpha * np.sum(coef**2)
        return value, np.r_[(scaled.T @ slope + 2 * alpha * coef).ravel(), slope.sum(axis=0)]

    models = []
    flat = np.zeros((d + 1) * k)
    for alpha in alphas[::-1] / scale**2:  # from the smoothest on: each fit starts at the one before
        # ftol 0: stop by the gradient, or where rounding allows no further descent.
        options = {"maxiter": ITERATIONS, "maxfun": 2 * ITERATIONS, "gtol": GRADIENT, "ftol": 0.0}
        found = minimize(objective, flat, args=(alpha,), jac=True, method="L-BFGS-B", options=options)
        flat = found.x
        coef, level = np.zeros((d, targets.shape[1])), np.full(targets.shape[1], -np.inf)
        coef[:, seen] = flat[:-k].reshape(d, k) / scale
        level[seen] = flat[-k:] - mean @ coef[:, seen]
        # A line search that rounding ends has converged all the same if the gradient is small.
        converged = bool(found.success or np.abs(found.jac).max() <= 10 * GRADIENT)
        models.append(LogisticModel(LinearModel(coef, level), converged))
    return models[::-1]


def cross_entropy(
    predicted: Float[np.ndarray, "m k"], targets: Float[np.ndarray, "m k"]
) -> Float[np.ndarray, " m"]:
    """Give the cross-entropy of every row, in nats."""
    return np.asarray(-np.sum(targets * np.log(np.maximum(predicted, np.finfo(np.float64).eps)), axis=1))


class LogisticHead(CrossValidated):
    """Multinomial logistic regression, tuned by cross-validation of both stages."""

    measure = "cross-validated cross-entropy in nats"

    def grid(self, source: Float[np.ndarray, "m d"]) -> Float[np.ndarray, " a"]:
        return penalties(source, GRID, LOW, HIGH)

    def fit(
        self,
        source: Float[np.ndarray, "m d"],
        targets: Float[np.ndarray, "m k"],
        weights: Float[np.ndarray, " m"] | None,
        alphas: Float[np.ndarray, " a"],
    ) -> list[LogisticModel]:
        return path(source, targets, alphas, weights)

    def loss(
        self, predicted: Float[np.ndarray, "m k"], targets: Float[np.ndarray, "m k"]
    ) -> Float[np.ndarray, " m"]:
        return cross_entropy(predicted, targets)
