"""What a forecast finds: every route's risk at every design asked for, and what a run measured of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from outgrow.forecasts.anchors import Anchor
from outgrow.forecasts.foresight import Foreseen
from outgrow.results import Cell, Check, Estimate, Numbers, Quantity, Risks

SCHEMA = 1
"""Version of the forecast's JSON; raised when a reader of the old one would misread the new one."""


@dataclass(frozen=True)
class DesignForecast:
    """One design: n labelled and N unlabelled rows."""

    n: int
    N: int
    """The design."""
    risks: Risks
    """Of every route; excess risks where the noise variance is known, else errors on new labels."""
    pgr: Quantity
    opr: Quantity
    """Performance gap recovered; outperforming ratio of excess risks."""
    parts: Mapping[str, Quantity]
    """The student's risk in three: "bias", "inherited" and "fresh" variance."""
    wins: Mapping[str, Quantity]
    """Probability that the student's expected risk is below its rival's."""
    margins: Mapping[str, Quantity]
    """The student's risk less its rival's, with paired intervals: both rest on the same labels."""
    alphas: Mapping[str, float]
    """Penalties, by the fields of `outgrow.forecasts.forecast.Penalties`."""
    accuracy: Mapping[str, Quantity]
    """Share of new labels named right, by route; empty for regressions."""


@dataclass(frozen=True)
class Curve:
    """Risks along one size, the other one held: what is drawn."""

    along: str
    """ "n" or "N"."""
    other: int
    """The size that is held."""
    places: tuple[int, ...]
    """Sizes."""
    routes: Mapping[str, Mapping[str, Sequence[float | None]]]
    """By route, and by part of the student's risk: "value", "low" and "high" at every place; None where
    undefined."""


@dataclass(frozen=True)
class PairForecast:
    """One teacher with the student."""

    weak: str
    strong: str
    """Names of the feature sets."""
    d_w: int
    d_s: int
    """Directions that each set has in the pool."""
    designs: tuple[DesignForecast, ...]
    """Every n with every N."""
    curves: tuple[Curve, ...]
    """Along n at the largest N, and along N at the n nearest to the labels at hand; or both through the
    design that a run measured."""
    anchors: tuple[Anchor, ...]
    """The design at hand, forecast and left out."""
    factors: Mapping[str, float]
    """Sandwich factors (docs/theory.md, T2)."""
    checks: tuple[Check, ...]
    """Suspicions about this forecast."""
    settings: Mapping[str, float] = field(default_factory=dict)
    """Slope and offset of a given score, fitted to the labels at hand; empty for other teachers."""
    labels_win: Mapping[str, Quantity] = field(default_factory=dict)
    """By student of a given teacher, the number of labels from which on labels alone are better."""
    searched: tuple[int, ...] = ()
    """Fewest and most labels looked at for it: an interval that ends there is open."""


@dataclass(frozen=True)
class Measured:
    """What a run measured of one route at its design."""

    route: str
    """Kind of route."""
    weak: str | None
    """Its teacher's features."""
    n: int
    N: int
    """The run's design."""
    risk: Quantity
    """In the forecast's own units."""
    accuracy: Quantity | None
    """Share of test labels named right."""


@dataclass(frozen=True, kw_only=True)
class ForecastOutcome(Foreseen):
    """Everything a forecast found."""

    task: str
    """Regression or classification."""
    classes: tuple[str, ...]
    """Classes; empty for regression."""
    noise: Quantity
    """Variance of the label noise, and where it is known from."""
    labelled: int
    """Labels at hand: those used, less those of the test where a forecast looks back."""
    n: tuple[int, ...]
    N: tuple[int, ...]
    """Designs."""
    pairs: tuple[PairForecast, ...]
    """One per teacher."""
    measured: tuple[Measured, ...]
    """What a run measured, where one was named."""
    identities: Mapping[str, object]
    """Identity of every feature set."""
    schema: int = SCHEMA
    """Version of this structure."""

    COLUMNS: ClassVar[tuple[str, ...]] = (
        "weak", "n", "N", "quantity", "of", "value", "low", "high", "level", "m", "method", "reason",
    )  # fmt: skip

    def numbers(self) -> Numbers:
        """Give all that was forecast of every teacher at every design."""
        risk = "excess_risk" if self.excess else "risk"
        for pair in self.pairs:
            for design in pair.designs:
                forecasts: dict[str, Mapping[str, Quantity | float]] = {
                    risk: dict(design.risks.items()),
                    "part_of_student": design.parts,
                    "pgr": {"student": design.pgr},
                    "opr": {"student": design.opr},
                    "probability_below": design.wins,
                    "accuracy": design.accuracy,
                    "penalty": design.alphas,
                }
                for quantity, values in forecasts.items():
                    for of, value in values.items():
                        m = value.n if isinstance(value, Estimate) else None
                        where: dict[str, Cell] = {"weak": pair.weak, "n": design.n, "N": design.N, "m": m}
                        yield {**where, "quantity": quantity, "of": of}, value
