"""What a few labels say of the target, without bias and without inverting a labelled Gram matrix (T6).

Risks need products of the target's covariances with the features. Products of two means over different rows
estimate them without bias (a U-statistic), for any m, also below d. What a preliminary fit explains is taken
over the pool instead, where it has no sampling error, and only its residuals over the labelled rows: control
variates. Each pair of folds gets the fit that has seen neither, so that nothing is biased; all those fits
come from one factorization.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from jaxtyping import Float, Int

from outgrow.errors import DataError
from outgrow.linalg.ridge_path import RidgePath
from outgrow.theory.terms import PairSpectra, Target

LEVEL = 10.0
"""Size of the constant among features of unit total variance: a mean is shrunk a hundred times less."""

PENALTIES = tuple(float(x) for x in np.geomspace(1e-5, 1e2, 22))
"""Penalties tried for the preliminary fit, in units of its features' total variance; three per decade. A
given one biases nothing; choosing it from the same labels shifts products by a tenth of their spread at most
(at m = 24; .04 at 150)."""

LEAST_FOLDS = 4
"""Folds of which at least two pairs are left when one is deleted."""


def label_terms(
    pair: PairSpectra,
    Z_w: Float[np.ndarray, "m d_w"],
    Z_s: Float[np.ndarray, "m d_s"],
    y: Float[np.ndarray, "m k"],
    folds: Int[np.ndarray, " m"],
    sigma2: float | None = None,
) -> Target:
    """Estimate the target's terms from labelled rows."""
    numbers, folds = np.unique(folds, return_inverse=True)
    count = len(numbers)
    if count < LEAST_FOLDS:
        raise DataError(
            f"{count} folds of labelled rows are too few for a forecast",
            "labels",
            f"Label at least {2 * LEAST_FOLDS} rows, of {LEAST_FOLDS} groups where groups are named.",
        )
    if not (y != y[0]).any():
        raise DataError("all labels are equal", "labels", "Label rows that differ.")
    # Risks do not depend on where labels lie, but the preliminary fit's penalty falls on its constant too:
    # labels far from zero would leave a constant in the residuals, and its square in every variance.
    y = y - y.mean(axis=0)
    fit = _Preliminary(pair, Z_w, Z_s, y)
    members = [np.flatnonzero(folds == fold) for fold in range(count)]
    sides: dict[str, list[np.ndarray]] = {
        f"{part}_{of}": [] for part in ("fit", "left", "right") for of in ("w", "s")
    }
    sizes, ends, variances, norms = [], [], [], []
    for first, second in combinations(range(count), 2):
        rows = np.concatenate([members[first], members[second]])
        residual, gamma = fit.without(rows)
        sides["fit_w"].append((fit.over_weak @ gamma).T)
        sides["fit_s"].append((fit.over_strong @ gamma).T)
        level, spread = (
            fit.constant @ gamma,
            np.einsum("rk,rs,sk->k", gamma, fit.spread, gamma, optimize=True),
        )
        split = len(members[first])
        means = []
        for side, part, error in (
            ("left", members[first], residual[:split]),
            ("right", members[second], residual[split:]),
        ):
            sides[f"{side}_w"].append((Z_w[part].T @ error / len(part)).T)
            sides[f"{side}_s"].append((Z_s[part].T @ error / len(part)).T)
            means.append(level + error.mean(axis=0))
        # Second moment and squared mean, the fit's share of both taken over the pool.
        moment = spread + level**2 + np.mean(y[rows] ** 2 - (y[rows] - residual) ** 2, axis=0)
        variances.append(moment - means[0] * means[1])
        norms.append(spread)
        sizes.append(split * (len(rows) - split))
        ends.append((first, second))
    weights = np.array(sizes, dtype=np.float64)
    kept = np.ones((count + 1, len(ends)), dtype=bool)
    for place, pairs in enumerate(ends):
        kept[[1 + fold for fold in pairs], place] = False
    weighted = kept * weights / (kept @ weights)[:, None]
    columns = y.shape[1]
    return Target(
        **{name: np.concatenate(parts) for name, parts in sides.items()},
        fit_norm=np.concatenate(norms),
        weights=np.repeat(weighted, columns, axis=1),
        variance=weighted @ np.sum(variances, axis=1),
        sigma2=sigma2,
    )


class _Preliminary:
    """Ridge on both feature sets and a constant, in the coordinates of one factorization."""

    def __init__(self, pair: PairSpectra, Z_w: np.ndarray, Z_s: np.ndarray, y: np.ndarray) -> None:
        m = len(y)
        scale_w = np.sqrt(pair.values_w / pair.values_w.sum())
        scale_s = np.sqrt(pair.values_s / pair.values_s.sum())
        X = np.hstack([Z_w * scale_w, Z_s * scale_s, np.full((m, 1), LEVEL)])
        path = RidgePath(X, y, np.array(PENALTIES), intercept=False)
        values, root = path.values, np.sqrt(path.values)
        left, back = path.scores / root, path.basis / root  # left has mean square 1
        best = (np.inf, 0)
        for place, inverse in enumerate(path.inverse.T):
            rest = 1 - (left**2) @ (values * inverse) / m
            # A row that a fit passes through says nothing of it: such penalties are not tried.
            if rest.min() > 0:
                error = y - left @ (root[:, None] * path.theta[:, place])
                best = min(best, (float(np.sum((error / rest[:, None]) ** 2)), place))
        self._left, self._m = left, m
        self._shrunk = values * path.inverse[:, best[1]]
        self._gamma = root[:, None] * path.theta[:, best[1]]
        self._error = y - left @ self._gamma
        # On rows the fit is left @ gamma; back turns gamma into coefficients.
        d_w = len(scale_w)
        B_w, B_s = scale_w[:, None] * back[:d_w], scale_s[:, None] * back[d_w:-1]
        self.constant = LEVEL * back[-1]
        self.over_weak = B_w + pair.C.T @ B_s
        self.over_strong = pair.C @ B_w + B_s
        self.spread = B_w.T @ self.over_weak + B_s.T @ self.over_strong

    def without(self, rows: Int[np.ndarray, " _"]) -> tuple[np.ndarray, np.ndarray]:
        """Residuals of rows under the fit without them, and that fit's coefficients."""
        part = self._left[rows]
        hat = (part * self._shrunk) @ part.T / self._m
        residual = np.linalg.solve(np.eye(len(rows)) - hat, self._error[rows])
        return residual, self._gamma - self._shrunk[:, None] * (part.T @ residual) / self._m
