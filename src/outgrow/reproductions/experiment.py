"""A published experiment as a value, and the one runner that does any of them again on rows at hand.

What is its own are rows, grid, printed numbers and what is to be said; options, sizes, sweeps and their
progress are the same for all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from outgrow.config import ReproduceConfig
from outgrow.errors import ConfigError
from outgrow.reproductions.at_hand import AtHand, sized
from outgrow.reproductions.foretold import Foretold
from outgrow.reproductions.reproduction import MODELS, Comparison, Reproduction, Table, Verdict
from outgrow.results import as_plain
from outgrow.study.curves import Panel
from outgrow.study.sources import NOTHING, Permissions, Progress
from outgrow.sweeps.dimensions import dimensions
from outgrow.sweeps.grid import SweepGrid
from outgrow.sweeps.measured_grid import measure_sweep
from outgrow.sweeps.summary import Tuned, cells_of
from outgrow.sweeps.sweep_outcome import PairDimensions
from outgrow.sweeps.table import SweepTable, joined

OPTIONS = ("n", "N", "noise", "alphas", "seeds", "head", "pictures")
"""Options of experiments; all others say where the rows are."""

HEADS = {"squared": "squared loss on one-hot classes", "logistic": "logistic heads, cross-entropy"}
"""What heads of classes are called."""

Pair = tuple[str, str]
"""Teacher and student."""


@dataclass(frozen=True)
class Sizes:
    """Labelled and unlabelled rows."""

    n: tuple[int, ...]
    """Labelled rows; with a single size there is no axis, and one is all that may be asked for."""
    N: tuple[int, ...]
    """Unlabelled rows."""
    held: tuple[int, int]
    """The n and N that are held while the other runs."""
    rows: int
    """Rows to train on that these are meant for: with fewer, all shrink in proportion."""


@dataclass(frozen=True)
class Way:
    """A way of training: tuned, or as published."""

    name: str = ""
    """What it is called."""
    grid: Callable[[SweepGrid, AtHand, Sequence[PairDimensions]], SweepGrid] = lambda grid, *_: grid
    """Changes the usual grid, on these rows of these dimensions."""


@dataclass(frozen=True)
class Experiment:
    """A published experiment."""

    name: str
    """As on the command line."""
    title: str
    """Heading."""
    source: str
    """Who published it, and where."""
    read: Callable[[ReproduceConfig, float, Permissions, Progress], AtHand]
    """Reads the rows, at a level of noise where each has its own."""
    sizes: Sizes
    """Rows of every kind."""
    alphas: tuple[float, ...]
    """Penalties tried where nobody says, in mean variances per column."""
    tell: Callable[[Measurements], Reproduction]
    """Holds what was measured against what is printed."""
    seeds: int = 10
    """Trials where nobody says."""
    noise: tuple[float, ...] = ()
    """Levels of noise where nobody says; empty where none may be asked for."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """Other options that it takes, and what they are where nobody says."""
    ways: tuple[Way, ...] = (Way(),)
    """Each is measured."""
    noise_name: str = "noise"
    """What levels are called."""
    rows: Literal["needed", "embedded"] = "needed"
    """Whether the user has to bring the rows, or others are embedded."""
    excess: bool = False
    """Whether risks are excess risks."""
    apart: bool = False
    """Whether raw rows (not features) show the noise, so that every level has rows of its own."""
    theory: Callable[[AtHand, Pair, Sequence[float]], Foretold] | None = None
    """What is known of a pair's risks beforehand."""
    reference: str = "Published"
    """What ours is held against."""

    @property
    def usual(self) -> dict[str, Any]:
        """The options it takes, and what each is where nobody says."""
        levels = {"noise": self.noise} if self.noise else {}
        return {"seeds": self.seeds, "n": (), "N": (), **levels, "alphas": self.alphas, **self.more}


@dataclass(frozen=True, eq=False)
class MeasuredWay:
    """A sweep by one way."""

    name: str
    """Which."""
    grid: SweepGrid
    """Its axes."""
    table: SweepTable
    """Every seed."""
    cells: dict[str, np.ndarray]
    """Means of seeds, PGR and OPR, with intervals."""
    tuned: Tuned
    """Risks by seed, penalties chosen."""
    theory: Mapping[Pair, Foretold]
    """By pair, where there is one."""

    @classmethod
    def of(
        cls,
        name: str,
        grid: SweepGrid,
        table: SweepTable,
        theory: Mapping[Pair, Foretold] | None = None,
        *,
        excess: bool = False,
    ) -> MeasuredWay:
        """Sum a sweep up."""
        return cls(name, grid, table, cells_of(table, grid, excess=excess), Tuned(table, grid), theory or {})

    def place(self, noise: float, at: tuple[int, int]) -> tuple[int, int, int]:
        """Find a cell on the axes of level, n and N."""
        return self.grid.noise.index(noise), self.grid.n.index(at[0]), self.grid.N.index(at[1])

    def risks(self, pair: Pair) -> dict[str, Float[np.ndarray, "l i j seeds"]]:
        """Give the risks of a pair's models."""
        return {model: self.tuned.of(model, *pair) for model in MODELS}


@dataclass(frozen=True, eq=False)
class Measurements:
    """All that an experiment measured."""

    experiment: Experiment
    """Which."""
    asked: ReproduceConfig
    """Its options, those that nobody named as usual."""
    sets: tuple[AtHand, ...]
    """Rows: one set, or one for every level of noise."""
    dimensions: tuple[tuple[PairDimensions, ...], ...]
    """Of every pair, by set."""
    at: tuple[int, int]
    """n and N that are held."""
    ways: tuple[MeasuredWay, ...]
    """As the experiment has them."""

    @property
    def rows(self) -> AtHand:
        """The rows, at the lowest level of noise."""
        return self.sets[0]

    @property
    def pairs(self) -> tuple[PairDimensions, ...]:
        """Dimensions at the lowest level of noise."""
        return self.dimensions[0]

    @property
    def grid(self) -> SweepGrid:
        """The grid of the first way."""
        return self.ways[0].grid

    def design(self, what: str) -> str:
        """Say how many rows, which models and which sizes there are."""
        rows, (n, N) = self.rows, self.at
        return (
            f"{len(rows.train):,} {what} to train on and {len(rows.test):,} to test on; teachers"
            f" {', '.join(rows.teachers)}, student {rows.student}; n = {n:,} or N = {N:,} held while the"
            f" other runs; {self.asked.seeds} trials"
        )

    def training(self) -> str:
        """Say how classes were learnt, and with which noise."""
        levels = ", ".join(f"{level:g}" for level in self.asked.noise)
        return (
            f"{HEADS[self.grid.head]}; penalties of teacher and student chosen on the other trials;"
            f" {self.experiment.noise_name}: {levels}.{self.shrunk()}"
        )

    def shrunk(self) -> str:
        """Say that sizes are smaller than usual, where they are."""
        have, meant = len(self.rows.train), self.experiment.sizes.rows
        if have >= meant or (self.asked.n and self.asked.N):
            return ""
        return f" Sizes are the usual ones times {have:,} / {meant:,}."

    def reproduction(
        self,
        *,
        setting: str,
        verdict: Verdict,
        because: str,
        panels: Sequence[Panel],
        tables: Sequence[Table],
        notes: Sequence[str],
        comparisons: Sequence[Comparison] = (),
    ) -> Reproduction:
        """Put what is to be said beside what the experiment is."""
        own = self.experiment
        return Reproduction(
            name=own.name,
            title=own.title,
            source=own.source,
            reference=own.reference,
            setting=setting,
            verdict=verdict,
            because=because,
            comparisons=tuple(comparisons),
            panels=tuple(panels),
            tables=tuple(tables),
            notes=tuple(notes),
            checks=tuple(dict.fromkeys(check for rows in self.sets for check in rows.checks)),
            config=self._config(),
        )

    def _config(self) -> dict[str, Any]:
        """Everything that decides the numbers."""
        first, asked = self.grid, self.asked
        rows = asked.rows()
        own: dict[str, Any] = {"seeds": first.seeds, "n": first.n, "N": first.N}
        if not self.experiment.sizes.n[1:]:
            own |= {"n": first.n[0], "N": first.N[0]}
        taken = {"noise": first.noise, "head": first.head, "alphas": asked.alphas, "pictures": asked.pictures}
        own |= {key: value for key, value in taken.items() if key in self.experiment.usual}
        for each in self.ways[1:]:
            for axis in ("n", "N"):
                if getattr(each.grid, axis) != getattr(first, axis):
                    own[f"{each.name}_{axis}"] = getattr(each.grid, axis)
        where = {} if rows is None else rows.model_dump(mode="json", exclude_none=True)
        return {"name": self.experiment.name, **where, **as_plain(own)}


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
    found = []
    for place, levels in enumerate(sets):
        name = f"{experiment.noise_name} {levels[0]:g}: " if len(sets) > 1 else ""
        tell = _part(progress or (lambda _what, _share: None), name, place, len(sets))
        one = _measured(experiment, asked, levels, permissions, tell, jobs)
        # Features of one level after the other are in memory, never those of all.
        found.append(one if len(sets) == 1 else replace(one, sets=(replace(one.rows, views={}),)))
    return replace(experiment.tell(_together(found, noise)), seconds=time.perf_counter() - start)


def asked_of(
    name: str,
    config: ReproduceConfig,
    usual: Mapping[str, Any],
    rows: Literal["needed", "embedded", "none"],
) -> ReproduceConfig:
    """Check the options that are named, and fill in all others."""
    said = [key for key in OPTIONS if getattr(config, key) not in ((), None)]
    for key in said:
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
    return config.model_copy(update={key: value for key, value in usual.items() if key not in said})


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
    rows = experiment.read(asked, levels[0], permissions, _part(progress, "", 0, 2))
    # Where rows show their noise, labels have none beyond.
    base, at = grid_of(experiment, asked, rows, (0.0,) if experiment.apart and asked.input else levels)
    pairs = dimensions(rows.data(), rows.pairs)
    known = experiment.theory and {pair: experiment.theory(rows, pair, asked.alphas) for pair in rows.pairs}
    ways = []
    for place, way in enumerate(experiment.ways):
        grid = way.grid(base, rows, pairs)
        theory = known or {}
        if not any((*grid.alphas_w, *grid.alphas_s)):
            theory = {pair: one.without_penalties() for pair, one in theory.items()}
        tell = _part(
            _part(progress, "", 1, 2), f"{way.name}: " if way.name else "", place, len(experiment.ways)
        )
        table = measure_sweep(rows.data(), grid, jobs=jobs, progress=tell)
        ways.append(MeasuredWay.of(way.name, grid, table, theory, excess=experiment.excess))
    return Measurements(experiment, asked, (rows,), (pairs,), at, tuple(ways))


def _together(found: Sequence[Measurements], noise: tuple[float, ...]) -> Measurements:
    """Join the sweeps of every level's own rows: they were measured as they are, and are told their level."""
    first = found[0]
    if len(found) == 1 and first.grid.noise == noise:
        return first
    ways = []
    for place, way in enumerate(first.ways):
        tables = [each.ways[place].table for each in found]
        told = [
            {**table, "noise": np.full(len(table["noise"]), level)}
            for table, level in zip(tables, noise, strict=True)
        ]
        grid = replace(way.grid, noise=noise)
        ways.append(MeasuredWay.of(way.name, grid, joined(told), excess=first.experiment.excess))
    return replace(
        first,
        sets=tuple(each.rows for each in found),
        dimensions=tuple(each.pairs for each in found),
        ways=tuple(ways),
    )


def _part(progress: Progress, name: str, place: int, parts: int) -> Progress:
    """Tell of one of several parts on a scale for all."""
    return lambda what, share: progress(name + what, (place + share) / parts)
