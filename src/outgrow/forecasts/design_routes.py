"""The routes of a plan as functions of the rows, from a forecast.

Penalties are those of least forecast risk at every design, as in `Forecast.surface`. What a search asks for
lies close together, so the best penalties of the last design are tried first, with their neighbours: only
where the best of these is at an end are all of them tried. What-ifs change one thing and leave the rest: how
much of the teacher's variance the student shares, and how large the part of the labels is that nothing
explains.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from outgrow.forecasts.forecast import Forecast
from outgrow.forecasts.search import Route
from outgrow.theory.effective_stage import Stages
from outgrow.theory.equivalents import student_risks
from outgrow.theory.stage import near_peak
from outgrow.theory.surface import choice

NEAR = 0.3
"""Difference of log n + log N within which the best penalties of one design are tried first at another: less
than the third of a decade that lies between two of them."""

STEP = 2
"""Of the teacher's penalties every second one is tried first, then those beside each minimum."""

WITHOUT_TEACHER = ("baseline",)
"""Routes that are the same for every weak set."""

QUICK = 3e8
"""Multiplications that are not worth saving: a tenth of a second. Below it every penalty is tried."""


@dataclass(frozen=True)
class WhatIf:
    """One change of what a forecast rests on."""

    sharing: float = 1.0
    """Factor on what the student inherits of the teacher's variance: proportional to d_sw."""
    unexplained: float = 0.0
    """Added to the variance of the labels: noise, or a part of the target that no feature expresses."""


AS_IS = WhatIf()
"""No change."""


class DesignRoutes:
    """The routes of one forecast."""

    def __init__(
        self,
        forecast: Forecast,
        alpha_w: float | None = None,
        alpha_s: float | None = None,
        what_if: WhatIf = AS_IS,
    ) -> None:
        self.forecast, self.what_if = forecast, what_if
        self._pair = forecast.pair
        self._target = replace(forecast.target, variance=forecast.target.variance + what_if.unexplained)
        self._weak = forecast.penalties_w if alpha_w is None else np.array([float(alpha_w)])
        self._strong = forecast.penalties_s if alpha_s is None else np.array([float(alpha_s)])
        self._fixed = (alpha_w, alpha_s)
        self._stages: dict[tuple[str, int], Stages] = {}
        # Where penalties have been looked for without a hint, and which of the teacher's were best.
        self._known: list[tuple[float, float, list[int]]] = []
        products = forecast.pair.C.size * 3 * len(forecast.target.weights.T)
        self._all = products * len(self._weak) <= QUICK

    def routes(self) -> Iterator[Route]:
        """Give every route of the forecast, those without a pool first."""
        d_w, d_s = len(self._pair.values_w), len(self._pair.values_s)
        # A penalty that is chosen flattens every peak; one that is given as 0 does not.
        bare_w, bare_s = (alpha == 0 for alpha in self._fixed)
        peaks_w = (d_w + self.forecast.intercept,) if bare_w else ()
        peaks_s = (d_s + self.forecast.intercept,) if bare_s else ()
        tuned = all(alpha is None for alpha in self._fixed)
        for name in ("teacher", "baseline", *(("union",) if self.forecast.union else ()), "student"):
            pool = name == "student"
            yield Route(
                name,
                None if name in WITHOUT_TEACHER else self.forecast.weak,
                partial(self.errors, name),
                pool,
                peaks_n=peaks_w if name in ("teacher", "student") else (),
                peaks_N=peaks_s if pool else (),
                helps=tuned,
                prepare=self.prepare if pool else None,
            )

    def errors(
        self, name: str, n: Sequence[int] | np.ndarray, N: Sequence[int] | np.ndarray
    ) -> Float[np.ndarray, "R a b"]:
        """Forecast the error of a route at the penalties of least risk."""
        n, N = np.asarray(n, dtype=int), np.asarray(N, dtype=int)
        if name == "student":
            return np.stack([self._student(int(rows), N) for rows in n], axis=1)
        alpha = self._fixed[0] if name == "teacher" else None
        errors, _ = self.forecast.on_labels(name, n, alpha, self._target)
        return np.broadcast_to(errors[:, :, None], (len(errors), len(n), len(N)))

    def near_peaks(self, n: int, N: int) -> list[tuple[str, str]]:
        """Say which peaks a design of fixed penalties of 0 stands near."""
        d_w, d_s = len(self._pair.values_w), len(self._pair.values_s)
        near = []
        if self._fixed[0] == 0 and near_peak(d_w, n):
            near.append(("OG201", f"n = {n:,}, d_w = {d_w:,} ({self.forecast.weak})"))
        if self._fixed[1] == 0 and N and near_peak(d_s, N):
            near.append(("OG203", f"N = {N:,}, d_s = {d_s:,}"))
        return near

    def prepare(self, n: Sequence[int], N: Sequence[int]) -> None:
        """Find the effective penalties of many sizes at once, which is much quicker than one by one."""
        self._fits("weak", n)
        self._fits("strong", N)

    def _fits(self, which: str, sizes: Sequence[int]) -> Stages:
        """Give fits of every size under every penalty, those of one size next to each other."""
        values, alphas = self._pair.values_w, self._weak
        if which == "strong":
            values, alphas = self._pair.values_s, self._strong
        missing = sorted({size for size in sizes if (which, size) not in self._stages})
        if missing:
            stages = self.forecast.stages(values, np.array(missing), alphas)
            for place, size in enumerate(missing):
                places = np.arange(place * len(alphas), (place + 1) * len(alphas))
                self._stages[which, size] = stages.at(places)
        return _together([self._stages[which, size] for size in sizes])

    def _student(self, n: int, N: Int[np.ndarray, " b"]) -> Float[np.ndarray, "R b"]:
        count = len(self._weak)
        x, y = float(np.log(n)), float(np.log(N).mean())
        hints = [best for u, v, best in self._known if abs(x - u) + abs(y - v) <= NEAR]
        # The teacher's penalties are what costs: each takes the correlations once, whatever the students.
        wanted = set(range(0, count, 1 if self._all else STEP))
        if hints:
            wanted = _with_neighbours(hints[-1], count)
        tried: dict[int, np.ndarray] = {}
        while not wanted <= set(tried):
            tried |= self._tried(n, N, sorted(wanted - set(tried)))
            places = sorted(tried)
            errors = np.stack([tried[place] for place in places], axis=2)
            best = choice(errors)
            wanted = _with_neighbours([places[at] for at in best.tolist()], count)
        if not hints and not self._all:
            self._known.append((x, y, [places[at] for at in best.tolist()]))
        return np.take_along_axis(errors, best[None, :, None], axis=2)[..., 0]

    def _tried(self, n: int, N: Int[np.ndarray, " b"], places: list[int]) -> dict[int, np.ndarray]:
        """Give errors with replicates of shape (R, b) under some of the teacher's penalties."""
        teachers = self._fits("weak", [n]).at(np.array(places))
        students = self._fits("strong", N.tolist())
        risks = student_risks(self._pair, self._target, teachers, students)
        errors = risks.error
        if self.what_if.sharing != 1:
            # What is not inherited is no news to the student: it comes in as noise of the pseudo-labels.
            moved = (self.what_if.sharing - 1) * risks.inherited
            errors = errors + moved * (1 - students.gain / students.rest)
        errors = errors.reshape(len(errors), len(places), len(N), len(self._strong))
        if not self.forecast.sharing:
            bare = (self._weak[places][:, None, None] == 0) & (self._strong == 0)
            errors = np.where(bare, np.nan, errors)
        best = choice(errors.reshape(len(errors), -1, len(self._strong)))
        best = best.reshape(1, len(places), len(N), 1)
        least = np.take_along_axis(errors, best, axis=3)[..., 0]
        return {place: least[:, at] for at, place in enumerate(places)}


def _together(stages: list[Stages]) -> Stages:
    """Put fits of the same directions one after another."""
    first = stages[0]
    if len(stages) == 1:
        return first
    joined: dict[str, Any] = {
        name: np.concatenate([getattr(one, name) for one in stages]) for name in first.by_fit()
    }
    return replace(first, **joined)


def _with_neighbours(places: list[int], count: int) -> set[int]:
    around = {place + step for place in places for step in (-1, 0, 1)}
    return {place for place in around if 0 <= place < count}
