"""Risks, PGR and OPR from row losses, with intervals that pair the models on the same rows.

A ratio is always one of means, never a mean of ratios, and has Fieller's interval: it inverts the t test of
`numerator - ratio * denominator`, so it needs no small-variance argument and is bounded exactly where the
denominator is resolved. With losses of one seed the interval speaks of
these trained models; with several seeds, rows and seeds vary both (crossed, same indices for all models).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from outgrow.errors import DataError
from outgrow.intervals.gains import opr_of, pgr_of
from outgrow.intervals.jackknife import t_quantile
from outgrow.results import Estimate, Quantity, Undefined

ACCURACY = "accuracy"
"""The name under which losses are 0 (right class) or 1 (wrong class)."""

SQUARED = "squared loss"
"""The name of every other loss that PGR is taken of."""

PAIRED, EXCESS = "mean paired difference", "mean squared error less the known noise variance,"
OPR, RAW = "OPR of excess risks", "ratio of raw test MSE (not OPR)"
"""How differences, excess risks and ratios name their method."""

TRAINED = "for these trained models"
"""What the intervals of losses of one seed speak of."""


@dataclass(frozen=True)
class Means:
    """Mean losses of several models on the same rows, with what varies around them."""

    values: Float[np.ndarray, " models"]
    """Means over seeds and rows."""
    parts: Sequence[tuple[Float[np.ndarray, "models models"], int]]
    """Covariance of the means for each thing that varies (rows; seeds), with its degrees of freedom."""
    rows: int
    """Number of rows."""
    over: str
    """What was averaged over, in words."""
    scope: str
    """What the intervals speak of, in words."""

    @classmethod
    def of(cls, models: dict[str, ArrayLike], groups: ArrayLike | None, scope: str = TRAINED) -> Means:
        """Take the means and their covariances over rows (groups whole) and seeds."""
        table = _aligned(models)
        _, seeds, n = table.shape
        values = table.mean(axis=(1, 2))
        by_row = table.mean(axis=1) - values[:, None]
        units = f"{n} rows"
        if groups is not None:
            member = group_numbers(groups, n)
            count = int(member.max()) + 1
            by_row = np.stack([np.bincount(member, weights=row, minlength=count) for row in by_row])
            units = f"{n} rows in {count} groups"
        parts = []
        count = by_row.shape[1]
        if count > 1:
            parts.append((count / (count - 1) * by_row @ by_row.T / n**2, count - 1))
        if seeds == 1:
            return cls(values, parts, n, units, scope)
        by_seed = table.mean(axis=2) - values[:, None]
        parts.append((by_seed @ by_seed.T / (seeds * (seeds - 1)), seeds - 1))
        scope = "crossed jackknife of rows and seeds, for models trained anew"
        # One unit of rows says nothing about how rows vary: no interval then.
        return cls(values, parts if count > 1 else [], n, f"{units} and {seeds} seeds", scope)

    def quantile(self, *contrasts: Float[np.ndarray, " models"]) -> float | None:
        """Give the t quantile for contrasts of the means: the largest that one of them needs."""
        if not self.parts:
            return None
        freedom = []
        for c in contrasts:
            shares = [float(c @ cov @ c) for cov, _ in self.parts]
            # Satterthwaite: with one part, or none that varies, its own degrees of freedom.
            below = sum(v**2 / df for v, (_, df) in zip(shares, self.parts, strict=True))
            freedom.append(sum(shares) ** 2 / below if below > 0 else self.parts[0][1])
        return t_quantile(min(freedom))

    @property
    def cov(self) -> Float[np.ndarray, "models models"]:
        """Covariance of the means.

        Rows and seeds add up: the interaction of both is counted twice, which keeps it nonnegative and errs
        on the wide side (by less than the pigeonhole bootstrap, which counts it three times).
        """
        return np.asarray(sum(cov for cov, _ in self.parts))

    def estimate(self, c: Float[np.ndarray, " models"], less: float = 0.0, method: str = "mean") -> Estimate:
        """Estimate a contrast of the means."""
        value = float(c @ self.values) - less
        t = self.quantile(c)
        interval = None
        if t is not None:
            width = t * float(np.sqrt(max(c @ self.cov @ c, 0.0)))
            interval = (value - width, value + width)
        return Estimate(value, interval, n=self.rows, method=f"{method} over {self.over}, {self.scope}")

    def ratio(
        self, top: Float[np.ndarray, " models"], bottom: Float[np.ndarray, " models"], less: float = 0.0
    ) -> tuple[float, float, Float[np.ndarray, "2 2"]]:
        """Give numerator, denominator and their covariance times the squared quantile.

        The same known number is taken off both.
        """
        over, under = float(top @ self.values) - less, float(bottom @ self.values) - less
        t = self.quantile(top - (over / under if under else 0.0) * bottom, bottom) or 0.0
        pair = np.stack([top, bottom])
        return over, under, t**2 * pair @ self.cov @ pair.T

    def outperforming(self, name: str, less: float = 0.0) -> Quantity:
        """Divide the first model's mean, less a known number, by the second's."""
        if not self.parts:
            return _one_row(name)
        over, risk, reach = self.ratio(np.array([1.0, 0.0]), np.array([0.0, 1.0]), less)
        return opr_of(
            over,
            risk,
            reach,
            n=self.rows,
            method=self.of_ratio(name),
            seen=_give(risk, reach),
            what="excess risk" if less else "risk",
            remedy="Test on more rows, look at the noise variance given, or read the risks themselves."
            if less
            else "Test on more rows, or read the risks themselves.",
        )

    def of_ratio(self, name: str) -> str:
        """Say how a ratio was obtained."""
        return f"{name}: ratio of means, Fieller interval, over {self.over}, {self.scope}"


def _aligned(models: dict[str, ArrayLike]) -> Float[np.ndarray, "models seeds rows"]:
    """Stack the losses of models as (models, seeds, rows), or say what does not fit."""
    tables = []
    for name, losses in models.items():
        table = np.asarray(losses, dtype=np.float64)
        if table.ndim not in (1, 2) or table.size == 0:
            raise DataError(
                f"losses have shape {table.shape}",
                name,
                "Give one loss per test row, or an array of shape (seeds, rows).",
            )
        table = np.atleast_2d(table)
        if not np.isfinite(table).all():
            seed, row = (int(place) for place in np.argwhere(~np.isfinite(table))[0])
            raise DataError(
                f"the loss of row {row}, seed {seed}, is {table[seed, row]}",
                name,
                "Leave rows without a label or a prediction out of all models alike.",
            )
        tables.append(table)
    first, *others = models
    for name, table in zip(others, tables[1:], strict=True):
        if table.shape != tables[0].shape:
            raise DataError(
                f"losses have shape {table.shape}, those of {first} {tables[0].shape}",
                name,
                "Score all models on the same rows and seeds, in the same order.",
            )
    return np.stack(tables)


def group_numbers(groups: ArrayLike, n: int) -> Int[np.ndarray, " n"]:
    """Number the groups of rows."""
    labels = np.asarray(groups)
    if labels.shape != (n,):
        raise DataError(
            f"there are {n} rows and groups of shape {labels.shape}", "groups", "Give one group per row."
        )
    return np.unique(labels, return_inverse=True)[1]


def mean_loss(losses: ArrayLike, groups: ArrayLike | None = None) -> Estimate:
    """Estimate a model's risk by its mean loss.

    Parameters
    ----------
    losses : array of shape (rows,) or (seeds, rows)
        Loss of every row; with seeds, the same rows for each.
    groups : array of shape (rows,), optional
        Rows of one group vary together.

    Returns
    -------
    Estimate
        With a t interval over rows (groups whole), and over seeds where there are several; without one
        for a single row or group.

    Raises
    ------
    DataError
        If losses are not finite or not an array of those shapes.

    Examples
    --------
    >>> print(f"{mean_loss([1.0, 2.0, 3.0, 2.0]):.2f}")
    2.00 [1.04, 2.96]
    """
    return Means.of({"losses": losses}, groups).estimate(np.ones(1))


def paired_difference(a: ArrayLike, b: ArrayLike, groups: ArrayLike | None = None) -> Estimate:
    """Estimate how much more one model loses than another on the same rows.

    Parameters
    ----------
    a, b : arrays of shape (rows,) or (seeds, rows)
        Losses of both models, row by row and seed by seed.
    groups : array of shape (rows,), optional
        Rows of one group vary together.

    Returns
    -------
    Estimate
        Mean of a - b, with a paired interval: what both models find hard cancels.

    Raises
    ------
    DataError
        If the shapes differ or losses are not finite.

    Examples
    --------
    >>> print(f"{paired_difference([1.0, 5.0, 9.0, 3.0], [0.0, 4.0, 9.0, 2.0]):.2f}")
    0.75 [0.16, 1.34]
    """
    means = Means.of({"a": a, "b": b}, groups)
    return means.estimate(np.array([1.0, -1.0]), method=PAIRED)


def excess_risk(losses: ArrayLike, noise_variance: ArrayLike, groups: ArrayLike | None = None) -> Estimate:
    """Estimate a model's excess risk: its mean squared error less the noise of the targets.

    Parameters
    ----------
    losses : array of shape (rows,) or (seeds, rows)
        Squared losses against labels, or against a truth that has an error of its own.
    noise_variance : float or array of shape (rows,)
        Variance of the labels around f*, or the truth's error variance; taken as known.
    groups : array of shape (rows,), optional
        Rows of one group vary together.

    Returns
    -------
    Estimate
        ER = MSE - noise variance, never clipped: below zero it says that the noise was overstated or the
        rows are few.

    Raises
    ------
    DataError
        If losses are not finite, or a variance is negative.

    Examples
    --------
    >>> excess_risk([1.0, 2.0, 3.0, 2.0], 0.5).value
    1.5
    """
    less = _noise(noise_variance, losses)
    return Means.of({"losses": losses}, groups).estimate(np.ones(1), less, EXCESS)


def _noise(noise_variance: ArrayLike, losses: ArrayLike) -> float:
    noise = np.asarray(noise_variance, dtype=np.float64)
    if noise.shape not in ((), np.shape(losses)[-1:]):
        raise DataError(
            f"there are {np.shape(losses)[-1]} rows and noise variances of shape {noise.shape}",
            "noise variance",
            "Give one number, or one per row.",
        )
    if not (np.isfinite(noise) & (noise >= 0)).all():
        raise DataError("a variance is negative or not finite", "noise variance", "Give it as at least 0.")
    return float(noise.mean())


def pgr(
    teacher: ArrayLike,
    student: ArrayLike,
    ceiling: ArrayLike,
    groups: ArrayLike | None = None,
    loss: str = SQUARED,
) -> Quantity:
    """Estimate the performance gap recovered: (teacher - student) / (teacher - ceiling).

    Noise in the targets cancels, so no noise variance is needed. It may exceed 1 or be negative
    (docs/theory.md, T3).

    Parameters
    ----------
    teacher, student, ceiling : arrays of shape (rows,) or (seeds, rows)
        Losses of the three models, row by row and seed by seed; all squared, or all 0/1.
    groups : array of shape (rows,), optional
        Rows of one group vary together.
    loss : str
        Name of the loss, carried in the method: "squared loss", or "accuracy" for 0/1 losses.

    Returns
    -------
    Estimate or Undefined
        Ratio of mean differences with Fieller's interval, whose ends are infinite where the gap is not
        resolved (a gap above zero is taken for granted). OG217 where the gap is below a fifth of the
        teacher's mean loss. Undefined where the ceiling's mean loss is not below the teacher's (OG205), and
        on a single row or group.

    Raises
    ------
    DataError
        If the shapes differ, losses are not finite, the loss has another name, or an "accuracy" loss is
        neither 0 nor 1.

    Examples
    --------
    >>> teacher, student, ceiling = [4.0, 5.0, 6.0, 5.0], [3.0, 4.0, 4.0, 4.0], [2.0, 3.0, 3.5, 2.5]
    >>> print(f"{pgr(teacher, student, ceiling):.2f}")
    0.56 [0.32, 0.77]
    >>> pgr(teacher, student, teacher).reason
    'the ceiling is not better than the teacher (OG205): their losses differ by 0 ± 0'
    """
    models = {"teacher": teacher, "student": student, "ceiling": ceiling}
    if loss not in (SQUARED, ACCURACY):
        raise DataError(f"{loss!r} is no loss", "PGR", f'Name it "{SQUARED}" or "{ACCURACY}".')
    if loss == ACCURACY:
        for name, losses in models.items():
            if not np.isin(np.asarray(losses), (0, 1)).all():
                raise DataError(
                    "accuracy needs losses of 0 (right) or 1 (wrong)",
                    name,
                    "Name squared losses as such: the two PGRs are never mixed.",
                )
    means = Means.of(models, groups)
    if not means.parts:
        return _one_row("PGR")
    over, gap, reach = means.ratio(np.array([1.0, -1.0, 0.0]), np.array([1.0, 0.0, -1.0]))
    return pgr_of(
        over,
        gap,
        float(means.values[0]),
        reach,
        n=means.rows,
        method=means.of_ratio(f"PGR of {loss}"),
        seen=f"their losses differ by {_give(gap, reach)}",
    )


def _give(value: float, reach: Float[np.ndarray, "2 2"]) -> str:
    """A denominator with the half width of its interval."""
    return f"{value:.3g} ± {np.sqrt(max(reach[1, 1], 0.0)):.3g}"


def _one_row(name: str) -> Undefined:
    return Undefined(
        f"{name} on a single row or group has no interval that could resolve its denominator",
        "Test on more rows, from several groups.",
    )


def opr(
    baseline: ArrayLike,
    student: ArrayLike,
    noise_variance: ArrayLike,
    groups: ArrayLike | None = None,
) -> Quantity:
    """Estimate the outperforming ratio ER_s / ER_w2s: above 1 the student beats the strong baseline.

    Parameters
    ----------
    baseline, student : arrays of shape (rows,) or (seeds, rows)
        Squared losses, row by row and seed by seed.
    noise_variance : float or array of shape (rows,)
        As in `excess_risk`; taken off both risks.
    groups : array of shape (rows,), optional
        Rows of one group vary together.

    Returns
    -------
    Estimate or Undefined
        Ratio of excess risks with Fieller's interval, unbounded where the student's excess risk is not
        resolved from zero; Undefined where it is not above zero.

    Raises
    ------
    DataError
        If the shapes differ, losses are not finite, or a variance is negative.

    Examples
    --------
    >>> round(opr([3.0, 5.0, 4.0, 4.0], [2.0, 3.0, 2.5, 2.5], 1.0).value, 3)
    2.0
    """
    models = Means.of({"baseline": baseline, "student": student}, groups)
    return models.outperforming(OPR, _noise(noise_variance, student))


def opr_raw_mse(baseline: ArrayLike, student: ArrayLike, groups: ArrayLike | None = None) -> Quantity:
    """Estimate the ratio of the raw test errors of baseline and student.

    Published OPRs are often this one. Label noise stands in both terms and draws it towards 1, so it is
    never called OPR here.

    Parameters
    ----------
    baseline, student : arrays of shape (rows,) or (seeds, rows)
        Squared losses, row by row and seed by seed.
    groups : array of shape (rows,), optional
        Rows of one group vary together.

    Returns
    -------
    Estimate or Undefined
        Ratio of mean squared errors with Fieller's interval.

    Raises
    ------
    DataError
        If the shapes differ or losses are not finite.

    Examples
    --------
    >>> round(opr_raw_mse([3.0, 5.0, 4.0, 4.0], [2.0, 3.0, 2.5, 2.5]).value, 3)
    1.6
    """
    return Means.of({"baseline": baseline, "student": student}, groups).outperforming(RAW)
