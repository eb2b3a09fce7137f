"""The published synthetic world, and the numbers printed of it: no data are needed to check them.

Gaussian coordinates; the target is a sum over the first 300, each contributing less than the one before. The
strong features are the first 100 of these, the weak ones 200 from some offset on: the further the offset, the
fewer directions are shared and the more of the target the weak features miss. Everything that theory asks of
such a pair is a sum of contributions. Fits by least squares do not see the scale of a coordinate, so all
are taken with variance 1.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Bool, Float

from outgrow.reproductions.reproduction import Comparison
from outgrow.theory.population import Population

AMBIENT = 20_000
"""Coordinates of the published world. Those beyond `SIGNAL` carry neither target nor features, so that no fit
and no risk depends on them; they are never drawn."""

SIGNAL = 300
"""Coordinates that the target is a sum of."""

D_W, D_S = 200, 100
"""Weak and strong features, as published."""

SIGMA2 = 0.01
"""Variance of the label noise of the figures published first; others are of .1 and 4e-4."""

WorldName: TypeAlias = Literal["as published", "well specified"]
"""The second keeps of the target only what both feature sets hold, so that rho_w = rho_s = 0; features and
noise are the same."""

WORLDS: tuple[WorldName, ...] = ("as published", "well specified")
"""All of them."""

PRINTED = {10: (90, 1.64e-4), 50: (50, 2.34e-4), 90: (10, 2.56e-4), 100: (0, 2.59e-4)}
"""By offset of the weak features: correlation dimension, and approximation error of the weak features."""

PRINTED_RHO_S = 5.48e-5
"""What is printed as the approximation error of the strong features."""

STRONG = slice(0, D_S)
"""Coordinates that are strong features."""


def weak_columns(offset: int) -> slice:
    """Give the coordinates that are weak features."""
    return slice(offset, offset + D_W)


def contributions() -> Float[np.ndarray, " 300"]:
    """Give the variance that each coordinate contributes to the target."""
    return 1 / (AMBIENT * np.arange(1.0, SIGNAL + 1))


def target(offset: int, world: WorldName) -> Float[np.ndarray, " 300"]:
    """Give the target's coefficients on coordinates of variance 1."""
    whole = np.sqrt(contributions())
    return whole if world == "as published" else whole * (_within(weak_columns(offset)) & _within(STRONG))


def population(offset: int, world: WorldName = "as published", sigma2: float = SIGMA2) -> Population:
    """Give what exact risks need to know of the world."""
    weak, strong = _within(weak_columns(offset)), _within(STRONG)
    a = target(offset, world) ** 2
    return Population(
        d_w=D_W,
        d_s=D_S,
        d_sw=float(np.sum(weak & strong)),
        rho_w=float(a[~weak].sum()),
        rho_s=float(a[~strong].sum()),
        e2=float(a[strong & ~weak].sum()),
        g0=float(a[weak & ~strong].sum()),
        v=float(a.sum()),
        sigma2=sigma2,
    )


def printed_numbers() -> tuple[Comparison, ...]:
    """Hold the printed dimensions and approximation errors against the world's own."""
    comparisons = []
    for offset, (d_sw, rho_w) in PRINTED.items():
        exact, where = population(offset), f"weak features from offset {offset}"
        comparisons.append(
            Comparison(f"d_sw, {where}", float(d_sw), exact.d_sw, 0.0, "both count coordinates")
        )
        comparisons.append(_rounded(f"rho_w, {where}", rho_w, exact.rho_w))
    # The strong features are the same at every offset.
    return (*comparisons, _rounded("rho_s", PRINTED_RHO_S, exact.rho_s))


def _rounded(what: str, published: float, ours: float) -> Comparison:
    last_digit = 10.0 ** (np.floor(np.log10(published)) - 2)
    return Comparison(what, published, ours, float(last_digit / 2), "rounding of three printed digits")


def _within(columns: slice) -> Bool[np.ndarray, " 300"]:
    mask = np.zeros(SIGNAL, dtype=bool)
    mask[columns] = True
    return mask
