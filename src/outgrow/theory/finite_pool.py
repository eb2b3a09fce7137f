"""From products measured on a pool of M rows to those of the population (docs/theory.md, "Joint student").

Resolvents of a sample covariance at a penalty k stand for the population's at kappa = k / (1 - df1/M). What
joins weak and strong directions of one pool needs more: the pool correlates them by chance, and a student
that is fitted on the pool fits the pool. Each correction below is a function of k; a second resolvent is a
derivative towards kappa, since H^2 = H + kappa dH/dkappa. Nothing changes where M is infinite.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Shaped

from outgrow.theory.effective_stage import Stages

Numbers = Shaped[np.ndarray, "..."]
"""Arrays that are broadcast against each other: settings, or replicates by settings."""

Products: TypeAlias = tuple[Numbers, Numbers, Numbers]
"""Of the whole target: t_s' H t_s, t_s' H z and z' H z."""


@dataclass(frozen=True)
class PoolShrinkage:
    """How one feature set is shrunk in the directions of its pool; `Stages` say the same of their fits."""

    df1: Numbers
    """Sum of the factors H = lambda / (lambda + k) over the pool's eigenvalues."""
    df2_here: Numbers
    """Sum of their squares."""
    rows: float | int
    """Rows M behind the eigenvalues, less one where means were taken off; infinite for a population."""

    @property
    def inflation(self) -> Numbers:
        """The population's penalty kappa over the pool's k."""
        return np.asarray(1 / (1 - self.df1 / self.rows))

    @property
    def slope(self) -> Numbers:
        """Derivative of log k towards log kappa."""
        return np.asarray(1 / (1 - self.inflation * (self.df1 - self.df2_here) / self.rows))

    @property
    def df2(self) -> Numbers:
        """Sum of squared factors in the population."""
        return np.asarray(self.df1 - self.slope * (self.df1 - self.df2_here))


Shrinkage: TypeAlias = PoolShrinkage | Stages


@dataclass(frozen=True)
class Shared:
    """Dimensions that shrunk weak and strong directions share: sums over pairs of C_ji^2 times factors."""

    once: Numbers
    """Factors H_j h_i."""
    weak_twice: Numbers
    """Factors H_j h_i^2."""
    strong_twice: Numbers
    """Factors H_j^2 h_i."""
    twice: Numbers
    """Factors H_j^2 h_i^2: the ridge correlation dimension (docs/theory.md, T4)."""


def shared_dimensions(weak: Shrinkage, strong: Shrinkage, sample: Shared) -> Shared:
    """Correct shared dimensions for chance: what T1b is for least squares, for any penalties."""
    M = strong.rows
    f, g = strong.df1, weak.df1
    # Derivatives of df1 and of the shared dimensions towards log k: strong, weak, both.
    f_s, g_w = strong.df2_here - f, weak.df2_here - g
    a = sample.once
    a_s, a_w = sample.strong_twice - a, sample.weak_twice - a
    a_sw = sample.twice - sample.strong_twice - sample.weak_twice + a

    top, top_s, top_w, top_sw = a - f * g / M, a_s - f_s * g / M, a_w - f * g_w / M, a_sw - f_s * g_w / M
    low, low_s, low_w, low_sw = 1 + (a - f - g) / M, (a_s - f_s) / M, (a_w - g_w) / M, a_sw / M
    once = top / low
    by_s = strong.slope * (top_s - once * low_s) / low
    by_w = weak.slope * (top_w - once * low_w) / low
    by_both = top_sw - (top_s * low_w + top_w * low_s + top * low_sw) / low + 2 * once * low_s * low_w / low
    by_both = strong.slope * weak.slope * by_both / low
    return Shared(once, once + by_w, once + by_s, once + by_s + by_w + by_both)


class WeakProducts(NamedTuple):
    """Products over the pool's rows of the target's fit F and of what a mean teacher makes of the target.

    The target is F, which lies in the pool's features, plus a rest that is known from other rows only
    (`outgrow.theory.terms.Target`); the mean teacher f = h t_w is linear in both.
    """

    norm: Numbers
    """F with itself."""
    met: Numbers
    """F with f of F, and with f of the rest."""
    size: Numbers
    """f with itself: of F, of F with that of the rest, of the rest."""


class StrongProducts(NamedTuple):
    """Products through the strong features' shrinkage H, with z = C h t_w, or through its square."""

    target: Numbers
    """t_s' H t_s: of F with itself, of F with the rest, of the rest with itself."""
    crossed: Numbers
    """t_s' H z: of F with z of F, of F with z of the rest, of the rest with z of F, of both rests."""
    imitated: Numbers
    """z' H z, as `target`."""


def products_elsewhere(
    weak: Shrinkage,
    strong: Shrinkage,
    shared: Shared,
    teacher: WeakProducts,
    once: StrongProducts,
    twice: StrongProducts,
    bare: Numbers | bool = False,
) -> tuple[Products, Products]:
    """Take products of mean fits from the pool to the population.

    Returns them through H, then through its square.
    """
    M = strong.rows

    def towards(first: Numbers, second: Numbers, slope: Numbers) -> Numbers:
        # The derivative rides along as an imaginary part, too small to touch the value.
        return np.asarray(first + 1j * STEP * slope * (second - first))

    def first_order() -> tuple[Numbers, Numbers, Numbers]:
        target, crossed, imitated = (towards(a, b, strong.slope) for a, b in zip(once, twice, strict=True))
        k = towards(shared.once, shared.strong_twice, np.ones(())) / M
        k_w = towards(shared.weak_twice, shared.twice, np.ones(())) / M
        norm, met, size = teacher
        up, up_w = strong.inflation * (1 + 1j * STEP * (1 - strong.slope)), weak.inflation
        # One row's pull on its own pseudo-label, through teacher and student.
        pull = 1 / (up_w * (1 - k))

        # Residuals of the pool's rows: the teacher's towards F (u), those of students towards it (e).
        # u is that of F or of the rest, as if the row had been left out.
        target_F = norm - up * (norm - target[0])
        target_all = target_F + 2 * target[1] + (1 / up - bare / M) * target[2]
        F_e = met - crossed[:2]
        F_u = up_w * np.stack([norm - met[0], -met[1]])
        FF = (norm - pull * F_u[0] - up * F_e[0] - (1 - pull) * target_F) / pull
        Fr = met[1] - (1 - k) * up * F_e[1]
        rF = (crossed[2] - (1 - pull) * target[1]) / pull
        rr = (1 - k) * crossed[3]

        p_e = size - imitated
        uu = up_w**2 * np.stack([norm - 2 * met[0] + size[0], size[1] - met[1], size[2]])
        u_e = up_w * np.stack([F_e[0] - p_e[0], F_e[1] - p_e[1], -p_e[2]])
        # Of F: what rows left out say of (F - u) times the student, less what noise adds to it.
        student = norm - pull * F_u[0] - up * F_e[0] - (F_u[0] - pull * uu[0] - up * u_e[0])
        zF = (student - k * up * u_e[0] - (1 - pull) * FF) / pull - k_w * uu[0]
        mixed = (-pull * F_u[1] - up * F_e[1] + pull * uu[1] + up * u_e[1] - k * up * u_e[1]) / pull
        zFr = (mixed - k_w * uu[1]) / up_w
        zr = (1 - k_w) * size[2] - (1 - k) ** 2 * up * p_e[2]
        return target_all, FF + Fr + rF + rr, zF + 2 * zFr + zr

    with np.errstate(invalid="ignore", divide="ignore"):  # what is NaN comes in as NaN
        products = first_order()
    values = tuple(np.real(x) for x in products)
    squares = tuple(np.real(x) + np.imag(x) / STEP for x in products)
    return (values[0], values[1], values[2]), (squares[0], squares[1], squares[2])


STEP = 1e-100
"""Imaginary step of derivatives: its square is zero beside any value, so they are exact to rounding."""
