"""Moments: against numpy, by split and group; merged, streamed, taken apart."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outgrow.errors import DataError
from outgrow.linalg import moments as moments_module
from outgrow.linalg import shifted_products
from outgrow.linalg.moments import Moments


def collect(batch, **keys):
    found = Moments()
    found.update(batch, **keys)
    return found


def two_blocks(rng, m=200):
    z = rng.standard_normal((m, 5))
    return {"strong": z @ rng.standard_normal((5, 4)) + 3, "y": z[:, 0] - 2}


def assert_same(one, other, rtol=1e-12):
    """Equal moments, up to rounding relative to the size of each pair of blocks."""
    assert one.n == other.n and one.blocks == other.blocks
    scale = {a: np.sqrt(np.trace(one.covariance(a))) for a in one.blocks}
    for a in one.blocks:
        np.testing.assert_allclose(
            one.mean(a), other.mean(a), atol=rtol * (scale[a] + abs(one.mean(a)).max())
        )
        for b in one.blocks:
            np.testing.assert_allclose(
                one.covariance(a, b), other.covariance(a, b), atol=rtol * scale[a] * scale[b]
            )


def test_equals_numpy(rng):
    batch = two_blocks(rng)
    found = collect(batch).finalize().select()
    joint = np.cov(np.column_stack([batch["strong"], batch["y"]]).T, ddof=0)
    assert found.n == 200
    assert found.blocks == ("strong", "y")
    assert (found.width("strong"), found.width("y")) == (4, 1)
    np.testing.assert_allclose(found.mean("strong"), batch["strong"].mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(found.covariance("strong"), joint[:4, :4], rtol=1e-12)
    np.testing.assert_allclose(found.covariance("strong", "y"), joint[:4, 4:], rtol=1e-12)
    np.testing.assert_allclose(found.covariance("y", "strong"), joint[4:, :4], rtol=1e-12)
    np.testing.assert_allclose(
        found.second("strong", "y")[:, 0], batch["strong"].T @ batch["y"] / 200, rtol=1e-12
    )


def test_splits_and_groups(rng):
    batch = two_blocks(rng)
    groups = rng.integers(0, 3, size=200)
    found = collect({k: v[:120] for k, v in batch.items()}, split="pool", groups=groups[:120])
    found.update({k: v[120:] for k, v in batch.items()}, split="labelled", groups=groups[120:])
    table = found.finalize()
    assert table.splits == ("labelled", "pool") and table.groups == (0, 1, 2)
    assert table.blocks == ("strong", "y")
    side = np.arange(200) < 120
    for chosen, rows in (
        (table.select(), side | ~side),
        (table.select("pool"), side),
        (table.select(["labelled", "pool"], without_group=1), groups != 1),
        (table.select("labelled", without_group=2), ~side & (groups != 2)),
        (table.select(groups=[0, 2]), groups != 1),
        (table.select("pool", groups=[0, 1], without_group=1), side & (groups == 0)),
    ):
        direct = collect({k: v[rows] for k, v in batch.items()}).finalize().select()
        assert chosen.n == rows.sum()
        assert_same(chosen, direct)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.98], ids=["a twentieth", "half", "nearly all"])
@pytest.mark.parametrize("size", [1.0, 1e5])
def test_leaving_out_a_group_costs_no_digits(rng, share, size):
    # A group of most rows, or of most of the squares: taken off, it would take the others' digits along.
    groups = (np.arange(1_000) < 1_000 * share).astype(int)
    x = rng.standard_normal((1_000, 3)) * np.where(groups == 1, size, 1.0)[:, None]
    table = collect({"x": x}, groups=groups).finalize()
    left, direct = table.select(without_group=1), table.select(groups=[0])
    squares = np.trace(direct.second("x")) + np.trace(direct.covariance("x"))
    np.testing.assert_allclose(left.covariance("x"), direct.covariance("x"), rtol=0, atol=1e-14 * squares)
    assert left.relative_error_of("x") <= 2 * direct.relative_error_of("x")
    largest = np.linalg.eigvalsh(direct.covariance("x"))[-1]
    error = np.linalg.norm(left.covariance("x") - np.cov(x[groups == 0].T, ddof=0), 2) / largest
    assert error <= left.relative_error_of("x")


def test_a_table_is_not_changed_by_later_rows(rng):
    found = collect(two_blocks(rng))
    table = found.finalize()
    before = table.select().covariance("strong")
    found.update(two_blocks(rng))
    found.merge(collect(two_blocks(rng), split="more"))
    assert table.splits == ("all",)
    np.testing.assert_array_equal(table.select().covariance("strong"), before)
    assert found.finalize().select().n == 600
    again = found.finalize()
    found.merge(collect(two_blocks(rng)))
    assert again.select().n == 600


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 120), max_size=6), st.integers(0, 2**32 - 1))
def test_streaming_equals_batch(cuts, seed):
    rng = np.random.default_rng(seed)
    batch = two_blocks(rng, 120)
    batch["strong"] += rng.choice([0.0, 1e3])
    groups = rng.integers(0, 2, size=120)
    whole = collect(batch, groups=groups).finalize()
    stream, edges = Moments(), [0, *sorted(cuts), 120]
    for start, stop in pairwise(edges):
        stream.update({k: v[start:stop] for k, v in batch.items()}, groups=groups[start:stop])
    for group in whole.groups:
        assert_same(stream.finalize().select(groups=[group]), whole.select(groups=[group]))
    assert_same(stream.finalize().select(), whole.select())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("spread", ["together", "scattered"])
def test_chunks_inside_a_batch(rng, monkeypatch, dtype, spread):
    x = (rng.standard_normal((1_000, 3)) + 5).astype(dtype)
    groups = np.arange(1_000) // 400 if spread == "together" else rng.integers(0, 3, 1_000)
    whole = collect({"x": x, "y": x[:, 0]}, groups=groups).finalize()
    monkeypatch.setattr(moments_module, "CHUNK_ROWS", 37)
    pieces = collect({"x": x, "y": x[:, 0]}, groups=groups).finalize()
    for group in (0, 1, 2):
        tolerance = 1e-12 if dtype is np.float64 else 1e-6
        assert_same(pieces.select(groups=[group]), whole.select(groups=[group]), tolerance)
        rows = groups == group
        np.testing.assert_allclose(
            pieces.select(groups=[group]).covariance("x"),
            np.cov(x[rows].astype(np.float64).T, ddof=0),
            atol=tolerance,
        )
    monkeypatch.setattr(shifted_products, "PIECE_LEAST", 10)
    monkeypatch.setattr(shifted_products, "PIECE_BYTES", 1)
    smaller = collect({"x": x, "y": x[:, 0]}, groups=groups).finalize()
    assert_same(smaller.select(), whole.select(), 1e-12 if dtype is np.float64 else 1e-6)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 10.0, 1e4]))
def test_merging_is_associative_and_commutative(seed, apart):
    rng = np.random.default_rng(seed)
    # Shards whose means, and so shifts, are far apart.
    shards = [
        {"x": rng.standard_normal((m, 3)) + apart * rng.standard_normal(3), "y": rng.standard_normal(m)}
        for m in (1, 20, 40)
    ]

    def accumulated(i):
        return collect(shards[i], split=f"s{i % 2}", groups=i)

    left = accumulated(0).merge(accumulated(1)).merge(accumulated(2)).finalize()
    right = accumulated(0).merge(accumulated(1).merge(accumulated(2))).finalize()
    other = accumulated(2).merge(accumulated(0)).merge(accumulated(1)).finalize()
    rows = {k: np.concatenate([s[k] for s in shards]) for k in ("x", "y")}
    batch = collect(rows).finalize().select()
    for table in (left, right, other):
        assert table.splits == ("s0", "s1") and table.groups == (0, 1, 2)
        assert_same(table.select(), batch)
        C = table.select("s0").covariance("x")
        np.testing.assert_array_equal(C, C.T)
        # One shard by itself, about a shift far from it: as exact as the stated error says.
        alone, direct = table.select(groups=[2]), collect(shards[2]).finalize().select()
        bound = alone.relative_error_of("x") * np.linalg.eigvalsh(direct.covariance("x"))[-1]
        assert np.linalg.norm(alone.covariance("x") - direct.covariance("x"), 2) <= bound


def test_merging_with_nothing(rng):
    batch = two_blocks(rng)
    one = Moments().merge(collect(batch)).merge(Moments())
    assert_same(one.finalize().select(), collect(batch).finalize().select(), 0)
    one.update(batch)
    assert one.finalize().select().n == 400
    assert Moments().merge(Moments())._shifts == {}
    doubled = collect(batch)
    assert doubled.merge(doubled).finalize().select().n == 400


def test_merging_leaves_the_other_as_it_was(rng):
    one, other = collect(two_blocks(rng)), collect(two_blocks(rng))
    before = other.finalize().select()
    kept = before.covariance("strong")
    for _ in range(2):  # a merged cell is shared until either is added to
        one.merge(other)
        one.update(two_blocks(rng))
    np.testing.assert_array_equal(other.finalize().select().covariance("strong"), kept)
    fresh = Moments().merge(other)
    other.update(two_blocks(rng))
    np.testing.assert_array_equal(fresh.finalize().select().covariance("strong"), kept)


@pytest.mark.parametrize(
    "dtype", ["float16", "float32", "float64", "longdouble", ">f4", "int8", "int64", "uint16", "bool"]
)
def test_any_real_dtype(rng, dtype):
    x = (rng.standard_normal((300, 3)) * 20).astype(dtype)
    found = collect({"x": x, "y": x[:, 0].astype(np.float64)}).finalize().select()
    exact = x.astype(np.float64)
    tolerance = {"float16": 1e-6, "float32": 1e-6, ">f4": 1e-6}.get(dtype, 1e-12)
    np.testing.assert_allclose(found.mean("x"), exact.mean(axis=0), rtol=tolerance, atol=tolerance * 20)
    np.testing.assert_allclose(
        found.covariance("x", "y"), (np.cov(exact.T, ddof=0))[:, :1], atol=tolerance * 400
    )


def test_large_integers_keep_their_digits():
    x = 2**50 + np.array([[0], [1], [2], [3]], dtype=np.int64)
    assert collect({"x": x}).finalize().select().covariance("x")[0, 0] == 1.25


def test_dtypes_of_one_block_may_change(rng):
    # A float64 shift in float32 would be rounded for all rows alike, here by 1e-5; float32 sums err by 4e-7.
    x = rng.standard_normal((400, 2)).astype(np.float32) + np.float32(1000 / 3)
    found = collect({"x": x[:200].astype(np.float64)})
    found.update({"x": x[200:]})
    np.testing.assert_allclose(
        found.finalize().select().mean("x"), x.astype(np.float64).mean(axis=0), rtol=0, atol=2e-6
    )


def test_one_row_one_column_and_no_rows():
    found = Moments()
    found.update({"x": np.zeros((0, 1))})
    with pytest.raises(DataError, match="moments: there are no rows"):
        found.finalize()
    found.update({"x": np.array([3.0])})
    found.update({"x": np.zeros((0, 1))}, split="never seen")
    table = found.finalize()
    assert table.splits == ("all",)
    one = table.select()
    assert (one.n, one.mean("x"), one.covariance("x"), one.second("x")) == (1, 3.0, 0.0, 9.0)
    assert one.relative_error == 0


def test_constant_columns_are_exactly_constant(rng):
    x = rng.standard_normal((500, 3)).astype(np.float32)
    x[:, 1] = 0.1
    found = collect({"x": x[:100]}).merge(collect({"x": x[100:]})).finalize().select()
    assert found.mean("x")[1] == np.float32(0.1)
    np.testing.assert_array_equal(found.covariance("x")[1], 0.0)


def test_groups_may_be_hashes(rng):
    # Neighbours that float64 cannot tell apart.
    groups = np.array([2**60, 2**60 + 1] * 50)
    table = collect({"x": rng.standard_normal(100)}, groups=groups).finalize()
    assert table.groups == (2**60, 2**60 + 1)


def test_pairs_that_are_asked_for(rng):
    batch = two_blocks(rng)
    asked = Moments([("y", "strong")])
    asked.update(batch, groups=np.arange(200) % 2)
    table, whole = asked.finalize(), collect(batch, groups=np.arange(200) % 2).finalize()
    assert list(table.cells["all", 0].products) == [("y", "strong")]
    for keys in ({}, {"without_group": 0}):
        one, other = table.select(**keys), whole.select(**keys)
        for a, b in (("y", "strong"), ("strong", "y")):
            np.testing.assert_allclose(one.covariance(a, b), other.covariance(a, b), atol=1e-12)
    beside = table.beside(whole).select()
    np.testing.assert_array_equal(beside.covariance("strong"), whole.select().covariance("strong"))
    assert beside.relative_error == whole.select().relative_error


def test_products_about_given_shifts(rng):
    x = rng.standard_normal((300, 3)) + 5
    found = Moments(shifts={"x": np.zeros(3)})
    found.update({"x": x})
    cell = found.finalize().select().cell
    np.testing.assert_allclose(cell.products["x", "x"], x.T @ x, rtol=1e-13)
    np.testing.assert_allclose(cell.sums["x"], x.sum(axis=0), rtol=1e-13)


def test_float32_rows_multiplied_in_float64(rng):
    x = (rng.standard_normal((3_000, 3)) * 1e-3 + 10).astype(np.float32)
    found = Moments(wide=True)
    found.update({"x": x})
    exact = np.cov(x.astype(np.float64).T, ddof=0)
    np.testing.assert_allclose(found.finalize().select().covariance("x"), exact, rtol=1e-11)
    assert (
        found.finalize().select().relative_error
        < 1e-12
        < collect({"x": x}).finalize().select().relative_error
    )


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("row", [0, 1_500])
def test_not_finite_is_named(rng, value, dtype, row):
    x = rng.standard_normal((2_000, 3)).astype(dtype)
    x[row, 2] = value
    with pytest.raises(DataError) as found:
        collect({"weak": x, "y": np.ones(2_000)})
    assert str(found.value) == f"block 'weak': row {row} of the batch, column 2 is {value}"


def test_overflow_is_not_called_infinite():
    x = np.array([[1e30], [-1e30], [0.0]], dtype=np.float32)
    with pytest.raises(DataError) as found:
        collect({"x": x})
    assert str(found.value) == "block 'x': values so large that their squares overflow. Rescale them."
    assert collect({"x": x.astype(np.float64)}).finalize().select().n == 3


@pytest.mark.parametrize(
    ("batch", "keys", "line"),
    [
        ({}, {}, "moments: a batch needs at least one block"),
        (
            {"x": np.ones((2, 2, 2))},
            {},
            "block 'x': rows of at least one column are needed, not shape (2, 2, 2)",
        ),
        ({"x": np.ones((2, 0))}, {}, "block 'x': rows of at least one column are needed, not shape (2, 0)"),
        ({"x": np.ones((2, 1)), "y": np.ones(3)}, {}, "moments: the blocks differ in rows: x 2, y 3"),
        ({"x": np.ones(2, np.complex128)}, {}, "block 'x': complex128 is no type of real numbers"),
        ({"x": np.array(["a", "b"])}, {}, "block 'x': <U1 is no type of real numbers"),
        ({"x": np.ones(2)}, {"groups": np.arange(3)}, "groups: one whole number per row is needed (2 rows)"),
        (
            {"x": np.ones(2)},
            {"groups": np.array([0.5, 1])},
            "groups: one whole number per row is needed (2 rows)",
        ),
    ],
)
def test_errors(batch, keys, line):
    with pytest.raises(DataError) as found:
        collect(batch, **keys)
    assert str(found.value) == line


def test_errors_of_later_batches_and_reading(rng):
    found = collect({"x": np.ones((2, 2))})
    with pytest.raises(
        DataError, match=r"blocks and widths \{'x': 3\} differ from the first batch's \{'x': 2\}"
    ):
        found.update({"x": np.ones((2, 3))})
    with pytest.raises(DataError, match=r"blocks \{'y': 1\} cannot be merged into \{'x': 2\}"):
        found.merge(collect({"y": np.ones(2)}))
    table = found.finalize()
    with pytest.raises(DataError, match=r"moments: there is no split 'pool'\. There are all\."):
        table.select("pool")
    with pytest.raises(DataError, match=r"moments: there is no group 7\. There are 0\."):
        table.select(without_group=7)
    with pytest.raises(DataError, match=r"moments: there is no group 8\. There are 0\."):
        table.select(groups=[8])
    with pytest.raises(DataError, match=r"moments: there is no block 'z'\. Blocks: x\."):
        table.select().mean("z")
    for empty in ({"without_group": 0}, {"groups": []}, {"groups": [0], "without_group": 0}):
        with pytest.raises(DataError, match="moments: no rows are left in this selection"):
            table.select(**empty)
