"""From a configuration to a sweep: rows read as for a run, measured, summarised, and ready to be drawn."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np
from jaxtyping import Float, Int

from outgrow.config import SweepConfig
from outgrow.engine.tasks import cores
from outgrow.errors import ConfigError, DataError
from outgrow.linalg.row_space import RowSpace, pieces
from outgrow.study.memory import Memory, memory_of_sweep
from outgrow.study.prepare import Prepared, prepare
from outgrow.study.sources import NOTHING, Permissions, Progress
from outgrow.sweeps.dimensions import dimensions
from outgrow.sweeps.figure import panels_of
from outgrow.sweeps.grid import SweepData, SweepGrid, check_grid
from outgrow.sweeps.layout import FEW_BLOCKS, MOST_BLOCKS
from outgrow.sweeps.measured_grid import Store, measure_sweep, memory_of
from outgrow.sweeps.noisy_labels import NoisyLabels, check_noise
from outgrow.sweeps.summary import MODELS, cells_of, check_seeds, is_tuned
from outgrow.sweeps.sweep_outcome import SweepOutcome
from outgrow.sweeps.table import SweepTable

LEAST_N = 50
"""Smallest n of the default sizes: below, nothing but luck is measured on real features."""

FEW_TEST = 200
"""Test rows below which their sampling error is named: normal errors give risks a relative standard error
of sqrt(2 / T), a tenth here, and no interval over seeds holds it."""

STEPS_N, STEPS_POOL = 5, 4
"""Numbers of default sizes, each twice the one before: a decade and a half of labels, a decade of pools."""


def sweep_rows(
    config: SweepConfig, permissions: Permissions = NOTHING, progress: Progress | None = None
) -> tuple[SweepData, dict[str, str], Prepared]:
    """Read the rows of a sweep.

    Returns rows with labels, in the order of their ids; name of the feature set by the configuration's entry;
    what they were read from.
    """
    for option, entries in (("--weak", config.weak), ("--strong", config.strong)):
        twice = [entry for place, entry in enumerate(entries) if entry in entries[:place]]
        if twice:
            raise ConfigError("is named twice", f"{option} {twice[0]}", "Name each once.")
    rows = config.rows()
    read = prepare(rows, permissions, progress, moments=False, deal=True)
    # Given teachers stand behind the feature sets, under names of their own.
    names = dict(zip((*rows.weak, *read.given), read.weak, strict=True))
    names.setdefault(rows.strong, read.strong_name)
    both = sorted({names[weak] for weak in config.weak} & {names[strong] for strong in config.strong})
    if both and len(set(config.rank)) > 1:
        raise ConfigError(
            f"{both[0]} is teacher and student at once, and two ranks are given",
            "--rank",
            "Give one, or name the file twice: --weak small=FILE --strong FILE.",
        )
    return data_of(read, config, [names[strong] for strong in config.strong]), names, read


def data_of(read: Prepared, config: SweepConfig, students: Collection[str]) -> SweepData:
    """Take the rows of a sweep out of what was read."""
    split = read.split
    if not len(split.test):
        raise DataError(
            "a sweep scores every model on test rows, and there are none",
            "the rows",
            "Draw some with --test 0.2, or name them in the split column.",
        )
    train = np.concatenate([split.labelled, split.unlabelled])
    train = train[~np.isnan(read.y[train]).any(axis=1)]
    # By id, so that another order of the same rows is the same sweep.
    train = train[np.argsort(read.ids[train].astype(str), kind="stable")]
    views = dict(read.weak) | {read.strong_name: read.strong}
    if config.rank:
        views = {
            name: leading(view, train, config.rank[-1 if name in students else 0])
            for name, view in views.items()
        }
    classes = len(read.classes)
    truth, variance = read.y[split.test], config.noise_variance or 0.0
    if read.truth is not None:
        truth, variance = read.truth[split.test][:, None], config.truth_variance
    labels = NoisyLabels(np.ascontiguousarray(read.y[train]), classes)
    return SweepData(views, train, split.test, labels, truth, variance, classes)


def leading(
    view: Float[np.ndarray, "rows d"], train: Int[np.ndarray, " R"], rank: int
) -> Float[np.ndarray, "rows r"]:
    """Project a view on its leading principal components."""
    if rank >= view.shape[1]:
        return view
    basis = RowSpace.leading(view, train, rank).basis
    return np.vstack([view[rows] @ basis for rows in pieces(np.arange(len(view)))])


def grid_of(config: SweepConfig, names: dict[str, str], rows: int) -> SweepGrid:
    """Give the axes of a sweep."""
    n = config.n
    if not n:
        # Half of what the largest pool leaves, so that seeds differ in more than the order of rows.
        most = max(2, (rows - (max(config.N) if config.N else rows // 2)) // 2)
        n = tuple(size for size in (LEAST_N * 2**step for step in range(STEPS_N)) if size <= most) or (most,)
    N = config.N or default_pools(rows, max(n))
    given = (entry for entry in names if entry not in (*config.weak, *config.strong))
    teachers = [names[entry] for entry in (*config.weak, *given)]
    pairs = tuple((weak, names[strong]) for strong in config.strong for weak in teachers)
    return SweepGrid(
        pairs, n, N, config.noise, config.alpha_w, config.alpha_s, config.unit, config.seeds,
        config.intercept, config.joint, config.head,
    )  # fmt: skip


def default_pools(rows: int, n: int) -> tuple[int, ...]:
    """Give sizes of pools, each twice the one before."""
    # Blocks of the most there are: one begun for n, one for N, and the rows left over from whole ones.
    most = max(2, rows - n - 3 * math.ceil(rows / MOST_BLOCKS))
    least = most >> (STEPS_POOL - 1)
    if least < 2:
        return (most,)
    step = max(10 ** (len(str(least)) - 2), 5 if least >= 10 else 1)
    return tuple((least - least % step) << power for power in range(STEPS_POOL))


def check_sweep(data: SweepData, grid: SweepGrid) -> None:
    """Refuse a sweep that cannot be measured or summarised, before anything is done for it."""
    check_grid(data, grid)
    for noise in grid.noise:
        check_noise(noise, data.classes)
    check_seeds(grid)


def sweep(
    config: SweepConfig,
    data: SweepData,
    grid: SweepGrid,
    read: Prepared,
    *,
    jobs: int | None = None,
    progress: Progress | None = None,
    store: Store | None = None,
) -> SweepOutcome:
    """Measure a sweep whose rows are read, and summarise it."""
    start = time.perf_counter()
    check_sweep(data, grid)
    memory, _ = memory_of(data, grid)
    widths = {name: values.shape[1] for name, values in (*read.weak.items(), (read.strong_name, read.strong))}
    kept = {name: view.shape[1] for name, view in data.views.items()}
    workers = cores(-1 if jobs is None else jobs)
    usage = memory_of_sweep(read.reading.memory, widths, kept, grid.pairs, memory.blocks, workers)
    if config.rank:
        usage["rows"] += memory.rows
    if progress is not None:
        progress(str(Memory(usage, 0)), 0.0)
    table = measure_sweep(data, grid, jobs=jobs, progress=progress, store=store)
    if progress is not None:
        progress("measuring dimensions", 1.0)
    pairs = dimensions(data, grid.pairs)
    excess = read.truth is not None or config.noise_variance is not None
    cells = cells_of(table, grid, excess=excess)
    left = len(read.split.labelled) + len(read.split.unlabelled) - len(data.train)
    return SweepOutcome(
        title=config.title or "Measured risks over n, N and seeds",
        note=config.note,
        excess=excess,
        task=read.task,
        rows=len(data.train),
        test_rows=len(data.test),
        pairs=pairs,
        tuned=is_tuned(grid),
        panels=panels_of(
            cells, grid, pairs, noise_name="share of labels swapped" if data.classes else "noise sd"
        ),
        table=table,
        cells=cells,
        fits=fits_of(table),
        memory=vars(memory),
        notes=_notes(read, grid, cells, memory.count, left, excess),
        checks=read.checks,
        config=config.model_dump(mode="json"),
        seconds=time.perf_counter() - start,
        reading=replace(read.reading, labelled=len(data.train), unlabelled=left, memory=usage),
    )


def fits_of(table: SweepTable) -> dict[str, float | int]:
    """Count fits by how they were made."""
    sums = table["solver"] == "moments"
    worst = float(table["condition"][sums].max()) if sums.any() else float("nan")
    return {"moments": int(sums.sum()), "rows": int((~sums).sum()), "worst_condition": worst}


def _notes(
    read: Prepared,
    grid: SweepGrid,
    cells: Mapping[str, np.ndarray],
    blocks: int,
    left: int,
    excess: bool,
) -> tuple[str, ...]:
    """Say what the reader should bear in mind: every note where it holds."""
    risks = np.isin(cells["quantity"], MODELS)
    below, every = int((cells["value"][risks] < 0).sum()), int(risks.sum())
    notes = {
        f"Intervals are of {grid.seeds} draws of rows and labels out of the rows given; all seeds share the"
        " test rows, and pools that are a large part of all rows share most of theirs, so they say little"
        " about other data.": True,
        f"Rows were cut into {blocks} blocks only, so that seeds are much alike and intervals too short:"
        " use more rows, fewer of them at a time, or sizes with a small common divisor.": (
            0 < blocks < FEW_BLOCKS
        ),
        "Every model of every seed takes the penalties that were best on the test risk of the other"
        " seeds: what tuning could reach, not what labels at hand would have chosen.": is_tuned(grid),
        "Risks are errors on the test labels, noise and all: ratios of them are nearer to 1 than the OPR,"
        " which is of excess risks. --noise-variance or --truth-column gives those.": not excess,
        f"{left:,} rows without a label were left out.": left > 0,
        "Risks are cross-entropies of the test labels, in nats.": grid.head == "logistic",
        f"Test rows are few ({len(read.split.test):,}): which they are moves every risk, and no interval"
        " here says by how much.": len(read.split.test) < FEW_TEST,
        "Groups are kept together in the split into test rows and others; labelled rows and pool are"
        " dealt row by row, and may share groups.": read.groups is not None,
        "Of the split column only the test rows are taken: every seed deals the others anew into labelled"
        " rows and pool.": read.reading.parts != "drawn",
        f"{below:,} of {every:,} mean excess risks are below 0, which none can be: the variance taken"
        " off (--noise-variance, or --truth-variance) is more than what the test rows hold. The OPR of such"
        " risks is undefined, and logarithmic axes leave them out.": excess and below > 0,
    }
    return tuple(note for note, holds in notes.items() if holds)
