"""Files of every format, written from columns, arrays, text or bytes."""

from __future__ import annotations

import csv
import json

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import save_file


def save_dataset(folder, *tables, info=None, **state):
    """Write tables as `save_to_disk` does: Arrow streams, and a list of them."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"data-{i:05d}-of-{len(tables):05d}.arrow" for i in range(len(tables))]
    for name, table in zip(names, tables, strict=True):
        with pa.OSFile(str(folder / name), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
    listed = {"_data_files": [{"filename": name} for name in names], **state}
    (folder / "state.json").write_text(json.dumps(listed))
    (folder / "dataset_info.json").write_text(json.dumps(info or {}))
    return folder


def write(path, content):
    """Write a file as its ending says; columns without an ending are a folder saved by datasets."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, str):
        path.write_text(content)
    elif path.suffix == ".npz":
        np.savez(path, **(content if isinstance(content, dict) else {"features": content}))
    elif path.suffix == ".safetensors":
        save_file(content if isinstance(content, dict) else {"features": content}, path)
    elif path.suffix == ".npy":
        np.save(path, content)
    else:
        _write_table(path, pa.table(content))
    return path


def _write_table(path, table):
    if path.suffix == ".parquet":
        pq.write_table(table, path)
    elif path.suffix == ".arrow":
        feather.write_feather(table, str(path))
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
    elif path.suffix == "":
        save_dataset(path, table)
    else:
        with path.open("w", newline="") as stream:
            writer = csv.writer(stream, delimiter="\t" if path.suffix == ".tsv" else ",")
            writer.writerows([table.column_names, *(row.values() for row in table.to_pylist())])


@pytest.fixture
def put(tmp_path):
    """Writes a file of some name."""
    return lambda name, content: write(tmp_path / name, content)


@pytest.fixture(name="save_dataset")
def _save_dataset():
    return save_dataset
