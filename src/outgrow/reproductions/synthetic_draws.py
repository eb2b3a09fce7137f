"""Risks of all four models in the published synthetic world, drawn seed by seed.

Rows are drawn, added up into Gram matrices at every size asked for (a smaller size takes the first rows), and
forgotten. Every fit is a solve of a block of these; its risk on fresh points is a squared distance of
coefficients, and on its own points a quadratic form: no test rows, so nothing but training varies. Levels of
noise are columns of the same solves.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from outgrow.engine import LocalEngine
from outgrow.errors import ConfigError
from outgrow.reproductions.reproduction import MODELS
from outgrow.reproductions.synthetic_world import (
    D_S,
    D_W,
    SIGMA2,
    SIGNAL,
    STRONG,
    WORLDS,
    target,
    weak_columns,
)
from outgrow.study.sources import Progress
from outgrow.theory.design import Design

PLACES: tuple[Design, ...] = ("fresh", "own_points")
"""Where risks are taken: on fresh points, or as published each on the points it was trained on."""

SIZES = tuple(400 + 3600 * step // 19 for step in range(20))
"""n, and N, of the published curves: twenty from 400 to 4,000."""

SPARE = 3
"""Rows beyond the dimensions that a fit needs more than: up to here the risk's variance over draws is
infinite, and no number of seeds gives an interval."""


@dataclass(frozen=True)
class SyntheticSettings:
    """Sizes and seeds of the synthetic experiment; by default those of the authors' public code."""

    seeds: int = 40
    """Draws of labelled rows, pool and noise, at least 2."""
    n: tuple[int, ...] = SIZES
    """Labelled rows of the sweep over n, increasing."""
    N: tuple[int, ...] = SIZES
    """Unlabelled rows of the sweep over N, increasing."""
    n_fixed: int = 2000
    """The other size of each sweep."""
    N_fixed: int = 4000
    """The other size of each sweep."""
    noise: tuple[float, ...] = (SIGMA2,)
    """Variances of the label noise."""
    offsets: tuple[int, ...] = (10, 50, 90)
    """Coordinates before the first weak feature, one line of the figure each: d_sw is 100 less this."""
    seed: int = 0
    """Root of all draws."""

    def __post_init__(self) -> None:
        where = "reproduce synthetic"
        if self.seeds < 2:
            raise ConfigError(f"{self.seeds} seeds give no interval", where, "Take at least 2.")
        for name in ("n", "N", "offsets"):
            axis = getattr(self, name)
            if not axis or any(a >= b for a, b in pairwise(axis)):
                raise ConfigError(f"{name} must be increasing and not empty, not {list(axis)}", where)
        for name, sizes, d in (("n", (*self.n, self.n_fixed), D_W), ("N", (*self.N, self.N_fixed), D_S)):
            if min(sizes) <= d + SPARE:
                raise ConfigError(
                    f"{name} of {min(sizes)} is too few rows for {d} features",
                    where,
                    f"Give at least {d + SPARE + 1}: below, the risk varies without bound.",
                )
        if not self.noise or min(self.noise) <= 0 or len(set(self.noise)) < len(self.noise):
            raise ConfigError(
                f"noise of variances {list(self.noise)}", where, "Name variances above 0, each once."
            )
        for offset in self.offsets:
            if not 0 <= offset <= SIGNAL - D_W:
                raise ConfigError(
                    f"an offset of {offset} is not between 0 and {SIGNAL - D_W}",
                    where,
                    f"The {D_W} weak features lie within the target's {SIGNAL} coordinates.",
                )

    @property
    def cells(self) -> tuple[tuple[int, int], ...]:
        """Pairs (n, N) of both sweeps, each once."""
        over_n = [(n, self.N_fixed) for n in self.n]
        return tuple(dict.fromkeys(over_n + [(self.n_fixed, N) for N in self.N]))


Risks = Float[np.ndarray, "levels cells 2 2 offsets 4"]
"""Excess risks of one seed: axes are noise, `SyntheticSettings.cells`, `PLACES`, `WORLDS`, offsets and
`MODELS`."""


@dataclass(frozen=True, eq=False)
class Draws:
    """Every drawn risk."""

    settings: SyntheticSettings
    risks: Float[np.ndarray, "levels cells 2 2 offsets 4 seeds"]
    """Those of every seed, last."""


class _Sums(NamedTuple):
    """Sums over the first rows: Gram matrix, and products of coordinates and noise of every level."""

    gram: Float[np.ndarray, "300 300"]
    noise: Float[np.ndarray, "300 levels"]


def draw(settings: SyntheticSettings, jobs: int | None = None, progress: Progress | None = None) -> Draws:
    """Train and score every model at every cell, seed by seed."""
    by_seed: dict[int, Risks] = {}
    tasks = {seed: (settings, seed) for seed in range(settings.seeds)}
    for seed, risks in LocalEngine(1 if jobs is None else jobs).map(_one_seed, tasks):
        by_seed[seed] = risks
        if progress is not None:
            progress(f"{len(by_seed)} of {settings.seeds} seeds", len(by_seed) / settings.seeds)
    return Draws(settings, np.stack([by_seed[seed] for seed in tasks], axis=-1))


def _one_seed(settings: SyntheticSettings, seed: int) -> Risks:
    labelled_stream, pool_stream = np.random.SeedSequence([settings.seed, seed]).spawn(2)
    labelled = _first_rows({n for n, _ in settings.cells}, labelled_stream, settings.noise)
    pool = _first_rows({N for _, N in settings.cells}, pool_stream, settings.noise)
    # The whole target, then what each pair of feature sets holds of it: columns of one solve.
    functions = [
        target(0, "as published"),
        *(target(offset, "well specified") for offset in settings.offsets),
    ]
    targets = np.repeat(np.stack(functions, axis=1)[:, :, None], len(settings.noise), axis=2)
    worlds = [[0, k + 1] for k in range(len(settings.offsets))]
    teachers = {
        n: [
            _fit(sums, weak_columns(offset), targets[:, world])
            for offset, world in zip(settings.offsets, worlds, strict=True)
        ]
        for n, sums in labelled.items()
    }
    baselines = {n: _fit(sums, STRONG, targets) for n, sums in labelled.items()}
    axes = (settings.noise, settings.cells, PLACES, WORLDS, settings.offsets, MODELS)
    risks = np.empty([len(axis) for axis in axes])
    for cell, (n, N) in enumerate(settings.cells):
        here, there = labelled[n], pool[N]
        both = _Sums(here.gram + there.gram, here.noise + there.noise)
        ceiling = _fit(both, STRONG, targets)
        # Pseudo-labels of all teachers at once; the teachers' own noise is all they have.
        students = _fit(there, STRONG, np.concatenate(teachers[n], axis=1), noisy=False)
        for k, world in enumerate(worlds):
            models = (
                (teachers[n][k], here.gram, n),
                (students[:, 2 * k : 2 * k + 2], there.gram, N),
                (baselines[n][:, world], here.gram, n),
                (ceiling[:, world], both.gram, n + N),
            )
            for model, (theta, gram, rows) in enumerate(models):
                error = theta - targets[:, world]
                risks[:, cell, 0, :, k, model] = np.sum(error**2, axis=0).T
                seen = np.tensordot(gram, error, axes=1)
                risks[:, cell, 1, :, k, model] = np.sum(error * seen, axis=0).T / rows
    return risks


def _first_rows(
    sizes: Iterable[int], stream: np.random.SeedSequence, noise: tuple[float, ...]
) -> dict[int, _Sums]:
    """Add up the first rows, at every size."""
    # Streams of their own: the first rows are then the same whatever sizes were asked for.
    coordinates, errors = (np.random.default_rng(one) for one in stream.spawn(2))
    gram, products, rows = np.zeros((SIGNAL, SIGNAL)), np.zeros((SIGNAL, len(noise))), 0
    sums = {}
    for size in sorted(sizes):
        x = coordinates.standard_normal((size - rows, SIGNAL))
        z = errors.standard_normal(size - rows)[:, None] * np.sqrt(noise)
        gram, products, rows = gram + x.T @ x, products + x.T @ z, size
        sums[size] = _Sums(gram, products)
    return sums


def _fit(
    sums: _Sums, columns: slice, functions: Float[np.ndarray, "300 k levels"], *, noisy: bool = True
) -> Float[np.ndarray, "300 k levels"]:
    """Fit some coordinates to linear functions of all by least squares; labels have noise on top."""
    from scipy.linalg import solve

    products = np.tensordot(sums.gram[columns], functions, axes=1)
    if noisy:
        products = products + sums.noise[columns, None]
    theta = np.zeros_like(functions)
    flat = solve(sums.gram[columns, columns], products.reshape(len(products), -1), assume_a="pos")
    theta[columns] = flat.reshape(products.shape)
    return theta
