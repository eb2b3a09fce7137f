"""The engine of one machine: rows are added up on threads, tasks run in processes.

Threads share the rows, and numpy, BLAS and file reading let others run meanwhile. Each shard gets an
accumulator of its own, merged in the order of the shards: the same shards give the same bits whatever the
number of threads. Tasks are Python as much as linear algebra, and want processes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from outgrow.engine.protocols import Name, Shard, State, Value
from outgrow.engine.tasks import run_tasks
from outgrow.errors import ConfigError


@dataclass(frozen=True)
class LocalEngine:
    """Runs shards and tasks on this machine."""

    jobs: int = 1
    """Of either at a time, as joblib counts: 1 for none beside this process, -1 for one per core."""
    place: str | None = None
    """Where workers look for what this process left, should it be killed."""

    def __post_init__(self) -> None:
        if self.jobs == 0:
            raise ConfigError("0 jobs do nothing", "--jobs", "Use 1, or -1 for one per core.")

    def map_reduce(
        self,
        make_accumulator: Callable[[], State],
        shards: Iterable[Shard],
        update: Callable[[State, Shard], None],
    ) -> State:
        """Accumulate over shards."""

        def read(shard: Shard) -> State:
            state = make_accumulator()
            update(state, shard)
            return state

        total = make_accumulator()
        for state in self._states(read, shards):
            total = total.merge(state)
        return total

    def _states(self, read: Callable[[Shard], State], shards: Iterable[Shard]) -> Iterable[State]:
        if self.jobs == 1:
            return map(read, shards)
        from joblib import Parallel, delayed

        # A generator keeps finished states few: each is merged and dropped as its turn comes.
        run = Parallel(n_jobs=self.jobs, backend="threading", return_as="generator")
        states: Iterable[State] = run(delayed(read)(shard) for shard in shards)
        return states

    def map(
        self, function: Callable[..., Value], tasks: Mapping[Name, tuple[Any, ...]]
    ) -> Iterator[tuple[Name, Value]]:
        """Call a function, importable by name, on every task's arguments, each on one thread of BLAS."""
        return run_tasks(function, tasks, self.jobs, self.place)
