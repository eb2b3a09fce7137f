"""A forecast: the risks of every route for any n, N and penalties, from one pass over pool and labels.

It holds what a pool says of two feature sets and what m labels say of the target, each with replicates; every
question after that is arithmetic. Penalties that are not given are those of least forecast risk. Intervals
are delete-a-group jackknife intervals of the expected risk (docs/theory.md, T8): no labelled Gram matrix is
inverted, so they hold near interpolation peaks too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from outgrow.errors import CHECKS, DataError
from outgrow.geometry.jackknife import jackknife_interval
from outgrow.results import LEVEL, Check, Estimate, Quantity, Risks, Undefined
from outgrow.theory.effective_stage import MOST, Stages, effective_stages
from outgrow.theory.equivalents import PairSpectra, Side, Target, single_risks, student_risks
from outgrow.theory.fieller import fieller
from outgrow.theory.joint_equivalent import WEIGHTS, joint_risks
from outgrow.theory.surface import RELATIVE, Penalties, Surface, choice, least
from outgrow.theory.union_features import union_features

Kind = Literal["prospective", "retrospective"]


@dataclass(frozen=True)
class JointForecast:
    """The joint student at one design: true labels and pseudo-labels in one fit.

    Parameters
    ----------
    error : array of shape (R,)
        Expected squared error on fresh labels, the estimate first; NaN where infinite.
    alpha_w, alpha_s : float
        Penalties of its teacher and of itself.
    weight : float
        Weight of the pseudo-labels: 0 is the baseline, 1 the W2S student.
    """

    error: Float[np.ndarray, " R"]
    alpha_w: float
    alpha_s: float
    weight: float


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What a pool and m labels say of every design.

    Parameters
    ----------
    weak, strong : str
        Names of the feature sets.
    pair : PairSpectra
        The feature sets, measured on the pool.
    target : Target
        The target, measured on the m labels.
    m : int
        Labels used.
    kind : {"prospective", "retrospective"}
        Whether the labels are those at hand before anything is bought, or more than that.
    penalties_w, penalties_s : array of shape (a,) and (b,)
        Penalties to choose from.
    checks : tuple of Check
        Suspicions.
    intercept : bool
        Whether intercepts are fitted.
    union : bool
        Whether to forecast the further routes: the union of both sets, which takes a decomposition of both
        together (NaN otherwise), and among the `risks` the joint student.
    """

    weak: str
    strong: str
    pair: PairSpectra
    target: Target
    m: int
    kind: Kind = "prospective"
    penalties_w: Float[np.ndarray, " a"]
    penalties_s: Float[np.ndarray, " b"]
    checks: tuple[Check, ...] = ()
    intercept: bool = True
    union: bool = True
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
    def _sharing(self) -> bool:
        """Whether the pool tells what both sets share without a penalty (docs/theory.md, T1)."""
        return self.pair.rows - self.intercept > sum(self.pair.C.shape)

    @cached_property
    def _union(self) -> tuple[Float[np.ndarray, " d"], Side]:
        return union_features(self.pair, self.target)

    def _stages(
        self, values: Float[np.ndarray, " d"], m: Sequence[float] | np.ndarray, alpha: np.ndarray
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
        """Forecast every design of a grid.

        Parameters
        ----------
        n : sequence of int
            Labelled rows, at least 2 each.
        N : sequence of int
            Unlabelled rows, at least 2 each.
        alpha_w, alpha_s : float, optional
            Penalties of teacher and student; those of least forecast risk by default, the teacher alone
            tuned for itself.
        alpha_b, alpha_c : float, optional
            Penalties of baseline and ceiling; those of least forecast risk by default.

        Returns
        -------
        Surface
            Errors with replicates.

        Raises
        ------
        DataError
            When a size is no number of rows or a penalty is negative.
        """
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
        students = self._stages(self.pair.values_s, N, tried_s)
        replicates = len(self.target.weights)
        teacher, own_w = np.empty((replicates, len(n))), np.empty(len(n))
        parts = np.empty((3, replicates, len(n), len(N)))
        best_w, best_s = np.empty((len(n), len(N))), np.empty((len(n), len(N)))
        for place in range(len(n)):
            # One size at a time: what is held at once grows with the penalties, not with the grid.
            teachers = self._stages(self.pair.values_w, n[[place]], tried_w)
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
        if not self._sharing:
            # What two sets share cannot be told from chance (T1); any penalty gives it a meaning (T4).
            parts[:, :, (best_w == 0) & (best_s == 0)] = np.nan

        strong = self.target.strong()
        tried_b, tried_c = given(alpha_b, self.penalties_s), given(alpha_c, self.penalties_s)
        fits = self._stages(self.pair.values_s, n, tried_b)
        baseline, own_b = least(
            single_risks(fits, strong, self.target).error.reshape(-1, len(n), len(tried_b)), tried_b
        )
        both = (n[:, None] + N[None, :]).ravel()
        fits = self._stages(self.pair.values_s, both, tried_c)
        ceiling, own_c = least(
            single_risks(fits, strong, self.target).error.reshape(-1, len(both), len(tried_c)), tried_c
        )
        union, own_u = np.full(baseline.shape, np.nan), np.full(len(n), np.nan)
        if self.union:
            values, side = self._union
            tried = values.mean() * RELATIVE
            fits = self._stages(values, n, tried)
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
        ceiling = ceiling.reshape(-1, len(n), len(N))
        bias, inherited, fresh = parts
        return Surface(n, N, teacher, baseline, union, ceiling, bias, inherited, fresh, penalties)

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

        Parameters
        ----------
        n, N : int
            Labelled and unlabelled rows, at least 2 each.
        alpha_w, alpha_s : float, optional
            Penalties of its teacher and of itself; by default chosen with the weight (T8).
        weight : float, optional
            Weight of the pseudo-labels; by default the best of `WEIGHTS`.

        Returns
        -------
        JointForecast
            Errors with replicates, and the settings.

        Raises
        ------
        DataError
            When a size is no number of rows, a penalty is negative, or the weight not between 0 and 1.

        Examples
        --------
        >>> pair = PairSpectra(values_w=np.ones(3), values_s=np.ones(4), C=np.eye(4, 3))
        >>> world = Target.known(np.array([1.0, 0, 0]), np.array([1.0, 0, 0, 0]), v=1.0, sigma2=0.5)
        >>> one = Forecast(
        ...     weak="w", strong="s", pair=pair, target=world, m=20,
        ...     penalties_w=RELATIVE, penalties_s=RELATIVE,
        ... )
        >>> found = one.joint(20, 100)
        >>> found.error[0] <= one.surface([20], [100]).baseline[0, 0]
        np.True_
        """
        size, pool = int(_sizes([n], "n")[0]), int(_sizes([N], "N")[0])
        key = (size, pool, alpha_w, alpha_s, weight)
        if key not in self._joint:
            self._joint[key] = self._search(size, pool, alpha_w, alpha_s, weight)
        return self._joint[key]

    def _search(
        self, n: int, N: int, alpha_w: float | None, alpha_s: float | None, weight: float | None
    ) -> JointForecast:
        weights = np.array(WEIGHTS if weight is None else (weight,), dtype=float)
        grids = [
            self.penalties_w if alpha_w is None else np.array([float(alpha_w)]),
            self.penalties_s if alpha_s is None else np.array([float(alpha_s)]),
        ]

        def least(places: list[np.ndarray], weights: Float[np.ndarray, " k"]) -> tuple[np.ndarray, list[int]]:
            tried = [grid[place] for grid, place in zip(grids, places, strict=True)]
            a, b, w = (x.ravel() for x in np.meshgrid(*tried, weights, indexing="ij"))
            error = joint_risks(
                self.pair,
                self.target,
                n=n,
                alpha_w=a,
                N=N,
                alpha_s=b,
                weight=w,
                intercept=self.intercept,
            ).error
            if not self._sharing:
                # As for the student (T1): sharing has no meaning without a penalty.
                error = np.where((a == 0) & (b == 0) & (w > 0), np.nan, error)
            best = int(choice(error[:, None, :])[0])
            at = np.unravel_index(best, (len(tried[0]), len(tried[1]), len(weights)))
            return error[:, best], [int(places[0][at[0]]), int(places[1][at[1]]), int(at[2])]

        # Two thirds of a decade apart first, then the neighbours of the best.
        error, (i, j, k) = least([np.arange(0, len(grid), COARSE) for grid in grids], weights)
        around = [
            np.arange(max(0, at - 1), min(len(grid), at + 2)) for at, grid in zip((i, j), grids, strict=True)
        ]
        error, (i, j, _) = least(around, weights[[k]])
        return JointForecast(error, float(grids[0][i]), float(grids[1][j]), float(weights[k]))

    def best_alphas(self, n: int, N: int) -> Penalties:
        """Give the penalties of least forecast risk, the student's two chosen together (T8).

        Parameters
        ----------
        n, N : int
            Labelled and unlabelled rows.

        Returns
        -------
        Penalties
            For every route but the joint student, whose settings `joint` gives.
        """
        found = self.surface([n], [N]).penalties
        return Penalties(**{name: float(values.flat[0]) for name, values in found.items()})

    def risks(self, n: int, N: int, **alphas: float | None) -> Risks:
        """Forecast the risks of all routes at one design.

        Parameters
        ----------
        n, N : int
            Labelled and unlabelled rows.
        **alphas : float, optional
            Penalties, as for `surface`.

        Returns
        -------
        Risks
            Excess risks where the noise variance is known, else expected squared errors on new labels; with
            the union as an extra, and the joint student where the penalties of teacher and student are
            chosen. Undefined where the expectation is infinite.
        """
        found = self.surface([n], [N], **alphas)
        d_w, d_s = len(self.pair.values_w), len(self.pair.values_s)
        teacher = self._risk(found.teacher[:, 0], d_w, n, "n labelled")
        return Risks(
            teacher=teacher,
            student=self._student(found, found.student[:, 0, 0] - (self.target.sigma2 or 0.0)),
            baseline=self._risk(found.baseline[:, 0], d_s, n, "n labelled"),
            ceiling=self._risk(found.ceiling[:, 0, 0], d_s, n + N, "n + N with true labels"),
            extras=self._extras(found, n, N, alphas) if self.union else {},
        )

    def _extras(self, found: Surface, n: int, N: int, alphas: dict[str, float | None]) -> dict[str, Quantity]:
        d_s, d_w = self.pair.C.shape
        extras = {"union": self._risk(found.union[:, 0], d_w + d_s, n, "n labelled")}
        if alphas.get("alpha_w") is None and alphas.get("alpha_s") is None:
            # Penalties that are fixed for the student say nothing of what would suit another weight.
            error = self.joint(n, N).error
            extras["joint"] = self._risk(error, d_s, n + N, "n + N, labelled and pseudo-labelled")
        return extras

    def _risk(self, values: Float[np.ndarray, " R"], d: int, m: int, name: str) -> Quantity:
        if np.isnan(values[0]):
            return self._undefined(d, m, name)
        return self._estimate(values - (self.target.sigma2 or 0.0))

    def _student(self, found: Surface, values: Float[np.ndarray, " R"]) -> Quantity:
        """Give the student's risk at the one design of a surface, or a part of it."""
        if not np.isnan(found.student[0, 0, 0]):
            return self._estimate(values)
        n, N = int(found.n[0]), int(found.N[0])
        d_s, d_w = self.pair.C.shape
        if np.isnan(found.teacher[0, 0]):
            return self._undefined(d_w, n, "n labelled")
        bare = found.penalties["alpha_w"][0, 0] == found.penalties["alpha_s"][0, 0] == 0
        if bare and not self._sharing:
            return Undefined(
                f"{self.pair.rows:.0f} unlabelled rows do not tell what {d_w} weak and {d_s} strong"
                " directions share",
                f"Give more than {d_w + d_s + self.intercept} unlabelled rows, keep fewer directions"
                " (--rank), or take a penalty.",
            )
        return self._undefined(d_s, N, "N unlabelled")

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

    def interval(self, values: Float[np.ndarray, " R"], risk: float) -> tuple[float, float] | None:
        """Give the interval of a forecast: what the labels leave open, and the equivalents' own error.

        Parameters
        ----------
        values : array of shape (R,)
            Estimate and replicates.
        risk : float
            Excess risk that the equivalents' error is relative to.

        Returns
        -------
        tuple of float or None
            Its ends, unbounded below; None without replicates.
        """
        if len(values) < 3:
            return None
        low, high = jackknife_interval(float(values[0]), values[1:])
        reach = float(np.hypot((high - low) / 2, _quantile(len(values) - 1) * MODEL * risk))
        return float(values[0]) - reach, float(values[0]) + reach

    def _estimate(
        self, values: Float[np.ndarray, " R"], bounded: bool = True, method: str | None = None
    ) -> Estimate:
        value = float(values[0])
        interval = self.interval(values, value)
        checks: tuple[Check, ...] = ()
        if bounded and value < 0:
            checks = (Check("OG213", f"{value:.3g}, from {self.m} labels"),)
            value = 0.0
        if bounded and interval is not None:
            interval = (max(interval[0], 0.0), max(interval[1], 0.0))
        return Estimate(value, interval, n=self.m, method=method or self.method, checks=checks)

    def decomposition(self, n: int, N: int, **alphas: float | None) -> dict[str, Quantity]:
        """Split the student's forecast risk.

        Parameters
        ----------
        n, N : int
            Labelled and unlabelled rows.
        **alphas : float, optional
            Penalties, as for `surface`.

        Returns
        -------
        dict of str to Estimate or Undefined
            "bias" (with the label noise where its variance is not known), "inherited" and "fresh" variance.
        """
        found = self.surface([n], [N], **alphas)
        return {
            "bias": self._student(found, found.bias[:, 0, 0] - (self.target.sigma2 or 0.0)),
            "inherited": self._student(found, found.inherited[:, 0, 0]),
            "fresh": self._student(found, found.fresh[:, 0, 0]),
        }

    def pgr(self, n: int, N: int, **alphas: float | None) -> Quantity:
        """Forecast the performance gap recovered. It needs no noise variance.

        Parameters
        ----------
        n, N : int
            Labelled and unlabelled rows.
        **alphas : float, optional
            Penalties, as for `surface`.

        Returns
        -------
        Estimate or Undefined
            With Fieller's interval; Undefined where the gap between teacher and ceiling is not resolved.
        """
        found = self.surface([n], [N], **alphas)
        teacher = found.teacher[:, 0]
        return self.ratio(
            teacher - found.student[:, 0, 0],
            teacher - found.ceiling[:, 0, 0],
            "PGR",
            "the gap between teacher and ceiling",
        )

    def opr(self, n: int, N: int, **alphas: float | None) -> Quantity:
        """Forecast the outperforming ratio, of excess risks.

        Parameters
        ----------
        n, N : int
            Labelled and unlabelled rows.
        **alphas : float, optional
            Penalties, as for `surface`.

        Returns
        -------
        Estimate or Undefined
            With Fieller's interval. Undefined where the noise variance is not known.
        """
        if self.target.sigma2 is None:
            return NO_NOISE
        found = self.surface([n], [N], **alphas)
        return self.ratio(
            found.baseline[:, 0] - self.target.sigma2,
            found.student[:, 0, 0] - self.target.sigma2,
            "OPR",
            "the student's excess risk",
        )

    def ratio(
        self, over: Float[np.ndarray, " R"], under: Float[np.ndarray, " R"], name: str, what: str
    ) -> Quantity:
        """Divide two forecasts.

        Parameters
        ----------
        over, under : array of shape (R,)
            Estimate and replicates of numerator and denominator.
        name : str
            Of the ratio.
        what : str
            What the denominator is, for messages.

        Returns
        -------
        Estimate or Undefined
            With Fieller's interval; Undefined where the denominator is not resolved from zero.
        """
        if np.isnan(over[0]) or np.isnan(under[0]):
            return Undefined(f"{name} needs a risk that is undefined here", "See the remedy at the risks.")
        if not under[0] > 0:
            code = " (OG205)" if name == "PGR" else ""
            return Undefined(
                f"{what} is forecast to be {under[0]:.3g}{code}",
                CHECKS["OG205"].remedy if name == "PGR" else "Read the risks themselves.",
            )
        method = f"{name}, {self.method}"
        if len(over) < 3:
            return Estimate(float(over[0] / under[0]), n=self.m, method=method)
        groups = len(over) - 1
        around = np.stack([over[1:], under[1:]])
        around = around - around.mean(axis=1, keepdims=True)
        covariance = (groups - 1) / groups * around @ around.T
        covariance += np.eye(2) * (MODEL * under[0]) ** 2
        reach = _quantile(groups) ** 2 * covariance
        interval = fieller(float(over[0]), float(under[0]), reach)
        if interval is None:
            return Undefined(
                f"{what} is not resolved: {under[0]:.3g} ± {np.sqrt(reach[1, 1]):.2g} from {self.m} labels",
                "Use more labels for the forecast, or read the risks themselves.",
            )
        return Estimate(float(over[0] / under[0]), interval, n=self.m, method=f"{method}; Fieller interval")

    def wins(self, n: int, N: int, **alphas: float | None) -> dict[str, Quantity]:
        """Give the probability that the student's expected risk is below that of its rivals.

        Parameters
        ----------
        n, N : int
            Labelled and unlabelled rows.
        **alphas : float, optional
            Penalties, as for `surface`.

        Returns
        -------
        dict of str to Estimate or Undefined
            By rival: "teacher", "baseline", "union". The probability is that of the jackknife's t
            distribution; Undefined without replicates.
        """
        found = self.surface([n], [N], **alphas)
        student = found.student[:, 0, 0]
        rivals = {
            "teacher": found.teacher[:, 0],
            "baseline": found.baseline[:, 0],
            "union": found.union[:, 0],
        }
        model = MODEL * (float(student[0]) - (self.target.sigma2 or 0.0))
        return {name: self.probability(values - student, model) for name, values in rivals.items()}

    def probability(self, difference: Float[np.ndarray, " R"], model: float = 0.0) -> Quantity:
        """Give the probability that a difference of forecasts is above zero.

        Parameters
        ----------
        difference : array of shape (R,)
            Estimate and replicates.
        model : float
            Standard error of the equivalents themselves.

        Returns
        -------
        Estimate or Undefined
            From the jackknife's t distribution.
        """
        if np.isnan(difference[0]):
            return Undefined("a risk is undefined here", "See the remedy at the risks.")
        groups = len(difference) - 1
        if groups < 2:
            return Undefined("a forecast without replicates has no distribution", "Estimate it from labels.")
        from scipy.special import stdtr

        around = difference[1:] - difference[1:].mean()
        error = float(np.sqrt((groups - 1) / groups * np.sum(around**2) + model**2))
        value = float(stdtr(groups - 1, difference[0] / error)) if error > 0 else float(difference[0] > 0)
        return Estimate(value, n=self.m, method=f"probability, {self.method}")


NO_NOISE = Undefined(
    "the variance of the label noise is not known, and OPR divides excess risks",
    "Give it (--noise-variance), or two labels for some rows (--repeat-column).",
)

MODEL = 0.01
"""Relative standard error of the equivalents themselves, beside that of the labels. With the truth of 4,600
rows for inputs they are off by about 1 % on the movie reviews (benchmarks/calibration): features are not
Gaussian."""


def _quantile(groups: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(groups - 1, (1 + LEVEL) / 2))


def _sizes(sizes: Sequence[int] | np.ndarray, name: str) -> Int[np.ndarray, " k"]:
    found = np.atleast_1d(np.asarray(sizes))
    if not len(found) or (found != found.astype(int)).any() or (found < 2).any():
        raise DataError(
            f"{name} must be whole numbers of at least 2, not {list(np.atleast_1d(sizes))}", "forecast"
        )
    return found.astype(int)


COARSE = 2
"""Of the joint student's penalties every second one is tried with every weight, then those beside the best:
half the time. On the movie reviews (two pairs, 50 and 400 labels) it found what trying all of them finds."""
