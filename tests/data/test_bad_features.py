"""Each thing that can be wrong with a feature file has its own line, and nothing else ever gets out."""

from __future__ import annotations

import pickle
import zipfile

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

    def __reduce__(self):
        return (Boom.marks.append, (1,))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("feature.npy", r"feature\.npy: no such file\. Did you mean 'features\.npy'\?"),
        ("zzzzzzzz.npy", r"no such file\. Check the path"),
        ("nowhere/a.npy", r"The folder '.*nowhere' does not exist"),
        ("a", r"unsupported format without an ending.*\.npy, \.npz, \.safetensors, \.csv"),
        ("a.pkl", r"unsupported format '\.pkl'.*Pickles can run code.*\.npy, \.npz, \.safetensors, \.csv"),
        ("folder", "is a folder that holds no table"),
        ("empty.npy", r"the file is empty \(0 bytes\)"),
        ("lfs.npy", "Git LFS pointer"),
        ("a\0b.npy", "no such file"),
    ],
)
def test_what_is_no_file_of_features(name, message, put, tmp_path):
    (tmp_path / "folder").mkdir()
    for other, content in {"features.npy": GOOD, "a": "x", "a.pkl": "x", "empty.npy": b""}.items():
        put(other, content)
    put("lfs.npy", "version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(FileError, match=message) as error:
        read_features(tmp_path / name)
    assert "\n" not in str(error.value)


def _table(values):
    listed = pa.array(list(values), type=pa.list_(pa.float64()))
    return pa.table({"id": [f"r{i}" for i in range(len(values))], "features": listed})


def _stream(path, values):
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, _table(values).schema) as writer:
        writer.write_table(_table(values))


WRITERS = {
    "npy": np.save,
    "npz": lambda path, values: np.savez_compressed(path, features=values),
    "safetensors": lambda path, values: save_file({"features": values}, path),
    "parquet": lambda path, values: pq.write_table(_table(values), path, write_page_checksum=True),
    "arrow": lambda path, values: feather.write_feather(
        _table(values), str(path), compression="uncompressed"
    ),
    "feather": lambda path, values: feather.write_feather(_table(values), str(path), compression="zstd"),
    "ipc": _stream,
}


@pytest.mark.parametrize("suffix", WRITERS)
def test_damaged_files_are_named_or_give_finite_values(suffix, tmp_path, rng):
    path = tmp_path / f"f.{suffix}"
    WRITERS[suffix](path, rng.standard_normal((100, 3)))
    whole = path.read_bytes()
    for content in (
        *(whole[: int(share * len(whole))] for share in (0.02, 0.5, 0.9)),
        b"<html>" + bytes(range(256)) * 20,
    ):
        path.write_bytes(content)
        with pytest.raises(
            FileError, match=rf"f\.{suffix}: damaged, cut short, or not a.*Write or download it"
        ):
            read_features(path)
    WRITERS[suffix](path, rng.standard_normal((30, 3)))
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
            assert np.isfinite(read_features(path).values).all()
        except OutgrowError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize("suffix", ["npz", "parquet"])
def test_a_flipped_data_byte_is_caught_by_the_checksum(suffix, tmp_path):
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


def test_pickled_arrays_are_refused_and_never_loaded(tmp_path):
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
def test_absurd_shapes_are_refused_before_memory_is_asked_for(shape, put, tmp_path):
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    raw = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + GOOD.tobytes()
    put("a.npy", raw)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("features.npy", raw)
    for name in ("a.npy", "a.npz"):
        with pytest.raises(FileError, match=r"damaged, cut short, or not a \.np"):
            read_features(tmp_path / name)


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
def test_wrong_shapes_and_types(values, message, put):
    for name in ("a.npy", "a.npz"):
        with pytest.raises(DataError, match=f"{name}: {message}"):
            read_features(put(name, values))
    with pytest.raises(DataError, match=f"mine: {message}"):
        as_features(values, name="mine")


def _lists(values, kind=None):
    return pa.array(values, kind or pa.list_(pa.float32()))


AB = {"id": ["a", "b"]}
TABLES = [
    ({**AB, "x": [1.0, np.inf]}, "infinity in row 'b', column 'x'. Encode that row again, or remove it"),
    ({**AB, "x": [1.0, None], "y": [1, 2]}, "NaN in row 'b', column 'x'"),
    ({**AB, "features": [[1.0, 2.0], [3.0]]}, "ragged features: row 'b' has 1 values, the rows before it 2"),
    ({"features": [[1.0, 2.0]] * 9000 + [[1.0]]}, "row 9000 has 1 values, the rows before it 2"),
    (
        {"id": [*"abcdefg"] * 2, "x": [0.5] * 14},
        r"duplicated ids 'a', 'b', 'c', 'd', 'e', \.\.\. \(7 in all\)",
    ),
    ({"id": ["a", None], "x": [1.0, 2.0]}, "row 1 has no id in column 'id'"),
    ({"id": ["a", ""], "x": [1.0, 2.0]}, "row 1 has no id in column 'id'"),
    ({"id": [1.5, 2.5], "x": [1.0, 2.0]}, "the id column 'id' is of type double"),
    ({"id": ["a"], "text": ["b"]}, "no column holds features .*Columns present: 'id', 'text'"),
    ({"u": [[1.0]], "v": [[1.0]]}, "several columns hold lists: 'u', 'v'"),
    ({"emb": ["[0.5, -1]", "[1, 2]"], "raters": [1.0, 2.0]}, "'emb' holds lists written as text"),
    ({"emb": ["[-.5 1.  2.]\n"], "text": ["[sic] a film"]}, "'emb' holds lists written as text"),
    ({"features": [["a", "b"]]}, "features are not numbers"),
    ({"features": _lists([])}, "features are empty: no rows"),
    ({"features": _lists([[], []])}, "features are empty: shape"),
]
for kind in (pa.list_(pa.float32()), pa.list_(pa.float32(), 2), pa.list_(pa.int64())):
    TABLES.append(({**AB, "features": _lists([[1, 2], [3, None]], kind)}, "NaN in row 'b', column 1"))
    TABLES.append(({**AB, "features": _lists([[1, 2], None], kind)}, "row 'b' has no features"))
ARCHIVES = [
    ("a.npz", {"features": GOOD, "ids": np.array([*"abac"])}, "duplicated ids 'a'"),
    ("a.npz", {"features": GOOD, "ids": np.array([*"ab"])}, "2 ids for 4 rows"),
    ("a.npz", {"features": GOOD, "ids": np.ones(4)}, "'ids' has shape"),
    ("a.npz", {"u": GOOD, "v": GOOD}, "holds 2 arrays, none called 'features': 'u', 'v'"),
    ("a.npz", {"ids": np.array(["a"])}, "holds no array"),
    ("a.safetensors", {"u": GOOD, "v": GOOD}, "holds 2 tensors, none called 'features'"),
    ("a.safetensors", {"u": np.ones(3)}, "features have 1 dimension"),
    ("a.npy", np.array([[1, 2], [3, np.nan]]), r"a\.npy: NaN in row 1, column 1\. Encode that row again"),
    ("a.csv", {"id": ["a"], "x" * 200_000: [1]}, "damaged, cut short, or not a CSV file"),
]


@pytest.mark.parametrize(
    ("name", "content", "message"), [*(("a.parquet", *one) for one in TABLES), *ARCHIVES]
)
def test_tables_and_archives_that_are_no_features(name, content, message, put):
    with pytest.raises(OutgrowError, match=message):
        read_features(put(name, content))


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"feature_columns": "y*"}, r"no column matches 'y\*'. Columns present: 'x', 'xt', 'key'"),
        ({"feature_columns": "x*"}, r"columns matched by 'x\*' are not numeric: 'xt'"),
        ({"feature_columns": ("x", "y", "z")}, "2 feature columns are missing: 'y', 'z'"),
        ({"id_column": "kye"}, "there is no id column 'kye'.*Did you mean 'key'"),
    ],
)
def test_columns_that_cannot_be_chosen(how, message, put):
    path = put("a.parquet", {"x": [1.0], "xt": ["a"], "key": ["a"]})
    with pytest.raises(DataError, match=message):
        read_features(path, **how)


def test_arrays_in_memory_are_refused_in_one_short_line():
    with pytest.raises(DataError, match="features are ragged"):
        as_features([[1.0, 2.0], [3.0]])
    with pytest.raises(DataError, match="infinity in row 'b', column 0"):
        as_features([[1.0], [-np.inf]], ids=["a", "b"])
    with pytest.raises(DataError, match=r"\\x1b\[31m\\n") as error:
        as_features([[1.0], [np.nan]], ids=["a", "\x1b[31m\n" + "x" * 500])
    assert "\n" not in str(error.value) and len(str(error.value)) < 200
