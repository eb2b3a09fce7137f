"""The engine of one machine: the same bits for any number of threads, order kept, exceptions as they are."""

from __future__ import annotations

import threading
import time

import pytest

from outgrow.engine import Accumulator, Engine, LocalEngine
from outgrow.errors import ConfigError, DataError
from outgrow.linalg.moments import Moments

JOBS = (1, 2, 3, -1)


class Names:
    """An accumulator of names, which tells the order of merging."""

    def __init__(self):
        self.names = []

    def update(self, batch, /, **keys):
        self.names.append(batch)

    def merge(self, other, /):
        self.names += other.names
        return self

    def finalize(self):
        return tuple(self.names)


def test_protocols_are_checked_at_run_time():
    assert isinstance(LocalEngine(), Engine)
    assert isinstance(Names(), Accumulator) and isinstance(Moments(), Accumulator)
    assert not isinstance(Names(), Engine) and not isinstance(LocalEngine(), Accumulator)


@pytest.mark.parametrize("jobs", JOBS)
def test_order_is_that_of_the_shards(jobs):
    def slow_first(shard):
        time.sleep(0.01 if shard < 2 else 0)
        return shard * 10

    def update(state, shard):
        state.update(slow_first(shard))

    engine = LocalEngine(jobs)
    expected = [10 * i for i in range(12)]
    assert engine.map_reduce(Names, iter(range(12)), update).finalize() == tuple(expected)


@pytest.mark.parametrize("jobs", JOBS)
def test_no_shards(jobs):
    engine = LocalEngine(jobs)
    assert list(engine.map(str, {})) == []
    empty = engine.map_reduce(Moments, [], lambda moments, shard: None)
    assert isinstance(empty, Moments)
    with pytest.raises(DataError, match="there are no rows"):
        empty.finalize()


@pytest.mark.parametrize("jobs", JOBS)
def test_an_exception_comes_out_as_it_is(jobs):
    def fail(shard):
        if shard == 3:
            raise DataError("row 7 is nan", "part-3.parquet", "Encode it again.")
        return shard

    def update(state, shard):
        state.update(fail(shard))

    engine = LocalEngine(jobs)
    with pytest.raises(DataError) as found:
        engine.map_reduce(Names, range(8), update)
    assert str(found.value) == "part-3.parquet: row 7 is nan. Encode it again."
    # And the engine goes on.
    assert len(engine.map_reduce(Names, range(2), update).finalize()) == 2


def test_threads_run_side_by_side():
    meeting = threading.Barrier(2, timeout=600)
    # Neither returns before both have started.
    found = LocalEngine(2).map_reduce(Names, range(2), lambda state, _: state.update(meeting.wait()))
    assert sorted(found.finalize()) == [0, 1]


def test_errors():
    with pytest.raises(ConfigError) as found:
        LocalEngine(0)
    assert str(found.value) == "--jobs: 0 jobs do nothing. Use 1, or -1 for one per core."
