"""Threads of linear algebra: one, unless features are wide and cores idle.

Threads that wait for each other spin. On a busy machine a verb of narrow features took six times the
processor time of one thread (28 s against 4.8 s), and on an idle one it gains nothing. Whoever sets the
number of threads by the usual variables of the environment gets it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

WIDE = 2_000
"""Columns from which a factorization takes seconds, so that threads pay where cores are idle."""

ASKED = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""Variables by which users set the number themselves."""

_ours: ContextVar[bool] = ContextVar("threads_are_ours", default=False)


@contextmanager
def few_threads() -> Iterator[None]:
    """Hold a verb's linear algebra to one thread, until its features are found to be wide."""
    if _ours.get() or any(os.environ.get(name) for name in ASKED):
        yield
        return
    # Each library brings a BLAS of its own, and only those that are loaded can be told.
    import scipy.linalg  # noqa: F401
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        before = _ours.set(True)
        try:
            yield
        finally:
            _ours.reset(before)


def threads_for(width: int) -> None:
    """Give the verb under way, until it ends, a thread for every idle core if its features are wide."""
    if not _ours.get() or width < WIDE:
        return
    from threadpoolctl import threadpool_limits

    threadpool_limits(idle_cores(), user_api="blas")


def idle_cores() -> int:
    """Count the cores that nobody used in the last minute, this process taken for nobody; at least 1."""
    from joblib import cpu_count

    try:
        busy = round(os.getloadavg()[0] - 0.5)
    except (AttributeError, OSError):  # where the system does not tell
        busy = 0
    return max(1, int(cpu_count()) - max(0, busy))
