"""Studies on raw rows and on teachers of whom only pseudo-labels are known."""

from __future__ import annotations

import csv
import hashlib
import json
import struct
import sys

import numpy as np
import pytest

import outgrow
from outgrow import api
from outgrow.cli import main
from outgrow.config import EncodeConfig, RunConfig
from outgrow.data.features_file import read_features
from outgrow.errors import ConfigError, DataError, FileError
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
        file.write("id,text\nx,good good\nlost,\ny,bad bad bad\n")
    found = api.predict(
        "out", ["new.csv"], model="student", on_error="skip", with_text=True, allow_code=ALLOWED
    )
    assert found["id"] == ["x", "y"]
    assert found["row"] == [0, 2]
    assert found["text"] == ["good good", "bad bad bad"]
    (work / "new.csv").write_text("id,text\nx,good good\ny,bad bad bad\n")
    assert found["prediction"][0] > found["prediction"][1]
    both = api.predict("out", ["new.csv"], model="union", allow_code=ALLOWED)
    assert both["prediction"][0] > both["prediction"][1]
    # The same rows through the store give the same numbers.
    stores = api.encode(EncodeConfig(input="new.csv", model=(STRONG,)), allow_code=ALLOWED)
    again = outgrow.load("out").student.predict(read_features(stores[0].folder))
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
    teacher = next(route for route in outcome.routes if route.name == "teacher (guess)")
    slope, offset = teacher.settings["slope"], teacher.settings["offset"]
    by_hand = np.mean([(slope * float(row["guess"]) + offset - float(row["label"])) ** 2 for row in test])
    assert teacher.risk.value == pytest.approx(by_hand, rel=1e-9)
    # The guesses are .6 of the score and noise, the labels all of it and another noise.
    assert 1.2 < slope < 2.1
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
    with pytest.raises(DataError, match="the teacher 'guess' says nothing of 1 rows, such as 'r4'"):
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
        read_features(work / "sets" / "own")


def test_inspect_tells_what_code_gives(work, capsys):
    main(["inspect", STRONG, "--input", "rows.csv", "--rows", "1000", "--allow-code", *ALLOWED])
    shown = capsys.readouterr().out
    assert "Width" in shown and "11" in shown
    assert "Probe: the same rows give the same features" in shown
    assert "1,000 rows" in shown


def test_rows_left_out_are_named_by_every_verb(work, capsys):
    lines = (work / "rows.csv").read_text().splitlines()
    lines[4] = "r3,,0.5,0.1"
    (work / "rows.csv").write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError, match="row 'r3' has no text"):
        api.run(settings(), "out", allow_code=ALLOWED)
    made = api.run(settings(on_error="skip"), "out", allow_code=ALLOWED)
    said = {check["code"]: check["detail"] for check in made.outcome["checks"]}
    assert "'r3' (has no text in column 'text')" in said["OG107"]
    words = ["--input", "rows.csv", "--allow-code", *ALLOWED]
    main(["encode", "--model", f"own={STRONG}", "--on-error", "skip", *words])
    shown = capsys.readouterr().out
    assert "own: 299 rows (0 encoded now)" in shown
    assert "left out: r3: has no text" in shown


def test_predictions_say_which_rows_they_lack(work, capsys, caplog):
    api.run(settings(), "out", allow_code=ALLOWED)
    (work / "new.csv").write_text("id,text\nx,good good\ny,\nz,bad\n")
    words = ["predict", "out", "--input", "new.csv", "--allow-code", *ALLOWED]
    with pytest.raises(SystemExit):
        main(words)
    assert "row 'y' has no text" in capsys.readouterr().err
    main([*words, "--on-error", "skip"])
    assert [line.split(",")[0] for line in capsys.readouterr().out.splitlines()] == ['"id"', '"x"', '"z"']
    assert "no prediction for 1 rows: 'y'" in caplog.text


def test_a_model_changed_since_the_run_is_refused_before_it_encodes(work):
    api.run(settings(), "out", allow_code=ALLOWED)
    code = work / "lib" / "own_code" / "parts.py"
    code.write_text(code.read_text().replace('"good"', '"fog"'))
    (work / "new.csv").write_text("id,text\nx,good good\n")
    before = sorted((work / "cache" / "features").iterdir())
    for name in [name for name in sys.modules if name.startswith("own_code")]:
        del sys.modules[name]
    with pytest.raises(DataError, match="the model is no longer that of the run"):
        api.predict("out", ["new.csv"], model="student", allow_code=ALLOWED)
    after = sorted((work / "cache" / "features").iterdir())
    assert [path for path in after if path not in before and list(path.glob("*.parquet"))] == []


def test_rows_unlike_those_of_the_run_are_predicted_where_the_encoder_is_known(work):
    api.run(settings(), "out", allow_code=ALLOWED)
    (work / "new.csv").write_text("id,text\nx," + "good and bad " * 50 + "\n")
    found = api.predict("out", ["new.csv"], model="baseline", allow_code=ALLOWED)
    assert np.isfinite(found["prediction"]).all()
    # Features of nobody knows what are still refused.
    values = outgrow.load("out").baseline
    width = len(values.sources[0].space.mean)
    with pytest.raises(DataError, match="times as far"):
        values.predict(np.full((1, width), 1e3))


def test_a_configuration_of_another_version_is_one_line(work):
    api.run(settings(), "out", allow_code=ALLOWED)
    config = work / "out" / "config.toml"
    with config.open("a") as file:
        file.write("later = 1\n")
    reseal(work / "out", "config.toml")
    with pytest.raises(ConfigError, match="later"):
        api.predict("out", ["rows.csv"], allow_code=ALLOWED)
    with pytest.raises(ConfigError, match="later"):
        api.replay("out", allow_code=ALLOWED)


def test_a_run_reads_nothing_outside_itself(work):
    api.run(settings(), "out", allow_code=ALLOWED)
    index = work / "out" / "models" / "models.json"
    entries = json.loads(index.read_text())
    (work / "out" / entries[0]["file"]).rename(work / "elsewhere.safetensors")
    entries[0]["file"] = "../elsewhere.safetensors"
    index.write_text(json.dumps(entries))
    reseal(work / "out", "models/models.json", "../elsewhere.safetensors")
    with pytest.raises(FileError, match=r"has no \.\./elsewhere"):
        outgrow.load("out")


def reseal(folder, *names):
    """Bring the checksums of a run up to date, as whoever made it could."""
    manifest = json.loads((folder / "manifest.json").read_text())
    for name in names:
        manifest["sha256"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_a_black_box_of_a_table_without_ids(work):
    lines = [line.partition(",")[2] for line in (work / "rows.csv").read_text().splitlines()]
    (work / "rows.csv").write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError, match="rows without ids cannot be joined with the column 'guess'"):
        run(settings(pseudo_labels=("guess",)), None, _allowed())


def test_the_truth_may_be_a_column_of_json_lines(work):
    numbers = [{**row, "label": float(row["label"]), "guess": float(row["guess"])} for row in table(work)]
    rows = [json.dumps(row) for row in numbers]
    (work / "rows.jsonl").write_text("\n".join(rows) + "\n")
    assert run(settings(input="rows.jsonl"), None, _allowed()).data.truth is None
    with_truth = run(settings(input="rows.jsonl", truth_column="guess"), None, _allowed()).data.truth
    np.testing.assert_allclose(with_truth, [float(row["guess"]) for row in table(work)])


def test_a_model_that_does_not_repeat_itself_is_told(work, caplog):
    code = work / "lib" / "own_code" / "parts.py"
    with code.open("a") as file:
        file.write("rng = np.random.default_rng(0)\ndef noise(texts):\n")
        file.write("    return rng.normal(size=(len(texts), 3))\n")
    noise = "own_code.parts:noise"
    config = EncodeConfig(input="rows.csv", model=(f"callable:{noise}",))
    api.encode(config, allow_code=(noise,))
    assert "OG302" in caplog.text
    caplog.clear()
    api.encode(config, allow_code=(noise,))  # nothing is encoded, nothing is probed
    assert caplog.text == ""


def test_feature_sets_do_not_share_a_folder(work):
    config = EncodeConfig(input="rows.csv", model=(f".own={STRONG}", f"own={WEAK}"))
    with pytest.raises(ConfigError, match="two feature sets would be one folder"):
        api.encode(config, "sets", allow_code=ALLOWED)
    assert not (work / "sets").exists()


@pytest.mark.parametrize("layout", ["utkface", "classes", "idx", "coloured-mnist"])
def test_pictures_to_a_report_and_predictions(work, rng, needs, layout):
    needs("PIL")
    from PIL import Image

    with (work / "lib" / "own_code" / "parts.py").open("a") as file:
        file.write(PICTURES)
    bright = rng.integers(1, 100, size=160)
    pictures = rng.integers(0, 50, size=(160, 8, 8)) + bright[:, None, None]
    folder = work / "pictures"
    folder.mkdir()
    for i, (light, picture) in enumerate(zip(bright, pictures.astype(np.uint8), strict=True)):
        if layout == "utkface":
            name = f"{light}_0_0_{i:017d}.jpg"
        else:
            name = f"{'light' if light > 50 else 'dark'}/{i}.png"
        (folder / name).parent.mkdir(exist_ok=True)
        if layout in ("utkface", "classes"):
            Image.fromarray(picture).save(folder / name)
    if layout in ("idx", "coloured-mnist"):
        big = np.kron(pictures, np.ones((2, 2))).astype(np.uint8)
        for name, array in (("images-idx3", big), ("labels-idx1", bright // 10)):
            head = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
            (folder / f"train-{name}-ubyte").write_bytes(head + array.astype(np.uint8).tobytes())
    names = ("own_code.parts:corner", "own_code.parts:grid")
    config = RunConfig(
        input="pictures",
        layout=layout,
        weak=(f"callable:{names[0]}",),
        strong=f"callable:{names[1]}",
        n=40,
        test=0.0 if layout == "coloured-mnist" else 0.25,  # which has a test of its own
    )
    made = api.run(config, "out", allow_code=names)
    assert made.outcome["task"] == ("regression" if layout == "utkface" else "classification")
    found = api.predict("out", ["pictures"], model="baseline", allow_code=names)
    assert len(found["prediction"]) == 160
    if layout == "utkface":
        assert np.corrcoef(found["prediction"], [float(n.split("_")[0]) for n in found["id"]])[0, 1] > 0.9
    if layout == "classes":
        assert np.mean([n.startswith(p) for n, p in zip(found["id"], found["prediction"], strict=True)]) > 0.9


PICTURES = """
def _pixels(one):
    if isinstance(one, np.ndarray):
        one = one if one.ndim == 3 else np.stack([one] * 3, axis=2)
        return one[::2, ::2].astype(float)
    from PIL import Image
    with Image.open(one) as picture:
        return np.asarray(picture.convert("RGB"), dtype=float)

def corner(pictures):
    return np.array([_pixels(one)[:2, :2].ravel() for one in pictures])

def grid(pictures):
    return np.array([_pixels(one)[:4, :4].ravel() for one in pictures])
"""


def _allowed():
    from outgrow.study.sources import Permissions

    return Permissions(ALLOWED)
