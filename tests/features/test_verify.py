"""Whatever is done to a store by hand or by chance is found and named."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from outgrow.data import read_features
from outgrow.data.feature_manifest import BUILDING, MANIFEST
from outgrow.errors import FileError, OutgrowError
from outgrow.features.protocols import EncoderIdentity
from outgrow.features.store import open_store
from outgrow.features.verify import verify

IDENTITY = EncoderIdentity(
    name="mini", kind="transformers", revision="r1", layer="last", width=3, pooling="mean", transform="none"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store of three shards with one row skipped."""
    ids = np.array([f"row {i}" for i in range(11)], dtype=object)
    values = np.arange(33, dtype=np.float32).reshape(11, 3)
    with open_store(tmp_path / "store", IDENTITY, "ab" * 32, ids, "float16", 4) as writer:
        writer.write(0, ids[:4], values[:4])
        writer.write(1, ids[4:7], values[4:7], [("row 7", "empty")])
        writer.write(2, ids[8:], values[8:])
        writer.finish()
    return tmp_path / "store"


def found(folder: Path) -> list[str]:
    """Give the findings as text, and check that reading refuses the store too."""
    with pytest.raises(OutgrowError) as error:
        read_features(folder)
    assert "\n" not in str(error.value)
    return verify(folder)


def reseal(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the manifest as a mistaken writer would: with a digest that fits."""
    said = json.loads((folder / MANIFEST).read_text())
    del said["sha256"]
    change(said)
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
    (folder / MANIFEST).write_text(json.dumps(said | {"sha256": digest}))


def rewrite(folder: Path, number: int, change: Callable[[pa.Table], pa.Table]) -> None:
    """Write a shard anew, with a manifest that fits."""
    path = folder / f"shard-{number:05d}.parquet"
    table = change(pq.read_table(path))
    pq.write_table(table, path, write_page_checksum=True)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    reseal(folder, lambda said: said["shards"][number].update(sha256=digest))


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """List the way to every value in a JSON document, and to every list and object."""
    yield at
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield from places(value[key], (*at, key))


def test_what_a_killed_run_leaves_beside_a_complete_store_does_no_harm(folder: Path) -> None:
    assert verify(folder) == []
    (folder / BUILDING).mkdir()
    (folder / ".lock").write_text("")
    assert verify(folder) == []
    assert len(read_features(folder).ids) == 10


def test_every_field_of_the_manifest_is_guarded(folder: Path) -> None:
    whole = (folder / MANIFEST).read_text()
    ways = [way for way in places(json.loads(whole)) if way]
    assert len(ways) > 35
    for way in ways:
        for change in ("drop", "replace"):
            said = json.loads(whole)
            inner = said
            for key in way[:-1]:
                inner = inner[key]
            old = inner[way[-1]]
            if change == "drop":
                del inner[way[-1]]
            else:
                inner[way[-1]] = old + 1 if isinstance(old, int) else f"{old}?"
            (folder / MANIFEST).write_text(json.dumps(said))
            (finding,) = found(folder)
            assert finding.startswith("manifest.json: "), way
    (folder / MANIFEST).write_text(whole.replace('"format"', '"more": 1, "format"'))
    assert found(folder) == ["manifest.json: was edited or damaged: its own sha256 does not fit"]
    # Where nothing but the white space differs, nothing does.
    (folder / MANIFEST).write_text(json.dumps(json.loads(whole)))
    assert verify(folder) == []


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "1", '{"format": 1}', "[" * 100_000, "\udcff"])
def test_a_manifest_of_another_kind_is_one_line(text: str, folder: Path) -> None:
    (folder / MANIFEST).write_bytes(text.encode("utf-8", "surrogateescape"))
    (finding,) = found(folder)
    assert "is damaged" in finding or "is not the manifest of a feature store" in finding


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda said: said.pop("input"), "is damaged, or not what it should be (input"),
        (lambda said: said.update(rows=9), "counts of rows do not add up"),
        (lambda said: said.update(dtype="float64"), "dtype: Input should be 'float32' or 'float16'"),
        (lambda said: said["identity"].update(width=0), "width"),
        (lambda said: said["identity"].update(revision="r2"), "the encoder's digest is not that"),
        (lambda said: said["identity"].pop("kind"), "the encoder's digest is not that"),
        (lambda said: said["shards"][0].update(name="../thesis.parquet"), "names of shards"),
        (lambda said: said.update(shard_rows=1), "number of shards"),
    ],
)
def test_a_manifest_that_contradicts_itself_is_found(
    change: Callable[[dict[str, Any]], None], line: str, folder: Path
) -> None:
    reseal(folder, change)
    (finding,) = verify(folder)
    assert line in finding


def test_every_flipped_or_cut_shard_is_named(folder: Path, rng: np.random.Generator) -> None:
    path = folder / "shard-00001.parquet"
    whole = path.read_bytes()
    line = "shard-00001.parquet: is damaged: its sha256 is not the one in the manifest"
    for at in [0, len(whole) - 1, *rng.integers(len(whole), size=40).tolist()]:
        changed = bytearray(whole)
        changed[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(bytes(changed))
        assert found(folder) == [line]
    for length in (0, 4, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert found(folder) == [line]


def test_missing_swapped_and_extra_files_are_named(folder: Path) -> None:
    first, third = folder / "shard-00000.parquet", folder / "shard-00002.parquet"
    (folder / "shard-00003.parquet").write_bytes(first.read_bytes())
    (folder / "notes.txt").write_text("mine")
    assert verify(folder) == [
        "notes.txt: is not in the manifest",
        "shard-00003.parquet: is not in the manifest",
    ]
    first.rename(folder / "moved")
    third.rename(first)
    assert found(folder) == [
        "shard-00000.parquet: is damaged: its sha256 is not the one in the manifest",
        "shard-00002.parquet: the shard is missing",
        "moved: is not in the manifest",
        "notes.txt: is not in the manifest",
        "shard-00003.parquet: is not in the manifest",
    ]


def with_column(table: pa.Table, name: str, values: Any) -> pa.Table:
    """Give a table with one column exchanged, its type kept."""
    at = table.schema.get_field_index(name)
    return table.set_column(at, table.schema.field(at), pa.array(values, table.schema.field(at).type))


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            lambda t: with_column(t, "id", ["row 0", "x", "row 1"]),
            "duplicated ids 'row 0 (also in shard-00000",
        ),
        (lambda t: with_column(t, "id", ["x", "y", "x"]), "duplicated ids 'x (also in shard-00002"),
        (lambda t: with_column(t, "id", ["x", "row 7", "y"]), "features of rows listed as skipped: 'row 7'"),
        (lambda t: with_column(t, "id", ["x", None, "y"]), "row 1 has no id"),
        (lambda t: with_column(t, "id", ["x", "", "y"]), "row 1 has no id"),
        (lambda t: with_column(t, "features", [np.float16([1, 2, 3])] * 2 + [None]), "rows without features"),
        (lambda t: with_column(t, "features", [np.float16([1, 2, np.inf])] * 3), "infinity in row 'row 8'"),
        (lambda t: t.slice(1), "holds 2 rows, the manifest says 3"),
        (
            lambda t: t.append_column("label", pa.array([1, 2, 3])),
            "its columns are not those of the manifest",
        ),
        (lambda t: t.replace_schema_metadata({"encoder": "other"}), "its columns are not those"),
    ],
)
def test_shards_that_a_mistaken_writer_sealed_are_found(
    change: Callable[[pa.Table], pa.Table], line: str, folder: Path
) -> None:
    rewrite(folder, 2, change)
    (finding,) = verify(folder)
    assert finding.startswith("shard-00002.parquet: ")
    assert line in finding


def test_what_is_no_store_is_an_error_and_an_unfinished_one_a_finding(folder: Path) -> None:
    for other in (folder.parent, folder / "nowhere"):
        with pytest.raises(FileError, match="is not a feature store"):
            verify(other)
    (folder / BUILDING).mkdir()
    (folder / MANIFEST).unlink()
    assert found(folder) == ["manifest.json: the store is not complete"]
