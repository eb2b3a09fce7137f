"""Digits in misleading colours (Dong et al., 2025): PGR and OPR against n and N, by teacher and label noise.

Two classes, digits below 5 and others; a share of labels is flipped, and colour follows the flipped label, so
that noise is in the pictures too. Each noise level is its own set of pictures, encoded anew. Precomputed
features have the colours that they have: noise is then drawn in the labels to train on alone.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from outgrow.config import LabelConfig, RunConfig
from outgrow.data.idx import read_idx
from outgrow.data.join import Joined, join
from outgrow.data.labels import LabelTable
from outgrow.data.raw import RawRows
from outgrow.errors import ConfigError
from outgrow.features.model_spec import parse_model
from outgrow.reproductions.at_hand import AtHand, known_as, models_at_hand, parted, sized
from outgrow.reproductions.by_level import cell_table, dimension_table, level_panels
from outgrow.reproductions.reproduction import Reproduction, Table
from outgrow.results import as_plain
from outgrow.study.sources import NOTHING, Permissions, Progress, feature_sets
from outgrow.sweeps.dimensions import dimensions
from outgrow.sweeps.grid import SweepGrid, SweepHead, check_grid
from outgrow.sweeps.layout import check_sizes
from outgrow.sweeps.measured_grid import measure_sweep
from outgrow.sweeps.summary import cells_of
from outgrow.sweeps.sweep_outcome import PairDimensions
from outgrow.sweeps.table import SweepTable, joined
from outgrow.worlds.coloured_digits import FLIPS, coloured

SHARE = 0.1
"""Share of the pictures to test on, as published: 7,000 of 70,000."""

TRAIN = 63_000
"""Pictures to train on that the sizes below are meant for. With fewer, sizes shrink."""

LABELS, POOL = 12_000, 33_000
"""n and N that are held while the other runs, as in the authors' public code."""

SIZES_N = (600, 2_000, 6_000, 12_000, 18_000)
"""Labelled pictures: the range of that code, as far as the largest pool leaves pictures."""

SIZES_POOL = (1_500, 5_000, 12_000, 22_000, 33_000, 45_000)
"""Unlabelled pictures, likewise: with the largest n, all 63,000."""

NOISE = (0.0, 0.1, 0.2, 0.3)
"""Shares of labels flipped, as published."""

NOISY = ("ResNet-101", "ResNet-50", "ResNet-34", "ResNet-18")
"""Teachers whose noise levels are drawn: the first that is at hand, else the first teacher."""

ALPHAS = (1e-3, 1e-2, 0.1, 1.0, 10.0)
"""Penalties tried, in mean variances per column: tuned heads on embeddings usually stand well inside. The
published heads have none, and stop after a fixed number of steps of L-BFGS."""

NAME = "flipped labels"
"""What levels are called."""


@dataclass(frozen=True)
class ColoredMNISTOptions:
    """What the experiment is done again with."""

    rows: LabelConfig
    """A folder of idx files (`input`) and models; or feature sets and a table of classes."""
    seeds: int = 10
    """Trials."""
    n: tuple[int, ...] = ()
    """Sizes; published ones, or in proportion where there are fewer pictures, by default."""
    N: tuple[int, ...] = ()
    """Sizes; published ones, or in proportion where there are fewer pictures, by default."""
    noise: tuple[float, ...] = NOISE
    """Shares of labels flipped."""
    head: SweepHead = "squared"
    """Squared loss on one-hot classes, or cross-entropy."""
    alphas: tuple[float, ...] = ALPHAS
    """Penalties tried for teacher and student, in mean variances per column."""
    pictures: int | None = None
    """How many of the idx files' pictures to use, drawn by their ids; all by default. Each noise level
    encodes its pictures anew."""
    jobs: int | None = None
    """Processes."""


@dataclass(frozen=True, eq=False)
class _Measured:
    """A sweep over one set of rows: pictures of one noise level, or features that serve all levels."""

    noise: tuple[float, ...]
    rows: AtHand
    grid: SweepGrid
    held: tuple[int, int]
    table: SweepTable
    pairs: tuple[PairDimensions, ...]


def reproduce(
    options: ColoredMNISTOptions, permissions: Permissions = NOTHING, progress: Progress | None = None
) -> Reproduction:
    """Do the experiment again on pictures or features at hand."""
    start = time.perf_counter()
    if options.seeds < 2:
        raise ConfigError("one trial has no interval", "--seeds", "Ask for two at least; ten are usual.")
    noise = tuple(sorted(set(options.noise)))
    sets = [(level,) for level in noise] if options.rows.input else [noise]
    measured = [
        _measured(options, levels, permissions, _part(progress, place, len(sets), levels))
        for place, levels in enumerate(sets)
    ]
    first = measured[0]
    grid = replace(first.grid, noise=noise)
    # Every level's own pictures were measured as they are: what level that is, the table is told here.
    table = joined([each.table if len(sets) == 1 else _at_level(each) for each in measured])
    cells = cells_of(table, grid, excess=False)
    panels = level_panels(
        cells, grid, first.pairs, first.held, noise_name=NAME, noise_pair=_noisy_pair(first.rows)
    )
    return Reproduction(
        name="coloredmnist",
        title="Digits in misleading colours: PGR and OPR against n and N",
        source="Y. Dong, Y. Li, Y. Li, J. D. Lee and Q. Lei, Discrepancies are Virtue, 2025 (ColoredMNIST)",
        setting=_setting(options, first),
        verdict="not compared",
        because=(
            "What was published of this experiment are figures, and no numbers printed are at hand to hold"
            " ours against: the panels are those figures, with intervals, for the models named."
        ),
        panels=panels,
        tables=(*_dimension_tables(measured), cell_table(cells)),
        notes=_notes(options, measured),
        checks=tuple(dict.fromkeys(check for each in measured for check in each.rows.checks)),
        config=_config(options, grid),
        seconds=time.perf_counter() - start,
    )


def _part(progress: Progress | None, place: int, parts: int, levels: tuple[float, ...]) -> Progress:
    """Tell of one of several parts on a scale for all."""
    tell = progress or (lambda _what, _share: None)
    name = f"{NAME} {levels[0]:g}: " if parts > 1 else ""
    return lambda what, share: tell(name + what, (place + share) / parts)


def _half(progress: Progress, second: bool) -> Progress:
    """Tell of reading and encoding on the first half of a scale, of measuring on the second."""
    return lambda what, share: progress(what, (second + share) / 2)


def _measured(
    options: ColoredMNISTOptions, levels: tuple[float, ...], permissions: Permissions, progress: Progress
) -> _Measured:
    if options.rows.input:
        rows = _pictures(options, levels[0], permissions, _half(progress, False))
    else:
        config = options.rows.model_copy(update={"task": "classification"})
        rows = models_at_hand(config, SHARE, permissions, _half(progress, False))
    grid, held = _grid(options, rows, levels)
    data = rows.data()
    table = measure_sweep(data, grid, jobs=options.jobs, progress=_half(progress, True))
    # Features of one level after the other are in memory, never those of all.
    return _Measured(levels, replace(rows, views={}), grid, held, table, dimensions(data, rows.pairs))


def _grid(
    options: ColoredMNISTOptions, rows: AtHand, levels: tuple[float, ...]
) -> tuple[SweepGrid, tuple[int, int]]:
    """Give the sizes that rows are measured at, and which are held."""
    n, at_n = sized(options.n, SIZES_N, LABELS, len(rows.train), TRAIN)
    N, at_N = sized(options.N, SIZES_POOL, POOL, len(rows.train), TRAIN)
    grid = SweepGrid(
        pairs=rows.pairs,
        n=n,
        N=N,
        # Flipped already, where pictures show it.
        noise=(0.0,) if options.rows.input else levels,
        alphas_w=options.alphas,
        alphas_s=options.alphas,
        seeds=options.seeds,
        joint=False,
        head=options.head,
    )
    return grid, (at_n, at_N)


def _check_before_encoding(options: ColoredMNISTOptions, made: RawRows) -> None:
    """Refuse sizes, penalties and the like that need no features to be seen as wrong."""
    config = options.rows
    names = [parse_model(entry, made.kind).name for entry in (*config.weak, config.strong)]
    column = np.arange(len(made.ids), dtype=np.float64)[:, None]
    assert made.labels is not None
    joined_rows = Joined(made.ids, (column,) * len(config.weak), column, made.labels)
    rows = parted(joined_rows, names, config.test or SHARE, config.seed)
    data, (grid, _) = rows.data(), _grid(options, rows, (0.0,))
    check_grid(data, grid)
    check_sizes(len(rows.train), grid)


def _at_level(each: _Measured) -> SweepTable:
    return {**each.table, "noise": np.full(len(each.table["noise"]), each.noise[0])}


def _pictures(
    options: ColoredMNISTOptions, noise: float, permissions: Permissions, progress: Progress
) -> AtHand:
    """Colour the digits of one noise level, encode them, and part them as at every other level."""
    config = options.rows
    assert config.input is not None
    if config.labels or config.split_column:
        raise ConfigError(
            "labels and parts of coloured digits are drawn",
            "--labels" if config.labels else "--split-column",
            "Leave it out; or give features instead of pictures (--input).",
        )
    grey = read_idx(config.input)
    if options.pictures is not None:
        grey = some_pictures(grey, options.pictures, config.seed)
    # Environments are pooled, as published: a third of the colours misleads.
    made = coloured(grey, FLIPS, label_noise=noise, seed=config.seed).rows
    assert made.labels is not None
    _check_before_encoding(options, made)
    given = RunConfig(
        **{key: value for key, value in dict(config).items() if key in LabelConfig.model_fields}
    )
    weak, strong = feature_sets(given, made, (), permissions, progress)
    labels = LabelTable(ids=made.ids, values=made.labels, source=made.source)
    joined_rows = join(weak, strong, labels)
    return parted(
        joined_rows, [table.identity.name for table in (*weak, strong)], config.test or SHARE, config.seed
    )


def some_pictures(rows: RawRows, count: int, seed: int) -> RawRows:
    """Draw some of the pictures, by their ids: the same whatever their order."""
    if not 1 <= count <= len(rows.ids):
        raise ConfigError(
            f"{count:,} pictures are asked for, {len(rows.ids):,} are there", "--pictures", "Ask for fewer."
        )
    ranks = [
        hashlib.blake2b(f"{seed}:picture:{name}".encode(), digest_size=8).digest()
        for name in rows.ids.tolist()
    ]
    kept = sorted(sorted(range(len(ranks)), key=lambda row: ranks[row])[:count])
    return replace(
        rows,
        ids=rows.ids[kept],
        items=[rows.items[row] for row in kept],
        labels=None if rows.labels is None else rows.labels[kept],
        split=None,
    )


def _noisy_pair(rows: AtHand) -> tuple[str, str]:
    known = {known_as(name, NOISY): name for name in reversed(rows.teachers)}
    teacher = next((known[name] for name in NOISY if name in known), rows.teachers[0])
    return teacher, rows.student


def _dimension_tables(measured: Sequence[_Measured]) -> tuple[Table, ...]:
    if len(measured) == 1:
        return (dimension_table(measured[0].pairs),)
    return tuple(
        dimension_table(
            each.pairs,
            "dimensions" if place == 0 else f"dimensions_{each.noise[0]:g}".replace(".", "_"),
            f", {NAME} {each.noise[0]:g}",
        )
        for place, each in enumerate(measured)
    )


def _setting(options: ColoredMNISTOptions, first: _Measured) -> str:
    rows = first.rows
    few = len(rows.train) < TRAIN and not (options.n and options.N)
    shrunk = (
        f" Sizes are those meant for the published set, times {len(rows.train):,} / {TRAIN:,}." if few else ""
    )
    head = "squared loss on one-hot classes" if options.head == "squared" else "logistic heads, cross-entropy"
    return (
        f"{len(rows.train):,} pictures to train on and {len(rows.test):,} to test on; teachers"
        f" {', '.join(rows.teachers)}, student {rows.student}; n = {first.held[0]:,} or N = {first.held[1]:,}"
        f" held while the other runs; {options.seeds} trials; {head}; penalties of teacher and student chosen"
        f" on the other trials; {NAME}: {', '.join(f'{level:g}' for level in options.noise)}.{shrunk}"
    )


def _notes(options: ColoredMNISTOptions, measured: Sequence[_Measured]) -> tuple[str, ...]:
    notes = [
        "Published heads are logistic, fitted without a penalty by a fixed number of steps of L-BFGS,"
        " and scored by the squared error of their probabilities. Here the loss fitted is the one scored.",
    ]
    if options.rows.input:
        notes += [
            "As published, colour follows the flipped label: a flip shows in the picture, and test labels are"
            " flipped at the same rate. Risks hold what no model can know; ratios of them are of raw errors.",
            f"Environments are pooled: colours disagree with the label with probability"
            f" {', '.join(f'{chance:g}' for chance in FLIPS.values())}, a third of the pictures each.",
            "Every noise level is encoded anew, for its pictures differ; lines carry the d_sw/d_w of the"
            " lowest level, and the tables hold that of each.",
        ]
    else:
        notes.append(
            "Features were given: whatever their colours follow, classes of the rows to train on are swapped"
            " at random beyond that, and test labels are left as they are."
        )
    left_out = sum(each.rows.left_out for each in measured)
    if left_out:
        notes.append(f"{left_out:,} rows without a class were left out.")
    return tuple(notes)


def _config(options: ColoredMNISTOptions, grid: SweepGrid) -> dict[str, Any]:
    rows = options.rows.model_dump(mode="json", exclude_none=True)
    own = {
        "seeds": grid.seeds, "n": grid.n, "N": grid.N, "noise": grid.noise, "head": grid.head,
        "alphas": options.alphas, "pictures": options.pictures,
    }  # fmt: skip
    return {"name": "coloredmnist", **rows, **as_plain(own)}
