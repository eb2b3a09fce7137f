"""Risks of all four models in the published synthetic world, drawn seed by seed.

Rows are drawn, added up into Gram matrices at every size asked for (a smaller size takes the first rows), and
forgotten. Every fit is a solve of a block of these; its risk on fresh points is a squared distance of
coefficients, and on its own points a quadratic form: no test rows, so nothing but training varies.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
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
    WORLDS,
    strong_columns,
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
            weak_columns(offset)
        if self.offsets[-1] > D_S:
            raise ConfigError(
                f"an offset of {self.offsets[-1]} is beyond {D_S}",
                where,
                "From there on the feature sets share nothing.",
            )

    @property
    def levels(self) -> tuple[SyntheticSettings, ...]:
        """The same at each variance of the noise alone."""
        return tuple(replace(self, noise=(sigma2,)) for sigma2 in self.noise)

    @property
    def sigma2(self) -> float:
        """The variance of the noise, where there is one."""
        (sigma2,) = self.noise
        return sigma2

    @property
    def cells(self) -> tuple[tuple[int, int], ...]:
        """Pairs (n, N) of both sweeps, each once."""
        over_n = [(n, self.N_fixed) for n in self.n]
        return tuple(dict.fromkeys(over_n + [(self.n_fixed, N) for N in self.N]))


@dataclass(frozen=True, eq=False)
class Draws:
    """Excess risks of every model, cell and seed."""

    settings: SyntheticSettings
    """Which cells and offsets."""
    risks: Float[np.ndarray, "seeds cells 2 2 offsets 4"]
    """Axes in the order of `SyntheticSettings.cells`, `PLACES`, `WORLDS`, `SyntheticSettings.offsets` and
    `MODELS`."""


class _Sums(NamedTuple):
    """Sums over the first rows: Gram matrix (300, 300), and products of coordinates and noise (300,)."""

    gram: Float[np.ndarray, "300 300"]
    noise: Float[np.ndarray, " 300"]


def draw(settings: SyntheticSettings, jobs: int | None = None, progress: Progress | None = None) -> Draws:
    """Train and score every model at every cell, seed by seed."""
    found: dict[int, Float[np.ndarray, "cells 2 2 offsets 4"]] = {}
    tasks = {seed: (settings, seed) for seed in range(settings.seeds)}
    for seed, risks in LocalEngine(1 if jobs is None else jobs).map(_one_seed, tasks):
        found[seed] = risks
        if progress is not None:
            progress(f"{len(found)} of {settings.seeds} seeds", len(found) / settings.seeds)
    return Draws(settings, np.stack([found[seed] for seed in tasks]))


def _one_seed(settings: SyntheticSettings, seed: int) -> Float[np.ndarray, "cells 2 2 offsets 4"]:
    labelled_stream, pool_stream = np.random.SeedSequence([settings.seed, seed]).spawn(2)
    labelled = _first_rows({n for n, _ in settings.cells}, labelled_stream, settings.sigma2)
    pool = _first_rows({N for _, N in settings.cells}, pool_stream, settings.sigma2)
    # The whole target, then what each pair of feature sets holds of it: columns of one solve.
    targets = np.stack(
        [target(0, "as published"), *(target(offset, "well specified") for offset in settings.offsets)],
        axis=1,
    )
    strong, offsets = strong_columns(), list(enumerate(settings.offsets))
    teachers = {
        (n, k): _fit(sums, weak_columns(offset), targets[:, [0, k + 1]])
        for n, sums in labelled.items()
        for k, offset in offsets
    }
    baselines = {n: _fit(sums, strong, targets) for n, sums in labelled.items()}
    found = np.empty((len(settings.cells), len(PLACES), len(WORLDS), len(settings.offsets), len(MODELS)))
    for cell, (n, N) in enumerate(settings.cells):
        here, there = labelled[n], pool[N]
        both = _Sums(here.gram + there.gram, here.noise + there.noise)
        ceiling = _fit(both, strong, targets)
        # Pseudo-labels of all teachers at once; the teachers' own noise is all they have.
        pseudo = np.concatenate([teachers[n, k] for k, _ in offsets], axis=1)
        students = _fit(there, strong, pseudo, noisy=False)
        for k, _ in offsets:
            columns = [0, k + 1]
            models = (
                (teachers[n, k], here.gram, n),
                (students[:, 2 * k : 2 * k + 2], there.gram, N),
                (baselines[n][:, columns], here.gram, n),
                (ceiling[:, columns], both.gram, n + N),
            )
            for model, (theta, gram, rows) in enumerate(models):
                error = theta - targets[:, columns]
                found[cell, 0, :, k, model] = np.sum(error**2, axis=0)
                found[cell, 1, :, k, model] = np.sum(error * (gram @ error), axis=0) / rows
    return found


def _first_rows(sizes: Iterable[int], stream: np.random.SeedSequence, sigma2: float) -> dict[int, _Sums]:
    """Add up the first rows, at every size."""
    # Streams of their own: the first rows are then the same whatever sizes were asked for.
    coordinates, noise = (np.random.default_rng(one) for one in stream.spawn(2))
    gram, products, rows = np.zeros((SIGNAL, SIGNAL)), np.zeros(SIGNAL), 0
    found = {}
    for size in sorted(sizes):
        x = coordinates.standard_normal((size - rows, SIGNAL))
        z = np.sqrt(sigma2) * noise.standard_normal(size - rows)
        gram, products, rows = gram + x.T @ x, products + x.T @ z, size
        found[size] = _Sums(gram, products)
    return found


def _fit(
    sums: _Sums, columns: slice, functions: Float[np.ndarray, "300 k"], *, noisy: bool = True
) -> Float[np.ndarray, "300 k"]:
    """Fit some coordinates to linear functions of all by least squares; labels have noise on top."""
    from scipy.linalg import solve

    products = sums.gram[columns] @ functions
    if noisy:
        products = products + sums.noise[columns, None]
    theta = np.zeros_like(functions)
    theta[columns] = solve(sums.gram[columns, columns], products, assume_a="pos")
    return theta
