"""The relative error that moments state: above what longdouble arithmetic measures, and not far above."""

from __future__ import annotations

import numpy as np
import pytest

from outgrow.linalg.moments import Moments
from outgrow.linalg.spectrum import spectrum_of_covariance, spectrum_of_rows


def exact_covariance(x):
    """Covariance in longdouble, about an exact mean."""
    wide = x.astype(np.longdouble)
    centred = wide - wide.mean(axis=0)
    return centred.T @ centred / len(x)


def measured(found, x):
    exact = exact_covariance(x)
    largest = np.linalg.eigvalsh(exact.astype(np.float64))[-1]
    return float(np.linalg.norm((found.covariance("x") - exact).astype(np.float64), 2) / largest)


def collect(x, size=None, **keys):
    moments = Moments()
    for start in range(0, len(x), size or len(x)):
        moments.update({"x": x[start : start + (size or len(x))]}, **keys)
    return moments


def standard(z):
    return z


def far(z):
    """Mean over standard deviation of 1000."""
    return z + 1000


def correlated(z):
    return z[:, :1] + 0.01 * z + 3


def fading(z):
    """Standard deviations from 1 down to 1e-6, about 5."""
    return z * np.logspace(0, -6, z.shape[1]) + 5


def partly_constant(z):
    return np.where(np.arange(z.shape[1]) % 2 == 0, z, 0.3)


def heavy(z):
    return z * np.exp(2 * z[:, :1])


def drifting(z):
    """Sorted: the first thousand rows' mean is far from the mean of all."""
    return np.sort(z, axis=0)


SHAPES = (standard, far, correlated, fading, partly_constant, heavy, drifting)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("m", [60, 20_000])
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_stated_is_above_measured(rng, shape, m, dtype):
    x = shape(rng.standard_normal((m, 20))).astype(dtype)
    found = collect(x).finalize().select()
    stated, truth = found.relative_error, measured(found, x)
    assert truth <= stated
    # Not absurdly loose: sqrt(m) + sqrt(d) rounding units, a few times that with a drift.
    u = np.finfo(dtype).eps / 2
    worst = u * (np.sqrt(min(m, 16_384)) + np.sqrt(20))
    assert stated <= (6 if shape is drifting else 1.5) * worst
    if shape is not correlated and shape is not fading:
        assert stated <= 200 * max(truth, u)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_wild_chunk_among_many(rng, dtype):
    # All the variance in one batch of forty: its rounding is not averaged away.
    x = rng.standard_normal((20_000, 8))
    x[5_000:5_500] *= 1e4
    x = x.astype(dtype)
    found = collect(x, size=500).finalize().select()
    truth, stated = measured(found, x), found.relative_error
    assert truth <= stated
    assert stated >= 0.9 * np.finfo(dtype).eps / 2 * np.sqrt(500)


@pytest.mark.parametrize("apart", [10.0, 1e4, 1e6])
def test_merging_far_shards_is_counted(rng, apart):
    near, away = rng.standard_normal((500, 6)), rng.standard_normal((2_000, 6)) + apart
    for first, second in ((near, away), (away, near)):
        merged = collect(first, groups=0).merge(collect(second, groups=1)).finalize()
        # The second was moved to the first's shift, far from its own mean.
        moved = merged.select(groups=[1])
        truth = measured(moved, second)
        assert truth <= moved.relative_error <= 50 * max(truth, 1e-14)
        assert measured(merged.select(), np.concatenate([first, second])) <= merged.select().relative_error
    # Nothing of a shard that does not vary survives as variance.
    level = collect(np.ones((50, 6)) / 3, groups=0).merge(collect(np.full((50, 6), apart + 0.1), groups=1))
    alone = level.finalize().select(groups=[1])
    spectrum = spectrum_of_covariance(alone.covariance("x"), 50, alone.relative_error_of("x"))
    assert spectrum.rank == 0


def test_real_features(shared_data):
    import pyarrow.parquet as pq

    for name in ("mpnet", "minilm-l6"):
        column = pq.read_table(shared_data / "movies" / f"{name}.parquet", columns=["features"]).column(0)
        column = column.combine_chunks()
        x = column.flatten().to_numpy().reshape(len(column), -1)[:1_000]
        # Two columns of each are constant.
        found = collect(x, size=600).finalize().select()
        assert np.sum(np.diagonal(found.covariance("x")) == 0) == 2
    # float64 is exact beside float32 products, and much faster than longdouble at this width.
    exact = np.cov(x.astype(np.float64).T, ddof=0)
    error = np.linalg.norm(found.covariance("x") - exact, 2) / np.linalg.eigvalsh(exact)[-1]
    assert error <= found.relative_error <= 1000 * error
    double = collect(x.astype(np.float64)).finalize().select()
    spectrum = spectrum_of_covariance(double.covariance("x"), len(x), double.relative_error)
    # Another varies by the smallest float16: rows resolve it, a covariance in float64 does not.
    rows = spectrum_of_rows(x)
    assert rows.rank == x.shape[1] - 2
    assert spectrum.rank == np.sum(rows.values > spectrum.relative_error * rows.values[0]) < rows.rank
