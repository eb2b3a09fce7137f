"""Sources give the same rows again and again, whatever the size of a batch."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outgrow.data import FeatureSource
from outgrow.errors import DataError, FileError
from outgrow.linalg.rows import ArraySource, RowSource

VALUES = np.random.default_rng(0).standard_normal((97, 4)).astype(np.float16)
IDS = [f"r{i}" for i in range(97)]


@pytest.fixture(scope="module", params=["memory", "parquet", "wide", "arrow"])
def source(request, tmp_path_factory):
    """Give the same rows as arrays and as files."""
    if request.param == "memory":
        return ArraySource({"block": VALUES}, np.array(IDS, dtype=object))
    folder = tmp_path_factory.mktemp("source")
    columns = {"id": IDS, "features": pa.array(list(VALUES), type=pa.list_(pa.float16(), 4))}
    if request.param == "arrow":
        feather.write_feather(pa.table(columns), str(folder / "block.arrow"))
        return FeatureSource(folder / "block.arrow")
    if request.param == "wide":
        columns = {"id": IDS} | {f"x{j}": VALUES[:, j] for j in range(4)} | {"label": IDS}
    pq.write_table(pa.table(columns), folder / "block.parquet", row_group_size=40)
    return FeatureSource(folder / "block.parquet")


@given(size=st.integers(1, 120), rows=st.none() | st.lists(st.integers(0, 96), unique=True))
def test_batches_do_not_depend_on_their_size(source, size, rows):
    wanted = None if rows is None else np.array(rows, dtype=np.int64)
    batches = list(source.batches(rows=wanted, size=size))
    got = np.concatenate([batch.rows for batch in batches]) if batches else np.empty(0, dtype=np.int64)
    assert got.tolist() == (list(range(97)) if rows is None else sorted(rows))
    for batch in batches:
        assert 0 < len(batch.rows) <= size
        np.testing.assert_array_equal(batch.blocks["block"], VALUES[batch.rows])


def test_sources_say_what_they_hold(source):
    assert isinstance(source, RowSource)
    assert source.ids.tolist() == IDS and len(source) == len(IDS)
    assert dict(source.schema) == {"block": 4}
    with pytest.raises(DataError, match=r"there is no block 'other'. Blocks: block"):
        next(source.batches(columns=["other"]))
    with pytest.raises(DataError, match=r"positions run from 3 to 97. There are 97 rows"):
        next(source.batches(rows=np.array([3, 97])))


def test_several_blocks_in_memory():
    source = ArraySource({"weak": VALUES, "strong": VALUES[:, :2].astype(np.float64)})
    assert dict(source.schema) == {"weak": 4, "strong": 2}
    (batch,) = source.batches(columns=["strong"])
    assert list(batch.blocks) == ["strong"]
    assert np.shares_memory(batch.blocks["strong"], next(source.batches(columns=["strong"])).blocks["strong"])


def test_arrays_that_do_not_fit_together():
    for blocks, ids, message in (
        ({}, None, "no feature block is given"),
        ({"a": np.ones((3, 2)), "b": np.ones((2, 2))}, None, "b: 2 rows, but 'a' has 3"),
        ({"a": np.ones((3, 2))}, np.array(["x"]), "1 ids for 3 rows"),
    ):
        with pytest.raises(DataError, match=message):
            ArraySource(blocks, ids)


def test_files_that_cannot_be_a_source(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((2, 2)))
    with pytest.raises(FileError, match=r"unsupported format '.npy'. Use one of .csv"):
        FeatureSource(tmp_path / "a.npy")
    pq.write_table(pa.table({"x": [1.0, 2.0, np.nan]}), tmp_path / "a.parquet")
    source = FeatureSource(tmp_path / "a.parquet")
    assert len(list(source.batches(rows=np.array([0, 1])))) == 1
    with pytest.raises(DataError, match="NaN in row '2', column 'x'"):
        list(source.batches(size=2))
