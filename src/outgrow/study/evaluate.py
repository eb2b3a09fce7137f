"""Row losses of trained routes on rows they have not seen, and the risks, PGR and OPR made of them.

With test rows, models are scored on them once. Without, the labelled rows are cross-validated: training,
tuning, bases and choices are repeated inside each fold, the pool staying unlabelled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from outgrow.heads.expected_error import widening
from outgrow.heads.imbalance import auc, balanced_accuracy, majority_rate
from outgrow.intervals.metrics import EXCESS, OPR, PAIRED, RAW, TRAINED, Means, pgr
from outgrow.results import Estimate, Quantity, Undefined
from outgrow.study.outcome import NOT_CLASSES, RouteResult
from outgrow.study.prepare import Prepared, fold_positions, positions
from outgrow.study.training import Trained, TrainingRows, train
from outgrow.study.verdict import Comparison, Verdict

PIECE = 10_000
"""Rows predicted at a time: 60 MB of 768 float64 values, and calls enough to cost nothing."""


@dataclass(frozen=True)
class Losses:
    """Losses of every route on the evaluation rows."""

    rows: Int[np.ndarray, " rows"]
    """Row numbers of the evaluation rows."""
    squared: dict[str, Float[np.ndarray, " rows"]]
    """Squared loss against labels, by route."""
    against_truth: dict[str, Float[np.ndarray, " rows"]]
    """Squared loss against the truth column; empty without one."""
    wrong: dict[str, Float[np.ndarray, " rows"]]
    """1 where the class is wrong; empty for regression."""
    groups: np.ndarray | None
    """Groups of the rows."""
    scores: dict[str, Float[np.ndarray, "rows k"]]
    """Scores of the classes, by route; empty for regression."""
    labels: Int[np.ndarray, " rows"]
    """Class of every row; all 0 for regression."""
    folds: int | None = None
    """Folds that were left out one by one, where rows were cross-validated."""


def read_by(data: Prepared, item: Trained, rows: Int[np.ndarray, " rows"]) -> Float[np.ndarray, "rows k"]:
    """Predict rows of the run's own data with a trained route."""
    sets = [
        data.strong if which == "strong" else data.weak[str(item.route.weak)] for which in item.route.features
    ]
    # In pieces: heads compute in float64, and a copy of the whole pool would double the memory of a run.
    return np.concatenate(
        [
            item.predict(*(values[rows[start : start + PIECE]] for values in sets))
            for start in range(0, len(rows), PIECE)
        ]
    )


def on_rows(data: Prepared, items: Sequence[Trained], rows: Int[np.ndarray, " rows"]) -> Losses:
    """Score trained routes on given rows."""
    y = data.y[rows]
    squared, truth, wrong, scores = {}, {}, {}, {}
    labels = y.argmax(axis=1)
    for item in items:
        predicted = read_by(data, item, rows)
        squared[item.route.name] = np.sum((predicted - y) ** 2, axis=1)
        if data.truth is not None:
            truth[item.route.name] = (predicted[:, 0] - data.truth[rows]) ** 2
        if data.task == "classification":
            wrong[item.route.name] = (predicted.argmax(axis=1) != labels).astype(np.float64)
            scores[item.route.name] = predicted
    groups = None if data.groups is None else data.groups[rows]
    return Losses(rows, squared, truth, wrong, groups, scores, labels)


def cross_validate(data: Prepared, rows: TrainingRows, *, seed: int, advance: Callable[[], None]) -> Losses:
    """Score every route on labelled rows that its training, otherwise that of `rows`, did not see."""
    labelled = data.split.labelled
    y = data.y.copy()
    y[data.split.unlabelled] = np.nan
    # Another seed than that of the honest choices: the two uses of folds stay independent.
    parts = []
    for fold in fold_positions(data, labelled, rows.head.folds, seed + 1):
        kept = np.delete(labelled, fold)
        folds = fold_positions(data, kept, rows.head.folds, seed)
        part = replace(
            rows, data=replace(data, y=y), labelled=kept, folds=folds, groups=positions(data.groups, kept)
        )
        items, _ = train(part)
        parts.append(on_rows(data, items, labelled[fold]))
        advance()

    def together(field: str) -> dict[str, np.ndarray]:
        first = getattr(parts[0], field)
        return {name: np.concatenate([getattr(part, field)[name] for part in parts]) for name in first}

    scored = np.concatenate([part.rows for part in parts])
    return Losses(
        scored,
        together("squared"),
        together("against_truth"),
        together("wrong"),
        None if data.groups is None else data.groups[scored],
        together("scores"),
        np.concatenate([part.labels for part in parts]),
        len(parts),
    )


ALONE = np.ones(1)
"""The contrast that is a model's own mean."""

ANEW = "cross-validated: every fold trained anew"
"""What the intervals of cross-validated losses speak of."""

NO_NOISE = Undefined(
    "the label noise variance is not known",
    "Give --noise-variance, or a --truth-column with its --truth-variance.",
)


class Scores:
    """Risks and ratios from row losses, by route name."""

    def __init__(self, losses: Losses, noise: float | None, of_truth: float) -> None:
        self.losses, self.noise = losses, noise
        self.scope = TRAINED if losses.folds is None else ANEW
        # Differences of risks are the same against truth and labels, and less noisy against truth.
        self.best = losses.against_truth or losses.squared
        self.variance = of_truth if losses.against_truth else noise

    def route(self, item: Trained, expected: Quantity) -> RouteResult:
        """Sum up one route, `expected` being its error on new labels as the labelled rows have it."""
        name, groups = item.route.name, self.losses.groups
        risk: Quantity = Undefined("the route is not part of the evaluation", "Give test rows (--test).")
        accuracy: Quantity = NOT_CLASSES
        balanced: Quantity = NOT_CLASSES
        area: Quantity = NOT_CLASSES
        if name in self.losses.squared:
            risk = self._means(self.losses.squared[name]).estimate(ALONE)
        if name in self.losses.wrong:
            wrong = self._means(self.losses.wrong[name]).estimate(ALONE)
            low, high = wrong.interval or (wrong.value, wrong.value)
            accuracy = replace(wrong, value=1 - wrong.value, interval=(1 - high, 1 - low))
            balanced = balanced_accuracy(self.losses.labels, self.losses.wrong[name] == 0, groups, self.scope)
            area = auc(self.losses.labels, self.losses.scores[name], groups, self.scope)
        return RouteResult(
            name=name,
            kind=item.route.kind,
            weak=item.route.weak,
            settings=item.route.settings,
            expected=expected,
            expected_excess=self._less_noise(expected),
            risk=risk,
            excess_risk=self.excess(name),
            accuracy=accuracy,
            balanced_accuracy=balanced,
            auc=area,
        )

    def majority(self, known: Int[np.ndarray, " n"]) -> Quantity:
        """Give the accuracy of always naming the class most frequent among the known labels."""
        return (
            majority_rate(known, self.losses.labels, self.losses.groups) if self.losses.wrong else NOT_CLASSES
        )

    def _less_noise(self, expected: Quantity) -> Quantity:
        noise = self.noise
        if isinstance(expected, Undefined):
            return expected
        if noise is None:
            return NO_NOISE
        low, high = expected.interval or (expected.value, expected.value)
        ends = None if expected.interval is None else (low - noise, high - noise)
        return replace(expected, value=expected.value - noise, interval=ends)

    def excess(self, name: str) -> Quantity:
        """Excess risk of a route that was evaluated, where the noise is known."""
        if self.variance is None:
            return NO_NOISE
        if name not in self.best:
            return Undefined("the pool's labels are not known", "Nothing short of labelling the pool.")
        return self._means(self.best[name]).estimate(ALONE, self.variance, EXCESS)

    def pgr(self, teacher: str, student: str, wrong: bool = False) -> Quantity:
        """Performance gap recovered, where there is a ceiling and it is better than the teacher."""
        table = self.losses.wrong if wrong else self.best
        if wrong and not table:
            return NOT_CLASSES
        if "ceiling" not in table:
            return Undefined(
                "there is no ceiling: the pool's labels are not known, or there are no test rows",
                "Label the pool, or read the risks of teacher, student and baseline.",
            )
        loss = "accuracy" if wrong else "squared loss"
        return pgr(table[teacher], table[student], table["ceiling"], self.losses.groups, loss)

    def opr(self, student: str) -> tuple[Quantity, Quantity]:
        """Outperforming ratio, of excess risks and of raw risks."""
        raw = self._means(self.losses.squared["baseline"], self.losses.squared[student]).outperforming(RAW)
        if self.variance is None:
            return NO_NOISE, raw
        both = self._means(self.best["baseline"], self.best[student])
        return both.outperforming(OPR, self.variance), raw

    def _means(self, *losses: Float[np.ndarray, " rows"]) -> Means:
        return Means.of(dict(zip("ab", losses, strict=False)), self.losses.groups, self.scope)

    def _difference(self, name: str, best: str) -> Estimate:
        """Compare two routes row by row; if cross-validated, widened as the verdict's differences are."""
        difference = self._means(self.best[name], self.best[best]).estimate(
            np.array([1.0, -1.0]), method=PAIRED
        )
        if self.losses.folds is None or difference.interval is None:
            return difference
        reach = widening(self.losses.folds) * (difference.interval[1] - difference.value)
        method = f"{difference.method}, widened for shared training rows"
        return replace(
            difference, interval=(difference.value - reach, difference.value + reach), method=method
        )

    def against(self, verdict: Verdict) -> tuple[Comparison, ...]:
        """Compare the other routes with the recommended one on the evaluation rows: to report only."""
        best = verdict.recommended
        if best not in self.best:
            return ()
        return tuple(
            Comparison(name, best, self._difference(name, best))
            for name in verdict.risks
            if name != best and name in self.best
        )
