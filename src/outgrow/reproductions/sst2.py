"""Sentiment of phrases (Dong et al., 2025): PGR, ratios and accuracies against n and N, by teacher and noise.

Phrases of one sentence are near copies, so one is kept of each sentence, the longest: rows to train on, pool
and test then share none. No printed numbers are at hand; what the figures say is asked of ours in kind: does
PGR fall where a teacher shares more with its student, and does the ratio of errors rise with label noise?
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from outgrow.config import LabelConfig
from outgrow.errors import ConfigError
from outgrow.reproductions.at_hand import AtHand, sized
from outgrow.reproductions.by_level import cell_table, dimension_table, level_panels
from outgrow.reproductions.in_kind import in_kind
from outgrow.reproductions.reproduction import Reproduction
from outgrow.reproductions.sentences import sentences_at_hand
from outgrow.results import as_plain
from outgrow.study.curves import Panel
from outgrow.study.sources import NOTHING, Permissions, Progress
from outgrow.sweeps.dimensions import dimensions
from outgrow.sweeps.grid import SweepGrid, SweepHead
from outgrow.sweeps.measured_grid import measure_sweep
from outgrow.sweeps.summary import Tuned, cells_of, ratios
from outgrow.sweeps.sweep_outcome import PairDimensions

TRAIN = 5_508
"""Sentences to train on that the sizes below are meant for: four fifths of those in GLUE's training table.
With fewer, sizes shrink."""

LABELS, POOL = 400, 4_000
"""n and N that are held while the other runs: labels are few where weak teachers are asked."""

SIZES_N = (50, 100, 200, 400, 800, 1_400)
"""Labelled rows."""

SIZES_POOL = (500, 1_000, 2_000, 4_000)
"""Unlabelled rows: with the largest n, all but some that do not fill a block."""

NOISE = (0.0, 0.1, 0.2, 0.3)
"""Shares of labels swapped, as published."""

ALPHAS = (0.1, 1.0, 10.0, 100.0)
"""Penalties tried, in mean variances per column: the best of every stage lie between the ends."""

NAME = "swapped labels"
"""What levels are called."""


@dataclass(frozen=True)
class SST2Options:
    """What the experiment is done again with."""

    rows: LabelConfig
    """A table of phrases (`input`) and models; or feature sets, and a table of labels that holds the phrases
    too."""
    seeds: int = 10
    """Trials."""
    n: tuple[int, ...] = ()
    """Sizes; the usual ones, or in proportion where there are fewer sentences, by default."""
    N: tuple[int, ...] = ()
    """Sizes; the usual ones, or in proportion where there are fewer sentences, by default."""
    noise: tuple[float, ...] = NOISE
    """Shares of labels swapped."""
    head: SweepHead = "squared"
    """Squared loss on one-hot classes, or cross-entropy."""
    alphas: tuple[float, ...] = ALPHAS
    """Penalties tried for teacher and student, in mean variances per column."""
    jobs: int | None = None
    """Processes."""


def reproduce(
    options: SST2Options, permissions: Permissions = NOTHING, progress: Progress | None = None
) -> Reproduction:
    """Do the experiment again with the encoders at hand."""
    start = time.perf_counter()
    if options.seeds < 2:
        raise ConfigError("one trial has no interval", "--seeds", "Ask for two at least; ten are usual.")
    tell = progress or (lambda _what, _share: None)
    # Reading and encoding take the first half of the scale, measuring the second.
    rows, left = sentences_at_hand(options.rows, permissions, lambda what, share: tell(what, share / 2))
    n, at_n = sized(options.n, SIZES_N, LABELS, len(rows.train), TRAIN)
    N, at_N = sized(options.N, SIZES_POOL, POOL, len(rows.train), TRAIN)
    at = at_n, at_N
    grid = SweepGrid(
        pairs=rows.pairs,
        n=n,
        N=N,
        noise=tuple(sorted(set(options.noise))),
        alphas_w=options.alphas,
        alphas_s=options.alphas,
        seeds=options.seeds,
        joint=False,
        head=options.head,
    )
    data = rows.data()
    table = measure_sweep(
        data, grid, jobs=options.jobs, progress=lambda what, share: tell(what, (1 + share) / 2)
    )
    pairs = dimensions(data, rows.pairs)
    cells = cells_of(table, grid, excess=False)
    by_accuracy = accuracy_cells(Tuned(table, grid, "accuracy"), grid)
    kinds, said = in_kind(Tuned(table, grid), grid, pairs, at, NAME)
    return Reproduction(
        name="sst2",
        title="Sentiment of phrases: PGR and ratios of errors against n and N",
        source="Y. Dong, Y. Li, Y. Li, J. D. Lee and Q. Lei, Discrepancies are Virtue, 2025 (SST-2)",
        setting=_setting(options, rows, at, left),
        verdict="not compared",
        because=(
            "What was published of this experiment are figures, of other encoders, and no numbers printed are"
            f" at hand to hold ours against. In kind: {said}."
        ),
        panels=_panels(cells, by_accuracy, grid, pairs, at),
        tables=(
            dimension_table(pairs),
            kinds,
            cell_table(cells),
            cell_table(by_accuracy, "cells_by_accuracy", "PGR and ratio of the shares of wrong classes"),
        ),
        notes=_notes(options, rows, left),
        checks=rows.checks,
        config=_config(options, grid),
        seconds=time.perf_counter() - start,
    )


def accuracy_cells(right: Tuned, grid: SweepGrid) -> dict[str, np.ndarray]:
    """Give PGR and ratio of the shares of wrong classes."""
    columns: dict[str, list[Any]] = {}
    for weak, strong in grid.pairs:
        wrong = {
            model: 1 - right.of(model, weak, strong)
            for model in ("teacher", "student", "baseline", "ceiling")
        }
        for quantity, (value, low, high, reason) in ratios(wrong, excess=False).items():
            for l, i, j in np.ndindex(value.shape):
                row = {
                    "quantity": quantity, "weak": weak, "strong": strong, "n": grid.n[i], "N": grid.N[j],
                    "noise": grid.noise[l], "value": value[l, i, j], "low": low[l, i, j],
                    "high": high[l, i, j], "seeds": grid.seeds, "reason": reason[l, i, j],
                }  # fmt: skip
                for name, cell in row.items():
                    columns.setdefault(name, []).append(cell)
    texts = ("quantity", "weak", "strong", "reason")
    return {
        name: np.array(values, dtype=object if name in texts else None) for name, values in columns.items()
    }


def _panels(
    cells: dict[str, np.ndarray],
    by_accuracy: dict[str, np.ndarray],
    grid: SweepGrid,
    pairs: Sequence[PairDimensions],
    at: tuple[int, int],
) -> tuple[Panel, ...]:
    own = level_panels(cells, grid, pairs, at, noise_name=NAME, noise_pair=grid.pairs[0])
    more = level_panels(
        by_accuracy,
        grid,
        pairs,
        at,
        noise_name=NAME,
        noise_pair=grid.pairs[0],
        every_level=False,
        prefix="shares of wrong classes: ",
    )
    return (
        *own,
        *(replace(one, title=_of_accuracies(one.title), y_name=_of_accuracies(one.y_name)) for one in more),
    )


def _of_accuracies(title: str) -> str:
    return title.replace("PGR", "PGR of accuracies", 1).replace("raw test errors", "shares wrong")


def _setting(options: SST2Options, rows: AtHand, at: tuple[int, int], left: int | None) -> str:
    few = len(rows.train) < TRAIN and not (options.n and options.N)
    shrunk = f" Sizes are the usual ones times {len(rows.train):,} / {TRAIN:,}." if few else ""
    head = "squared loss on one-hot classes" if options.head == "squared" else "logistic heads, cross-entropy"
    what = "rows" if left is None else "sentences, the longest phrase of each,"
    return (
        f"{len(rows.train):,} {what} to train on and {len(rows.test):,} to test on; teachers"
        f" {', '.join(rows.teachers)}, student {rows.student}; n = {at[0]:,} or N = {at[1]:,} held while the"
        f" other runs; {options.seeds} trials; {head}; penalties of teacher and student chosen on the other"
        f" trials; {NAME}: {', '.join(f'{level:g}' for level in options.noise)}.{shrunk}"
    )


def _notes(options: SST2Options, rows: AtHand, left: int | None) -> tuple[str, ...]:
    notes = [
        "Encoders are frozen, and heads linear; the authors' public scripts for it train whole encoders.",
        "Labels to train on are swapped, those of the test are left as they are: risks hold the published"
        " labels' own noise, whose size is not known, and ratios are of raw errors.",
    ]
    if options.head == "logistic":
        notes.append("Risks are cross-entropies, in nats.")
    if left is None:
        notes.append(
            "The table holds no phrases, so that sentences are not known: rows to train on and pool may share"
            " some, and what labels say of them is then known of their copies. Test rows share none where a"
            " group column names the sentence. Give the phrases in a column 'sentence' to keep one of each."
        )
    else:
        notes.append(
            f"{left:,} phrases that are part of a longer one were left out: copies of labelled rows in the"
            " pool or the test would make every gain look larger or smaller than it is."
        )
    if rows.left_out:
        notes.append(f"{rows.left_out:,} rows without a class were left out.")
    return tuple(notes)


def _config(options: SST2Options, grid: SweepGrid) -> dict[str, Any]:
    rows = options.rows.model_dump(mode="json", exclude_none=True)
    own = {
        "seeds": grid.seeds, "n": grid.n, "N": grid.N, "noise": grid.noise, "head": grid.head,
        "alphas": options.alphas,
    }  # fmt: skip
    return {"name": "sst2", **rows, **as_plain(own)}
