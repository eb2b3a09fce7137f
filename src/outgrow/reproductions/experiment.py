"""A published experiment as a value: rows, grid, ways of training, and the report of its measurements."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from outgrow.config import ReproduceConfig
from outgrow.reproductions.at_hand import AtHand
from outgrow.reproductions.pair_theory import Pair, PairTheory
from outgrow.reproductions.reproduction import MODELS, Reproduction
from outgrow.results import as_plain
from outgrow.study.sources import Permissions, Progress
from outgrow.sweeps.grid import SweepGrid
from outgrow.sweeps.summary import Tuned, cells_of
from outgrow.sweeps.sweep_outcome import PairDimensions
from outgrow.sweeps.table import SweepTable

HEADS = {"squared": "squared loss on one-hot classes", "logistic": "logistic heads, cross-entropy"}
"""What heads of classes are called."""


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
    source: str
    """Who published it, and where."""
    read: Callable[[ReproduceConfig, float, Permissions, Progress], AtHand]
    """Reads the rows, at a level of noise where each has its own."""
    sizes: Sizes
    """Rows of every kind."""
    alphas: tuple[float, ...]
    """Penalties tried by default, in mean variances per column."""
    tell: Callable[[Measurements], Reproduction]
    """Holds what was measured against what is printed."""
    seeds: int = 10
    """Trials by default."""
    noise: tuple[float, ...] = ()
    """Levels of noise by default; empty where none may be asked for."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """Other options that it takes, with their defaults."""
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
    theory: Callable[[AtHand, Pair, Sequence[float]], PairTheory] | None = None
    """What is known of a pair's risks beforehand."""
    reference: str = "Published"
    """What ours is held against."""

    @property
    def usual(self) -> dict[str, Any]:
        """The options it takes, with their defaults."""
        levels = {"noise": self.noise} if self.noise else {}
        return {"seeds": self.seeds, "n": (), "N": (), **levels, "alphas": self.alphas, **self.more}


@dataclass(frozen=True, eq=False)
class MeasuredWay:
    """A sweep by one way."""

    name: str
    grid: SweepGrid
    table: SweepTable
    cells: dict[str, np.ndarray]
    """Means of seeds, PGR and OPR, with intervals."""
    tuned: Tuned
    """Risks by seed, penalties chosen."""
    theory: Mapping[Pair, PairTheory]

    @classmethod
    def of(
        cls,
        name: str,
        grid: SweepGrid,
        table: SweepTable,
        theory: Mapping[Pair, PairTheory] | None = None,
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
    asked: ReproduceConfig
    """Its options, defaults filled in."""
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

    def about(self) -> dict[str, Any]:
        """Give what a reproduction says of the experiment itself."""
        experiment = self.experiment
        return {
            "name": experiment.name, "title": experiment.title, "source": experiment.source,
            "reference": experiment.reference,
            "checks": tuple(dict.fromkeys(check for rows in self.sets for check in rows.checks)),
            "config": self._config(),
        }  # fmt: skip

    def _config(self) -> dict[str, Any]:
        """Everything that decides the numbers."""
        first, asked = self.grid, self.asked
        rows = asked.rows()
        options: dict[str, Any] = {"seeds": first.seeds, "n": first.n, "N": first.N}
        if not self.experiment.sizes.n[1:]:
            options |= {"n": first.n[0], "N": first.N[0]}
        taken = {"noise": first.noise, "head": first.head, "alphas": asked.alphas, "pictures": asked.pictures}
        options |= {key: value for key, value in taken.items() if key in self.experiment.usual}
        for each in self.ways[1:]:
            for axis in ("n", "N"):
                if getattr(each.grid, axis) != getattr(first, axis):
                    options[f"{each.name}_{axis}"] = getattr(each.grid, axis)
        where = {} if rows is None else rows.model_dump(mode="json", exclude_none=True)
        return {"name": self.experiment.name, **where, **as_plain(options)}
