"""Labels as raters give them: each seed draws one of a row's raters; their mean is a truth of known error.

The noise is real: its variance differs from row to row and is known, since every row has several raters.
More can be added on top. Which rater is drawn hangs on seed and id alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from outgrow.data.files import existing_file, missing_column, quoted
from outgrow.data.tables import COLUMNAR, Columnar, as_ids
from outgrow.errors import DataError
from outgrow.sweeps.noisy_labels import DRAW, check_noise
from outgrow.worlds.rated_movies import draw_rater

COLUMN = "raters"
"""The column of lists of ratings in a table."""

LEAST = 2
"""Raters of a row whose spread can be told."""


@dataclass(frozen=True, eq=False)
class Raters:
    """Ratings of rows by several raters each; also what gives a sweep its labels."""

    ids: tuple[str, ...]
    """Of the rows."""
    values: Float[np.ndarray, " ratings"]
    """All ratings, row by row."""
    starts: Int[np.ndarray, " R"]
    """Where each row's begin."""
    sizes: Int[np.ndarray, " R"]
    """How many each row has."""

    @classmethod
    def of(cls, ids: Sequence[str], lists: Sequence[np.ndarray], least: int = LEAST) -> Raters:
        """Lay lists of ratings end to end."""
        sizes = np.array([len(values) for values in lists], dtype=np.int64)
        few = np.flatnonzero(sizes < least)
        if few.size:
            names = quoted([ids[row] for row in few.tolist()])
            raise DataError(
                f"{few.size} rows have fewer than {least} raters, so that their noise is not known: {names}",
                COLUMN,
                "Leave such rows out.",
            )
        values = np.concatenate(lists).astype(np.float64)
        starts = np.cumsum(sizes) - sizes
        bad = ~np.isfinite(np.add.reduceat(values, starts))
        if bad.any():
            names = quoted([ids[row] for row in np.flatnonzero(bad).tolist()])
            raise DataError(
                f"{int(bad.sum())} rows have ratings that are no numbers: {names}", COLUMN, "Correct them."
            )
        return cls(tuple(ids), values, starts, sizes)

    def rows(self, rows: Int[np.ndarray, " r"]) -> Raters:
        """Take some of the rows."""
        ids = tuple(self.ids[row] for row in rows.tolist())
        return Raters(ids, self.values, self.starts[rows], self.sizes[rows])

    @property
    def mean(self) -> Float[np.ndarray, " R"]:
        """Mean rating of every row."""
        return self._sums(self.values) / self.sizes

    @property
    def variance(self) -> Float[np.ndarray, " R"]:
        """Variance of a single rating around the row's true mean, without bias (divided by one less)."""
        # Ratings are small whole numbers: their squares hold all digits.
        squares = self._sums(self.values**2)
        return (squares - self.sizes * self.mean**2) / (self.sizes - 1)

    @property
    def mean_error(self) -> float:
        """Error variance of `mean` as a measurement of the true mean, averaged over the rows."""
        return float(np.mean(self.variance / self.sizes))

    def draw(self, noise: float, seed: int) -> Float[np.ndarray, "R 1"]:
        """Draw the labels of one seed: a rater per row."""
        check_noise(noise, 0)
        pairs = zip(self.ids, self.sizes.tolist(), strict=True)
        drawn = np.fromiter((draw_rater(seed, row, size) for row, size in pairs), np.int64, len(self.ids))
        labels = self.values[self.starts + drawn][:, None]
        if not noise:
            return labels
        return labels + noise * np.random.default_rng([seed, DRAW]).standard_normal(labels.shape)

    def _sums(self, values: Float[np.ndarray, " ratings"]) -> Float[np.ndarray, " R"]:
        ends = np.concatenate([[0.0], np.cumsum(values)])
        return np.asarray(ends[self.starts + self.sizes] - ends[self.starts])


def read_raters(path: str | Path, ids: Sequence[str], id_column: str = "id") -> Raters:
    """Read the raters of rows from a table."""
    import pyarrow as pa

    found = existing_file(path, tuple(COLUMNAR))
    table = Columnar(found)
    for column, role in ((id_column, "id"), (COLUMN, "raters")):
        if column not in table.names:
            raise missing_column(found, column, table.names, role)
    kind = table.schema.field(COLUMN).type
    lists = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    if not lists or not (pa.types.is_integer(kind.value_type) or pa.types.is_floating(kind.value_type)):
        raise DataError(
            f"the column {COLUMN!r} holds {kind}, not lists of numbers",
            str(path),
            "Write every row's ratings as a list.",
        )
    places = {row: place for place, row in enumerate(as_ids(table.column(id_column), id_column, str(path)))}
    missing = [row for row in ids if row not in places]
    if missing:
        raise DataError(
            f"{len(missing)} rows with features have no raters: {quoted(missing)}",
            str(path),
            "Give theirs, or leave the rows out.",
        )
    read = table.column(COLUMN).to_pylist()
    return Raters.of(ids, [np.array(read[places[name]] or (), dtype=np.float64) for name in ids])
