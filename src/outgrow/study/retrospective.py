"""Theory beside measurement, once every label is known: what T2 would have predicted, and what came out.

The inputs of the exact formulas (docs/theory.md, T2) are measured on all rows whose label is known, in the
very basis that the ridgeless models are fitted on; the models are then trained on repeated draws of n and N
rows and scored on the test rows. A look back, not a forecast: the inputs use labels that nobody has when
the question is asked.
"""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
from jaxtyping import Float

from outgrow.config import RunConfig
from outgrow.errors import DataError
from outgrow.intervals import metrics
from outgrow.linalg.ridge_path import LinearModel, RidgePath
from outgrow.results import Check, Estimate, Undefined
from outgrow.study.evaluate import NO_NOISE
from outgrow.study.outcome import Retrospective, RiskPoint
from outgrow.study.prepare import Prepared
from outgrow.study.training import training_rows
from outgrow.theory.exact_risks import exact_risks
from outgrow.theory.forecaster import Forecaster
from outgrow.theory.gain import opr, pgr
from outgrow.theory.inputs import population_from_rows
from outgrow.theory.population import Population
from outgrow.theory.sandwich import sandwich_factors

DRAWS = 20
"""Redraws of labelled and unlabelled rows: the mean's error is then a fifth of one draw's spread."""

SANDWICH = (0.8, 1.25)
"""Factors outside change a variance by more than a fifth, beyond what formulas for Gaussian data promise."""

ROUTES = ("teacher", "student", "baseline", "ceiling")


def retrospective(
    data: Prepared, weak: str, config: RunConfig, theory: Forecaster[Population] = exact_risks
) -> Retrospective | Undefined:
    """Set theory beside measurement for one teacher of a regression whose labels are all known."""
    split = data.split
    if data.task != "regression":
        return Undefined(
            "the formulas are of the squared loss of one target", "Read the measured risks of the classes."
        )
    if not data.pool_known or not len(split.unlabelled):
        return Undefined(
            "the labels of the pool are not known, so there is nothing to look back on",
            "Read the risks expected from the labelled rows.",
        )
    if not len(split.test):
        return Undefined("there are no test rows to measure on", "Set rows aside for the test (--test).")
    rows = training_rows(data, split.labelled, head="ridgeless", rank=config.rank, seed=config.seed)
    (by_weak, _), (by_strong, _) = rows.space(weak), rows.space(None)
    known = np.concatenate([split.labelled, split.unlabelled, split.test])
    n, N = len(split.labelled), len(split.unlabelled)
    X_w, X_s = by_weak.apply(data.weak[weak][known]), by_strong.apply(data.strong[known])
    y = data.y[known, 0]

    # The less noisy target gives the better inputs, where its own noise is known. Without a known noise
    # variance all of it counts as approximation error: the risks are then those against labels.
    sigma2 = config.noise_variance or 0.0
    target, noise = y, sigma2
    if data.truth is not None and config.noise_variance is not None:
        target, noise = data.truth[known], config.truth_variance
    has = ~np.isnan(target)
    try:
        population = population_from_rows(X_w[has], X_s[has], target[has], noise)
        factors = sandwich_factors(X_w, X_s, y, max(n, by_weak.rank + 3))
    except DataError as error:
        # A rank set by hand may leave too few rows to measure the inputs on; the run goes on without.
        return Undefined(error.what, error.remedy)
    predicted = theory(replace(population, sigma2=sigma2), n, N)
    losses = _redraw(X_w, X_s, y, target, n, N, config.seed)
    groups = None if data.groups is None else data.groups[split.test]
    measured = {route: metrics.excess_risk(loss, noise, groups) for route, loss in losses.items()}
    ratio = metrics.pgr(losses["teacher"], losses["student"], losses["ceiling"], groups)
    if isinstance(ratio, Estimate):
        ratio = replace(ratio, method=f"{ratio.method}; the ceiling is one model in all of them")
    named = config.noise_variance is not None
    return Retrospective(
        title="Retrospective: exact theory with inputs measured on all labels, beside redrawn experiments",
        head="ridgeless",
        n=n,
        N=N,
        draws=DRAWS,
        d_w=by_weak.rank,
        d_s=by_strong.rank,
        inputs=_inputs(replace(population, sigma2=sigma2), int(has.sum())),
        points=tuple(RiskPoint(r, getattr(predicted, r), measured[r]) for r in ROUTES),
        pgr={"predicted": pgr(predicted), "measured": ratio},
        opr={
            "predicted": opr(predicted) if named else NO_NOISE,
            "measured": metrics.opr(losses["baseline"], losses["student"], noise, groups)
            if named
            else NO_NOISE,
        },
        sandwich=factors,
        checks=tuple(
            Check("OG206", f"{weak}: {name} {factor:.2f}")
            for name, factor in factors.items()
            if not SANDWICH[0] <= factor <= SANDWICH[1]
        ),
    )


def _inputs(population: Population, rows: int) -> dict[str, Estimate]:
    return {
        field.name: Estimate(
            float(getattr(population, field.name)),
            n=rows,
            method="measured on every row whose label is known",
        )
        for field in fields(population)
    }


def _redraw(
    X_w: Float[np.ndarray, "m d_w"],
    X_s: Float[np.ndarray, "m d_s"],
    y: Float[np.ndarray, " m"],
    scored: Float[np.ndarray, " m"],
    n: int,
    N: int,
    seed: int,
) -> dict[str, Float[np.ndarray, "draws test"]]:
    """Train on repeated partitions of the first n + N rows and score on the others.

    Every draw deals the same rows anew, so the ceiling, which takes all of them, is one model.
    """
    rng = np.random.default_rng(seed)
    test = slice(n + N, None)

    def loss(model: LinearModel, X: Float[np.ndarray, "m d"]) -> Float[np.ndarray, " test"]:
        return (model.predict(X[test])[:, 0] - scored[test]) ** 2

    def fit(X: Float[np.ndarray, "m d"], target: Float[np.ndarray, "m 1"]) -> LinearModel:
        return RidgePath(X, target, np.zeros(1)).model(0)

    y = y[:, None]
    top = loss(fit(X_s[: n + N], y[: n + N]), X_s)
    losses: dict[str, list[np.ndarray]] = {route: [] for route in ROUTES}
    for _ in range(DRAWS):
        order = rng.permutation(n + N)
        labelled, pool = order[:n], order[n:]
        teacher = fit(X_w[labelled], y[labelled])
        losses["teacher"].append(loss(teacher, X_w))
        losses["student"].append(loss(fit(X_s[pool], teacher.predict(X_w[pool])), X_s))
        losses["baseline"].append(loss(fit(X_s[labelled], y[labelled]), X_s))
        losses["ceiling"].append(top)
    return {route: np.stack(rows) for route, rows in losses.items()}
