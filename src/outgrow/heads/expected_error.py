"""What a route is expected to err by: leave-one-out and the forecast of the same labels, weighed.

Leave-one-out scores a few noisy labels; the forecast (docs/theory.md, T6) estimates the same errors from
products of labels over different rows and from the pool's spectra. Their errors differ, so both together
choose better than either: benchmarks/recommendation.py. Each comes with what it says without each fold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from outgrow.intervals.jackknife import jackknife_interval
from outgrow.results import Estimate
from outgrow.theory.surface import choice

FORECAST = 0.7
"""Weight of the forecast; the rest is leave-one-out's. Between .6 and 1 the recommended route's risk
differs by less than draws of labels can tell (docs/decisions.md, 28); less than 1 keeps what only
leave-one-out sees."""


def widening(units: int) -> float:
    """Factor on intervals of leave-one-out losses alone, for k units left out: sqrt(1 + k/(k - 1)).

    Losses of different rows come from fits that share their labels, so their spread understates how far a
    difference may be off (Nadeau and Bengio, 2003).
    """
    return float(np.sqrt(1.0 + units / max(units - 1, 1)))


SURE = 0.95
"""Level at which forecast and leave-one-out are said to disagree; leave-one-out, which assumes less, then
stands alone. Pixels as features, which Gaussian rows do not resemble, need it (docs/decisions.md, 28)."""


UNSURE = 4.0
"""Standard errors of leave-one-out from which a forecast's own is too large to be weighed with it. On text
encoders the ratio is 1.2 to 1.6 in the median, 3 at most; where rare pixels carry a forecast it was 90."""


@dataclass(frozen=True)
class ExpectedError:
    """A route's expected squared error on a new label: the estimate, then without each fold."""

    leave_one_out: Float[np.ndarray, " R"]
    forecast: Float[np.ndarray, " R"] | None
    """None where there is none, or it is set aside."""
    rejected: float | None = None
    """The forecast that disagreed, or was too unsure."""

    @property
    def values(self) -> Float[np.ndarray, " R"]:
        """The weighed estimate and its replicates; of leave-one-out alone, widened ones."""
        if self.forecast is not None:
            return _weighed(self.leave_one_out, self.forecast)
        values = self.leave_one_out.copy()
        centre = values[1:].mean()
        values[1:] = centre + widening(len(values) - 1) * (values[1:] - centre)
        return values

    def estimate(self, n: int, grouped: bool = False) -> Estimate:
        """Say it, with its jackknife interval over the folds of n labelled rows, or of whole groups."""
        values = self.values
        method = "leave-one-out and forecast, weighed" if self.forecast is not None else "leave-one-out"
        return Estimate(
            float(values[0]),
            jackknife_interval(float(values[0]), values[1:]),
            n=n,
            method=f"{method}; jackknife over {len(values) - 1} folds of"
            f" {'whole groups' if grouped else 'labelled rows'}",
        )


def choose(
    losses: Float[np.ndarray, "settings n"],
    folds: Sequence[Int[np.ndarray, " _"]],
    forecasts: Float[np.ndarray, "R settings"] | None = None,
) -> tuple[int, ExpectedError]:
    """Choose the setting of least expected error, one standard error added to each (`choice`).

    `losses` are leave-one-out losses, `folds` a partition of the rows, and `forecasts` come from all rows,
    then without each fold; where they are NaN, leave-one-out stands alone. The added error keeps the least of
    many from flattering itself: settings that look good by luck are the uncertain ones.
    """
    left_out = _without_folds(losses, folds)
    alone = int(choice(left_out[:, None])[0])
    if forecasts is None:
        return alone, ExpectedError(left_out[:, alone], None)
    weighed = np.where(np.isnan(forecasts), left_out, _weighed(left_out, forecasts))
    best = int(choice(weighed[:, None])[0])
    forecast = forecasts[:, best]
    if np.isnan(forecast).any():
        return best, ExpectedError(left_out[:, best], None)
    apart = forecast - left_out[:, best]
    low, high = jackknife_interval(float(apart[0]), apart[1:], SURE)
    if not low <= 0 <= high or np.std(forecast[1:]) > UNSURE * np.std(left_out[1:, best]):
        return alone, ExpectedError(left_out[:, alone], None, float(forecast[0]))
    return best, ExpectedError(left_out[:, best], forecast)


def _weighed(leave_one_out: np.ndarray, forecast: np.ndarray) -> np.ndarray:
    return np.asarray((1 - FORECAST) * leave_one_out + FORECAST * forecast)


def _without_folds(
    losses: Float[np.ndarray, "settings n"], folds: Sequence[Int[np.ndarray, " _"]]
) -> Float[np.ndarray, "R settings"]:
    """Mean loss over all rows, then over those outside each fold."""
    total, n = losses.sum(axis=1), losses.shape[1]
    kept = [(total - losses[:, fold].sum(axis=1)) / (n - len(fold)) for fold in folds]
    return np.stack([total / n, *kept])
