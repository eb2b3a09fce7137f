"""How to split a budget between labels and pseudo-labels (docs/theory.md, T3).

Where both feature sets express the target, only variance is left: s/n_w (d_sw + d_s (d_w - d_sw) / N_s),
falling in both n_w = n - d_w - 1 and N_s = N - d_s - 1. Along the budget line it has one minimum, in closed
form; whole rows are then searched around it, as far as the real minimum does not rule them out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from outgrow.errors import DataError
from outgrow.results import Undefined

OVERDRAFT = 1e-6
"""Part of one row by which a budget may be exceeded: .3 must buy three rows at .1, whatever the rounding."""


@dataclass(frozen=True)
class Allocation:
    """The best split of a budget."""

    n: int
    """Labelled and unlabelled rows to buy."""
    N: int
    """Labelled and unlabelled rows to buy."""
    real_n: float
    """The closed form, before rounding to whole rows; N at its floor where pseudo-labels only carry over what
    the student shares."""
    real_N: float
    """The closed form, before rounding to whole rows; N at its floor where pseudo-labels only carry over what
    the student shares."""
    variance: float
    """The student's risk with (n, N), per unit of noise variance."""


def best_allocation(
    *, d_w: int, d_s: int, d_sw: float, label_cost: float, row_cost: float, budget: float
) -> Allocation | Undefined:
    """Split a budget so that a well-specified student errs least.

    Undefined where the budget does not reach the fewest rows with a finite risk, n = d_w + 2 and N = d_s + 2.
    """
    for name, value in (("label_cost", label_cost), ("row_cost", row_cost), ("d_w", d_w), ("d_s", d_s)):
        if not (math.isfinite(value) and value > 0):
            raise DataError(f"{name} must be positive, not {value}", "budget")
    if not 0 <= d_sw <= min(d_w, d_s):
        raise DataError(f"d_sw of {d_sw} is outside [0, {min(d_w, d_s)}]", "budget")
    if not math.isfinite(budget):
        raise DataError(f"a budget of {budget} cannot be split", "budget")
    floor_n, floor_N = d_w + 2, d_s + 2
    least = label_cost * floor_n + row_cost * floor_N
    if budget < least - OVERDRAFT * min(label_cost, row_cost):
        return Undefined(
            f"a budget of {budget:g} does not reach n = {floor_n} and N = {floor_N}, which cost {least:g}",
            "Spend more, or keep fewer directions.",
        )

    K = d_s * (d_w - d_sw)

    def variance(n: float, N: float) -> float:
        return (d_sw + K / (N - d_s - 1)) / (n - d_w - 1)

    spare = budget - label_cost * (d_w + 1) - row_cost * (d_s + 1)
    u = 1.0
    if K > 0:
        # The root of T3 with its difference of near-equal terms rationalised away: right at d_sw = 0 too.
        u = spare / (row_cost * (1 + math.sqrt(1 + d_sw * spare / (K * row_cost))))
    # Where the root asks for less than one row above either peak, the line ends there.
    u = min(max(u, 1.0), (spare - label_cost) / row_cost)
    real_n, real_N = d_w + 1 + (spare - row_cost * u) / label_cost, d_s + 1 + u

    # The real variance is convex along the line and a lower bound for whole rows, so walking away from the
    # minimum may stop where the bound exceeds the best whole split seen.
    best = (math.inf, floor_n, floor_N)
    most_n = _whole((budget - row_cost * floor_N) / label_cost)
    start = min(max(_whole(real_n), floor_n), most_n)
    for way, first in ((-1, start), (1, start + 1)):
        n = first
        while floor_n <= n <= most_n:
            if variance(n, (budget - label_cost * n) / row_cost) > best[0]:
                break
            N = max(_whole((budget - label_cost * n) / row_cost), floor_N)
            best = min(best, (variance(n, N), n, N))
            n += way
    return Allocation(best[1], best[2], real_n, real_N, best[0])


def _whole(rows: float) -> int:
    return math.floor(rows + OVERDRAFT)
