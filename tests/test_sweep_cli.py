"""`outgrow sweep` as its user meets it: a folder out, stopped and continued, one line when wrong."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import outgrow
from outgrow.cli import app, main
from outgrow.sweeps import measured_grid as measure
from outgrow.sweeps.parts import PartFolder


def write_labels(values):
    Path("labels.csv").write_text("label\n" + "\n".join(values) + "\n")


SWEEP = ["sweep", "sweep.toml"]


def same(one, other):
    left, right = (pq.read_table(Path(folder) / "sweep.parquet") for folder in (one, other))
    assert left.equals(right)


def never(*_):
    raise AssertionError("something was measured")


def stopping(after):
    """Measure some parts, then do as Ctrl-C does."""
    done = []
    whole = measure.measure_part

    def part(*arguments):
        if len(done) == after:
            raise KeyboardInterrupt
        done.append(arguments[3])
        return whole(*arguments)

    return part


@pytest.fixture
def saved(monkeypatch):
    """Seeds of the parts that were measured."""
    seeds = []
    whole = PartFolder.save

    def save(self, student, seed, part):
        seeds.append(seed)
        whole(self, student, seed, part)

    monkeypatch.setattr(PartFolder, "save", save)
    return seeds


@pytest.fixture
def stopped(files, monkeypatch, refused):
    """A sweep that was stopped after two of its three parts."""
    with monkeypatch.context() as patched:
        patched.setattr(measure, "measure_part", stopping(2))
        said = refused([*SWEEP, "--jobs", "1", "--out", "out"], status=130)
    assert said == (
        "outgrow: interrupted; 2 finished parts are kept in out.unfinished: the same command goes on\n"
    )
    assert not (files / "out").exists()
    return files


def test_a_folder_holds_every_seed_the_cells_and_the_figure(
    files, capsys, found, redrawn, monkeypatch, tmp_path_factory
):
    main([*SWEEP, "--noise", "0", "0.5", "--out", "out"])
    shown = capsys.readouterr().out
    assert "Report: out/report.html" in shown
    assert "2 sizes of n, 2 sizes of N, 2 noise levels, 3 seeds" in shown
    assert not (files / "out.unfinished").exists()
    names = (
        "cells.parquet config.toml figure.pdf figure.png manifest.json report.html sweep.json sweep.parquet"
    )
    assert {path.name for path in (files / "out").iterdir()} >= {*names.split(), "versions.json"}
    redrawn()
    outcome = json.loads((files / "out" / "sweep.json").read_text())
    every, cells = (pq.read_table(f"out/{name}.parquet").to_pylist() for name in ("sweep", "cells"))
    assert len(every) == 3 * 2 * (2 + 2 + 4 + 4 + 4)
    assert {row["N"] for row in every if row["model"] in ("teacher", "baseline")} == {None}
    assert {row["seed"] for row in every} == {0, 1, 2}
    assert all(row["accuracy"] is None and row["risk"] > 0 for row in every)
    # Means of the one are values of the other, and of the JSON.
    own = [
        row["risk"]
        for row in every
        if (row["model"], row["n"], row["N"], row["noise"]) == ("student", 40, 50, 0.5)
    ]
    at = {"quantity": "student", "n": 40, "N": 50, "noise": 0.5, "alpha_w": 1.0, "alpha_s": 0.5, "seeds": 3}
    (place,) = [number for number, cell in enumerate(cells) if at.items() <= cell.items()]
    assert cells[place]["value"] == pytest.approx(np.mean(own))
    assert cells[place]["reason"] is None
    assert outcome["cells"]["value"][place] == cells[place]["value"]
    assert outcome["cells"]["low"][place] == cells[place]["low"] < cells[place]["value"]
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert found(["sweep", str(files / "out" / "config.toml")])["cells"] == outcome["cells"]


def test_without_a_folder_nothing_is_written(files, capsys):
    before = sorted(path.name for path in files.iterdir())
    main(SWEEP)
    said = capsys.readouterr().out
    # Nor is a file named that is not there.
    assert "Report" not in said and ".parquet" not in said and "--out DIR writes them all" in said
    assert sorted(path.name for path in files.iterdir()) == before


def test_options_stand_before_the_files(files, found):
    outcome = found([*SWEEP, "--seeds", "2", "--n", "30", "--title", "Mine"])
    assert (outcome["title"], outcome["config"]["n"], outcome["config"]["seeds"]) == ("Mine", [30], 2)
    assert outcome["config"]["N"] == [50, 100]
    for words in (
        ["sweep", "--config", "sweep.toml", "--seeds", "2"],
        ["sweep", "--config=sweep.toml", "--seeds", "2"],
        ["sweep", "--seeds", "2", "sweep.toml"],
        ["sweep", "--no-joint", "sweep.toml", "--seeds", "2"],
    ):
        other = found(words)
        assert (other["config"]["n"], other["config"]["seeds"]) == ([20, 40], 2)
    assert "joint" not in other["cells"]["quantity"]


def test_classes_have_accuracies_and_a_loss_of_their_own(files, found):
    y = np.loadtxt("labels.csv", skiprows=1)
    write_labels(np.where(y > 0, "good", "bad"))
    outcome = found([*SWEEP, "--head", "logistic", "--seeds", "2"])
    assert outcome["task"] == "classification"
    assert "accuracy_of_student" in outcome["cells"]["quantity"]
    squared = found([*SWEEP, "--noise", "0", "1"])
    assert set(squared["cells"]["noise"]) == {0.0, 1.0}


def test_fits_that_need_rows_are_counted_and_are_json(files, found):
    # Every column twice: without a penalty, no sum resolves it.
    strong = np.load("strong.npy")
    np.save("strong.npy", np.hstack([strong, strong + np.float32(1e-5) * strong[::-1]]))
    np.save("weak.npy", np.hstack([strong, strong + np.float32(1e-5) * strong[::-1]]))
    outcome = found([*SWEEP, "--alpha-w", "0", "--alpha-s", "0", "--n", "40"])
    assert outcome["fits"]["rows"] > 0


def test_every_option_has_a_line_of_help(capsys):
    missing = [
        argument.name
        for argument in app["sweep"].assemble_argument_collection(parse_docstring=True)
        if not argument.children and not argument.parameter.help
    ]
    assert missing == []
    main(["sweep", "--help"])
    shown = capsys.readouterr().out
    for word in ("CONFIG.toml", "--noise", "--unit", "--seeds", "--jobs", "interrupted"):
        assert word in shown


def test_progress_tells_shares_that_only_grow(files):
    told = []
    sets = {"weak": ("weak.npy",), "strong": ("strong.npy", "other.npy"), "labels": "labels.csv"}
    config = outgrow.SweepConfig(**sets, test=0.3, n=(20,), N=(50,), seeds=3)
    made = outgrow.sweep(config, jobs=1, progress=lambda *said: told.append(said))
    shares = [share for what, share in told if "parts" in what or what.startswith("reading rows for")]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert told[-2][0] == "other: 6 of 6 parts"
    assert "of 2 cells" in made._repr_html_()


def test_rows_without_labels_are_left_out_and_said(files, found):
    values = Path("labels.csv").read_text().split()[1:]
    write_labels("" if place % 4 == 0 else value for place, value in enumerate(values))
    outcome = found([*SWEEP, "--N", "50", "80"])
    assert outcome["rows"] + outcome["test_rows"] == 225
    assert "75 rows without a label were left out." in outcome["notes"]


def test_ranks_and_intercepts_reach_the_fits(files, found):
    whole = found(SWEEP)
    ranked = found([*SWEEP, "--rank", "2", "4"])
    assert [(pair["d_w"], pair["d_s"]) for pair in ranked["pairs"]] == [(2, 4)]
    bare = found([*SWEEP, "--no-intercept"])
    risks = [outcome["cells"]["value"] for outcome in (whole, ranked, bare)]
    assert risks[0] != risks[1] != risks[2]


def test_memory_that_will_not_do_is_said_and_nothing_is_left(files, refused, monkeypatch):
    monkeypatch.setattr(measure, "free_memory", lambda: 1000)
    said = refused([*SWEEP, "--n", "40", "--N", "50", "169", "--out", "out"])
    assert re.search(r"the memory: sums over rows take .* GB, and .* GB are free\.", said), said
    assert not list(files.glob("out*"))


def test_a_folder_that_is_there_is_refused_before_work(files, refused, monkeypatch):
    (files / "out").mkdir()
    (files / "out" / "thesis.tex").write_text("x")
    monkeypatch.setattr(measure, "measure_part", never)
    assert "out: exists already" in refused([*SWEEP, "--out", "out"])
    assert "not a run of outgrow" in refused([*SWEEP, "--out", "out", "--overwrite"])


def damage():
    part = min(Path("out.unfinished").glob("*.parquet"))
    content = bytearray(part.read_bytes())
    content[len(content) // 3] ^= 0xFF
    part.write_bytes(content)


@pytest.mark.parametrize(
    ("harm", "change", "measured"),
    [
        (lambda: None, [], [2]),
        (lambda: None, ["--seeds", "5", "--title", "Another"], [2, 3, 4]),
        (damage, [], [0, 2]),
    ],
    ids=["goes on", "more seeds", "a damaged part"],
)
def test_a_stopped_sweep_goes_on(stopped, saved, harm, change, measured):
    harm()
    main([*SWEEP, *change, "--jobs", "1", "--out", "out"])
    assert saved == measured
    assert not (stopped / "out.unfinished").exists()
    main([*SWEEP, *change, "--jobs", "1", "--out", "clean"])
    same("out", "clean")


def test_parts_of_another_sweep_are_in_the_way_until_thrown_away(stopped, saved, refused):
    def other(*change):
        return refused([*SWEEP, *change, "--out", "out"])

    assert other("--noise", "0.5") == (
        "outgrow: out.unfinished: holds parts of another sweep: it differs in noise. Finish that one"
        " first, choose another --out, or give --overwrite to throw the parts away.\n"
    )
    assert "it differs in alpha_w, n." in other("--n", "20", "--alpha-w", "2")
    assert "it differs in labels, seed." in other("--seed", "1")
    strong = np.load("strong.npy")
    np.save("strong.npy", strong * 2)
    assert "it differs in features 'strong'." in other()
    np.save("strong.npy", strong)
    lines = Path("labels.csv").read_text().split()
    write_labels([*lines[1:-1], "9"])
    assert "it differs in labels." in other()
    # A mistake throws nothing away.
    assert "with a single seed there are no others" in other(
        "--seeds", "1", "--alpha-w", "1", "2", "--overwrite"
    )
    assert len(list((stopped / "out.unfinished").glob("*.parquet"))) == 2
    main([*SWEEP, "--jobs", "1", "--out", "out", "--overwrite"])
    assert saved == [0, 1, 2]
    assert not (stopped / "out.unfinished").exists()


def test_a_stop_before_the_first_part_leaves_nothing(files, refused, monkeypatch):
    monkeypatch.setattr(measure, "measure_part", stopping(0))
    line = refused([*SWEEP, "--jobs", "1", "--out", "out"], status=130)
    assert line == "outgrow: interrupted; nothing half-written was kept\n"
    assert not list(files.glob("out*"))


SEEDS = 150


@pytest.fixture
def large(tmp_path, rng, monkeypatch):
    """A sweep of a few seconds."""
    monkeypatch.chdir(tmp_path)
    hidden = rng.normal(size=(2000, 12))
    for name, width in (("weak", 60), ("strong", 120)):
        X = hidden @ rng.normal(size=(12, width)) + rng.normal(size=(2000, width))
        np.save(f"{name}.npy", X.astype(np.float32))
    write_labels(f"{value:.5f}" for value in hidden.sum(axis=1) + rng.normal(size=2000))
    words = "sweep --weak weak.npy --strong strong.npy --labels labels.csv --test 0.2 --n 50 200 --N 500 1000"
    return [*words.split(), "--noise", "0", "1", "--seeds", str(SEEDS)]


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize(("how", "jobs"), [("interrupt", "1"), ("interrupt all", "2"), ("kill", "1")])
def test_a_process_that_is_stopped_in_mid_work_goes_on(large, saved, how, jobs):
    code = "from outgrow.cli import main; main()"
    words = [*large, "--jobs", jobs, "--out", "out"]
    process = subprocess.Popen(
        [sys.executable, "-c", code, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    unfinished = Path("out.unfinished")
    until = time.monotonic() + 120
    while len(list(unfinished.glob("*.parquet"))) < 3 and process.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    if how == "kill":
        process.kill()
    elif how == "interrupt":
        process.send_signal(signal.SIGINT)
    else:
        # As a terminal does: workers are told too.
        os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=600)
    kept = {int(path.stem.split("-")[1]) for path in unfinished.glob("*.parquet")}
    assert 3 <= len(kept) < SEEDS
    assert not Path("out").exists()
    assert out == ""
    if how == "kill":
        assert (process.returncode, err) == (-signal.SIGKILL, "")
    else:
        assert process.returncode == 130
        assert err == (
            f"outgrow: interrupted; {len(kept)} finished parts are kept in out.unfinished: the same command"
            " goes on\n"
        )
    main(words)
    assert set(saved) == set(range(SEEDS)) - kept
    assert not unfinished.exists()
    main([*large, "--jobs", "1", "--out", "clean"])
    made, clean = (pq.read_table(f"{folder}/sweep.parquet") for folder in ("out", "clean"))
    assert made["seed"].equals(clean["seed"])
    # Sums of the same numbers, perhaps by other processes.
    np.testing.assert_allclose(made["risk"].to_numpy(), clean["risk"].to_numpy(), rtol=1e-10)
