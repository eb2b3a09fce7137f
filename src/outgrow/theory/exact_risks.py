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

    Parameters
    ----------
    population : Population
        The pair and the target.
    n : int
        Labelled rows, at least 1.
    N : int
        Unlabelled rows, at least 0.
    design : {"fresh", "in_sample", "own_points"}
        Risks on fresh points; all on the N unlabelled points, fresh to teacher and baseline; or each model
        on the points it was trained on, as published.
    intercept : bool
        Whether intercepts are fitted; False for means known and taken off.

    Returns
    -------
    Risks
        Estimates without interval. Undefined, with the remedy, where the expectation is infinite (rows
        within one of the number of coefficients) or rows are fewer than dimensions.

    Raises
    ------
    DataError, ConfigError
        When a size is no number of rows, or there is no such design.

    Examples
    --------
    >>> pair = Population(d_w=20, d_s=15, d_sw=5.0, sigma2=1.0)
    >>> risks = exact_risks(pair, n=41, N=216, intercept=False)
    >>> [round(risk.value, 3) for _, risk in risks.items()]
    [1.0, 0.306, 0.6, 0.062]
    >>> exact_risks(pair, n=22, N=216).teacher.reason
    'the expected risk is infinite: 22 rows (n labelled) for 20 dimensions and an intercept'
    """
    return four_risks(population, n, N, design, intercept=intercept, isotropic=False)


def student_parts(
    population: Population, n: int, N: int, *, design: Design = "fresh", intercept: bool = True
) -> StudentParts | Undefined:
    """Split the student's risk into bias, inherited variance and fresh variance.

    Parameters
    ----------
    population : Population
        The pair and the target.
    n, N : int
        Labelled and unlabelled rows.
    design : {"fresh", "in_sample", "own_points"}
        As in `exact_risks`; the last two are the same for the student.
    intercept : bool
        Whether intercepts are fitted; the error of the teacher's counts as inherited.

    Returns
    -------
    StudentParts or Undefined
        Summing to the student of `exact_risks`; Undefined where that is, and where N points are fewer than
        the student's coefficients (it then interpolates).

    Raises
    ------
    DataError, ConfigError
        When a size is no number of rows, or there is no such design.

    Examples
    --------
    >>> parts = student_parts(Population(d_w=20, d_s=15, d_sw=5.0, sigma2=1.0), 41, 216, intercept=False)
    >>> parts.bias, parts.inherited, round(parts.fresh, 5)
    (0.0, 0.25, 0.05625)
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
