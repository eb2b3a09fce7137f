"""From a configuration to a plan: what to buy, what comes of it, and how much hangs on what is not known.

Every route of every weak set is given the same money, or the same target; the least risk, or the least cost,
is the plan. Beside it stand the other routes with the difference that they make, what less and more money
would bring, how far one may move along the budget without a difference that the labels can show, and what
would change if the two feature sets shared more or less, or explained more or less.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from outgrow.config import PlanConfig
from outgrow.errors import ConfigError, DataError
from outgrow.forecasts.design_routes import DesignRoutes, WhatIf
from outgrow.forecasts.forecast import Forecast
from outgrow.forecasts.foresight import Foresight, fixed_alphas, forecast_pairs
from outgrow.forecasts.frontier import frontier, risk_map
from outgrow.forecasts.plan_outcome import AsGood, PlannedRoute, PlanOutcome, Scenario
from outgrow.forecasts.search import (
    ENDLESS,
    LEAST,
    Design,
    Prices,
    Route,
    best_design,
    cheapest_design,
    spread,
)
from outgrow.intervals.jackknife import jackknife_estimate, jackknife_interval
from outgrow.results import Check, Undefined
from outgrow.study.sources import NOTHING, Permissions, Progress

CHANGE = 0.2
"""By how much the what-ifs change an input: about what a few hundred labels leave open."""

MOST_PER_LABEL = 100.0
"""Times a label's cost that an unlabelled row may cost: beyond it the two were most likely mixed up."""

MOST_TIMES = 4.0
"""Times the cheapest design's cost up to which a route's own cheapest design is looked for."""

FURTHER = 4
"""Times the labels at hand beyond which a forecast counts as an extrapolation: the penalties are then
half of what they are at hand, and directions count of which few labels say little."""

STEPS = 20
"""Designs along the budget that are compared with the plan: neighbours differ by a quarter in n or less."""


def plan(
    config: PlanConfig, permissions: Permissions = NOTHING, progress: Progress | None = None
) -> PlanOutcome:
    """Plan what to buy."""
    begun = time.perf_counter()
    _check_question(config)
    prices = Prices(
        config.label_cost,
        config.unlabelled_cost,
        config.have_labels,
        config.have_unlabelled,
        config.most_labels or ENDLESS,
        config.most_unlabelled or ENDLESS,
    )
    tell = progress or (lambda _what, _share: None)
    foresight = forecast_pairs(config, permissions, lambda what, share: tell(what, 0.2 * share))
    planned = plan_from(foresight.forecasts, config, prices, tell)
    basis = foresight.basis(begun, (*planned.checks, *foresight.checks))
    return replace(planned, notes=tuple(_extrapolated(planned.best, foresight)), **basis)


def _check_question(config: PlanConfig) -> None:
    if (config.budget is None) == (config.target_risk is None):
        raise ConfigError(
            "a plan spends a budget or reaches a risk", remedy="Give one of --budget and --target-risk."
        )
    if config.unlabelled_cost > MOST_PER_LABEL * config.label_cost > 0:
        raise ConfigError(
            f"an unlabelled row costs more than {MOST_PER_LABEL:,g} times as much as a label",
            "--unlabelled-cost",
            "Correct the costs: labels are the costly rows.",
        )
    for option, value in (("--budget", config.budget), ("--target-risk", config.target_risk)):
        if value is not None and not (math.isfinite(value) and value > 0):
            raise ConfigError(f"must be a number above 0, not {value:g}", option)


def _extrapolated(best: PlannedRoute, foresight: Foresight) -> Iterator[str]:
    if foresight.pool < best.N:
        yield (
            f"The plan has {best.N:,} unlabelled rows and the forecast was made from {foresight.pool:,}: what"
            " the further ones bring is extrapolated. --most-unlabelled says how many there are."
        )
    if best.n > FURTHER * foresight.m:
        yield (
            f"The plan has {best.n:,} labels and the forecast was made from {foresight.m:,}: plan again when"
            " some of them have come in."
        )


def plan_from(
    forecasts: dict[str, Forecast], config: PlanConfig, prices: Prices, progress: Progress | None = None
) -> PlanOutcome:
    """Plan from forecasts."""
    tell = progress or (lambda _what, _share: None)
    planner = _Planner(forecasts, config, prices)
    first, noise = planner.first, planner.noise
    tell("looking for the floor", 0.25)
    floor, floor_route = planner.floor()
    planner.check_target(floor, floor_route)
    designs, missing = planner.designs(tell)
    best = designs[0]
    budget = best.design.cost if config.budget is None else float(config.budget)
    tell("drawing the frontier", 0.6)
    # Looked at more closely: the plan's weak set, or where it has none that of the best student.
    about = best
    if best.route.weak is None:
        about = next((one for one in designs if one.route.pool), best)
    source = planner.source(about.route)
    student = risk_map(source, prices, budget, noise)
    lines = frontier(planner.routes, student, prices, budget, noise)
    tell("asking what if", 0.8)
    return PlanOutcome(
        title=config.title,
        note=config.note,
        weak=tuple(forecasts),
        strong=first.strong,
        m=first.m,
        pool=int(min(first.pair.rows, ENDLESS)),
        kind=first.kind,
        excess=first.excess,
        asked="budget" if planner.target is None else "target",
        budget=budget,
        target=config.target_risk,
        prices=prices,
        routes=tuple(planner.planned(one, best) for one in designs),
        missing=missing,
        floor=first.estimate(floor - noise),
        floor_route=floor_route,
        frontier=lines,
        risk_map=student,
        as_good=_as_good(best, prices, budget),
        scenarios=tuple(planner.scenarios(best, source.forecast, budget, float(floor[0]))),
        notes=(),
        checks=(*planner.near_peaks(best), *planner.below_zero(designs)),
        config=config.model_dump(mode="json"),
        seconds=0.0,
    )


@dataclass(frozen=True)
class _RouteDesign:
    """A route's best design."""

    route: Route
    design: Design

    @property
    def errors(self) -> Float[np.ndarray, " R"]:
        return self.route.errors_at(self.design.n, self.design.N)


class _Planner:
    """What every part of a plan reads: all routes, prices, and what is asked for."""

    def __init__(self, forecasts: dict[str, Forecast], config: PlanConfig, prices: Prices) -> None:
        self.config, self.prices = config, prices
        self.first = next(iter(forecasts.values()))
        self.noise = self.first.target.sigma2 or 0.0
        self.target = None if config.target_risk is None else config.target_risk + self.noise
        self.of = "an excess risk" if self.first.excess else "an error on new labels"
        # Predicting the mean of the labels errs by their variance.
        self.mean = float(self.first.target.variance[0])
        self.sources = {
            name: DesignRoutes(one, config.alpha_w, config.alpha_s) for name, one in forecasts.items()
        }
        self.routes = [
            route
            for place, source in enumerate(self.sources.values())
            for route in source.routes()
            if place == 0 or route.weak is not None
        ]
        # Those that are quick bound the cost of those that are not.
        self.routes.sort(key=lambda route: route.pool)

    def source(self, route: Route) -> DesignRoutes:
        """Give all routes of a route's weak set; of the first where it has none."""
        return self.sources[self.first.weak if route.weak is None else route.weak]

    def floor(self) -> tuple[Float[np.ndarray, " R"], str]:
        """Give what the best route errs with all rows that can be had."""
        most = self.prices.most_labels, self.prices.most_unlabelled
        errors = {route.title: route.errors_at(*most) for route in self.routes}
        finite = {title: values for title, values in errors.items() if np.isfinite(values[0])}
        if not finite:
            raise DataError(
                "the pool does not tell what these penalties do with more rows",
                "plan",
                "Give more unlabelled rows, keep fewer directions (--rank), or leave the penalties to be"
                " chosen.",
            )
        title = min(finite, key=lambda one: finite[one][0])
        return finite[title], title

    def check_target(self, floor: Float[np.ndarray, " R"], route: str) -> None:
        """Refuse a target that no design reaches, or that none is needed for."""
        if self.target is None:
            return
        if not self.target > floor[0]:
            raise ConfigError(
                f"no design reaches {self.of} of {self.config.target_risk:g}: with as many rows as can be"
                f" had, the best route ({route}) is forecast to err"
                f" {self.first.estimate(floor - self.noise):.3g}",
                "--target-risk",
                "Ask for more than that, or look for features that express the target better.",
            )
        if self.target >= self.mean:
            raise ConfigError(
                "predicting the mean of the labels reaches it: that is forecast to err"
                f" {max(self.mean - self.noise, 0.0):.3g}",
                "--target-risk",
                "Ask for less."
                if self.mean > self.noise
                else "Correct --noise-variance, which exceeds all variance.",
            )

    def designs(self, tell: Progress) -> tuple[list[_RouteDesign], dict[str, Undefined]]:
        """Find every route's design, the best first; and why others have none."""
        designs: list[_RouteDesign] = []
        missing: dict[str, Undefined] = {}
        budget = float(self.config.budget or 0.0)
        for place, route in enumerate(self.routes):
            tell(f"searching {route.title}", 0.3 + 0.3 * place / len(self.routes))
            if self.target is None:
                design = best_design(route, self.prices, budget)
            else:
                least = min((one.design.cost for one in designs), default=math.inf)
                design = cheapest_design(route, self.prices, self.target, MOST_TIMES * least)
            if design is None:
                missing[route.title] = self._nothing(route)
            else:
                designs.append(_RouteDesign(route, design))
        designs.sort(
            key=lambda one: (
                0.0 if self.target is None else one.design.cost,
                one.design.error,
                one.design.route,
            )
        )
        if self.target is None and not (designs and designs[0].design.error < self.mean):
            self._refuse_budget(budget)
        if not designs:
            raise ConfigError(
                f"no design reaches {self.of} of {self.config.target_risk:g} with the rows that can be had",
                "--target-risk",
                "Ask for more, or allow more rows (--most-labels, --most-unlabelled).",
            )
        return designs, missing

    def _nothing(self, route: Route) -> Undefined:
        """Say why a route has no design."""
        if self.target is None:
            return Undefined(
                "the budget buys no design of it with a finite risk",
                "Spend more, or leave the penalties to be chosen.",
            )
        if route.at([self.prices.most_labels], [self.prices.most_unlabelled])[0, 0] > self.target:
            return Undefined("it does not reach the target with any number of rows", "Take another route.")
        return Undefined(
            f"it costs more than {MOST_TIMES:g} times as much as the cheapest route",
            "Take the cheaper route.",
        )

    def _refuse_budget(self, budget: float) -> None:
        """Say what it would take to err less than the mean of the labels."""
        least: Design | None = None
        for route in self.routes:
            most = math.inf if least is None else least.cost
            least = cheapest_design(route, self.prices, self.mean * (1 - 1e-3), most) or least
        instead = "no design beats it with any number of rows"
        if least is not None:
            rows = f"n = {least.n:,}" + (f", N = {least.N:,}" if least.N else "")
            instead = f"the cheapest design that does costs {least.cost:.4g} ({least.route}, {rows})"
        raise ConfigError(
            f"{budget:g} buys no design that is forecast to err less than predicting the mean; {instead}",
            "--budget",
            "Spend more." if least else "Look for other features.",
        )

    def planned(self, one: _RouteDesign, best: _RouteDesign) -> PlannedRoute:
        """Describe a route's best design, beside the plan."""
        design, forecast = one.design, self.source(one.route).forecast
        alphas = forecast.best_alphas(design.n, max(design.N, LEAST), **fixed_alphas(self.config))._asdict()
        names = ("alpha_w", "alpha_s") if one.route.pool else (design.route,)
        difference, tied = None, False
        if one is not best:
            method = f"difference, {forecast.method}"
            difference = jackknife_estimate(one.errors - best.errors, forecast.m, method)
            tied = difference.interval is not None and difference.interval[0] <= 0 <= difference.interval[1]
        return PlannedRoute(
            design.route,
            one.route.weak,
            design.n,
            design.N,
            design.cost,
            {name: alphas[name] for name in names},
            forecast.estimate(one.errors - self.noise),
            difference,
            tied,
        )

    def near_peaks(self, best: _RouteDesign) -> Iterator[Check]:
        """Name the peaks that the plan stands near."""
        for code, detail in self.source(best.route).near_peaks(best.design.n, best.design.N):
            yield Check(code, detail)

    def below_zero(self, designs: list[_RouteDesign]) -> Iterator[Check]:
        """Name the routes whose risk is given as zero because it was estimated below."""
        for one in designs:
            for check in getattr(self.first.estimate(one.errors - self.noise), "checks", ()):
                yield Check(check.code, f"{one.route.title} {check.detail}")

    def scenarios(
        self, best: _RouteDesign, about: Forecast, budget: float, floor: float
    ) -> Iterator[Scenario]:
        """Look at designs along the budget again with other inputs."""
        prices, design = self.prices, best.design
        n = sorted({*spread(LEAST, max(prices.most_n(budget), LEAST))[::4], design.n})
        pools = [(rows, most) for rows in n if (most := prices.most_N(budget, rows)) >= LEAST]
        changes = [("sharing", change, WhatIf(sharing=1 + change)) for change in (-CHANGE, CHANGE)]
        changes += [("unexplained", x, WhatIf(unexplained=x * floor)) for x in (-CHANGE, CHANGE)]
        for what, change, what_if in changes:
            source = DesignRoutes(about, self.config.alpha_w, self.config.alpha_s, what_if)
            if pools:
                source.prepare(n, [most for _, most in pools])
            stay = float(source.errors(design.route, [design.n], [design.N])[0, 0, 0])
            least = replace(design, error=stay)
            for route in source.routes():
                if route.pool:
                    tried = [(a, b, float(route.at([a], [b])[0, 0])) for a, b in pools]
                else:
                    tried = [
                        (a, 0, error) for a, error in zip(n, route.at(n, [0])[:, 0].tolist(), strict=True)
                    ]
                for a, b, error in tried:
                    if error < least.error:
                        least = Design(route.name, a, b, error, prices.cost(a, b))
            risk, kept = (max(error - self.noise, 0.0) for error in (least.error, stay))
            yield Scenario(what, change, least.route, least.n, least.N, risk, kept)


def _as_good(best: _RouteDesign, prices: Prices, budget: float) -> AsGood | None:
    """Walk from the plan along the budget, both ways, until the labels tell the difference."""
    here = best.errors
    if len(here) < 3:
        return None
    sizes = spread(LEAST, prices.most_n(budget))
    sizes = sorted({*sizes[:: 1 + len(sizes) // STEPS], best.design.n})
    start = sizes.index(best.design.n)
    ends = []
    for way in (range(start - 1, -1, -1), range(start + 1, len(sizes))):
        end = best.design.n, best.design.N
        for place in way:
            n = sizes[place]
            N = prices.most_N(budget, n) if best.route.pool else 0
            if best.route.pool and N < LEAST:
                break
            apart = best.route.errors_at(n, N) - here
            if not jackknife_interval(apart[0], apart[1:])[0] <= 0:
                break
            end = n, N
        ends.append(end)
    return AsGood((ends[0][0], ends[1][0]), (ends[0][1], ends[1][1]))
