"""Given teachers on every road: run, forecast, rank, plan, sweep, measure; what is told of them."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import outgrow
from outgrow import api
from outgrow.cli import main
from outgrow.config import ForecastConfig, MeasureConfig, PlanConfig, RankConfig, RunConfig, SweepConfig
from outgrow.errors import ConfigError
from outgrow.results import Estimate, Undefined
from outgrow.study.run import run

ROWS = 500


@pytest.fixture
def work(tmp_path, monkeypatch, rng):
    """Labels with a rule's score (noisy, in other units), a judge's (another noise) and its words beside."""
    monkeypatch.chdir(tmp_path)
    latent = rng.normal(size=(ROWS, 6))
    strong = latent @ rng.normal(size=(6, 9)) + 0.1 * rng.normal(size=(ROWS, 9))
    signal = latent[:, 0] + 0.5 * latent[:, 1]
    y = signal + 0.7 * rng.normal(size=ROWS)
    rule = 30 * (signal + 1.2 * rng.normal(size=ROWS)) + 50
    judge = signal + 1.2 * rng.normal(size=ROWS)
    words = np.where(judge > 0.5, "good", np.where(judge < -0.5, "bad", "unsure"))
    ids = [f"r{i}" for i in range(ROWS)]
    split = np.where(np.arange(ROWS) % 5 == 0, "test", "")
    columns = {"id": ids, "label": y, "kind": np.where(y > 0, "up", "down"), "rule": rule, "judge": judge}
    columns |= {"said": words, "split": split, "odds": 1 / (1 + np.exp(-judge))}
    pq.write_table(pa.table(columns), "labels.parquet")
    for name, values in (("strong", strong), ("rule", rule[:, None])):
        pq.write_table(pa.table({"id": ids, "features": values.tolist()}), f"{name}.parquet")
    return columns


COMMON = {
    "labels": "labels.parquet",
    "label_column": "label",
    "split_column": "split",
    "strong": "strong.parquet",
}


def settings(*given, kind=RunConfig, **more):
    return kind(**{**COMMON, "pseudo_labels": given, **more})


def risks(study):
    return {route.name: route.risk.value for route in study.outcome.routes}


def test_a_given_teacher_is_the_weak_set_of_its_column(work):
    given = risks(run(settings("rule", n=60)))
    as_features = risks(run(settings(weak=("rule=rule.parquet",), n=60)))
    assert given.keys() == as_features.keys()
    for name in given.keys() - {"joint (rule)"}:  # which leans on what is fixed where it is told so
        assert given[name] == pytest.approx(as_features[name], rel=1e-9), name
    assert given["student (rule)"] < given["teacher (rule)"]


def test_units_do_not_matter_and_the_scale_is_told(work):
    columns = {**work, "other": 7 - work["rule"] / 4}
    pq.write_table(pa.table(columns), "labels.parquet")
    one, other = run(settings("rule", n=60)), run(settings("rule=other", n=60))
    for name, risk in risks(one).items():
        assert risks(other)[name] == pytest.approx(risk, rel=1e-6), name
    told = [next(r.settings for r in s.outcome.routes if r.kind == "teacher") for s in (one, other)]
    assert told[1]["slope"] == pytest.approx(-4 * told[0]["slope"], rel=1e-6)
    # Ridge of the labels on one column, by hand.
    rows = one.data.split.labelled
    x, y = np.asarray(one.data.weak["rule"][rows, 0]), one.data.y[rows, 0]
    slope = np.cov(x, y, bias=True)[0, 1] / (x.var() + told[0]["alpha_w"])
    assert told[0]["slope"] == pytest.approx(slope, rel=1e-9)
    assert told[0]["offset"] == pytest.approx(y.mean() - slope * x.mean(), rel=1e-9)


def test_forecasts_of_given_teachers(work):
    found = api.forecast(settings("rule", kind=ForecastConfig, m=100, n=(20, 100), N=(400,)))
    (pair,) = found.outcome["pairs"]
    assert pair["d_w"] == 1
    assert set(pair["labels_win"]) == {"student", "joint"}
    assert tuple(pair["searched"]) == (4, 1000)
    slope = np.cov(work["rule"], work["label"])[0, 1] / np.var(work["rule"])
    assert pair["settings"]["slope"] == pytest.approx(slope, rel=0.4)
    assert all(anchor["difference"]["interval"][0] < 0 for anchor in pair["anchors"])
    risks = found["rule"].risks(100, 400)
    measured = run(settings("rule", n=100)).outcome
    for route in ("teacher", "student", "baseline"):
        risk = next(r.risk for r in measured.routes if r.kind == route)
        low, high = getattr(risks, route).interval
        assert low - 0.1 < risk.value < high + 0.1, route
    assert isinstance(risks.extras["joint"], Estimate)
    # What fits a scale and an offset costs less the more labels there are.
    early, late = found["rule"].risks(20, 400).teacher, risks.teacher
    assert early.value > late.value


def test_rank_and_plan_take_given_teachers(work):
    ranked = api.rank(settings("rule", "judge", kind=RankConfig, m=100))
    assert {t["weak"] for t in ranked.outcome["teachers"]} == {"rule", "judge", "average of 2", "stacked"}
    # Two judges with noises of their own: together they know more than either.
    best = ranked.outcome["teachers"][0]["weak"]
    assert best in ("average of 2", "stacked")
    planned = api.plan(settings("rule", kind=PlanConfig, m=100, budget=200.0, unlabelled_cost=0.01))
    assert {r["weak"] for r in planned.outcome["routes"]} >= {"rule"}


def test_a_sweep_takes_given_teachers(work):
    config = settings(
        "rule",
        kind=SweepConfig,
        strong=("strong.parquet",),
        n=(20, 40),
        N=(100,),
        seeds=3,
        split_column="split",
    )
    found = api.sweep(config, jobs=1)
    assert set(found.table["weak"][found.table["model"] == "student"]) == {"rule"}
    mean = {
        model: np.mean(found.table["risk"][(found.table["model"] == model) & (found.table["alpha_w"] == 0.1)])
        for model in ("teacher", "student")
    }
    assert mean["student"] < mean["teacher"]


def test_several_teachers_are_stacked_and_averaged_and_can_be_used_again(work):
    made = api.run(settings("rule", "judge", n=100), "out")
    names = {route["name"] for route in made.outcome["routes"]}
    assert {"teacher (average of 2)", "student (average of 2)", "joint (stacked)", "union (stacked)"} <= names
    ids = work["id"][:50]
    wide = {"id": ids, "rule": work["rule"][:50], "judge": work["judge"][:50]}
    pq.write_table(pa.table(wide), "new.parquet")
    study = run(settings("rule", "judge", n=100))
    place = {row: i for i, row in enumerate(study.data.ids.tolist())}
    rows = [place[row] for row in ids]
    for name in ("average of 2", "stacked"):
        found = api.predict("out", ["new.parquet"], model=f"teacher ({name})")
        item = next(one for one in study.trained if one.route.name == f"teacher ({name})")
        np.testing.assert_allclose(
            found["prediction"], item.predict(study.data.weak[name][rows])[:, 0], rtol=1e-6
        )
    with pytest.raises(outgrow.errors.DataError, match="is made of 2 columns"):
        made.model("teacher (stacked)").predict(np.ones((3, 1)))


def test_words_teach_numbers_and_odds_teach_words(work):
    study = run(settings("said", n=100))
    teacher = next(r for r in study.trained if r.route.kind == "teacher")
    worth = teacher.route.model.coef[:, 0]
    names = study.data.identities["said"].columns
    assert names == ("said: bad", "said: good", "said: unsure")
    assert worth[1] > worth[2] > worth[0]
    outcome = run(settings("odds", label_column="kind", n=100)).outcome
    accuracy = {r.kind: r.accuracy.value for r in outcome.routes}
    assert accuracy["student"] > accuracy["teacher"] > 0.6
    assert outcome.routes[1].settings["slope"] > 0


def test_without_a_label_what_can_be_said_is_said(work, capsys):
    pq.write_table(pa.table({name: work[name] for name in ("id", "rule")}), "scores.parquet")
    found = api.measure(MeasureConfig(pseudo_labels=("judge=scores.parquet",), strong="strong.parquet"))
    told = found["agreement"]["judge"]
    # The signal's share of the score's variance is 1.25 / (1.25 + 1.44); the strong features hold nearly all.
    low, high = told["repeated"]["interval"]
    assert low < 1.25 / 2.69 < high
    spread = np.var(work["rule"])
    assert told["misfit"]["promised"]["value"] == pytest.approx(
        (1 - told["repeated"]["value"]) * spread, rel=1e-6
    )
    assert told["misfit"]["outcome"] == "not measured"
    assert "nobody can tell" in told["better"]["reason"]
    assert found["pairs"]["judge"]["weak"]["rank"] == 1
    main(["measure", "--pseudo-labels", "judge=scores.parquet", "--strong", "strong.parquet"])
    said = " ".join(capsys.readouterr().out.split())
    assert "A student of judge repeats 0.4" in said
    assert "nobody can tell whether teacher or student is right" in said


def test_words_agree_where_both_name_the_same_first(work):
    config = MeasureConfig(pseudo_labels=("said",), labels="labels.parquet", strong="strong.parquet")
    told = api.measure(config)["agreement"]["said"]
    assert 0.45 < told["same"]["value"] < 0.9
    one = MeasureConfig(pseudo_labels=("rule",), labels="labels.parquet", strong="strong.parquet")
    assert api.measure(one)["agreement"]["rule"]["same"]["reason"] == "the teacher gives a single number"


def test_the_terminal_tells_the_scale(work, capsys):
    words = ["run", "--pseudo-labels", "rule", "--n", "60", "--out", "out", "--json"]
    words += [f"--{key.replace('_', '-')}={value}" for key, value in COMMON.items()]
    main(words)
    told = next(
        r["settings"] for r in json.loads(capsys.readouterr().out)["routes"] if r["kind"] == "teacher"
    )
    main([word for word in words if word != "--json"] + ["--overwrite"])
    assert f"rule: score x {told['slope']:.3g}"[:20] in capsys.readouterr().out


def test_a_file_of_its_own_is_found_again_from_elsewhere(work, monkeypatch, tmp_path):
    pq.write_table(pa.table({name: work[name] for name in ("id", "judge")}), "scores.parquet")
    api.run(settings("judge=scores.parquet", n=60), "out")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    _, moved = api.replay(tmp_path / "out")
    assert max(moved.values()) < 1e-9


def test_what_is_not_a_teacher_is_refused(work):
    for entry in ("label", "x=label"):
        with pytest.raises(ConfigError, match="holds the labels themselves"):
            run(settings(entry, n=60))
    with pytest.raises(ConfigError, match="two given teachers have the same name"):
        run(settings("a=rule", "a=judge", n=60))
    with pytest.raises(ConfigError, match="two teachers have the same name"):
        run(settings("rule", weak=("rule=rule.parquet",), n=60))
    assert isinstance(run(settings("rule", n=60)).outcome.pairs[0].misfit.promised, Estimate | Undefined)
