"""Batches of decoded pictures from worker processes, in order, a batch ahead of the model for each worker.

Batch k is worker k mod w's, and is collected in turn: the order never depends on who is faster. A worker has
one batch in hand; it ends when its pipes close, so that nothing is left behind whatever ends this process.
Workers are plain child processes: unlike multiprocessing's they neither fork a process that has threads nor
run the user's script again.
"""

from __future__ import annotations

import logging
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from jaxtyping import Int

from outgrow.errors import ConfigError, OutgrowError
from outgrow.features.pictures import BadPictureError, open_picture

MOST_WORKERS = 8
"""Workers started where nobody says how many and there are more cores: each takes 50 MB and a batch."""

_log = logging.getLogger(__name__)

Allocate = Callable[[tuple[int, ...], np.dtype[Any]], np.ndarray]
"""Makes the array that pixels are received in, such as one in pinned memory."""


@dataclass(frozen=True, eq=False)
class PictureBatch:
    """Pictures ready for a model."""

    positions: Int[np.ndarray, " b"]
    """Of the b pictures in the rows given."""
    pixels: np.ndarray
    """Array (b, ...): what the transform made of them; (0,) where none could be read."""
    bad: tuple[tuple[int, str], ...]
    """Positions of pictures that cannot be read, and why."""


class PictureBatches:
    """Decodes rows of pictures, in this process or in others."""

    def __init__(
        self,
        transform: Callable[[Any], Any],
        *,
        batch_size: int,
        workers: int | None = None,
        allocate: Allocate | None = None,
    ) -> None:
        if batch_size < 1:
            raise ConfigError(f"a batch of {batch_size} pictures", "--batch-size", "Use 1 or more.")
        if workers is not None and workers < 0:
            raise ConfigError(f"{workers} workers", "--workers", "Use 0 or more.")
        self.transform, self.batch_size = transform, batch_size
        if workers is None:
            from joblib import cpu_count

            self.workers = min(cpu_count(), MOST_WORKERS)
        else:
            self.workers = workers
        # What a script or a notebook defines, no other process can import; lambdas cannot be sent at all.
        self._sent = _sendable(transform)
        if self._sent is None and self.workers:
            if workers:
                raise ConfigError(
                    "the transform cannot be sent to worker processes",
                    remedy="Put it into a module, or use 0 workers.",
                )
            _log.info("the transform cannot be sent to worker processes: pictures are decoded in this one")
            self.workers = 0
        self._allocate: Allocate = allocate or (lambda shape, kind: np.empty(shape, kind))
        self._running: list[_Worker] = []
        self._in_use = False

    def batches(self, items: Sequence[Any]) -> Generator[PictureBatch]:
        """Decode rows."""
        starts = range(0, len(items), self.batch_size)
        # A single batch is decoded before a worker would have started.
        if self.workers == 0 or len(starts) < 2:
            for start in starts:
                stretch = items[start : start + self.batch_size]
                yield _placed(start, *_decode(stretch, self.transform))
            return
        while len(self._running) < min(self.workers, len(starts)):
            self._running.append(_Worker(self._sent))
        if self._in_use:
            raise RuntimeError("two stretches of rows cannot be read from one set of workers at a time")
        running, self._in_use = self._running, True
        try:
            for worker, start in zip(running, starts, strict=False):
                worker.send(items[start : start + self.batch_size])
            for place, start in enumerate(starts):
                worker = running[place % len(running)]
                answer = worker.receive(self._allocate)
                later = place + len(running)
                if later < len(starts):
                    worker.send(items[starts[later] : starts[later] + self.batch_size])
                yield _placed(start, *answer)
            self._in_use = False
        finally:
            if self._in_use:  # answers to questions nobody asks any more would come first next time
                self.close()

    def close(self) -> None:
        """End all workers; they start again when batches are asked for."""
        self._in_use = False
        while self._running:
            self._running.pop().end()


class _Worker:
    """One child process and its two pipes."""

    def __init__(self, transform: bytes | None) -> None:
        # A group of its own: Ctrl-C is this process's business, which then closes the pipes.
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from outgrow.features.image_batches import _serve; _serve()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            process_group=0 if os.name == "posix" else None,
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._to: IO[bytes] = self._process.stdin
        self._from: IO[bytes] = self._process.stdout
        self.send(transform)

    def send(self, message: Any) -> None:
        try:
            pickle.dump(message, self._to, protocol=5)
            self._to.flush()
        except OSError as error:
            raise self._lost() from error

    def receive(self, allocate: Allocate) -> tuple[list[int], np.ndarray, list[tuple[int, str]]]:
        try:
            failure, good, bad, shape, kind = pickle.load(self._from)
            if failure:
                raise ConfigError(failure, remedy="Try it on one picture with --workers 0.")
            pixels = allocate(shape, np.dtype(kind))
            # Bytes go into the array itself; the view is flat because a pipe gives what it has.
            view = _bytes_of(pixels)
            while view:
                got = self._from.readinto(view)  # type: ignore[attr-defined]
                if not got:
                    raise EOFError
                view = view[got:]
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            raise self._lost() from error
        return good, pixels, bad

    def _lost(self) -> OutgrowError:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=1)
        status = self._process.poll()
        how = f"was ended by signal {-status}" if status is not None and status < 0 else f"ended ({status})"
        return OutgrowError(
            f"a process that decodes pictures {how}",
            remedy="If memory ran out, use fewer --workers; with --workers 0 the cause is shown.",
        )

    def end(self) -> None:
        # A worker holds nothing worth waiting for, and may stand in the middle of a write.
        self._process.kill()
        for pipe in (self._to, self._from):
            with suppress(OSError):
                pipe.close()
        self._process.wait()


def _sendable(transform: Any) -> bytes | None:
    try:
        sent = pickle.dumps(transform, protocol=5)
    except Exception:  # pickle raises what the objects' own code raises
        return None
    return None if b"__main__" in sent else sent


def _serve() -> None:
    """Answer batches of items with their pixels until the pipe closes: what a worker process runs."""
    # What libraries print must not end up among the pixels.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    source = sys.stdin.buffer
    try:
        message = pickle.load(source)
        failure, transform = "", None
        try:
            transform = pickle.loads(message)
        except Exception as error:
            failure = f"the transform cannot be loaded in a worker process ({type(error).__name__}: {error})"
        while True:
            items = pickle.load(source)
            good: list[int] = []
            bad: list[tuple[int, str]] = []
            pixels = np.empty(0, np.uint8)
            if not failure:
                try:
                    good, pixels, bad = _decode(items, transform)
                except ConfigError as error:
                    failure = error.what
            pickle.dump((failure, good, bad, pixels.shape, pixels.dtype.str), out, protocol=5)
            out.write(_bytes_of(pixels))
            out.flush()
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        # The other side is gone: nobody is left to be informed.
        os._exit(0)


def _decode(items: Sequence[Any], transform: Any) -> tuple[list[int], np.ndarray, list[tuple[int, str]]]:
    """Decode one batch: positions in it, pixels, and what is wrong with the rest."""
    good: list[int] = []
    bad: list[tuple[int, str]] = []
    made: list[np.ndarray] = []
    for place, item in enumerate(items):
        try:
            picture = open_picture(item)
        except BadPictureError as error:
            bad.append((place, str(error)))
            continue
        # What fails on a sound picture fails on all: no reason to leave every row out, one by one.
        try:
            made.append(np.asarray(transform(picture)))
        except Exception as error:
            raise ConfigError(
                f"the transform failed on a picture ({type(error).__name__}: {error})"
            ) from error
        good.append(place)
    shapes = {array.shape for array in made}
    if len(shapes) > 1:
        raise ConfigError(f"the transform gives arrays of several shapes: {sorted(shapes)[:3]}")
    return good, np.stack(made) if made else np.empty(0, np.uint8), bad


def _bytes_of(pixels: np.ndarray) -> memoryview:
    # memoryview's cast refuses arrays of no elements, which have no bytes either.
    return memoryview(pixels.data).cast("B") if pixels.size else memoryview(b"")


def _placed(start: int, good: list[int], pixels: np.ndarray, bad: list[tuple[int, str]]) -> PictureBatch:
    return PictureBatch(
        np.array(good, dtype=np.int64) + start, pixels, tuple((start + place, why) for place, why in bad)
    )
