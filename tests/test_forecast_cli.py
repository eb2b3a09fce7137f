"""`outgrow forecast` as its user meets it: from files or a run, to a table, JSON or a folder."""

from __future__ import annotations

import json
import tomllib

import numpy as np
import pyarrow.parquet as pq
import pytest

import outgrow
from outgrow.cli import main
from outgrow.results import Estimate, Undefined


@pytest.fixture
def files(tmp_path, rng, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = 500
    latent = rng.normal(size=(rows, 8))
    np.save("weak.npy", (latent[:, 3:] + 0.4 * rng.normal(size=(rows, 5))).astype(np.float32))
    np.save("other.npy", (latent[:, :4] + 0.8 * rng.normal(size=(rows, 4))).astype(np.float32))
    np.save("strong.npy", (latent @ rng.normal(size=(8, 10)) + 3).astype(np.float32))
    y = latent @ np.linspace(0.2, 1, 8) + 0.8 * rng.normal(size=rows)
    second = y + rng.normal(size=rows)
    (tmp_path / "labels.csv").write_text(
        "label,second\n" + "\n".join(f"{a:.5f},{b:.5f}" for a, b in zip(y, second, strict=True)) + "\n"
    )
    return tmp_path


BASE = ["--weak", "weak.npy", "--strong", "strong.npy", "--labels", "labels.csv", "--label-column", "label"]
FORECAST = ["forecast", *BASE, "--m", "100"]
SIZES = ["--n", "50", "100", "--N", "60", "400"]


def test_a_table_on_the_terminal_and_nothing_on_disk(files, capsys):
    before = sorted(path.name for path in files.iterdir())
    main([*FORECAST, *SIZES])
    shown = capsys.readouterr().out
    assert "Prospective forecast: 100 labels used, 400 unlabelled rows at hand" in shown
    assert "With 100 labelled and 400 unlabelled rows and the teacher weak" in shown
    for words in ("Student", "Labels-only", "Ceiling", "PGR", "OPR", "Inherited variance"):
        assert words in shown
    assert "--repeat-column" in shown
    assert sorted(path.name for path in files.iterdir()) == before


def test_a_folder_holds_everything_and_its_configuration_gives_the_same_again(
    files, capsys, found, refused, redrawn, monkeypatch
):
    main([*FORECAST, *SIZES, "--out", "out", "--noise-variance", "0.64"])
    assert "Report: out/report.html" in capsys.readouterr().out
    names = "config.toml forecast.json forecast.parquet manifest.json report.html versions.json"
    assert sorted(path.name for path in (files / "out").iterdir()) == names.split()
    redrawn()
    outcome = json.loads((files / "out" / "forecast.json").read_text())
    assert (outcome["m"], outcome["pool"], outcome["n"], outcome["N"]) == (100, 400, [50, 100], [60, 400])
    config = tomllib.loads((files / "out" / "config.toml").read_text())
    assert config["strong"] == f"strong={files / 'strong.npy'}"
    table = pq.read_table(files / "out" / "forecast.parquet").to_pylist()
    student = [row for row in table if row["quantity"] == "excess_risk" and row["of"] == "student"]
    assert [(row["n"], row["N"]) for row in student] == [(50, 60), (50, 400), (100, 60), (100, 400)]
    for row, design in zip(student, outcome["pairs"][0]["designs"], strict=True):
        assert row["value"] == design["risks"]["student"]["value"]
        assert [row["low"], row["high"]] == design["risks"]["student"]["interval"]
    quantities = {row["quantity"] for row in table}
    assert quantities == {"excess_risk", "part_of_student", "pgr", "opr", "probability_below", "penalty"}
    assert "is a forecast, and this reads runs" in refused("forecast out")
    assert "exists already" in refused([*FORECAST, "--out", "out"])
    (files / "elsewhere").mkdir()
    monkeypatch.chdir(files / "elsewhere")
    again = found(["forecast", "--config", "../out/config.toml"])
    for one, other in zip(again["pairs"], outcome["pairs"], strict=True):
        assert one["designs"] == other["designs"]


def test_designs_by_default_are_around_what_is_at_hand(files, found):
    outcome = found(FORECAST)
    assert outcome["n"] == [50, 100, 200, 400]
    assert outcome["N"] == [40, 130, 400]


def test_a_runs_features_labels_and_measured_risks_are_used(files, found):
    main(["run", *BASE, "--n", "100", "--test", "0.2", "--noise-variance", "0.64", "--out", "run1"])
    outcome = found(["forecast", "run1", "--n", "50", "--N", "300"])
    assert (outcome["m"], outcome["pool"], outcome["n"]) == (100, 300, [50])
    run = json.loads((files / "run1" / "run.json").read_text())
    measured = {one["route"]: one for one in outcome["measured"]}
    assert set(measured) == {"teacher", "student", "baseline", "ceiling", "union"}
    routes = {route["kind"]: route for route in run["routes"]}
    assert measured["student"]["risk"]["value"] == routes["student"]["excess_risk"]["value"]
    # What was measured lies where it was forecast, give or take one draw of rows.
    curve = outcome["pairs"][0]["curves"][0]
    assert curve["other"] == 300
    place = curve["places"].index(100)
    for route in ("teacher", "student", "baseline"):
        values = curve["routes"][route]
        assert values["low"][place] - 0.15 < measured[route]["risk"]["value"] < values["high"][place] + 0.15
    # What is asked for on the command line stands before the run's own.
    other = found(["forecast", "run1", "--weak", "other.npy", "--m", "60", "--n", "50", "--N", "300"])
    assert [pair["weak"] for pair in other["pairs"]] == ["other"]
    assert other["m"] == 60


def test_a_minimum_norm_run_is_forecast_without_penalties(files, found):
    run = ["run", *BASE, "--n", "60", "--test", "0.2", "--head", "ridgeless", "--out", "run2"]
    main(run)
    outcome = found(["forecast", "run2", "--n", "60", "--N", "340"])
    kept = json.loads((files / "run2" / "run.json").read_text())
    (pair,) = outcome["pairs"]
    assert (pair["d_w"], pair["d_s"]) == (kept["d_w"]["weak"], kept["d_s"])
    alphas = pair["designs"][0]["alphas"]
    assert all(value == 0 for name, value in alphas.items() if name != "union")
    tuned = found(["forecast", "run2", "--head", "ridge", "--n", "60", "--N", "340"])
    assert tuned["pairs"][0]["designs"][0]["alphas"]["alpha_s"] > 0


def test_two_classes_get_accuracies(files, capsys, found):
    y = np.loadtxt("labels.csv", delimiter=",", skiprows=1)[:, 0]
    (files / "labels.csv").write_text("label\n" + "\n".join(np.where(y > 0, "good", "bad")) + "\n")
    outcome = found([*FORECAST, "--n", "100", "--N", "400"])
    (design,) = outcome["pairs"][0]["designs"]
    assert set(design["accuracy"]) == {"teacher", "student", "baseline", "ceiling"}
    assert 0.6 < design["accuracy"]["baseline"]["value"] < 1
    main([*FORECAST, "--n", "100", "--N", "400"])
    assert "weak: accuracy" in capsys.readouterr().out


def test_risks_that_are_not_told_are_undefined_and_the_rest_goes_on(files, found):
    few = [*FORECAST, "--unlabelled", "14", "--n", "50", "--N", "12", "--head", "ridgeless"]
    risks = found(few)["pairs"][0]["designs"][0]["risks"]
    assert "do not tell what 5 weak and" in risks["student"]["reason"]
    assert "--rank" in risks["student"]["remedy"]
    assert risks["teacher"]["value"] > 0
    tuned = found([*few[:-2]])["pairs"][0]["designs"][0]["risks"]
    assert tuned["student"]["value"] > 0


def test_duplicated_columns_change_nothing(files, found):
    sizes = ["--n", "50", "--N", "300"]
    once = found([*FORECAST, *sizes])["pairs"][0]
    strong = np.load("strong.npy")
    # The same directions in the same proportions: every column twice.
    np.save("strong.npy", np.hstack([strong, strong]) / np.float32(np.sqrt(2)))
    twice = found([*FORECAST, *sizes])["pairs"][0]
    # float32 rounds both copies anew.
    assert twice["d_s"] == once["d_s"]
    for route in ("teacher", "student", "baseline", "ceiling"):
        risks = (one["designs"][0]["risks"][route]["value"] for one in (once, twice))
        assert next(risks) == pytest.approx(next(risks), rel=1e-2), route


def test_a_notebook_asks_the_forecasts_themselves(files):
    made = outgrow.forecast(
        outgrow.ForecastConfig(
            weak=("weak.npy", "other.npy"),
            strong="strong.npy",
            labels="labels.csv",
            label_column="label",
            repeat_column="second",
            m=100,
            n=(50,),
            N=(300,),
        )
    )
    assert list(made.forecasts) == ["weak", "other"]
    risks = made["weak"].risks(200, 5000)
    assert isinstance(risks.student, (Estimate, Undefined))
    design = made.outcome["pairs"][0]["designs"][0]
    assert made.forecasts["weak"].risks(50, 300).student.value == design["risks"]["student"]["value"]
    shown = made._repr_html_()
    assert "With 50 labelled and 300 unlabelled rows" in shown
    assert "<table" in shown
    assert made.folder is None
