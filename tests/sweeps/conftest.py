"""Small worlds to sweep over."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import norm

from outgrow.sweeps.grid import SweepData
from outgrow.sweeps.noisy_labels import NoisyLabels


@pytest.fixture(scope="session")
def made() -> Callable[..., SweepData]:
    """Draw two teachers (10 and 16 columns) and a student (24) that see hidden directions, and a target."""

    def draw(
        seed: int = 0,
        *,
        rows: int = 240,
        test: int = 60,
        classes: int = 0,
        mean: float = 3.0,
        dtype: type = np.float64,
    ) -> SweepData:
        rng = np.random.default_rng(seed)
        hidden = rng.standard_normal((rows + test, 12))
        views = {
            name: (hidden @ mix + rng.standard_normal((rows + test, d)) + mean).astype(dtype)
            for name, d in (("w1", 10), ("w2", 16), ("s", 24))
            for mix in [np.random.default_rng(d).standard_normal((12, d))]
        }
        target = hidden[:, :4].sum(axis=1) + rng.standard_normal(rows + test)
        y = target[:, None] + 5
        if classes:
            # Of a normal target of variance 5, all classes are alike often.
            ends = np.sqrt(5) * norm.ppf(np.arange(1, classes) / classes)
            y = np.eye(classes)[np.digitize(target, ends)]
        numbers = np.arange(rows + test)
        labels = NoisyLabels(y[:rows], classes)
        return SweepData(views, numbers[:rows], numbers[rows:], labels, y[rows:], 0.0, classes)

    return draw
