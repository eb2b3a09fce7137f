"""Moments of any source of rows, over any engine: those of numpy for every split and group."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from outgrow.data import FeatureSource
from outgrow.engine import LocalEngine
from outgrow.errors import DataError
from outgrow.linalg.moments import moments_of
from outgrow.linalg.rows import ArraySource, RowSource

ROWS, WIDTH = 9_000, 4
SPLITS = {"labelled": np.arange(0, 600, 2), "pool": np.arange(700, ROWS)}


@pytest.fixture(scope="module")
def values() -> np.ndarray:
    return (np.random.default_rng(0).standard_normal((ROWS, WIDTH)) + 20).astype(np.float32)


@pytest.fixture(params=["memory", "map", "torch", "parquet"])
def source(request, values, tmp_path) -> RowSource:
    if request.param == "memory":
        return ArraySource({"x": values})
    if request.param == "map":
        np.save(tmp_path / "x.npy", values)
        return ArraySource({"x": np.load(tmp_path / "x.npy", mmap_mode="r")})
    if request.param == "torch":
        return ArraySource({"x": pytest.importorskip("torch").from_numpy(values)})
    table = pa.table({f"x{column}": values[:, column] for column in range(WIDTH)})
    pq.write_table(table, tmp_path / "x.parquet", row_group_size=2_000)
    return FeatureSource(tmp_path / "x.parquet")


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_split_and_group_is_numpys(source, values, rng, jobs):
    groups = rng.integers(0, 3, ROWS)
    table = moments_of(source, ["x"], SPLITS, groups, LocalEngine(jobs))
    assert (table.splits, table.groups) == (("labelled", "pool"), (0, 1, 2))
    for split, rows in SPLITS.items():
        for group in range(3):
            mine = values[rows[groups[rows] == group]].astype(np.float64)
            one = table.select(split, groups=[group])
            assert one.n == len(mine)
            np.testing.assert_allclose(one.mean("x"), mine.mean(axis=0), rtol=1e-13)
            np.testing.assert_allclose(one.covariance("x"), np.cov(mine.T, ddof=0), rtol=0, atol=1e-12)
    whole = moments_of(source).select()
    assert whole.n == ROWS and whole.relative_error < 1e-12


def test_the_bits_are_the_same_on_any_number_of_threads(values, rng):
    source, groups = ArraySource({"x": values, "y": values[:, 0]}), rng.integers(0, 7, ROWS)
    tables = [moments_of(source, None, SPLITS, groups, LocalEngine(jobs)) for jobs in (1, 2, -1)]
    for key, cell in tables[0].cells.items():
        for pair, product in cell.products.items():
            for other in tables[1:]:
                np.testing.assert_array_equal(product, other.cells[key].products[pair])


def test_rows_may_stand_in_any_order(values, rng):
    order = rng.permutation(ROWS)
    one, other = moments_of(ArraySource({"x": values})), moments_of(ArraySource({"x": values[order]}))
    np.testing.assert_allclose(one.select().covariance("x"), other.select().covariance("x"), atol=1e-12)


def test_what_is_wrong_is_said(values):
    source = ArraySource({"x": values})
    with pytest.raises(DataError, match="moments: there are no rows"):
        moments_of(source, splits={"pool": np.arange(0)})
    for splits in ({"a": np.arange(4), "b": np.arange(3, 6)}, {"a": np.zeros(2, dtype=np.int64)}):
        with pytest.raises(DataError, match="rows stand in two splits, or twice in one"):
            moments_of(source, splits=splits)
    with pytest.raises(DataError, match="there is no block 'y'"):
        moments_of(source, ["y"])
    broken = values.copy()
    broken[20, 1] = np.nan
    # In the first rows, whose mean is the shift, and in another group than theirs.
    with pytest.raises(DataError, match="block 'x': row 0 of the batch, column 1 is nan"):
        moments_of(ArraySource({"x": broken}), groups=(np.arange(ROWS) == 20).astype(int))
