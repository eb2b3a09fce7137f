"""Studies on raw rows and on teachers of whom only pseudo-labels are known."""

from __future__ import annotations

import csv
import sys

import numpy as np
import pytest

import outgrow
from outgrow import api
from outgrow.cli import main
from outgrow.config import EncodeConfig, RunConfig
from outgrow.errors import ConfigError, DataError, FileError
from outgrow.results import Undefined
from outgrow.study.run import run

CODE = """
import pathlib
import numpy as np

pathlib.Path({mark!r}).touch()

def lengths(texts):
    return np.array([[len(t), t.count("a"), t.count("good")] for t in texts], dtype=float)

def letters(texts):
    counts = np.array([[t.count(c) for c in "abcdefgho"] for t in texts], dtype=float)
    return np.column_stack([counts, [t.count("good") for t in texts], [t.count("bad") for t in texts]])
"""

WEAK, STRONG = "callable:own_code.parts:lengths", "callable:own_code.parts:letters"
ALLOWED = ("own_code.parts:lengths", "own_code.parts:letters")


@pytest.fixture
def work(tmp_path, monkeypatch, rng):
    """A folder with texts, a black box's guesses, and code of the user's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OUTGROW_CACHE", str(tmp_path / "cache"))
    package = tmp_path / "lib" / "own_code"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "parts.py").write_text(CODE.format(mark=str(tmp_path / "it-ran")))
    monkeypatch.syspath_prepend(str(tmp_path / "lib"))
    for name in [name for name in sys.modules if name.startswith("own_code")]:
        monkeypatch.delitem(sys.modules, name)
    words = ["good", "bad", "able", "each", "cab", "hog", "fog"]
    with (tmp_path / "rows.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "label", "guess"])
        for i in range(300):
            text = " ".join(rng.choice(words, size=rng.integers(3, 9)))
            score = text.count("good") - text.count("bad")
            noisy = f"{score + rng.normal():.4f}", f"{0.6 * score + 0.3 * rng.normal():.4f}"
            writer.writerow([f"r{i}", f"{text} {i}", *noisy])
    return tmp_path


def table(folder):
    return list(csv.DictReader((folder / "rows.csv").read_text().splitlines()))


def settings(**changes):
    own = {"input": "rows.csv", "weak": (WEAK,), "strong": STRONG, "n": 60, "test": 100}
    return RunConfig(**(own | changes))


def test_raw_rows_to_a_report_and_predictions(work):
    made = api.run(settings(), "out", allow_code=ALLOWED)
    assert (work / "out" / "report.html").is_file()
    assert made.outcome["n"] == 60
    with (work / "new.csv").open("w") as file:
        file.write("id,text\nx,good good\ny,bad bad bad\n")
    found = api.predict("out", ["new.csv"], model="student", allow_code=ALLOWED)
    assert found["id"] == ["x", "y"]
    assert found["prediction"][0] > found["prediction"][1]
    both = api.predict("out", ["new.csv"], model="union", allow_code=ALLOWED)
    assert both["prediction"][0] > both["prediction"][1]
    # The same rows through the store give the same numbers.
    stores = api.encode(EncodeConfig(input="new.csv", model=(STRONG,)), allow_code=ALLOWED)
    again = outgrow.load("out").student.predict(api.read_features(stores[0].folder))
    np.testing.assert_allclose(again, found["prediction"], rtol=1e-12)
    _, moved = api.replay("out", allow_code=ALLOWED)
    assert max(moved.values()) == 0.0


def test_no_code_runs_unless_named_on_this_command_line(work, capsys):
    with pytest.raises(ConfigError, match="allow-code"):
        api.run(settings(), "out")
    assert not (work / "it-ran").exists()
    api.run(settings(), "out", allow_code=ALLOWED)
    (work / "it-ran").unlink()
    for name in [name for name in sys.modules if name.startswith("own_code")]:
        del sys.modules[name]
    # A folder from elsewhere that names code, replayed, asked for predictions, or used as a configuration.
    for words in (
        ["replay", "out"],
        ["predict", "out", "--input", "rows.csv"],
        ["run", "--config", "out/config.toml", "--out", "other"],
        ["replay", "out", "--allow-code", "own_code.parts:something_else"],
    ):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 2
        assert "allow-code" in capsys.readouterr().err
        assert not (work / "it-ran").exists()
    main(["replay", "out", "--allow-code", *ALLOWED])
    assert (work / "it-ran").exists()


def test_a_black_box_teaches_by_its_pseudo_labels(work):
    study = run(settings(weak=(), pseudo_labels=("guess",), task="regression"), None, _allowed())
    outcome = study.outcome
    names = [route.name for route in outcome.routes]
    assert {"teacher (guess)", "student (guess)", "joint (guess)", "union (guess)", "baseline"} <= set(names)
    rows = table(work)
    test = [rows[i] for i in study.data.split.test]
    by_hand = np.mean([(float(row["guess"]) - float(row["label"])) ** 2 for row in test])
    teacher = next(route for route in outcome.routes if route.name == "teacher (guess)")
    # Taken as it is: nothing is fitted to the labels.
    assert teacher.risk.value == pytest.approx(by_hand, rel=1e-9)
    assert teacher.settings == {}
    assert isinstance(outcome.pairs[0].theory, Undefined)
    assert outcome.pairs[0].risks.student.value < outcome.pairs[0].risks.teacher.value


def test_a_black_box_of_classes_beside_a_model(work, rng):
    rows = table(work)
    with (work / "classes.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "kind", "said"])
        for row in rows:
            kind = "up" if float(row["label"]) > 0 else "down"
            writer.writerow([row["id"], kind, kind if rng.uniform() < 0.8 else "down"])
    config = settings(labels="classes.csv", label_column="kind", pseudo_labels=("said",))
    outcome = run(config, None, _allowed()).outcome
    assert outcome.task == "classification"
    teacher = next(route for route in outcome.routes if route.name == "teacher (said)")
    assert teacher.accuracy.value > 0.8
    assert [pair.weak for pair in outcome.pairs] == ["own_code.parts:lengths", "said"]


def test_a_black_box_must_speak_of_every_row(work):
    rows = [list(row) for row in csv.reader((work / "rows.csv").read_text().splitlines())]
    rows[5][3] = ""
    with (work / "rows.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    with pytest.raises(DataError, match="the teacher 'guess' says nothing of rows 'r4'"):
        run(settings(weak=(), pseudo_labels=("guess",), task="regression"), None, _allowed())


def test_what_is_missing_is_named(work):
    with pytest.raises(ConfigError, match="--weak is missing"):
        run(settings(weak=()), None, _allowed())
    with pytest.raises(ConfigError, match="--labels is missing"):
        run(RunConfig(weak=("a.npy",), strong="b.npy"))
    (work / "bare.csv").write_text("id,text\na,good\nb,bad\n")
    with pytest.raises(DataError, match="label"):
        run(settings(input="bare.csv"), None, _allowed())


def test_encode_puts_stores_where_asked_and_verify_looks(work, capsys):
    words = [
        "encode",
        "--input",
        "rows.csv",
        "--model",
        f"own={STRONG}",
        "--out",
        "sets",
        "--allow-code",
        *ALLOWED,
    ]
    main(words)
    assert "own: 300 rows (300 encoded now) in sets/own" in capsys.readouterr().out
    main(words)
    assert "(0 encoded now)" in capsys.readouterr().out
    main(["verify", "sets/own"])
    assert "sound" in capsys.readouterr().out
    shard = next((work / "sets" / "own").glob("*.parquet"))
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.unlink()  # the cache's copy is a link to the same bytes
    shard.write_bytes(content)
    with pytest.raises(SystemExit) as ended:
        main(["verify", "sets/own"])
    assert ended.value.code == 2
    assert shard.name in capsys.readouterr().out
    with pytest.raises(FileError, match=shard.name):
        api.read_features(work / "sets" / "own")


def test_inspect_tells_what_code_gives(work, capsys):
    main(["inspect", STRONG, "--input", "rows.csv", "--rows", "1000", "--allow-code", *ALLOWED])
    shown = capsys.readouterr().out
    assert "Width" in shown and "11" in shown
    assert "Probe: the same rows give the same features" in shown
    assert "1,000 rows" in shown


def _allowed():
    from outgrow.study.sources import Permissions

    return Permissions(ALLOWED)
