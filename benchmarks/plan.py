"""A plan that is run: its design is trained on real rows and held against the best measured of equal cost.

Movie reviews rated by people: the plan is made from 400 labels by single raters and 7,600 unlabelled reviews.
Then its design is trained with its penalties on fresh draws of rows, and beside it every route on designs
along the same budget, each with the penalties that turn out best on the test rows, which nobody could know.
Reads the full features from the folder named by OUTGROW_DATA; says so and ends where there is none.
"""

from __future__ import annotations

import csv
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from outgrow import PlanConfig, plan
from outgrow.data.features_file import read_features
from outgrow.theory.surface import RELATIVE

LABELS, REST = 400, 8000
"""Labels to plan from, and rows that are not for the test."""

NOISE, TRUTH_NOISE = 0.945, 0.053
"""Variance of one rater's label, and of the mean rating that risks are measured against."""

LABEL, ROW = 1.0, 0.02
"""Cost of a label and of an unlabelled review."""

CASES = (("minilm-l6", 400.0), ("minilm-l6", 100.0), ("mpnet-layer8", 100.0))
"""Teachers of mpnet, and budgets."""

SEEDS = 8
"""Draws of rows for every design."""

SPLITS = (0.3, 0.5, 0.7, 0.85, 0.93)
"""Shares of the budget that go into labels, for the student."""


def spectrum(X: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, eigenvalues and vectors of the covariance of rows, by the smaller Gram matrix."""
    mean = X.mean(axis=0)
    _, singular, right = np.linalg.svd(X - mean, full_matrices=False)
    return mean, singular**2 / len(X), right


def ridge(X: np.ndarray, Y: np.ndarray, alphas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (k, d, c) and intercepts (k, c) of ridge fits under k penalties."""
    mean, values, right = spectrum(X)
    cross = right @ ((X - mean).T @ (Y - Y.mean(axis=0))) / len(X)
    theta = np.einsum("rd,kr,rc->kdc", right, 1 / (values + alphas[:, None]), cross, optimize=True)
    return theta, Y.mean(axis=0) - np.einsum("d,kdc->kc", mean, theta)


class Reviews:
    """Rows, labels and risks of one teacher and its student."""

    def __init__(self, folder: Path, weak: str) -> None:
        reviews = {row["id"]: row for row in pq.read_table(folder / "reviews.parquet").to_pylist()}
        sets = [read_features(folder / f"{name}.parquet") for name in (weak, "mpnet")]
        assert list(sets[0].ids) == list(sets[1].ids)
        self.weak, self.strong = (np.asarray(one.values, dtype=np.float64) for one in sets)
        own = [reviews[key] for key in sets[0].ids]
        self.ids = [str(key) for key in sets[0].ids]
        self.raters = [row["raters"] for row in own]
        self.rating = np.array([row["rating"] for row in own])
        scale = [np.sqrt(X.var(axis=0).sum()) for X in (self.weak, self.strong)]
        self.union = np.hstack([self.weak / scale[0], self.strong / scale[1]])
        self.order = np.random.default_rng(0).permutation(len(self.ids))
        self.test = self.order[REST:]

    def label(self, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """One rater's label each."""
        return np.array([[float(rng.choice(self.raters[row]))] for row in rows])

    def risk(self, X: np.ndarray, theta: np.ndarray, offset: np.ndarray) -> np.ndarray:
        """Excess risks (k, c) on the test rows."""
        fitted = np.einsum("rd,kdc->krc", X[self.test], theta, optimize=True) + offset[:, None, :]
        return np.mean((fitted - self.rating[self.test][:, None]) ** 2, axis=1) - TRUTH_NOISE

    def single(self, route: str, n: int, seed: int, alphas: np.ndarray) -> np.ndarray:
        """Excess risks (k,) of a route without a pool."""
        rng = np.random.default_rng([seed, n])
        rows = rng.choice(self.order[:REST], n, replace=False)
        X = {"teacher": self.weak, "baseline": self.strong, "union": self.union}[route]
        return self.risk(X, *ridge(X[rows], self.label(rows, rng), alphas))[:, 0]

    def student(self, n: int, N: int, seed: int, weak: np.ndarray, strong: np.ndarray) -> np.ndarray:
        """Excess risks (k_w, k_s) of the W2S student."""
        rng = np.random.default_rng([seed, n])
        rows = rng.choice(self.order[:REST], n + N, replace=False)
        theta, offset = ridge(self.weak[rows[:n]], self.label(rows[:n], rng), weak)
        pseudo = self.weak[rows[n:]] @ theta[:, :, 0].T + offset[:, 0]
        return self.risk(self.strong, *ridge(self.strong[rows[n:]], pseudo, strong)).T


def planned(reviews: Reviews, folder: Path, weak: str, budget: float):
    """Plan from the labels at hand."""
    rng = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as work:
        path = Path(work) / "labels.csv"
        with path.open("w", newline="") as file:
            out = csv.writer(file)
            out.writerow(["id", "label", "split"])
            for place, row in enumerate(reviews.order):
                split = "labelled" if place < LABELS else "unlabelled" if place < REST else "test"
                label = "" if split == "unlabelled" else rng.choice(reviews.raters[row])
                out.writerow([reviews.ids[row], label, split])
        config = PlanConfig(
            weak=(str(folder / f"{weak}.parquet"),),
            strong=str(folder / "mpnet.parquet"),
            labels=str(path),
            label_column="label",
            split_column="split",
            task="regression",
            noise_variance=NOISE,
            budget=budget,
            label_cost=LABEL,
            unlabelled_cost=ROW,
            most_unlabelled=REST - LABELS,
        )
        return plan(config)


def run(reviews: Reviews, route: str, n: int, N: int, penalties: dict[str, float]) -> np.ndarray:
    """Train a design with its own penalties, once per seed."""
    if route == "student":
        alphas = (np.array([penalties[key]]) for key in ("alpha_w", "alpha_s"))
        weak, strong = alphas
        return np.array([reviews.student(n, N, seed, weak, strong)[0, 0] for seed in range(SEEDS)])
    alpha = np.array([penalties[route]])
    return np.array([reviews.single(route, n, seed, alpha)[0] for seed in range(SEEDS)])


def measured(reviews: Reviews, budget: float) -> dict[tuple[str, int, int], float]:
    """Mean excess risk of every route on designs of that cost, each with its best penalties on the test."""
    weak, strong, union = (
        X.var(axis=0).sum() / X.shape[1] * RELATIVE for X in (reviews.weak, reviews.strong, reviews.union)
    )
    n = int(budget / LABEL)
    found = {}
    for route, alphas in (("teacher", weak), ("baseline", strong), ("union", union)):
        risks = [reviews.single(route, n, seed, alphas) for seed in range(SEEDS)]
        found[route, n, 0] = float(np.mean(risks, axis=0).min())
    for share in SPLITS:
        rows = int(budget * share / LABEL)
        N = min(round((budget - LABEL * rows) / ROW), REST - rows)
        risks = [reviews.student(rows, N, seed, weak, strong) for seed in range(SEEDS)]
        found["student", rows, N] = float(np.mean(risks, axis=0).min())
    return found


def main() -> None:
    """Print one table per case."""
    data = os.environ.get("OUTGROW_DATA")
    folder = Path(data or "") / "movies"
    if not data or not (folder / "mpnet.parquet").is_file():
        print("OUTGROW_DATA names no folder with movies/: nothing to run a plan on")
        return
    worst = 0.0
    for weak, budget in CASES:
        reviews = Reviews(folder, weak)
        begun = time.perf_counter()
        found = planned(reviews, folder, weak, budget)
        seconds = time.perf_counter() - begun
        best = found.best
        own = run(reviews, best.route, best.n, best.N, best.penalties)
        cells = measured(reviews, budget)
        least = min(cells, key=lambda cell: cells[cell])
        ratio = float(own.mean() / cells[least])
        worst = max(worst, ratio)
        print(
            f"\n{weak} -> mpnet, budget {budget:g} (label {LABEL:g}, review {ROW:g}),"
            f" planned in {seconds:.0f} s"
        )
        print(f"  plan: {best.route} n={best.n} N={best.N}, forecast {best.risk:.3f}")
        print(f"  run:  {own.mean():.3f} +- {own.std(ddof=1) / np.sqrt(SEEDS):.3f} over {SEEDS} draws")
        for (route, n, N), risk in sorted(cells.items(), key=lambda cell: cell[1]):
            print(f"    {route:9} n={n:<4} N={N:<5} {risk:.3f}  (best penalties on the test)")
        print(f"  plan over best cell: {ratio:.3f}")
    print(f"\nworst ratio {worst:.3f} (aim: 1.05)")
    sys.exit(worst > 1.05)


if __name__ == "__main__":
    main()
