"""Each thing that can be wrong with a feature file has its own line, and nothing else ever gets out."""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import save_file

from outgrow.data import as_features, read_features
from outgrow.errors import DataError, FileError, OutgrowError

GOOD = np.arange(12.0).reshape(4, 3)


class Boom:
    """Leaves a mark if it is ever unpickled."""

    marks: list[int] = []  # noqa: RUF012

    def __reduce__(self) -> tuple[object, ...]:
        return (Boom.marks.append, (1,))


def says(error: pytest.ExceptionInfo[OutgrowError], *parts: str) -> None:
    """Check that a message is one line and holds the parts."""
    line = str(error.value)
    assert "\n" not in line
    for part in parts:
        assert part in line


def test_a_wrong_path_gets_the_nearest_name(tmp_path: Path) -> None:
    np.save(tmp_path / "features.npy", GOOD)
    with pytest.raises(FileError) as error:
        read_features(tmp_path / "feature.npy")
    says(error, "feature.npy: no such file", "Did you mean 'features.npy'?")
    with pytest.raises(FileError, match=r"no such file\. Check the path"):
        read_features(tmp_path / "zzzzzzzz.npy")
    with pytest.raises(FileError, match=r"The folder '.*nowhere' does not exist"):
        read_features(tmp_path / "nowhere" / "a.npy")


@pytest.mark.parametrize("name", ["a.xlsx", "a", "a.pt", "a.pkl"])
def test_unsupported_formats_are_refused_and_the_formats_listed(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"something")
    with pytest.raises(FileError) as error:
        read_features(tmp_path / name)
    says(error, "unsupported format", ".npy, .npz, .safetensors, .csv")


def test_folders_empty_files_pointers_and_odd_paths(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="is a folder that holds no table"):
        read_features(tmp_path)
    (tmp_path / "a.npy").write_bytes(b"")
    with pytest.raises(FileError, match=r"the file is empty \(0 bytes\)"):
        read_features(tmp_path / "a.npy")
    (tmp_path / "b.npy").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(FileError, match="Git LFS pointer"):
        read_features(tmp_path / "b.npy")
    with pytest.raises(FileError):
        read_features("a\0b.npy")


def writers() -> dict[str, Callable[[Path, np.ndarray], object]]:
    """Give one writer per format."""

    def table(values: np.ndarray) -> pa.Table:
        listed = pa.array(list(values), type=pa.list_(pa.float64()))
        return pa.table({"id": [f"r{i}" for i in range(len(values))], "features": listed})

    def stream(path: Path, values: np.ndarray) -> None:
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table(values).schema) as writer:
            writer.write_table(table(values))

    return {
        "npy": lambda path, values: np.save(path, values),
        "npz": lambda path, values: np.savez_compressed(path, features=values),
        "safetensors": lambda path, values: save_file({"features": values}, path),
        "parquet": lambda path, values: pq.write_table(table(values), path, write_page_checksum=True),
        "arrow": lambda path, values: feather.write_feather(
            table(values), str(path), compression="uncompressed"
        ),
        "feather": lambda path, values: feather.write_feather(table(values), str(path), compression="zstd"),
        "ipc": stream,
    }


@pytest.mark.parametrize("suffix", list(writers()))
def test_cut_short_files_are_named_as_damaged(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"f.{suffix}"
    writers()[suffix](path, np.arange(300.0).reshape(100, 3))
    whole = path.read_bytes()
    for share in (0.02, 0.5, 0.9):
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(FileError) as error:
            read_features(path)
        says(error, f"f.{suffix}: damaged, cut short, or not a", "Write or download it again.")


@pytest.mark.parametrize("suffix", list(writers()))
def test_another_kind_of_file_is_named_as_damaged(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"f.{suffix}"
    path.write_bytes(b"<html>" + bytes(range(256)) * 20)
    with pytest.raises(FileError, match="damaged, cut short, or not a"):
        read_features(path)


@pytest.mark.parametrize("suffix", list(writers()))
def test_any_damage_gives_one_line_or_a_table(suffix: str, tmp_path: Path, rng: np.random.Generator) -> None:
    """Flip bits and overwrite bytes anywhere: an error of ours, or finite values; nothing else."""
    path = tmp_path / f"f.{suffix}"
    writers()[suffix](path, rng.standard_normal((30, 3)))
    whole = path.read_bytes()
    for trial in range(150):
        damaged = bytearray(whole)
        at = int(rng.integers(len(whole)))
        if trial % 2:
            damaged[at] ^= 1 << int(rng.integers(8))
        else:
            damaged[at : at + 8] = rng.bytes(8)
        path.write_bytes(bytes(damaged))
        try:
            table = read_features(path)
        except OutgrowError as error:
            assert "\n" not in str(error)
        else:
            assert np.isfinite(table.values).all()


@pytest.mark.parametrize("suffix", ["npz", "parquet"])
def test_a_flipped_data_byte_is_caught_by_the_checksum(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"f.{suffix}"
    values = np.random.default_rng(0).standard_normal((500, 4))
    if suffix == "npz":
        np.savez(path, features=values)
    else:
        table = pa.table({"features": pa.array(list(values), type=pa.list_(pa.float64(), 4))})
        pq.write_table(table, path, write_page_checksum=True, use_dictionary=False, compression="none")
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(bytes(raw))
    with pytest.raises(FileError, match="CRC"):
        read_features(path)


def test_a_name_longer_than_names_are_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id," + "x" * 200_000 + "\nr0,1\n")
    with pytest.raises(FileError, match="damaged, cut short, or not a CSV file"):
        read_features(tmp_path / "a.csv")


def test_pickled_arrays_are_refused_and_never_loaded(tmp_path: Path) -> None:
    bad = np.empty(2, dtype=object)
    bad[:] = [Boom(), Boom()]
    np.save(tmp_path / "a.npy", bad, allow_pickle=True)
    np.savez(tmp_path / "b.npz", features=bad)
    np.savez(tmp_path / "c.npz", features=GOOD, ids=bad)
    (tmp_path / "d.npy").write_bytes(pickle.dumps(Boom()))
    for name in ("a.npy", "b.npz", "c.npz", "d.npy"):
        with pytest.raises(FileError, match="holds pickled Python objects, which are never loaded"):
            read_features(tmp_path / name)
    assert Boom.marks == []


@pytest.mark.parametrize("shape", [(10**15, 3), (10**30, 10**30), (2**62, 4), (-4, 3), (4, -3), (True, 3)])
def test_absurd_shapes_are_refused_before_memory_is_asked_for(shape: tuple[int, int], tmp_path: Path) -> None:
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}"
    header = header.ljust(117) + "\n"
    raw = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + GOOD.tobytes()
    (tmp_path / "a.npy").write_bytes(raw)
    with pytest.raises(FileError, match=r"damaged, cut short, or not a \.npy file"):
        read_features(tmp_path / "a.npy")
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("features.npy", raw)
    with pytest.raises(FileError, match=r"damaged, cut short, or not a \.np"):
        read_features(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.ones(5), r"features have 1 dimension \(5,\), not 2"),
        (np.ones((2, 3, 4)), r"features have 3 dimensions \(2, 3, 4\), not 2"),
        (np.ones(()), r"features have 0 dimensions \(\), not 2"),
        (np.ones((0, 4)), r"features are empty: shape \(0, 4\)"),
        (np.ones((4, 0)), r"features are empty: shape \(4, 0\)"),
        (np.ones((4, 2), dtype=complex), r"features are complex \(complex128\)"),
        (np.full((4, 2), "a"), r"features are not numbers \(type <U1\)"),
        (np.zeros((4, 2), dtype="M8[s]"), "features are not numbers"),
        (np.zeros(4, dtype=[("a", "f4")]), "features are not numbers"),
    ],
)
def test_wrong_shapes_and_types(values: np.ndarray, message: str, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", values)
    np.savez(tmp_path / "a.npz", values)
    for name in ("a.npy", "a.npz"):
        with pytest.raises(DataError, match=f"{name}: {message}"):
            read_features(tmp_path / name)
    with pytest.raises(DataError, match=f"mine: {message}"):
        as_features(values, name="mine")


def test_nan_and_infinity_are_named_by_row_and_column(tmp_path: Path) -> None:
    values = GOOD.copy()
    values[2, 1] = np.nan
    np.save(tmp_path / "a.npy", values)
    with pytest.raises(DataError, match=r"a.npy: NaN in row 2, column 1\. Encode that row again"):
        read_features(tmp_path / "a.npy")
    values[2, 1] = -np.inf
    with pytest.raises(DataError, match="infinity in row 'c', column 1"):
        as_features(values, ids=list("abcd"))
    wide = {"id": list("abcd")} | {f"x{j}": values[:, j] for j in range(3)}
    pq.write_table(pa.table(wide), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="infinity in row 'c', column 'x1'"):
        read_features(tmp_path / "a.parquet")


def test_nulls_inside_features_are_missing_values(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": ["a", "b"], "x": [1.0, None], "y": [1, 2]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="NaN in row 'b', column 'x'"):
        read_features(tmp_path / "a.parquet")
    for kind in (pa.list_(pa.float32()), pa.list_(pa.float32(), 2), pa.list_(pa.int64())):
        table = pa.table({"id": ["a", "b"], "features": pa.array([[1, 2], [3, None]], type=kind)})
        pq.write_table(table, tmp_path / "b.parquet")
        with pytest.raises(DataError, match="NaN in row 'b', column 1"):
            read_features(tmp_path / "b.parquet")
        table = pa.table({"id": ["a", "b"], "features": pa.array([[1, 2], None], type=kind)})
        pq.write_table(table, tmp_path / "c.parquet")
        with pytest.raises(DataError, match="row 'b' has no features"):
            read_features(tmp_path / "c.parquet")


def test_ragged_lists_name_the_row(tmp_path: Path) -> None:
    for ids, named in (({"id": ["a", "b", "c"]}, "row 'c'"), ({}, "row 2")):
        pq.write_table(pa.table({**ids, "features": [[1.0, 2.0], [3.0, 4.0], [5.0]]}), tmp_path / "a.parquet")
        with pytest.raises(DataError, match=f"ragged features: {named} has 1 values, the rows before it 2"):
            read_features(tmp_path / "a.parquet")
    with pytest.raises(DataError, match="features are ragged"):
        as_features([[1.0, 2.0], [3.0]])


def test_rows_ragged_in_a_later_batch_are_named(tmp_path: Path) -> None:
    rows = [[1.0, 2.0]] * 9000 + [[1.0]]
    pq.write_table(pa.table({"features": rows}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="row 9000 has 1 values"):
        read_features(tmp_path / "a.parquet")


def test_ids_that_are_repeated_missing_or_no_ids(tmp_path: Path) -> None:
    def check(ids: pa.Array, message: str) -> None:
        pq.write_table(pa.table({"id": ids, "x": np.arange(float(len(ids)))}), tmp_path / "a.parquet")
        with pytest.raises(DataError, match=message):
            read_features(tmp_path / "a.parquet")

    check(
        pa.array([*"abcdefg", *"abcdefg"]),
        re.escape("duplicated ids 'a', 'b', 'c', 'd', 'e', ... (7 in all)"),
    )
    check(pa.array(["a", None]), "row 1 has no id in column 'id'")
    check(pa.array(["a", ""]), "row 1 has no id in column 'id'")
    check(pa.array([1.5, 2.5]), "the id column 'id' is of type double")
    np.savez(tmp_path / "b.npz", features=GOOD, ids=np.array(["a", "b", "a", "c"]))
    with pytest.raises(DataError, match="duplicated ids 'a'"):
        read_features(tmp_path / "b.npz")
    np.savez(tmp_path / "b.npz", features=GOOD, ids=np.array(["a", "b"]))
    with pytest.raises(DataError, match="2 ids for 4 rows"):
        read_features(tmp_path / "b.npz")
    np.savez(tmp_path / "b.npz", features=GOOD, ids=np.ones(4))
    with pytest.raises(DataError, match="'ids' has shape"):
        read_features(tmp_path / "b.npz")


def test_columns_that_cannot_be_chosen(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"

    def check(columns: dict[str, object], message: str, **how: str) -> None:
        pq.write_table(pa.table(columns), path)
        with pytest.raises(DataError, match=message):
            read_features(path, **how)  # type: ignore[arg-type]

    check({"id": ["a"], "text": ["b"]}, r"no column holds features .*Columns present: 'id', 'text'")
    check({"u": [[1.0]], "v": [[1.0]]}, "several columns hold lists: 'u', 'v'")
    check({"x": [1.0]}, "no column matches 'y\\*'. Columns present: 'x'", feature_columns="y*")
    check({"x": [1.0], "xt": ["a"]}, "matched by 'x\\*' are not numeric: 'xt'", feature_columns="x*")
    check({"x": [1.0], "key": ["a"]}, "there is no id column 'kye'.*Did you mean 'key'", id_column="kye")
    written = "'emb' holds lists written as text"
    check({"emb": ["[0.5, -1]", "[1, 2]"], "raters": [1.0, 2.0]}, written)
    check({"emb": ["[-.5 1.  2.]\n"], "text": ["[sic] a film"]}, written)
    check({"features": [["a", "b"]]}, "features are not numbers")
    check({"features": pa.array([], pa.list_(pa.float32()))}, "features are empty: no rows")
    check({"features": pa.array([[], []], pa.list_(pa.float32()))}, "features are empty: shape")


def test_archives_and_tensors_that_cannot_be_chosen(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", u=GOOD, v=GOOD)
    with pytest.raises(DataError, match="holds 2 arrays, none called 'features': 'u', 'v'"):
        read_features(tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz", ids=np.array(["a"]))
    with pytest.raises(DataError, match="holds no array"):
        read_features(tmp_path / "a.npz")
    save_file({"u": GOOD, "v": GOOD}, tmp_path / "a.safetensors")
    with pytest.raises(DataError, match="holds 2 tensors, none called 'features'"):
        read_features(tmp_path / "a.safetensors")
    save_file({"u": np.ones(3)}, tmp_path / "a.safetensors")
    with pytest.raises(DataError, match="features have 1 dimension"):
        read_features(tmp_path / "a.safetensors")


def test_ids_from_outside_cannot_break_the_line() -> None:
    with pytest.raises(DataError) as error:
        as_features(np.array([[1.0], [np.nan]]), ids=["a", "\x1b[31m\n" + "x" * 500])
    says(error, r"\x1b[31m\n")
    assert len(str(error.value)) < 200
