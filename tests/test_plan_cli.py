"""`outgrow plan` as its user meets it: what to buy, a folder, and one line when something is wrong."""

from __future__ import annotations

import json

import numpy as np
import pytest

import outgrow
from outgrow.cli import main
from outgrow.config import PlanConfig


@pytest.fixture
def files(tmp_path, rng, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows, d_w, d_s = 500, 4, 7
    latent = rng.normal(size=(rows, 9))
    np.save("weak.npy", (latent[:, :d_w] + 0.3 * rng.normal(size=(rows, d_w))).astype(np.float32))
    np.save("strong.npy", latent[:, :d_s].astype(np.float32))
    y = latent @ np.ones(9) / 3 + rng.normal(size=rows)
    split = ["labelled" if place < 100 else "unlabelled" for place in range(rows)]
    lines = [
        f"{v:.5f},{part}" if part == "labelled" else f",{part}" for v, part in zip(y, split, strict=True)
    ]
    (tmp_path / "labels.csv").write_text("label,split\n" + "\n".join(lines) + "\n")
    return tmp_path


PLAN = ["plan", "--weak", "weak.npy", "--strong", "strong.npy", "--labels", "labels.csv"]
PLAN += ["--label-column", "label", "--split-column", "split", "--task", "regression"]
PLAN += ["--noise-variance", "1.0"]
PRICES = ["--unlabelled-cost", "0.02"]
BUDGET = [*PRICES, "--budget", "100"]


def refused(capsys, words, status=2):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == status
    err = capsys.readouterr().err
    assert err.count("\n") == 1, err
    assert err.startswith("outgrow: ")
    return err


def test_a_budget_is_planned_and_written(files, capsys):
    main([*PLAN, *BUDGET, "--out", "out"])
    shown = capsys.readouterr().out
    assert "Buy " in shown
    assert "Report: out/report.html" in shown
    names = {path.name for path in (files / "out").iterdir()}
    assert names == {
        "config.toml",
        "manifest.json",
        "plan.json",
        "plan.parquet",
        "report.html",
        "versions.json",
    }
    found = json.loads((files / "out" / "plan.json").read_text())
    best = found["routes"][0]
    assert best["cost"] <= 100
    assert {route["route"] for route in found["routes"]} == {"teacher", "baseline", "union", "student"}
    assert [route["risk"]["value"] for route in found["routes"]] == sorted(
        route["risk"]["value"] for route in found["routes"]
    )
    assert refused(capsys, [*PLAN, *BUDGET, "--out", "out"]).count("exists already")
    main([*PLAN, *BUDGET, "--out", "out", "--overwrite"])


def test_a_target_is_reached_and_json_says_so(files, capsys):
    main([*PLAN, *PRICES, "--target-risk", "0.6", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["asked"] == "target"
    assert found["routes"][0]["risk"]["value"] <= 0.6
    assert found["budget"] == found["routes"][0]["cost"]


def test_python_gives_what_the_command_line_gives(files, capsys):
    config = PlanConfig(
        weak=("weak.npy",),
        strong="strong.npy",
        labels="labels.csv",
        label_column="label",
        split_column="split",
        task="regression",
        noise_variance=1.0,
        budget=100.0,
        unlabelled_cost=0.02,
    )
    found = outgrow.plan(config)
    main([*PLAN, *BUDGET, "--json"])
    told = json.loads(capsys.readouterr().out)["routes"][0]
    assert (found.best.route, found.best.n, found.best.N) == (told["route"], told["n"], told["N"])
    assert "Train" in found._repr_html_()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--unlabelled-cost", "0.02"], "Give one of --budget and --target-risk"),
        ([*BUDGET, "--target-risk", "1"], "Give one of --budget and --target-risk"),
        (["--budget", "100"], "--unlabelled-cost is missing"),
        (["--budget", "100", "--unlabelled-cost", "0"], "unlabelled cost must be positive, not 0"),
        ([*BUDGET, "--label-cost", "-1"], "label cost must be positive, not -1"),
        ([*PRICES, "--budget", "-5"], "--budget: must be a number above 0, not -5"),
        ([*PRICES, "--budget", "nan"], "--budget: must be a number above 0"),
        ([*PRICES, "--budget", "1"], "predicting the mean; the cheapest design that does costs"),
        ([*PRICES, "--target-risk", "0.001"], "with as many rows as can be had, the best route"),
        ([*BUDGET, "--have-labels", "50", "--most-labels", "20"], "50 are at hand"),
        ([*BUDGET, "--have-labels", "-1"], "--have-labels"),
        ([*BUDGET, "--have-labels", "9" * 20], "--have-labels"),
        ([*PRICES, "--target-risk", "100"], "predicting the mean of the labels reaches it"),
        ([*BUDGET, "--label-cost", "1e-9"], "an unlabelled row costs more than 100 times as much"),
        ([*BUDGET, "--alpha-w", "inf"], "--alpha-w: input should be a finite number"),
    ],
)
def test_wrong_options_are_one_line(files, capsys, words, said):
    assert said in refused(capsys, [*PLAN, *words, "--out", "out"])
    assert not (files / "out").exists()


def test_a_plan_of_rows_at_hand_buys_nothing(files, capsys):
    # No money is left for a single pseudo-label either.
    main([*PLAN, *PRICES, "--target-risk", "0.6", "--have-labels", "100"])
    assert "Use 100 labels, all at hand: there is nothing to buy." in " ".join(
        capsys.readouterr().out.split()
    )
    main([*PLAN, *PRICES, "--budget", "50", "--have-labels", "100"])
    said = " ".join(capsys.readouterr().out.split())
    assert "Buy 150 labels (100 labels of them at hand), for 50." in said


def test_money_that_buys_no_pseudo_label_is_planned_all_the_same(files, capsys):
    main([*PLAN, "--unlabelled-cost", "50", "--budget", "40", "--json"])
    assert json.loads(capsys.readouterr().out)["routes"][0]["n"] == 40


def test_risks_below_zero_are_told_as_zero_and_checked(files, capsys):
    words = [*PLAN[:-1], "50", *BUDGET, "--json"]
    main(words)
    found = json.loads(capsys.readouterr().out)
    assert {one["risk"]["value"] for one in found["routes"]} == {0.0}
    assert {"OG212", "OG213"} <= {check["code"] for check in found["checks"]}


def test_rows_at_hand_are_free_and_used(files, capsys):
    words = [*PLAN, *PRICES, "--budget", "10", "--have-labels", "100", "--have-unlabelled", "400", "--json"]
    main(words)
    found = json.loads(capsys.readouterr().out)
    for route in found["routes"]:
        assert route["n"] >= 100
        assert route["cost"] <= 10 + 1e-9
