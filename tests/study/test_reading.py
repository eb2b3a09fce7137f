"""What was read is told by every verb, and what cannot be learned from is refused by all alike."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from outgrow.cli import main

ROWS = 200
VERBS = {
    "run": ["--out", "o", "--overwrite"],
    "forecast": [],
    "rank": [],
    "plan": ["--budget", "300", "--unlabelled-cost", ".1"],
    "sweep": [
        "--seeds",
        "2",
        "--n",
        "20",
        "--N",
        "40",
        "--alpha-w",
        ".1",
        "--alpha-s",
        ".1",
        "--unit",
        "total",
    ],
}


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Weak and strong features in the working folder; gives scores."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(3)
    weak = rng.standard_normal((ROWS, 3))
    strong = np.column_stack([weak[:, :2], rng.standard_normal((ROWS, 3))])
    np.save("w.npy", weak)
    np.save("s.npy", strong)
    return weak[:, 0] + strong[:, 3] + 0.5 * rng.standard_normal(ROWS)


def table(labels: object, name: str = "l.csv", split: bool = True) -> None:
    """Write labels, 60 rows of them to train on, 40 for the test."""
    parts = ["train"] * 60 + ["pool"] * 100 + ["test"] * 40
    with Path(name).open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["label", "split"] if split else ["label"])
        for label, part in zip(labels, parts, strict=True):
            writer.writerow([label, part] if split else [label])


def answer(capsys: pytest.CaptureFixture[str], words: list[str]) -> str:
    """Give what a verb prints."""
    main(words)
    return capsys.readouterr().out


def refusal(capsys: pytest.CaptureFixture[str], words: list[str]) -> str:
    """Give the one line of a refusal."""
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    return said.err


SETS = ["--weak", "w.npy", "--strong", "s.npy", "--labels", "l.csv"]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_says_first_what_it_read(
    verb: str, rows: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    table(np.where(rows > 0, "pos", "neg"))
    first = answer(capsys, [verb, *SETS, *VERBS[verb]]).splitlines()[0]
    counts = "160 labelled, 0" if verb == "sweep" else "60 labelled, 100"
    assert first.startswith(f"reading: {counts} unlabelled, 40 test rows by column 'split'; 200 labels in")
    assert "column 'label', matched by row number; task classification because the labels are text: " in first
    assert f"pos {int((rows > 0).sum())}" in first
    reading = json.loads(answer(capsys, [verb, *SETS, *VERBS[verb], "--json"]))["reading"]
    assert (reading["test"], reading["split_column"], reading["matched"]) == (40, "split", "row number")
    assert reading["classes"] == {"pos": int((rows > 0).sum()), "neg": int((rows <= 0).sum())}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("kind", ["class", "value"])
def test_one_value_to_train_on_is_the_same_error_everywhere(
    verb: str, kind: str, rows: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = np.where(rows > 0, "pos", "neg").astype(object) if kind == "class" else rows.astype(object)
    labels[:60] = "pos" if kind == "class" else 1.5
    table(labels)
    said = refusal(capsys, [verb, *SETS, *VERBS[verb]])
    what = "belong to one class: 'pos'" if kind == "class" else "have one value: '1.5'"
    assert f"l.csv: all 60 labels to train on {what}" in said


def test_measure_says_how_files_met(rows: np.ndarray, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["measure", "--weak", "s.npy", "--strong", "s.npy"]
    said = answer(capsys, words)
    assert said.startswith("reading: 200 rows, matched by row number; memory at most 0.")
    assert "OG109" in said


def test_the_split_can_be_switched_off_and_unknown_words_are_named(
    rows: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    table(rows)
    drawn = [*SETS, "--split-column", "none", "--test", "50", "--m", "70"]
    assert answer(capsys, ["forecast", *drawn]).startswith(
        "reading: 70 labelled, 80 unlabelled, 50 test rows drawn at random; 200 labels in column 'label'"
    )
    said = refusal(capsys, ["forecast", *SETS, "--test", "50"])
    assert "--split-column none" in said
    Path("l.csv").write_text(Path("l.csv").read_text().replace("pool", "holdout"))
    said = refusal(capsys, ["forecast", *SETS])
    assert "unknown part 'holdout' in row '60'" in said
    assert "--split-column none" in said


def test_an_outlier_stands_above_the_verdict(rows: np.ndarray, capsys: pytest.CaptureFixture[str]) -> None:
    rows[17] = 1e9
    table(rows)
    said = answer(capsys, ["run", *SETS, *VERBS["run"]])
    assert "'17' (1e+09) carries 100 %" in said
    assert said.index("OG108") < said.index("Train:")


@pytest.mark.parametrize("verb", ["run", "measure"])
def test_a_cell_that_carries_a_column_is_named(
    verb: str, rows: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    table(rows)
    strong = np.load("s.npy")
    strong[17, 2] = 1e30
    np.save("s.npy", strong)
    said = answer(capsys, [verb, *SETS, *VERBS[verb]] if verb == "run" else [verb, *SETS[:4]])
    assert "OG111" in said and "s: columns carried by few rows: '2 by row 17 (1e+30)'" in said


def test_prices_are_read_where_it_is_said_how(rows: np.ndarray, capsys: pytest.CaptureFixture[str]) -> None:
    table([f"{1000 * value:,.2f}" for value in rows])
    assert "numbers with digits in groups" in refusal(capsys, ["forecast", *SETS])
    table([f"{value:.4f}".replace(".", ",") for value in rows])
    assert "decimal comma" in refusal(capsys, ["forecast", *SETS])
    expected = json.loads(answer(capsys, ["forecast", *SETS, "--decimal", ",", "--json"]))
    table([f"{value:.4f}" for value in rows])
    plain = json.loads(answer(capsys, ["forecast", *SETS, "--json"]))
    assert expected["pairs"] == plain["pairs"]


def test_the_label_in_a_wide_table_is_refused_by_its_name(
    rows: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    classes = np.where(rows > 0, "pos", "neg")
    table(classes, "m.csv")
    ids = [f"r{i}" for i in range(ROWS)]
    lines = Path("m.csv").read_text().splitlines()
    Path("l.csv").write_text(
        "\n".join(["id," + lines[0], *(f"{i},{line}" for i, line in zip(ids, lines[1:], strict=True))]) + "\n"
    )
    for name in "ws":
        values = np.load(f"{name}.npy")
        columns = {f"f{j}": values[:, j] for j in range(values.shape[1])}
        columns = {"id": ids, **columns, "sentiment": (rows > 0).astype(int)}
        pq.write_table(pa.table(columns), f"{name}.parquet")
    words = ["run", "--weak", "w.parquet", "--strong", "s.parquet", "--labels", "l.csv", *VERBS["run"]]
    assert "say what the label says: 'sentiment'" in refusal(capsys, words)
    said = answer(capsys, [*words, "--feature-columns", "f*"])
    assert "matched by id" in said
