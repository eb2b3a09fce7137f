"""What a study takes of memory, worked out from the sizes of its features before anything is formed.

The largest parts follow from shapes: rows, products by jackknife group, models. What fits and factors hold
beside them at one time is a multiple of a square of the features' width, measured with some to spare.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from outgrow.engine.threads import threads_for
from outgrow.errors import ConfigError
from outgrow.features.room import free_memory
from outgrow.geometry.null_spectrum import ROWS
from outgrow.intervals.jackknife import GROUPS
from outgrow.linalg.row_space import PIECE
from outgrow.study.sources import Progress

PROGRAM = 260_000_000
"""Bytes of the interpreter with all libraries, small arrays and the page (measured: 115 to 215 MB)."""

REDUCING = 6
"""Squares of the width while leading directions are sought: the covariance, its copy in the factorization,
vectors, LAPACK's two of workspace, and a product."""

SPANNING = 5
"""Copies of the rows while their span is sought: in float64, by column, two factors, and the directions."""

FITS = {"run": 10, "measure": 8, "forecast": 14, "sweep": 8}
"""Squares of both widths together in what is fitted, whitened and factored (measured: 3 to 6, 5, 9 and 2)."""

MODELS = 14
"""Arrays of columns by directions that saved models hold: two or three of each of six routes."""

GRID = 625
"""Penalties of two stages, for each of which every label is left out at once."""


@dataclass(frozen=True)
class SetSize:
    """The size of a feature set: columns, bytes of a value as read, and directions after it was reduced."""

    columns: int
    item: int
    kept: int
    rank: int | None = None


@dataclass(frozen=True)
class Memory:
    """Bytes that a study takes, by what takes them; `there` of them are taken when it is worked out."""

    parts: Mapping[str, int]
    there: int

    @property
    def total(self) -> int:
        """All bytes."""
        return sum(self.parts.values())

    def __str__(self) -> str:
        named = ", ".join(f"{name} {size / 1e9:.2g}" for name, size in self.parts.items() if size >= 5e6)
        return f"memory: about {self.total / 1e9:.2g} GB ({named})"

    def check(self) -> None:
        """Refuse a study that memory cannot hold."""
        free = free_memory()
        wanted = self.total - self.there
        if free is not None and wanted > free:
            raise ConfigError(
                f"{wanted / 1e9:.1f} GB more are needed, and {free / 1e9:.1f} GB are free ({self})",
                "the memory",
                "Use a lower --rank, or fewer rows than columns; fewer teachers at a time take less too.",
            )


def size_of(values: np.ndarray, fitted: int, rank: int | None) -> SetSize:
    """Foretell what `narrowed` makes of rows of which some are fitted to."""
    rows, columns = values.shape
    if rank is not None and rank < min(fitted - 1, columns):
        return SetSize(columns, values.itemsize, rank, rank)
    spanning = rows if rows <= columns else fitted
    return SetSize(columns, values.itemsize, columns if spanning > columns else spanning)


def make_room(
    study: str,
    weak: Sequence[np.ndarray],
    strong: np.ndarray,
    parts: Sequence[int],
    ranks: tuple[int | None, int | None] = (None, None),
    columns: int = 1,
    progress: Progress | None = None,
) -> Memory:
    """Tell what a study of these features takes, refuse it where that lacks, and give it its threads."""
    fitted = sum(parts)
    sizes = [size_of(values, fitted, ranks[0]) for values in weak]
    strong_size = size_of(strong, fitted, ranks[1])
    needed = memory_of(study, sizes, strong_size, len(strong), parts, columns)
    if progress is not None:
        progress(str(needed), 0.0)
    needed.check()
    threads_for(max(one.columns if one.rank else one.kept for one in (*sizes, strong_size)))
    return needed


def memory_of(
    study: str, weak: Sequence[SetSize], strong: SetSize, rows: int, parts: Sequence[int], columns: int = 1
) -> Memory:
    """Estimate what a study takes ("rows": but for fits) of rows in parts, of which the first is labelled."""
    sets = (*weak, strong)
    fitted = sum(parts)
    read = sum(rows * one.columns * one.item for one in sets)
    reduced = sum(8 * rows * one.kept for one in sets if one.kept < one.columns)
    cells = sum(min(GROUPS, part) for part in parts) if study in ("run", "measure") else 0
    pairs = sorted(one.kept * (one.kept + strong.kept) + strong.kept**2 for one in weak)
    # Of a measurement the products of one pair go when those of the next are there; of a run all stay.
    held = pairs[-2:] if study == "measure" else pairs
    both = max((one.kept + strong.kept) ** 2 for one in weak)
    products, fits = 8 * cells * sum(held), 8 * FITS.get(study, 0) * both
    labels = 8 * columns * (12 * rows + (GRID * parts[0] if study == "run" else 0))
    chunk = 2 * 8 * min(rows, 2 * PIECE) * max(one.columns if one.rank else one.kept for one in sets)
    if study in ("run", "measure"):
        # Parallel analysis holds rows three times: centred, by column and shuffled.
        chunk += 3 * 8 * min(rows, ROWS) * max(one.kept for one in sets)
    finding = max(_finding(one, fitted, rows) for one in sets)
    models = 8 * MODELS * sum(one.columns * one.kept for one in sets) // 2 if study == "run" else 0
    if study == "forecast":
        # Every teacher's forecast keeps its own.
        fits += 8 * 3 * sum(one.kept * strong.kept for one in weak)
    later = {"products": products, "fits": fits + chunk, "models": models, "labels": labels}
    whole = {"reduction": finding + chunk} if finding + chunk > sum(later.values()) else later
    taken = {"program": PROGRAM, "rows": read + reduced, **whole}
    return Memory(taken, PROGRAM + read)


def memory_of_sweep(
    read: Mapping[str, int],
    columns: Mapping[str, int],
    kept: Mapping[str, int],
    pairs: Sequence[tuple[str, str]],
    blocks: int,
    workers: int,
) -> dict[str, int]:
    """Estimate what a sweep takes whose rows were read: blocks, and what it fits and measures of pairs."""
    reducing = max(8 * REDUCING * columns[name] ** 2 if kept[name] < columns[name] else 0 for name in columns)
    both = max((kept[weak] + kept[strong]) ** 2 for weak, strong in pairs)
    # Dimensions come when the blocks are gone.
    dimensions = max(8 * GROUPS * (kept[w] * (kept[w] + kept[s]) + kept[s] ** 2) for w, s in pairs)
    fits = 8 * FITS["sweep"] * both
    taken = {
        "blocks": max(blocks, dimensions, reducing),
        "fits": fits + read.get("fits", 0),
    }  # none where reducing takes more
    return {**read, **taken, "workers": (workers - 1) * (PROGRAM + fits)}


def _finding(one: SetSize, fitted: int, rows: int) -> int:
    if one.kept == one.columns:
        return 0
    if one.rank is not None and fitted > one.columns:
        return 8 * REDUCING * one.columns**2
    return 8 * SPANNING * min(rows, one.columns) * one.columns
