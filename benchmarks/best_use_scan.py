"""Every route at every setting on the movie reviews: estimated from the labels, and measured on test rows.

For each ordered pair of the four encoders, each number of labels and each seed: teacher, baseline, union and
students (pseudo-labels alone, or beside the true labels with a weight) are fitted on a grid of penalties.
Kept are, for each setting, the forecast from the n labels and the pool, two-stage leave-one-out on the same
labels (both with one replicate per fold of labels left out), and the excess risk on the test rows. Rules of
choice are then arithmetic on one file per seed (``best_use.py``).
"""

from __future__ import annotations

import sys
import time
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Float

from outgrow.linalg.spectrum import spectrum_of_covariance
from outgrow.probes.two_stage import StageOne
from outgrow.runs import new_file
from outgrow.theory.effective_stage import Stages, effective_stages
from outgrow.theory.equivalents import single_risks, student_risks
from outgrow.theory.joint_equivalent import joint_risks
from outgrow.theory.label_terms import label_terms
from outgrow.theory.terms import PairSpectra, Side

sys.path.insert(0, str(Path(__file__).resolve().parent / "calibration"))
from cells import partition

from features import corpus, matrix

SETS = ("minilm-l3", "minilm-l6", "mpnet-layer8", "mpnet")
"""The four encoders."""

PAIRS = tuple((teacher, student) for student in SETS for teacher in SETS if teacher != student)
"""Teacher and student, every order."""

LABELS = (50, 100, 200, 400, 800, 2000)
"""Numbers of labels: the first ones of a seed."""

GRID = np.array([0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0])
"""Penalties in units of the mean variance per direction: two per decade over what was ever best (the table
of calibration.toml). Half a decade costs .2 % of the risk at most, less than what is to be told apart."""

WEIGHTS = (0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
"""Weights of the pseudo-labels; 1 is the W2S student."""

FOLDS = 20
"""Folds of the labelled rows: replicates of both estimates leave out one each."""

NOISE = "rater"

KEPT = Path(__file__).resolve().parents[1] / "build" / "best_use"
"""Where scans are kept, one file per seed and n."""


class Draw:
    """Rows and labels of one seed, each feature set in its principal directions over the pool."""

    def __init__(self, seed: int) -> None:
        known = corpus("movies")
        self.rows = partition("movies", seed)
        self.y = known.labels(NOISE, seed)[self.rows.labelled][:, None]
        self.truth = known.truth[self.rows.test]
        self.floor = float(known.truth_variance[self.rows.test].mean())

    @cache  # noqa: B019  (one object per seed and process)
    def set(self, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Give eigenvalues, then labelled, pool and test rows about the pool's mean."""
        X = matrix("movies", name)
        pool = X[self.rows.pool].astype(np.float64)
        mean = pool.mean(axis=0)
        pool -= mean
        spectrum = spectrum_of_covariance(pool.T @ pool / len(pool), len(pool))
        V = spectrum.vectors[:, : spectrum.rank]
        ones, test = ((X[where] - mean) @ V for where in (self.rows.labelled, self.rows.test))
        return spectrum.values[: spectrum.rank], ones, pool @ V, test

    @cache  # noqa: B019
    def teacher(self, name: str, n: int) -> StageOne:
        """Fit a set on the first n labels."""
        values, ones, _, _ = self.set(name)
        return StageOne(ones[:n], self.y[:n], values.mean() * GRID)

    @cache  # noqa: B019
    def cross(self, teacher: str, student: str) -> Float[np.ndarray, "d_s d_w"]:
        """Give the covariance of both sets over the pool."""
        if SETS.index(teacher) > SETS.index(student):
            return self.cross(student, teacher).T
        left, right = self.set(student)[2], self.set(teacher)[2]
        return left.T @ right / len(left)

    @cache  # noqa: B019
    def together(self, teacher: str, student: str) -> tuple[np.ndarray, np.ndarray]:
        """Give eigenvalues of both sets side by side, and the way there from whitened directions."""
        values_w, values_s = self.set(teacher)[0], self.set(student)[0]
        scale = np.concatenate([np.full(len(v), v.sum() ** -0.5) for v in (values_w, values_s)])
        split = len(values_w)
        covariance = np.diag(np.concatenate([values_w, values_s]) * scale**2)
        covariance[split:, :split] = self.cross(teacher, student) * np.outer(scale[split:], scale[:split])
        covariance[:split, split:] = covariance[split:, :split].T
        values, vectors = np.linalg.eigh(covariance)
        keep = values > len(values) * np.finfo(np.float64).eps * values[-1]
        back = np.sqrt(np.concatenate([values_w, values_s])) * scale
        return values[keep], back[:, None] * vectors[:, keep] / np.sqrt(values[keep])

    def risk(self, predicted: Float[np.ndarray, "t k"]) -> Float[np.ndarray, " k"]:
        """Give excess risks of predictions of the test rows."""
        wrong = predicted - self.truth[:, None]
        return np.einsum("tk,tk->k", wrong, wrong) / len(wrong) - self.floor


def by_fold(losses: Float[np.ndarray, "... n"]) -> Float[np.ndarray, "R ..."]:
    """Average losses over all rows, then without each fold."""
    n = losses.shape[-1]
    fold = np.arange(n) % FOLDS
    sums = losses @ np.eye(FOLDS)[fold]
    total = sums.sum(axis=-1)
    without = (total[..., None] - sums) / (n - np.bincount(fold, minlength=FOLDS))
    return np.concatenate([(total / n)[None], np.moveaxis(without, -1, 0)])


def alone(draw: Draw, fit: StageOne, test: Float[np.ndarray, "t d"]) -> tuple[np.ndarray, np.ndarray]:
    """Leave-one-out, and excess risks, of a fit on labels."""
    losses = np.sum(fit.deleted_residuals**2, axis=2).T
    coef = fit.basis @ fit.theta[:, :, 0]
    level = fit.y.mean() - fit.mean @ coef
    return by_fold(losses), draw.risk(test @ coef + level)


class Mixed:
    """The student's rows at one weight: labelled ones and the pool in one covariance, decomposed once."""

    def __init__(self, draw: Draw, student: str, n: int, weight: float) -> None:
        values, ones, _, test = draw.set(student)
        y = draw.y[:n, 0]
        self.n, self.weight, self.y = n, weight, y
        if weight < 1:
            mean = (1 - weight) * ones[:n].mean(axis=0)
            centred = ones[:n] - mean
            cov = weight * (np.diag(values) + np.outer(mean, mean)) + (1 - weight) / n * centred.T @ centred
            self.values, self.basis = np.linalg.eigh(cov)
            keep = self.values > len(cov) * np.finfo(np.float64).eps * self.values[-1]
            self.values, self.basis = self.values[keep], self.basis[:, keep]
            self.shift = -mean
            self.scores, self.test = centred @ self.basis, (test - mean) @ self.basis
        else:
            self.values, self.basis, self.shift = values, np.eye(len(values)), np.zeros(len(values))
            self.scores, self.test = ones[:n], test
        self.alphas = values.mean() * GRID
        self.label_cross = self.scores.T @ y / n

    def student(
        self, draw: Draw, first: StageOne, cross: Float[np.ndarray, "d_s d_w"]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Leave-one-out (R, a, b) and excess risks (a, b) of one teacher's students: see `StageTwo`."""
        n, w, y, level = self.n, self.weight, self.y, self.y.mean()
        offset = -(first.mean @ first.basis)
        seen = self.basis.T @ (cross @ first.basis + np.outer(self.shift, offset))
        shift, theta = self.basis.T @ self.shift, first.theta[:, :, 0]
        deleted = first.deleted_residuals[:, :, 0]
        losses = np.empty((len(GRID), len(GRID), n))
        risks = np.empty((len(GRID), len(GRID)))
        right = (1 - w) * self.label_cross[:, None] + w * (shift[:, None] * level + seen @ theta)
        height = level + w * (offset @ theta)
        for b, alpha in enumerate(self.alphas):
            shrunk = self.scores / (self.values + alpha)
            rows = w * (offset + shrunk @ seen)
            constant = w * (1 + shrunk @ shift)
            own = (1 - w) * (level + shrunk @ self.label_cross)
            full = (own + constant * level)[:, None] + rows @ theta
            change = constant[:, None] + (rows * first.scores) @ first.inverse
            predicted = full - change * deleted / n
            if w < 1:
                hat = ((1 - w) / n * (1 + np.einsum("ij,ij->i", shrunk, self.scores)))[:, None]
                predicted = (predicted - hat * y[:, None]) / (1 - hat)
            losses[:, b] = ((predicted - y[:, None]) ** 2).T
            risks[:, b] = draw.risk(self.test @ (right / (self.values + alpha)[:, None]) + height)
        return by_fold(losses), risks


def foretold(
    draw: Draw, teacher: str, student: str, n: int, both: tuple[np.ndarray, np.ndarray]
) -> dict[str, np.ndarray]:
    """Forecast all routes from the first n labels and the pool, replicates first."""
    (values_w, weak, pool, _), (values_s, strong, _, _) = draw.set(teacher), draw.set(student)
    cross = draw.cross(teacher, student) / np.sqrt(np.outer(values_s, values_w))
    pair = PairSpectra(values_w=values_w, values_s=values_s, C=cross, rows=float(len(pool)))
    Z_w, Z_s = weak[:n] / np.sqrt(values_w), strong[:n] / np.sqrt(values_s)
    target = label_terms(pair, Z_w, Z_s, draw.y[:n], np.arange(n) % FOLDS)
    pair = pair.with_lengths(Z_w, Z_s)

    def stages(values: np.ndarray, size: int, alphas: np.ndarray) -> Stages:
        sizes = np.full(len(alphas), float(size))
        return effective_stages(values, sizes, alphas, rows=pair.rows, lengths=pair.lengths(values))

    alphas_w, alphas_s = values_w.mean() * GRID, values_s.mean() * GRID
    teachers, students = stages(values_w, n, alphas_w), stages(values_s, len(pool), alphas_s)
    R, g = len(target.weights), len(GRID)
    values_u, back = both
    union = Side(*(np.hstack(x) @ back for x in zip(target.weak(), target.strong(), strict=True)))
    tried = [x.ravel() for x in np.meshgrid(WEIGHTS, alphas_w, alphas_s, indexing="ij")]
    joint = joint_risks(pair, target, n=n, alpha_w=tried[1], N=len(pool), alpha_s=tried[2], weight=tried[0])
    return {
        "teacher": single_risks(teachers, target.weak(), target).error,
        "baseline": single_risks(stages(values_s, n, alphas_s), target.strong(), target).error,
        "union": single_risks(stages(values_u, n, values_u.mean() * GRID), union, target).error,
        "student": student_risks(pair, target, teachers, students).error.reshape(R, g, g),
        "joint": joint.error.reshape(R, len(WEIGHTS), g, g),
    }


def scan(draw: Draw, n: int) -> dict[str, np.ndarray]:
    """Estimate and measure every setting of every route on one seed, with its first n labels."""
    pairs, g, w = len(PAIRS), len(GRID), len(WEIGHTS)
    forms = {"teacher": (g,), "baseline": (g,), "union": (g,), "student": (g, g), "joint": (w, g, g)}
    kept = {f"forecast/{k}": np.empty((pairs, 1 + FOLDS, *form), np.float32) for k, form in forms.items()}
    kept |= {f"loo/{k}": np.empty((pairs, 1 + FOLDS, *form), np.float32) for k, form in forms.items()}
    kept |= {f"risk/{k}": np.empty((pairs, *form)) for k, form in forms.items()}
    seen: dict[tuple[str, str], tuple[np.ndarray, np.ndarray]] = {}
    for student in SETS:
        mine = [p for p, pair in enumerate(PAIRS) if pair[1] == student]
        for j, weight in enumerate(WEIGHTS):
            mixed = Mixed(draw, student, n, weight)
            for p in mine:
                name = PAIRS[p][0]
                found = mixed.student(draw, draw.teacher(name, n), draw.cross(name, student))
                kept["loo/joint"][p, :, j], kept["risk/joint"][p, j] = found
        for p in mine:
            name = PAIRS[p][0]
            for kind, which in (("teacher", name), ("baseline", student)):
                found = alone(draw, draw.teacher(which, n), draw.set(which)[3])
                kept[f"loo/{kind}"][p], kept[f"risk/{kind}"][p] = found
            both = draw.together(name, student)
            ordered = (min(name, student), max(name, student))
            if ordered not in seen:
                scales = [1 / np.sqrt(draw.set(which)[0].sum()) for which in ordered]
                rows, test = (
                    np.hstack([draw.set(which)[part] * s for which, s in zip(ordered, scales, strict=True)])
                    for part in (1, 3)
                )
                fit = StageOne(rows[:n], draw.y[:n], both[0].mean() * GRID)
                seen[ordered] = alone(draw, fit, test)
            kept["loo/union"][p], kept["risk/union"][p] = seen[ordered]
            for kind, values in foretold(draw, name, student, n, both).items():
                kept[f"forecast/{kind}"][p] = values
    kept["loo/student"], kept["risk/student"] = kept["loo/joint"][:, :, -1], kept["risk/joint"][:, -1]
    return kept


def scan_file(seed: int, n: int) -> Path:
    """Say where a scan is kept."""
    return KEPT / f"{seed:02d}-{n}.npz"


def keep(draw: Draw, seed: int, n: int) -> None:
    """Scan one seed at one n, and keep what is found."""
    start = time.perf_counter()
    found = scan(draw, n)
    scan_file(seed, n).parent.mkdir(parents=True, exist_ok=True)
    with new_file(scan_file(seed, n)) as whole, whole.open("wb") as file:
        np.savez(file, **found)
    print(f"seed {seed}, n = {n}: {time.perf_counter() - start:.0f} s", flush=True)
