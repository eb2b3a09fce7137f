"""The published similarity: its value in shared coordinates, and that random matching gives chance."""

from __future__ import annotations

import numpy as np
import pytest

from outgrow.geometry import published
from outgrow.geometry.published import chance_level, published_correlation_dimension


def frame(rng, width, d):
    return np.linalg.qr(rng.standard_normal((width, d)))[0]


def test_shared_coordinates(rng):
    E = np.eye(10)
    found = published_correlation_dimension(E[:, :4], E[:, 2:7], rng)
    assert (found.value, found.chance, found.width) == (2.0, 2.0, 10)


@pytest.mark.parametrize("whole", [2_048, 10])
def test_random_matching_measures_chance(rng, monkeypatch, whole):
    # The same frame on both sides but for the width: all is shared, and the value knows nothing of it.
    monkeypatch.setattr(published, "WHOLE_ROTATION", whole)
    V_w = frame(rng, 20, 6)
    V_s = np.linalg.qr(np.hstack([np.vstack([V_w, np.zeros((10, 6))]), frame(rng, 30, 2)]))[0]
    values = []
    for _ in range(400):
        found = published_correlation_dimension(V_w, V_s, rng)
        values.append(found.value)
    assert abs(np.mean(values) - found.chance) < 4 * found.chance_sd / 20
    assert np.std(values) == pytest.approx(found.chance_sd, rel=0.15)
    mean, spread = chance_level(found.width, 6, 8)
    assert (found.chance, found.chance_sd) == (mean, spread)
