"""Threads of linear algebra, where more than one costs more than it brings."""

from __future__ import annotations

from typing import Any

WIDE = 2_000
"""Columns from which a factorization takes seconds, so that threads pay. Below, threads that wait for each
other on a busy machine took six times the processor time of one (28 s against 4.8 s)."""


def blas_threads(width: int) -> Any:
    """Context in which products and factorizations of this width use one thread, or all where wide."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1 if width < WIDE else None, user_api="blas")
