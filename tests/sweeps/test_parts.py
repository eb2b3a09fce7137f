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
from outgrow.sweeps.parts import BLOCK, PartFolder
from outgrow.sweeps.table import KINDS, SweepTable, as_columns

GRID = SweepGrid((("w1", "s"),), n=(20, 40), N=(60, 120), noise=(0.0, 0.5), alphas_s=(0.0, 1.0), seeds=3)
ORIGIN: dict[str, Any] = {"n": [20, 40], "noise": [0.0], "features": {"w": "ab", "s": "cd"}, BLOCK: 5}


@pytest.fixture(scope="module")
def data(made: Any) -> SweepData:
    return made()


@pytest.fixture(scope="module")
def whole(data: SweepData) -> SweepTable:
    return measure_sweep(data, GRID, jobs=1)


def same(one: SweepTable, other: SweepTable) -> None:
    for name in KINDS:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


class Watched(PartFolder):
    """Writes down which parts were measured."""

    def save(self, student: str, seed: int, part: SweepTable) -> None:
        self.__dict__.setdefault("saved", []).append((student, seed))
        super().save(student, seed, part)


_open: list[PartFolder] = []


def parts(out: Path, origin: dict[str, Any] = ORIGIN, overwrite: bool = False, kind: Any = PartFolder) -> Any:
    """The parts, as the next process finds them: the one before has ended, and its lock with it."""
    while _open:
        _open.pop().close()
    _open.append(kind(out, origin, overwrite))
    return _open[-1]


def test_two_sweeps_of_one_folder_are_told_apart(tmp_path: Path, whole: SweepTable) -> None:
    first = parts(tmp_path / "out")
    with pytest.raises(FileError, match="is writing here"):
        PartFolder(tmp_path / "out", ORIGIN)
    first.save("s", 0, whole)
    # A part of another sweep under the same name, whole and with its checksum, is none of this one's.
    other = parts(tmp_path / "other", {**ORIGIN, "noise": [3.0]})
    other.save("s", 1, whole)
    for path in other.folder.glob("*-00001.*"):
        path.rename(first.folder / path.name)
    again = parts(tmp_path / "out")
    assert again.load("s", 0) is not None and again.load("s", 1) is None


@pytest.mark.parametrize("origin", ['{"a": 1}', "[]", "[" * 9000, "words", None])
@pytest.mark.parametrize("overwrite", [False, True])
def test_folders_of_others_are_left_alone(tmp_path: Path, origin: str | None, overwrite: bool) -> None:
    folder = tmp_path / "out.unfinished"
    folder.mkdir()
    if origin is not None:
        (folder / "origin.json").write_text(origin)
        with pytest.raises(FileError, match="is in the way, and holds no parts of a sweep"):
            parts(tmp_path / "out", overwrite=overwrite)
    (folder / "thesis.txt").write_text("years of work")
    with pytest.raises(FileError, match=r"is in the way: it holds 'thesis\.txt', which the sweep did not"):
        parts(tmp_path / "out", overwrite=overwrite)
    assert (folder / "thesis.txt").exists() and (folder / "origin.json").exists() == (origin is not None)
    (tmp_path / "file.unfinished").write_text("x")
    with pytest.raises(FileError, match="is in the way"):
        parts(tmp_path / "file", overwrite=overwrite)
    (tmp_path / "plain").write_text("x")
    with pytest.raises(FileError, match=r"cannot be written .*Choose another --out"):
        parts(tmp_path / "plain" / "out", overwrite=overwrite)


@pytest.mark.parametrize("classes", [0, 2])
def test_a_part_comes_back_to_the_last_bit(tmp_path: Path, made: Any, classes: int) -> None:
    table = measure_sweep(made(classes=classes), GRID, jobs=1)
    assert np.isnan(table["accuracy"]).all() == (not classes)
    store = parts(tmp_path / "out")
    assert store.load("s", 0) is None
    store.save("s", 0, table)
    back = parts(tmp_path / "out").load("s", 0)
    assert back is not None
    same(back, table)
    assert [values.dtype for values in back.values()] == [np.dtype(kind) for kind in KINDS.values()]


def test_files_hold_nulls_where_a_column_does_not_apply(tmp_path: Path, whole: SweepTable) -> None:
    store = parts(tmp_path / "out")
    store.save("s", 1, whole)
    (file,) = store.folder.glob("*.parquet")
    stored = pq.read_table(file)
    kinds = {name: str(kind) for name, kind in zip(stored.schema.names, stored.schema.types, strict=True)}
    named, number, real = "string", "int64", "double"
    assert kinds == {
        "model": named, "weak": named, "strong": named, "n": number, "N": number, "noise": real,
        "alpha_w": real, "alpha_s": real, "seed": number, "risk": real, "accuracy": real, "solver": named,
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
    # Seed zero and noise zero are not missing.
    columns = as_columns(whole)
    assert columns["seed"].null_count == columns["noise"].null_count == columns["n"].null_count == 0


@pytest.mark.parametrize("damage", ["none", "lost", "cut", "other table"])
def test_only_what_is_not_kept_whole_is_measured_again(
    tmp_path: Path, data: SweepData, whole: SweepTable, damage: str
) -> None:
    store = parts(tmp_path / "out", kind=Watched)
    measure_sweep(data, GRID, jobs=1, store=store)
    assert store.saved == [("s", 0), ("s", 1), ("s", 2)]
    file = sorted(store.folder.glob("*.parquet"))[1]
    if damage == "other table":
        pq.write_table(pq.read_table(file, columns=["model", "n"]), file)
    elif damage == "cut":
        file.write_bytes(file.read_bytes()[:900])
    elif damage == "lost":
        file.unlink()
    again = parts(tmp_path / "out", kind=Watched)
    # The table is that of one go: what was lost comes back at its place.
    same(measure_sweep(data, GRID, jobs=1, store=again), whole)
    assert again.__dict__.get("saved", []) == ([] if damage == "none" else [("s", 1)])


def test_no_damaged_byte_goes_unseen(tmp_path: Path, whole: SweepTable) -> None:
    # Among them definition levels, headers and footer, which the checksums of pages do not cover.
    store = parts(tmp_path / "out")
    store.save("s", 0, {name: values[:40] for name, values in whole.items()})
    (file,) = store.folder.glob("*.parquet")
    content = file.read_bytes()
    for place in range(0, len(content), 3):
        file.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        assert store.load("s", 0) is None, place
    file.write_bytes(content)
    assert store.load("s", 0) is not None
    next(store.folder.glob("*.sha256")).unlink()
    assert store.load("s", 0) is None


def test_parts_of_another_sweep_are_refused_and_it_is_said_what_differs(
    tmp_path: Path, whole: SweepTable
) -> None:
    # A sweep that was stopped before its first part is in nobody's way.
    parts(tmp_path / "out", {**ORIGIN, "noise": [1.0]})
    store = parts(tmp_path / "out")
    store.save("s", 0, whole)
    other = {**ORIGIN, "noise": [0.0, 1.0], "features": {"w": "ab", "s": "ef"}}
    with pytest.raises(FileError) as refused:
        parts(tmp_path / "out", other)
    assert str(refused.value) == (
        f"{store.folder}: holds parts of another sweep: it differs in features, noise. Finish that one first,"
        " choose another --out, or give --overwrite to throw the parts away."
    )
    assert parts(tmp_path / "out").load("s", 0) is not None
    emptied = parts(tmp_path / "out", other, overwrite=True)
    assert emptied.load("s", 0) is None
    assert json.loads((emptied.folder / "origin.json").read_text()) == other


def test_a_students_name_may_hold_anything(tmp_path: Path, whole: SweepTable) -> None:
    store = parts(tmp_path / "out")
    names = ("a/b", "../up", "ü" * 200, "s", "S")
    for name in names:
        store.save(name, 0, whole)
    assert store.count == len(names)
    assert all(store.load(name, 0) is not None for name in names) and store.load("other", 0) is None
    store.remove()
    assert list(tmp_path.iterdir()) == []
