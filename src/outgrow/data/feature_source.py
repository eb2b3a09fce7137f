"""Rows of features in a table or a store, read in batches: `outgrow.linalg.rows` says what a source is."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int

from outgrow.data.columnar_features import BESIDE
from outgrow.data.features_file import open_features
from outgrow.data.files import check_ids, row_numbers
from outgrow.data.numeric import check_finite, working_dtype
from outgrow.linalg.rows import BATCH_ROWS, Batch, known_blocks, known_positions, taken


class FeatureSource:
    """Rows of one feature set: a table of any format, or a store, of which one shard is in memory at a time.

    What is not Parquet or Arrow is held whole. `name` is that of its one block, by default the file's
    without its ending or the store's model; the rest is as for `read_features`.
    """

    in_memory = False

    def __init__(
        self,
        path: str | Path,
        *,
        name: str | None = None,
        feature_columns: str | None = None,
        id_column: str = "id",
        exclude: Collection[str] = BESIDE,
    ) -> None:
        self._stored = open_features(Path(path), feature_columns, id_column, exclude)
        self._where, self._name = str(path), name or self._stored.name
        self._width = self._stored.width
        self._ids: np.ndarray | None = None

    def __len__(self) -> int:
        """Count the rows."""
        return self._stored.rows

    @property
    def ids(self) -> np.ndarray:
        """Object array of n strings."""
        if self._ids is None:
            given = self._stored.ids
            self._ids = row_numbers(len(self)) if given is None else check_ids(given, self._where)
        return self._ids

    @property
    def schema(self) -> Mapping[str, int]:
        """Width of the one block by name."""
        return {self._name: self._width}

    def batches(
        self,
        *,
        rows: Int[np.ndarray, " m"] | None = None,
        columns: Sequence[str] | None = None,
        size: int = BATCH_ROWS,
    ) -> Iterator[Batch]:
        """Iterate over rows in increasing position; where few of a stretch are wanted, in fewer."""
        names = known_blocks(columns, self.schema)
        wanted = known_positions(rows, len(self))
        for start, block in self._stored.batches(size, wanted):
            inside = np.arange(start, start + len(block))
            if wanted is not None:
                inside = wanted[slice(*np.searchsorted(wanted, (start, start + len(block))))]
            for first in range(0, len(inside), size):
                chosen = inside[first : first + size]
                values = np.asarray(taken(block, chosen - start), dtype=working_dtype(block.dtype))
                if not self._stored.finite:
                    check_finite(values, self._where, self.ids[chosen], self._stored.names)
                yield Batch(chosen, dict.fromkeys(names, values))
