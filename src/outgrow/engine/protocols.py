"""What an engine is: how a map over shards runs, on this machine or on many; nobody else knows which.

A shard is anything the functions given understand (a file, a range of rows). Functions are called on whole
shards and may be called again for the same shard (a lost machine, a resumed run), so they must be
idempotent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar, runtime_checkable

from outgrow.linalg.protocols import Accumulator

Shard = TypeVar("Shard")
Value = TypeVar("Value")
State = TypeVar("State", bound=Accumulator[Any])


@runtime_checkable
class Engine(Protocol):
    """Runs functions over shards."""

    def map_reduce(
        self,
        make_accumulator: Callable[[], State],
        shards: Iterable[Shard],
        update: Callable[[State, Shard], None],
    ) -> State:
        """Accumulate over shards, in any order and any number at a time.

        State of all shards; empty when there are none.
        """

    def map_files(self, function: Callable[[Shard], Value], shards: Iterable[Shard]) -> list[Value]:
        """Call a function on each shard."""
