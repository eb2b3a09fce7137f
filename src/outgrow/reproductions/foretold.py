"""What theory says of the rated rows' sweeps, once every label is known (docs/theory.md, T4).

Looked back on, not forecast: feature moments are those of all rows dealt, the target's products those of the
test rows' mean ratings, with which it is scored. Labels of the rows dealt are not used. Every model takes the
penalty of the grid that is best for it by theory, as the measured ones take what is best on other seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float

from outgrow.forecasts.forecast import Forecast
from outgrow.geometry.pairs import pair_of
from outgrow.linalg.moments import moments_of
from outgrow.reproductions.at_hand import AtHand
from outgrow.reproductions.reproduction import MODELS
from outgrow.theory.label_terms import label_terms
from outgrow.theory.whitening import whiten

FOLDS = 10
"""Folds of the test rows: products of means over different folds are unbiased; with ten a tenth of the
products, those within a fold, are not used."""


@dataclass(frozen=True, eq=False)
class Foretold:
    """Theory of one pair."""

    forecast: Forecast
    """Feature moments, target and the penalties of the grid."""
    noise_variance: float
    """Of the labels as they are."""
    truth_error: float
    """Error variance of what the target was measured by."""
    _seen: dict[tuple[object, ...], dict[str, np.ndarray]] = field(
        init=False, default_factory=dict, repr=False
    )

    def risks(self, noise: float, n: Sequence[int], N: Sequence[int]) -> dict[str, Float[np.ndarray, "a b"]]:
        """Give the excess risks of all models.

        NaN where infinite.
        """
        key = (noise, tuple(n), tuple(N))
        if key not in self._seen:
            self._seen[key] = self._risks(noise, n, N)
        return self._seen[key]

    def _risks(self, noise: float, n: Sequence[int], N: Sequence[int]) -> dict[str, np.ndarray]:
        sigma2 = self.noise_variance + noise**2
        target = self.forecast.target
        # A rater's noise, and what was added, in the place of the mean's.
        own = replace(target, variance=target.variance - self.truth_error + sigma2, sigma2=sigma2)
        bare = not (self.forecast.penalties_w.any() or self.forecast.penalties_s.any())
        alphas = dict.fromkeys(("alpha_w", "alpha_s", "alpha_b", "alpha_c"), 0.0) if bare else {}
        found = replace(self.forecast, target=own).surface(n, N, **alphas)
        shape = (len(n), len(N))
        errors = {
            "teacher": np.broadcast_to(found.teacher[0][:, None], shape),
            "student": found.student[0],
            "baseline": np.broadcast_to(found.baseline[0][:, None], shape),
            "ceiling": found.ceiling[0],
        }
        return {model: np.asarray(errors[model] - sigma2) for model in MODELS}

    def without_penalties(self) -> Foretold:
        """Give the theory of minimum-norm fits."""
        none = np.zeros(1)
        bare = replace(self.forecast, penalties_w=none, penalties_s=none)
        return Foretold(bare, self.noise_variance, self.truth_error)


def foretell(rows: AtHand, pair: tuple[str, str], alphas: Sequence[float]) -> Foretold:
    """Measure what theory needs of a pair."""
    X_w, X_s = (rows.views[name] for name in pair)
    found = whiten(moments_of(pair_of(X_w, X_s), splits={"train": rows.train}).select())
    Z_w, Z_s = found.weak(X_w[rows.test]), found.strong(X_s[rows.test])
    spectra = found.pair.with_lengths(Z_w, Z_s)
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
    return Foretold(forecast, rows.noise_variance, rows.truth_variance)
