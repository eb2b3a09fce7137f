"""What published figures say of PGR and OPR in kind, asked of numbers measured elsewhere.

Does PGR fall from teacher to teacher as the student shares more of what they vary in? And does the ratio of
baseline and student rise with label noise? Few teachers prove little: how little stands beside each answer.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped
from scipy.stats import rankdata

from outgrow.reproductions.experiment import MeasuredWay
from outgrow.reproductions.reproduction import Table, columns_of
from outgrow.results import Estimate
from outgrow.sweeps.summary import mean_and_ends
from outgrow.sweeps.sweep_outcome import PairDimensions

FEWEST = 4
"""Fewest teachers whose order can be tested at .05: four have 24 orders."""

ENUMERATED = 7
"""Teachers whose orders, 5,040, are all looked at; beyond, as many are drawn."""


def rank_correlation(x: Shaped[np.ndarray, " k"], y: Shaped[np.ndarray, " k"]) -> float:
    """Give Spearman's rank correlation; NaN where all values of one are equal."""
    with np.errstate(invalid="ignore"):
        return float(np.corrcoef(rankdata(x), rankdata(y))[0, 1].round(12))


def chance_of(x: Shaped[np.ndarray, " k"], y: Shaped[np.ndarray, " k"]) -> float:
    """Give the share of orders whose rank correlation is as low or lower."""
    rng, count = np.random.default_rng(0), len(x)
    every = itertools.permutations(range(count))
    orders = every if count <= ENUMERATED else (rng.permutation(count) for _ in range(5_040))
    value = rank_correlation(x, y)
    return float(np.mean([rank_correlation(x, y[list(order)]) <= value for order in orders]))


def in_kind(
    way: MeasuredWay, pairs: Sequence[PairDimensions], at: tuple[int, int], noise_name: str
) -> tuple[Table, str]:
    """Ask of measured risks what published figures say, with what the answers rest on.

    Returns one row per question, "in_kind"; the answers, in a sentence without its full stop.
    """
    where, levels = f"n = {at[0]:,}, N = {at[1]:,}", way.grid.noise
    known = [pair for pair in pairs if isinstance(pair.d_sw, Estimate)]
    orders = [
        {"asked": "rank correlation of PGR with d_sw/d_w over teachers",
         "at": f"{noise_name} {noise:g}, {where}", **_order(way, known, way.place(noise, at))}
        for noise in levels
    ]  # fmt: skip
    rising = [
        {"asked": f"ratio of errors at {noise_name} {levels[-1]:g} less at {levels[0]:g}",
         "at": f"{pair.weak}, {where}", **_rise(way, pair, at)}
        for pair in (pairs if len(levels) > 1 else ())
    ]  # fmt: skip
    first = orders[0]
    if first["value"] is None:
        teachers = "1 teacher is" if len(known) == 1 else f"{len(known)} teachers are"
        answer = f"{teachers} too few to ask whether PGR falls where d_sw/d_w rises"
    else:
        answer = (
            f"over {len(known)} teachers the rank correlation of PGR with d_sw/d_w is {first['value']:.2f}"
            f" ({first['low']:.2f} to {first['high']:.2f} with any one trial left out; of all orders,"
            f" {first['chance']:.1%} have it as low)"
        )
    if rising:
        answer += (
            f"; with {levels[-1]:.0%} of labels swapped the ratio of errors is higher than with"
            f" {levels[0]:.0%}, beyond sampling error, for {sum(row['low'] > 0 for row in rising)} of"
            f" {len(rising)} teachers"
        )
    return (
        Table(
            "in_kind",
            "What the published figures say, asked of ours",
            columns_of([*orders, *rising]),
            "Of rank correlations, low and high are the least and largest with any one trial left out, and"
            " chance is the share of all orders of the teachers with a value as low: what few teachers can"
            " show. Of differences, means of trials with an interval at level .90.",
        ),
        answer,
    )


def _order(way: MeasuredWay, known: Sequence[PairDimensions], place: tuple[int, int, int]) -> dict[str, Any]:
    """Ask whether PGR falls from teacher to teacher as more is shared."""
    row = {"value": None, "low": None, "high": None, "chance": None, "teachers": len(known), "reason": ""}
    if len(known) < FEWEST:
        return row | {"reason": f"fewer than {FEWEST} teachers say nothing of an order"}
    shares = np.array([pair.d_sw.value / pair.d_w for pair in known if isinstance(pair.d_sw, Estimate)])
    arrays = [way.risks((pair.weak, pair.strong)) for pair in known]
    risks = [{model: values[place] for model, values in one.items()} for one in arrays]
    gained = np.array([_pgr(one) for one in risks])
    without = [
        np.array([_pgr({model: np.delete(one[model], seed) for model in one}) for one in risks])
        for seed in range(way.grid.seeds)
    ]
    orders = [rank_correlation(shares, each) for each in without]
    value, chance = rank_correlation(shares, gained), chance_of(shares, gained)
    return row | {"value": value, "low": min(orders), "high": max(orders), "chance": chance}


def _rise(way: MeasuredWay, pair: PairDimensions, at: tuple[int, int]) -> dict[str, Any]:
    """Ask whether the ratio of errors is higher at the highest level than at the lowest."""
    risks = way.risks((pair.weak, pair.strong))
    low, high = (
        risks["baseline"][place] / risks["student"][place]
        for place in (way.place(noise, at) for noise in (way.grid.noise[0], way.grid.noise[-1]))
    )
    value, start, end, _ = mean_and_ends((high - low)[None, None, None])
    return {
        "value": float(value.item()), "low": float(start.item()), "high": float(end.item()), "chance": None,
        "teachers": 1, "reason": "",
    }  # fmt: skip


def _pgr(risks: Mapping[str, Float[np.ndarray, " trials"]]) -> float:
    """Give PGR of mean risks; teachers that a ceiling does not beat come last."""
    teacher, student, ceiling = (float(risks[model].mean()) for model in ("teacher", "student", "ceiling"))
    return (teacher - student) / (teacher - ceiling) if teacher > ceiling else -np.inf
