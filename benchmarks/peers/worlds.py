"""Inputs of the comparisons: pairs of feature sets of known overlap and condition, and movie reviews."""

from __future__ import annotations

from typing import Any

import numpy as np

ROWS, WEAK, STRONG, SHARED = 20_000, 384, 768, 192
"""The size of the aims: the widths of MiniLM and mpnet, half of the weak directions shared."""

CONDITION = 100.0
"""Largest over smallest singular value: about what MiniLM on movie reviews has, near-constant
columns apart."""


def pair(
    rows: int = ROWS,
    weak: int = WEAK,
    strong: int = STRONG,
    shared: int = SHARED,
    conditions: tuple[float, float] = (CONDITION, CONDITION),
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Draw a pair of Gaussian feature sets that share directions, noise beneath them.

    Parameters
    ----------
    rows, weak, strong : int
        Sizes.
    shared : int
        Directions in common, correlated by .9 to .3.
    conditions : pair of float
        Condition number of each set.
    seed : int
        Of everything.

    Returns
    -------
    dict of str to numpy.ndarray
        "weak" and "strong", float64, with means away from zero.
    """
    rng = np.random.default_rng(seed)
    W, S = rng.standard_normal((rows, weak)), rng.standard_normal((rows, strong))
    r = np.linspace(0.9, 0.3, shared)
    S[:, :shared] = r * W[:, :shared] + np.sqrt(1 - r**2) * S[:, :shared]
    return {
        "weak": _mixed(W, conditions[0], rng),
        "strong": _mixed(S, conditions[1], rng),
    }


def _mixed(Z: np.ndarray, condition: float, rng: np.random.Generator) -> np.ndarray:
    d = Z.shape[1]
    left, right = (np.linalg.qr(rng.standard_normal((d, d)))[0] for _ in range(2))
    return Z @ (left * np.geomspace(1, 1 / condition, d)) @ right.T + rng.standard_normal(d) / np.sqrt(d)


def movies(rows: int | None = None) -> dict[str, Any]:
    """Load the embedded movie reviews: two encoders' leading components, and the mean rating.

    Parameters
    ----------
    rows : int, optional
        The first so many rows outside the test split; all by default.

    Returns
    -------
    dict of str to numpy.ndarray
        "weak" (MiniLM-L6), "strong" (mpnet) and "y" of those rows, "test" (mpnet) of the others; float64.
    """
    from outgrow.worlds.rated_movies import load_movies

    found = load_movies()
    train = np.flatnonzero(~found.is_test)[:rows]
    weak, strong = (found.features[name].astype(np.float64) for name in ("minilm-l6", "mpnet"))
    return {
        "weak": weak[train],
        "strong": strong[train],
        "y": np.asarray(found.rating, dtype=np.float64)[train],
        "test": strong[found.is_test],
    }
