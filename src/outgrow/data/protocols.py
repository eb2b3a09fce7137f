"""What pseudo-labels are, and rows of a Parquet file as a source: `linalg.rows` says what a source is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from outgrow.data.columnar_features import BESIDE, ColumnarFeatures
from outgrow.data.files import existing_file, row_numbers
from outgrow.data.numeric import check_finite, check_shape, working_dtype
from outgrow.data.tables import BATCH_ROWS, COLUMNAR, Columnar
from outgrow.linalg.rows import Batch, known_blocks, known_positions


@dataclass(frozen=True)
class PseudoLabels:
    """Labels made by a model, or given from outside.

    Parameters
    ----------
    ids : numpy.ndarray
        Object array of N strings.
    values : numpy.ndarray
        Array (N,) or (N, k) of pseudo-labels.
    kind : str
        "score" for real values, "class" for hard decisions.
    weights : numpy.ndarray, optional
        Array (N,) of non-negative weights; all equal when None.
    origin : str
        Who made them, such as the teacher's name.
    """

    ids: np.ndarray
    values: Float[np.ndarray, "N ..."]
    kind: str = "score"
    weights: Float[np.ndarray, " N"] | None = None
    origin: str = ""


class ParquetSource:
    """Rows of one Parquet or Arrow features file, read in batches.

    Parameters
    ----------
    path : str or Path
        The file.
    name : str, optional
        Name of its one block; the file's name without its ending by default.
    feature_columns : str, optional
        As for `read_features`.
    id_column : str
        As for `read_features`.
    exclude : sequence of str
        As for `read_features`.

    Raises
    ------
    FileError
        When the file is missing, of another format or damaged.
    DataError
        When its content is no finite table of real numbers.
    """

    in_memory = False

    def __init__(
        self,
        path: str | Path,
        *,
        name: str | None = None,
        feature_columns: str | None = None,
        id_column: str = "id",
        exclude: Sequence[str] = BESIDE,
    ) -> None:
        self._path = existing_file(path, COLUMNAR)
        self._table = Columnar(self._path)
        self._name = name or self._path.stem
        self._how = (feature_columns, id_column, tuple(exclude))
        source = ColumnarFeatures(self._table, *self._how)
        self._ids = row_numbers(source.table.rows) if source.ids is None else source.ids
        _, first = next(source.batches(1))
        check_shape(first.shape, first.dtype, str(path))
        self._width = int(first.shape[1])

    def __len__(self) -> int:
        """Count the rows."""
        return len(self._ids)

    @property
    def ids(self) -> np.ndarray:
        """Object array of n strings."""
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
        """Iterate over rows in increasing position; where few of a stretch are wanted, in fewer.

        Parameters
        ----------
        rows : ndarray of int of shape (m,), optional
            Positions of the rows wanted, increasing; all of them by default.
        columns : sequence of str, optional
            Blocks wanted; the one block by default.
        size : int
            At most as many rows are held at a time.

        Yields
        ------
        Batch
            Positions and values of at most `size` rows.
        """
        names = known_blocks(columns, self.schema)
        wanted = known_positions(rows, len(self._ids))
        source = ColumnarFeatures(self._table, *self._how)
        for start, block in source.batches(size):
            chosen = np.arange(start, start + len(block))
            if wanted is not None:
                chosen = wanted[np.searchsorted(wanted, start) : np.searchsorted(wanted, start + len(block))]
                block = block[chosen - start]
            if not len(chosen):
                continue
            values = np.asarray(block, dtype=working_dtype(block.dtype))
            check_finite(values, str(self._path), self._ids[chosen], source.names)
            yield Batch(chosen, dict.fromkeys(names, values))
