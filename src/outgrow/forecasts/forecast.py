"""A forecast: the risks of every route for any n, N and penalties, from one pass over pool and labels.

It holds what a pool says of two feature sets and what m labels say of the target, each with replicates; every
question after that is arithmetic. Penalties that are not given are those of least forecast risk. Intervals
are delete-a-group jackknife intervals of the expected risk (docs/theory.md, T8): no labelled Gram matrix is
inverted, so they hold near interpolation peaks too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from outgrow.errors import DataError
from outgrow.forecasts.joint_forecast import JointForecast, joint_forecast
from outgrow.intervals.replicates import estimate, opr, pgr, probability
from outgrow.results import Check, Estimate, Quantity, Risks, Undefined
from outgrow.theory.effective_stage import MOST, Stages, effective_stages
from outgrow.theory.equivalents import single_risks, student_risks
from outgrow.theory.surface import RELATIVE, Penalties, Surface, choice, least, possible
from outgrow.theory.taught_features import taught_features
from outgrow.theory.terms import PairSpectra, Side, Target
from outgrow.theory.union_features import union_features

Kind = Literal["prospective", "retrospective"]


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What a pool and m labels say of every design."""

    weak: str
    """Names of the feature sets."""
    strong: str
    """Names of the feature sets."""
    pair: PairSpectra
    """The feature sets, measured on the pool."""
    target: Target
    """The target, measured on the m labels."""
    m: int
    """Labels used."""
    kind: Kind = "prospective"
    """Whether the labels are those at hand before anything is bought, or more than that."""
    penalties_w: Float[np.ndarray, " a"]
    """Penalties to choose from."""
    penalties_s: Float[np.ndarray, " b"]
    """Penalties to choose from."""
    checks: tuple[Check, ...] = ()
    """Suspicions."""
    intercept: bool = True
    """Whether intercepts are fitted."""
    union: bool = True
    """Whether to forecast the further routes: the union of both sets, which takes a decomposition of both
    together (NaN otherwise), and among the `risks` the joint student."""
    alone: Target | None = None
    """The target measured with the strong features alone, which no teacher touches."""
    given: bool = False
    """Whether the weak set is a given teacher's pseudo-labels: the joint student then leans on its imitation
    (`outgrow.theory.taught_features`)."""
    # Not copied by `replace`: what was seen of one pair or target is not so of another.
    _seen: dict[tuple[float | None, ...], Surface] = field(
        init=False, default_factory=dict, repr=False, compare=False
    )
    _joint: dict[tuple[float | None, ...], JointForecast] = field(
        init=False, default_factory=dict, repr=False, compare=False
    )

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

    @property
    def sharing(self) -> bool:
        """Whether the pool tells what both sets share without a penalty (docs/theory.md, T1)."""
        return self.pair.rows - self.intercept > sum(self.pair.C.shape)

    @cached_property
    def both(self) -> tuple[Float[np.ndarray, " d"], Side]:
        """Spectrum and target of both sets together (`outgrow.theory.union_features`)."""
        return union_features(self.pair, self.target)

    def stages(
        self,
        values: Float[np.ndarray, " d"],
        m: Sequence[float] | Sequence[int] | np.ndarray,
        alpha: np.ndarray,
    ) -> Stages:
        """Lay out every size with every penalty."""
        size = np.repeat(np.asarray(m, dtype=float), len(alpha))
        return effective_stages(
            values,
            size,
            np.tile(alpha, len(m)),
            rows=self.pair.rows,
            lengths=self.pair.lengths(values),
            intercept=self.intercept,
        )

    def surface(
        self,
        n: Sequence[int] | np.ndarray,
        N: Sequence[int] | np.ndarray,
        *,
        alpha_w: float | None = None,
        alpha_s: float | None = None,
        alpha_b: float | None = None,
        alpha_c: float | None = None,
    ) -> Surface:
        """Forecast every design of a grid."""
        labelled, pool = _sizes(n, "n"), _sizes(N, "N")
        key = (alpha_w, alpha_s, alpha_b, alpha_c)
        held = self._seen[key].pick(labelled, pool) if key in self._seen else None
        if held is None:
            self._seen.clear()  # the last grid is asked for again and again, older ones hardly ever
            held = self._seen[key] = self._surface(labelled, pool, alpha_w, alpha_s, alpha_b, alpha_c)
        return held

    def _surface(
        self,
        n: Int[np.ndarray, " a"],
        N: Int[np.ndarray, " b"],
        alpha_w: float | None,
        alpha_s: float | None,
        alpha_b: float | None,
        alpha_c: float | None,
    ) -> Surface:
        def given(alpha: float | None, grid: np.ndarray) -> np.ndarray:
            return grid if alpha is None else np.array([float(alpha)])

        tried_w, tried_s = given(alpha_w, self.penalties_w), given(alpha_s, self.penalties_s)
        students = self.stages(self.pair.values_s, N, tried_s)
        replicates = len(self.target.weights)
        teacher, own_w = np.empty((replicates, len(n))), np.empty(len(n))
        parts = np.empty((3, replicates, len(n), len(N)))
        best_w, best_s = np.empty((len(n), len(N))), np.empty((len(n), len(N)))
        for place in range(len(n)):
            # One size at a time: what is held at once grows with the penalties, not with the grid.
            teachers = self.stages(self.pair.values_w, n[[place]], tried_w)
            single = single_risks(teachers, self.target.weak(), self.target).error
            teacher[:, [place]], own_w[[place]] = least(single[:, None, :], tried_w)
            found = student_risks(self.pair, self.target, teachers, students)
            apart = np.stack([found.bias, found.inherited, found.fresh])
            apart = apart.reshape(3, replicates, len(tried_w), len(N), len(tried_s)).swapaxes(2, 3)
            apart = apart.reshape(3, replicates, len(N), -1)
            best = choice(apart.sum(axis=0))
            parts[:, :, place] = np.take_along_axis(apart, best[None, None, :, None], axis=3)[..., 0]
            which = np.unravel_index(best, (len(tried_w), len(tried_s)))
            best_w[place], best_s[place] = tried_w[which[0]], tried_s[which[1]]
        if not self.sharing:
            # What two sets share cannot be told from chance (T1); any penalty gives it a meaning (T4).
            parts[:, :, (best_w == 0) & (best_s == 0)] = np.nan

        tried_b, tried_c = given(alpha_b, self.penalties_s), given(alpha_c, self.penalties_s)
        sizes = (n, (n[:, None] + N[None, :]).ravel())
        on = [
            (self.stages(self.pair.values_s, m, tried), len(m), tried)
            for m, tried in zip(sizes, (tried_b, tried_c), strict=True)
        ]

        def on_labels(target: Target) -> list[tuple[np.ndarray, np.ndarray]]:
            errors = (single_risks(stage, target.strong(), target).error for stage, _, _ in on)
            return [
                least(error.reshape(-1, m, len(tried)), tried)
                for error, (_, m, tried) in zip(errors, on, strict=True)
            ]

        (baseline, own_b), (ceiling, own_c) = on_labels(self.target)
        (shown_b, _), (shown_c, _) = on_labels(self.alone or self.target)
        ceiling, shown_c = (errors.reshape(-1, len(n), len(N)) for errors in (ceiling, shown_c))
        union, own_u = np.full(baseline.shape, np.nan), np.full(len(n), np.nan)
        if self.union:
            values, side = self.both
            tried = values.mean() * RELATIVE
            fits = self.stages(values, n, tried)
            union, own_u = least(
                single_risks(fits, side, self.target).error.reshape(-1, len(n), len(tried)), tried
            )
        penalties = {
            "teacher": own_w,
            "alpha_w": best_w,
            "alpha_s": best_s,
            "baseline": own_b,
            "ceiling": own_c.reshape(len(n), len(N)),
            "union": own_u,
        }
        # What is tuned is less than what a constant errs by; else these rows and labels tell nothing.
        variance = float(self.target.variance[0])
        if alpha_w is None:
            teacher = possible(teacher, variance)
        if alpha_w is None and alpha_s is None:
            parts = np.where(np.isnan(possible(parts.sum(axis=0), variance)), np.nan, parts)
        baseline = possible(baseline, variance) if alpha_b is None else baseline
        ceiling = possible(ceiling, variance) if alpha_c is None else ceiling
        shown_b = possible(shown_b, variance) if alpha_b is None else shown_b
        shown_c = possible(shown_c, variance) if alpha_c is None else shown_c
        bias, inherited, fresh = parts
        return Surface(
            n=n,
            N=N,
            teacher=teacher,
            baseline=baseline,
            union=possible(union, variance),
            ceiling=ceiling,
            bias=bias,
            inherited=inherited,
            fresh=fresh,
            labels_only=shown_b,
            top=shown_c,
            penalties=penalties,
        )

    def joint(
        self,
        n: int,
        N: int,
        *,
        alpha_w: float | None = None,
        alpha_s: float | None = None,
        weight: float | None = None,
    ) -> JointForecast:
        """Forecast the joint student at one design.

        It is apart from `surface`, since it costs a weight's worth of settings more; what was asked for is
        kept. Row lengths, which `surface` allows for, are not in its equivalents: at weight 1 and the
        student's own penalties it differs from the student by less than 1 % on the movie reviews.
        """
        size, pool = int(_sizes([n], "n")[0]), int(_sizes([N], "N")[0])
        key = (size, pool, alpha_w, alpha_s, weight)
        if key not in self._joint:
            grids = (
                self.penalties_w if alpha_w is None else np.array([float(alpha_w)]),
                self.penalties_s if alpha_s is None else np.array([float(alpha_s)]),
            )
            self._joint[key] = joint_forecast(
                self.pair,
                self.target,
                size,
                pool,
                grids,
                weight,
                intercept=self.intercept,
                sharing=self.sharing,
            )
        return self._joint[key]

    def taught(self, n: Sequence[int] | np.ndarray, N: int) -> Float[np.ndarray, "R a"]:
        """Errors of the joint student of a given teacher with n labels each, the estimate first."""
        drawn = taught_features(self.pair, self.target, float(N))
        tried = drawn[0][0].mean() * RELATIVE
        fits = [single_risks(self.stages(values, n, tried), side, self.target) for values, side in drawn]
        error = np.mean([fit.error for fit in fits], axis=0)
        return least(error.reshape(len(error), len(n), len(tried)), tried)[0]

    def best_alphas(self, n: int, N: int) -> Penalties:
        """Give the penalties of least forecast risk, the student's two chosen together (T8)."""
        found = self.surface([n], [N]).penalties
        return Penalties(**{name: float(values.flat[0]) for name, values in found.items()})

    def risks(self, n: int, N: int, **alphas: float | None) -> Risks:
        """Forecast the risks of all routes at one design.

        Undefined where the expectation is infinite.
        """
        found = self.surface([n], [N], **alphas)
        (d_s, d_w), tuned = self.pair.C.shape, _tuned(alphas)
        teacher = self._risk(found.teacher[:, 0], d_w, n, "n labelled", "alpha_w" in tuned)
        return Risks(
            teacher=teacher,
            student=self._student(found, found.student[:, 0, 0] - (self.target.sigma2 or 0.0), tuned),
            baseline=self._risk(found.labels_only[:, 0], d_s, n, "n labelled", "alpha_b" in tuned),
            ceiling=self._risk(found.top[:, 0, 0], d_s, n + N, "n + N with true labels", "alpha_c" in tuned),
            extras=self._extras(found, n, N, tuned) if self.union else {},
        )

    def _extras(self, found: Surface, n: int, N: int, tuned: Set[str]) -> dict[str, Quantity]:
        d_s, d_w = self.pair.C.shape
        extras = {"union": self._risk(found.union[:, 0], d_w + d_s, n, "n labelled", True)}
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

    def _student(self, found: Surface, values: Float[np.ndarray, " R"], tuned: Set[str]) -> Quantity:
        """Give the student's risk at the one design of a surface, or a part of it."""
        if not np.isnan(found.student[0, 0, 0]):
            return self.estimate(values)
        n, N = int(found.n[0]), int(found.N[0])
        d_s, d_w = self.pair.C.shape
        if {"alpha_w", "alpha_s"} <= tuned:
            return self._impossible(N, "N unlabelled")
        if np.isnan(found.teacher[0, 0]):
            return self._undefined(d_w, n, "n labelled")
        bare = found.penalties["alpha_w"][0, 0] == found.penalties["alpha_s"][0, 0] == 0
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
        found, tuned = self.surface([n], [N], **alphas), _tuned(alphas)
        return {
            "bias": self._student(found, found.bias[:, 0, 0] - (self.target.sigma2 or 0.0), tuned),
            "inherited": self._student(found, found.inherited[:, 0, 0], tuned),
            "fresh": self._student(found, found.fresh[:, 0, 0], tuned),
        }

    def pgr(self, n: int, N: int, **alphas: float | None) -> Quantity:
        """Forecast the performance gap recovered. It needs no noise variance.

        Undefined where the ceiling is not forecast to be better than the teacher.
        """
        found = self.surface([n], [N], **alphas)
        routes = found.teacher[:, 0], found.student[:, 0, 0], found.ceiling[:, 0, 0]
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
        found = self.surface([n], [N], **alphas)
        baseline, student = found.baseline[:, 0], found.student[:, 0, 0]
        return opr(baseline - self.target.sigma2, student - self.target.sigma2, self.m, self.method)

    def wins(self, n: int, N: int, **alphas: float | None) -> dict[str, Quantity]:
        """Give the probability that the student's expected risk is below that of its rivals.

        Undefined without replicates.
        """
        found = self.surface([n], [N], **alphas)
        student = found.student[:, 0, 0]
        rivals = {
            "teacher": found.teacher[:, 0],
            "baseline": found.baseline[:, 0],
            "union": found.union[:, 0],
        }
        risk = float(student[0]) - (self.target.sigma2 or 0.0)
        return {
            name: probability(values - student, risk, self.m, self.method) for name, values in rivals.items()
        }


NO_NOISE = Undefined(
    "the variance of the label noise is not known, and OPR divides excess risks",
    "Give it (--noise-variance), or two labels for some rows (--repeat-column).",
)


def _tuned(alphas: Mapping[str, float | None]) -> Set[str]:
    """Penalties that the forecast chooses."""
    return {name for name in ("alpha_w", "alpha_s", "alpha_b", "alpha_c") if alphas.get(name) is None}


def _sizes(sizes: Sequence[int] | np.ndarray, name: str) -> Int[np.ndarray, " k"]:
    found = np.atleast_1d(np.asarray(sizes))
    if not len(found) or (found != found.astype(int)).any() or (found < 2).any():
        raise DataError(
            f"{name} must be whole numbers of at least 2, not {list(np.atleast_1d(sizes))}", "forecast"
        )
    return found.astype(int)
