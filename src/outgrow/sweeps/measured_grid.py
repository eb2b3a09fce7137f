"""Measuring a grid: blocks once per student, then every seed, side by side where that pays.

A part is one student on one seed. Parts that a store holds already are not measured again, and each is kept
as soon as it is finished, so that an interrupted sweep loses at most the parts under way. What the rows and
blocks take is worked out, and refused if it is too much, before anything is read.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np

from outgrow.engine import LocalEngine
from outgrow.engine.tasks import cores, workers_end
from outgrow.errors import ConfigError
from outgrow.features.room import free_memory
from outgrow.linalg.cells import MakeArray
from outgrow.study.sources import Progress
from outgrow.sweeps.blocks import Blocks, LabelColumns, block_bytes, shifts_and_scales
from outgrow.sweeps.grid import SweepData, SweepGrid, check_grid
from outgrow.sweeps.layout import MOST_BLOCKS, Cut, cut
from outgrow.sweeps.scoring import TestRows
from outgrow.sweeps.seed import SeedFits
from outgrow.sweeps.shared_arrays import place_for, shared_arrays
from outgrow.sweeps.table import Key, Measured, SweepTable, joined, part_table

SHARE = 0.8
"""Share of the free memory that a sweep may take: the rest is for the factors of the fits, and for others."""

WORTH = 10.0
"""Seconds of work from which processes pay: starting them and their libraries takes one or two."""


@runtime_checkable
class Store(Protocol):
    """Keeps the parts of a sweep."""

    def load(self, student: str, seed: int) -> SweepTable | None:
        """Give a part that was measured before.

        None where there is none.
        """
        ...

    def save(self, student: str, seed: int, part: SweepTable) -> None:
        """Keep a part."""
        ...


@dataclass(frozen=True)
class Memory:
    """What a sweep takes."""

    rows: int
    """Bytes of the feature sets."""
    blocks: int
    """Bytes of the blocks of the student whose take most."""
    count: int
    """Number of blocks."""
    size: int
    """Rows of each."""


def memory_of(data: SweepData, grid: SweepGrid, free: int | None = None) -> tuple[Memory, Cut]:
    """Work out blocks and what they take, before they are made.

    Returns what is taken; the blocks.
    """
    room = free_memory() if free is None else free
    taken = sum(view.nbytes for view in data.views.values())
    if grid.head == "logistic":
        # Fits of cross-entropy need the rows, and no sums of them.
        blocks = cut(len(data.train), grid)
        return Memory(taken, 0, 0, blocks.size), blocks
    columns = len(grid.noise) * grid.seeds * data.truth.shape[1]
    one = max(block_bytes(data, grid, student, 1, columns) for student in grid.students)
    fits = MOST_BLOCKS if room is None else int(SHARE * room / one)
    blocks = cut(len(data.train), grid, max(1, min(MOST_BLOCKS, fits)))
    memory = Memory(taken, one * blocks.count, blocks.count, blocks.size)
    if fits < 1:
        raise ConfigError(
            f"sums over rows take {one / 1e9:.1f} GB, and {(room or 0) / 1e9:.1f} GB are free",
            "the memory",
            "Use fewer teachers, or a lower --rank.",
        )
    return memory, blocks


def measure_sweep(
    data: SweepData,
    grid: SweepGrid,
    *,
    jobs: int | None = None,
    progress: Progress | None = None,
    store: Store | None = None,
) -> SweepTable:
    """Measure every model on every cell and seed of a grid."""
    check_grid(data, grid)
    place = place_for(0) if jobs != 1 else None
    with workers_end(place) if place else nullcontext():
        return _measured(data, grid, jobs, progress or (lambda _what, _share: None), store)


def _measured(
    data: SweepData, grid: SweepGrid, jobs: int | None, tell: Progress, store: Store | None
) -> SweepTable:
    _, blocks = memory_of(data, grid)
    parts: list[SweepTable] = []
    total, done = len(grid.students) * grid.seeds, 0
    for student in grid.students:
        kept = {seed: store.load(student, seed) if store else None for seed in range(grid.seeds)}
        by_seed = {seed: part for seed, part in kept.items() if part is not None}
        done += len(by_seed)
        missing = [seed for seed in kept if seed not in by_seed]
        if missing:
            tell(f"reading rows for {student}", done / total)
            for seed, part in _student(data, grid, student, missing, blocks, jobs):
                if store is not None:
                    store.save(student, seed, part)
                by_seed[seed] = part
                done += 1
                tell(f"{student}: {done} of {total} parts", done / total)
        # Whatever the order in which they were finished.
        parts += [by_seed[seed] for seed in kept]
    return joined(parts)


@dataclass(frozen=True, eq=False)
class _Shared:
    """What all seeds of a student need; None of it is changed by them."""

    blocks: Blocks
    shifts: dict[str, np.ndarray]
    scales: dict[str, float]
    tests: dict[str, TestRows]


def _student(
    data: SweepData, grid: SweepGrid, student: str, seeds: list[int], cut: Cut, jobs: int | None
) -> Iterator[tuple[int, SweepTable]]:
    """Measure the seeds of one student, the first of them in this process unless jobs are given."""
    subgrid = replace(grid, pairs=tuple(pair for pair in grid.pairs if pair[1] == student))
    first = {weak: next(strong for name, strong in grid.pairs if name == weak) for weak in subgrid.teachers}
    reported = tuple(weak for weak, strong in first.items() if strong == student)
    place = None
    if grid.head == "squared" and jobs != 1:
        needed = block_bytes(
            data, subgrid, student, cut.count, len(grid.noise) * grid.seeds * data.truth.shape[1]
        )
        place = place_for(needed)
        if place is None and jobs is not None:
            raise ConfigError(
                f"processes share {needed / 1e9:.1f} GB of blocks, and no folder for them has the room",
                "--jobs",
                "Use --jobs 1, or set TMPDIR to a folder on a larger disk.",
            )
        jobs = jobs if place else 1
    arrays: AbstractContextManager[MakeArray] = shared_arrays(place) if place else nullcontext(np.zeros)
    with arrays as into:
        shared, columns = None, None
        if grid.head == "squared":
            columns = LabelColumns(data.labels, grid)
            shared = _prepared(data, subgrid, student, cut, columns, into)
        tasks: dict[int, tuple[Any, ...]] = {
            seed: (data, subgrid, student, seed, cut, reported, shared, columns and columns.columns(seed))
            for seed in seeds
        }
        del columns
        if jobs is None:
            start = time.perf_counter()
            yield from LocalEngine().map(measure_part, {seeds[0]: tasks.pop(seeds[0])})
            took = time.perf_counter() - start
            jobs = -1 if took * len(tasks) > WORTH and cores(-1) > 1 else 1
        yield from LocalEngine(jobs, place).map(measure_part, tasks)


def _prepared(
    data: SweepData, grid: SweepGrid, student: str, cut: Cut, columns: LabelColumns, into: MakeArray
) -> _Shared:
    shifts, scales = shifts_and_scales(data, grid)
    blocks = Blocks(data, grid, student, cut, columns, shifts, into)
    return _Shared(blocks, shifts, scales, {view: TestRows(data, view, shifts[view]) for view in shifts})


def measure_part(
    data: SweepData,
    grid: SweepGrid,
    student: str,
    seed: int,
    cut: Cut,
    reported: tuple[str, ...],
    shared: _Shared | None,
    columns: np.ndarray | None,
) -> SweepTable:
    """Measure one student on one seed."""
    layout = cut.deal(max(grid.n), max(grid.N), seed)
    scores: dict[Key, Measured]
    if shared is None or columns is None:
        from outgrow.sweeps.logistic_seed import logistic_seed

        scores = logistic_seed(data, grid, seed, layout)
    else:
        labels = np.hstack([data.labels.draw(noise, seed) for noise in grid.noise])
        fits = SeedFits(data, grid, layout, labels, shared.shifts, shared.scales)
        taught = {weak: fits.single(weak, grid.alphas_w)[0] for weak in grid.teachers}
        baseline, sums = fits.single(student, grid.alphas_s)
        scores = {
            ("teacher", weak): fits.measured_single("teacher", paths, shared.tests[weak])
            for weak, paths in taught.items()
        }
        scores["baseline", student] = fits.measured_single("baseline", baseline, shared.tests[student])
        scores |= fits.student(shared.blocks, taught, sums, columns, shared.tests[student])
    kept = {key: one for key, one in scores.items() if key[0] != "teacher" or key[1] in reported}
    return part_table(kept, grid, seed)
