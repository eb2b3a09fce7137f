"""Exact risks of least squares at any finite size, whatever the covariances (docs/theory.md, T2).

Valid for jointly Gaussian features and target with more rows than dimensions at both stages. Fitted
intercepts, the practical case, are the default; known means give the shorter formulas of the literature.
"""

from __future__ import annotations

from outgrow.results import Risks, Undefined
from outgrow.theory.design import Design, checked_design
from outgrow.theory.population import Population
from outgrow.theory.stage import noise_gain, stage, why_undefined
from outgrow.theory.two_stage_risks import StudentParts, four_risks, teacher_seen_by_student


def exact_risks(
    population: Population, n: int, N: int, *, design: Design = "fresh", intercept: bool = True
) -> Risks:
    """Give the expected excess risks of teacher, student, baseline and ceiling.

    Undefined, with the remedy, where the expectation is infinite (rows within one of the number of
    coefficients) or rows are fewer than dimensions.
    """
    return four_risks(population, n, N, design, intercept=intercept, isotropic=False)


def student_parts(
    population: Population, n: int, N: int, *, design: Design = "fresh", intercept: bool = True
) -> StudentParts | Undefined:
    """Split the student's risk into bias, inherited variance and fresh variance.

    Undefined where that is, and where N points are fewer than the student's coefficients (it then
    interpolates).
    """
    p = population
    checked_design(n, N, design)
    missing = why_undefined(p.d_w, n, "n labelled", intercept=intercept, isotropic=False)
    if missing is None and (design == "fresh" or p.d_s + intercept > N):
        missing = why_undefined(p.d_s, N, "N unlabelled", intercept=intercept, isotropic=False)
    if missing is not None:
        return missing
    teacher = stage(p.d_w, p.seen_w, p.s, n, intercept=intercept)
    pseudo = teacher_seen_by_student(p, teacher)
    if design == "fresh":
        _, gain = noise_gain(p.d_s, N, intercept=intercept)
        fresh = (gain + (1 + gain) / N if intercept else gain) * pseudo.residue
    else:
        fresh = (p.d_s + intercept) / N * (pseudo.residue - 2 * pseudo.overlap)
    inherited = teacher.around * p.d_sw + teacher.intercept
    return StudentParts(p.rho_s + p.e2, inherited, fresh)
