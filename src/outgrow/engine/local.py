"""The engine of one machine: threads, because numpy, BLAS and file reading let others run meanwhile.

Each shard gets an accumulator of its own, merged in the order of the shards as they arrive: the same
shards give the same bits whatever the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from outgrow.engine.protocols import Shard, State, Value
from outgrow.errors import ConfigError


@dataclass(frozen=True)
class LocalEngine:
    """Runs shards on threads of this process."""

    n_jobs: int = 1
    """Shards at a time; negative as in joblib (-1: one per core)."""

    def __post_init__(self) -> None:
        if self.n_jobs == 0:
            raise ConfigError("n_jobs must not be 0", "engine", "Use 1, or -1 for one per core.")

    def map_reduce(
        self,
        make_accumulator: Callable[[], State],
        shards: Iterable[Shard],
        update: Callable[[State, Shard], None],
    ) -> State:
        """Accumulate over shards.

        State of all shards; empty when there are none.
        """

        def read(shard: Shard) -> State:
            state = make_accumulator()
            update(state, shard)
            return state

        total = make_accumulator()
        for state in self._each(read, shards):
            total = total.merge(state)
        return total

    def map_files(self, function: Callable[[Shard], Value], shards: Iterable[Shard]) -> list[Value]:
        """Call a function on each shard."""
        return list(self._each(function, shards))

    def _each(self, function: Callable[[Shard], Value], shards: Iterable[Shard]) -> Iterable[Value]:
        from joblib import Parallel, delayed

        # A generator keeps finished states few: each is merged and dropped as its turn comes.
        run = Parallel(n_jobs=self.n_jobs, backend="threading", return_as="generator")
        results: Iterable[Value] = run(delayed(function)(shard) for shard in shards)
        return results
