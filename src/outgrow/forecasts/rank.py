"""Teachers by the forecast risk of the student that each would have, ties declared as ties.

Every teacher's forecast comes from the same labels and the same jackknife groups, so the differences between
teachers are far better known than the risks themselves. Which one is the least is uncertain all the same: a
group of teachers that may be the best is named instead, and how sure it is that the first of them is. Beside
them stand the routes that need no student, because the best teacher may still be none.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from threadpoolctl import threadpool_limits

from outgrow.config import RankConfig
from outgrow.forecasts.forecast import Forecast
from outgrow.forecasts.foresight import Foreseen, Foresight, ForesightStudy, fixed_alphas, forecast_pairs
from outgrow.intervals.best_of_many import best_of_many, less_than_all
from outgrow.results import Cell, Check, Estimate, Numbers, Quantity
from outgrow.study.sources import NOTHING, Permissions, Progress
from outgrow.theory.equivalents import student_risks
from outgrow.theory.terms import Target

FORECAST = ("student", "bias", "inherited", "fresh", "alone")
"""Fields of a teacher that are forecasts of risks or of their parts."""

SCHEMA = 1
"""Version of the ranking's JSON; raised when a reader of the old one would misread the new one."""


@dataclass(frozen=True, kw_only=True)
class RankedTeacher:
    """One teacher, and what its student is forecast to risk."""

    weak: str
    """Name of the feature set."""
    student: Quantity
    """Forecast risk of its student."""
    bias: Quantity
    inherited: Quantity
    fresh: Quantity
    """Its three parts: the error of the mean student, the variance taken over from the teacher, and the
    student's own."""
    alone: Quantity
    """Forecast risk of the teacher itself, tuned for itself."""
    place: int | None = None
    """From 1; like all that follows it is missing where the student's risk is undefined."""
    behind: Estimate | None = None
    """Its student's risk less the least of all, with an interval that holds for all teachers together."""
    beyond_labels: Estimate | None = None
    """Its student's risk less that of the best route without a student, likewise."""
    probability: float | None = None
    """That its student is the best of all."""
    tied: bool = False
    """Whether it may be the best."""
    worth: bool = False
    """Whether its student is forecast to beat every route without a student."""
    d_w: float | None = None
    d_s: float | None = None
    d_sw: float | None = None
    """Dimensions of teacher and student at their penalties, and what they share of them."""
    alpha_w: float | None = None
    alpha_s: float | None = None
    """Penalties of teacher and student."""


@dataclass(frozen=True)
class LabelsAlone:
    """The best route that needs no student."""

    kind: str
    """ "baseline", or "teacher"."""
    weak: str | None
    """The teacher, where it is one."""
    risk: Estimate
    """Its forecast risk."""


@dataclass(frozen=True, kw_only=True)
class RankOutcome(Foreseen):
    """Everything that a ranking found."""

    strong: str
    """Name of the student's feature set."""
    task: str
    """Regression or classification."""
    n: int
    N: int
    """Labelled and unlabelled rows that the ranking is for."""
    decision: str
    """ "take", "tied", "none", "not shown" or "undefined"."""
    recommended: str | None
    """The teacher to take; None where none is shown to be worth it."""
    sentence: str
    """The decision in a sentence, with its numbers."""
    tied: tuple[str, ...]
    """Teachers that may be the best, the least forecast first."""
    baseline: Quantity
    """Forecast risk of the strong model on the labels alone."""
    labels_alone: LabelsAlone | None
    """The best route without a student."""
    teachers: tuple[RankedTeacher, ...]
    """The least forecast first."""
    identities: Mapping[str, object]
    """Identity of every feature set."""
    schema: int = SCHEMA
    """Version of this structure."""

    COLUMNS: ClassVar[tuple[str, ...]] = (
        "weak", "place", "quantity", "value", "low", "high", "level", "n", "N", "m", "method", "reason",
    )  # fmt: skip

    def numbers(self) -> Numbers:
        """Give all that was forecast of every teacher, and the baseline."""
        design: dict[str, Cell] = {"n": self.n, "N": self.N, "m": self.m}
        names = (*FORECAST, "behind", "beyond_labels", "probability", "tied", "worth")
        for teacher in self.teachers:
            where = {**design, "weak": teacher.weak, "place": teacher.place}
            for name in (*names, "d_w", "d_s", "d_sw", "alpha_w", "alpha_s"):
                yield {**where, "quantity": name}, getattr(teacher, name)
        yield {**design, "quantity": "baseline"}, self.baseline


def rank(
    config: RankConfig, progress: Progress | None = None, permissions: Permissions = NOTHING
) -> ForesightStudy[RankOutcome]:
    """Rank teachers by the forecast risk of their students."""
    start = time.perf_counter()
    # Thousands of products of a few hundred rows: threads within them mostly wait for each other. On two busy
    # cores twenty teachers took 108 s with two threads and 25 s with one.
    with threadpool_limits(limits=1, user_api="blas"):
        # Every teacher's union would be one more decomposition, wider than all others.
        seen = forecast_pairs(config, permissions, progress, union=False)
        n, N = config.n or seen.m, config.N or seen.pool
        forecasts = list(seen.forecasts.values())
        teachers, alone, baseline = _compared(forecasts, n, N, fixed_alphas(config))
    decision, recommended, sentence = _decided(teachers, alone, seen.first.excess, seen.m)
    outcome = RankOutcome(
        **seen.basis(start, _raised(seen, teachers, baseline)),
        strong=seen.data.strong_name,
        task=seen.data.task,
        n=n,
        N=N,
        decision=decision,
        recommended=recommended,
        sentence=sentence,
        tied=tuple(teacher.weak for teacher in teachers if teacher.tied),
        baseline=_unchecked(baseline),
        labels_alone=alone,
        teachers=tuple(_bare(teacher) for teacher in teachers),
        identities=seen.data.identities,
    )
    return ForesightStudy(seen, outcome)


def _compared(
    forecasts: list[Forecast], n: int, N: int, fixed: Mapping[str, float | None]
) -> tuple[tuple[RankedTeacher, ...], LabelsAlone | None, Quantity]:
    """Judge every student against the others and against the routes that need none."""
    noise = forecasts[0].target.sigma2 or 0.0
    surfaces = [forecast.surface([n], [N], **fixed) for forecast in forecasts]
    students = np.stack([surface.student[:, 0, 0] for surface in surfaces]) - noise
    single = np.stack([surface.teacher[:, 0] for surface in surfaces]) - noise
    # Each pair estimates the same baseline with control variates of its own: their mean is no worse.
    base = np.mean([surface.baseline[:, 0] for surface in surfaces], axis=0) - noise
    lone: list[tuple[str, str | None, np.ndarray]] = [("baseline", None, base)]
    lone += [("teacher", one.weak, values) for one, values in zip(forecasts, single, strict=True)]
    lone = [route for route in lone if np.isfinite(route[2]).all()]
    there = np.flatnonzero(np.isfinite(students).all(axis=1))
    order = [*there[np.argsort(students[there, 0], kind="stable")].tolist()]
    best = best_of_many(students[order]) if order else None
    against = less_than_all(students[order], np.stack([r[2] for r in lone])) if order and lone else None
    shared = f"{forecasts[0].method}; over common jackknife groups, for all teachers together"

    def difference(value: float, low: float, high: float) -> Estimate:
        return Estimate(float(value), (float(low), float(high)), n=forecasts[0].m, method=shared)

    teachers = []
    for place, index in enumerate([*order, *sorted(set(range(len(forecasts))) - set(order))]):
        forecast = forecasts[index]
        risks, parts = forecast.risks(n, N, **fixed), forecast.decomposition(n, N, **fixed)
        teacher = RankedTeacher(weak=forecast.weak, student=risks.student, alone=risks.teacher, **parts)
        if best is not None and place < len(order):
            alpha_w, alpha_s = (surfaces[index].penalties[name].item() for name in ("alpha_w", "alpha_s"))
            d_w, d_s, d_sw = _dimensions(forecast, n, N, alpha_w, alpha_s)
            teacher = replace(
                teacher,
                place=place + 1,
                behind=difference(best.behind[place], best.low[place], best.high[place]),
                probability=float(best.probability[place]),
                tied=bool(best.tied[place]),
                d_w=d_w,
                d_s=d_s,
                d_sw=d_sw,
                alpha_w=alpha_w,
                alpha_s=alpha_s,
            )
            if against is not None:
                beyond = difference(*(side[place] for side in against))
                teacher = replace(teacher, beyond_labels=beyond, worth=bool(against[2][place] < 0))
        teachers.append(teacher)
    baseline = forecasts[0].risks(n, N).baseline
    if isinstance(baseline, Estimate):
        baseline = forecasts[0].estimate(base)
    alone = None
    if lone:
        kind, weak, values = min(lone, key=lambda route: route[2][0])
        alone = LabelsAlone(kind, weak, replace(forecasts[0].estimate(values), checks=()))
    return tuple(teachers), alone, baseline


def _dimensions(
    forecast: Forecast, n: int, N: int, alpha_w: float, alpha_s: float
) -> tuple[float, float, float]:
    """Count the directions that teacher and student use at their penalties, and those they share."""
    pair = forecast.pair
    weak = forecast.stages(pair.values_w, np.array([n]), np.array([alpha_w]))
    strong = forecast.stages(pair.values_s, np.array([N]), np.array([alpha_s]))
    # Pure noise of variance 1: what the student inherits of it counts what is shared (docs/theory.md, T4).
    zero_w, zero_s = np.zeros(len(pair.values_w)), np.zeros(len(pair.values_s))
    noise = student_risks(pair, Target.known(zero_w, zero_s, 0.0, 1.0), weak, strong)
    inherited = float(noise.inherited[0, 0, 0]) * float(weak.rest[0])
    shared = (inherited - (1 / n if forecast.intercept else 0.0)) * float(weak.spare[0])
    return float(weak.df2[0]), float(strong.df2[0]), shared


def _decided(
    teachers: tuple[RankedTeacher, ...], alone: LabelsAlone | None, excess: bool, m: int
) -> tuple[str, str | None, str]:
    """Decide which teacher to take, or that none is worth it, and say so in a sentence."""
    ranked = [teacher for teacher in teachers if teacher.place is not None]
    if not ranked:
        return "undefined", None, "No student's risk is defined at this design: the table says why."
    what = "an excess risk" if excess else "an error on new labels"
    best = ranked[0]
    tied = [teacher for teacher in ranked if teacher.tied]
    risk = f"{what} of {_value(best.student)}"
    if alone is None:
        return _among(tied, best), best.weak, _sentence_among(tied, best, risk, len(ranked), m)
    name = "labels-only" if alone.kind == "baseline" else f"the teacher {alone.weak} by itself"
    least = _value(alone.risk)
    # The first of those worth it is taken: the cheapest route, no student, stands until it is beaten.
    chosen = next((teacher for teacher in ranked if teacher.worth), None)
    if chosen is not None:
        sentence = _sentence_among(tied, best, risk, len(ranked), m)
        lead = "It beats" if len(tied) == 1 else f"{chosen.weak}'s beats"
        if chosen is not best:
            if not chosen.tied:
                sentence = f"The least forecast is that of {best.weak}, {risk}."
            lead = f"Take {chosen.weak} all the same, the first whose student surely beats"
        sentence += f" {lead} training on the labels alone, of which {name} is best with {least}."
        return _among(tied, chosen), chosen.weak, sentence
    rest = f" Among the teachers {_listed([t.weak for t in tied])} are tied." if len(tied) > 1 else ""
    ends = [teacher.beyond_labels.interval for teacher in ranked if teacher.beyond_labels is not None]
    if all(pair is not None and pair[0] > 0 for pair in ends):
        sentence = (
            f"None beats training on the labels alone: take {name}, forecast to reach {least}, and the best"
            f" student, that of {best.weak}, {risk}.{rest}"
        )
        return "none", None, sentence
    sentence = (
        f"None is shown to beat training on the labels alone: {m:,} labels do not tell the best student,"
        f" that of {best.weak} with {risk}, from {name} with {least}, which is cheaper.{rest}"
    )
    return "not shown", None, sentence


def _among(tied: list[RankedTeacher], best: RankedTeacher) -> str:
    return "take" if [teacher.weak for teacher in tied] == [best.weak] else "tied"


def _sentence_among(tied: list[RankedTeacher], best: RankedTeacher, risk: str, count: int, m: int) -> str:
    if count == 1:
        return f"Take {best.weak}, the only teacher: its student is forecast to reach {risk}."
    if len(tied) == 1:
        return (
            f"Take {best.weak}: its student is forecast to reach {risk}, less than that of any other teacher."
        )
    return (
        f"{_listed([teacher.weak for teacher in tied])} are tied: {m:,} labels do not tell their students"
        f" apart. The least forecast is that of {best.weak}, {risk}."
    )


NAMED = 6
"""Tied teachers that a sentence lists; the chart and the table mark them all."""


def _listed(names: list[str]) -> str:
    shown = names if len(names) <= NAMED else [*names[: NAMED - 1], f"{len(names) - NAMED + 1} more"]
    return f"{', '.join(shown[:-1])} and {shown[-1]}"


def _value(quantity: Quantity) -> str:
    return f"{quantity.value:#.3g}".rstrip(".") if isinstance(quantity, Estimate) else "undefined"


def _raised(seen: Foresight, teachers: tuple[RankedTeacher, ...], baseline: Quantity) -> Iterator[Check]:
    """Gather the checks of the rows, of the forecasts, and of the numbers made of them."""
    yield from seen.checks
    named = [("labels-only", baseline)]
    for teacher in teachers:
        named += [(f"{teacher.weak}: {part}", getattr(teacher, part)) for part in FORECAST]
    for name, quantity in named:
        for check in getattr(quantity, "checks", ()):
            yield Check(check.code, f"{name} {check.detail}")


def _bare(teacher: RankedTeacher) -> RankedTeacher:
    """Leave a teacher's checks to the ranking, which says whose they are."""
    parts: dict[str, Any] = {part: _unchecked(getattr(teacher, part)) for part in FORECAST}
    return replace(teacher, **parts)


def _unchecked(quantity: Quantity) -> Quantity:
    return replace(quantity, checks=()) if isinstance(quantity, Estimate) else quantity
