"""What published figures say of PGR and OPR in kind, asked of numbers measured elsewhere.

Does PGR fall from teacher to teacher as the student shares more of what they vary in? And does the ratio of
baseline and student rise with label noise? Few teachers prove little: how little is said beside each answer.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Shaped
from scipy.stats import rankdata

from outgrow.reproductions.reproduction import Table
from outgrow.results import Estimate
from outgrow.sweeps.grid import SweepGrid
from outgrow.sweeps.summary import Tuned, mean_and_ends
from outgrow.sweeps.sweep_outcome import PairDimensions

FEWEST = 4
"""Teachers whose order can say something: the 24 orders of four let chance be told at .05."""

ENUMERATED = 7
"""Teachers whose orders, 5,040, are all looked at; beyond, as many are drawn."""


def rank_correlation(x: Shaped[np.ndarray, " k"], y: Shaped[np.ndarray, " k"]) -> float:
    """Give Spearman's rank correlation.

    NaN where all values of one are equal.
    """
    a, b = rankdata(x), rankdata(y)
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(round(a @ b / scale, 12)) if scale else float("nan")


def chance_of(x: Shaped[np.ndarray, " k"], y: Shaped[np.ndarray, " k"]) -> float:
    """Give the share of orders whose rank correlation is as low or lower."""
    own = rank_correlation(x, y)
    count = len(x)
    if count <= ENUMERATED:
        orders: Any = itertools.permutations(range(count))
    else:
        rng = np.random.default_rng(0)
        orders = (rng.permutation(count) for _ in range(5_040))
    found = [rank_correlation(x, y[list(order)]) <= own for order in orders]
    return float(np.mean(found))


def in_kind(
    tuned: Tuned, grid: SweepGrid, pairs: Sequence[PairDimensions], at: tuple[int, int], noise_name: str
) -> tuple[Table, str]:
    """Ask of measured risks what published figures say, with what the answers rest on.

    Returns one row per question, "in_kind"; the answers, in a sentence without its full stop.
    """
    i, j = grid.n.index(at[0]), grid.N.index(at[1])
    where = f"n = {at[0]:,}, N = {at[1]:,}"
    rows: list[dict[str, Any]] = []
    said = []
    sharing = [(pair, pair.d_sw.value / pair.d_w) for pair in pairs if isinstance(pair.d_sw, Estimate)]
    known, shares = [pair for pair, _ in sharing], np.array([share for _, share in sharing])
    for level, noise in enumerate(grid.noise):
        gained = np.array([_pgr(tuned, pair, level, i, j) for pair in known])
        row: dict[str, Any] = {
            "asked": "rank correlation of PGR with d_sw/d_w over teachers",
            "at": f"{noise_name} {noise:g}, {where}",
            "value": None, "low": None, "high": None, "chance": None, "teachers": len(known), "reason": "",
        }  # fmt: skip
        if len(known) < FEWEST:
            row["reason"] = f"fewer than {FEWEST} teachers say nothing of an order"
        else:
            per_seed = np.array([_without(tuned, known, shares, level, i, j, s) for s in range(grid.seeds)])
            row["value"] = rank_correlation(shares, gained)
            row["low"], row["high"] = float(per_seed.min()), float(per_seed.max())
            row["chance"] = chance_of(shares, gained)
        rows.append(row)
    first = rows[0]
    if first["value"] is None:
        teachers = "1 teacher is" if len(known) == 1 else f"{len(known)} teachers are"
        said.append(f"{teachers} too few to ask whether PGR falls where d_sw/d_w rises")
    else:
        said.append(
            f"over {len(known)} teachers the rank correlation of PGR with d_sw/d_w is {first['value']:.2f}"
            f" ({first['low']:.2f} to {first['high']:.2f} with any one trial left out; of all orders,"
            f" {first['chance']:.1%} have it as low)"
        )
    low, high = 0, len(grid.noise) - 1
    rising = []
    for pair in pairs if high else ():
        risks = {model: tuned.of(model, pair.weak, pair.strong)[:, i, j] for model in ("baseline", "student")}
        ratio = risks["baseline"] / risks["student"]
        value, start, end, _ = mean_and_ends((ratio[high] - ratio[low])[None, None, None])
        rows.append(
            {
                "asked": f"ratio of errors at {noise_name} {grid.noise[high]:g} less at {grid.noise[low]:g}",
                "at": f"{pair.weak}, {where}", "value": float(value.item()), "low": float(start.item()),
                "high": float(end.item()), "chance": None, "teachers": 1, "reason": "",
            }
        )  # fmt: skip
        rising.append(start.item() > 0)
    if rising:
        said.append(
            f"with {grid.noise[high]:.0%} of labels swapped the ratio of errors is higher than with"
            f" {grid.noise[low]:.0%}, beyond sampling error, for {sum(rising)} of {len(rising)} teachers"
        )
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    return (
        Table(
            "in_kind",
            "What the published figures say, asked of ours",
            columns,
            "Of rank correlations, low and high are the least and largest with any one trial left out, and"
            " chance is the share of all orders of the teachers with a value as low: what few teachers can"
            " show. Of differences, means of trials with an interval at level .90.",
        ),
        "; ".join(said),
    )


def _pgr(
    tuned: Tuned,
    pair: PairDimensions,
    level: int,
    i: int,
    j: int,
    keep: Bool[np.ndarray, " _"] | None = None,
) -> float:
    """Give PGR of mean risks, of all trials or some; teachers that a ceiling does not beat come last."""
    found = [
        tuned.of(model, pair.weak, pair.strong)[level, i, j] for model in ("teacher", "student", "ceiling")
    ]
    teacher, student, ceiling = (
        float(risks.mean() if keep is None else risks[keep].mean()) for risks in found
    )
    return (teacher - student) / (teacher - ceiling) if teacher > ceiling else -np.inf


def _without(
    tuned: Tuned,
    known: Sequence[PairDimensions],
    shares: Float[np.ndarray, " k"],
    level: int,
    i: int,
    j: int,
    seed: int,
) -> float:
    trials = tuned.of("student", known[0].weak, known[0].strong).shape[-1]
    keep = np.arange(trials) != seed
    return rank_correlation(shares, np.array([_pgr(tuned, pair, level, i, j, keep) for pair in known]))
