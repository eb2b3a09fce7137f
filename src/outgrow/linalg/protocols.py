"""What an engine maps: something that takes batches, merges with its like, and gives a result.

`Moments` is one. What needs rows a second time (leave-one-out, sandwich factors, parallel analysis) is
another. An accumulator must give the same result, up to rounding, however the rows were cut into batches,
dealt to shards and merged.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeVar, runtime_checkable

Result_co = TypeVar("Result_co", covariant=True)
Self_ = TypeVar("Self_", bound="Accumulator[Any]")


@runtime_checkable
class Accumulator(Protocol[Result_co]):
    """Running state over batches of rows: updated, merged, finalized."""

    def update(self, batch: Any, /, **keys: Any) -> None:
        """Add one batch."""

    def merge(self: Self_, other: Self_, /) -> Self_:
        """Join with the state of other rows."""

    def finalize(self) -> Result_co:
        """Give the result."""
