"""Sources give the same rows again and again, whatever the size of a batch and wherever rows are."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outgrow.data import FeatureSource
from outgrow.errors import DataError, FileError
from outgrow.features.protocols import EncoderIdentity
from outgrow.features.store import open_store
from outgrow.linalg.rows import ArraySource, RowSource

VALUES = np.random.default_rng(0).standard_normal((97, 4)).astype(np.float16)
IDS = [f"r{i}" for i in range(97)]


def write_store(folder, dtype="float16"):
    """Write the rows as a store of shards of unequal length, one of them without rows."""
    rows = [*range(3), None, *range(3, 19), *[None] * 20, *range(19, 97)]
    names = np.array([f"lost{at}" if row is None else IDS[row] for at, row in enumerate(rows)], dtype=object)
    identity = EncoderIdentity(
        name="block", kind="k", revision="r", layer="6", width=4, pooling="mean", transform="none"
    )
    with open_store(folder, identity, "ab" * 32, names, dtype, 20) as writer:
        for shard in writer.missing():
            part = rows[writer.rows_of(shard)]
            kept = [row for row in part if row is not None]
            lost = names[writer.rows_of(shard)][[row is None for row in part]]
            writer.write(shard, [IDS[row] for row in kept], VALUES[kept], [(name, "bad") for name in lost])
        writer.finish()
    return folder


@pytest.fixture(scope="module", params=["memory", "parquet", "wide", "arrow", "csv", "store"])
def source(request, tmp_path_factory):
    """Give the same rows as arrays and as files."""
    if request.param == "memory":
        return ArraySource({"block": VALUES}, np.array(IDS, dtype=object))
    folder = tmp_path_factory.mktemp("source")
    if request.param == "store":
        return FeatureSource(write_store(folder / "s"))
    wide = {"id": IDS} | {f"x{j}": VALUES[:, j] for j in range(4)} | {"label": IDS}
    columns = {"id": IDS, "features": pa.array(list(VALUES), type=pa.list_(pa.float16(), 4))}
    path = folder / f"block.{'parquet' if request.param == 'wide' else request.param}"
    if request.param == "arrow":
        feather.write_feather(pa.table(columns), str(path))
    elif request.param == "csv":
        rows = zip(*wide.values(), strict=True)
        path.write_text("\n".join(",".join(map(str, row)) for row in [wide, *rows]) + "\n")
    else:
        pq.write_table(pa.table(wide if request.param == "wide" else columns), path, row_group_size=40)
    return FeatureSource(path)


@settings(deadline=None)
@given(size=st.integers(1, 120), rows=st.none() | st.lists(st.integers(0, 96), unique=True))
def test_batches_do_not_depend_on_their_size(source, size, rows):
    wanted = None if rows is None else np.array(rows, dtype=np.int64)
    batches = list(source.batches(rows=wanted, size=size))
    got = np.concatenate([batch.rows for batch in batches]) if batches else np.empty(0, dtype=np.int64)
    assert got.tolist() == (list(range(97)) if rows is None else sorted(rows))
    for batch in batches:
        assert 0 < len(batch.rows) <= size
        np.testing.assert_allclose(batch.blocks["block"], VALUES[batch.rows], rtol=1e-3)


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


@pytest.mark.parametrize(
    ("blocks", "ids", "message"),
    [
        ({}, None, "no feature block is given"),
        ({"a": np.ones((3, 2)), "b": np.ones((2, 2))}, None, "b: 2 rows, but 'a' has 3"),
        ({"a": np.ones((3, 2))}, np.array(["x"]), "1 ids for 3 rows"),
    ],
)
def test_arrays_that_do_not_fit_together(blocks, ids, message):
    with pytest.raises(DataError, match=message):
        ArraySource(blocks, ids)


def test_files_that_cannot_be_a_source(put):
    with pytest.raises(FileError, match=r"unsupported format '.npy'. Use one of .csv"):
        FeatureSource(put("a.npy", np.ones((2, 2))))
    source = FeatureSource(put("a.parquet", {"x": [1.0, 2.0, np.nan]}))
    assert len(list(source.batches(rows=np.array([0, 1])))) == 1
    with pytest.raises(DataError, match="NaN in row '2', column 'x'"):
        list(source.batches(size=2))


def test_shards_without_wanted_rows_are_not_read_and_damage_is_found_on_every_pass(tmp_path):
    folder = write_store(tmp_path / "s", "float32")
    source = FeatureSource(folder, name="weak")
    assert all(batch.blocks["weak"].dtype == np.float32 for batch in source.batches())
    whole = (folder / "shard-00002.parquet").read_bytes()
    (folder / "shard-00002.parquet").write_bytes(whole[:-40] + bytes([whole[-40] ^ 4]) + whole[-39:])
    (folder / "shard-00003.parquet").unlink()
    batches = list(source.batches(rows=np.array([90, 2, 3, 2, 0]), size=2))
    assert [batch.rows.tolist() for batch in batches] == [[0, 2], [3], [90]]
    np.testing.assert_array_equal(batches[-1].blocks["weak"], VALUES[[90]])
    for rows, message in (
        (20, r"shard-00002\.parquet: is damaged: its sha256"),
        (40, "the shard is missing"),
    ):
        with pytest.raises(FileError, match=message):
            list(source.batches(rows=np.array([rows])))
    with pytest.raises(FileError, match=r"shard-00003\.parquet: the shard is missing"):
        _ = FeatureSource(folder).ids
    (folder / "shard-00003.parquet").write_bytes((folder / "shard-00000.parquet").read_bytes())
    (folder / "shard-00002.parquet").write_bytes(whole)
    with pytest.raises(FileError, match=r"shard-00003\.parquet: is not the file that was written"):
        _ = FeatureSource(folder).ids
