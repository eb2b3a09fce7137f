"""How independent tasks run side by side: joblib's workers, and what happens when one of them is killed.

Results come in the order in which they are finished, so that each can be kept at once. A worker that dies
takes its tasks with it; they are given to new workers, and only tasks that keep killing them stop the rest.
Under ``joblib.parallel_config`` another backend (Ray's, for one) does the same.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from outgrow.engine.leftovers import remove_abandoned, temporary_folder
from outgrow.engine.protocols import Name
from outgrow.errors import OutgrowError

TRIES = 3
"""Times that a task may lose its worker: once is somebody's kill, three times is the task itself."""

WAVE = 2
"""Tasks per worker that are waited for together where a backend cannot do otherwise: what a stop may lose,
against workers that wait for the last of a wave."""


PARENT_S = 0.5
"""Seconds between two looks at whether a worker's parent is alive: nobody notices, no core is kept busy."""


def run_tasks(
    function: Callable[..., Any],
    tasks: Mapping[Name, tuple[Any, ...]],
    jobs: int,
    place: str | None = None,
) -> Iterator[tuple[Name, Any]]:
    """Call a function, importable by name, on every task's arguments; names and results come as finished.

    Jobs are joblib's: 1 for none beside this process, -1 for one per core. `place` is where workers look for
    what this process left, should it be killed.
    """
    if jobs == 1 or len(tasks) == 1:
        for name, arguments in tasks.items():
            yield name, on_one_thread(function, *arguments)
        return
    from concurrent.futures import BrokenExecutor

    left, tries = dict(tasks), TRIES
    while left:
        try:
            # Closed at once if nobody wants the rest: workers then stop.
            with closing(_side_by_side(function, left, jobs, place)) as results:
                for name, result in results:
                    del left[name]
                    tries = TRIES
                    yield name, result
        except BrokenExecutor:
            tries -= 1
            if not tries:
                raise OutgrowError(
                    f"workers were killed {TRIES} times in a row, {len(left)} of {len(tasks)} tasks are left",
                    "the workers",
                    "Memory may be short: use --jobs 1. With --out, what was finished is kept.",
                ) from None


def _side_by_side(
    function: Callable[..., Any],
    tasks: Mapping[Name, tuple[Any, ...]],
    jobs: int,
    place: str | None,
) -> Generator[tuple[Name, Any], None, None]:
    from joblib import Parallel, delayed, effective_n_jobs

    watch = _Watch(os.getpid(), place)
    calls = [delayed(_named)(watch, name, function, arguments) for name, arguments in tasks.items()]
    try:
        # Told to workers as they start: a parent killed before the first task would be waited for.
        run = Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1, initializer=watch)
    except ValueError:
        # Backends of multiprocessing's kind, Ray's among them, give results only when all are there.
        with Parallel(n_jobs=jobs, batch_size=1) as run:
            wave = WAVE * effective_n_jobs(jobs)
            for start in range(0, len(calls), wave):
                yield from run(calls[start : start + wave])
        return
    with _deaf_to_the_terminal():
        results = run(calls)
    try:
        for one in results:  # noqa: UP028 ("yield from" would close it with the warning)
            yield one
    except GeneratorExit:
        with warnings.catch_warnings():
            # joblib tells that tasks are cancelled, which is what closing asks for.
            warnings.simplefilter("ignore", UserWarning)
            results.close()
        raise


@contextmanager
def _deaf_to_the_terminal() -> Iterator[None]:
    """Have what starts here ignore Ctrl-C and hang-ups: terminals tell all processes; stopping is ours to do.

    Processes inherit what is ignored. (What is blocked they inherit too, but starting joblib's tracker of
    resources unblocks it.) Only the main thread may say so; a signal in the instant that this takes is lost.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in FROM_TERMINALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            # None is a handler that Python did not set, and cannot set again.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


FROM_TERMINALS = [getattr(signal, name) for name in ("SIGINT", "SIGHUP") if hasattr(signal, name)]

_watching = False


@dataclass(frozen=True)
class _Watch:
    """Has a worker end when the process that it works for was killed: joblib's would wait for ever."""

    parent: int
    place: str | None

    def __call__(self) -> None:
        global _watching
        # Others are that process itself, or on other machines, where its number means nothing.
        loky = type(multiprocessing.current_process()).__module__.startswith("joblib.")
        if _watching or not (loky or os.getppid() == self.parent):
            return
        _watching = True
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        while os.getppid() == self.parent:
            time.sleep(PARENT_S)
        if self.place is not None:
            remove_abandoned(self.place)
        os._exit(1)


def _named(
    watch: Callable[[], None], name: Name, function: Callable[..., Any], arguments: tuple[Any, ...]
) -> tuple[Name, Any]:
    watch()
    return name, on_one_thread(function, *arguments)


@contextmanager
def workers_end(place: str) -> Iterator[None]:
    """Have all workers end with this context, and whoever comes next clear up should it be killed before."""
    with temporary_folder(place):
        try:
            yield
        finally:
            from joblib.executor import MemmappingExecutor
            from joblib.externals.loky import reusable_executor

            # Asked for by its function, it would be made where there is none.
            if isinstance(executor := reusable_executor._executor, MemmappingExecutor):
                executor.terminate(kill_workers=True)


def on_one_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function whose linear algebra shall take one thread.

    Factors of a few hundred columns gain little from a second thread, which spins while it waits; and where
    every task has one, results are the same to the last bit for any number of workers.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        return function(*arguments)


def cores(jobs: int) -> int:
    """Give the number of workers, at least 1, that jobs stand for on this machine."""
    if jobs > 0:
        return jobs
    from joblib import cpu_count

    # Of what this process may use: a container may have fewer than the machine.
    return max(1, cpu_count() + 1 + jobs)
