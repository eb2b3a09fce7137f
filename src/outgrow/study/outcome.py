"""What a run found: frozen values, ready for JSON, tables and the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from outgrow.geometry.pair_geometry import Geometry
from outgrow.results import Check, Estimate, Numbers, Quantity, Risks, Undefined
from outgrow.study.reading import Reading
from outgrow.study.verdict import Comparison, Verdict
from outgrow.theory.misfit import MisfitGain

SCHEMA = 2
"""Version of the run's JSON; raised when a reader of the old one would misread the new one."""

NOT_CLASSES = Undefined("the task is regression", "Accuracy needs classes: --task classification.")

METRICS = ("expected", "expected_excess", "risk", "excess_risk", "accuracy", "balanced_accuracy", "auc")
"""What is reported of every route."""


@dataclass(frozen=True)
class RouteResult:
    """One route: how it was tuned, what was expected of it, and how it did."""

    name: str
    kind: str
    """As in `outgrow.heads.routes.Route`."""
    weak: str | None
    """Weak feature set it uses."""
    settings: dict[str, float]
    """Penalties and weight chosen."""
    expected: Quantity
    """Squared error on new labels, expected from the labelled rows."""
    expected_excess: Quantity
    """The same less the label noise, where the noise is known: beside `excess_risk`."""
    risk: Quantity
    """Squared error against labels on the test rows (or cross-validated): beside `expected`."""
    excess_risk: Quantity
    """The same less the noise, where the noise is known."""
    accuracy: Quantity
    """Share of correct classes (classification)."""
    balanced_accuracy: Quantity = NOT_CLASSES
    """Mean over classes of the share named right within the class."""
    auc: Quantity = NOT_CLASSES
    """Area under the ROC curve of each class's score against all others, averaged over classes."""


@dataclass(frozen=True)
class RiskPoint:
    """One route's risk by theory and by measurement."""

    route: str
    """Teacher, student, baseline or ceiling."""
    predicted: Quantity
    """By T2."""
    measured: Quantity
    """Mean over redraws, on the test rows."""


@dataclass(frozen=True)
class Retrospective:
    """Predicted and measured risks of minimum-norm models on truncated features."""

    title: str
    """Says what it is."""
    head: str
    """Always "ridgeless"."""
    n: int
    N: int
    draws: int
    """Labelled rows, unlabelled rows, redraws."""
    d_w: int
    d_s: int
    """Directions kept."""
    inputs: Mapping[str, Estimate]
    """What went into the formulas."""
    points: tuple[RiskPoint, ...]
    """One per route."""
    pgr: Mapping[str, Quantity]
    opr: Mapping[str, Quantity]
    """Under "predicted" and "measured"."""
    sandwich: Mapping[str, float]
    """By how much residuals that depend on the features change each variance term; 1 in theory."""
    checks: tuple[Check, ...]
    """Suspicions."""


@dataclass(frozen=True)
class PairResult:
    """One teacher with the student."""

    weak: str
    strong: str
    """Names of the feature sets."""
    risks: Risks
    """Excess risks where the noise is known, else risks against labels."""
    pgr: Quantity
    opr: Quantity
    opr_raw_mse: Quantity
    """Performance gap recovered; outperforming ratio of excess risks; the same of raw test MSE."""
    pgr_accuracy: Quantity
    """Performance gap recovered, of accuracy."""
    geometry: Geometry
    """What `outgrow measure` finds for the pair."""
    theory: Retrospective | Undefined
    """Theory beside measurement, or Undefined."""
    misfit: MisfitGain
    """The gain that the student's disagreement with its teacher promises, and the one measured."""


@dataclass(frozen=True)
class RunOutcome:
    """Everything a run found."""

    title: str
    note: str
    """Heading and the remark on the features, as the user gave them."""
    task: str
    why_task: str
    """Regression or classification, and how it was chosen."""
    classes: tuple[str, ...]
    """Classes; empty for regression."""
    head: str
    """Ridge or ridgeless."""
    evaluation: str
    """ "test rows" or "cross-validation over the labelled rows"."""
    n: int
    N: int
    n_test: int
    """Labelled, unlabelled and test rows."""
    d_w: dict[str, int]
    """Directions each weak head uses."""
    d_s: int
    """Directions the strong head uses."""
    verdict: Verdict
    """Over all teachers."""
    on_test: tuple[Comparison, ...]
    """The other routes against the recommended one on the test rows."""
    routes: tuple[RouteResult, ...]
    """All routes."""
    pairs: tuple[PairResult, ...]
    """One per teacher."""
    checks: tuple[Check, ...]
    """Every suspicion raised."""
    config: Mapping[str, object]
    """The resolved configuration, as plain values."""
    identities: Mapping[str, object]
    """Identity of every feature set."""
    seconds: float
    """Wall time."""
    majority_rate: Quantity = NOT_CLASSES
    """Share of evaluation rows that bear the class most frequent among the labels: the accuracy to beat."""
    reading: Reading | None = None
    """What was read, and how."""
    schema: int = SCHEMA
    """Version of this structure."""

    COLUMNS: ClassVar[tuple[str, ...]] = (
        "route", "kind", "weak", "metric", "value", "low", "high", "level", "n", "method", "reason",
    )  # fmt: skip

    def numbers(self) -> Numbers:
        """Give what was expected and measured of every route, and the ratios of every pair."""
        for route in self.routes:
            where = {"route": route.name, "kind": route.kind, "weak": route.weak}
            for metric in METRICS:
                yield {**where, "metric": metric}, getattr(route, metric)
        for pair in self.pairs:
            where = {"route": f"student ({pair.weak})", "kind": "student", "weak": pair.weak}
            for metric in ("pgr", "opr", "opr_raw_mse", "pgr_accuracy"):
                yield {**where, "metric": metric}, getattr(pair, metric)
