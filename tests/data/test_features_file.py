"""Every format gives the same values, ids and identity; what stands beside features is none."""

from __future__ import annotations

import json
import struct

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import save_file

from outgrow.data import as_features, read_features, read_labels

IDS = [f"{i:03d}" for i in range(20_000)]
LISTED = ["fixed.parquet", "lists.parquet", "wide.parquet", "fixed.arrow", "lists.feather", "stream.ipc"]
PLAIN = ["plain.npy", "fortran.npy", "swapped.npy", "named.npz", "single.npz", "named.safetensors"]


def write(path, values):
    """Write one array in the layout that the name says, ids included where the format has room."""
    match path.name:
        case "plain.npy":
            np.save(path, values)
        case "fortran.npy":
            np.save(path, np.asfortranarray(values))
        case "swapped.npy":
            np.save(path, values.astype(values.dtype.newbyteorder(">")))
        case "named.npz":
            np.savez_compressed(path, features=values, id=np.array(IDS), other=np.zeros(3))
        case "single.npz":
            np.savez(path, values)
        case "named.safetensors":
            save_file({"features": values, "other": np.zeros(3)}, path, metadata={"encoder": "mini@1"})
        case _:
            _write_table(path, values)
    return path


def _write_table(path, values):
    if path.stem == "wide":
        columns = {f"x{j}": values[:, j] for j in range(values.shape[1])} | {"label": np.zeros(len(values))}
    else:
        kind = pa.list_(pa.from_numpy_dtype(values.dtype), values.shape[1] if path.stem == "fixed" else -1)
        columns = {"features": pa.array(list(values), type=kind), "text": ["a"] * len(values)}
    table = pa.table({"id": IDS, **columns}).replace_schema_metadata({"encoder": "mini@1"})
    if path.suffix == ".parquet":
        pq.write_table(table, path, write_page_checksum=True, row_group_size=7000)
    elif path.stem == "stream":
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=9000)
    else:
        packing = "uncompressed" if path.stem == "fixed" else "zstd"
        feather.write_feather(table, str(path), compression=packing)


@pytest.fixture(scope="module")
def values():
    """More rows than one batch holds."""
    return np.random.default_rng(1).standard_normal((len(IDS), 3)).astype(np.float32)


@pytest.mark.parametrize("name", LISTED + PLAIN)
def test_every_format_gives_the_same_values_ids_and_identity(name, values, tmp_path):
    table = read_features(write(tmp_path / name, values))
    np.testing.assert_array_equal(table.values, values)
    assert table.values.dtype == np.float32 and table.values.dtype.isnative
    assert not table.values.flags.writeable
    assert table.has_ids == (name in LISTED or name == "named.npz")
    assert table.ids.tolist() == (IDS if table.has_ids else [str(i) for i in range(len(IDS))])
    identity = table.identity
    assert (identity.sha256, identity.width) == (as_features(values).identity.sha256, 3)
    assert (identity.source, identity.name) == (name, name.split(".")[0])
    assert identity.columns == (("x0", "x1", "x2") if name == "wide.parquet" else ())
    assert identity.encoder == ("mini@1" if name in [*LISTED, "named.safetensors"] else None)


@pytest.mark.parametrize("name", LISTED + PLAIN)
@pytest.mark.parametrize(
    ("stored", "working"),
    [("f2", "f4"), ("f8", "f8"), ("i1", "f4"), ("u2", "f4"), ("i4", "f8"), ("i8", "f8")],
)
def test_numbers_are_widened_to_the_smallest_type_that_holds_them(name, stored, working, tmp_path):
    values = np.arange(3 * len(IDS)).reshape(-1, 3).astype(stored)
    values = values % 1000 if stored == "f2" else values
    table = read_features(write(tmp_path / name, values))
    assert table.values.dtype == np.dtype(working)
    assert np.dtype(table.identity.dtype).newbyteorder("=") == np.dtype(stored)
    np.testing.assert_array_equal(table.values, values.astype(working))


def test_bfloat16_is_read_as_the_float32_it_stands_for(put):
    values = np.array([[1.0, -2.5, 3.140625], [0.0, 1e30, 2.0**-100]], dtype=np.float32)
    halves = (values.view(np.uint32) >> 16).astype("<u2")
    header = json.dumps({"x": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [0, 12]}}).encode()
    path = put("b.safetensors", struct.pack("<Q", len(header)) + header + halves.tobytes())
    np.testing.assert_array_equal(read_features(path).values.view(np.uint32), halves.astype(np.uint32) << 16)


@pytest.mark.parametrize("name", ["plain.npy", "named.safetensors", "fixed.arrow"])
def test_mapped_formats_are_not_copied(name, values, tmp_path):
    base = read_features(write(tmp_path / name, values)).values
    assert not base.flags.owndata
    while isinstance(base, np.ndarray) and not isinstance(base, np.memmap):
        assert not base.flags.owndata
        base = base.base
    assert base is not None


def test_an_array_in_memory_is_not_copied_and_not_frozen_for_its_owner():
    values = np.ones((3, 2))
    assert np.shares_memory(as_features(values).values, values)
    assert values.flags.writeable


def test_sets_differ_in_identity_when_one_value_or_the_shape_does():
    values = np.ones((4, 3))
    other = values.copy()
    other[2, 1] += 1e-12
    sets = (values, other, values.reshape(3, 4), values.astype("f4"))
    assert len({as_features(one).identity.sha256 for one in sets}) == 4


def test_columns_beside_wide_features_are_left_out_unless_named(put):
    columns = {"key": ["a", "b"], "x1": [1.0, 2.0], "x2": [3, 4], "label": [5.0, 6.0]}
    path = put("f.parquet", {**columns, "fold": [7, 8], "t": ["", ""], "__index_level_0__": [0, 1]})
    assert read_features(path, id_column="key").identity.columns == ("x1", "x2", "fold")
    assert read_features(path, id_column="key", exclude=("label", "fold")).identity.columns == ("x1", "x2")
    table = read_features(path, id_column="key", feature_columns="x*", name="mine")
    np.testing.assert_array_equal(table.values, [[1.0, 3.0], [2.0, 4.0]])
    assert (table.identity.columns, table.identity.name) == (("x1", "x2"), "mine")
    assert read_features(path, feature_columns=("x2", "x1")).values.tolist() == [[3.0, 1.0], [4.0, 2.0]]
    assert read_labels(put("i.parquet", {"x": [1.0], "__index_level_0__": [0]})).values.tolist() == [1.0]


def test_a_pattern_chooses_among_several_list_columns(put):
    path = put("f.parquet", {"weak": [[1.0], [2.0]], "strong": [[3.0, 4.0], [5.0, 6.0]]})
    assert read_features(path, feature_columns="strong").values.tolist() == [[3.0, 4.0], [5.0, 6.0]]


def test_rows_left_out_of_an_arrow_slice_are_not_read(put):
    features = pa.array([[1.0], [2.0], [3.0]], pa.list_(pa.float64(), 1))
    read = read_features(put("f.arrow", pa.table({"id": ["a", "b", "c"], "features": features}).slice(1, 1)))
    assert (read.ids.tolist(), read.values.tolist()) == (["b"], [[2.0]])


def test_the_shared_movie_features(shared_data):
    table = read_features(shared_data / "movies" / "minilm-l6.parquet")
    assert (table.values.shape, table.identity.dtype) == ((10_605, 384), "float16")
