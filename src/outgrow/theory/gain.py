"""PGR and OPR from risks (docs/theory.md, T3): expected risks divided by expected risks.

A gain that means nothing is `Undefined`, never a number with a meaningless sign.
"""

from __future__ import annotations

from collections.abc import Mapping

from outgrow.intervals.gains import opr_of, pgr_of
from outgrow.results import Estimate, Quantity, Risks, Undefined
from outgrow.theory.design import Design


def pgr(risks: Risks, points: Design = "fresh") -> Quantity:
    """Give the performance gap recovered: (teacher - student) / (teacher - ceiling), all on these points.

    Undefined where a risk is, or where the ceiling is not better than the teacher (OG205).
    """
    estimates = _values({"teacher": risks.teacher, "student": risks.student, "ceiling": risks.ceiling})
    if isinstance(estimates, Undefined):
        return estimates
    teacher, student, ceiling = estimates["teacher"], estimates["student"], estimates["ceiling"]
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
    estimates = _values({"baseline": risks.baseline, "student": risks.student})
    if isinstance(estimates, Undefined):
        return estimates
    baseline, student = estimates["baseline"], estimates["student"]
    method, seen = _method("OPR", student, points), f"{student.value:.4g}"
    return opr_of(baseline.value, student.value, None, n=student.n, method=method, seen=seen)


def _values(risks: Mapping[str, Quantity]) -> dict[str, Estimate] | Undefined:
    estimates = {}
    for name, risk in risks.items():
        if isinstance(risk, Undefined):
            return Undefined(f"the risk of the {name} is not defined: {risk.reason}", risk.remedy)
        estimates[name] = risk
    return estimates


def _method(name: str, student: Estimate, points: Design) -> str:
    mixed = "; it mixes point sets, so unlike risks are compared" if points == "own_points" else ""
    return f"{name} of expected risks{mixed}" + (f": {student.method}" if student.method else "")
