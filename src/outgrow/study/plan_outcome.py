"""What a plan finds: the route to take, the others, and how the answer would change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from outgrow.results import Check, Estimate, Quantity, Undefined
from outgrow.study.frontier import Frontier, RiskMap
from outgrow.study.reading import Reading
from outgrow.theory.plan import Prices


@dataclass(frozen=True)
class PlannedRoute:
    """The best design of one route.

    Parameters
    ----------
    route : str
        "teacher", "baseline", "union" or "student".
    weak : str or None
        The weak set, where the route has one.
    n, N : int
        Labelled and unlabelled rows; N is 0 where none are used.
    cost : float
        Of the rows not at hand.
    penalties : dict of str to float
        Those of least forecast risk there.
    risk : Estimate or Undefined
        Forecast: an excess risk where the noise variance is known, else the error on new labels.
    difference : Estimate or None
        Its risk less that of the plan; None for the plan itself.
    tied : bool
        Whether the labels cannot tell it from the plan.
    """

    route: str
    weak: str | None
    n: int
    N: int
    cost: float
    penalties: dict[str, float]
    risk: Quantity
    difference: Estimate | None = None
    tied: bool = False


@dataclass(frozen=True)
class Scenario:
    """What the plan would be if an input were different.

    Parameters
    ----------
    what : str
        "sharing" or "unexplained".
    change : float
        Relative change.
    route : str
        The best route then.
    n, N : int
        Its rows.
    risk : float
        Its risk.
    stay : float
        Risk of the plan as it is, then.
    """

    what: str
    change: float
    route: str
    n: int
    N: int
    risk: float
    stay: float


@dataclass(frozen=True)
class AsGood:
    """How far one may move along the budget without a difference that the labels can show.

    Parameters
    ----------
    n : tuple of int
        Fewest and most labelled rows.
    N : tuple of int
        The unlabelled rows that go with them.
    """

    n: tuple[int, int]
    N: tuple[int, int]


@dataclass(frozen=True)
class PlanOutcome:
    """A plan and what it rests on.

    Parameters
    ----------
    title : str
        Heading.
    note : str
        Remark on the features.
    weak : tuple of str
        Weak sets.
    strong : str
        The strong set.
    m, pool : int
        Labels and unlabelled rows that the forecasts were made from.
    kind : str
        "prospective" or "retrospective".
    excess : bool
        Whether risks are excess risks; else they are errors on new labels.
    asked : str
        "budget" or "target".
    budget : float
        What may be spent; of a target, what the cheapest design costs.
    target : float or None
        The risk to reach.
    prices : Prices
        What rows cost.
    routes : tuple of PlannedRoute
        The plan first, then the best designs of the other routes from best to worst.
    missing : dict of str to Undefined
        Routes without a design, by name.
    floor : Estimate
        The least risk that any number of rows brings.
    floor_route : str
        The route that it is of.
    frontier : Frontier
        Least risk against budget.
    risk_map : RiskMap
        Risk of the student over n and N.
    as_good : AsGood or None
        None where the forecast has no replicates.
    scenarios : tuple of Scenario
        What-ifs.
    notes : tuple of str
        What the reader should bear in mind.
    checks : tuple of Check
        Suspicions.
    config : dict
        The resolved configuration.
    seconds : float
        Wall time.
    reading : Reading or None
        What was read, and how.
    """

    title: str
    note: str
    weak: tuple[str, ...]
    strong: str
    m: int
    pool: int
    kind: str
    excess: bool
    asked: str
    budget: float
    target: float | None
    prices: Prices
    routes: tuple[PlannedRoute, ...]
    missing: dict[str, Undefined]
    floor: Estimate
    floor_route: str
    frontier: Frontier
    risk_map: RiskMap
    as_good: AsGood | None
    scenarios: tuple[Scenario, ...]
    notes: tuple[str, ...]
    checks: tuple[Check, ...]
    config: dict[str, Any]
    seconds: float
    reading: Reading | None = None

    @property
    def best(self) -> PlannedRoute:
        """The plan."""
        return self.routes[0]
