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
from outgrow.forecasts.foresight import Foresight, forecast_pairs
from outgrow.forecasts.frontier import WITHOUT_TEACHER, frontier, risk_map, route_name
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

DEAR_ROWS = 100.0
"""Times a label's cost that an unlabelled row may cost: beyond it the two were most likely mixed up."""

DEARER = 4.0
"""Times the cheapest design's cost up to which a route's own cheapest design is looked for."""


@dataclass(frozen=True)
class _Found:
    """A route's best design, and where it came from."""

    weak: str
    routes: DesignRoutes
    design: Design

    @property
    def errors(self) -> Float[np.ndarray, " R"]:
        return self.routes.errors(self.design.route, [self.design.n], [self.design.N])[:, 0, 0]

    @property
    def name(self) -> str:
        return route_name(self.design.route, self.weak)


def plan(
    config: PlanConfig, permissions: Permissions = NOTHING, progress: Progress | None = None
) -> PlanOutcome:
    """Plan what to buy."""
    begun = time.perf_counter()
    _one_question(config)
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
    return replace(
        planned,
        pool=foresight.pool,
        notes=(*planned.notes, *_extrapolated(planned.best, foresight)),
        checks=tuple(dict.fromkeys((*planned.checks, *foresight.checks))),
        seconds=time.perf_counter() - begun,
        reading=foresight.data.reading,
    )


def _one_question(config: PlanConfig) -> None:
    if (config.budget is None) == (config.target_risk is None):
        raise ConfigError(
            "a plan spends a budget or reaches a risk", remedy="Give one of --budget and --target-risk."
        )
    if config.unlabelled_cost > DEAR_ROWS * config.label_cost > 0:
        raise ConfigError(
            f"an unlabelled row costs more than {DEAR_ROWS:,g} times as much as a label",
            "--unlabelled-cost",
            "Correct the costs: labels are what is dear.",
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


FURTHER = 4
"""Times the labels at hand beyond which a forecast is told to be an extrapolation: the penalties are then
half of what they are at hand, and directions count of which few labels say little."""


def plan_from(
    forecasts: dict[str, Forecast], config: PlanConfig, prices: Prices, progress: Progress | None = None
) -> PlanOutcome:
    """Plan from forecasts."""
    tell = progress or (lambda _what, _share: None)
    first = next(iter(forecasts.values()))
    noise = first.target.sigma2 or 0.0
    sources = {name: DesignRoutes(f, config.alpha_w, config.alpha_s) for name, f in forecasts.items()}
    ways = [
        (name, source, route)
        for place, (name, source) in enumerate(sources.items())
        for route in source.routes()
        if place == 0 or route.name not in WITHOUT_TEACHER
    ]
    ways.sort(key=lambda way: way[2].pool)  # those that are quick bound the cost of those that are not
    tell("looking for the floor", 0.25)
    floor, floor_route = _floor(ways, prices)
    found: list[_Found] = []
    missing: dict[str, Undefined] = {}
    target = None if config.target_risk is None else config.target_risk + noise
    if target is not None and not target > floor[0]:
        raise ConfigError(
            f"no design reaches {_of(first)} of {config.target_risk:g}: with as many rows as can be had,"
            f" the best route ({floor_route}) is forecast to err {first.estimate(floor - noise):.3g}",
            "--target-risk",
            "Ask for more than that, or look for features that express the target better.",
        )
    mean = float(first.target.variance[0])
    if target is not None and target >= mean:
        raise ConfigError(
            "predicting the mean of the labels reaches it: that is forecast to err"
            f" {max(mean - noise, 0.0):.3g}",
            "--target-risk",
            "Ask for less." if mean > noise else "Correct --noise-variance, which exceeds all variance.",
        )
    for place, (name, source, route) in enumerate(ways):
        tell(f"searching {route_name(route.name, name)}", 0.3 + 0.3 * place / len(ways))
        if target is None:
            design = best_design(route, prices, float(config.budget or 0.0))
        else:
            least = min((one.design.cost for one in found), default=math.inf)
            design = cheapest_design(route, prices, target, DEARER * least)
        if design is None:
            missing[route_name(route.name, name)] = _nothing(route, source, prices, target)
        else:
            found.append(_Found(name, source, design))
    found.sort(
        key=lambda one: (0.0 if target is None else one.design.cost, one.design.error, one.design.route)
    )
    if target is None:
        _sensible(found, first, ways, prices, float(config.budget or 0.0))
    if not found:
        raise ConfigError(
            f"no design reaches {_of(first)} of {config.target_risk:g} with the rows that can be had",
            "--target-risk",
            "Ask for more, or allow more rows (--most-labels, --most-unlabelled).",
        )
    best = found[0]
    budget = float(config.budget if config.budget is not None else best.design.cost)
    tell("drawing the frontier", 0.6)
    # Looked at more closely: the plan's weak set, or where it has none that of the best student.
    about = best
    if best.design.route in WITHOUT_TEACHER:
        about = next((one for one in found if one.design.route == "student"), best)
    own = risk_map(about.weak, about.routes, prices, budget, noise)
    lines = frontier(ways, own, prices, budget, noise)
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
        asked="budget" if target is None else "target",
        budget=budget,
        target=config.target_risk,
        prices=prices,
        routes=tuple(_planned(one, best, noise, config) for one in found),
        missing=missing,
        floor=first.estimate(floor - noise),
        floor_route=floor_route,
        frontier=lines,
        risk_map=own,
        as_good=_as_good(best, prices, budget),
        scenarios=tuple(_scenarios(best, about, prices, budget, floor[0], noise, config)),
        notes=(),
        checks=(
            *(Check(code, detail) for code, detail in best.routes.near_peaks(best.design.n, best.design.N)),
            *_below_zero(found, first, noise),
        ),
        config=config.model_dump(mode="json"),
        seconds=0.0,
    )


def _below_zero(found: list[_Found], forecast: Forecast, noise: float) -> Iterator[Check]:
    """Name the routes whose risk is told as zero because it was estimated below."""
    for one in found:
        for check in getattr(forecast.estimate(one.errors - noise), "checks", ()):
            yield Check(check.code, f"{one.name} {check.detail}")


def _of(forecast: Forecast) -> str:
    return "an excess risk" if forecast.excess else "an error on new labels"


def _floor(
    ways: list[tuple[str, DesignRoutes, Route]], prices: Prices
) -> tuple[Float[np.ndarray, " R"], str]:
    """Give what the best route errs with all rows that can be had."""
    most = [prices.most_labels], [prices.most_unlabelled]
    errors = {
        route_name(route.name, name): source.errors(route.name, *most)[:, 0, 0]
        for name, source, route in ways
    }
    finite = {name: values for name, values in errors.items() if np.isfinite(values[0])}
    if not finite:
        raise DataError(
            "the pool does not tell what these penalties do with more rows",
            "plan",
            "Give more unlabelled rows, keep fewer directions (--rank), or leave the penalties to be chosen.",
        )
    name = min(finite, key=lambda one: finite[one][0])
    return finite[name], name


def _nothing(route: Route, source: DesignRoutes, prices: Prices, target: float | None) -> Undefined:
    """Say why a route has no design."""
    if target is None:
        return Undefined(
            "the budget buys no design of it with a finite risk",
            "Spend more, or leave the penalties to be chosen.",
        )
    if route.at([prices.most_labels], [prices.most_unlabelled])[0, 0] > target:
        return Undefined("it does not reach the target with any number of rows", "Take another route.")
    return Undefined(
        f"it costs more than {DEARER:g} times as much as the cheapest route", "Take the cheaper route."
    )


def _sensible(
    found: list[_Found],
    forecast: Forecast,
    ways: list[tuple[str, DesignRoutes, Route]],
    prices: Prices,
    budget: float,
) -> None:
    """Refuse a budget that buys no more than the mean of the labels gives."""
    mean = float(forecast.target.variance[0])
    if found and found[0].design.error < mean:
        return
    least: Design | None = None
    for _, _, route in ways:
        dear = math.inf if least is None else least.cost
        least = cheapest_design(route, prices, mean * (1 - 1e-3), dear) or least
    said = (
        "no design beats it with any number of rows"
        if least is None
        else (
            f"the cheapest design that does costs {least.cost:.4g} ({least.route}, n = {least.n:,}"
            + (f", N = {least.N:,})" if least.N else ")")
        )
    )
    raise ConfigError(
        f"{budget:g} buys no design that is forecast to err less than predicting the mean; {said}",
        "--budget",
        "Spend more." if least else "Look for other features.",
    )


def _planned(one: _Found, best: _Found, noise: float, config: PlanConfig) -> PlannedRoute:
    design, forecast = one.design, one.routes.forecast
    fixed = {"alpha_w": config.alpha_w, "alpha_s": config.alpha_s}
    alphas = forecast.best_alphas(design.n, max(design.N, LEAST), **fixed)._asdict()
    names = ("alpha_w", "alpha_s") if design.route == "student" else (design.route,)
    difference, tied = None, False
    if one is not best:
        difference = jackknife_estimate(
            one.errors - best.errors, forecast.m, f"difference, {forecast.method}"
        )
        tied = difference.interval is not None and difference.interval[0] <= 0 <= difference.interval[1]
    return PlannedRoute(
        design.route,
        None if design.route in WITHOUT_TEACHER else one.weak,
        design.n,
        design.N,
        design.cost,
        {name: alphas[name] for name in names},
        forecast.estimate(one.errors - noise),
        difference,
        tied,
    )


def _as_good(best: _Found, prices: Prices, budget: float) -> AsGood | None:
    """Walk from the plan along the budget, both ways, until the labels tell the difference."""
    here = best.errors
    if len(here) < 3:
        return None
    pool = best.design.N > 0
    sizes = spread(LEAST, prices.most_n(budget))
    sizes = sorted({*sizes[:: 1 + len(sizes) // STEPS], best.design.n})
    start = sizes.index(best.design.n)
    ends = []
    for way in (range(start - 1, -1, -1), range(start + 1, len(sizes))):
        end = best.design.n, best.design.N
        for place in way:
            n = sizes[place]
            N = prices.most_N(budget, n) if pool else 0
            if pool and N < LEAST:
                break
            apart = best.routes.errors(best.design.route, [n], [N])[:, 0, 0] - here
            if not jackknife_interval(apart[0], apart[1:])[0] <= 0:
                break
            end = n, N
        ends.append(end)
    return AsGood((ends[0][0], ends[1][0]), (ends[0][1], ends[1][1]))


STEPS = 20
"""Designs along the budget that are compared with the plan: neighbours differ by a quarter in n or less."""


def _scenarios(
    best: _Found,
    about: _Found,
    prices: Prices,
    budget: float,
    floor: float,
    noise: float,
    config: PlanConfig,
) -> Iterator[Scenario]:
    """Look at designs along the budget again with other inputs."""
    n = np.array(sorted({*spread(LEAST, max(prices.most_n(budget), LEAST))[::4], best.design.n}))
    for what in ("sharing", "unexplained"):
        for change in (-CHANGE, CHANGE):
            what_if = WhatIf(unexplained=change * floor)
            if what == "sharing":
                what_if = WhatIf(sharing=1 + change)
            source = DesignRoutes(about.routes.forecast, config.alpha_w, config.alpha_s, what_if)
            N = [prices.most_N(budget, rows) for rows in n.tolist()]
            enough = [rows for rows in N if rows >= LEAST]
            if enough:
                source.prepare(n.tolist(), enough)
            stay = float(source.errors(best.design.route, [best.design.n], [best.design.N])[0, 0, 0])
            least = replace(best.design, error=stay)
            for route in source.routes():
                pairs = [(a, b) for a, b in zip(n.tolist(), N, strict=True) if b >= LEAST]
                if route.pool:
                    errors = [float(route.at([a], [b])[0, 0]) for a, b in pairs]
                else:
                    pairs = [(a, 0) for a in n.tolist()]
                    errors = route.at(n, [0])[:, 0].tolist()
                for (a, b), error in zip(pairs, errors, strict=True):
                    if error < least.error:
                        least = Design(route.name, a, b, error, prices.cost(a, b))
            risk, kept = (max(error - noise, 0.0) for error in (least.error, stay))
            yield Scenario(what, change, least.route, least.n, least.N, risk, kept)
