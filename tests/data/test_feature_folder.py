"""A store is read as a feature set like any other, whole or in batches, and never without being checked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from outgrow.data import as_features, read_features
from outgrow.data.feature_folder import is_store
from outgrow.errors import DataError, FileError
from outgrow.features.protocols import EncoderIdentity
from outgrow.features.store import open_store

ROWS, WIDTH = 30, 4
IDS = np.array([f"row {i}" for i in range(ROWS)], dtype=object)
SKIPPED = (3, 8, 9, 10, 11, 29)
KEPT = np.array([i for i in range(ROWS) if i not in SKIPPED])


def write(folder: Path, values: np.ndarray, revision: str = "r1", dtype: str = "float32") -> EncoderIdentity:
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
def values(rng: np.random.Generator) -> np.ndarray:
    """Features of all rows."""
    return rng.standard_normal((ROWS, WIDTH)).astype(np.float32)


@pytest.fixture
def folder(values: np.ndarray, tmp_path: Path) -> Path:
    """A store."""
    write(tmp_path / "store", values)
    return tmp_path / "store"


def test_a_store_is_the_feature_set_that_a_file_would_be(
    folder: Path, values: np.ndarray, tmp_path: Path
) -> None:
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


def test_float16_is_widened_exactly(values: np.ndarray, tmp_path: Path) -> None:
    write(tmp_path / "s", values, dtype="float16")
    table = read_features(tmp_path / "s")
    np.testing.assert_array_equal(table.values, values[KEPT].astype(np.float16).astype(np.float32))
    assert (table.values.dtype, table.identity.dtype) == (np.float32, "float16")


def test_the_encoder_travels_with_its_features(values: np.ndarray, tmp_path: Path) -> None:
    one = write(tmp_path / "one", values)
    write(tmp_path / "other", values, revision="r2")
    said = [read_features(tmp_path / name).identity.encoder for name in ("one", "other")]
    assert said[0] == f"mini@6#{one.digest[:16]}"
    assert said[0] != said[1]


def test_what_is_no_store_keeps_its_own_message(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert not is_store(tmp_path / "empty")
    assert not is_store("a\0b")
    with pytest.raises(FileError, match="is a folder that holds no table"):
        read_features(tmp_path / "empty")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "manifest.json").write_text('{"sha256": {}}')
    with pytest.raises(FileError, match="is not the manifest of a feature store"):
        read_features(tmp_path / "run")


def test_a_store_in_which_every_row_was_skipped_has_no_features(tmp_path: Path) -> None:
    identity = EncoderIdentity(
        name="m", kind="k", revision="r", layer="last", width=2, pooling="none", transform=""
    )
    with open_store(tmp_path, identity, "ab" * 32, np.array(["a"], dtype=object)) as writer:
        writer.write(0, [], np.empty((0, 2)), [("a", "empty")])
        writer.finish()
    with pytest.raises(DataError, match=r"no rows\. All rows of the input were skipped"):
        read_features(tmp_path)
