"""Ranking teachers: in the order of their forecasts, ties as ties, and no teacher where none is worth it."""

from __future__ import annotations

import numpy as np
import pytest

from outgrow.config import RankConfig
from outgrow.errors import ConfigError
from outgrow.forecasts import rank as module
from outgrow.forecasts.forecast import Forecast
from outgrow.forecasts.foresight import forecast_pairs
from outgrow.forecasts.rank import rank
from outgrow.results import Estimate, Undefined
from outgrow.theory.surface import RELATIVE
from outgrow.theory.terms import PairSpectra, Target

ROWS, LABELS = 700, 120


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A strong set that holds the target, and teachers with more and more noise; two are alike."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(3)
    latent = rng.normal(size=(ROWS, 24))
    np.save("strong.npy", (latent @ rng.normal(size=(24, 30))).astype(np.float32))
    sets = {
        "good": latent + 0.05 * rng.normal(size=latent.shape),
        "bad": latent[:, :5] + 0.5 * rng.normal(size=(ROWS, 5)),
        "fair": latent[:, :16] + 0.3 * rng.normal(size=(ROWS, 16)),
    }
    for name, values in sets.items():
        np.save(f"{name}.npy", values.astype(np.float32))
    np.save("twin.npy", np.load("good.npy")[:, ::-1])
    y = latent @ np.ones(24) + rng.normal(size=ROWS)
    labels(tmp_path / "labels.csv", y)
    return tmp_path


def labels(path, y, count=LABELS):
    lines = [f"{v:.6g},labelled" if i < count else ",unlabelled" for i, v in enumerate(y.tolist())]
    path.write_text("\n".join(["label,split", *lines]) + "\n")


def config(*weak, **changes):
    names = tuple(f"{name}.npy" for name in weak)
    options = {"strong": "strong.npy", "labels": "labels.csv", "split_column": "split", "task": "regression"}
    return RankConfig(weak=names, label_column="label", **{**options, **changes})


def test_teachers_stand_in_the_order_of_their_forecasts(world):
    found = rank(config("bad", "good", "fair", noise_variance=1.0)).outcome
    assert [teacher.weak for teacher in found.teachers] == ["good", "fair", "bad"]
    assert [teacher.place for teacher in found.teachers] == [1, 2, 3]
    risks = [teacher.student.value for teacher in found.teachers]
    assert risks == sorted(risks)
    assert found.tied == ("good",)
    assert found.teachers[0].probability > 0.99
    assert found.teachers[2].behind.interval[0] > 0
    assert sum(teacher.probability for teacher in found.teachers) == pytest.approx(1)


def test_numbers_are_those_of_the_forecasts(world):
    asked = config("good", "fair", n=90, N=400)
    found = rank(asked).outcome
    for weak, forecast in forecast_pairs(asked).forecasts.items():
        teacher = next(one for one in found.teachers if one.weak == weak)
        risks, parts = forecast.risks(90, 400), forecast.decomposition(90, 400)
        assert teacher.student.value == pytest.approx(risks.student.value, rel=1e-9)
        assert teacher.student.interval == pytest.approx(risks.student.interval, rel=1e-9)
        assert teacher.alone.value == pytest.approx(risks.teacher.value, rel=1e-9)
        for name, part in parts.items():
            assert getattr(teacher, name).value == pytest.approx(part.value, rel=1e-9)
        whole = teacher.bias.value + teacher.inherited.value + teacher.fresh.value
        assert whole == pytest.approx(teacher.student.value, rel=1e-9)
    best = found.teachers[0].student.value
    for teacher in found.teachers:
        assert teacher.behind.value == pytest.approx(teacher.student.value - best, abs=1e-12)
        gain = teacher.student.value - found.labels_alone.risk.value
        assert teacher.beyond_labels.value == pytest.approx(gain, abs=1e-9)


def test_the_same_features_under_two_names_are_a_tie(world):
    found = rank(config("good", "twin", "bad")).outcome
    assert set(found.tied) == {"good", "twin"}
    assert "are tied" in found.sentence
    first, second = found.teachers[:2]
    assert second.behind.value == pytest.approx(0, abs=1e-6)
    assert second.behind.interval[1] < 0.01 * first.student.value


def test_noise_changes_no_difference(world):
    plain = rank(config("good", "fair")).outcome
    excess = rank(config("good", "fair", noise_variance=0.5)).outcome
    assert (plain.excess, excess.excess) == (False, True)
    for one, other in zip(plain.teachers, excess.teachers, strict=True):
        assert one.student.value - other.student.value == pytest.approx(0.5)
        assert one.behind.interval == pytest.approx(other.behind.interval)
        assert one.beyond_labels.interval == pytest.approx(other.beyond_labels.interval)


def test_no_teacher_is_recommended_where_labels_do_better(world):
    found = rank(config("bad", noise_variance=1.0)).outcome
    assert found.decision == "none"
    assert found.recommended is None
    assert found.sentence.startswith("None beats training on the labels alone: take labels-only")
    assert not found.teachers[0].worth
    assert found.teachers[0].beyond_labels.interval[0] > 0
    assert found.labels_alone.kind == "baseline"


def test_a_student_that_may_be_worth_it_is_not_shown_to_be(world):
    found = rank(config("good", n=40, N=2000)).outcome
    low, high = found.teachers[0].beyond_labels.interval
    assert low < 0 < high and not found.teachers[0].worth
    assert (found.decision, found.recommended) == ("not shown", None)


def test_a_student_that_beats_its_labels_is_taken(world):
    # Both sets hold the target among many directions of their own: the student drops the teacher's.
    rng = np.random.default_rng(4)
    latent, own, others = (rng.normal(size=(2400, d)) for d in (3, 150, 150))
    np.save("strong.npy", np.hstack([latent, own]).astype(np.float32))
    np.save("good.npy", np.hstack([latent, others]).astype(np.float32))
    np.save("bad.npy", (latent[:, :1] + rng.normal(size=(2400, 5))).astype(np.float32))
    labels(world / "labels.csv", 3 * latent @ np.ones(3) + 6 * rng.normal(size=2400), 600)
    found = rank(config("good", "bad", noise_variance=36.0)).outcome
    assert found.decision == "take"
    assert found.recommended == "good"
    assert found.teachers[0].worth
    assert found.teachers[0].beyond_labels.interval[1] < 0
    assert found.sentence.startswith("Take good: its student is forecast to reach an excess risk of")
    assert "It beats training on the labels alone" in found.sentence
    alone = rank(config("good", noise_variance=36.0)).outcome
    assert alone.sentence.startswith("Take good, the only teacher:")
    assert alone.teachers[0].probability == 1


def test_dimensions_are_those_of_the_penalties():
    # In a population the formula is plain: sums of squares of shrinkage factors, and through C (T4).
    rng = np.random.default_rng(1)
    values_w, values_s = np.array([3.0, 1.0, 0.3]), np.array([2.0, 1.0, 0.5, 0.1])
    C = np.linalg.qr(rng.normal(size=(4, 4)))[0][:, :3] * np.array([0.9, 0.5, 0.2])
    pair = PairSpectra(values_w=values_w, values_s=values_s, C=C)
    target = Target.known(np.ones(3), np.ones(4), 10.0, 1.0)
    forecast = Forecast(
        weak="w", strong="s", pair=pair, target=target, m=50, penalties_w=RELATIVE, penalties_s=RELATIVE
    )
    d_w, d_s, d_sw = module._dimensions(forecast, 50, 400, 0.2, 0.1)

    def shrunk(values, m, alpha):
        kappa = alpha
        for _ in range(500):
            kappa = alpha * m / (m - 1) / (1 - np.sum(values / (values + kappa)) / (m - 1))
        return values / (values + kappa)

    h_w, h_s = shrunk(values_w, 50, 0.2), shrunk(values_s, 400, 0.1)
    assert d_w == pytest.approx(np.sum(h_w**2))
    assert d_s == pytest.approx(np.sum(h_s**2))
    assert d_sw == pytest.approx(h_s**2 @ C**2 @ h_w**2)


def test_given_penalties_are_kept(world):
    found = rank(config("good", "fair", alpha_w=0.7, alpha_s=0.2)).outcome
    assert {(teacher.alpha_w, teacher.alpha_s) for teacher in found.teachers} == {(0.7, 0.2)}


def test_an_infinite_risk_is_undefined_and_stands_last(world):
    found = rank(config("fair", "good", alpha_w=0.0, alpha_s=0.1, n=26)).outcome
    last = found.teachers[-1]
    assert (last.weak, last.place, last.behind, last.probability) == ("good", None, None, None)
    assert not last.tied
    assert isinstance(last.student, Undefined)
    assert isinstance(found.teachers[0].student, Estimate)
    found = rank(config("good", alpha_w=0.0, alpha_s=0.1, n=26)).outcome
    assert (found.decision, found.recommended) == ("undefined", None)


def test_teachers_of_one_name_are_refused(world):
    (world / "more").mkdir()
    np.save("more/good.npy", np.load("fair.npy"))
    with pytest.raises(ConfigError, match="two weak feature sets have the same name"):
        rank(config("good", "more/good"))


def test_checks_say_whose_they_are(world, monkeypatch):
    found = rank(config("good", "bad", noise_variance=40.0)).outcome
    raised = [check.detail for check in found.checks if check.code == "OG213"]
    assert any(detail.startswith("good: student") for detail in raised)
    assert all(not teacher.student.checks for teacher in found.teachers)


def teacher(name, value, *, tied=True, worth=False, low=-0.1):
    risk = Estimate(value, (value - 0.1, value + 0.1))
    against = Estimate(value - 0.4, (low, 0.3))
    numbers = dict.fromkeys(("student", "bias", "inherited", "fresh", "alone", "behind"), risk)
    return module.RankedTeacher(
        weak=name, place=1, beyond_labels=against, probability=0.5, tied=tied, worth=worth, **numbers
    )


ALONE = module.LabelsAlone("teacher", "b", Estimate(0.4))


@pytest.mark.parametrize(
    ("teachers", "decision", "recommended", "said"),
    [
        ([teacher("a", 0.2, worth=True), teacher("b", 0.3, tied=False)], "take", "a", "Take a: its student"),
        ([teacher("a", 0.2, worth=True), teacher("b", 0.3)], "tied", "a", "a and b are tied: 400 labels"),
        ([teacher("a", 0.2), teacher("b", 0.3, worth=True)], "tied", "b", "Take b all the same, the first"),
        (
            [teacher("a", 0.2), teacher("b", 0.3, tied=False, worth=True)],
            "tied",
            "b",
            "The least forecast is that of a, an excess risk of 0.200. Take b all the same",
        ),
        ([teacher("a", 0.2), teacher("b", 0.3)], "not shown", None, "Among the teachers a and b are tied."),
        ([teacher("a", 0.5, low=0.01), teacher("b", 0.6, low=0.1)], "none", None, "take the teacher b by"),
        ([teacher("a", 0.5, low=0.01), teacher("b", 0.6, low=-0.1)], "not shown", None, "which is cheaper"),
        ([teacher("a", 0.2, worth=True)], "take", "a", "Take a, the only teacher: its student"),
    ],
)
def test_every_decision_has_its_sentence(teachers, decision, recommended, said):
    found = module._decided(tuple(teachers), ALONE, True, 400)
    assert found[:2] == (decision, recommended)
    assert said in found[2]
    assert "0.400" in found[2]


def test_many_ties_are_counted():
    some = tuple(teacher(f"t{k}", 0.2, worth=True) for k in range(9))
    assert "t0, t1, t2, t3, t4 and 4 more are tied" in module._decided(some, ALONE, True, 400)[2]
