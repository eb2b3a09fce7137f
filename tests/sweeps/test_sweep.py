"""From files to a sweep: default sizes, rows in any order, ranks, several students, any workers."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression

from outgrow.config import SweepConfig
from outgrow.errors import ConfigError, DataError, OutgrowError
from outgrow.sweeps import measured_grid as measure
from outgrow.sweeps.grid import SweepData, SweepGrid
from outgrow.sweeps.layout import MOST_BLOCKS, cut
from outgrow.sweeps.measured_grid import measure_sweep
from outgrow.sweeps.noisy_labels import NoisyLabels
from outgrow.sweeps.parts import PartFolder
from outgrow.sweeps.summary import arrays_of
from outgrow.sweeps.sweep import check_sweep, default_pools, grid_of, leading, sweep, sweep_rows
from outgrow.sweeps.sweep_outcome import SweepOutcome
from outgrow.sweeps.table import KINDS, SweepTable

ROWS = 240


class Files:
    """A small world on disk; ids are told apart from places."""

    def __init__(self, folder: Path) -> None:
        rng = np.random.default_rng(7)
        hidden = rng.standard_normal((ROWS, 8))
        mix = rng.standard_normal((8, 12))
        self.folder = folder
        self.sets = {
            "weak": (hidden[:, :4] + 0.3 * rng.standard_normal((ROWS, 4)) + 2).astype(np.float32),
            "other": (hidden[:, 2:] + 0.3 * rng.standard_normal((ROWS, 6))).astype(np.float32),
            "strong": (hidden @ mix + rng.standard_normal((ROWS, 12)) + 3).astype(np.float32),
        }
        self.y = hidden.sum(axis=1) + rng.standard_normal(ROWS)
        self.ids = [f"row-{number:03d}" for number in rng.permutation(ROWS)]
        self.write(np.arange(ROWS))

    def write(self, order: np.ndarray, **labels: Any) -> None:
        ids = [self.ids[place] for place in order]
        for name, X in self.sets.items():
            pq.write_table(pa.table({"id": ids, "features": X[order].tolist()}), self.path(name))
        columns = {"label": self.y, **labels}
        ordered = {name: [values[place] for place in order] for name, values in columns.items()}
        pq.write_table(pa.table({"id": ids, **ordered}), self.path("labels"))

    def path(self, name: str) -> str:
        return str(self.folder / f"{name}.parquet")

    def config(self, **change: Any) -> SweepConfig:
        settings: dict[str, Any] = {
            "weak": (self.path("weak"),),
            "strong": (self.path("strong"),),
            "labels": self.path("labels"),
            "label_column": "label",
            "test": 60,
            "n": (20, 40),
            "N": (50, 100),
            "alpha_w": (1.0,),
            "alpha_s": (0.5,),
            "seeds": 2,
        }
        return SweepConfig(**{**settings, **change})


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def swept(config: SweepConfig, **how: Any) -> SweepOutcome:
    data, names, read = sweep_rows(config)
    return sweep(config, data, grid_of(config, names, len(data.train)), read, **{"jobs": 1, **how})


def same(one: SweepTable, other: SweepTable, rtol: float = 0.0) -> None:
    for name, kind in KINDS.items():
        if kind is np.float64 and name != "condition":
            np.testing.assert_allclose(other[name], one[name], rtol=rtol, err_msg=name)
        elif name != "condition":
            np.testing.assert_array_equal(other[name], one[name], err_msg=name)


def sizes(rows: int, **named: Any) -> SweepGrid:
    return grid_of(SweepConfig(weak=("w",), strong=("s",), **named), {"w": "w", "s": "s"}, rows)


@pytest.mark.parametrize(
    ("rows", "named", "n", "N"),
    [
        (60, {}, (15,), (5, 10, 20, 40)),
        (700, {}, (50, 100), (70, 140, 280, 560)),
        (50_000, {}, (50, 100, 200, 400, 800), (5800, 11600, 23200, 46400)),
        (100, {"n": (10, 90), "N": (5,)}, (10, 90), (5,)),
        # Labels take half of what the largest pool leaves, not of what the smallest one does.
        (210, {"N": (50, 190)}, (10,), (50, 190)),
    ],
)
def test_sizes_by_default(rows: int, named: dict[str, Any], n: tuple[int, ...], N: tuple[int, ...]) -> None:
    assert (sizes(rows, **named).n, sizes(rows, **named).N) == (n, N)


@pytest.mark.parametrize("rows", [8, 20, 59, 101, 997, 2399, 20_011, 67_001])
def test_sizes_by_default_fit_and_need_few_blocks(rows: int) -> None:
    for named in ({}, {"n": (4,)}, {"N": (2, 4)}, {"N": (2, rows - 4)}):
        grid = sizes(rows, **named)
        assert max(grid.n) + max(grid.N) <= rows
        if "N" not in named:
            # Of one row each, blocks would take more than the rows themselves by the square of the width.
            assert cut(rows, grid).count <= max(2 * MOST_BLOCKS, 60)
            assert max(grid.N) > 0.6 * (rows - max(grid.n)) or rows < 60


def test_pools_by_default_are_round_and_double() -> None:
    for rows, n in ((300, 50), (12_345, 800), (1_000_003, 800)):
        pools = default_pools(rows, n)
        assert len(pools) == 4 and all(b == 2 * a for a, b in itertools.pairwise(pools))
        assert int(str(pools[0])[2:] or "0") == 0
    assert default_pools(5, 3) == (2,)


def test_the_order_of_rows_in_files_changes_nothing(files: Files) -> None:
    config = files.config(noise=(0.0, 0.5), rank=(3, 6))
    one = swept(config)
    files.write(np.random.default_rng(3).permutation(ROWS))
    other = swept(config)
    same(one.table, other.table, rtol=1e-9)
    assert set(one.pairs[0].__dict__) == set(other.pairs[0].__dict__)
    assert one.pairs[0].d_sw.value == pytest.approx(other.pairs[0].d_sw.value, rel=1e-9)


def test_rows_without_labels_are_left_out_and_said(files: Files) -> None:
    gaps = [None if place % 4 == 0 else value for place, value in enumerate(files.y)]
    files.write(np.arange(ROWS), label=gaps)
    found = swept(files.config(N=(50, 80)))
    assert (found.rows, found.test_rows) == (120, 60)
    assert "60 rows without a label were left out." in found.notes
    with pytest.raises(ConfigError, match=r"n = 40 with N = 100 takes 140 rows, and 120 with labels"):
        swept(files.config())
    # The same as if they had never been there.
    kept = np.flatnonzero(np.arange(ROWS) % 4)
    files.write(kept)
    whole = swept(files.config(N=(50, 80)))
    same(found.table, whole.table, rtol=1e-9)
    assert not any("without a label" in note for note in whole.notes)


def test_no_test_rows_are_refused(files: Files) -> None:
    with pytest.raises(DataError) as refused:
        sweep_rows(files.config(test=0))
    assert str(refused.value) == (
        "the rows: a sweep scores every model on test rows, and there are none. Draw some with --test 0.2, or"
        " name them in the split column."
    )


def test_leading_components_are_those_of_the_rows_trained_on(rng: np.random.Generator) -> None:
    X, train = rng.standard_normal((300, 7)) @ rng.standard_normal((7, 7)) + 5, np.arange(200)
    kept = leading(X, train, 3)
    # The same plane through the rows, with what the mean gives to it: no more than an orthogonal turn apart.
    expected = X @ PCA(3).fit(X[train]).components_.T
    np.testing.assert_allclose(kept @ kept.T, expected @ expected.T, rtol=1e-8)
    assert leading(X, train, 7) is X
    halves = X.astype(np.float16)
    np.testing.assert_allclose(
        leading(halves, train, 3), leading(halves.astype(np.float64), train, 3), atol=1e-9
    )


def test_a_rank_changes_the_risks_as_fits_on_components_do(files: Files) -> None:
    config = files.config(rank=(2, 5), alpha_w=(0.0,), alpha_s=(0.0,))
    data, names, read = sweep_rows(config)
    grid = grid_of(config, names, len(data.train))
    found = arrays_of(swept(config).table, grid)["ceiling", "strong"]
    layout = cut(len(data.train), grid).deal(40, 100, 1)
    rows = np.concatenate([layout.labelled[:20], layout.pool[:50]])
    place = {row: number for number, row in enumerate(files.ids)}
    X = files.sets["strong"].astype(np.float64)[[place[str(row)] for row in read.ids]]
    Z = PCA(5).fit(X[data.train]).transform(X)
    model = LinearRegression().fit(Z[data.train][rows], data.labels.draw(0.0, 1)[rows])
    risk = np.mean((model.predict(Z[data.test]) - data.truth) ** 2)
    assert found[0, 0, 0, 0, 1] == pytest.approx(risk, rel=1e-6)
    # Every student has the students' rank, and a single one is everybody's.
    both = files.config(strong=(files.path("strong"), files.path("other")), rank=(2, 5))
    widths = {name: view.shape[1] for name, view in sweep_rows(both)[0].views.items()}
    assert widths == {"weak": 2, "strong": 5, "other": 5}
    assert {view.shape[1] for view in sweep_rows(files.config(rank=(3,)))[0].views.values()} == {3}


def test_several_students_meet_every_teacher(files: Files) -> None:
    config = files.config(
        weak=(files.path("weak"), files.path("other")), strong=(files.path("strong"), files.path("weak"))
    )
    found = swept(config)
    pairs = [(weak, strong) for strong in ("strong", "weak") for weak in ("weak", "other")]
    assert [(pair.weak, pair.strong) for pair in found.pairs] == pairs
    table = found.table
    # A teacher is measured once, whoever it teaches.
    teachers = table["weak"][table["model"] == "teacher"]
    assert sorted(teachers.tolist()) == ["other"] * 4 + ["weak"] * 4
    assert len({panel.group for panel in found.panels if "Student weak" in panel.group}) == 1
    alone = swept(files.config(weak=(files.path("other"),), strong=(files.path("weak"),))).table
    rows = (table["model"] == "student") & (table["weak"] == "other") & (table["strong"] == "weak")
    np.testing.assert_allclose(table["risk"][rows], alone["risk"][alone["model"] == "student"], rtol=1e-9)


def test_a_set_that_teaches_itself_learns_its_own_lesson(files: Files) -> None:
    # Least squares on its own pseudo-labels gives the teacher again, wherever the pool determines it.
    found = swept(files.config(weak=(files.path("strong"),), alpha_w=(0.0,), alpha_s=(0.0,)))
    grid = SweepGrid((("strong", "strong"),), n=(20, 40), N=(50, 100), seeds=2)
    risks = arrays_of(found.table, grid)
    teacher, student = risks["teacher", "strong"], risks["student", "strong", "strong"]
    np.testing.assert_allclose(
        student[..., 0, :], np.broadcast_to(teacher[:, :, None], student[..., 0, :].shape)
    )
    assert found.pairs[0].d_sw.value == pytest.approx(12)
    with pytest.raises(ConfigError) as refused:
        sweep_rows(files.config(weak=(files.path("strong"),), rank=(2, 5)))
    assert str(refused.value) == (
        "--rank: strong is teacher and student at once, and two ranks are given. Give one, or name the file"
        " twice: --weak small=FILE --strong FILE."
    )


def test_noise_that_is_known_is_taken_off(files: Files) -> None:
    raw, excess = swept(files.config()), swept(files.config(noise_variance=1.0))
    np.testing.assert_allclose(excess.table["risk"], raw.table["risk"] - 1)
    assert (raw.excess, excess.excess) == (False, True)
    assert any("raw" in note or "noise and all" in note for note in raw.notes)
    files.write(np.arange(ROWS), truth=files.y, other=2 * files.y)
    found = swept(files.config(truth_column="truth", truth_variance=0.5))
    assert found.excess
    np.testing.assert_allclose(found.table["risk"], raw.table["risk"] - 0.5)
    # Held against the truth, not against the label.
    assert (swept(files.config(truth_column="other")).table["risk"] > 1.5 * raw.table["risk"]).all()
    # More than there is.
    told = [note for note in swept(files.config(noise_variance=50.0)).notes if "below 0" in note]
    assert len(told) == 1 and "--noise-variance" in told[0]
    assert not any("below 0" in note for note in swept(files.config(noise_variance=0.01)).notes)


def test_what_splits_and_groups_do_not_keep_is_told(files: Files) -> None:
    # Half of the rows are for the test: fewer than two hundred.
    part = ["test" if place % 2 else "labelled" for place in range(ROWS)]
    files.write(np.arange(ROWS), family=[place // 2 for place in range(ROWS)], split=part)
    notes = " ".join(swept(files.config(test=0.0, split_column="split", n=(20,), N=(40,))).notes)
    assert "Of the split column only the test rows" in notes and "Test rows are few (120)" in notes
    assert "Groups" not in notes
    notes = " ".join(swept(files.config(group_column="family", split_column="none")).notes)
    assert "may share groups" in notes and "split column" not in notes


def test_without_intercepts_the_means_are_fitted_by_nothing(files: Files) -> None:
    files.write(np.arange(ROWS), label=files.y + 100)
    fitted, bare = swept(files.config()).table, swept(files.config(intercept=False)).table
    student = fitted["model"] == "student"
    assert (bare["risk"][student] > 3 * fitted["risk"][student]).all()


def test_classes_go_from_names_to_accuracies(files: Files) -> None:
    files.write(np.arange(ROWS), label=np.where(files.y > 0, "good", "bad").tolist())
    found = swept(files.config(noise=(0.0, 0.3)))
    assert found.task == "classification"
    accuracy = found.table["accuracy"]
    ceilings = (found.table["model"] == "ceiling") & (found.table["noise"] == 0)
    assert accuracy[ceilings].mean() > 0.75
    # Of sixty test rows.
    np.testing.assert_allclose(accuracy * 60, np.round(accuracy * 60), atol=1e-9)
    assert "accuracy_of_student" in set(found.cells["quantity"])
    assert any(
        line.series == "share of labels swapped 0.3" for panel in found.panels for line in panel.curves
    )
    with pytest.raises(ConfigError) as refused:
        swept(files.config(noise=(1.5,)))
    assert str(refused.value) == (
        "--noise: 1.5 is no share of classes swapped, from 0 to 1. Name levels such as 0 and 0.1."
    )


@pytest.mark.parametrize("noise", [-1.0, float("inf"), float("nan")])
def test_noise_of_no_size_is_refused(noise: float) -> None:
    with pytest.raises(ConfigError, match=r"is no standard deviation of at least 0"):
        NoisyLabels(np.zeros((3, 1))).draw(noise, 0)
    with pytest.raises(ConfigError, match=r"squares of 1e\+200 are no numbers"):
        NoisyLabels(np.zeros((3, 1))).draw(1e200, 0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"weak": ("weak", "weak")}, "--weak .*weak.parquet: is named twice. Name each once."),
        ({"strong": ("strong", "strong")}, "--strong .*strong.parquet: is named twice"),
        ({"n": (40, 1000)}, "n = 40 with N = 150 takes 190 rows.*Together they may take 180"),
        ({"n": (100, 40)}, "--n: sizes do not increase"),
        ({"seeds": 1, "alpha_s": (0.1, 1.0)}, "with a single seed there are no others"),
        ({"noise": (0.5, 0.5)}, "--noise: 0.5 is named twice"),
        ({"head": "logistic"}, "a logistic head is for classes"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_is(
    files: Files, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], said: str
) -> None:
    def never(*_: Any) -> None:
        raise AssertionError("something was measured")

    monkeypatch.setattr(measure, "measure_part", never)
    for option in ("weak", "strong"):
        if option in change:
            change = {**change, option: tuple(files.path(name) for name in change[option])}
    with pytest.raises(ConfigError, match=said):
        swept(files.config(**{"N": (50, 150) if "n" in change else (50,), **change}))


SMALL = SweepGrid((("w1", "s"),), n=(20,), N=(60, 120), noise=(0.0, 1.0), seeds=4)


@pytest.fixture(scope="module")
def data(made: Any) -> SweepData:
    return made()


@pytest.fixture(scope="module")
def whole(data: SweepData) -> SweepTable:
    return measure_sweep(data, SMALL, jobs=1)


def test_memory_that_does_not_suffice_is_said_before_anything_is_made(
    data: SweepData, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_sweep(data, SMALL)
    monkeypatch.setattr(measure, "free_memory", lambda: 2000)
    monkeypatch.setattr(measure, "Blocks", None)
    with pytest.raises(ConfigError) as refused:
        measure_sweep(data, SMALL, jobs=1)
    said = str(refused.value)
    assert said.startswith("the memory: sums over rows take 0.0 GB, and 0.0 GB are free")
    assert "Use fewer teachers" in said


def test_processes_that_find_no_room_to_share_are_refused(
    data: SweepData, whole: SweepTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "place_for", lambda _needed: None)
    with pytest.raises(
        ConfigError, match=r"--jobs: processes share 0.0 GB of blocks, .*Use --jobs 1, or set TMPDIR"
    ):
        measure_sweep(data, SMALL, jobs=2)
    # Where nobody asked for processes, there are none.
    same(measure_sweep(data, SMALL), whole)


@pytest.mark.parametrize("jobs", [2, -1, None])
def test_the_table_is_the_same_for_any_workers(data: SweepData, whole: SweepTable, jobs: int | None) -> None:
    same(whole, measure_sweep(data, SMALL, jobs=jobs), rtol=1e-11)


def test_the_table_is_the_same_under_a_backend_of_rays_kind(files: Files) -> None:
    # In a process of its own: pytest's has threads, and forks badly.
    config = files.config(seeds=5, noise=(0.0, 0.5))
    code = f"""
import joblib, outgrow
from outgrow import SweepConfig
with joblib.parallel_config(backend="multiprocessing"):
    outgrow.sweep(SweepConfig(**{config.model_dump()!r}), {str(files.folder / "out")!r}, jobs=2)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=600)
    there = pq.read_table(files.folder / "out" / "sweep.parquet", columns=["risk", "seed"])
    here = swept(config).table
    np.testing.assert_array_equal(there["seed"].to_numpy(), here["seed"])
    np.testing.assert_allclose(there["risk"].to_numpy(), here["risk"], rtol=1e-11)


def killer(folder: Path, seed: int) -> Callable[..., SweepTable]:
    """A part that kills its worker; sent to workers by value, as they cannot import tests."""

    def part(*arguments: Any) -> SweepTable:
        import os
        import signal
        import time

        from outgrow.sweeps.measured_grid import measure_part

        if arguments[3] == seed:
            # The others are kept first, so that what is left is this one alone.
            while len(list(folder.rglob("*.parquet"))) < 3:
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGKILL)
        return measure_part(*arguments)

    return part


def test_a_part_that_always_kills_leaves_the_others_kept(
    data: SweepData, whole: SweepTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = PartFolder(tmp_path / "out", {})
    with monkeypatch.context() as patched:
        patched.setattr(measure, "measure_part", killer(tmp_path, 2))
        with pytest.raises(
            OutgrowError, match=r"killed 3 times in a row, 1 of 4 tasks are left\. Memory may be short"
        ):
            measure_sweep(data, SMALL, jobs=2, store=store)
    assert [store.load("s", seed) is not None for seed in range(4)] == [True, True, False, True]
    # Without the killer, the rest is made up for.
    same(measure_sweep(data, SMALL, jobs=1, store=store), whole, rtol=1e-11)
