"""From files to forecasts: which labels count, anchors, the noise, two classes, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from outgrow.config import ForecastConfig
from outgrow.errors import ConfigError, DataError
from outgrow.forecasts.anchors import Anchor
from outgrow.forecasts.foresight import fixed_alphas, forecast_pairs
from outgrow.results import Estimate


class Files:
    """Features and labels of a Gaussian world as files; every row's label is known to the file."""

    def __init__(self, folder, write, rng, rows=900):
        self.folder, self.write, self.rows = folder, write, rows
        latent = rng.normal(size=(rows, 8))
        self.y = latent @ np.linspace(0.2, 1.0, 8) + 0.8 * rng.normal(size=rows)
        self.second = self.y.copy()
        self.weak = latent[:, 3:] + 0.5 * rng.normal(size=(rows, 5))
        self.strong = latent @ rng.normal(size=(8, 10)) + 0.2 * rng.normal(size=(rows, 10)) + 3.0
        self.groups = None

    def config(self, **options):
        columns = {"label": self.y, "second": self.second}
        if self.groups is not None:
            columns["group"] = self.groups
        given = self.write(self.folder, {"weak": self.weak, "strong": self.strong}, columns)
        return ForecastConfig(**{**given, "m": 150, "test": 0.2, **options})


@pytest.fixture
def files(tmp_path, write, rng):
    return Files(tmp_path, write, rng)


def codes(found):
    return {check.code for check in found.checks}


def test_forecasts_agree_with_leave_one_out_on_gaussian_rows(files):
    found = forecast_pairs(files.config())
    assert (found.m, found.pool) == (150, 570)
    (one,) = found.forecasts.values()
    assert (one.weak, one.strong, one.kind, one.excess) == ("weak", "strong", "prospective", False)
    routes = [anchor.route for anchor in found.anchors["weak"]]
    assert sorted(routes) == ["baseline", "student", "teacher"]
    for anchor in found.anchors["weak"]:
        assert anchor.agrees, anchor.route
        assert anchor.forecast.value == pytest.approx(
            getattr(one.risks(150, 570), anchor.route).value, rel=1e-12
        )
        low, high = anchor.difference.interval
        assert low < anchor.forecast.value - anchor.leave_one_out.value < high
    assert not codes(found) & {"OG206", "OG214", "OG215"}
    assert all(0.7 < factor < 1.4 for factor in found.factors["weak"].values())


def test_a_pool_unlike_the_labelled_rows_is_noticed(files):
    # Rows are labelled by a hash of their ids: the first pass says which.
    labelled = forecast_pairs(files.config()).data.split.labelled
    files.strong[labelled] = 3 + 2.5 * (files.strong[labelled] - 3)
    files.weak[labelled] *= 2.5
    found = forecast_pairs(files.config())
    assert "OG214" in codes(found)
    assert any("leave-one-out" in check.detail for check in found.forecasts["weak"].checks)
    assert not all(anchor.agrees for anchor in found.anchors["weak"])


def test_an_anchor_that_holds_nothing_is_noticed():
    forecast, left_out = Estimate(1.1, (0.1, 2.1)), Estimate(1.0, (0.8, 1.2))
    agrees = {
        ends: Anchor("teacher", forecast, left_out, Estimate(0.1, ends)).agrees
        for ends in ((-0.5, 0.7), (0.05, 0.15), (-300.0, 300.2))
    }
    assert list(agrees.values()) == [True, False, False]


def test_few_labels_are_noticed(files):
    assert "OG215" in codes(forecast_pairs(files.config(m=30)))
    assert "OG215" not in codes(forecast_pairs(files.config(m=60)))


def test_repeated_labels_give_the_noise_variance(files, rng):
    noise = rng.normal(size=files.rows)
    files.second = files.y + 1.3 * noise
    # The second label is known of some rows only.
    files.second[rng.random(files.rows) < 0.5] = np.nan
    found = forecast_pairs(files.config(repeat_column="second"))
    rows = found.data.split.labelled
    apart = (files.y - files.second)[rows]
    expected = float(np.nanmean(apart**2) / 2)
    (one,) = found.forecasts.values()
    assert one.target.sigma2 == pytest.approx(expected, rel=1e-4)
    assert one.excess


def test_a_retrospective_uses_the_test_labels_and_never_the_pools(files):
    before, after = forecast_pairs(files.config()), forecast_pairs(files.config(retrospective=True))
    split = after.data.split
    assert after.m == len(split.labelled) + len(split.test) == 330
    (one,) = after.forecasts.values()
    assert one.kind == "retrospective"
    assert after.anchors["weak"] == ()
    # Labels of the pool change nothing.
    files.y[split.unlabelled] += 100 * np.arange(len(split.unlabelled))
    again = forecast_pairs(files.config(retrospective=True))
    (same,) = again.forecasts.values()
    assert same.risks(150, 570).student.value == pytest.approx(one.risks(150, 570).student.value, rel=1e-12)
    assert before.m == 150


def test_a_truth_gives_the_same_risks_with_less_noise(files, rng):
    files.second = files.y
    files.y = files.y + rng.normal(size=files.rows)
    found = forecast_pairs(files.config(retrospective=True, truth_column="second", noise_variance=1.0))
    (one,) = found.forecasts.values()
    labels = files.y[np.concatenate([found.data.split.labelled, found.data.split.test])]
    assert one.target.variance[0] == pytest.approx(np.var(labels), rel=0.15)
    assert one.excess


def test_two_classes_are_one_column(files):
    numbers = (files.y > 0).astype(int)
    # The column that is kept is that of the first class.
    files.y = 1 - numbers
    regression = forecast_pairs(files.config(task="regression"))
    files.y = np.where(numbers, "good", "bad")
    classes = forecast_pairs(files.config(task="classification"))
    # Both one-hot columns err alike, so their squared losses add up to twice that of one.
    for (route, once), (_, both) in zip(
        regression.forecasts["weak"].risks(150, 570).items(),
        classes.forecasts["weak"].risks(150, 570).items(),
        strict=True,
    ):
        assert both.value == pytest.approx(2 * once.value, rel=1e-9), route
    for one in classes.anchors["weak"]:
        assert one.agrees


def test_penalties_asked_for_are_those_held_against_leave_one_out(files):
    assert fixed_alphas(files.config(alpha_w=0.5)) == {"alpha_w": 0.5, "alpha_s": None}
    assert set(fixed_alphas(files.config(head="ridgeless")).values()) == {0.0}
    tuned, heavy = (forecast_pairs(files.config(**options)) for options in ({}, {"alpha_w": 50.0}))
    teacher = {anchor.route: anchor.forecast.value for anchor in heavy.anchors["weak"]}["teacher"]
    expected = heavy.forecasts["weak"].risks(150, 570, alpha_w=50.0).teacher.value
    assert teacher == pytest.approx(expected)
    assert teacher > 1.2 * tuned.anchors["weak"][0].forecast.value
    # Without a penalty, fits that pass through their labels are not compared, the others are.
    bare = forecast_pairs(files.config(head="ridgeless", m=7))
    assert {anchor.route for anchor in bare.anchors["weak"]} == set()
    enough = forecast_pairs(files.config(head="ridgeless"))
    assert len(enough.anchors["weak"]) == 3
    assert all(anchor.agrees for anchor in enough.anchors["weak"])


def test_groups_of_rows_are_left_out_whole(files):
    files.groups = np.arange(files.rows) // 3
    found = forecast_pairs(files.config(group_column="group", label_column="label"))
    (one,) = found.forecasts.values()
    assert len(one.target.weights) == 21
    assert all(anchor.agrees for anchor in found.anchors["weak"])


def test_rank_keeps_leading_directions(files):
    found = forecast_pairs(files.config(rank=(2, 4)))
    (one,) = found.forecasts.values()
    assert (len(one.pair.values_w), len(one.pair.values_s)) == (2, 4)
    assert isinstance(one.risks(150, 570).student, Estimate)


def test_what_cannot_be_used_is_refused_in_one_line(files):
    config = files.config(repeat_column="second", noise_variance=1.0)
    with pytest.raises(ConfigError, match="both give the noise variance"):
        forecast_pairs(config)
    labelled = forecast_pairs(files.config()).data.split.labelled
    files.second[labelled] = np.nan
    with pytest.raises(DataError, match="0 labelled rows have a second label"):
        forecast_pairs(files.config(repeat_column="second"))
    files.second, files.y = files.y, np.where(files.y > 0, "good", "bad")
    with pytest.raises(ConfigError, match="--repeat-column is of a regression"):
        forecast_pairs(files.config(repeat_column="second"))
    files.y = np.full(files.rows, 3.0)
    with pytest.raises(DataError, match="all 900 labels belong to one class"):
        forecast_pairs(files.config())
    files.y[0] = 4.0
    with pytest.raises(DataError, match="all 20 labels to train on have one value"):
        forecast_pairs(files.config(task="regression", m=20))


def test_a_noise_variance_above_that_of_the_labels_is_noticed(files):
    assert "OG212" not in codes(forecast_pairs(files.config(noise_variance=0.6)))
    assert "OG212" in codes(forecast_pairs(files.config(noise_variance=60.0)))


def test_a_huge_penalty_leaves_the_factor_finite(files):
    found = forecast_pairs(files.config(alpha_w=1e300))
    assert all(np.isfinite(factor) for factor in found.factors["weak"].values())
