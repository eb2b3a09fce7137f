"""What `outgrow forecast` finds: every route's risk on a grid of designs, beside what a run measured.

Pool and labels are read once (`forecasts.foresight`); each design after that is arithmetic. Numbers are
taken off one surface per teacher, which also holds the curves that the page draws. Classes get
accuracies too. What a run measured stands beside the forecast where the run's design is known.
"""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from outgrow.config import ForecastConfig
from outgrow.forecasts.accuracy_forecast import AccuracyForecast
from outgrow.forecasts.forecast import Forecast
from outgrow.forecasts.forecast_outcome import Curve, DesignForecast, ForecastOutcome, Measured, PairForecast
from outgrow.forecasts.foresight import Foresight, ForesightStudy, fixed_alphas, forecast_pairs
from outgrow.forecasts.labels_win import labels_win, searched
from outgrow.heads.taught import scale_of
from outgrow.intervals.replicates import MODEL, difference, interval
from outgrow.linalg.ridge_path import RidgePath
from outgrow.results import Check, Estimate, Quantity, Undefined, from_plain
from outgrow.study.sources import NOTHING, Permissions, Progress
from outgrow.theory.surface import Surface

LABEL_STEPS = (0.5, 1.0, 2.0, 4.0)
"""Labels forecast for by default, in units of those at hand: fewer to see what they were worth, and what
doubling them once and twice would bring. Beyond that a forecast rests more on theory than on the labels."""

POOL_STEPS = (0.1, 1 / 3, 1.0)
"""Unlabelled rows forecast for by default, as shares of the pool: half a decade apart, up to all of it."""

CURVE = 8
"""Sizes that a curve is drawn through beside the designs asked for: three or more a decade."""

NO_CLASS_NOISE = Undefined(
    "the noise of class labels is not known, and OPR divides excess risks",
    "Read the risks, or PGR, which needs no noise variance.",
)
"""OPR of classifications."""


def forecast(
    config: ForecastConfig,
    progress: Progress | None = None,
    permissions: Permissions = NOTHING,
    *,
    run: Mapping[str, Any] | None = None,
) -> ForesightStudy[ForecastOutcome]:
    """Forecast every route's risk on a grid of designs."""
    started = time.perf_counter()
    tell = progress or (lambda _what, _share: None)
    foresight = forecast_pairs(config, permissions, lambda what, share: tell(what, 0.6 * share))
    labelled = len(foresight.data.split.labelled)
    n = tuple(sorted(set(config.n or _around(labelled, LABEL_STEPS))))
    N = tuple(sorted(set(config.N or _around(foresight.pool, POOL_STEPS))))
    measured = _measured(run, foresight) if run else ()
    # Curves lead through the design that a run measured, where there is one, so that both can be compared.
    nearest = min(n, key=lambda size: abs(math.log(size / labelled)))
    hold = (measured[0].n, measured[0].N) if measured else (nearest, max(N))
    pairs = []
    for place, (weak, one) in enumerate(foresight.forecasts.items()):
        tell(f"forecasting {weak} on {len(n) * len(N)} designs", 0.6 + 0.4 * place / len(foresight.forecasts))
        pairs.append(_pair(weak, one, foresight, (n, N), hold))
    data = foresight.data
    basis = foresight.basis(started, (*foresight.checks, *(check for pair in pairs for check in pair.checks)))
    basis["title"] = config.title or f"Forecast: will {data.strong_name} outgrow {', '.join(data.weak)}?"
    outcome = ForecastOutcome(
        **basis,
        task=data.task,
        classes=tuple(str(label) for label in data.classes),
        noise=_noise(config, foresight.first, data.task),
        labelled=labelled,
        n=n,
        N=N,
        pairs=tuple(pairs),
        measured=measured,
        identities=dict(data.identities),
    )
    tell("done", 1.0)
    return ForesightStudy(foresight, outcome)


def _around(size: int, steps: Sequence[float]) -> list[int]:
    """Give sizes around the one at hand in two digits, and that itself: plans are made in round numbers."""
    made = [size if step == 1 else max(2, round(float(f"{step * size:.1e}"))) for step in steps]
    return sorted(set(made))


def _noise(config: ForecastConfig, one: Forecast, task: str) -> Quantity:
    if one.target.sigma2 is None:
        remedy = "Nothing is needed: risks are errors on new labels, and PGR is not touched by it."
        if task == "regression":
            remedy = "Give --noise-variance, or a second label of some rows (--repeat-column)."
        return Undefined("the variance of the label noise is not known", remedy)
    source = "as given" if config.repeat_column is None else "half the mean square of repeated labels apart"
    return Estimate(one.target.sigma2, method=f"variance of the label noise, {source}")


def _pair(
    weak: str,
    one: Forecast,
    foresight: Foresight,
    sizes: tuple[Sequence[int], Sequence[int]],
    hold: tuple[int, int],
) -> PairForecast:
    alphas = fixed_alphas(foresight.config)
    # One surface holds the designs and the curves; everything below is taken off it.
    n, N = (_curve_sizes({*grid, other}) for grid, other in zip(sizes, hold, strict=True))
    surface = one.surface(n, N, **alphas)
    classes = foresight.data.task == "classification"
    named = AccuracyForecast(one, foresight.rows[weak]) if classes else None
    designs = tuple(_design(one, a, b, alphas, named) for a in sizes[0] for b in sizes[1])
    curves = (_curve(one, surface, "n", n, hold[1]), _curve(one, surface, "N", N, hold[0]))
    # One of a kind is enough to be warned; the table shows the others.
    raised: dict[str, Check] = {}
    for design in designs:
        for check in getattr(design.pgr, "checks", ()):
            raised.setdefault(check.code, check)
        for name, quantity in (*design.risks.items(), *design.parts.items()):
            for check in getattr(quantity, "checks", ()):
                where = f"{weak}: {name} at n = {design.n:,}, N = {design.N:,}: {check.detail}"
                raised.setdefault(check.code, Check(check.code, where))
    # Directions of the pool; those that only labelled rows have are the forecast's own.
    d_s, d_w = (int(min(d, one.pair.rows - 1)) for d in one.pair.C.shape)
    return PairForecast(
        weak=weak,
        strong=one.strong,
        d_w=d_w,
        d_s=d_s,
        designs=designs,
        curves=curves,
        anchors=foresight.anchors[weak],
        factors=foresight.factors[weak],
        checks=(*one.checks, *raised.values()),
        settings=_scale(weak, one, foresight) if one.given else {},
        labels_win=labels_win(one, foresight.pool, **alphas) if one.given else {},
        searched=searched(one.m) if one.given else (),
    )


def _scale(weak: str, one: Forecast, foresight: Foresight) -> dict[str, float]:
    """Fit a score to the labels at hand, at the penalty that the forecast takes there."""
    data, rows = foresight.data, foresight.data.split.labelled
    alpha = one.best_alphas(max(2, len(rows)), max(2, foresight.pool)).teacher
    return scale_of(RidgePath(data.weak[weak][rows], data.y[rows], np.array([alpha])).model(0))


def _curve_sizes(sizes: Collection[int]) -> list[int]:
    """Sizes between the least and the largest, evenly on a logarithmic axis, and those asked for."""
    low, high = min(sizes), max(sizes)
    return sorted({*sizes, *(round(x) for x in np.geomspace(low, high, CURVE))})


def _design(
    one: Forecast, n: int, N: int, alphas: Mapping[str, float | None], named: AccuracyForecast | None
) -> DesignForecast:
    risks = one.risks(n, N, **alphas)
    surface = one.surface([n], [N], **alphas)
    return DesignForecast(
        n=n,
        N=N,
        risks=risks,
        pgr=one.pgr(n, N, **alphas),
        opr=one.opr(n, N, **alphas) if named is None else NO_CLASS_NOISE,
        parts=one.decomposition(n, N, **alphas),
        wins=one.wins(n, N, **alphas),
        margins=_margins(one, surface),
        alphas=one.best_alphas(n, N, **alphas)._asdict(),
        accuracy={} if named is None else named.at(n, N, **alphas),
    )


def _margins(one: Forecast, surface: Surface) -> dict[str, Quantity]:
    """Take the rivals' risks from the student's, replicate by replicate, at a surface's one design."""
    student = surface.student[:, 0, 0]
    risk = float(student[0]) - (one.target.sigma2 or 0.0)
    made: dict[str, Quantity] = {}
    for rival in ("teacher", "baseline", "union"):
        made[rival] = difference(student - getattr(surface, rival)[:, 0], risk, one.m, one.method)
    return made


def _curve(one: Forecast, surface: Surface, along: str, places: Sequence[int], other: int) -> Curve:
    if along == "n":
        cut = surface.pick(np.array(places), np.array([other]))
    else:
        cut = surface.pick(np.array([other]), np.array(places))
    assert cut is not None  # both sizes are of the grid
    sigma2 = one.target.sigma2 or 0.0
    shape = (len(cut.teacher), len(cut.n), len(cut.N))
    single = {name: getattr(cut, name)[:, :, None] - sigma2 for name in ("teacher", "labels_only", "union")}
    arrays = {
        "teacher": single["teacher"],
        "student": cut.student - sigma2,
        "baseline": single["labels_only"],
        "union": single["union"],
        "ceiling": cut.top - sigma2,
        "bias": cut.bias - sigma2,
        "inherited": cut.inherited,
        "fresh": cut.fresh,
    }
    routes = {}
    for name, values in arrays.items():
        flat = np.broadcast_to(values, shape).reshape(len(values), -1)
        routes[name] = _band(flat)
    return Curve(along, other, tuple(int(place) for place in places), routes)


def _band(values: Float[np.ndarray, "R k"]) -> dict[str, list[float | None]]:
    """Give values with their intervals, zero where below it, None where undefined."""
    made: dict[str, list[float | None]] = {"value": [], "low": [], "high": []}
    for column in values.T:
        if np.isnan(column[0]):
            for ends in made.values():
                ends.append(None)
            continue
        value = float(column[0])
        low, high = interval(column, MODEL * value) or (value, value)
        for key, end in (("value", value), ("low", low), ("high", high)):
            made[key].append(max(end, 0.0))
    return made


def _measured(run: Mapping[str, Any], foresight: Foresight) -> tuple[Measured, ...]:
    """Read the measured risks of a run, in the forecast's units, whatever version wrote them."""
    n, N = run.get("n"), run.get("N")
    if not (isinstance(n, int) and isinstance(N, int)):
        return ()
    excess = foresight.first.excess
    made = []
    for route in run.get("routes", ()):
        if route.get("kind") not in ("teacher", "student", "baseline", "ceiling", "union"):
            continue
        risk, accuracy = route.get("excess_risk" if excess else "risk"), route.get("accuracy")
        if isinstance(risk, Mapping) and risk.get("value") is not None:
            known = accuracy if isinstance(accuracy, Mapping) and "value" in accuracy else None
            numbers = (from_plain(Quantity | None, number) for number in (risk, known))
            made.append(Measured(str(route["kind"]), route.get("weak"), n, N, *numbers))
    return tuple(made)
