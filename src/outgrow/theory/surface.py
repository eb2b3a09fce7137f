"""Forecast errors on a grid of designs, and how a setting is chosen among noisy forecasts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from outgrow.intervals.jackknife import jackknife_variance


class Penalties(NamedTuple):
    """Penalties of every route at one design."""

    teacher: float
    """Of the teacher alone."""
    alpha_w: float
    alpha_s: float
    """Of the student's teacher and of the student."""
    baseline: float
    ceiling: float
    union: float
    """Of the strong model on n labels, on n + N labels, and of both feature sets together."""


@dataclass(frozen=True)
class Surface:
    """Forecast errors on a grid of designs: the estimate first, then its replicates.

    Expected squared errors on fresh labels; NaN where infinite, or not forecast.
    """

    n: Int[np.ndarray, " a"]
    N: Int[np.ndarray, " b"]
    teacher: Float[np.ndarray, "R a"]
    baseline: Float[np.ndarray, "R a"]
    """Of the strong features on n labels, from the same products as teacher and student: for differences."""
    union: Float[np.ndarray, "R a"]
    ceiling: Float[np.ndarray, "R a b"]
    """The same with n + N true labels."""
    bias: Float[np.ndarray, "R a b"]
    """The student's in three parts; this one holds the label noise."""
    inherited: Float[np.ndarray, "R a b"]
    fresh: Float[np.ndarray, "R a b"]
    labels_only: Float[np.ndarray, "R a"]
    """As `baseline`, from the strong features alone: the same whatever the teacher, for display."""
    top: Float[np.ndarray, "R a b"]
    """As `ceiling`, likewise."""
    penalties: dict[str, np.ndarray]
    """Those used, by the fields of `Penalties`, of the shape (a,) or (a, b)."""

    @property
    def student(self) -> Float[np.ndarray, "R a b"]:
        """The student's expected squared error."""
        return self.bias + self.inherited + self.fresh

    def pick(self, n: Int[np.ndarray, " c"], N: Int[np.ndarray, " d"]) -> Surface | None:
        """Take some designs out of the grid.

        None where the grid lacks one of them.
        """
        places = [{int(size): place for place, size in enumerate(held)} for held in (self.n, self.N)]
        if not (set(n.tolist()) <= set(places[0]) and set(N.tolist()) <= set(places[1])):
            return None
        i = np.array([places[0][size] for size in n.tolist()])
        j = np.array([places[1][size] for size in N.tolist()])
        both = {
            name: getattr(self, name)[:, i][:, :, j]
            for name in ("ceiling", "bias", "inherited", "fresh", "top")
        }
        single = {name: getattr(self, name)[:, i] for name in ("teacher", "baseline", "union", "labels_only")}
        penalties = {
            name: values[i] if values.ndim == 1 else values[np.ix_(i, j)]
            for name, values in self.penalties.items()
        }
        return Surface(n=n, N=N, **single, **both, penalties=penalties)


RELATIVE = np.geomspace(1e-5, 1e3, 25)
"""Penalties tried, in units of the mean variance per direction: those of the heads (`penalties`), three per
decade from all but ridgeless to all but constant."""

CAUTION = 1.0
"""Standard errors added before penalties are compared."""


MOST_ERROR = 1.6
"""Largest error believed of a tuned fit, in units of the labels' variance: a constant, which every grid holds
all but exactly, errs by 1 + 1/n of it, 1.5 for the two labels that are the fewest."""


def possible(error: Float[np.ndarray, "*R_shape"], variance: float) -> Float[np.ndarray, "*R_shape"]:
    """Errors of tuned fits, NaN where the estimate is none that an error can have: not above 0, or far above
    what a constant errs by."""
    return np.where((error[0] > 0) & (error[0] < MOST_ERROR * variance), error, np.nan)


def least(
    errors: Float[np.ndarray, "R a k"], penalties: Float[np.ndarray, " k"]
) -> tuple[Float[np.ndarray, "R a"], Float[np.ndarray, " a"]]:
    """Take the penalty of least forecast, and the replicates at it.

    Returns errors at the one chosen in each case (`choice`); the penalties chosen.
    """
    best = choice(errors)
    return np.take_along_axis(errors, best[None, :, None], axis=2)[:, :, 0], penalties[best]


def choice(errors: Float[np.ndarray, "R a k"]) -> Int[np.ndarray, " a"]:
    """Choose the setting of least error, allowing for what each estimate may be off by.

    The least of many estimates flatters itself, the more the less certain they are, and small penalties are
    the least certain: one standard error is added to each.
    """
    groups = len(errors) - 1
    bound = errors[0]
    if groups > 1:
        bound = bound + CAUTION * np.sqrt(jackknife_variance(np.moveaxis(errors[1:], 0, -1)))
    return np.argmin(np.where(np.isnan(bound), np.inf, bound), axis=1)
