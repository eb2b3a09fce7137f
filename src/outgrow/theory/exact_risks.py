"""Exact risks of teacher, student, baseline and ceiling at any finite size (docs/theory.md, T2).

The teacher's moments go through the correlations of both feature sets into the student: what it can imitate
is signal to it, the rest is noise of known variance. One derivation serves known means and fitted
intercepts, any number of rows, and every design. Least squares needs jointly Gaussian features and target and
more rows than dimensions at both stages, whatever the covariances; below the peak a minimum-norm fit keeps a
uniformly random part of the coefficients where the features are isotropic on their range, as truncated and
whitened ones are; others need the spectrum (T4). Fitted intercepts, the practical case, are the default;
known means give the shorter formulas of the literature.
"""

from __future__ import annotations

from outgrow.results import Estimate, Quantity, Risks
from outgrow.theory.design import POINTS, Design, checked_design
from outgrow.theory.population import Population
from outgrow.theory.stage import noise_gain, stage, why_undefined


def exact_risks(
    population: Population, n: int, N: int, *, design: Design = "fresh", intercept: bool = True
) -> Risks:
    """Give the expected excess risks of teacher, student, baseline and ceiling.

    Undefined, with the remedy, where the expectation is infinite (rows within one of the number of
    coefficients) or rows are fewer than dimensions.
    """
    return _four_risks(population, n, N, design, intercept=intercept, isotropic=False)


def min_norm_risks(
    population: Population, n: int, N: int, *, design: Design = "fresh", intercept: bool = True
) -> Risks:
    """Give the expected excess risks of minimum-norm fits on isotropic features.

    Undefined where the expectation is infinite (rows within one of the number of coefficients).
    """
    return _four_risks(population, n, N, design, intercept=intercept, isotropic=True)


def _four_risks(p: Population, n: int, N: int, design: Design, *, intercept: bool, isotropic: bool) -> Risks:
    """Give the risks of the four models.

    Undefined, with the remedy, where the expectation is infinite or depends on the spectrum.
    """
    checked_design(n, N, design)
    kind = "minimum norm, isotropic features" if isotropic else "least squares"
    method = f"exact expectation for {kind} (docs/theory.md, T2), {POINTS[design]}, " + (
        "intercepts fitted" if intercept else "means known"
    )

    def single(d: int, seen: float, rho: float, m: int, name: str, on_training: bool) -> Quantity:
        if on_training and m:
            fitted = min(d + intercept, m) / m
            return Estimate(rho * (1 - fitted) + p.sigma2 * fitted, n=m, rank=d, method=method)
        missing = why_undefined(d, m, name, intercept=intercept, isotropic=isotropic)
        if missing is not None:
            return missing
        fit = stage(d, seen, p.sigma2 + rho, m, intercept=intercept)
        return Estimate(rho + fit.error + fit.intercept, n=m, rank=d, method=method)

    on_training = design == "own_points"
    # The N unlabelled points are among the ceiling's own, and no different from the others.
    ceiling_on_training = on_training or (design == "in_sample" and N > 0)
    return Risks(
        teacher=single(p.d_w, p.seen_w, p.rho_w, n, "n labelled", on_training),
        student=_student(p, n, N, design, method, intercept=intercept, isotropic=isotropic),
        baseline=single(p.d_s, p.seen_s, p.rho_s, n, "n labelled", on_training),
        ceiling=single(p.d_s, p.seen_s, p.rho_s, n + N, "n + N with true labels", ceiling_on_training),
    )


def _student(
    p: Population, n: int, N: int, design: Design, method: str, *, intercept: bool, isotropic: bool
) -> Quantity:
    missing = why_undefined(p.d_w, n, "n labelled", intercept=intercept, isotropic=isotropic)
    fresh = design == "fresh"
    if missing is None and (fresh or N < 1):
        missing = why_undefined(p.d_s, N, "N unlabelled", intercept=intercept, isotropic=isotropic)
    if missing is not None:
        return missing
    teacher = stage(p.d_w, p.seen_w, p.s, n, intercept=intercept)
    # The teacher's moments through the correlations: expected |C theta_w|^2 and its distance from t_s, and
    # the variance of the teacher's function beyond the student's features.
    imitable = teacher.along * (p.seen_w - p.g0) + teacher.around * p.d_sw
    gap = imitable - 2 * teacher.mean * (p.seen_w - p.c0) + p.seen_s
    residue = teacher.along * p.seen_w + teacher.around * p.d_w - imitable
    if fresh:
        kept, gain = noise_gain(p.d_s, N, intercept=intercept)
        risk = p.rho_s + kept * gap + (1 - kept) * p.seen_s + gain * residue
        if intercept:
            # The mean pseudo-label is off by the teacher's intercept and by what the student leaves.
            risk += teacher.intercept + ((1 - kept) * imitable + (1 + gain) * residue) / N
    elif p.d_s + intercept > N:
        # It interpolates its pseudo-labels: on these points student and teacher are the same.
        risk = p.rho_w + teacher.error + teacher.intercept
    else:
        # What is beyond its features and the target agree by mean * c0.
        fitted = (p.d_s + intercept) / N
        risk = p.rho_s + gap + teacher.intercept + fitted * (residue - 2 * teacher.mean * p.c0)
    return Estimate(risk, n=N, rank=p.d_s, method=method)
