"""How independent tasks run side by side: joblib's workers, and what happens when one of them is killed.

Results come in the order in which they are finished, so that each can be kept at once. A worker that dies
takes its tasks with it; they are given to new workers, and only tasks that keep killing them stop the rest.
Under ``joblib.parallel_config`` another backend (Ray's, for one) does the same.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from outgrow.errors import ConfigError, OutgrowError

Name = TypeVar("Name")

TRIES = 3
"""Times that a task may lose its worker: once is somebody's kill, three times is the task itself."""


def run_tasks(
    function: Callable[..., Any], tasks: Mapping[Name, tuple[Any, ...]], jobs: int
) -> Iterator[tuple[Name, Any]]:
    """Call a function on every task.

    Parameters
    ----------
    function : callable
        Importable by name, as workers are other processes.
    tasks : mapping of name to tuple
        Its arguments by the task's name.
    jobs : int
        Workers; 1 for none beside this process, negative as in joblib (-1: one per core).

    Yields
    ------
    tuple
        Name and result, as they are finished.

    Raises
    ------
    ConfigError
        When jobs is 0.
    OutgrowError
        When workers keep dying.
    """
    if jobs == 0:
        raise ConfigError("0 jobs do nothing", "--jobs", "Use 1, or -1 for one per core.")
    if jobs == 1 or len(tasks) == 1:
        for name, arguments in tasks.items():
            yield name, function(*arguments)
        return
    from concurrent.futures import BrokenExecutor

    left, tries = dict(tasks), TRIES
    while left:
        try:
            for name, result in _side_by_side(function, left, jobs):
                del left[name]
                tries = TRIES
                yield name, result
        except BrokenExecutor:
            tries -= 1
            if not tries:
                raise OutgrowError(
                    f"workers were killed {TRIES} times in a row, with {len(left)} tasks to do",
                    "the workers",
                    "Memory may be short: use --jobs 1. What was finished is kept.",
                ) from None


def _side_by_side(
    function: Callable[..., Any], tasks: Mapping[Name, tuple[Any, ...]], jobs: int
) -> Iterator[tuple[Name, Any]]:
    from joblib import Parallel, delayed

    run = Parallel(
        n_jobs=jobs, return_as="generator_unordered", batch_size=1, pre_dispatch=f"{2 * cores(jobs)}"
    )
    yield from run(delayed(_named)(name, function, arguments) for name, arguments in dict(tasks).items())


def _named(name: Name, function: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[Name, Any]:
    return name, function(*arguments)


def cores(jobs: int) -> int:
    """Give the number of workers that jobs stand for.

    Parameters
    ----------
    jobs : int
        As joblib understands it.

    Returns
    -------
    int
        At least 1.
    """
    if jobs > 0:
        return jobs
    return max(1, (os.cpu_count() or 1) + 1 + jobs)
