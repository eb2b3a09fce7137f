"""Parts of unfinished sweeps: kept whole, never mixed with another sweep's, measured again where damaged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from outgrow.errors import FileError
from outgrow.sweeps.grid import SweepData, SweepGrid
from outgrow.sweeps.measured_grid import measure_sweep
from outgrow.sweeps.noisy_labels import NoisyLabels
from outgrow.sweeps.parts import BLOCK, PartFolder
from outgrow.sweeps.table import KINDS, SweepTable, as_columns, read_table

GRID = SweepGrid((("w", "s"),), n=(20, 40), N=(60, 120), noise=(0.0, 0.5), alphas_s=(0.0, 1.0), seeds=3)
ORIGIN = {"n": [20, 40], "noise": [0.0], "features": {"w": "ab", "s": "cd"}, BLOCK: 5}


def made(classes: int = 0) -> SweepData:
    rng = np.random.default_rng(1)
    hidden = rng.standard_normal((300, 6))
    y = hidden[:, :2].sum(axis=1, keepdims=True) + rng.standard_normal((300, 1))
    if classes:
        y = np.eye(classes)[(y[:, 0] > 0).astype(int)]
    views = {"w": hidden[:, :4] + 1, "s": hidden @ rng.standard_normal((6, 8))}
    return SweepData(
        views, np.arange(240), np.arange(240, 300), NoisyLabels(y[:240], classes), y[240:], 0.0, classes
    )


def same(one: SweepTable, other: SweepTable) -> None:
    for name in KINDS:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


class Watched(PartFolder):
    """Writes down which parts were measured."""

    saved: list[tuple[str, int]]

    def save(self, student: str, seed: int, part: SweepTable) -> None:
        self.__dict__.setdefault("saved", []).append((student, seed))
        super().save(student, seed, part)


_open: list[PartFolder] = []


def parts(out: Path, origin: dict[str, Any], overwrite: bool = False, kind: Any = PartFolder) -> Any:
    """The parts, as the next process finds them: the one before has ended, and its lock with it."""
    while _open:
        _open.pop().close()
    _open.append(kind(out, origin, overwrite))
    return _open[-1]


def test_two_sweeps_of_one_folder_are_told_apart(tmp_path: Path) -> None:
    first = parts(tmp_path / "out", ORIGIN)
    with pytest.raises(FileError, match="is writing here"):
        PartFolder(tmp_path / "out", ORIGIN)
    table = measure_sweep(made(), GRID, jobs=1)
    first.save("s", 0, table)
    # A part of another sweep under the same name, whole and with its checksum, is none of this one's.
    other = parts(tmp_path / "other", {**ORIGIN, "noise": [3.0]})
    other.save("s", 1, table)
    for path in other.folder.glob("*-00001.*"):
        path.rename(first.folder / path.name)
    again = parts(tmp_path / "out", ORIGIN)
    assert again.load("s", 0) is not None
    assert again.load("s", 1) is None


@pytest.mark.parametrize("origin", ['{"a": 1}', "[]", "[" * 9000, "words"])
def test_an_origin_of_something_else_is_kept(tmp_path: Path, origin: str) -> None:
    folder = tmp_path / "out.unfinished"
    folder.mkdir()
    (folder / "origin.json").write_text(origin)
    for overwrite in (False, True):
        with pytest.raises(FileError, match="is in the way, and holds no parts of a sweep"):
            parts(tmp_path / "out", ORIGIN, overwrite)
    (folder / "thesis.txt").write_text("years of work")
    for overwrite in (False, True):
        with pytest.raises(
            FileError, match=r"is in the way: it holds 'thesis\.txt', which the sweep did not"
        ):
            parts(tmp_path / "out", ORIGIN, overwrite)
    assert {path.name for path in folder.iterdir()} == {"origin.json", "thesis.txt"}


@pytest.mark.parametrize("classes", [0, 2])
def test_a_part_comes_back_to_the_last_bit(tmp_path: Path, classes: int) -> None:
    table = measure_sweep(made(classes), GRID, jobs=1)
    assert np.isnan(table["accuracy"]).all() == (not classes)
    store = parts(tmp_path / "out", ORIGIN)
    assert store.load("s", 0) is None
    store.save("s", 0, table)
    back = parts(tmp_path / "out", ORIGIN).load("s", 0)
    assert back is not None
    same(back, table)
    assert {name: values.dtype for name, values in back.items()} == {
        name: np.dtype(kind) for name, kind in KINDS.items()
    }


def test_files_hold_nulls_where_a_column_does_not_apply(tmp_path: Path) -> None:
    table = measure_sweep(made(), GRID, jobs=1)
    store = parts(tmp_path / "out", ORIGIN)
    store.save("s", 1, table)
    (file,) = store.folder.glob("*.parquet")
    stored = pq.read_table(file)
    kinds = {name: str(kind) for name, kind in zip(stored.schema.names, stored.schema.types, strict=True)}
    named, whole, real = "string", "int64", "double"
    assert kinds == {
        "model": named, "weak": named, "strong": named, "n": whole, "N": whole, "noise": real,
        "alpha_w": real, "alpha_s": real, "seed": whole, "risk": real, "accuracy": real, "solver": named,
        "condition": real,
    }  # fmt: skip
    missing = {
        "teacher": {"strong", "N", "alpha_s"},
        "baseline": {"weak", "N", "alpha_w"},
        "ceiling": {"weak", "alpha_w"},
        "student": set(),
        "joint": set(),
    }
    rows = stored.to_pylist()
    assert {row["model"] for row in rows} == set(missing)
    for row in rows:
        # Of a regression there is no accuracy.
        empty = {name for name, value in row.items() if value is None}
        assert empty == missing[row["model"]] | {"accuracy"}
    assert {row["solver"] for row in rows} <= {"moments", "rows"}


def test_seed_zero_and_noise_zero_are_not_missing() -> None:
    columns = as_columns(measure_sweep(made(), GRID, jobs=1))
    assert columns["seed"].null_count == columns["noise"].null_count == columns["n"].null_count == 0


def test_what_is_kept_is_not_measured_again_and_the_table_is_that_of_one_go(tmp_path: Path) -> None:
    data, whole = made(), measure_sweep(made(), GRID, jobs=1)
    store = parts(tmp_path / "out", ORIGIN, kind=Watched)
    measure_sweep(data, GRID, jobs=1, store=store)
    assert store.saved == [("s", 0), ("s", 1), ("s", 2)]
    # The middle one is lost: it comes back, at its place.
    kept = sorted(store.folder.glob("*.parquet"))
    kept[1].unlink()
    again = parts(tmp_path / "out", ORIGIN, kind=Watched)
    same(measure_sweep(data, GRID, jobs=1, store=again), whole)
    assert again.saved == [("s", 1)]


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "other table"])
def test_a_damaged_part_is_measured_again(tmp_path: Path, damage: str) -> None:
    data = made()
    whole = measure_sweep(data, GRID, jobs=1, store=parts(tmp_path / "out", ORIGIN))
    file = sorted(parts(tmp_path / "out", ORIGIN).folder.glob("*.parquet"))[2]
    content = bytearray(file.read_bytes())
    if damage == "flipped":
        content[len(content) // 3] ^= 0xFF
        file.write_bytes(content)
    elif damage == "other table":
        pq.write_table(pq.read_table(file, columns=["model", "n"]), file)
    else:
        file.write_bytes(content[: len(content) // 2 if damage == "cut" else 0])
    again = parts(tmp_path / "out", ORIGIN, kind=Watched)
    assert again.load("s", 2) is None
    same(measure_sweep(data, GRID, jobs=1, store=again), whole)
    assert again.saved == [("s", 2)]
    same(read_table(file), {name: values[whole["seed"] == 2] for name, values in whole.items()})


def test_no_damaged_byte_goes_unseen(tmp_path: Path) -> None:
    # Among them definition levels, headers and footer, which the checksums of pages do not cover.
    store = parts(tmp_path / "out", ORIGIN)
    table = measure_sweep(made(), GRID, jobs=1)
    store.save("s", 0, table)
    (file,) = store.folder.glob("*.parquet")
    whole = file.read_bytes()
    for place in range(0, len(whole), 3):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        assert store.load("s", 0) is None, place
    file.write_bytes(whole)
    assert store.load("s", 0) is not None
    next(store.folder.glob("*.sha256")).unlink()
    assert store.load("s", 0) is None


def test_parts_of_another_sweep_are_refused_and_it_is_said_what_differs(tmp_path: Path) -> None:
    store = parts(tmp_path / "out", ORIGIN)
    store.save("s", 0, measure_sweep(made(), GRID, jobs=1))
    other: dict[str, Any] = {**ORIGIN, "noise": [0.0, 1.0], "features": {"w": "ab", "s": "ef"}}
    with pytest.raises(FileError) as refused:
        parts(tmp_path / "out", other)
    assert str(refused.value) == (
        f"{store.folder}: holds parts of another sweep: it differs in features, noise. Finish that one first,"
        " choose another --out, or give --overwrite to throw the parts away."
    )
    assert parts(tmp_path / "out", ORIGIN).load("s", 0) is not None
    emptied = parts(tmp_path / "out", other, overwrite=True)
    assert emptied.load("s", 0) is None
    assert json.loads((emptied.folder / "origin.json").read_text()) == other


def test_a_sweep_that_was_stopped_before_its_first_part_is_in_nobodys_way(tmp_path: Path) -> None:
    parts(tmp_path / "out", ORIGIN)
    other = {**ORIGIN, "noise": [1.0]}
    store = parts(tmp_path / "out", other)
    assert json.loads((store.folder / "origin.json").read_text()) == other


def test_folders_of_others_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out.unfinished").mkdir()
    (tmp_path / "out.unfinished" / "thesis.tex").write_text("x")
    for overwrite in (False, True):
        with pytest.raises(FileError, match=r"is in the way: it holds 'thesis.tex', which"):
            parts(tmp_path / "out", ORIGIN, overwrite)
    assert (tmp_path / "out.unfinished" / "thesis.tex").exists()
    (tmp_path / "file.unfinished").write_text("x")
    with pytest.raises(FileError, match="is in the way"):
        parts(tmp_path / "file", ORIGIN)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(FileError, match=r"cannot be written .*Choose another --out"):
        parts(tmp_path / "file" / "out", ORIGIN)


def test_a_students_name_may_hold_anything(tmp_path: Path) -> None:
    store = parts(tmp_path / "out", ORIGIN)
    table = measure_sweep(made(), GRID, jobs=1)
    names = ("a/b", "../up", "ü" * 200, "s", "S")
    for name in names:
        store.save(name, 0, table)
    assert store.count == len(names)
    assert all(store.load(name, 0) is not None for name in names)
    assert store.load("other", 0) is None
    store.remove()
    assert list(tmp_path.iterdir()) == []
