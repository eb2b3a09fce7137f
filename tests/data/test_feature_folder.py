"""A store is read as a feature set like any other, whole or in batches, and never without being checked."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from outgrow.data import FeatureSource, as_features, read_features
from outgrow.data.feature_folder import is_store
from outgrow.errors import DataError, FileError
from outgrow.features.protocols import EncoderIdentity
from outgrow.features.store import open_store
from outgrow.linalg.rows import RowSource

ROWS, WIDTH = 30, 4
IDS = np.array([f"row {i}" for i in range(ROWS)], dtype=object)
SKIPPED = (3, 8, 9, 10, 11, 29)
KEPT = np.array([i for i in range(ROWS) if i not in SKIPPED])


def write(folder, values, revision="r1", dtype="float32"):
    """Write a store of eight shards, one of them (rows 8 to 11) without rows."""
    identity = EncoderIdentity(
        name="mini@6",
        kind="transformers",
        revision=revision,
        layer="6",
        width=WIDTH,
        pooling="mean",
        transform="none",
    )
    with open_store(folder, identity, "ab" * 32, IDS, dtype, 4) as writer:
        for shard in writer.missing():
            rows = np.arange(ROWS)[writer.rows_of(shard)]
            kept = rows[~np.isin(rows, SKIPPED)]
            writer.write(shard, IDS[kept], values[kept], [(IDS[i], "bad") for i in rows if i in SKIPPED])
        writer.finish()
    return identity


@pytest.fixture
def values(rng):
    """Features of all rows."""
    return rng.standard_normal((ROWS, WIDTH)).astype(np.float32)


@pytest.fixture
def folder(values, tmp_path):
    """A store."""
    write(tmp_path / "store", values)
    return tmp_path / "store"


def test_a_store_is_the_feature_set_that_a_file_would_be(folder, values, tmp_path):
    table = read_features(folder)
    np.testing.assert_array_equal(table.values, values[KEPT])
    assert table.values.dtype == np.float32
    assert not table.values.flags.writeable
    assert table.has_ids
    assert table.ids.tolist() == IDS[KEPT].tolist()
    assert (table.identity.name, table.identity.source) == ("mini@6", "store")
    assert (table.identity.width, table.identity.dtype) == (WIDTH, "float32")
    assert read_features(folder, name="mine").identity.name == "mine"
    features = pa.FixedSizeListArray.from_arrays(pa.array(values[KEPT].ravel()), WIDTH)
    pq.write_table(pa.table({"id": IDS[KEPT].tolist(), "features": features}), tmp_path / "f.parquet")
    assert read_features(tmp_path / "f.parquet").identity.sha256 == table.identity.sha256
    assert as_features(values[KEPT]).identity.sha256 == table.identity.sha256


def test_float16_is_widened_exactly(values, tmp_path):
    write(tmp_path / "s", values, dtype="float16")
    table = read_features(tmp_path / "s")
    np.testing.assert_array_equal(table.values, values[KEPT].astype(np.float16).astype(np.float32))
    assert (table.values.dtype, table.identity.dtype) == (np.float32, "float16")
    np.testing.assert_array_equal(
        np.vstack([batch.blocks["mini@6"] for batch in FeatureSource(tmp_path / "s").batches()]), table.values
    )


def test_the_encoder_travels_with_its_features(values, tmp_path):
    one = write(tmp_path / "one", values)
    write(tmp_path / "other", values, revision="r2")
    said = [read_features(tmp_path / name).identity.encoder for name in ("one", "other")]
    assert said[0] == f"mini@6#{one.digest[:16]}"
    assert said[0] != said[1]


def test_a_store_is_a_row_source(folder, values):
    source = FeatureSource(folder, name="weak")
    assert isinstance(source, RowSource)
    assert source.schema == {"weak": WIDTH}
    assert source.ids.tolist() == IDS[KEPT].tolist()
    for size in (1, 3, 4, 100):
        for _ in range(2):  # again and again
            batches = list(source.batches(size=size))
            assert max(len(batch.rows) for batch in batches) <= size
            assert np.concatenate([batch.rows for batch in batches]).tolist() == list(range(len(KEPT)))
            read = np.vstack([batch.blocks["weak"] for batch in batches])
            np.testing.assert_array_equal(read, values[KEPT])
            assert read.dtype == np.float32


def test_chosen_rows_come_in_order_and_other_shards_are_not_read(folder, values):
    (folder / "shard-00004.parquet").unlink()
    (folder / "shard-00006.parquet").write_bytes(b"PAR1")
    source = FeatureSource(folder)
    rows = np.array([7, 2, 3, 2, 0])
    batches = list(source.batches(rows=rows, columns=["mini@6"], size=2))
    assert [batch.rows.tolist() for batch in batches] == [[0, 2], [3], [7]]
    read = np.vstack([batch.blocks["mini@6"] for batch in batches])
    np.testing.assert_array_equal(read, values[KEPT][[0, 2, 3, 7]])
    assert list(source.batches(rows=np.array([], dtype=int))) == []
    with pytest.raises(DataError, match="There are 24 rows"):
        list(source.batches(rows=np.array([24])))
    with pytest.raises(DataError, match="no block 'strong'"):
        list(source.batches(columns=["strong"]))
    with pytest.raises(FileError, match=r"shard-00004\.parquet: the shard is missing"):
        list(source.batches())
    with pytest.raises(FileError, match=r"shard-00004\.parquet: the shard is missing"):
        _ = source.ids


def test_damage_is_found_on_every_pass(folder):
    source = FeatureSource(folder)
    list(source.batches())
    path = folder / "shard-00007.parquet"
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 4
    path.write_bytes(bytes(whole))
    with pytest.raises(FileError, match=r"shard-00007\.parquet: is damaged: its sha256"):
        list(source.batches())
    path.write_bytes((folder / "shard-00006.parquet").read_bytes())
    with pytest.raises(FileError, match="is not the file that was written"):
        _ = FeatureSource(folder).ids


def test_what_is_no_store_keeps_its_own_message(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    assert not is_store(tmp_path / "empty")
    assert not is_store("a\0b")
    with pytest.raises(FileError, match="is a folder that holds no table"):
        read_features(tmp_path / "empty")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "manifest.json").write_text('{"sha256": {}}')
    with pytest.raises(FileError, match="is not the manifest of a feature store"):
        read_features(tmp_path / "run")


def test_a_store_in_which_every_row_was_skipped_has_no_features(tmp_path):
    identity = EncoderIdentity(
        name="m", kind="k", revision="r", layer="last", width=2, pooling="none", transform=""
    )
    with open_store(tmp_path, identity, "ab" * 32, np.array(["a"], dtype=object)) as writer:
        writer.write(0, [], np.empty((0, 2)), [("a", "empty")])
        writer.finish()
    for read in (read_features, FeatureSource):
        with pytest.raises(DataError, match=r"no rows\. All rows of the input were skipped"):
            read(tmp_path)
