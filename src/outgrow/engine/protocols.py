"""What an engine is: how a map runs, on this machine or on many; nobody else knows which.

A shard is anything the functions given understand (a file, positions of rows). Functions are called on whole
shards and may be called again for the same shard (a lost machine, a resumed run), so they must be
idempotent. What is reduced is an `Accumulator`: `Moments` is one. It must give the same result, up to
rounding, however the rows were cut into batches, dealt to shards and merged.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import Any, Protocol, TypeVar, runtime_checkable

Result_co = TypeVar("Result_co", covariant=True)
Self_ = TypeVar("Self_", bound="Accumulator[Any]")
Shard = TypeVar("Shard")
Name = TypeVar("Name", bound=Hashable)
Value = TypeVar("Value")


@runtime_checkable
class Accumulator(Protocol[Result_co]):
    """Running state over batches of rows: updated, merged, finalized."""

    def update(self, batch: Any, /, *args: Any, **keys: Any) -> None:
        """Add one batch."""

    def merge(self: Self_, other: Self_, /) -> Self_:
        """Join with the state of other rows."""

    def finalize(self) -> Result_co:
        """Give the result."""


State = TypeVar("State", bound=Accumulator[Any])


@runtime_checkable
class Engine(Protocol):
    """Runs functions over shards of rows, or over independent tasks."""

    def map_reduce(
        self,
        make_accumulator: Callable[[], State],
        shards: Iterable[Shard],
        update: Callable[[State, Shard], None],
    ) -> State:
        """Accumulate over shards, any number at a time.

        State of all shards; empty when there are none.
        """

    def map(
        self, function: Callable[..., Value], tasks: Mapping[Name, tuple[Any, ...]]
    ) -> Iterator[tuple[Name, Value]]:
        """Call a function on every task's arguments; names and results come as finished."""
