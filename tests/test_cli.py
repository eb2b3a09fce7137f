"""The command line as its user meets it: files in, one line out when something is wrong, status 2."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

import outgrow
from outgrow import targets
from outgrow.cli import main
from outgrow.data.features_file import read_features


@pytest.fixture
def files(tmp_path, rng, monkeypatch):
    monkeypatch.chdir(tmp_path)
    n = 300
    latent = rng.normal(size=(n, 10))
    np.save("weak.npy", (latent[:, :5] + 0.2 * rng.normal(size=(n, 5))).astype(np.float32))
    np.save("strong.npy", (latent @ rng.normal(size=(10, 14)) + 3).astype(np.float32))
    y = latent @ rng.normal(size=10) + rng.normal(size=n)
    (tmp_path / "labels.csv").write_text("label\n" + "\n".join(f"{v:.5f}" for v in y) + "\n")
    return tmp_path


RUN = ["run", "--weak", "weak.npy", "--strong", "strong.npy", "--labels", "labels.csv", "--out", "out"]


def refused(capsys, words, status=2):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == status
    err = capsys.readouterr().err
    assert err.count("\n") == 1, err
    assert err.startswith("outgrow: ")
    return err


def test_run_predict_replay(files, capsys):
    main([*RUN, "--n", "100", "--test", "0.3"])
    shown = capsys.readouterr().out
    assert "Report: out/report.html" in shown
    names = {path.name for path in (files / "out").iterdir()}
    assert names >= {
        "config.toml",
        "geometry.json",
        "manifest.json",
        "models",
        "pseudo_labels.parquet",
        "report.html",
        "results.parquet",
        "run.json",
        "versions.json",
    }
    main(["predict", "out", "--input", "strong.npy", "--model", "student", "--out", "predicted.csv"])
    lines = (files / "predicted.csv").read_text().splitlines()
    assert len(lines) == 301
    again = ["predict", "out", "--input", "strong.npy", "--model", "student", "--out"]
    assert "predicted.csv: exists already" in refused(capsys, [*again, "predicted.csv"])
    assert "Use .csv, .parquet, .jsonl, .ndjson" in refused(capsys, [*again, "predicted.xlsx"])
    assert "--with-text" in refused(capsys, [*again, "other.csv", "--with-text"])
    main([*again, "predicted.csv", "--overwrite"])
    assert (files / "predicted.csv").read_text().splitlines() == lines
    main([*again, "predicted.jsonl"])
    row = json.loads((files / "predicted.jsonl").read_text().splitlines()[3])
    assert row["id"] == "3"
    assert f'"3",{row["prediction"]}' == lines[4]
    assert len(repr(outgrow.load("out")).splitlines()) <= 10
    main(["replay", "out"])
    assert "The run repeats." in capsys.readouterr().out


def test_saved_models_predict_the_same_in_a_new_process(files, capsys):
    main([*RUN, "--n", "100", "--test", "0.3"])
    table = read_features("strong.npy")
    here = outgrow.load("out").student.predict(table)
    code = (
        "import outgrow, numpy as np, sys;"
        "np.save('there.npy', outgrow.load('out').student.predict(np.load('strong.npy')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    np.testing.assert_allclose(np.load("there.npy"), here, rtol=1e-6)


def test_a_run_can_be_replayed_from_another_folder(files, capsys, tmp_path_factory, monkeypatch):
    main([*RUN, "--n", "100", "--test", "0.3"])
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    main(["replay", str(files / "out")])
    assert "The run repeats." in capsys.readouterr().out


def test_json_and_config_file(files, capsys):
    text = 'weak = ["weak.npy"]\nstrong = "strong.npy"\nlabels = "labels.csv"\nn = 100\ntest = 0.3\n'
    (files / "run.toml").write_text(text)
    main(["run", "--config", "run.toml", "--out", "out", "--json", "--n", "90"])
    assert json.loads(capsys.readouterr().out)["n"] == 90


def test_measure_needs_no_labels(files, capsys):
    main(["measure", "--weak", "weak.npy", "--strong", "strong.npy", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert list(found["pairs"]) == ["weak"]


def test_features_of_another_kind_are_refused(files, capsys, rng):
    main([*RUN, "--n", "100", "--test", "0.3"])
    capsys.readouterr()
    assert "reads 14 columns" in refused(
        capsys, ["predict", "out", "--input", "weak.npy", "--model", "student"]
    )
    for scale in (50, 1e300):
        np.save("other.npy", scale * rng.normal(size=(40, 14)))
        given = ["predict", "out", "--input", "other.npy", "--model", "student"]
        assert "times as far" in refused(capsys, given)
    two = ["predict", "out", "--input", "strong.npy", "--model", "union"]
    assert "2 feature sets" in refused(capsys, two) or "were given" in refused(capsys, two)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (["--n", "-4"], "n: input should be greater than 0"),
        (["--head", "rigid"], "head: input should be 'ridge' or 'ridgeless'"),
        (["--tets", "3"], "Did you mean --test?"),
        (["--n", "1000"], "1000"),
        (["--label-column", "score"], "label"),
        (["--config", "none.toml"], "none.toml"),
    ],
)
def test_wrong_options_are_one_line(files, capsys, change, said):
    assert said in refused(capsys, [*RUN, *change])
    assert not (files / "out").exists()


def test_a_mistyped_file_is_suggested(files, capsys):
    words = [word.replace("strong.npy", "strnog.npy") for word in RUN]
    assert "strong.npy" in refused(capsys, words)


def test_nan_is_named_by_row_and_column(files, capsys):
    values = np.load("strong.npy")
    values[7, 3] = np.nan
    np.save("strong.npy", values)
    line = refused(capsys, RUN)
    assert "7" in line
    assert "3" in line


def test_pickles_are_never_opened(files, capsys):
    np.save("strong.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    assert "pickle" in refused(capsys, RUN).lower()


def test_an_existing_folder_is_kept(files, capsys):
    (files / "out").mkdir()
    (files / "out" / "thesis.tex").write_text("x")
    assert "--overwrite" in refused(capsys, RUN)
    assert "not a run of outgrow" in refused(capsys, [*RUN, "--overwrite"])


def test_a_damaged_run_is_named(files, capsys):
    main([*RUN, "--n", "100", "--test", "0.3"])
    capsys.readouterr()
    victim = files / "out" / "models" / "models.json"
    victim.write_text(victim.read_text().replace("baseline", "basetime"))
    assert "is damaged" in refused(capsys, ["predict", "out", "--input", "strong.npy"])


def test_a_fault_of_ours_is_status_1(files, capsys, monkeypatch):
    from outgrow.api import running

    def broken(*args, **kwargs):
        raise ZeroDivisionError("x")

    monkeypatch.setattr(running, "study_run", broken)
    assert "fault of outgrow's own" in refused(capsys, RUN, status=1)
    with pytest.raises(ZeroDivisionError):
        main([*RUN, "--debug"])
    assert not (files / "out").exists()


def test_config_may_be_glued_and_holds_no_tables(files, capsys):
    (files / "pair.toml").write_text('weak = ["weak.npy"]\nstrong = "strong.npy"\n')
    main(["measure", "--config=pair.toml", "--json"])
    assert json.loads(capsys.readouterr().out)["strong"] == "strong"
    (files / "pair.toml").write_text('[measure]\nweak = ["weak.npy"]\n')
    assert "holds the table [measure]" in refused(capsys, ["measure", "--config=pair.toml"])


def test_missing_and_surplus_words_are_named(files, capsys):
    assert "--strong is missing" in refused(capsys, ["run", "--out", "out"])
    assert "strong is missing" in refused(capsys, ["run", "--weak", "weak.npy", "--out", "out"])
    assert "--input is missing" in refused(capsys, ["predict", "out"])
    assert "nothing asks for 'weak.npy'" in refused(capsys, ["replay", "out", "weak.npy"])


def test_several_values_may_follow_one_option(files, capsys):
    np.save("small.npy", np.load("weak.npy")[:, :2])
    main(
        ["measure", "--weak", "weak.npy", "small.npy", "--strong", "strong.npy", "--rank", "2", "4", "--json"]
    )
    found = json.loads(capsys.readouterr().out)
    assert list(found["pairs"]) == ["weak", "small"]
    assert [found["pairs"]["weak"][side]["kept"] for side in ("weak", "strong")] == [2, 4]


def wide(path, rows, columns, **beside):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(
        pa.table(
            {"key": rows, **{f"x{j}": columns[:, j] for j in range(columns.shape[1])}}
            | {name: pa.array(values) for name, values in beside.items()}
        ),
        path,
    )


def test_wide_tables_are_predicted_by_the_columns_of_the_run(files, capsys):
    weak, strong = np.load("weak.npy"), np.load("strong.npy")
    y = np.loadtxt("labels.csv", skiprows=1)
    keys = [f"r{i}" for i in range(len(y))]
    wide("weak.parquet", keys, weak, score=y)
    wide("strong.parquet", keys, strong, score=y)
    paths = ["--weak", "weak.parquet", "--strong", "strong.parquet", "--labels", "weak.parquet"]
    options = ["--label-column", "score", "--id-column", "key", "--feature-columns", "x*"]
    main(["run", *paths, *options, "--n", "100", "--test", "0.3", "--out", "out"])
    # Scores missing, other columns beside, rows in another order.
    order = np.random.default_rng(0).permutation(len(y))
    missing = [None] * len(y)
    wide("new-weak.parquet", keys, weak, score=missing)
    wide("new-strong.parquet", [keys[i] for i in order], strong[order], other=y)
    words = ["predict", "out", "--input", "new-weak.parquet", "--input", "new-strong.parquet"]
    main([*words, "--model", "union", "--out", "both.csv"])
    lines = [line.split(",") for line in (files / "both.csv").read_text().splitlines()[1:]]
    predicted = {key.strip('"'): float(value) for key, value in lines}
    expected = outgrow.load("out").model("union").predict(weak, strong)
    np.testing.assert_allclose([predicted[key] for key in keys], expected, rtol=1e-12)
    wide("few.parquet", keys, strong[:, :9])
    assert "feature columns are missing: 'x9'" in refused(
        capsys, ["predict", "out", "--input", "few.parquet", "--model", "student"]
    )


@pytest.mark.parametrize("head", ["ridge", "ridgeless"])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda X: np.ones_like(X), "strong: the features do not vary"),
        (lambda X: X * np.float32(1e30), "too large to be squared"),
        (lambda X: X * np.float32(1e-30), "too little to be squared"),
    ],
)
def test_features_beyond_computing_are_one_line(files, capsys, head, change, said):
    np.save("strong.npy", change(np.load("strong.npy")))
    assert said in refused(capsys, [*RUN, "--n", "100", "--head", head])
    assert said in refused(capsys, ["measure", "--weak", "weak.npy", "--strong", "strong.npy"])


def test_features_constant_over_the_labelled_rows_are_one_line(files, capsys):
    values = np.load("strong.npy")
    values[:50] = 1.0
    np.save("strong.npy", values)
    lines = (files / "labels.csv").read_text().splitlines()
    (files / "labels.csv").write_text("\n".join(lines[:51] + ["nan"] * 250) + "\n")
    assert "strong, labelled rows: the features do not vary" in refused(capsys, RUN)


@pytest.mark.parametrize("factor", [1e200, 1e-200])
def test_labels_beyond_computing_are_one_line(files, capsys, factor):
    y = np.loadtxt("labels.csv", skiprows=1) * factor
    (files / "labels.csv").write_text("label\n" + "\n".join(map(repr, y.tolist())) + "\n")
    assert "Scale the labels." in refused(capsys, [*RUN, "--n", "100"])


def test_the_truth_is_numbers_and_of_a_regression(files, capsys):
    y = np.loadtxt("labels.csv", skiprows=1)
    (files / "labels.csv").write_text("label,truth\n" + "\n".join(f"{v},good" for v in y) + "\n")
    words = [*RUN, "--n", "100", "--truth-column", "truth"]
    assert "column 'truth': the label 'good'" in refused(capsys, words)
    (files / "labels.csv").write_text("label,truth\n" + "\n".join(f"{int(v > 0)},{v}" for v in y) + "\n")
    assert "--truth-column is of a regression" in refused(capsys, words)
    alone = [*RUN, "--n", "100", "--task", "regression", "--label-column", "label", "--truth-variance", "1"]
    assert "without --truth-column" in refused(capsys, alone)


def test_names_with_an_equals_sign_can_be_replayed(files, capsys):
    (files / "weak.npy").rename("a=b.npy")
    words = [word.replace("weak.npy", "a=b.npy") for word in RUN]
    main([*words, "--n", "100", "--test", "0.3"])
    assert outgrow.load("out").outcome["pairs"][0]["weak"] == "a=b"
    main(["replay", "out"])
    assert "The run repeats." in capsys.readouterr().out


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")
@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize(("name", "status"), [("SIGTERM", 143), ("SIGHUP", 129), ("SIGINT", 130)])
def test_a_stopped_run_leaves_nothing(files, name, status):
    code = (
        "import os, signal, sys; from outgrow.api import running; from outgrow.cli import main\n"
        f"def write(folder, outcome): os.kill(os.getpid(), signal.{name})\n"
        "running.write_report = write\n"
        "main(sys.argv[1:])"
    )
    before = {path.name for path in files.iterdir()}
    ended = subprocess.run([sys.executable, "-c", code, *RUN, "--n", "100"], check=False, capture_output=True)
    assert ended.returncode == status
    assert ended.stderr.decode() == (
        "outgrow: interrupted; nothing half-written was kept\n" if status == 130 else ""
    )
    assert {path.name for path in files.iterdir()} == before


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")
@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize(("name", "status"), [("SIGTERM", 143), ("SIGHUP", 129), ("SIGINT", 130)])
def test_a_stop_while_the_rest_is_imported_is_as_quiet(tmp_path, name, status):
    # Stands for any library that is slow to import, and catches what is raised meanwhile.
    (tmp_path / "cyclopts.py").write_text(
        f"import os, signal\ntry: os.kill(os.getpid(), signal.{name})\nexcept BaseException: pass\n1 / 0\n"
    )
    ended = subprocess.run(
        [sys.executable, "-m", "outgrow", "--version"],
        check=False,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
    )
    said = "outgrow: interrupted; nothing half-written was kept\n" if status == 130 else ""
    assert (ended.returncode, ended.stderr.decode()) == (status, said)


def test_both_ways_to_start_are_one():
    project = tomllib.loads(Path(__file__).parents[1].joinpath("pyproject.toml").read_text())["project"]
    assert project["scripts"] == {"outgrow": "outgrow.__main__:start"}
    said = subprocess.run([sys.executable, "-m", "outgrow", "--version"], check=True, capture_output=True)
    assert said.stdout.decode().strip() == outgrow.__version__


def test_import_loads_nothing_heavy():
    code = (
        "import sys, outgrow; "
        "sys.exit(bool({'sklearn', 'pyarrow', 'altair', 'scipy', 'pydantic'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


MISSING = "--weak none.npy --strong none.npy --labels none.csv --test 0.3 --n 50"


@pytest.mark.parametrize(
    "words",
    [
        f"run {MISSING}",
        f"sweep {MISSING} --N 40",
        f"forecast {MISSING} --m 40 --N 40",
        f"rank {MISSING} --m 40 --N 40",
        f"plan {MISSING.removesuffix(' --test 0.3 --n 50')} --label-cost 1 --unlabelled-cost 1 --budget 9",
        "reproduce synthetic",
        "demo",
        "predict none --input none.npy",
        "encode --input labels.csv --text-column label --model a=callable:none:a --allow-code none:a",
    ],
)
@pytest.mark.parametrize("number", [errno.EROFS, errno.ENOENT])
def test_a_place_that_cannot_be_written_is_said_first(files, capsys, monkeypatch, words, number):
    def mkdtemp(**_):
        raise OSError(number, os.strerror(number))

    before = sorted(files.rglob("*"))
    monkeypatch.setattr(targets.tempfile, "mkdtemp", mkdtemp)
    # Inputs that are missing would be said next.
    said = refused(capsys, [*words.split(), "--out", "out.csv"])
    assert said.startswith("outgrow: out.csv")
    assert said.endswith(f": cannot be written ({os.strerror(number).lower()}). Choose another --out.\n")
    assert sorted(files.rglob("*")) == before


def test_a_working_directory_that_is_gone_is_named(files, capsys, monkeypatch):
    (files / "gone").mkdir()
    monkeypatch.chdir(files / "gone")
    (files / "gone").rmdir()
    assert (
        refused(capsys, [*RUN, "--n", "100"]) == "outgrow: the working directory: no such file or directory\n"
    )
