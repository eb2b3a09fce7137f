"""Means over seeds with paired intervals, for every pair and cell of a sweep.

All models of a seed saw the same rows and labels, so differences and ratios are taken seed by seed. With
several penalties, every model of every seed takes the one that was best on the mean of the *other* seeds: the
choice has not seen the draws that it is judged on (it has seen the test rows, which all seeds share).
Intervals are of draws of rows and labels, for these rows and this test.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from outgrow.errors import CHECKS, ConfigError
from outgrow.intervals.fieller import fieller
from outgrow.intervals.jackknife import t_quantile
from outgrow.sweeps.grid import SweepGrid
from outgrow.sweeps.table import AXES, SweepTable, axes_of, keys_of

MODELS = ("teacher", "student", "baseline", "ceiling", "joint")
"""In the order of reports."""

NOTHING: Mapping[str, Any] = {
    "quantity": object, "weak": object, "strong": object, "n": np.int64, "N": np.int64, "noise": np.float64,
    "alpha_w": np.float64, "alpha_s": np.float64, "value": np.float64, "low": np.float64, "high": np.float64,
    "seeds": np.int64, "reason": object,
}  # fmt: skip
"""Columns of the cells and their types."""


Ends = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Value, lower and upper end, and the reason where there is no value; each (levels, n, N)."""


def arrays_of(
    table: SweepTable, grid: SweepGrid, quantity: str = "risk"
) -> dict[tuple[str, ...], Float[np.ndarray, "*axes"]]:
    """Give a sweep's table as one array per model."""
    values = axes_of(grid) | {"seed": tuple(range(grid.seeds))}
    # A place on each axis once for the whole table; -1 where the axis is not the row's.
    places = {}
    for axis, known in values.items():
        order = np.argsort(known)
        index = np.searchsorted(np.asarray(known)[order], table[axis])
        places[axis] = order[np.minimum(index, len(known) - 1)]
    out = {}
    for key in keys_of(grid):
        model = key[0]
        rows = table["model"] == model
        if model in ("teacher", "student", "joint"):
            rows &= table["weak"] == key[1]
        if model != "teacher":
            rows &= table["strong"] == key[-1]
        axes = (*AXES[model], "seed")
        array = np.full([len(values[axis]) for axis in axes], np.nan)
        array[tuple(places[axis][rows] for axis in axes)] = table[quantity][rows]
        out[key] = array
    return out


def over_others(risks: Float[np.ndarray, "*axes seeds"]) -> Float[np.ndarray, "*axes seeds"]:
    """Sum over the other seeds, for every seed."""
    return np.asarray(risks.sum(axis=-1, keepdims=True) - risks)


def chosen(
    risks: Float[np.ndarray, "cells choices seeds"], values: Float[np.ndarray, "cells choices seeds"]
) -> Float[np.ndarray, "cells seeds"]:
    """Take, for every seed, the choice of least mean risk on the other seeds."""
    best = over_others(risks).argmin(axis=1)
    return np.take_along_axis(values, best[:, None], axis=1)[:, 0]


class Tuned:
    """Values of every model by cell and seed, penalties chosen."""

    def __init__(self, table: SweepTable, grid: SweepGrid, quantity: str = "risk") -> None:
        check_seeds(grid)
        self._grid = grid
        risks = arrays_of(table, grid)
        values = risks if quantity == "risk" else arrays_of(table, grid, quantity)
        self._values = {}
        for key, risk in risks.items():
            wide = "N" in AXES[key[0]]
            cells = risk.shape[: 3 if wide else 2]
            flat = (int(np.prod(cells)), -1, grid.seeds)
            best = chosen(risk.reshape(flat), values[key].reshape(flat)).reshape(*cells, grid.seeds)
            self._values[key] = best if wide else best[:, :, None]

    def of(self, model: str, weak: str, strong: str) -> Float[np.ndarray, "l i j seeds"]:
        """Give one model of a pair."""
        key = {"teacher": (model, weak), "student": (model, weak, strong), "joint": (model, weak, strong)}
        values = self._values[key.get(model, (model, strong))]
        shape = (len(self._grid.noise), len(self._grid.n), len(self._grid.N), self._grid.seeds)
        return np.broadcast_to(values, shape)


def is_tuned(grid: SweepGrid) -> bool:
    """Say whether penalties are chosen among."""
    return len(grid.alphas_w) > 1 or len(grid.alphas_s) > 1


def check_seeds(grid: SweepGrid) -> None:
    """Refuse to choose penalties on the other seeds where there are none."""
    if grid.seeds < 2 and is_tuned(grid):
        raise ConfigError(
            "with a single seed there are no others to choose penalties on",
            "--seeds",
            "Ask for 2 at least, or for one penalty.",
        )


def cells_of(table: SweepTable, grid: SweepGrid, *, excess: bool) -> dict[str, np.ndarray]:
    """Summarise every pair and cell over seeds."""
    tuned = Tuned(table, grid)
    right = Tuned(table, grid, "accuracy") if np.isfinite(table["accuracy"]).any() else None
    models = [model for model in MODELS if model != "joint" or grid.joint]
    ready = {}
    for pair in grid.pairs:
        by_model = {model: tuned.of(model, *pair) for model in models}
        student = by_model["student"]
        values = by_model | {
            f"student_less_{one}": student - by_model[one] for one in ("teacher", "baseline")
        }
        estimates = {quantity: mean_and_ends(risks) for quantity, risks in values.items()}
        estimates |= ratios(by_model, excess)
        if right is not None:
            estimates |= {f"accuracy_of_{model}": mean_and_ends(right.of(model, *pair)) for model in models}
        ready[pair] = estimates
    return laid_out(ready, grid)


def laid_out(
    estimates: Mapping[tuple[str, str], Mapping[str, Ends]], grid: SweepGrid
) -> dict[str, np.ndarray]:
    """Make every quantity of every pair and cell a row."""
    rows: list[tuple[Any, ...]] = []
    for pair, quantities in estimates.items():
        for quantity, ends in quantities.items():
            for l, i, j in np.ndindex(ends[0].shape):
                place = (quantity, *pair, grid.n[i], grid.N[j], grid.noise[l], *_penalties(grid))
                value, low, high, reason = (end[l, i, j] for end in ends)
                rows.append((*place, value, low, high, grid.seeds, reason))
    columns = zip(NOTHING.items(), zip(*rows, strict=True), strict=True)
    return {name: np.array(values, dtype=kind) for (name, kind), values in columns}


def _penalties(grid: SweepGrid) -> tuple[float, float]:
    return (np.nan, np.nan) if is_tuned(grid) else (grid.alphas_w[0], grid.alphas_s[0])


def mean_and_ends(values: Float[np.ndarray, "*cells seeds"]) -> Ends:
    """Give means over seeds with t intervals."""
    seeds = values.shape[-1]
    mean = np.asarray(values.mean(axis=-1))
    reason = np.full(mean.shape, "", dtype=object)
    if seeds < 2:
        empty = np.full(mean.shape, np.nan)
        return mean, empty, empty, reason
    width = t_quantile(seeds - 1) * values.std(axis=-1, ddof=1) / np.sqrt(seeds)
    # Arrays of one cell, too: NumPy makes numbers of those without dimensions.
    return mean, np.asarray(mean - width), np.asarray(mean + width), reason


def ratios(risks: Mapping[str, Float[np.ndarray, "l i j seeds"]], excess: bool) -> dict[str, Ends]:
    """Give PGR and OPR of mean risks, with Fieller's intervals over seeds."""
    teacher, student = risks["teacher"], risks["student"]
    gap = f"{CHECKS['OG205'].title} (OG205), or not by more than chance over these seeds"
    over = "the student's risk is not resolved from zero over these seeds"
    return {
        "pgr": _ratio(teacher - student, teacher - risks["ceiling"], gap),
        "opr" if excess else "opr_raw_mse": _ratio(risks["baseline"], student, over),
    }


def ratio_and_ends(
    over: Float[np.ndarray, "*cells seeds"], under: Float[np.ndarray, "*cells seeds"]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Divide means over seeds, with Fieller's intervals.

    NaN where the denominator is not above zero; no ends where it is not resolved from it, or of one seed.
    """
    seeds = over.shape[-1]
    up, down = over.mean(axis=-1), under.mean(axis=-1)
    value, low, high = (np.full(up.shape, np.nan) for _ in range(3))
    for cell in np.ndindex(down.shape):
        if not down[cell] > 0:
            continue
        value[cell] = up[cell] / down[cell]
        if seeds > 1:
            reach = t_quantile(seeds - 1) ** 2 * np.cov(over[cell], under[cell]) / seeds
            low[cell], high[cell] = fieller(up[cell], down[cell], reach) or (np.nan, np.nan)
    return value, low, high


def _ratio(over: np.ndarray, under: np.ndarray, reason: str) -> Ends:
    value, low, high = ratio_and_ends(over, under)
    # What the seeds do not resolve is no ratio; a single seed resolves nothing: its ratio stands as it is.
    missing = np.isnan(value) | (np.isnan(low) & (over.shape[-1] > 1))
    return np.where(missing, np.nan, value), low, high, np.where(missing, reason, "").astype(object)
