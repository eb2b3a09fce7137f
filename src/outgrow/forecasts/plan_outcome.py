"""What a plan finds: the route to take, the others, and how the answer would change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from outgrow.forecasts.foresight import Foreseen
from outgrow.forecasts.frontier import Frontier, RiskMap
from outgrow.forecasts.search import Prices
from outgrow.results import Cell, Estimate, Numbers, Quantity, Undefined


@dataclass(frozen=True)
class PlannedRoute:
    """The best design of one route."""

    route: str
    """ "teacher", "baseline", "union" or "student"."""
    weak: str | None
    """The weak set, where the route has one."""
    n: int
    N: int
    """Labelled and unlabelled rows; N is 0 where none are used."""
    cost: float
    """Of the rows not at hand."""
    penalties: dict[str, float]
    """Those of least forecast risk there."""
    risk: Quantity
    """Forecast: an excess risk where the noise variance is known, else the error on new labels."""
    difference: Estimate | None = None
    """Its risk less that of the plan; None for the plan itself."""
    tied: bool = False
    """Whether the labels cannot tell it from the plan."""


@dataclass(frozen=True)
class Scenario:
    """What the plan would be if an input were different."""

    what: str
    """ "sharing" or "unexplained"."""
    change: float
    """Relative change."""
    route: str
    """The best route then."""
    n: int
    N: int
    """Its rows."""
    risk: float
    """Its risk."""
    stay: float
    """Risk of the plan as it is, then."""


@dataclass(frozen=True)
class AsGood:
    """How far one may move along the budget without a difference that the labels can show."""

    n: tuple[int, int]
    """Fewest and most labelled rows."""
    N: tuple[int, int]
    """The unlabelled rows that go with them."""


@dataclass(frozen=True, kw_only=True)
class PlanOutcome(Foreseen):
    """A plan and what it rests on."""

    weak: tuple[str, ...]
    """Weak sets."""
    strong: str
    """The strong set."""
    asked: str
    """ "budget" or "target"."""
    budget: float
    """What may be spent; of a target, what the cheapest design costs."""
    target: float | None
    """The risk to reach."""
    prices: Prices
    """What rows cost."""
    routes: tuple[PlannedRoute, ...]
    """The plan first, then the best designs of the other routes from best to worst."""
    missing: dict[str, Undefined]
    """Routes without a design, by name."""
    floor: Estimate
    """The least risk that any number of rows brings."""
    floor_route: str
    """The route that it is of."""
    frontier: Frontier
    """Least risk against budget."""
    risk_map: RiskMap
    """Risk of the student over n and N."""
    as_good: AsGood | None
    """None where the forecast has no replicates."""
    scenarios: tuple[Scenario, ...]
    """What-ifs."""
    notes: tuple[str, ...]
    """What the reader should bear in mind."""

    @property
    def best(self) -> PlannedRoute:
        """The plan."""
        return self.routes[0]

    COLUMNS: ClassVar[tuple[str, ...]] = (
        "part", "route", "weak", "budget", "n", "N", "quantity", "value", "low", "high", "level", "m",
        "method",
    )  # fmt: skip

    def numbers(self) -> Numbers:
        """Give the routes, the frontier, the map, the what-ifs and the floor."""
        # Labels behind a number are its m here: n is what is bought.
        risk: dict[str, Cell] = {"m": self.m, "n": None}
        risk["quantity"] = "excess_risk" if self.excess else "risk"
        for one in self.routes:
            where = {**risk, "part": "route", "route": one.route, "weak": one.weak}
            where |= {"budget": one.cost, "n": one.n, "N": one.N}
            yield where, one.risk
            yield {**where, "quantity": "behind_the_plan"}, one.difference
            for name, penalty in one.penalties.items():
                yield {**where, "quantity": f"penalty_{name}"}, penalty
        for route, values in self.frontier.risks.items():
            for budget, value in zip(self.frontier.budgets.tolist(), values.tolist(), strict=True):
                yield {**risk, "part": "frontier", "route": route, "budget": budget}, value
        for i, n in enumerate(self.risk_map.n.tolist()):
            for j, N in enumerate(self.risk_map.N.tolist()):
                where = {**risk, "part": "map", "route": "student", "weak": self.risk_map.weak}
                where |= {"budget": self.prices.cost(n, N), "n": n, "N": N}
                yield where, float(self.risk_map.risk[i, j])
        for case in self.scenarios:
            where = {**risk, "part": f"if {case.what} {case.change:+.0%}", "route": case.route}
            yield {**where, "budget": self.budget, "n": case.n, "N": case.N}, case.risk
        yield {**risk, "part": "floor", "route": self.floor_route}, self.floor
