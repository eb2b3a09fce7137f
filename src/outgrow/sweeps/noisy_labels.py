"""Labels with noise added, drawn anew for every seed: normal errors, or classes swapped for others.

Draws hang on the seed alone, and are the same for all levels: one normal variable per row is scaled by the
level, and a class that is swapped at a low level is swapped alike at a higher one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from outgrow.errors import ConfigError

MOST = 1e100
"""Largest standard deviation: the squares of larger ones are no numbers, and a few standard deviations and a
bad fit lie between."""

DRAW = 0x1ABE15
"""Keeps the draws of labels apart from all other draws of the same seed."""


@dataclass(frozen=True, eq=False)
class NoisyLabels:
    """Labels, and how noise is added to them."""

    y: Float[np.ndarray, "R k"] | Callable[[int], Float[np.ndarray, "R k"]]
    """Labels as they are, or what draws them for a seed: one column, or one-hot codes."""
    classes: int = 0
    """Number of classes; 0 for a regression. Levels are then standard deviations, else probabilities that a
    class is swapped for another one, all others being equally likely."""

    def draw(self, noise: float, seed: int) -> Float[np.ndarray, "R k"]:
        """Draw the labels of one seed."""
        check_noise(noise, self.classes)
        y = self.y(seed) if callable(self.y) else self.y
        if not noise:
            return y
        rng = np.random.default_rng([seed, DRAW])
        if not self.classes:
            return y + noise * rng.standard_normal(y.shape)
        chance, step = rng.random(len(y)), rng.integers(1, self.classes, len(y))
        swapped = (y.argmax(axis=1) + np.where(chance < noise, step, 0)) % self.classes
        return np.eye(self.classes)[swapped]


def check_noise(noise: float, classes: int) -> None:
    """Refuse a level that is none."""
    if not (np.isfinite(noise) and noise >= 0) or (classes and noise > 1):
        what = "share of classes swapped, from 0 to 1" if classes else "standard deviation of at least 0"
        raise ConfigError(f"{noise:g} is no {what}", "--noise", "Name levels such as 0 and 0.1.")
    if noise > MOST:
        raise ConfigError(f"squares of {noise:g} are no numbers", "--noise", f"Name levels up to {MOST:g}.")
