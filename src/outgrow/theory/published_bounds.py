"""Bounds on the risks of linear weak-to-strong generalization, as they were published.

Dong, Li, Li, Lee and Lei (ICML 2025): each risk is at most the variance that label noise causes plus the
approximation errors of the feature sets. Means are known, and every model is scored on the points that it
was trained on. What the same models do on average, there and on fresh points, is in `exact_risks`
(docs/theory.md, T2); PGR and OPR with these bounds put in place of risks are those of `gain`.
"""

from __future__ import annotations

from outgrow.results import Estimate, Quantity, Risks, Undefined
from outgrow.theory.design import POINTS, checked_design
from outgrow.theory.population import Population
from outgrow.theory.stage import why_undefined

METHOD = f"published bound (Dong et al., ICML 2025), {POINTS['own_points']}, means known"
"""How the bounds say what they are; points are named as in exact risks, so that gains of them are seen to mix
point sets."""


def published_bounds(population: Population, n: int, N: int) -> Risks:
    """Give the published bounds on the excess risks of teacher, student, baseline and ceiling.

    The teacher's variance is inherited whole in what both feature sets share, and by a factor d_s/N in the
    rest: sigma2 / (n - d_w - 1) (d_sw + d_s/N (d_w - d_sw)). With rho = 0 the bounds are the exact risks on
    each model's own points. Otherwise single fits stay below. The student may exceed its bound by the share
    of the teacher's misfit that it inherits as if it were noise (rho_w for sigma2), which is not among the
    published terms, and by no more (docs/theory.md, T2). Undefined, with the remedy, where a fit interpolates
    or the teacher's expected variance is infinite.
    """
    p = population
    checked_design(n, N, "own_points")
    student: Quantity | None = why_undefined(p.d_w, n, "n labelled", intercept=False, isotropic=False)
    student = student or _interpolates(p.d_s, N, "N unlabelled")
    if student is None:
        variance = p.sigma2 / (n - p.d_w - 1) * (p.d_sw + p.d_s / N * (p.d_w - p.d_sw))
        student = Estimate(variance + p.rho_w + p.rho_s, n=N, rank=p.d_s, method=METHOD)
    return Risks(
        teacher=_single(p.d_w, p.rho_w, p.sigma2, n, "n labelled"),
        student=student,
        baseline=_single(p.d_s, p.rho_s, p.sigma2, n, "n labelled"),
        ceiling=_single(p.d_s, p.rho_s, p.sigma2, n + N, "n + N with true labels"),
    )


def _single(d: int, rho: float, sigma2: float, m: int, name: str) -> Quantity:
    missing = _interpolates(d, m, name)
    return missing or Estimate(sigma2 * d / m + rho, n=m, rank=d, method=METHOD)


def _interpolates(d: int, m: int, name: str) -> Undefined | None:
    if m >= d:
        return None
    return Undefined(
        f"{m} rows ({name}) are fewer than {d} dimensions: the fit interpolates, and the bound is for least"
        " squares",
        "Give more rows, or keep fewer directions.",
    )
