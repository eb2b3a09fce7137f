"""What the calibration benchmark measures on which rows, and where it is kept.

A seed parts the rows of a corpus at random into labelled rows, a pool and test rows (the rest), and draws a
label for each; both depend on the seed and the corpus alone, so that a forecaster can be given exactly the
labels that models were trained on. Measurements of a seed, and of a pair over all seeds, are one file each.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from features import CACHE, PLAN, corpus
from outgrow.runs import new_file


@dataclass(frozen=True)
class Partition:
    """Rows of one seed.

    Parameters
    ----------
    labelled : ndarray of int
        As many as the largest n; a smaller n takes the first.
    pool : ndarray of int
        As many as the largest N; a smaller N takes the first.
    test : ndarray of int
        All others.
    """

    labelled: Int[np.ndarray, " n"]
    pool: Int[np.ndarray, " N"]
    test: Int[np.ndarray, " t"]


def partition(name: str, seed: int) -> Partition:
    """Part the rows of a corpus.

    Parameters
    ----------
    name : str
        The corpus.
    seed : int
        0 to one less than the seeds of calibration.toml.

    Returns
    -------
    Partition
        Positions in the corpus' order.
    """
    n, N = max(PLAN[name]["labelled"]), max(PLAN[name]["pool"])
    order = np.random.default_rng([seed, 0]).permutation(len(corpus(name).ids))
    return Partition(order[:n], order[n : n + N], order[n + N :])


def labels_of(
    name: str, noise: str, seed: int, m: int
) -> tuple[Int[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    """Give the first m labelled rows of a seed with the labels that were drawn for them.

    Parameters
    ----------
    name : str
        The corpus.
    noise : str
        A noise level of the corpus.
    seed : int
        The seed.
    m : int
        How many.

    Returns
    -------
    rows : ndarray of int, shape (m,)
        Positions in the corpus' order.
    labels : ndarray, shape (m,)
        Their labels.
    """
    rows = partition(name, seed).labelled[:m]
    if len(rows) < m:
        raise ValueError(f"{name} has {len(rows)} labelled rows, not {m}")
    return rows, corpus(name).labels(noise, seed)[rows]


def load(name: str, teacher: str, student: str) -> dict[str, np.ndarray]:
    """Read what was measured of a pair.

    Parameters
    ----------
    name : str
        The corpus.
    teacher, student : str
        Feature sets.

    Returns
    -------
    dict of str to ndarray
        As listed at the top of this file.
    """
    with np.load(pair_file(name, teacher, student)) as kept:
        return dict(kept)


def pair_file(name: str, teacher: str, student: str) -> Path:
    """Say where a pair's measurements are.

    Parameters
    ----------
    name : str
        The corpus.
    teacher, student : str
        Feature sets.

    Returns
    -------
    Path
        An .npz file.
    """
    return CACHE / name / "pairs" / f"{student}--{teacher}.npz"


def part_file(name: str, seed: int) -> Path:
    """Say where the measurements of one seed are.

    Parameters
    ----------
    name : str
        The corpus.
    seed : int
        The seed.

    Returns
    -------
    Path
        An .npz file of what `measure` gives.
    """
    return CACHE / name / "seeds" / f"{seed:02d}.npz"


def plan_digest(name: str) -> str:
    """Hash a corpus' part of calibration.toml and its ids in order: of others, measurements are made again.

    Parameters
    ----------
    name : str
        The corpus.

    Returns
    -------
    str
        Hexadecimal.
    """
    said = json.dumps([PLAN[name], corpus(name).ids.tolist()], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()


def measured(name: str, seed: int) -> bool:
    """Say whether a seed has been measured by the present plan, on the present rows.

    Parameters
    ----------
    name : str
        The corpus.
    seed : int
        The seed.

    Returns
    -------
    bool
        Whether its file is there, and of this plan and these rows.
    """
    if not part_file(name, seed).exists():
        return False
    with np.load(part_file(name, seed)) as kept:
        return str(kept["plan"]) == plan_digest(name)


def save(path: Path, arrays: dict[str, Any]) -> None:
    """Write arrays in one step.

    Parameters
    ----------
    path : Path
        An .npz file.
    arrays : dict
        By name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with new_file(path) as whole, whole.open("wb") as file:
        np.savez(file, **arrays)
