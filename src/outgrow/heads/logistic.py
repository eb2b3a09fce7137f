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
from outgrow.heads.logistic_columns import contrasts, fit_columns
from outgrow.heads.two_stage import penalties
from outgrow.linalg.ridge_path import LinearModel
from outgrow.linalg.spectrum import spectrum_of_covariance, spectrum_of_rows

GRID = 5
"""Penalties tried per stage, one a decade: every pair costs a fit on the pool in every fold."""

LOW, HIGH = 1e-4, 1.0
"""Ends of the grid in units of the mean variance per feature: the logistic loss is at most a quarter as
curved as the squared one, and below the lower end separable classes are fitted without bound."""


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
    m, d = X.shape
    mean = X.mean(axis=0, dtype=np.float64)
    centred = X - mean
    # In the axes of their covariance descents take few steps, all penalties side by side.
    wide = d > m
    spectrum = (
        spectrum_of_rows(centred, center=False)
        if wide
        else spectrum_of_covariance(centred.T @ centred / m, m)
    )
    variances, axes = spectrum.resolved
    share = np.full(m, 1 / m) if weights is None else weights / weights.sum()
    fits = fit_columns(
        np.hstack([centred @ axes, np.ones((m, 1))]),
        np.repeat(targets.T[:, :, None], len(alphas), axis=2),
        alphas,
        moments=np.append(variances, 1.0),
        weights=np.repeat(share[:, None], len(alphas), axis=1),
    )
    models = []
    for place, seen in enumerate(fits.seen.T):
        turned = (contrasts(targets.shape[1]) @ fits.coef[:, :, place]).T
        # Without any weight a class's intercept would run to minus infinity: set it there at once.
        coef = np.where(seen, axes @ turned[:-1], 0.0)
        level = np.where(seen, turned[-1] - mean @ coef, -np.inf)
        models.append(LogisticModel(LinearModel(coef, level), bool(fits.converged[place])))
    return models


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
