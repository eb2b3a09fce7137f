"""PGR and OPR from risks, their closed forms, and the two ways in which a student wins (docs/theory.md, T3).

The gains divide expected risks by expected risks. A gain that means nothing is `Undefined`, never a number
with a meaningless sign; the two inequalities are differences of risks put in terms of their causes, and
hold or fail also where a ratio is not defined.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from outgrow.errors import CHECKS, DataError
from outgrow.intervals.gains import opr_of, pgr_of
from outgrow.results import Estimate, Quantity, Risks, Undefined
from outgrow.theory.design import Design
from outgrow.theory.population import Population
from outgrow.theory.stage import noise_gain, stage, why_undefined


def pgr(risks: Risks, points: Design = "fresh") -> Quantity:
    """Give the performance gap recovered: (teacher - student) / (teacher - ceiling), all on these points.

    Undefined where a risk is, or where the ceiling is not better than the teacher (OG205).
    """
    found = _values({"teacher": risks.teacher, "student": risks.student, "ceiling": risks.ceiling})
    if isinstance(found, Undefined):
        return found
    teacher, student, ceiling = found["teacher"], found["student"], found["ceiling"]
    return pgr_of(
        teacher.value - student.value,
        teacher.value - ceiling.value,
        teacher.value,
        None,
        n=student.n,
        method=_method("PGR", student, points),
        seen=f"{ceiling.value:.4g} against {teacher.value:.4g}",
    )


def opr(risks: Risks, points: Design = "fresh") -> Quantity:
    """Give the outperforming ratio: baseline / student, of excess risks.

    Undefined where a risk is, or where the student's is not above 0.
    """
    found = _values({"baseline": risks.baseline, "student": risks.student})
    if isinstance(found, Undefined):
        return found
    baseline, student = found["baseline"], found["student"]
    method, seen = _method("OPR", student, points), f"{student.value:.4g}"
    return opr_of(baseline.value, student.value, None, n=student.n, method=method, seen=seen)


def _values(risks: Mapping[str, Quantity]) -> dict[str, Estimate] | Undefined:
    found = {}
    for name, risk in risks.items():
        if isinstance(risk, Undefined):
            return Undefined(f"the risk of the {name} is not defined: {risk.reason}", risk.remedy)
        found[name] = risk
    return found


def _method(name: str, student: Estimate, points: Design) -> str:
    mixed = "; it mixes point sets, so unlike risks are compared" if points == "own_points" else ""
    return f"{name} of expected risks{mixed}" + (f": {student.method}" if student.method else "")


def pgr_well_specified(*, d_w: int, d_s: int, d_sw: float, n: int, N: int) -> Quantity:
    """Give the PGR where both feature sets express the target: neither noise nor target matter."""
    missing = _small(d_w, n, "n labelled", False) or _small(d_s, N, "N unlabelled", False)
    if missing is not None:
        return missing
    gap = 1 - d_s / d_w * (n - d_w - 1) / (n + N - d_s - 1)
    if not gap > 0:
        return Undefined(f"{CHECKS['OG205'].title} (OG205)", CHECKS["OG205"].remedy)
    q = d_s / (N - d_s - 1)
    return Estimate((1 - d_sw / d_w) * (1 - q) / gap, n=N, method="closed form (docs/theory.md, T3)")


def opr_well_specified(*, d_w: int, d_s: int, d_sw: float, n: int, N: int) -> Quantity:
    """Give the OPR where both feature sets express the target: neither noise nor target matter."""
    missing = (
        _small(d_w, n, "n labelled", False)
        or _small(d_s, n, "n labelled", False)
        or _small(d_s, N, "N unlabelled", False)
    )
    if missing is not None:
        return missing
    q = d_s / (N - d_s - 1)
    value = d_s / (n - d_s - 1) * (n - d_w - 1) / (d_sw + q * (d_w - d_sw))
    return Estimate(value, n=N, method="closed form (docs/theory.md, T3)")


@dataclass(frozen=True)
class Contest:
    """An inequality that decides which of two models has the smaller expected risk."""

    statement: str
    """What holds when `gain` exceeds `cost`."""
    gain: float
    """What speaks for the student."""
    cost: float
    """What speaks against it."""

    @property
    def margin(self) -> float:
        """The other model's risk less the student's."""
        return self.gain - self.cost

    @property
    def won(self) -> bool:
        """Whether the student's expected risk is the smaller one."""
        return self.gain > self.cost


def student_beats_baseline(
    population: Population, n: int, N: int, *, intercept: bool = True
) -> Contest | Undefined:
    """Tell whether the student beats the strong baseline: OPR above 1."""
    p = population
    missing = (
        _small(p.d_w, n, "n labelled", intercept)
        or _small(p.d_s, n, "n labelled", intercept)
        or _small(p.d_s, N, "N unlabelled", intercept)
    )
    if missing is not None:
        return missing
    teacher = stage(p.d_w, p.seen_w, p.s, n, intercept=intercept)
    baseline = stage(p.d_s, p.seen_s, p.sigma2 + p.rho_s, n, intercept=intercept)
    q = _q(p.d_s, N, intercept)
    cost = p.e2 + q * p.g0 + teacher.around * (p.d_sw + q * (p.d_w - p.d_sw)) + teacher.intercept
    return Contest("the student beats the strong baseline", baseline.error + baseline.intercept, cost)


def student_beats_teacher(
    population: Population, n: int, N: int, *, intercept: bool = True
) -> Contest | Undefined:
    """Tell whether the student beats its teacher."""
    p = population
    missing = _small(p.d_w, n, "n labelled", intercept) or _small(p.d_s, N, "N unlabelled", intercept)
    if missing is not None:
        return missing
    teacher = stage(p.d_w, p.seen_w, p.s, n, intercept=intercept)
    q = _q(p.d_s, N, intercept)
    gain = teacher.around * (p.d_w - p.d_sw) * (1 - q)
    return Contest("the student beats its teacher", gain, p.rho_s + p.e2 + q * p.g0 - p.rho_w)


def _q(d_s: int, N: int, intercept: bool) -> float:
    _, gain = noise_gain(d_s, N, intercept=intercept)
    return gain + (1 + gain) / N if intercept else gain


def _small(d: int, m: int, name: str, intercept: bool) -> Undefined | None:
    if m != int(m):
        raise DataError(f"{m} ({name}) is not a number of rows", "theory")
    return why_undefined(d, m, name, intercept=intercept, isotropic=False)
