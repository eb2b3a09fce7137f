"""Bias and coverage of the correlation dimension in worlds of known truth, and on the movie reviews.

Worlds have 20 and 15 dimensions: Gaussian rows; rows of multivariate t5 (all entries of a row share one
factor); every row twice, exactly and nearly (noise of 5 % on each); groups of five of correlation .7, named;
both at once. Printed for each truth and number of rows: the bias of T1b, bias and standard deviation of T1c,
and how often its interval holds the truth (nominal .90). Then leading directions of two text encoders on some
hundreds of reviews, against the value from all of them. docs/theory.md (T1) rests on it.
"""

from __future__ import annotations

import argparse

import numpy as np

from outgrow.geometry.correlation import corrected, correlation_dimension
from outgrow.results import Estimate
from outgrow.worlds.rated_movies import load_movies

D_W, D_S = 20, 15
TRUTHS = {
    "0": np.zeros(0),
    "3.56": np.array([0.95, 0.85, 0.7, 0.5, 0.3, 0.15, 0.11]),
    "10.8": np.linspace(0.99, 0.45, 15),
}
NOISE = 0.05
KINDS = ("gaussian", "t5", "twice", "nearly twice", "fives", "fives, t5")


def world(rng: np.random.Generator, N: int, squared: np.ndarray, kind: str) -> tuple[np.ndarray, ...]:
    """Draw both sets and, where they are to be named, the groups."""

    def rows(count: int) -> tuple[np.ndarray, np.ndarray]:
        X, Y, k = rng.standard_normal((count, D_W)), rng.standard_normal((count, D_S)), len(squared)
        Y[:, :k] = np.sqrt(squared) * X[:, :k] + np.sqrt(1 - squared) * Y[:, :k]
        return X, Y

    groups = np.arange(N)
    if "twice" in kind:
        X, Y = (np.repeat(Z, 2, axis=0) for Z in rows(N // 2))
        if "nearly" in kind:
            X, Y = (Z + NOISE * rng.standard_normal(Z.shape) for Z in (X, Y))
    elif "fives" in kind:
        common, own = rows(N // 5), rows(N)
        X, Y = (
            np.sqrt(0.7) * np.repeat(c, 5, axis=0) + np.sqrt(0.3) * o
            for c, o in zip(common, own, strict=True)
        )
        groups = np.arange(N) // 5
    else:
        X, Y = rows(N)
    if "t5" in kind:
        scale = np.sqrt(5 / rng.chisquare(5, N))[:, None]
        X, Y = X * scale, Y * scale
    return X, Y, groups


def one_world(N: int, truth: str, kind: str, draws: int) -> str:
    """Measure one world over and over."""
    rng = np.random.default_rng([N, KINDS.index(kind), len(truth)])
    squared = TRUTHS[truth]
    # Noise on each copy of a row takes a little from every correlation.
    target = float(squared.sum()) / (1 + NOISE**2 * ("nearly" in kind)) ** 2
    plain, found, held, undefined = [], [], [], 0
    for _ in range(draws):
        X, Y, groups = world(rng, N, squared, kind)
        one = correlation_dimension(X, Y, groups=groups if "fives" in kind else None)
        if not isinstance(one.estimate, Estimate) or one.estimate.interval is None or one.naive is None:
            undefined += 1
            continue
        plain.append(corrected(one.naive, N - 1, one.d_w, one.d_s) - target)
        found.append(one.estimate.value - target)
        held.append(one.estimate.interval[0] <= target <= one.estimate.interval[1])
    if not found:
        return f"{N:6} {truth:>6} {kind:14} undefined in all of {draws} draws"
    error = np.std(found) / np.sqrt(len(found))
    line = f"{N:6} {truth:>6} {kind:14} {np.mean(plain):+6.2f} {np.mean(found):+6.2f} +- {error:.2f}"
    return f"{line}   sd {np.std(found):.2f}   {np.mean(held):.2f}" + (
        f"   undefined {undefined}" if undefined else ""
    )


def reviews(draws: int) -> None:
    """Leading directions chosen on other rows, measured on few and on all."""
    movies = load_movies()
    weak, strong = (movies.features[name].astype(float) for name in ("minilm-l3", "mpnet"))
    rng = np.random.default_rng(0)
    for d_w, d_s, N in ((48, 64, 340), (64, 96, 480), (48, 96, 1000)):
        order = rng.permutation(len(weak))
        half = order[: len(order) // 2]
        sets = []
        for X, d in ((weak, d_w), (strong, d_s)):
            mean = X[half].mean(axis=0)
            sets.append((X - mean) @ np.linalg.eigh(np.cov(X[half].T))[1][:, -d:])
        whole = correlation_dimension(sets[0], sets[1], interval=False)
        assert isinstance(whole.estimate, Estimate)
        plain, found, held = [], [], []
        for _ in range(draws):
            rows = rng.choice(order[len(half) :], N, replace=False)
            one = correlation_dimension(sets[0][rows], sets[1][rows])
            assert isinstance(one.estimate, Estimate) and one.naive is not None
            assert one.estimate.interval is not None
            plain.append(corrected(one.naive, N - 1, one.d_w, one.d_s) - whole.estimate.value)
            found.append(one.estimate.value - whole.estimate.value)
            held.append(one.estimate.interval[0] <= whole.estimate.value <= one.estimate.interval[1])
        print(
            f"{N:6} of {len(weak)} reviews, {d_w} x {d_s}: {whole.estimate.value:.2f};"
            f" {np.mean(plain):+.2f} {np.mean(found):+.2f} sd {np.std(found):.2f}   {np.mean(held):.2f}",
            flush=True,
        )


def main() -> None:
    """Print a line per world."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--draws", type=int, default=100, help="per world; a quarter of it at 1,000 rows")
    options.add_argument("--sizes", default="60,200,1000")
    given = options.parse_args()
    print("  rows  truth world             T1b    T1c                    holds")
    for N in map(int, given.sizes.split(",")):
        for truth in TRUTHS:
            for kind in KINDS:
                print(
                    one_world(N, truth, kind, given.draws if N < 1000 else max(4, given.draws // 4)),
                    flush=True,
                )
    reviews(max(4, given.draws // 5))


if __name__ == "__main__":
    main()
