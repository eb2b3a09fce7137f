"""Designs, curves, differences and accuracies, each against what it must equal."""

from __future__ import annotations

import json

import numpy as np
import pytest

from outgrow.config import ForecastConfig
from outgrow.forecasts.forecast_designs import LABEL_STEPS, POOL_STEPS, _around, forecast
from outgrow.intervals.jackknife import jackknife_interval
from outgrow.intervals.replicates import allowance, interval
from outgrow.results import Estimate, Undefined, as_plain


class Task:
    """A Gaussian world with labels of two classes or numbers, as files."""

    def __init__(self, folder, write, rng, rows=2600):
        self.folder, self.write = folder, write
        self.mix = rng.normal(size=(8, 10))
        self.beta = np.linspace(0.2, 1.0, 8)
        self.weak, self.strong, self.score = self.draw(rng, rows)

    def draw(self, rng, rows):
        latent = rng.normal(size=(rows, 8))
        weak = latent[:, 2:] + 0.5 * rng.normal(size=(rows, 6))
        strong = latent @ self.mix + 0.3 * rng.normal(size=(rows, 10)) + 3.0
        return weak, strong, latent @ self.beta + 0.8 * rng.normal(size=rows)

    def config(self, labels, **options):
        features = {"weak": self.weak, "strong": self.strong}
        given = self.write(self.folder, features, {"label": labels})
        return ForecastConfig(**{**given, "m": 400, **options})


@pytest.fixture
def task(tmp_path, write, rng):
    return Task(tmp_path, write, rng)


def test_designs_by_default_are_round_and_hold_what_is_at_hand():
    assert _around(400, LABEL_STEPS) == [200, 400, 800, 1600]
    assert _around(237, LABEL_STEPS) == [120, 237, 470, 950]
    assert _around(7600, POOL_STEPS) == [760, 2500, 7600]
    assert _around(4, POOL_STEPS) == [2, 4]


def test_designs_curves_and_differences_are_those_of_the_forecast(task):
    made = forecast(task.config(task.score, n=(50, 400), N=(20, 2200), noise_variance=0.64))
    (pair,) = made.outcome.pairs
    one = made.foresight.forecasts["weak"]
    assert [(d.n, d.N) for d in pair.designs] == [(50, 20), (50, 2200), (400, 20), (400, 2200)]
    for design in pair.designs:
        risks = one.risks(design.n, design.N)
        assert as_plain(design.risks) == as_plain(risks)
        assert design.pgr == one.pgr(design.n, design.N)
        assert design.opr == one.opr(design.n, design.N)
        assert design.accuracy == {}
        for rival, margin in design.margins.items():
            found = one.surface([design.n], [design.N])
            apart = found.student[:, 0, 0] - getattr(found, rival)[:, 0]
            assert margin.value == pytest.approx(apart[0], rel=1e-12)
            # Paired: replicate by replicate, as both rest on the same labels.
            low, high = jackknife_interval(apart[0], apart[1:])
            own = interval(apart, allowance(apart[0], found.student[0, 0, 0] - 0.64))
            assert margin.interval == pytest.approx(own)
            # The theory's own share is a tenth of the difference at most, and little where it is near zero.
            most = np.hypot(high - low, 2 * 1.73 * (0.1 * abs(apart[0]) + 0.0075 * found.student[0, 0, 0]))
            assert high - low <= own[1] - own[0] < most
        best = one.best_alphas(design.n, design.N)
        assert design.alphas == best._asdict()
    along_n, along_N = pair.curves
    assert (along_n.along, along_n.other, along_N.along, along_N.other) == ("n", 2200, "N", 400)
    assert {50, 400} <= set(along_n.places)
    assert {20, 2200} <= set(along_N.places)
    for curve in pair.curves:
        for place, value, low in zip(
            curve.places, curve.routes["student"]["value"], curve.routes["student"]["low"], strict=True
        ):
            at = (place, curve.other) if curve.along == "n" else (curve.other, place)
            student = one.risks(*at).student
            assert (value, low) == pytest.approx((student.value, student.interval[0]))
        parts = [curve.routes[key]["value"] for key in ("bias", "inherited", "fresh")]
        assert np.sum(parts, axis=0) == pytest.approx(curve.routes["student"]["value"])


def test_without_penalties_curves_break_at_their_peaks(task):
    made = forecast(task.config(task.score, n=(7, 50), N=(11, 2200), head="ridgeless"))
    (pair,) = made.outcome.pairs
    first = pair.designs[0]
    assert isinstance(first.risks.teacher, Undefined)
    assert isinstance(first.margins["teacher"], Undefined)
    assert isinstance(first.risks.baseline, Estimate)
    assert set(first.alphas.values()) - {first.alphas["union"]} == {0.0}
    teacher = pair.curves[0].routes["teacher"]["value"]
    assert teacher[0] is None
    assert teacher[-1] > 0
    # JSON has no NaN.
    json.dumps(as_plain(made.outcome), allow_nan=False)


def ridge(X, y, alpha):
    centre = X - X.mean(axis=0)
    theta = np.linalg.solve(
        centre.T @ centre / len(X) + alpha * np.eye(X.shape[1]), centre.T @ (y - y.mean()) / len(X)
    )
    return theta, y.mean() - X.mean(axis=0) @ theta


@pytest.mark.slow
@pytest.mark.parametrize("threshold", [0.0, 1.2], ids=["even classes", "uneven classes"])
def test_accuracies_are_those_of_trained_models(task, rng, threshold):
    names = np.where(task.score > threshold, "high", "low")
    made = forecast(task.config(names, n=(60,), N=(500,)))
    (design,) = made.outcome.pairs[0].designs
    assert made.outcome.classes == ("high", "low")
    right = {route: [] for route in design.accuracy}
    losses = {route: [] for route in design.accuracy}
    for _ in range(60):
        (W, S, a), (V, T, b), (X, Z, c) = (task.draw(rng, rows) for rows in (60, 500, 4000))
        y, truth = (a > threshold) * 1.0, (c > threshold) * 1.0
        taught = ridge(W, y, design.alphas["alpha_w"])
        fits = {
            "teacher": (X, ridge(W, y, design.alphas["teacher"])),
            "student": (Z, ridge(T, V @ taught[0] + taught[1], design.alphas["alpha_s"])),
            "baseline": (Z, ridge(S, y, design.alphas["baseline"])),
            "ceiling": (
                Z,
                ridge(np.vstack([S, T]), np.append(y, b > threshold), design.alphas["ceiling"]),
            ),
        }
        for route, (rows, (theta, offset)) in fits.items():
            value = rows @ theta + offset
            right[route].append(np.mean((value > 0.5) == (truth > 0.5)))
            losses[route].append(2 * np.mean((value - truth) ** 2))
    for route, found in design.accuracy.items():
        measured = np.mean(right[route])
        # Sampling of 400 labels: its interval; the theory itself: one point of a hundred. Of 400 rows a
        # quarter wrong is counted with a standard error of .022.
        assert found.interval[0] - 0.01 < measured < found.interval[1] + 0.01, route
        assert abs(found.value - measured) < 0.066, route
        risk = getattr(design.risks, route)
        assert risk.interval[0] - 0.01 < np.mean(losses[route]) < risk.interval[1] + 0.01, route
    assert "of class labels is not known" in design.opr.reason
    assert isinstance(design.pgr, Estimate)


def test_what_a_run_measured_is_read_in_the_forecasts_units(task):
    risk = {"type": "Estimate", "value": 1.5, "interval": [1.4, 1.6]}
    excess = {"type": "Estimate", "value": 0.9, "interval": [0.8, 1.0]}
    routes = [
        {"kind": "student", "weak": "weak", "risk": risk, "excess_risk": excess},
        {"kind": "baseline", "weak": None, "risk": risk, "excess_risk": {"reason": "unknown"}},
        {"kind": "joint", "weak": "weak", "risk": risk},
    ]
    run = {"n": 400, "N": 2200, "routes": routes}
    config = task.config(task.score, n=(100,), N=(500,))
    blind = forecast(config, run=run).outcome
    assert [(one.route, one.n, one.N, one.risk.value) for one in blind.measured] == [
        ("student", 400, 2200, 1.5),
        ("baseline", 400, 2200, 1.5),
    ]
    # Curves lead through the run's design.
    assert [curve.other for curve in blind.pairs[0].curves] == [2200, 400]
    assert 400 in blind.pairs[0].curves[0].places
    known = forecast(config.model_copy(update={"noise_variance": 0.64}), run=run).outcome
    assert [one.risk.value for one in known.measured] == [0.9]
    assert forecast(config, run={"routes": routes}).outcome.measured == ()


def test_the_noise_says_where_it_is_known_from(task):
    unknown = forecast(task.config(task.score, n=(100,), N=(500,))).outcome
    assert isinstance(unknown.noise, Undefined)
    assert "--repeat-column" in unknown.noise.remedy
    given = forecast(task.config(task.score, n=(100,), N=(500,), noise_variance=0.64)).outcome
    assert given.noise.value == 0.64
    assert given.noise.method.endswith("as given")
    assert (given.excess, unknown.excess) == (True, False)


def test_an_excess_risk_below_zero_raises_a_check(task):
    found = forecast(task.config(task.score, n=(100,), N=(500,), noise_variance=9.0)).outcome
    (below,) = (check.detail for check in found.checks if check.code == "OG213")
    # Whose number it is, and where; a bare number helps nobody.
    assert "teacher at n = 100, N = 500: -" in below
    assert found.pairs[0].designs[0].risks.baseline.value == 0


def test_what_needs_no_teacher_has_one_value(task, rng):
    other = task.folder / "other.npy"
    np.save(other, task.weak[:, :3] + rng.normal(size=(len(task.weak), 3)))
    config = task.config(task.score, n=(50, 400), N=(2200,))
    config = config.model_copy(update={"weak": (*config.weak, str(other))})
    first, second = forecast(config).outcome.pairs
    assert first.weak != second.weak
    for one, two in zip(first.designs, second.designs, strict=True):
        for route in ("baseline", "ceiling"):
            assert getattr(one.risks, route).value == pytest.approx(getattr(two.risks, route).value, rel=1e-9)
        assert one.risks.teacher.value != pytest.approx(two.risks.teacher.value, rel=1e-3)
