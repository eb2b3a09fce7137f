"""What labels a pair's line: equal to the geometry it is taken from, of the rows to train on alone."""

from __future__ import annotations

import numpy as np
import pytest

from outgrow.geometry.correlation import correlation_dimension
from outgrow.geometry.published import chance_level
from outgrow.results import Estimate, Undefined
from outgrow.sweeps.dimensions import dimensions
from outgrow.sweeps.grid import SweepData
from outgrow.sweeps.noisy_labels import NoisyLabels


def data_of(views, train, rows):
    y = np.zeros((rows, 1))
    test = np.setdiff1d(np.arange(rows), train)
    return SweepData(views, train, test, NoisyLabels(y[train]), y[test])


@pytest.fixture
def views(rng):
    shared = rng.standard_normal((900, 3))
    weak = np.hstack([shared, rng.standard_normal((900, 5))]) @ rng.standard_normal((8, 8)) + 4
    strong = np.hstack([shared, rng.standard_normal((900, 9))]) @ rng.standard_normal((12, 12)) - 2
    return {"weak": weak, "strong": strong.astype(np.float32), "other": strong[:, :5].copy()}


def test_equals_the_geometry_of_the_rows_to_train_on(views, rng):
    train = np.sort(rng.permutation(900)[:600])
    found = dimensions(data_of(views, train, 900), [("weak", "strong"), ("other", "strong")])
    whole = correlation_dimension(views["weak"][train], views["strong"][train])
    first, second = found
    assert (first.weak, first.strong, first.width_w, first.width_s) == ("weak", "strong", 8, 12)
    assert (first.d_w, first.d_s) == (8, 12)
    assert first.naive == pytest.approx(whole.naive, rel=1e-9)
    assert first.d_sw.value == pytest.approx(whole.estimate.value, rel=1e-9)
    # Three directions are shared: chance adds 8 * 12 / 600 and more before it is taken off.
    assert first.naive > 3.05
    low, high = first.d_sw.interval
    assert low < 3.0 < high and high - low < 0.3
    assert second.weak == "other" and second.d_sw.value == pytest.approx(5.0, abs=1e-6)
    # Rows to test on change nothing.
    spoilt = {name: view.copy() for name, view in views.items()}
    for view in spoilt.values():
        view[np.setdiff1d(np.arange(900), train)] **= 2
    assert dimensions(data_of(spoilt, train, 900), [("weak", "strong")]) == (first,)


def test_intervals_do_not_hang_on_the_order_of_rows(rng):
    """Rows that recur with period 20, as of a rota: groups dealt in turn would hold one kind each."""
    signal, noise = rng.standard_normal((2_000, 1)), rng.standard_normal((2_000, 1))
    loud = np.where(np.arange(2_000) % 20 == 0, 8.0, 1.0)[:, None]
    views = {"weak": loud * signal, "strong": loud * signal + noise}
    order = rng.permutation(2_000)
    widths = []
    for some in (views, {name: view[order] for name, view in views.items()}):
        (found,) = dimensions(data_of(some, np.arange(1_900), 2_000), [("weak", "strong")])
        assert isinstance(found.d_sw, Estimate) and found.d_sw.interval is not None
        widths.append(found.d_sw.interval[1] - found.d_sw.interval[0])
    assert widths[0] == pytest.approx(widths[1], rel=0.6)


def test_the_published_similarity_stands_beside_its_chance_level(rng):
    # Isotropic: energy .90 keeps 9 of 10 directions and 18 of 20.
    views = {"weak": rng.standard_normal((4_000, 10)), "strong": rng.standard_normal((4_000, 20))}
    (found,) = dimensions(data_of(views, np.arange(3_000), 4_000), [("weak", "strong")])
    mean, sd = chance_level(20, 9, 18)
    assert found.chance == pytest.approx(mean)
    assert abs(found.published - mean) < 5 * sd
    assert abs(found.d_sw.value) < 0.3


def test_too_few_rows_are_said(rng):
    views = {"weak": rng.standard_normal((40, 12)), "strong": rng.standard_normal((40, 20))}
    (found,) = dimensions(data_of(views, np.arange(30), 40), [("weak", "strong")])
    assert isinstance(found.d_sw, Undefined) and "12 + 20" in found.d_sw.reason
    assert found.naive is None and (found.d_w, found.d_s) == (12, 20)
    assert found.published is not None
