"""The tidy table of a sweep: one row per model, cell and seed; every seed is kept.

Columns: model ("teacher", "student", "baseline", "ceiling", "joint"), weak, strong, n, N, noise, alpha_w,
alpha_s, seed, risk, accuracy, solver ("moments" or "rows"), condition. What does not apply to a model (the N
of a teacher) is missing: "" for names, -1 for whole numbers, NaN for others; files hold nulls there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Bool, Float

from outgrow.sweeps.grid import SweepGrid

SweepTable: TypeAlias = Mapping[str, np.ndarray]
"""Columns by name, of equal lengths."""

KINDS: Mapping[str, Any] = {
    "model": object, "weak": object, "strong": object, "n": np.int64, "N": np.int64, "noise": np.float64,
    "alpha_w": np.float64, "alpha_s": np.float64, "seed": np.int64, "risk": np.float64,
    "accuracy": np.float64, "solver": object, "condition": np.float64,
}  # fmt: skip
"""Columns, in order, and their types."""

AXES: Mapping[str, tuple[str, ...]] = {
    "teacher": ("noise", "n", "alpha_w"),
    "baseline": ("noise", "n", "alpha_s"),
    "ceiling": ("noise", "n", "N", "alpha_s"),
    "student": ("noise", "n", "N", "alpha_w", "alpha_s"),
    "joint": ("noise", "n", "N", "alpha_w", "alpha_s"),
}
"""Axes of each model's risks, in order."""


Key: TypeAlias = tuple[str, ...]
"""("teacher", weak), ("baseline", strong), ("ceiling", strong), ("student", weak, strong) or
("joint", weak, strong)."""


def keys_of(grid: SweepGrid) -> list[Key]:
    """List the models of a grid."""
    keys: list[Key] = [("teacher", weak) for weak in grid.teachers]
    for strong in grid.students:
        keys += [("baseline", strong), ("ceiling", strong)]
    for model in ("student", "joint") if grid.joint else ("student",):
        keys += [(model, weak, strong) for weak, strong in grid.pairs]
    return keys


def axes_of(grid: SweepGrid) -> dict[str, tuple[float, ...]]:
    """Give the values on every axis."""
    return {
        "noise": grid.noise, "n": grid.n, "N": grid.N, "alpha_w": grid.alphas_w, "alpha_s": grid.alphas_s,
    }  # fmt: skip


@dataclass(frozen=True, eq=False)
class Measured:
    """Risks of one model over the grid, of one seed, filled in as they are measured; axes are `AXES`."""

    risk: Float[np.ndarray, "*grid"]
    accuracy: Float[np.ndarray, "*grid"]
    """NaN for a regression."""
    from_rows: Bool[np.ndarray, "*grid"]
    """Whether sums did not suffice."""
    condition: Float[np.ndarray, "*grid"]
    """Condition of what was factored."""

    @classmethod
    def of(cls, model: str, grid: SweepGrid) -> Measured:
        """Make room."""
        values = axes_of(grid)
        shape = [len(values[axis]) for axis in AXES[model]]
        empty = (np.full(shape, np.nan) for _ in range(3))
        return cls(next(empty), next(empty), np.ones(shape, dtype=bool), next(empty))


def part_table(scores: Mapping[Key, Measured], grid: SweepGrid, seed: int) -> SweepTable:
    """Lay measurements of one seed out as rows."""
    values = axes_of(grid)
    parts = []
    for key, one in scores.items():
        model, size = key[0], one.risk.size
        axes = AXES[model]
        part: dict[str, Any] = {name: np.full(size, _missing(kind), kind) for name, kind in KINDS.items()}
        part["model"][:] = model
        part["weak"][:] = key[1] if model in ("teacher", "student", "joint") else ""
        part["strong"][:] = "" if model == "teacher" else key[-1]
        part["seed"][:] = seed
        grids = np.meshgrid(*[np.asarray(values[axis]) for axis in axes], indexing="ij")
        for axis, place in zip(axes, grids, strict=True):
            part[axis][:] = place.ravel()
        part["risk"][:] = one.risk.ravel()
        part["accuracy"][:] = one.accuracy.ravel()
        part["solver"][:] = np.where(one.from_rows.ravel(), "rows", "moments")
        part["condition"][:] = one.condition.ravel()
        parts.append(part)
    return joined(parts)


def joined(parts: Sequence[SweepTable]) -> SweepTable:
    """Put tables one below the other.

    All their rows; none where there are no tables.
    """
    return {
        name: np.concatenate([part[name] for part in parts]) if parts else np.zeros(0, kind)
        for name, kind in KINDS.items()
    }


def as_columns(table: SweepTable) -> dict[str, Any]:
    """Give a table as columns for a file, with nulls for what is missing."""
    import pyarrow as pa

    out = {}
    for name, values in table.items():
        if values.dtype == object:
            out[name] = pa.array([value or None for value in values.tolist()], pa.string())
        elif values.dtype.kind == "i":
            out[name] = pa.array(values, mask=values < 0)
        else:
            out[name] = pa.array(values, mask=np.isnan(values))
    return out


def read_table(path: Path) -> SweepTable:
    """Read a table that was written with `as_columns`."""
    import pyarrow.parquet as pq

    stored = pq.read_table(path, columns=list(KINDS), page_checksum_verification=True)
    out: dict[str, np.ndarray] = {}
    for name, kind in KINDS.items():
        column = stored.column(name)
        missing = _missing(kind)
        values = column.fill_null(missing).to_numpy(zero_copy_only=False)
        out[name] = np.asarray(values, dtype=kind)
    return out


def _missing(kind: Any) -> Any:
    return "" if kind is object else (-1 if kind is np.int64 else np.nan)
