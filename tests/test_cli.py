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
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import outgrow
from outgrow import targets
from outgrow.cli import main
from outgrow.data.features_file import read_features

RUN = ["run", "--weak", "weak.npy", "--strong", "strong.npy", "--labels", "labels.csv", "--out", "out"]


@pytest.fixture
def run(files, capsys):
    """A run, whose teacher has an equals sign in its name."""
    (files / "weak.npy").rename("a=b.npy")
    main([*[word.replace("weak.npy", "a=b.npy") for word in RUN], "--n", "100", "--test", "0.3"])
    return capsys.readouterr().out


def test_a_run_is_a_folder_that_repeats_from_anywhere(
    files, run, redrawn, capsys, monkeypatch, tmp_path_factory
):
    assert "Report: out/report.html" in run
    names = "config.toml geometry.json inputs.json manifest.json models pseudo_labels.parquet report.html"
    names += " results.parquet run.json versions.json"
    assert sorted(path.name for path in (files / "out").iterdir()) == names.split()
    found = outgrow.load("out")
    assert found.outcome["pairs"][0]["weak"] == "a=b"
    assert len(repr(found).splitlines()) <= 10
    redrawn()
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    main(["replay", str(files / "out")])
    assert "The run repeats." in capsys.readouterr().out


def test_predictions_are_those_of_the_model_in_any_process_and_format(files, run, refused):
    again = ["predict", "out", "--input", "strong.npy", "--model", "student", "--out"]
    main([*again, "predicted.csv"])
    lines = (files / "predicted.csv").read_text().splitlines()
    values = [float(line.split(",")[1]) for line in lines[1:]]
    student = outgrow.load("out").student
    np.testing.assert_allclose(values, student.predict(read_features("strong.npy")), rtol=1e-12)
    code = (
        "import outgrow, numpy as np, sys;"
        "np.save('there.npy', outgrow.load('out').student.predict(np.load('strong.npy')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    np.testing.assert_allclose(np.load("there.npy"), values, rtol=1e-6)
    assert "predicted.csv: exists already" in refused([*again, "predicted.csv"])
    main([*again, "predicted.csv", "--overwrite"])
    assert (files / "predicted.csv").read_text().splitlines() == lines
    main([*again, "predicted.jsonl"])
    row = json.loads((files / "predicted.jsonl").read_text().splitlines()[3])
    assert f'"{row["id"]}",{row["prediction"]}' == lines[4]
    main([*again, "predicted.parquet"])
    assert pq.read_table("predicted.parquet")["prediction"].to_pylist() == values


def test_what_the_model_cannot_read_is_refused(files, run, refused, rng):
    np.save("wild.npy", 50 * rng.normal(size=(40, 14)))
    np.save("wilder.npy", 1e300 * rng.normal(size=(40, 14)))
    for words, line in (
        ("--input other.npy --model student", "reads 14 columns"),
        ("--input wild.npy --model student", "times as far"),
        ("--input wilder.npy --model student", "times as far"),
        ("--input strong.npy --model union", "were given"),
        ("--input strong.npy --model joint-venture", "the run has no model"),
        ("--input strong.npy --model student --out p.xlsx", "Use .csv, .parquet, .jsonl, .ndjson"),
        ("--input strong.npy --model student --with-text", "features hold no texts"),
    ):
        assert line in refused(f"predict out {words}"), words
    assert "nothing asks for 'weak.npy'" in refused("replay out weak.npy")
    index = files / "out" / "models" / "models.json"
    index.write_text(index.read_text().replace("baseline", "basetime"))
    assert "is damaged" in refused("predict out --input strong.npy")


def test_only_what_is_of_outgrow_is_replaced(files, run, refused):
    assert "out: exists already" in refused(RUN)
    (files / "thesis").mkdir()
    (files / "thesis" / "thesis.tex").write_text("x")
    assert "--overwrite" in refused([*RUN[:-1], "thesis"])
    assert "not a run of outgrow" in refused([*RUN[:-1], "thesis", "--overwrite"])


def test_measure_needs_no_labels_and_reads_a_file(files, found):
    (files / "pair.toml").write_text('weak = ["weak.npy"]\nstrong = "strong.npy"\n')
    made = found(["measure", "--config=pair.toml"])
    assert (list(made["pairs"]), made["strong"]) == (["weak"], "strong")


def test_a_fault_of_ours_is_status_1(files, refused, monkeypatch):
    from outgrow.api import running

    def broken(*args, **kwargs):
        raise ZeroDivisionError("x")

    monkeypatch.setattr(running, "study_run", broken)
    assert "fault of outgrow's own" in refused(RUN, status=1)
    with pytest.raises(ZeroDivisionError):
        main([*RUN, "--debug"])
    assert not (files / "out").exists()


def test_several_values_may_follow_one_option(files, found):
    made = found(["measure", "--weak", "weak.npy", "other.npy", "--strong", "strong.npy", "--rank", "2", "4"])
    assert list(made["pairs"]) == ["weak", "other"]
    assert [made["pairs"]["weak"][side]["kept"] for side in ("weak", "strong")] == [2, 4]


def wide(path, rows, columns, **beside):
    features = {f"x{j}": columns[:, j] for j in range(columns.shape[1])}
    pq.write_table(pa.table({"key": rows} | features | beside), path)


def test_wide_tables_are_predicted_by_the_columns_of_the_run(files, refused):
    weak, strong = np.load("weak.npy"), np.load("strong.npy")
    y = np.loadtxt("labels.csv", skiprows=1)
    keys = [f"r{i}" for i in range(len(y))]
    wide("weak.parquet", keys, weak, score=y)
    wide("strong.parquet", keys, strong, score=y)
    words = "run --weak weak.parquet --strong strong.parquet --labels weak.parquet --label-column score"
    words += " --id-column key --feature-columns x* --n 100 --test 0.3 --out out"
    main(words.split())
    # Scores missing, other columns beside, rows in another order.
    order = np.random.default_rng(0).permutation(len(y))
    wide("new-weak.parquet", keys, weak, score=[None] * len(y))
    wide("new-strong.parquet", [keys[i] for i in order], strong[order], other=y)
    words = "predict out --input new-weak.parquet --input new-strong.parquet --model union --out both.csv"
    main(words.split())
    lines = [line.split(",") for line in (files / "both.csv").read_text().splitlines()[1:]]
    predicted = {key.strip('"'): float(value) for key, value in lines}
    expected = outgrow.load("out").model("union").predict(weak, strong)
    np.testing.assert_allclose([predicted[key] for key in keys], expected, rtol=1e-12)
    wide("few.parquet", keys, strong[:, :9])
    line = "feature columns are missing: 'x9'"
    assert line in refused("predict out --input few.parquet --model student")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")
@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize(("name", "status"), [("SIGTERM", 143), ("SIGHUP", 129), ("SIGINT", 130)])
def test_a_stopped_run_leaves_nothing(files, name, status):
    code = (
        "import os, signal, sys; from outgrow.report import page; from outgrow.cli import main\n"
        f"def write(folder, html): os.kill(os.getpid(), signal.{name})\n"
        "page.write_report = write\n"
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
def test_a_place_that_cannot_be_written_is_said_first(files, refused, monkeypatch, words, number):
    def mkdtemp(**_):
        raise OSError(number, os.strerror(number))

    before = sorted(files.rglob("*"))
    monkeypatch.setattr(targets.tempfile, "mkdtemp", mkdtemp)
    # Inputs that are missing would be said next.
    said = refused([*words.split(), "--out", "out.csv"])
    assert said.startswith("outgrow: out.csv")
    assert said.endswith(f": cannot be written ({os.strerror(number).lower()}). Choose another --out.\n")
    assert sorted(files.rglob("*")) == before


def test_a_working_directory_that_is_gone_is_named(files, refused, monkeypatch):
    (files / "gone").mkdir()
    monkeypatch.chdir(files / "gone")
    (files / "gone").rmdir()
    assert refused([*RUN, "--n", "100"]) == "outgrow: the working directory: no such file or directory\n"
