"""The one runner of published experiments: options, rows, sizes and sweeps are alike for all of them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from outgrow.config import ReproduceConfig
from outgrow.errors import ConfigError
from outgrow.reproductions.at_hand import AtHand, sized
from outgrow.reproductions.experiment import Experiment, MeasuredWay, Measurements
from outgrow.reproductions.reproduction import Reproduction
from outgrow.study.sources import NOTHING, Permissions, Progress
from outgrow.sweeps.dimensions import dimensions
from outgrow.sweeps.grid import SweepGrid
from outgrow.sweeps.measured_grid import measure_sweep
from outgrow.sweeps.table import joined

OPTIONS = ("n", "N", "noise", "alphas", "seeds", "head", "pictures")
"""Options of experiments; all others say where the rows are."""


def run(
    experiment: Experiment,
    config: ReproduceConfig,
    permissions: Permissions = NOTHING,
    progress: Progress | None = None,
    jobs: int | None = None,
) -> Reproduction:
    """Do a published experiment again."""
    start = time.perf_counter()
    asked = asked_of(experiment.name, config, experiment.usual, experiment.rows)
    single = [key for key in ("n", "N") if not experiment.sizes.n[1:] and len(getattr(asked, key)) > 1]
    if single:
        raise ConfigError(f"{experiment.name} takes one size", f"--{single[0]}", "Name one.")
    if asked.seeds is None or asked.seeds < 2:
        raise ConfigError(
            "one trial has no interval", "--seeds", f"Ask for two at least; {experiment.seeds} are usual."
        )
    noise = tuple(sorted(set(asked.noise))) or (0.0,)
    sets = [(level,) for level in noise] if experiment.apart and asked.input else [noise]
    measurements = []
    for place, levels in enumerate(sets):
        name = f"{experiment.noise_name} {levels[0]:g}: " if len(sets) > 1 else ""
        tell = part(progress, name, place, len(sets))
        one = _measured(experiment, asked, levels, permissions, tell, jobs)
        if len(sets) > 1:
            # Features of one level after the other are in memory, never those of all.
            names = dict.fromkeys(one.rows.views, np.empty((0, 0)))
            one = replace(one, sets=(replace(one.rows, views=names),))
        measurements.append(one)
    return replace(experiment.tell(_together(measurements, noise)), seconds=time.perf_counter() - start)


def asked_of(
    name: str,
    config: ReproduceConfig,
    usual: Mapping[str, Any],
    rows: Literal["needed", "embedded", "none"],
) -> ReproduceConfig:
    """Check the options that are named, and fill in all others."""
    given = [key for key in OPTIONS if getattr(config, key) not in ((), None)]
    for key in given:
        if key not in usual:
            raise ConfigError(f"{name} takes no --{key}", "reproduce", "Leave it out.")
    if rows == "none" and config.rows() is not None:
        raise ConfigError(f"{name} takes no feature sets, models or labels", "reproduce", "Leave them out.")
    if rows == "needed" and config.rows() is None:
        raise ConfigError(
            f"{name} needs your copy of its data, with models or features for teachers and student",
            "reproduce",
            "Name models (--weak, --strong) and what they read (--input); or feature files and --labels.",
        )
    return config.model_copy(update={key: value for key, value in usual.items() if key not in given})


def grid_of(
    experiment: Experiment, asked: ReproduceConfig, rows: AtHand, noise: tuple[float, ...]
) -> tuple[SweepGrid, tuple[int, int]]:
    """Give the usual grid on some rows, and the sizes that are held."""
    sizes, count = experiment.sizes, len(rows.train)
    n, at_n = sized(asked.n, sizes.n, sizes.held[0], count, sizes.rows)
    N, at_N = sized(asked.N, sizes.N, sizes.held[1], count, sizes.rows)
    grid = SweepGrid(
        pairs=rows.pairs,
        n=n,
        N=N,
        noise=noise,
        alphas_w=asked.alphas,
        alphas_s=asked.alphas,
        seeds=asked.seeds or 0,
        joint=False,
        head=asked.head or "squared",
    )
    return grid, (at_n, at_N)


def _measured(
    experiment: Experiment,
    asked: ReproduceConfig,
    levels: tuple[float, ...],
    permissions: Permissions,
    progress: Progress,
    jobs: int | None,
) -> Measurements:
    """Read one set of rows, on the first half of the scale, and measure it on the second."""
    rows = experiment.read(asked, levels[0], permissions, part(progress, "", 0, 2))
    # Where rows show their noise, labels have none beyond.
    base, at = grid_of(experiment, asked, rows, (0.0,) if experiment.apart and asked.input else levels)
    pairs = dimensions(rows, rows.pairs)
    known = experiment.theory and {pair: experiment.theory(rows, pair, asked.alphas) for pair in rows.pairs}
    ways = []
    for place, way in enumerate(experiment.ways):
        grid = way.grid(base, rows, pairs)
        theory = known or {}
        if not any((*grid.alphas_w, *grid.alphas_s)):
            theory = {pair: one.without_penalties() for pair, one in theory.items()}
        tell = part(
            part(progress, "", 1, 2), f"{way.name}: " if way.name else "", place, len(experiment.ways)
        )
        table = measure_sweep(rows, grid, jobs=jobs, progress=tell)
        ways.append(MeasuredWay.of(way.name, grid, table, theory, excess=experiment.excess))
    return Measurements(experiment, asked, (rows,), (pairs,), at, tuple(ways))


def _together(measurements: Sequence[Measurements], noise: tuple[float, ...]) -> Measurements:
    """Join the sweeps of every level's own rows: they were measured as they are, and now get their level."""
    first = measurements[0]
    if len(measurements) == 1 and first.grid.noise == noise:
        return first
    ways = []
    for place, way in enumerate(first.ways):
        tables = [each.ways[place].table for each in measurements]
        with_level = [
            {**table, "noise": np.full(len(table["noise"]), level)}
            for table, level in zip(tables, noise, strict=True)
        ]
        grid = replace(way.grid, noise=noise)
        ways.append(MeasuredWay.of(way.name, grid, joined(with_level), excess=first.experiment.excess))
    return replace(
        first,
        sets=tuple(each.rows for each in measurements),
        dimensions=tuple(each.pairs for each in measurements),
        ways=tuple(ways),
    )


def part(progress: Progress | None, name: str, place: int, parts: int) -> Progress:
    """Tell of one of several parts on a scale for all."""
    tell = progress or (lambda _what, _share: None)
    return lambda what, share: tell(name + what, (place + share) / parts)
