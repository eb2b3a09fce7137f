"""What theory says of the rated rows' sweeps, once every label is known (docs/theory.md, T4).

Looked back on, not forecast: feature moments are those of all rows dealt, the target's products those of the
test rows' mean ratings, with which it is scored. Labels of the rows dealt are not used. Every model takes the
penalty of the grid that is best for it by theory, as the measured ones take what is best on other seeds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
from jaxtyping import Float

from outgrow.forecasts.forecast import Forecast
from outgrow.geometry.pairs import pair_of
from outgrow.linalg.moments import moments_of
from outgrow.reproductions.at_hand import AtHand
from outgrow.reproductions.reproduction import numbers
from outgrow.study.curves import Curve
from outgrow.sweeps.figure import Beside
from outgrow.sweeps.grid import SweepGrid
from outgrow.theory.label_terms import label_terms
from outgrow.theory.whitening import whiten

FOLDS = 10
"""Folds of the test rows: products of means over different folds are unbiased; with ten a tenth of the
products, those within a fold, are not used."""

Pair = tuple[str, str]
"""Teacher and student."""


@dataclass(frozen=True, eq=False)
class PairTheory:
    """Theory of one pair."""

    forecast: Forecast
    """Feature moments, target and the penalties of the grid."""
    noise_variance: float
    """Of the labels as they are."""
    truth_error: float
    """Error variance of what the target was measured by."""
    _known: dict[tuple[object, ...], dict[str, np.ndarray]] = field(
        init=False, default_factory=dict, repr=False
    )

    def risks(self, noise: float, n: Sequence[int], N: Sequence[int]) -> dict[str, Float[np.ndarray, "a b"]]:
        """Give the excess risks of all models; NaN where infinite."""
        key = (noise, tuple(n), tuple(N))
        if key not in self._known:
            self._known[key] = self._risks(noise, n, N)
        return self._known[key]

    def _risks(self, noise: float, n: Sequence[int], N: Sequence[int]) -> dict[str, np.ndarray]:
        sigma2 = self.noise_variance + noise**2
        target = self.forecast.target
        # A rater's noise, and what was added, in the place of the mean's.
        noisy = replace(target, variance=target.variance - self.truth_error + sigma2, sigma2=sigma2)
        bare = not (self.forecast.penalties_w.any() or self.forecast.penalties_s.any())
        alphas = dict.fromkeys(("alpha_w", "alpha_s", "alpha_b", "alpha_c"), 0.0) if bare else {}
        surface = replace(self.forecast, target=noisy).surface(n, N, **alphas)
        errors = {
            "teacher": surface.teacher[0][:, None],
            "student": surface.student[0],
            "baseline": surface.baseline[0][:, None],
            "ceiling": surface.ceiling[0],
        }
        return {model: np.broadcast_to(error - sigma2, (len(n), len(N))) for model, error in errors.items()}

    def values(self, noise: float, n: Sequence[int], N: Sequence[int]) -> dict[str, Float[np.ndarray, "a b"]]:
        """Give the excess risks of all models, and their PGR and OPR where defined, else NaN."""
        risks = self.risks(noise, n, N)
        gap, student = risks["teacher"] - risks["ceiling"], risks["student"]
        with np.errstate(divide="ignore", invalid="ignore"):
            return {
                **risks,
                "pgr": np.where(gap > 0, (risks["teacher"] - student) / gap, np.nan),
                "opr": np.where(student > 0, risks["baseline"] / student, np.nan),
            }

    def without_penalties(self) -> PairTheory:
        """Give the theory of minimum-norm fits."""
        none = np.zeros(1)
        bare = replace(self.forecast, penalties_w=none, penalties_s=none)
        return PairTheory(bare, self.noise_variance, self.truth_error)


def pair_theory(rows: AtHand, pair: Pair, alphas: Sequence[float]) -> PairTheory:
    """Measure what theory needs of a pair."""
    X_w, X_s = (rows.views[name] for name in pair)
    whitened = whiten(moments_of(pair_of(X_w, X_s), splits={"train": rows.train}).select())
    Z_w, Z_s = whitened.weak(X_w[rows.test]), whitened.strong(X_s[rows.test])
    spectra = whitened.pair.with_lengths(Z_w, Z_s)
    # Rows may be sorted by their labels; which fold one is in should not follow them.
    folds = np.random.default_rng(FOLDS).permutation(len(rows.test)) % FOLDS
    target = label_terms(spectra, Z_w, Z_s, rows.truth, folds)
    # The estimate alone: its replicates would make the choice of penalties cautious, as a forecast must be.
    target = replace(target, weights=target.weights[:1], variance=target.variance[:1])
    scale_w, scale_s = (float(np.var(X[rows.train], axis=0, dtype=np.float64).mean()) for X in (X_w, X_s))
    forecast = Forecast(
        weak=pair[0],
        strong=pair[1],
        pair=spectra,
        target=target,
        m=len(rows.test),
        kind="retrospective",
        penalties_w=scale_w * np.asarray(alphas, dtype=float),
        penalties_s=scale_s * np.asarray(alphas, dtype=float),
        union=False,
    )
    return PairTheory(forecast, rows.noise_variance, rows.truth_variance)


def theory_lines(theory: Mapping[Pair, PairTheory], grid: SweepGrid, at: tuple[int, int]) -> Beside:
    """Draw theory at the sizes measured, and half-way in ratio between any two."""

    def line(quantity: str, of: tuple[str, str, float], axis: str, series: str) -> Curve:
        sizes = grid.n if axis == "n" else grid.N
        sizes = tuple(sorted({*sizes, *(round((a * b) ** 0.5) for a, b in pairwise(sizes))}))
        n, N = (sizes, at[1:]) if axis == "n" else (at[:1], sizes)
        y = theory[of[:2]].values(of[2], n, N)[quantity].ravel()
        note = "docs/theory.md, T4, once all labels are known"
        return Curve(series, "theory", tuple(map(float, sizes)), numbers(y.tolist()), note=note)

    return line
