"""A forecast: the risks of every route for any n, N and penalties, from one pass over pool and labels.

Every question after that is arithmetic on its surfaces of errors (`risk_surfaces`). Intervals are
delete-a-group jackknife intervals of the expected risk (docs/theory.md, T8): no labelled Gram matrix is
inverted, so they hold near interpolation peaks too.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Float

from outgrow.forecasts.risk_surfaces import RiskSurfaces
from outgrow.intervals.replicates import estimate, opr, pgr, probability
from outgrow.results import Check, Estimate, Quantity, Risks, Undefined
from outgrow.theory.effective_stage import MOST
from outgrow.theory.forecaster import Forecaster
from outgrow.theory.surface import Surface, possible

Kind = Literal["prospective", "retrospective"]


@dataclass(frozen=True, kw_only=True)
class Forecast(RiskSurfaces):
    """What a pool and m labels say of every design."""

    weak: str
    strong: str
    """Names of the feature sets."""
    m: int
    """Labels used."""
    kind: Kind = "prospective"
    """Whether the labels are those at hand before anything is bought, or more than that."""
    checks: tuple[Check, ...] = ()
    """Suspicions."""
    given: bool = False
    """Whether the weak set is a given teacher's pseudo-labels: the joint student then leans on its imitation
    (`outgrow.theory.taught_features`)."""

    @property
    def method(self) -> str:
        """How its numbers were obtained, in words."""
        return (
            f"{self.kind} forecast from {self.m} labels and {self.pair.rows:.0f} unlabelled rows"
            " (deterministic equivalents, docs/theory.md, T4 and T6)"
        )

    @property
    def excess(self) -> bool:
        """Whether risks are excess risks: the noise variance is known. Else they are errors on new labels."""
        return self.target.sigma2 is not None

    def risks(self, n: int, N: int, **alphas: float | None) -> Risks:
        """Forecast the risks of all routes at one design.

        Undefined where the expectation is infinite.
        """
        surface = self.surface([n], [N], **alphas)
        (d_s, d_w), tuned = self.pair.C.shape, _tuned(alphas)
        teacher = self._risk(surface.teacher[:, 0], d_w, n, "n labelled", "alpha_w" in tuned)
        return Risks(
            teacher=teacher,
            student=self._student(surface, surface.student[:, 0, 0] - (self.target.sigma2 or 0.0), tuned),
            baseline=self._risk(surface.labels_only[:, 0], d_s, n, "n labelled", "alpha_b" in tuned),
            ceiling=self._risk(
                surface.top[:, 0, 0], d_s, n + N, "n + N with true labels", "alpha_c" in tuned
            ),
            extras=self._extras(surface, n, N, tuned) if self.union else {},
        )

    def _extras(self, surface: Surface, n: int, N: int, tuned: Set[str]) -> dict[str, Quantity]:
        d_s, d_w = self.pair.C.shape
        extras = {"union": self._risk(surface.union[:, 0], d_w + d_s, n, "n labelled", True)}
        if {"alpha_w", "alpha_s"} <= tuned:
            # Penalties that are fixed for the student say nothing of what would suit another weight.
            error = self.taught([n], N)[:, 0] if self.given else self.joint(n, N).error
            error = possible(error, float(self.target.variance[0]))
            extras["joint"] = self._risk(error, d_s, n + N, "n + N, labelled and pseudo-labelled", True)
        return extras

    def _risk(self, values: Float[np.ndarray, " R"], d: int, m: int, name: str, tuned: bool) -> Quantity:
        if np.isnan(values[0]):
            # A tuned fit is never infinite, and its largest penalty never more than the pool can tell of.
            return self._impossible(m, name) if tuned else self._undefined(d, m, name)
        return self.estimate(values - (self.target.sigma2 or 0.0))

    def _student(self, surface: Surface, values: Float[np.ndarray, " R"], tuned: Set[str]) -> Quantity:
        """Give the student's risk at the one design of a surface, or a part of it."""
        if not np.isnan(surface.student[0, 0, 0]):
            return self.estimate(values)
        n, N = int(surface.n[0]), int(surface.N[0])
        d_s, d_w = self.pair.C.shape
        if {"alpha_w", "alpha_s"} <= tuned:
            return self._impossible(N, "N unlabelled")
        if np.isnan(surface.teacher[0, 0]):
            return self._undefined(d_w, n, "n labelled")
        bare = surface.penalties["alpha_w"][0, 0] == surface.penalties["alpha_s"][0, 0] == 0
        if bare and not self.sharing:
            return Undefined(
                f"{self.pair.rows:.0f} unlabelled rows do not tell what {d_w} weak and {d_s} strong"
                " directions share",
                f"Give more than {d_w + d_s + self.intercept} unlabelled rows, keep fewer directions"
                " (--rank), or take a penalty.",
            )
        return self._undefined(d_s, N, "N unlabelled")

    def _impossible(self, m: int, name: str) -> Undefined:
        return Undefined(
            f"{self.m} labels and {self.pair.rows:.0f} unlabelled rows do not tell the risk at {m} rows"
            f" ({name}): the estimate is not above 0, or far above the labels' variance of"
            f" {self.target.variance[0]:.3g}",
            "Use more labels and unlabelled rows for the forecast, or keep fewer directions (--rank).",
        )

    def _undefined(self, d: int, m: int, name: str) -> Undefined:
        if d > (1 - 1 / MOST) * self.pair.rows:
            return Undefined(
                f"{m} rows ({name}) on {d} directions with so small a penalty are more than"
                f" {self.pair.rows:.0f} unlabelled rows can tell of",
                "Give more unlabelled rows, keep fewer directions (--rank), or take a larger penalty.",
            )
        return Undefined(
            f"the expected risk is infinite: {m} rows ({name}) for {d} dimensions without a penalty",
            "Take a positive penalty, move the rows away from the dimensions, or keep fewer directions.",
        )

    def estimate(self, values: Float[np.ndarray, " R"]) -> Estimate:
        """Say a risk or a variance."""
        return estimate(values, self.m, self.method)

    def decomposition(self, n: int, N: int, **alphas: float | None) -> dict[str, Quantity]:
        """Split the student's forecast risk."""
        surface, tuned = self.surface([n], [N], **alphas), _tuned(alphas)
        return {
            "bias": self._student(surface, surface.bias[:, 0, 0] - (self.target.sigma2 or 0.0), tuned),
            "inherited": self._student(surface, surface.inherited[:, 0, 0], tuned),
            "fresh": self._student(surface, surface.fresh[:, 0, 0], tuned),
        }

    def pgr(self, n: int, N: int, **alphas: float | None) -> Quantity:
        """Forecast the performance gap recovered. It needs no noise variance.

        Undefined where the ceiling is not forecast to be better than the teacher.
        """
        surface = self.surface([n], [N], **alphas)
        routes = surface.teacher[:, 0], surface.student[:, 0, 0], surface.ceiling[:, 0, 0]
        teacher, student, ceiling = (errors - (self.target.sigma2 or 0.0) for errors in routes)
        made = pgr(teacher, student, ceiling, self.m, self.method)
        if isinstance(made, Undefined):
            return made
        # The same words for every design, so that a page says them once for all.
        return replace(made, checks=tuple(replace(one, detail=f"{self.weak}: PGR") for one in made.checks))

    def opr(self, n: int, N: int, **alphas: float | None) -> Quantity:
        """Forecast the outperforming ratio, of excess risks.

        Undefined where the noise variance is not known.
        """
        if self.target.sigma2 is None:
            return NO_NOISE
        surface = self.surface([n], [N], **alphas)
        baseline, student = surface.baseline[:, 0], surface.student[:, 0, 0]
        return opr(baseline - self.target.sigma2, student - self.target.sigma2, self.m, self.method)

    def wins(self, n: int, N: int, **alphas: float | None) -> dict[str, Quantity]:
        """Give the probability that the student's expected risk is below that of its rivals.

        Undefined without replicates.
        """
        surface = self.surface([n], [N], **alphas)
        student = surface.student[:, 0, 0]
        rivals = {
            "teacher": surface.teacher[:, 0],
            "baseline": surface.baseline[:, 0],
            "union": surface.union[:, 0],
        }
        risk = float(student[0]) - (self.target.sigma2 or 0.0)
        return {
            name: probability(values - student, risk, self.m, self.method) for name, values in rivals.items()
        }


NO_NOISE = Undefined(
    "the variance of the label noise is not known, and OPR divides excess risks",
    "Give it (--noise-variance), or two labels for some rows (--repeat-column).",
)


EQUIVALENTS: Forecaster[Forecast] = Forecast.risks
"""Deterministic equivalents as a theory like the others: what was measured is in the forecast."""


def _tuned(alphas: Mapping[str, float | None]) -> Set[str]:
    """Penalties that the forecast chooses."""
    return {name for name in ("alpha_w", "alpha_s", "alpha_b", "alpha_c") if alphas.get(name) is None}
