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


def test_a_budget_is_planned_and_written_and_python_plans_the_same(files, capsys, refused, redrawn):
    main([*PLAN, *BUDGET, "--out", "out"])
    shown = capsys.readouterr().out
    assert "Buy " in shown
    assert "Report: out/report.html" in shown
    names = "config.toml manifest.json plan.json plan.parquet report.html versions.json"
    assert sorted(path.name for path in (files / "out").iterdir()) == names.split()
    redrawn()
    routes = json.loads((files / "out" / "plan.json").read_text())["routes"]
    assert routes[0]["cost"] <= 100
    assert {route["route"] for route in routes} == {"teacher", "baseline", "union", "student"}
    risks = [route["risk"]["value"] for route in routes]
    assert risks == sorted(risks)
    assert "exists already" in refused([*PLAN, *BUDGET, "--out", "out"])
    given = {"label_column": "label", "split_column": "split", "task": "regression", "noise_variance": 1.0}
    pair = {"weak": ("weak.npy",), "strong": "strong.npy", "labels": "labels.csv"}
    made = outgrow.plan(PlanConfig(**pair, **given, budget=100.0, unlabelled_cost=0.02))
    assert (made.best.route, made.best.n, made.best.N) == tuple(routes[0][key] for key in ("route", "n", "N"))
    assert "Train" in made._repr_html_()


def test_a_target_is_reached_and_json_says_so(files, found):
    made = found([*PLAN, *PRICES, "--target-risk", "0.6"])
    assert made["asked"] == "target"
    assert made["routes"][0]["risk"]["value"] <= 0.6
    assert made["budget"] == made["routes"][0]["cost"]


def test_a_plan_of_rows_at_hand_buys_nothing(files, capsys):
    # No money is left for a single pseudo-label either.
    main([*PLAN, *PRICES, "--target-risk", "0.6", "--have-labels", "100"])
    assert "Use 100 labels, all at hand: there is nothing to buy." in " ".join(
        capsys.readouterr().out.split()
    )
    main([*PLAN, *PRICES, "--budget", "50", "--have-labels", "100"])
    said = " ".join(capsys.readouterr().out.split())
    assert "Buy 150 labels (100 labels of them at hand), for 50." in said


def test_money_that_buys_no_pseudo_label_is_planned_all_the_same(files, found):
    assert found([*PLAN, "--unlabelled-cost", "50", "--budget", "40"])["routes"][0]["n"] == 40


def test_risks_below_zero_are_told_as_zero_and_checked(files, found):
    made = found([*PLAN[:-1], "50", *BUDGET])
    assert {one["risk"]["value"] for one in made["routes"]} == {0.0}
    assert {"OG212", "OG213"} <= {check["code"] for check in made["checks"]}


def test_rows_at_hand_are_free_and_used(files, found):
    words = [*PLAN, *PRICES, "--budget", "10", "--have-labels", "100", "--have-unlabelled", "400"]
    for route in found(words)["routes"]:
        assert route["n"] >= 100
        assert route["cost"] <= 10 + 1e-9
