"""The command line as its user meets it: files in, one line out when something is wrong, status 2."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

import outgrow
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
    np.save("other.npy", 50 * rng.normal(size=(40, 14)))
    assert "times as far" in refused(capsys, ["predict", "out", "--input", "other.npy", "--model", "student"])
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
    from outgrow import api

    def broken(*args, **kwargs):
        raise ZeroDivisionError("x")

    monkeypatch.setattr(api, "study_run", broken)
    assert "fault of outgrow's own" in refused(capsys, RUN, status=1)
    with pytest.raises(ZeroDivisionError):
        main([*RUN, "--debug"])
    assert not (files / "out").exists()


def test_import_loads_nothing_heavy():
    code = (
        "import sys, outgrow; "
        "sys.exit(bool({'sklearn', 'pyarrow', 'altair', 'scipy', 'pydantic'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
