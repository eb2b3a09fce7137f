"""PGR and OPR, each once: of measured losses, of forecasts with replicates, and of exact risks.

Callers bring numerator and denominator and what is known of their errors; a ratio is always one of means or
of expectations, never a mean of ratios.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from outgrow.errors import CHECKS
from outgrow.intervals.fieller import fieller_positive
from outgrow.results import Check, Estimate, Quantity, Undefined

SMALL_GAP = 0.20
"""Gap between teacher and ceiling, in units of the teacher's risk, below which PGR divides by little: its
median error is .1 and more there (benchmarks/calibration, by gap)."""

Reach = Float[np.ndarray, "2 2"] | None
"""Covariance of numerator and denominator times the squared quantile; None where nothing tells it."""


def pgr_of(
    over: float, under: float, teacher: float, reach: Reach, *, n: int | None, method: str, seen: str
) -> Quantity:
    """Divide teacher less student by teacher less ceiling; `seen` says how the gap came out.

    Undefined where the gap is not above zero (OG205); OG217 where it is small beside the teacher's risk.
    """
    if not under > 0:
        return Undefined(f"{CHECKS['OG205'].title} (OG205): {seen}", CHECKS["OG205"].remedy)
    small = under < SMALL_GAP * teacher
    detail = f"{under:.3g}, {100 * under / teacher:.0f} % of the teacher's {teacher:.3g}" if small else ""
    return _ratio(over, under, reach, n, method, (Check("OG217", detail),) if small else ())


def opr_of(
    over: float,
    under: float,
    reach: Reach,
    *,
    n: int | None,
    method: str,
    seen: str,
    what: str = "excess risk",
    remedy: str = "Read the risks themselves.",
) -> Quantity:
    """Divide the baseline's risk by the student's; Undefined where that is not above zero."""
    if not under > 0:
        return Undefined(f"the student's {what} is not above zero: {seen}", remedy)
    return _ratio(over, under, reach, n, method)


def _ratio(
    over: float, under: float, reach: Reach, n: int | None, method: str, checks: tuple[Check, ...] = ()
) -> Estimate:
    """Infinite ends are no bound: the denominator is above zero, and not resolved from it."""
    ends = None if reach is None else fieller_positive(over, under, reach)
    return Estimate(over / under, ends, n=n, method=method, checks=checks)
