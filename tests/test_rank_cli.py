"""The verb rank as its user meets it."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest

import outgrow
from outgrow.cli import main

RANK = ["rank", "--config", "ahead.toml", "--weak", "weak.npy", "other.npy"]


def test_a_ranking_is_printed(files, capsys):
    main(RANK)
    said = capsys.readouterr().out
    assert said.index("weak") < said.index("other")
    assert "may be the best" in said
    assert "Report" not in said


def test_sizes_may_be_asked_for(files, found):
    made = found([*RANK, "--n", "50", "--N", "120"])
    assert (made["n"], made["N"], made["m"], made["pool"]) == (50, 120, 100, 200)
    assert [teacher["weak"] for teacher in made["teachers"]] == ["weak", "other"]


def test_a_folder_is_written_whole_and_its_configuration_ranks_again(
    files, found, refused, redrawn, capsys, tmp_path_factory, monkeypatch
):
    main([*RANK, "--out", "out"])
    assert "Report: out/report.html" in capsys.readouterr().out
    names = "config.toml manifest.json rank.json rank.parquet report.html versions.json"
    assert sorted(path.name for path in (files / "out").iterdir()) == names.split()
    redrawn()
    made = json.loads((files / "out" / "rank.json").read_text())
    rows = pq.read_table("out/rank.parquet").to_pylist()
    for teacher in made["teachers"]:
        own = {row["quantity"]: row for row in rows if row["weak"] == teacher["weak"]}
        assert own["student"]["value"] == teacher["student"]["value"]
        assert [own["behind"]["low"], own["behind"]["high"]] == teacher["behind"]["interval"]
        assert own["probability"]["value"] == teacher["probability"]
    assert [row["value"] for row in rows if row["quantity"] == "baseline"] == [made["baseline"]["value"]]
    with monkeypatch.context() as elsewhere:
        elsewhere.chdir(tmp_path_factory.mktemp("elsewhere"))
        again = found(["rank", "--config", str(files / "out" / "config.toml")])
    assert (again["teachers"], again["sentence"]) == (made["teachers"], made["sentence"])
    assert "exists already" in refused([*RANK, "--out", "out"])
    main([*RANK, "--out", "out", "--overwrite", "--n", "60"])
    assert json.loads((files / "out" / "rank.json").read_text())["n"] == 60


def test_python_gives_order_ties_and_forecasts(files):
    made = outgrow.rank(
        outgrow.RankConfig(weak=("weak.npy", "other.npy"), strong="strong.npy", labels="labels.csv", m=100)
    )
    assert made.order == ("weak", "other")
    assert made.tied[0] == "weak"
    assert made.folder is None
    risks = made["weak"].risks(100, 200)
    assert risks.student.value == pytest.approx(made.outcome["teachers"][0]["student"]["value"])
    assert made.sentence in made._repr_html_()
