"""Two answers from labelled rows alone: does the student outgrow its teacher, and what to train.

Every route brings its expected error with replicates that leave one fold of labels out (`expected_error`),
the same folds for all, so differences are paired. The student outgrows its teacher where the interval of
their difference says so. The route to train is the one of least expected error, or a cheaper one within the
tolerance that the user names; which others may be the best, and what the choice may cost at most, holds
after selection (multiple comparisons with the best).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from outgrow.heads.expected_error import ExpectedError
from outgrow.heads.routes import COST_ORDER, Route
from outgrow.intervals.best_of_many import best_of_many
from outgrow.intervals.jackknife import jackknife_estimate
from outgrow.intervals.replicates import probability
from outgrow.results import Estimate, Quantity, Undefined

FAR = 20.0
"""Times the labels at hand beyond which a number of labels that would decide is no longer stated: errors and
their differences change with n, and this scales them from one n."""


@dataclass(frozen=True)
class Comparison:
    """Error of another route less that of the recommended one; positive is worse."""

    route: str
    against: str
    difference: Estimate

    @property
    def resolved(self) -> bool:
        """Whether the interval excludes a tie."""
        low, high = self.difference.interval or (-np.inf, np.inf)
        return low > 0 or high < 0


@dataclass(frozen=True)
class Outgrown:
    """Does one teacher's student outgrow it?"""

    weak: str
    answer: str
    """ "yes", "no" or "cannot tell"."""
    difference: Estimate
    """Student's expected error less the teacher's."""
    probability: Quantity
    """That the student's expected error is below the teacher's."""
    labels_to_tell: Quantity
    """Labels that would resolve the difference if it is as large as it looks; Undefined where it is resolved,
    or where that takes more than `FAR` times those at hand."""


@dataclass(frozen=True)
class Verdict:
    """Both answers, with the numbers they rest on."""

    outgrown: tuple[Outgrown, ...]
    """Teacher by teacher; the first is that of the best student."""
    recommended: str
    """Name of the route to train."""
    tolerance: float
    """Relative error that the user gives up for a cheaper route."""
    least: str
    """Route of least expected error; the recommended one, unless a cheaper one is within the tolerance."""
    tied: tuple[str, ...]
    """Other routes that may be the best."""
    at_stake: float
    """Most that the recommended route's error may exceed the best one's, at the level of the intervals."""
    labels_to_decide: Quantity
    """Labels that would tell the recommended route from the nearest one, as `Outgrown.labels_to_tell`."""
    risks: dict[str, Estimate]
    """Expected error of every route."""
    comparisons: tuple[Comparison, ...]
    """Every other route against the recommended one."""
    from_forecast: bool
    """Whether forecasts stand beside leave-one-out; else it stands alone, and intervals are widened."""

    @property
    def answer(self) -> str:
        """To the first question, for the best student's teacher."""
        return self.outgrown[0].answer


def decide(routes: Sequence[Route], n: int, tolerance: float = 0.0, grouped: bool = False) -> Verdict:
    """Answer both questions for routes, a student among them, with errors on the same n labels and folds."""
    routes = sorted(routes, key=lambda route: (COST_ORDER.index(route.kind), route.name))
    expected = _alike([route.expected for route in routes])
    values = np.stack([one.values for one in expected])
    from_forecast = expected[0].forecast is not None
    folds = f"{values.shape[1] - 1} folds{' of whole groups' if grouped else ''}"
    method = (
        f"leave-one-out and forecast, weighed, from {n} labels, jackknife over {folds}"
        if from_forecast
        else f"leave-one-out from {n} labels, jackknife over {folds}, widened for shared training rows"
    )

    def estimate(of: Float[np.ndarray, " R"], what: str) -> Estimate:
        return jackknife_estimate(of, n, f"{what}: {method}")

    place = {route.name: i for i, route in enumerate(routes)}
    least = int(np.argmin(values[:, 0]))
    within = np.flatnonzero(values[:, 0] <= (1 + tolerance) * values[least, 0])
    best = int(within[0]) if tolerance > 0 else least
    spread = best_of_many(values)
    others = [i for i in range(len(routes)) if i != best]
    near = min(others, key=lambda i: abs(values[i, 0] - values[best, 0]))
    students = sorted(
        (route for route in routes if route.kind == "student"), key=lambda route: values[place[route.name], 0]
    )
    outgrown = []
    for student in students:
        teacher = place[f"teacher ({student.weak})"]
        apart = values[place[student.name]] - values[teacher]
        difference = estimate(apart, "student less teacher")
        low, high = difference.interval or (-math.inf, math.inf)
        answer = "yes" if high < 0 else "no" if low > 0 else "cannot tell"
        chance = probability(-apart, float(values[place[student.name], 0]), n, method)
        outgrown.append(
            Outgrown(
                str(student.weak), answer, difference, chance, _labels(difference, answer != "cannot tell", n)
            )
        )
    nearest = estimate(values[near] - values[best], f"{routes[near].name} less {routes[best].name}")
    return Verdict(
        outgrown=tuple(outgrown),
        recommended=routes[best].name,
        tolerance=tolerance,
        least=routes[least].name,
        tied=tuple(
            route.name
            for route, may in zip(routes, spread.tied, strict=True)
            if may and route != routes[best]
        ),
        at_stake=float(spread.high[best]),
        labels_to_decide=_labels(nearest, int(spread.tied.sum()) == 1, n),
        risks={route.name: estimate(of, "expected error") for route, of in zip(routes, values, strict=True)},
        comparisons=tuple(
            Comparison(
                routes[i].name,
                routes[best].name,
                estimate(values[i] - values[best], f"{routes[i].name} less {routes[best].name}"),
            )
            for i in others
        ),
        from_forecast=from_forecast,
    )


def _alike(expected: Sequence[ExpectedError | None]) -> list[ExpectedError]:
    """Take the same estimate for all routes: without a forecast of each, leave-one-out alone."""
    known = [one for one in expected if one is not None]
    if all(one.forecast is not None for one in known):
        return known
    return [ExpectedError(one.leave_one_out, None) for one in known]


def _labels(difference: Estimate, resolved: bool, n: int) -> Quantity:
    """Labels at which the interval of a difference would leave zero out, its width falling as n^-1/2."""
    if resolved:
        return Undefined("the labels at hand tell", "Nothing is needed.")
    low, high = difference.interval or (-math.inf, math.inf)
    times = ((high - low) / 2 / difference.value) ** 2 if difference.value else math.inf
    if times > FAR:
        return Undefined(
            f"more than {FAR * n:,.0f} labels would be needed to tell",
            "Take either: they differ too little to matter.",
        )
    return Estimate(math.ceil(times * n), n=n, method="labels at which the interval would exclude zero")
