"""The published similarity: its value in shared coordinates, and that random matching gives chance."""

from __future__ import annotations

import numpy as np
import pytest

from outgrow.errors import DataError
from outgrow.geometry.published import chance_level, published_correlation_dimension


def frame(rng, width, d):
    return np.linalg.qr(rng.standard_normal((width, d)))[0]


def test_shared_coordinates():
    E = np.eye(10)
    found = published_correlation_dimension(E[:, :4], E[:, 2:7])
    assert (found.value, found.chance, found.width) == (2.0, 2.0, 10)


@pytest.mark.parametrize(
    ("widths", "matching"), [((30, 30), "rotation"), ((20, 30), "rotation"), ((20, 30), "projection")]
)
def test_random_matching_measures_chance(rng, widths, matching):
    # The same frame on both sides: everything is shared, and the value knows nothing of it.
    V_w, V_s = frame(rng, widths[0], 6), frame(rng, widths[1], 8)
    if widths[0] == widths[1]:
        V_s[:, :6] = V_w
        V_s = np.linalg.qr(V_s)[0]
    values = []
    for _ in range(400):
        found = published_correlation_dimension(V_w, V_s, matching, rng)
        values.append(found.value)
    assert abs(np.mean(values) - found.chance) < 4 * found.chance_sd / 20
    assert np.std(values) == pytest.approx(found.chance_sd, rel=0.15)
    mean, spread = chance_level(found.width, 6, 8)
    assert (found.chance, found.chance_sd) == (mean, spread)


def test_padding_is_deterministic(rng):
    V_w, V_s = frame(rng, 5, 2), frame(rng, 9, 3)
    found = published_correlation_dimension(V_w, V_s, "padding")
    assert found.value == pytest.approx(np.sum((V_s[:5].T @ V_w) ** 2))
    assert found.width == 9


def test_errors(rng):
    V, U = frame(rng, 5, 2), frame(rng, 9, 3)
    with pytest.raises(DataError, match=r"widths 5 and 9 differ\. Name a matching"):
        published_correlation_dimension(V, U)
    with pytest.raises(DataError, match="Give rng"):
        published_correlation_dimension(V, U, "rotation")
    with pytest.raises(DataError, match="no matching 'cca'"):
        published_correlation_dimension(V, U, "cca")
