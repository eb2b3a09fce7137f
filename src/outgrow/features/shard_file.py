"""One shard as bytes: ids and features as Parquet, refused where the stored type cannot hold them.

The bytes depend on the rows, the manifest and pyarrow's version alone. Pages carry checksums; there are no
dictionaries and no statistics, which features never repay.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from outgrow.data.feature_folder import shard_schema
from outgrow.data.feature_manifest import Manifest
from outgrow.data.files import row_name
from outgrow.data.numeric import check_finite, working_dtype
from outgrow.errors import DataError

SMALLEST_NORMAL = float(np.finfo(np.float16).smallest_normal)
"""6.1e-5: below it a float16 has fewer than its 11 bits, down to none at 3e-8."""

GROUP_ROWS = 1_024
"""Rows of a row group: pyarrow then holds 28 MB while it writes 4,096 x 768 features rather than 64, in the
same time and size; at 512 rows writing takes longer."""

LAYOUT: dict[str, Any] = {
    "use_dictionary": False,
    "write_statistics": False,
    "write_page_checksum": True,
    "compression": "zstd",
    "column_encoding": {"features.list.element": "BYTE_STREAM_SPLIT", "id": "PLAIN"},
}
"""How Parquet is written. Bytes of one significance side by side (BYTE_STREAM_SPLIT) and zstd save 15 % of
float16 and 17 % of float32 on real text features and take about as long to write as plain pages."""


def as_stored(
    values: Float[np.ndarray, "b d"], ids: np.ndarray, dtype: str, where: str
) -> Float[np.ndarray, "b d"]:
    """Bring features to the type they are stored as, or say which row does not fit."""
    values = np.asarray(values, dtype=working_dtype(values.dtype))
    check_finite(values, where, ids)
    with np.errstate(over="ignore"):  # what overflows is named below
        stored = np.ascontiguousarray(values, dtype=dtype)
    remedy = "Store float32 (--dtype float32)." if dtype == "float16" else "Scale the features."
    if not values.size:
        return stored
    # The extremes, of what was finite, need no array of their own.
    largest = max(float(values.max()), -float(values.min()))
    if not np.isfinite(max(float(stored.max()), -float(stored.min()))):
        i, j = (int(k) for k in np.argwhere(~np.isfinite(stored))[0])
        most = float(np.finfo(dtype).max)
        raise DataError(
            f"{values[i, j]:.6g} in {row_name(ids, i)}, column {j}, is beyond {dtype} (at most {most:.6g})",
            where,
            remedy,
        )
    if dtype == "float16" and 0 < largest < SMALLEST_NORMAL:
        raise DataError(
            f"no value from {row_name(ids, 0)} to {row_name(ids, len(ids) - 1)} is larger than {largest:.2g},"
            " where float16 loses digits",
            where,
            remedy,
        )
    return stored


def shard_bytes(manifest: Manifest, ids: np.ndarray, values: Float[np.ndarray, "b d"]) -> memoryview:
    """Write rows as a Parquet file in memory."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = shard_schema(manifest)
    features = pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), manifest.width)
    table = pa.table([pa.array(ids, pa.string()), features], schema=schema)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, row_group_size=GROUP_ROWS, **LAYOUT)
    return memoryview(sink.getvalue())
