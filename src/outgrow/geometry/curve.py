"""What a rule looked at before it gave a number: a curve, and the threshold it is compared with."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

POINTS = 160
"""Points kept of a curve: more than a chart shows apart at any width."""


@dataclass(frozen=True)
class Curve:
    """A curve behind an estimate."""

    x: Float[np.ndarray, " k"] = field(repr=False)
    """Its points."""
    y: Float[np.ndarray, " k"] = field(repr=False)
    """Its points."""
    x_name: str
    """What they are."""
    y_name: str
    """What they are."""
    threshold: float | Float[np.ndarray, " k"] | None = field(default=None, repr=False)
    """What `y` is compared with."""

    @classmethod
    def over_directions(
        cls,
        y: Float[np.ndarray, " d"],
        y_name: str,
        threshold: float | Float[np.ndarray, " d"] | None = None,
    ) -> Curve:
        """Draw a quantity against the number of leading directions, thinned for long spectra."""
        count = len(y)
        shown = np.arange(count)
        if count > POINTS:
            shown = np.unique(np.geomspace(1, count, POINTS).round().astype(np.int64) - 1)
        kept = threshold if threshold is None or np.ndim(threshold) == 0 else np.asarray(threshold)[shown]
        return cls(shown + 1.0, np.asarray(y, dtype=np.float64)[shown], "directions", y_name, kept)
