"""What the calibration benchmark says: forecasts against measurements, in one table of numbers.

Cells are (n, N, alpha_w, alpha_s) of a pair and noise level, their targets means over seeds. PGR takes the
ceiling at its best measured penalty, the same for both sides. A cell is resolved when the paired 90 %
interval of teacher less ceiling over seeds excludes 0. "Tuned" cells are designs (n, N), at the best measured
penalties on one side and at those that the forecast chooses on the other. Kinds of forecast are those of
forecast.py. Three baselines stand beside them: a power law through leave-one-out errors; the published
formula, which is of variances alone, with the published similarity at energy .90; and the same formula with
the corrected correlation dimension ("variance only").
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from forecast import LABELS, forecast_file, in_full, pairs, whitened
from measure import load, partition
from scipy.stats import spearmanr
from scipy.stats import t as student_t

from features import PLAN
from outgrow.geometry.correlation import corrected
from outgrow.intervals.replicates import APART, MODEL

GAPS = {"below 5 %": 0.05, "5 to 10 %": 0.10, "10 to 20 %": 0.20, "20 to 35 %": 0.35, "above 35 %": np.inf}
"""Classes of the measured gap between teacher and ceiling over the teacher's excess risk (the risk where the
noise is not known), by their upper ends."""

CLOSE = 0.10
"""Relative difference of student and teacher below which a call is close."""


class Pair:
    """A pair at one noise level: measurements and forecasts on common axes.

    Parameters
    ----------
    name, teacher, student, noise : str
        Which.
    """

    def __init__(self, name: str, teacher: str, student: str, noise: str) -> None:
        measured = load(name, teacher, student)
        level = list(measured["noises"]).index(noise)
        self.name, self.teacher_set, self.student_set, self.noise = name, teacher, student, noise
        self.n, self.N = measured["n"], measured["N"]
        self.a, self.b = measured["alphas_w"], measured["alphas_s"]
        sigma2 = float(measured["sigma2"][level])
        # Errors on new labels, as forecasts are: where the noise is not known the risk is that already.
        self.sigma2 = 0.0 if np.isnan(sigma2) else sigma2
        self.excess = not np.isnan(sigma2)
        self.mean = {part: measured[f"{part}_mean"][level] + self.sigma2 for part in PARTS}
        self.se = {part: measured[f"{part}_se"][level] for part in PARTS}
        self.seeds = {part: measured[part][level].astype(np.float64) for part in PARTS}
        self.best_c = self.mean["ceiling"].argmin(axis=-1)
        with np.load(forecast_file(name, teacher, student, noise)) as kept:
            self.found = dict(kept)
        top = np.take_along_axis(self.mean["ceiling"], self.best_c[..., None], axis=-1)[..., 0]
        self.top = top
        w = self.mean["teacher"][:, None, :, None]
        self.over = w - self.mean["student"]
        self.under = np.broadcast_to(w - top[..., None, None], self.over.shape)
        self.pgr = self.over / self.under
        tops = np.take_along_axis(self.seeds["ceiling"], self.best_c[..., None, None], axis=-2)[..., 0, :]
        gap = self.seeds["teacher"][:, None, :, None, :] - tops[:, :, None, None, :]
        self.resolved = np.broadcast_to(_excludes_zero(gap) & (self.under[..., :1] > 0), self.over.shape)
        gain = self.seeds["teacher"][:, None, :, None, :] - self.seeds["student"]
        self.clear = _excludes_zero(gain)
        self.gain_se = gain.std(axis=-1, ddof=1) / np.sqrt(gain.shape[-1])
        shape = self.over.shape
        self.penalised = np.broadcast_to(
            (self.a > 0)[None, None, :, None] & (self.b > 0)[None, None, None, :], shape
        )

    def shared(self, d_w: int, d_s: int) -> float:
        """Corrected correlation dimension of the leading directions of both sets."""
        C = correlations(self.name, self.teacher_set, self.student_set)[:d_s, :d_w]
        rows = len(partition(self.name, 0).pool) - 1
        return float(np.clip(corrected(float(np.sum(C**2)), rows, d_w, d_s), 0, min(d_w, d_s)))

    def tuned(self) -> dict[str, np.ndarray]:
        """Measured errors at the best penalties: teacher (i,), student and ceiling (i, j)."""
        student = self.mean["student"].reshape(*self.over.shape[:2], -1)
        return {
            "teacher": self.mean["teacher"].min(axis=-1),
            "student": student.min(axis=-1),
            "baseline": self.mean["baseline"].min(axis=-1),
            "ceiling": self.top,
        }

    def chosen(self, kind: str) -> np.ndarray:
        """Measured student's error at the penalties that forecasts choose, (s, i, j)."""
        a, b = self.found[f"{kind}/chosen_a"], self.found[f"{kind}/chosen_b"]
        i, j = np.arange(len(self.n))[None, :, None], np.arange(len(self.N))[None, None, :]
        return np.asarray(self.mean["student"][i, j, a, b])

    def foreseen(self, kind: str) -> dict[str, np.ndarray]:
        """Forecast errors at the forecast's own penalties: teacher, baseline (s, i), others (s, i, j)."""
        a, b = self.found[f"{kind}/chosen_a"], self.found[f"{kind}/chosen_b"]
        student = self.found[f"{kind}/student"]
        s = np.arange(len(student))[:, None, None]
        i, j = np.arange(len(self.n))[None, :, None], np.arange(len(self.N))[None, None, :]
        at = {"student": student[s, i, j, a, b]}
        for part in ("teacher", "baseline", "ceiling"):
            error = self.found[f"{kind}/{part}"]
            caution = self.found.get(f"{kind}/{part}_se", np.zeros_like(error))
            place = np.where(np.isnan(error), np.inf, error + caution).argmin(axis=-1)
            at[part] = np.take_along_axis(error, place[..., None], axis=-1)[..., 0]
        return at


PARTS = ("teacher", "student", "baseline", "ceiling")


@cache
def correlations(name: str, teacher: str, student: str) -> np.ndarray:
    """Correlations of whitened strong with whitened weak directions over the pool of the first seed."""
    return whitened(name, teacher, student, 0).pair.C


def variance_only(n: np.ndarray, N: np.ndarray, d_w: float, d_s: float, d_sw: float) -> np.ndarray:
    """PGR by the published variances, whatever the noise; NaN where rows are fewer than directions."""
    n, N = n[:, None].astype(float), N[None, :].astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        teacher = d_w / (n - d_w - 1) * np.ones_like(N)
        student = (d_sw + d_s / N * (d_w - d_sw)) / (n - d_w - 1)
        found = (teacher - student) / (teacher - d_s / (n + N))
    return np.where((n > d_w + 1) & (d_s < N), found, np.nan)


def leave_one_out_row(group: list[Pair]) -> dict[str, Any]:
    """Compare two-stage leave-one-out at n labels and the whole pool with the measurements there."""
    error, regret = [], []
    for pair in group:
        if "loo/student" not in pair.found:
            continue
        told, seen = pair.found["loo/student"], pair.mean["student"][:, -1]
        error.append(np.abs(told / seen - 1))
        flat = np.where(np.isnan(told), np.inf, told).reshape(*told.shape[:2], -1)
        best = flat.argmin(axis=-1)
        chosen = np.take_along_axis(
            np.broadcast_to(seen.reshape(len(seen), -1), flat.shape), best[..., None], axis=-1
        )[..., 0]
        rows = np.isfinite(flat).any(axis=-1)
        least = seen.reshape(len(seen), -1).min(axis=-1)
        regret.append(((chosen - pair.sigma2) / (least - pair.sigma2) - 1)[rows])
    return {
        "student MSE median |rel. error|": _median(error),
        "chosen penalties: median regret": _median(regret),
        "chosen penalties: 95th percentile": _quantile(regret, 0.95),
    }


def _own(difference: np.ndarray, risk: np.ndarray) -> np.ndarray:
    """Square of the equivalents' standard error in a difference, as the product allows for it."""
    return np.asarray((APART[0] * risk) ** 2 + (APART[1] * difference) ** 2)


def _excludes_zero(values: np.ndarray) -> np.ndarray:
    count = values.shape[-1]
    reach = student_t.ppf(0.95, count - 1) * values.std(axis=-1, ddof=1) / np.sqrt(count)
    return np.abs(values.mean(axis=-1)) > reach


def _median(values: Iterable[np.ndarray]) -> float | None:
    pooled = np.concatenate([np.ravel(one) for one in values])
    pooled = pooled[np.isfinite(pooled)]
    return float(np.median(pooled)) if len(pooled) else None


def _quantile(values: Iterable[np.ndarray], level: float) -> float | None:
    pooled = np.concatenate([np.ravel(one) for one in values])
    pooled = pooled[np.isfinite(pooled)]
    return float(np.quantile(pooled, level)) if len(pooled) else None


def row(group: list[Pair], kind: str, cells: str) -> dict[str, Any]:
    """Compare one kind of forecast with the measurements of a group of pairs.

    Parameters
    ----------
    group : list of Pair
        Pairs to pool.
    kind : str
        "oracle", "m100", ...
    cells : {"penalised", "minimum norm"}
        Which cells.

    Returns
    -------
    dict
        Numbers by name; None where there are none.
    """
    group = [pair for pair in group if f"{kind}/student" in pair.found]
    pgr_error, excess, error = [], [], []
    inside: dict[str, list[np.ndarray]] = {"pgr": [], "student": [], "teacher": []}
    measured_pgr, forecast_pgr, signs = [], [], []
    for pair in group:
        mask = pair.penalised if cells == "penalised" else ~pair.penalised
        found = pair.found
        usable = mask & pair.resolved
        pgr = found[f"{kind}/pgr"]
        if kind == "oracle":
            best = np.take_along_axis(found["oracle/ceiling"], pair.best_c[None, ..., None], axis=-1)[..., 0]
            w = found["oracle/teacher"][:, :, None, :, None]
            pgr = (w - found["oracle/student"]) / (w - best[..., None, None])
        pgr_error.append(np.abs(pgr - pair.pgr)[:, usable])
        some = np.isfinite(pgr) & usable
        measured_pgr.append(np.broadcast_to(pair.pgr, pgr.shape)[some])
        forecast_pgr.append(pgr[some])
        student = found[f"{kind}/student"]
        error.append(np.abs(student / pair.mean["student"] - 1)[:, mask])
        if pair.excess:
            excess.append(np.abs((student - pair.sigma2) / (pair.mean["student"] - pair.sigma2) - 1)[:, mask])
        if kind != "oracle":
            reach = student_t.ppf(0.95, 19)
            # Kept intervals are of the labels' errors; the product's allow for the equivalents' own too.
            over = found[f"{kind}/teacher"][:, :, None, :, None] - student
            under = over / pgr
            risk = student - pair.sigma2
            own = reach * np.sqrt(_own(over, risk) + pgr**2 * _own(under, risk)) / np.abs(under)
            low = pgr - np.hypot(pgr - found[f"{kind}/pgr_low"], own)
            high = pgr + np.hypot(found[f"{kind}/pgr_high"] - pgr, own)
            ok = ~np.isnan(low) & usable
            inside["pgr"].append(((low <= pair.pgr) & (pair.pgr <= high))[ok])
            for part, where in (("student", mask), ("teacher", mask.any(axis=(1, 3)))):
                told = found[f"{kind}/{part}"]
                own = MODEL * (told - pair.sigma2)
                width = reach * np.sqrt(found[f"{kind}/{part}_se"] ** 2 + own**2 + pair.se[part] ** 2)
                off = np.abs(told - pair.mean[part])
                inside[part].append((off <= width)[:, where].ravel())
        gain = found[f"{kind}/teacher"][:, :, None, :, None] - student
        said = np.isfinite(gain) & (mask & pair.clear)[None]
        relative = np.broadcast_to(
            pair.over / (pair.mean["teacher"][:, None, :, None] - pair.sigma2), gain.shape
        )
        signs.append(np.stack([gain[said] > 0, relative[said] > 0, np.abs(relative[said]) < CLOSE], axis=1))
    sign = np.concatenate(signs)

    def balanced(part: np.ndarray) -> float | None:
        rates = [
            np.mean(part[part[:, 1] == truth, 0] == truth) for truth in (0, 1) if (part[:, 1] == truth).any()
        ]
        return float(np.mean(rates)) if len(rates) == 2 else None

    told, seen = np.concatenate(forecast_pgr), np.concatenate(measured_pgr)
    return {
        "PGR median |error|": _median(pgr_error),
        "PGR Spearman": float(spearmanr(told, seen).statistic) if len(told) > 2 else None,
        "resolved": int(
            sum(np.sum((p.penalised if cells == "penalised" else ~p.penalised) & p.resolved) for p in group)
        ),
        "cells": int(sum(np.sum(p.penalised if cells == "penalised" else ~p.penalised) for p in group)),
        "student ER median |rel. error|": _median(excess) if excess else None,
        "student MSE median |rel. error|": _median(error),
        **{
            f"coverage {part}": float(np.mean(every)) if len(every := np.concatenate([[], *values])) else None
            for part, values in inside.items()
        },
        "sign, balanced accuracy (clear)": balanced(sign[sign[:, 2] == 0]),
        "sign, balanced accuracy (close)": balanced(sign[sign[:, 2] == 1]),
    }


def gap_rows(group: list[Pair], kind: str) -> dict[str, dict[str, Any]]:
    """Compare PGR of tuned designs by the class of the measured gap, designs without a gap left out.

    Undefined are designs whose gap is forecast to be none; the error is of the others.
    """
    shares, errors = [], []
    for pair in group:
        if f"{kind}/student" not in pair.found:
            continue
        best, at = pair.tuned(), pair.foreseen(kind)
        gap = best["teacher"][:, None] - best["ceiling"]
        seen = (best["teacher"][:, None] - best["student"]) / gap
        told_gap = at["teacher"][:, :, None] - at["ceiling"]
        with np.errstate(divide="ignore", invalid="ignore"):
            told = np.where(told_gap > 0, (at["teacher"][:, :, None] - at["student"]) / told_gap, np.nan)
        shares.append(np.broadcast_to(gap / (best["teacher"][:, None] - pair.sigma2), told.shape).ravel())
        errors.append(np.abs(told - seen).ravel())
    share, error = np.concatenate(shares), np.concatenate(errors)
    made, low = {}, 0.0
    for label, high in GAPS.items():
        inside = (share > low) & (share <= high)
        low = high
        if inside.any():
            made[label] = {
                "designs": int(inside.sum()),
                "PGR median |error|": _median([error[inside]]),
                "PGR Undefined": float(np.isnan(error[inside]).mean()),
            }
    return made


def tuned_row(group: list[Pair], kind: str) -> dict[str, Any]:
    """Compare designs at the best penalties of each side, and the choice of penalties itself."""
    errors: dict[str, list[np.ndarray]] = {"forecast": [], "power law": [], "variance only": []}
    errors |= {"published": []}
    regret = []
    for pair in group:
        if f"{kind}/student" not in pair.found:
            continue
        best = pair.tuned()
        gap = best["teacher"][:, None] - best["ceiling"]
        # As for single cells, by the seeds' spread of both at their best penalties.
        usable = gap > 0.02 * best["teacher"][:, None]
        seen = (best["teacher"][:, None] - best["student"]) / gap
        at = pair.foreseen(kind)
        told = (at["teacher"][:, :, None] - at["student"]) / (at["teacher"][:, :, None] - at["ceiling"])
        errors["forecast"].append(np.abs(told - seen)[:, usable])
        chosen = pair.chosen(kind)
        regret.append((chosen - pair.sigma2) / (best["student"] - pair.sigma2) - 1)
        if kind == "oracle":
            published, _, d_w, d_s = pair.found["published"]
            for key, d_sw in (("published", published), ("variance only", pair.shared(int(d_w), int(d_s)))):
                told = variance_only(pair.n, pair.N, d_w, d_s, d_sw)
                errors[key].append(np.abs(told - seen)[usable & np.isfinite(told)])
        elif f"{kind}/power_teacher" in pair.found:
            power = {part: pair.found[f"{kind}/power_{part}"] for part in PARTS}
            told = (power["teacher"] - power["student"])[:, :, None] / (
                power["teacher"][:, :, None] - power["ceiling"]
            )
            errors["power law"].append(np.abs(told - seen)[:, usable])
    return {
        "tuned PGR median |error|": _median(errors["forecast"]),
        **{
            f"{name}: tuned PGR median |error|": _median(values)
            for name, values in errors.items()
            if values and name != "forecast"
        },
        "chosen penalties: median regret": _median(regret),
        "chosen penalties: 95th percentile": _quantile(regret, 0.95),
    }


def rankings(name: str, student: str, noise: str, kind: str) -> list[float]:
    """Rank correlations of teachers by forecast and by measured risk of the tuned student, over designs."""
    group = [
        Pair(name, teacher, student, noise)
        for teacher in PLAN[name]["pairs"][student]
        if forecast_file(name, teacher, student, noise).exists()
    ]
    group = [pair for pair in group if f"{kind}/student" in pair.found]
    if len(group) < 5:
        return []
    seen = np.stack([pair.tuned()["student"] for pair in group])
    seeds = 1 if kind == "oracle" else min(len(pair.found[f"{kind}/student"]) for pair in group)
    told = np.stack([pair.foreseen(kind)["student"][:seeds] for pair in group])
    return [
        float(spearmanr(told[:, s, i, j], seen[:, i, j]).statistic)
        for s in range(told.shape[1])
        for i in range(seen.shape[1])
        for j in range(seen.shape[2])
    ]


def summary(only: list[str] | None = None) -> dict[str, Any]:
    """Make the whole table."""
    groups: dict[str, list[Pair]] = {}
    for name, teacher, student in pairs(list(PLAN)):
        if only and f"{student}--{teacher}" not in only:
            continue
        for noise in PLAN[name]["noise"]:
            if forecast_file(name, teacher, student, noise).exists():
                kind = "four encoders" if name == "movies" and in_full(name, teacher, student) else "others"
                groups.setdefault(f"{name}, {noise}, {kind}", []).append(Pair(name, teacher, student, noise))
    kinds = ["oracle", *(f"m{m}" for m in LABELS)]
    table: dict[str, Any] = {}
    for title, group in groups.items():
        for kind in kinds:
            if not any(f"{kind}/student" in pair.found for pair in group):
                continue
            for cells in ("penalised", "minimum norm"):
                table[f"{title} | {cells} | {kind}"] = row(group, kind, cells)
            table[f"{title} | tuned | {kind}"] = tuned_row(group, kind)
            for label, numbers in gap_rows(group, kind).items():
                table[f"{title} | tuned, gap {label} of the teacher's risk | {kind}"] = numbers
        if any("loo/student" in pair.found for pair in group):
            table[f"{title} | penalised | two-stage leave-one-out"] = leave_one_out_row(group)
    for title, group in groups.items():
        for pair in group if "rater, four" in title else ():
            best = pair.tuned()
            gap = (best["teacher"][:, None] - best["ceiling"]) / (best["teacher"][:, None] - pair.sigma2)
            for kind in kinds:
                found = row([pair], kind, "penalised")
                table[f"{pair.teacher_set} to {pair.student_set} | by pair | {kind}"] = {
                    "gap over the teacher's ER, tuned": float(np.median(gap)),
                    **{key: found[key] for key in ("resolved", "cells", "PGR median |error|")},
                }
    for name in PLAN:
        for student, teachers in PLAN[name]["pairs"].items():
            if len(teachers) < 5 or only:
                continue
            for kind in kinds:
                found = rankings(name, student, next(iter(PLAN[name]["noise"])), kind)
                if found:
                    table[f"{name}, teachers of {student} | ranking | {kind}"] = {
                        "Spearman, median": float(np.median(found)),
                        "Spearman, 10th percentile": float(np.quantile(found, 0.1)),
                        "teachers": len(teachers),
                    }
    return table


def main() -> None:
    """Print the table, and keep it where it is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    table = summary(given.only)
    for title, numbers in table.items():
        said = ", ".join(
            f"{key} {value:.3f}" if isinstance(value, float) else f"{key} {value}"
            for key, value in numbers.items()
            if value is not None
        )
        print(f"{title}: {said}")
    if given.json:
        given.json.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
