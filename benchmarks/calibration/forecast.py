"""The forecast side of the calibration benchmark: the cells of measure.py, forecast without any training.

For each pair and noise level five kinds of forecast are made of the same cells and kept beside each other,
below the cache of features.py: CORPUS/forecasts/STUDENT--TEACHER--NOISE.npz with, for every KIND,

    KIND/teacher (s, i, a)     KIND/student (s, i, j, a, b)
    KIND/baseline (s, i, b)    KIND/ceiling (s, i, j, b)

expected squared errors on new labels, on the axes of measure.py; s runs over the seeds of the rows and labels
that the forecast saw. KIND is

    oracle     moments of one pool, and the truth of all rows outside it
    m100 ...   moments of the seed's pool, and the first m of its labels
    loo        two-stage leave-one-out on the first n labels and the whole pool: loo/teacher (s, i, a),
               loo/student (s, i, a, b), loo/baseline (s, i, b), at N = the pool

With m labels there are standard errors too (KIND/..._se), the forecast PGR with its interval (KIND/pgr,
pgr_low, pgr_high; NaN where it is Undefined, infinite where unbounded), the places of the penalties that the
forecast would choose (KIND/chosen_a, chosen_b of shape (s, i, j)), and what the power law fitted to the least
leave-one-out errors at m/4, m/2 and m labels says (KIND/power_teacher (s, i), ...). The published similarity,
its chance level, d_w and d_s are in published (4,).
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from measure import labels_of, load, pair_file, partition

from features import CACHE, PLAN, corpus, matrix
from outgrow.geometry.intrinsic import intrinsic_dimension
from outgrow.geometry.pairs import pair_of
from outgrow.geometry.published import published_correlation_dimension
from outgrow.heads.two_stage import Pool, StageTwo
from outgrow.linalg.moments import moments_of
from outgrow.linalg.ridge_path import RidgePath
from outgrow.linalg.spectrum import Spectrum, spectrum_of_covariance
from outgrow.results import Estimate
from outgrow.runs import new_file
from outgrow.theory.effective_stage import Stages, effective_stages
from outgrow.theory.equivalents import single_risks, student_risks
from outgrow.theory.label_terms import label_terms
from outgrow.theory.surface import choice
from outgrow.theory.terms import PairSpectra, Target
from outgrow.theory.whitening import Whitened, whiten

LABELS = (100, 200, 400, 800, 2000)
"""Labels at hand."""

SEEDS = 3
"""Seeds of rows and labels that forecasts are made from: the first of the twenty measured."""

FOUR = frozenset({"minilm-l3", "minilm-l6", "mpnet-layer8", "mpnet"})
"""The encoders whose pairs are forecast in full, as those of sst2 are. The other pairs of the movies are for
the rankings: the raters' noise, three numbers of labels, no leave-one-out."""

PARTS = ("teacher", "student", "baseline", "ceiling")

FOLDS = 20
"""Folds of the labelled rows, as in the product."""


@cache
def strong_spectrum(name: str, student: str, seed: int) -> Spectrum:
    """Decompose the strong covariance over the pool of a seed."""
    rows = matrix(name, student)[partition(name, seed).pool].astype(np.float64)
    rows -= rows.mean(axis=0)
    return spectrum_of_covariance(rows.T @ rows / len(rows), len(rows))


def whitened(name: str, teacher: str, student: str, seed: int) -> Whitened:
    """Whiten a pair by the pool of a seed."""
    pool = partition(name, seed).pool
    moments = moments_of(pair_of(matrix(name, teacher)[pool], matrix(name, student)[pool])).select()
    return whiten(moments, strong=strong_spectrum(name, student, seed))


def target_of(
    white: Whitened, name: str, teacher: str, student: str, rows: np.ndarray, y: np.ndarray
) -> tuple[PairSpectra, Target]:
    """Estimate the target's terms and the lengths of rows from labelled rows."""
    Z_w, Z_s = white.weak(matrix(name, teacher)[rows]), white.strong(matrix(name, student)[rows])
    target = label_terms(white.pair, Z_w, Z_s, y[:, None], np.arange(len(rows)) % FOLDS)
    return white.pair.with_lengths(Z_w, Z_s), target


def forecast(pair: PairSpectra, target: Target, axes: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Forecast every cell, replicates first."""
    n, N, a, b = axes["n"], axes["N"], axes["alphas_w"], axes["alphas_s"]

    def stages(values: np.ndarray, lengths: np.ndarray, sizes: np.ndarray, alphas: np.ndarray) -> Stages:
        every = (np.repeat(sizes, len(alphas)), np.tile(alphas, len(sizes)))
        return effective_stages(values, *every, rows=pair.rows, lengths=lengths)

    weak, strong_ = (pair.values_w, pair.lengths_w), (pair.values_s, pair.lengths_s)
    teachers, students = stages(*weak, n, a), stages(*strong_, N, b)
    R = len(target.weights)
    strong = target.strong()
    student = student_risks(pair, target, teachers, students).error
    student = student.reshape(R, len(n), len(a), len(N), len(b)).transpose(0, 1, 3, 2, 4)
    both = (n[:, None] + N).ravel()
    return {
        "teacher": single_risks(teachers, target.weak(), target).error.reshape(R, len(n), len(a)),
        "student": student,
        "baseline": single_risks(stages(*strong_, n, b), strong, target).error.reshape(R, len(n), len(b)),
        "ceiling": single_risks(stages(*strong_, both, b), strong, target).error.reshape(
            R, len(n), len(N), len(b)
        ),
    }


def standard_error(values: np.ndarray) -> np.ndarray:
    """Give the jackknife's standard error over replicates."""
    groups = len(values) - 1
    around = values[1:] - values[1:].mean(axis=0)
    return np.asarray(np.sqrt((groups - 1) / groups * np.sum(around**2, axis=0)))


def ratio(over: np.ndarray, under: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give ratios with Fieller's interval for a denominator above zero: NaN where it is not, infinite ends
    where it is not resolved (`outgrow.intervals.fieller`)."""
    from scipy.special import stdtrit

    groups = len(over) - 1
    factor = stdtrit(groups - 1, 0.95) ** 2 * (groups - 1) / groups
    d_over, d_under = over[1:] - over[1:].mean(axis=0), under[1:] - under[1:].mean(axis=0)
    v00, v01, v11 = (factor * np.sum(x * y, axis=0) for x, y in
                     ((d_over, d_over), (d_over, d_under), (d_under, d_under)))  # fmt: skip
    top, bottom = over[0], np.where(under[0] > 0, under[0], np.nan)
    value = top / bottom
    a, b, c = bottom**2 - v11, top * bottom - v01, top**2 - v00
    square = b * b - a * c
    with np.errstate(invalid="ignore", divide="ignore"):
        root = np.sqrt(np.where(a > 0, np.maximum(square, 0), square))
        first, second = np.minimum((b - root) / a, (b + root) / a), np.maximum((b - root) / a, (b + root) / a)
    # Where the denominator is not resolved, all is left but what lies between the roots, if they are real.
    low = np.where(a > 0, first, np.where(value >= second, second, -np.inf))
    high = np.where(a > 0, second, np.where(value <= first, first, np.inf))
    return value, np.where(np.isnan(value), np.nan, low), np.where(np.isnan(value), np.nan, high)


def leave_one_out(
    white: Whitened, Z_w: np.ndarray, Z_s: np.ndarray, y: np.ndarray, axes: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Leave out every labelled row of both stages, at all penalties above zero; NaN at zero."""
    pair = white.pair
    a, b = axes["alphas_w"], axes["alphas_s"]
    X_w, X_s = Z_w * np.sqrt(pair.values_w), Z_s * np.sqrt(pair.values_s)
    pool = Pool(
        int(pair.rows),
        np.zeros(X_w.shape[1]),
        np.zeros(X_s.shape[1]),
        np.diag(pair.values_w),
        np.diag(pair.values_s),
        pair.C * np.sqrt(np.outer(pair.values_s, pair.values_w)),
    )
    first = RidgePath(X_w, y[:, None], a[a > 0])
    base = RidgePath(X_s, y[:, None], b[b > 0])
    found = {
        "teacher": np.full(len(a), np.nan),
        "baseline": np.full(len(b), np.nan),
        "student": np.full((len(a), len(b)), np.nan),
    }
    found["teacher"][a > 0] = np.mean(first.deleted_residuals[:, :, 0] ** 2, axis=0)
    found["baseline"][b > 0] = np.mean(base.deleted_residuals[:, :, 0] ** 2, axis=0)
    losses = StageTwo(first, X_s, pool, b[b > 0]).losses().mean(axis=2)
    found["student"][np.ix_(a > 0, b > 0)] = losses
    return found


def power_law(sizes: np.ndarray, errors: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Extend a learning curve by error = c + k n^-p, c on a grid from 0 to just below the least error."""
    best = (np.inf, np.full(wanted.shape, np.nan))
    for floor in np.linspace(0, 0.98, 50) * errors.min():
        slope, start = np.polyfit(np.log(sizes), np.log(errors - floor), 1)
        off = float(np.sum((start + slope * np.log(sizes) - np.log(errors - floor)) ** 2))
        if slope < 0:
            best = min(best, (off, floor + np.exp(start + slope * np.log(wanted))), key=lambda pair: pair[0])
    return best[1]


def published(name: str, teacher: str, student: str) -> np.ndarray:
    """Give the published similarity, its chance level, d_w and d_s."""
    pool = partition(name, 0).pool
    bases = []
    for which in (teacher, student):
        rows = matrix(name, which)[pool].astype(np.float64)
        rows -= rows.mean(axis=0)
        spectrum = spectrum_of_covariance(rows.T @ rows / len(rows), len(rows))
        rank = intrinsic_dimension(spectrum, rule="energy", level=0.90).estimate
        assert isinstance(rank, Estimate)
        bases.append(spectrum.vectors[:, : int(rank.value)])
    found = published_correlation_dimension(bases[0], bases[1], np.random.default_rng(0))
    return np.array([found.value, found.chance, bases[0].shape[1], bases[1].shape[1]])


def forecast_file(name: str, teacher: str, student: str, noise: str) -> Path:
    """Say where the forecasts of a pair are."""
    return CACHE / name / "forecasts" / f"{student}--{teacher}--{noise}.npz"


def forecasts(name: str, teacher: str, student: str, noise: str, seeds: int) -> dict[str, np.ndarray]:
    """Make every kind of forecast of a pair."""
    full = in_full(name, teacher, student)
    measured = load(name, teacher, student)
    level = list(measured["noises"]).index(noise)
    axes = {key: measured[key] for key in ("n", "N", "alphas_w", "alphas_s")}
    n, N = axes["n"], axes["N"]
    # PGR divides by the ceiling at its own best penalty, which one and the same for both sides.
    best_c = measured["ceiling_mean"][level].argmin(axis=-1)
    data = corpus(name)
    kept: dict[str, list[np.ndarray]] = {}

    def keep(key: str, value: np.ndarray) -> None:
        kept.setdefault(key, []).append(np.asarray(value))

    def parts(kind: str, found: dict[str, np.ndarray]) -> None:
        for part in PARTS:
            keep(f"{kind}/{part}", found[part][0])
            if kind != "oracle":
                keep(f"{kind}/{part}_se", standard_error(found[part]))
        top = np.take_along_axis(found["ceiling"], best_c[None, ..., None], axis=-1)[..., 0]
        over = found["teacher"][:, :, None, :, None] - found["student"]
        under = found["teacher"][:, :, None, :, None] - top[..., None, None] + 0 * found["student"]
        for key, value in zip(("pgr", "pgr_low", "pgr_high"), ratio(over, under), strict=True):
            keep(f"{kind}/{key}", value)
        keep(f"{kind}/win_se", standard_error(over))
        flat = found["student"].reshape(*found["student"].shape[:-2], -1)
        R = len(flat)
        chosen = choice(flat.reshape(R, len(n) * len(N), -1)).reshape(len(n), len(N))
        where = np.unravel_index(chosen, found["student"].shape[-2:])
        keep(f"{kind}/chosen_a", where[0])
        keep(f"{kind}/chosen_b", where[1])

    white = whitened(name, teacher, student, 0)
    part = partition(name, 0)
    rows = np.concatenate([part.labelled, part.test])
    pair, truth = target_of(white, name, teacher, student, rows, data.truth[rows])
    sigma2 = data.noise_variance(noise)
    if sigma2 is not None:
        truth = replace(truth, variance=truth.variance + sigma2 - data.truth_variance[rows].mean())
    parts("oracle", forecast(pair, truth, axes))

    for seed in range(seeds):
        white = whitened(name, teacher, student, seed)
        curves: dict[int, dict[str, np.ndarray]] = {}
        wanted = LABELS if full else LABELS[::2]
        smaller = {m // part for m in LABELS for part in (2, 4)} if full else set()
        for m in sorted({*wanted, *smaller}):
            rows, y = labels_of(name, noise, seed, m)
            Z_w = white.weak(matrix(name, teacher)[rows])
            Z_s = white.strong(matrix(name, student)[rows])
            if full:
                curves[m] = leave_one_out(white, Z_w, Z_s, y, axes)
            if m in wanted:
                target = label_terms(white.pair, Z_w, Z_s, y[:, None], np.arange(m) % FOLDS)
                parts(f"m{m}", forecast(white.pair.with_lengths(Z_w, Z_s), target, axes))
        for m in LABELS if full else ():
            sizes = np.array([m // 4, m // 2, m])
            for which, sized in (
                ("teacher", n),
                ("student", n),
                ("baseline", n),
                ("ceiling", n[:, None] + N),
            ):
                route = "baseline" if which == "ceiling" else which
                errors = np.array([np.nanmin(curves[size][route]) for size in sizes])
                keep(f"m{m}/power_{which}", power_law(sizes, errors, sized.astype(float)))
        for which in ("teacher", "student", "baseline") if full else ():
            shape = curves[LABELS[0]][which].shape
            keep(
                f"loo/{which}",
                np.stack([curves[m][which] if m in curves else np.full(shape, np.nan) for m in n.tolist()]),
            )
    found = {key: np.stack(values) for key, values in kept.items()}
    return {**found, "published": published(name, teacher, student)}


def pairs(names: list[str]) -> list[tuple[str, str, str]]:
    """List (corpus, teacher, student), pairs of the four encoders first."""
    listed = [
        (name, teacher, student)
        for name in names
        for student, teachers in PLAN[name]["pairs"].items()
        for teacher in teachers
    ]
    return sorted(listed, key=lambda entry: not in_full(*entry))


def in_full(name: str, teacher: str, student: str) -> bool:
    """Tell whether a pair is forecast in full."""
    return name != "movies" or {teacher, student} <= FOUR


def main() -> None:
    """Forecast every pair that is measured and not forecast yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", nargs="*", default=list(PLAN))
    parser.add_argument("--only", nargs="*", help="students--teachers to do, such as mpnet--minilm-l6")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--again", action="store_true", help="also what is there already")
    parser.add_argument("--share", default="0/1", help="which of how many processes this is, such as 0/2")
    given = parser.parse_args()
    which, of = map(int, given.share.split("/"))
    for place, (name, teacher, student) in enumerate(pairs(given.corpus)):
        if place % of != which or (given.only and f"{student}--{teacher}" not in given.only):
            continue
        if not pair_file(name, teacher, student).exists():
            print(f"{name}: {student}--{teacher} is not measured yet (measure.py)")
            continue
        for noise in list(PLAN[name]["noise"])[: None if in_full(name, teacher, student) else 1]:
            out = forecast_file(name, teacher, student, noise)
            if out.exists() and not given.again:
                continue
            start = time.perf_counter()
            found = forecasts(name, teacher, student, noise, given.seeds)
            out.parent.mkdir(parents=True, exist_ok=True)
            with new_file(out) as whole, whole.open("wb") as file:
                np.savez(file, **found)
            print(f"{name}: {student}--{teacher}, {noise}: {time.perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
