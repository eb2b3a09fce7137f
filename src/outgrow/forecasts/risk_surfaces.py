"""Errors of every route at any n, N and penalties, as estimates with their replicates.

They rest on what a pool says of two feature sets and what labels say of the target. Penalties that are not
given are those of least forecast error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from outgrow.errors import DataError
from outgrow.forecasts.joint_forecast import JointForecast, joint_forecast
from outgrow.theory.effective_stage import Stages, effective_stages
from outgrow.theory.equivalents import single_risks, student_risks
from outgrow.theory.surface import RELATIVE, Penalties, Surface, choice, least, possible
from outgrow.theory.taught_features import taught_features
from outgrow.theory.terms import PairSpectra, Side, Target
from outgrow.theory.union_features import union_features


@dataclass(frozen=True, kw_only=True)
class RiskSurfaces:
    """What forecasts are computed from, and their errors."""

    pair: PairSpectra
    """The feature sets, measured on the pool."""
    target: Target
    """The target, measured on labels."""
    penalties_w: Float[np.ndarray, " a"]
    penalties_s: Float[np.ndarray, " b"]
    """Penalties to choose from."""
    intercept: bool = True
    """Whether intercepts are fitted."""
    union: bool = True
    """Whether to forecast the further routes: the union of both sets, which takes a decomposition of both
    together (NaN otherwise), and among the risks the joint student."""
    alone: Target | None = None
    """The target measured with the strong features alone, which no teacher touches."""
    # Not copied by `replace`: what was seen of one pair or target is not so of another.
    _seen: dict[tuple[float | None, ...], Surface] = field(
        init=False, default_factory=dict, repr=False, compare=False
    )
    _joint: dict[tuple[int, int], JointForecast] = field(
        init=False, default_factory=dict, repr=False, compare=False
    )

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
        known = self._seen[key].pick(labelled, pool) if key in self._seen else None
        if known is None:
            self._seen.clear()  # the last grid is asked for again and again, older ones hardly ever
            known = self._seen[key] = self._surface(labelled, pool, key)
        return known

    def _surface(
        self, n: Int[np.ndarray, " a"], N: Int[np.ndarray, " b"], fixed: tuple[float | None, ...]
    ) -> Surface:
        alpha_w, alpha_s, alpha_b, alpha_c = fixed
        wide, both = (-1, len(n), len(N)), (n[:, None] + N[None, :]).ravel()
        teacher, penalty_teacher = self.on_labels("teacher", n, alpha_w)
        baseline, penalty_baseline = self.on_labels("baseline", n, alpha_b)
        ceiling, penalty_ceiling = self.on_labels("baseline", both, alpha_c)
        union, penalty_union = np.full(baseline.shape, np.nan), np.full(len(n), np.nan)
        if self.union:
            union, penalty_union = self.on_labels("union", n)
        shown_b, shown_c = baseline, ceiling
        if self.alone is not None:
            shown_b, _ = self.on_labels("baseline", n, alpha_b, self.alone)
            shown_c, _ = self.on_labels("baseline", both, alpha_c, self.alone)
        parts, best_w, best_s = self._students(
            n, N, _grid(alpha_w, self.penalties_w), _grid(alpha_s, self.penalties_s)
        )
        if alpha_w is None and alpha_s is None:
            parts = np.where(np.isnan(self._possible(parts.sum(axis=0), None)), np.nan, parts)
        bias, inherited, fresh = parts
        return Surface(
            n=n,
            N=N,
            teacher=self._possible(teacher, alpha_w),
            baseline=self._possible(baseline, alpha_b),
            union=self._possible(union, None),
            ceiling=self._possible(ceiling.reshape(wide), alpha_c),
            bias=bias,
            inherited=inherited,
            fresh=fresh,
            labels_only=self._possible(shown_b, alpha_b),
            top=self._possible(shown_c.reshape(wide), alpha_c),
            penalties={
                "teacher": penalty_teacher,
                "alpha_w": best_w,
                "alpha_s": best_s,
                "baseline": penalty_baseline,
                "ceiling": penalty_ceiling.reshape(len(n), len(N)),
                "union": penalty_union,
            },
        )

    def on_labels(
        self,
        route: str,
        m: Int[np.ndarray, " a"],
        alpha: float | None = None,
        target: Target | None = None,
    ) -> tuple[Float[np.ndarray, "R a"], Float[np.ndarray, " a"]]:
        """Errors and penalties of a route that is fitted to m labels alone: teacher, baseline or union."""
        target = target or self.target
        if route == "union":
            # Another target has another variance; what it shares with both sets is the same.
            values, side = self.both
            grid = values.mean() * RELATIVE
        elif route == "teacher":
            values, side, grid = self.pair.values_w, target.weak(), self.penalties_w
        else:
            values, side, grid = self.pair.values_s, target.strong(), self.penalties_s
        tried = _grid(alpha, grid)
        errors = single_risks(self.stages(values, m, tried), side, target).error
        return least(errors.reshape(len(errors), len(m), len(tried)), tried)

    def _possible(
        self, errors: Float[np.ndarray, "*R_shape"], alpha: float | None
    ) -> Float[np.ndarray, "*R_shape"]:
        """What is tuned is less than what a constant errs by; else these rows and labels tell nothing."""
        return possible(errors, float(self.target.variance[0])) if alpha is None else errors

    def _students(
        self,
        n: Int[np.ndarray, " a"],
        N: Int[np.ndarray, " b"],
        tried_w: Float[np.ndarray, " v"],
        tried_s: Float[np.ndarray, " w"],
    ) -> tuple[Float[np.ndarray, "3 R a b"], Float[np.ndarray, "a b"], Float[np.ndarray, "a b"]]:
        """Give the parts of the student's error, and the penalties of its teacher and of itself."""
        students = self.stages(self.pair.values_s, N, tried_s)
        replicates = len(self.target.weights)
        parts = np.empty((3, replicates, len(n), len(N)))
        best_w, best_s = np.empty((len(n), len(N))), np.empty((len(n), len(N)))
        for place in range(len(n)):
            # One size at a time: what is in memory at once grows with the penalties, not with the grid.
            teachers = self.stages(self.pair.values_w, n[[place]], tried_w)
            risks = student_risks(self.pair, self.target, teachers, students)
            apart = np.stack([risks.bias, risks.inherited, risks.fresh])
            apart = apart.reshape(3, replicates, len(tried_w), len(N), len(tried_s)).swapaxes(2, 3)
            apart = apart.reshape(3, replicates, len(N), -1)
            best = choice(apart.sum(axis=0))
            parts[:, :, place] = np.take_along_axis(apart, best[None, None, :, None], axis=3)[..., 0]
            which = np.unravel_index(best, (len(tried_w), len(tried_s)))
            best_w[place], best_s[place] = tried_w[which[0]], tried_s[which[1]]
        if not self.sharing:
            # What two sets share cannot be told from chance (T1); any penalty gives it a meaning (T4).
            parts[:, :, (best_w == 0) & (best_s == 0)] = np.nan
        return parts, best_w, best_s

    def joint(self, n: int, N: int) -> JointForecast:
        """Forecast the joint student at one design.

        It is apart from `surface`, since it costs a weight's worth of settings more; what was asked for is
        kept. Row lengths, which `surface` allows for, are not in its equivalents: at weight 1 and the
        student's own penalties it differs from the student by less than 1 % on the movie reviews.
        """
        if (n, N) not in self._joint:
            grids = self.penalties_w, self.penalties_s
            self._joint[n, N] = joint_forecast(self.pair, self.target, n, N, grids, intercept=self.intercept)
        return self._joint[n, N]

    def taught(self, n: Sequence[int] | np.ndarray, N: int) -> Float[np.ndarray, "R a"]:
        """Errors of the joint student of a given teacher with n labels each, the estimate first."""
        drawn = taught_features(self.pair, self.target, float(N))
        tried = drawn[0][0].mean() * RELATIVE
        fits = [single_risks(self.stages(values, n, tried), side, self.target) for values, side in drawn]
        error = np.mean([fit.error for fit in fits], axis=0)
        return least(error.reshape(len(error), len(n), len(tried)), tried)[0]

    def best_alphas(self, n: int, N: int, **alphas: float | None) -> Penalties:
        """Give the penalties of least forecast risk, the student's two chosen together (T8)."""
        penalties = self.surface([n], [N], **alphas).penalties
        return Penalties(**{name: float(values.flat[0]) for name, values in penalties.items()})


def _grid(alpha: float | None, grid: Float[np.ndarray, " k"]) -> Float[np.ndarray, " _"]:
    return grid if alpha is None else np.array([float(alpha)])


def _sizes(sizes: Sequence[int] | np.ndarray, name: str) -> Int[np.ndarray, " k"]:
    values = np.atleast_1d(np.asarray(sizes))
    if not len(values) or (values != values.astype(int)).any() or (values < 2).any():
        raise DataError(
            f"{name} must be whole numbers of at least 2, not {list(np.atleast_1d(sizes))}", "forecast"
        )
    return values.astype(int)
