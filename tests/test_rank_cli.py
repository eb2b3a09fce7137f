"""The verb rank as its user meets it."""

from __future__ import annotations

import json

import numpy as np
import pytest

import outgrow
from outgrow.cli import main

ROWS = 300


@pytest.fixture
def files(tmp_path, rng, monkeypatch):
    monkeypatch.chdir(tmp_path)
    latent = rng.normal(size=(ROWS, 10))
    np.save("strong.npy", (latent @ rng.normal(size=(10, 14)) + 3).astype(np.float32))
    np.save("good.npy", (latent + 0.1 * rng.normal(size=latent.shape)).astype(np.float32))
    np.save("bad.npy", (latent[:, :2] + rng.normal(size=(ROWS, 2))).astype(np.float32))
    y = latent @ np.ones(10) + rng.normal(size=ROWS)
    (tmp_path / "labels.csv").write_text("label\n" + "\n".join(f"{v:.5f}" for v in y) + "\n")
    return tmp_path


RANK = ["rank", "--weak", "good.npy", "bad.npy", "--strong", "strong.npy", "--labels", "labels.csv"]
RANK += ["--m", "100"]


def refused(capsys, words):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1, err
    assert err.startswith("outgrow: ")
    return err


def test_a_ranking_is_printed(files, capsys):
    main(RANK)
    said = capsys.readouterr().out
    assert said.index("good") < said.index("bad")
    assert "may be the best" in said
    assert "Report" not in said


def test_json_is_the_whole_of_it(files, capsys):
    main([*RANK, "--json", "--n", "50", "--N", "120"])
    found = json.loads(capsys.readouterr().out)
    assert (found["n"], found["N"], found["m"], found["pool"]) == (50, 120, 100, 200)
    assert [teacher["weak"] for teacher in found["teachers"]] == ["good", "bad"]


def test_a_folder_is_written_whole(files, capsys):
    import pyarrow.parquet as pq

    main([*RANK, "--out", "out"])
    assert "Report: out/report.html" in capsys.readouterr().out
    names = {path.name for path in (files / "out").iterdir()}
    assert names == {
        "config.toml",
        "manifest.json",
        "rank.json",
        "rank.parquet",
        "report.html",
        "versions.json",
    }
    found = json.loads((files / "out" / "rank.json").read_text())
    rows = pq.read_table("out/rank.parquet").to_pylist()
    for teacher in found["teachers"]:
        own = {row["quantity"]: row for row in rows if row["weak"] == teacher["weak"]}
        assert own["student"]["value"] == teacher["student"]["value"]
        assert [own["behind"]["low"], own["behind"]["high"]] == teacher["behind"]["interval"]
        assert own["probability"]["value"] == teacher["probability"]
    assert [row["value"] for row in rows if row["quantity"] == "baseline"] == [found["baseline"]["value"]]
    assert "exists already" in refused(capsys, [*RANK, "--out", "out"])
    main([*RANK, "--out", "out", "--overwrite", "--n", "60"])
    assert json.loads((files / "out" / "rank.json").read_text())["n"] == 60


def test_a_written_configuration_gives_the_same_ranking(files, capsys, tmp_path_factory, monkeypatch):
    main([*RANK, "--out", "out"])
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    capsys.readouterr()
    main(["rank", "--config", str(files / "out" / "config.toml"), "--json"])
    again = json.loads(capsys.readouterr().out)
    before = json.loads((files / "out" / "rank.json").read_text())
    assert again["teachers"] == before["teachers"]
    assert again["sentence"] == before["sentence"]


def test_python_gives_order_ties_and_forecasts(files):
    found = outgrow.rank(
        outgrow.RankConfig(weak=("good.npy", "bad.npy"), strong="strong.npy", labels="labels.csv", m=100)
    )
    assert found.order == ("good", "bad")
    assert found.tied[0] == "good"
    assert found.folder is None
    risks = found["good"].risks(100, 200)
    assert risks.student.value == pytest.approx(found.outcome["teachers"][0]["student"]["value"])
    assert found.sentence in found._repr_html_()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (["--n", "1"], "n: input should be greater than or equal to 2"),
        (["--N", "0"], "greater than or equal to 2"),
        (["--weak", "copy=good.npy", "copy=bad.npy"], "two weak feature sets have the same name"),
        (["--weak", "none.npy"], "none.npy"),
        (["--pseudo-labels", "label"], "holds the labels themselves"),
        (["--alpha-w", "-1"], "--alpha-w"),
    ],
)
def test_mistakes_are_one_line(files, capsys, change, said):
    assert said in refused(capsys, [*RANK, *change, "--out", "out"])
    assert not (files / "out").exists()


def test_missing_labels_are_one_line(files, capsys):
    assert "Give at least 4" in refused(capsys, [*RANK[:-1], "3"])
    words = [word.replace("labels.csv", "none.csv") for word in RANK]
    assert "none.csv" in refused(capsys, words)
    assert "--weak is missing" in refused(capsys, ["rank", *RANK[4:]])


def test_other_rows_are_named(files, capsys):
    np.save("bad.npy", np.load("bad.npy")[:-3])
    assert "bad.npy: 297 rows, but strong.npy has 300" in refused(capsys, RANK)
