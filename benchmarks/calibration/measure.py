"""The measured side of the calibration benchmark: every risk of calibration.toml, by training the models.

For each seed the rows of a corpus are parted at random into labelled rows, a pool and test rows (the rest);
labels are drawn anew. Trained are the teacher (n, alpha_w), the student (n, N, alpha_w, alpha_s), the
baseline (n, alpha_s) and the ceiling (n + N, alpha_s). The student is linear in its pseudo-labels: one
eigendecomposition of each pool serves all teachers, n, noise levels and penalties as columns of one product,
and test risks are quadratic forms in the moments of the test rows. ``measure.py`` goes on where it was
stopped (a file per seed); ``--check`` refits a sample of cells row by row with scikit-learn and numpy.

What is written, below the cache of features.py: CORPUS/pairs/STUDENT--TEACHER.npz (`load` reads it) with

    noises (l,)  n (i,)  N (j,)  alphas_w (a,)  alphas_s (b,)    the axes; alphas are the penalties themselves
    sigma2 (l,)                             noise variance of a label; NaN where it is not known
    teacher (l, i, a, seeds)                risks by seed
    student (l, i, j, a, b, seeds)
    baseline (l, i, b, seeds)
    ceiling (l, i, j, b, seeds)
    teacher_mean, teacher_se, ...           mean over seeds and its standard error, no last axis
    teacher_accuracy, ...                   share of test rows of the right sign; sst2 only, all as above

The risk of movies is the excess risk: the mean over test rows of (prediction - mean rating)^2, less the mean
rating's own error variance on these rows; the MSE on fresh labels is it plus sigma2. That of sst2 is the MSE
on -1 and +1. A forecaster is given rows and labels by `partition` and `labels_of`, the same as used here.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
from cells import labels_of, load, measured, pair_file, part_file, partition, plan_digest, save
from jaxtyping import Float
from refit import CELLS, check

from features import PLAN, corpus, matrix, penalties, set_file

__all__ = ["labels_of", "load", "measure", "pair_file", "partition"]

PARTS = ("teacher", "student", "baseline", "ceiling")
"""The models of a pair, in the order of the tables."""


@cache
def shifted(name: str, which: str) -> Float[np.ndarray, "rows d"]:
    """Give a feature set about its mean, in float64.

    Parameters
    ----------
    name : str
        The corpus.
    which : str
        The set.

    Returns
    -------
    ndarray, shape (rows, d)
        Its columns sum to 0.
    """
    # Intercepts are fitted: a shift changes nothing but the rounding of products.
    X = np.asarray(matrix(name, which), dtype=np.float64)
    return X - X.mean(axis=0)


def spectrum(
    rows: Float[np.ndarray, "m d"], second: Float[np.ndarray, "d d"] | None = None
) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, " r"], Float[np.ndarray, "d r"]]:
    """Decompose the covariance of rows.

    Parameters
    ----------
    rows : ndarray, shape (m, d)
        Features.
    second : ndarray, shape (d, d), optional
        Their uncentred second moments, where known.

    Returns
    -------
    mean : ndarray, shape (d,)
        Of the rows.
    values : ndarray, shape (r,)
        Eigenvalues above rounding: r is at most min(m - 1, d).
    basis : ndarray, shape (d, r)
        Their directions.
    """
    m, d = rows.shape
    mean = rows.mean(axis=0)
    if m > d:
        product = rows.T @ rows / m if second is None else second
        values, basis = np.linalg.eigh(product - np.outer(mean, mean))
    else:
        centred = rows - mean
        values, left = np.linalg.eigh(centred @ centred.T / m)
    # What LAPACK leaves in place of a zero; the least real direction (see features.make_set) is far above.
    keep = values > max(m, d) * np.finfo(np.float64).eps * values[-1]
    if m > d:
        return mean, values[keep], basis[:, keep]
    return mean, values[keep], centred.T @ (left[:, keep] / np.sqrt(m * values[keep]))


def ridge_path(
    values: Float[np.ndarray, " r"],
    basis: Float[np.ndarray, "d r"],
    cross: Float[np.ndarray, "d k"],
    alphas: Float[np.ndarray, " a"],
) -> Float[np.ndarray, "d ka"]:
    """Fit along a path of penalties.

    Parameters
    ----------
    values, basis : ndarrays, shapes (r,) and (d, r)
        As `spectrum` gives them.
    cross : ndarray, shape (d, k)
        Covariances of features and targets.
    alphas : ndarray, shape (a,)
        Penalties.

    Returns
    -------
    ndarray, shape (d, k * a)
        Coefficients; penalties run fastest.
    """
    theta = (basis.T @ cross)[:, :, None] / (values[:, None] + alphas)[:, None, :]
    return basis @ theta.reshape(len(values), -1)


class Seed:
    """Everything measured on one partition.

    Parameters
    ----------
    name : str
        The corpus.
    seed : int
        The seed.
    """

    def __init__(self, name: str, seed: int) -> None:
        plan, known = PLAN[name], corpus(name)
        self.name, self.rows = name, partition(name, seed)
        self.sizes, self.pools, self.noises = plan["labelled"], plan["pool"], list(plan["noise"])
        self.labels = np.stack([known.labels(noise, seed) for noise in self.noises], axis=1)
        self.truth = known.truth[self.rows.test]
        self.floor = float(known.truth_variance[self.rows.test].mean())
        self.signs = known.raters is None
        self.found: dict[str, np.ndarray] = {}

    def keep(self, key: str, predicted: Float[np.ndarray, "t k"], shape: tuple[int, ...]) -> None:
        """Keep the risks of predictions of the test rows.

        Parameters
        ----------
        key : str
            Their name.
        predicted : ndarray, shape (t, k)
            Predictions.
        shape : tuple of int
            What the k columns are.
        """
        wrong = predicted - self.truth[:, None]
        risk = np.einsum("tk,tk->k", wrong, wrong) / len(wrong) - self.floor
        self.found[f"{key}/risk"] = risk.reshape(shape)
        if self.signs:
            # A prediction of exactly 0 is of neither class.
            right = np.mean(predicted * self.truth[:, None] > 0, axis=0)
            self.found[f"{key}/accuracy"] = right.reshape(shape)

    def single(self, which: str) -> Float[np.ndarray, "N lia"]:
        """Measure single-stage fits of a feature set on the labelled rows: as a teacher, or as a baseline.

        Parameters
        ----------
        which : str
            The set.

        Returns
        -------
        ndarray, shape (N, l * i * a)
            Predictions of the pool by noise level, n and penalty: the pseudo-labels.
        """
        X, alphas = shifted(self.name, which), penalties(self.name, which)
        asked = np.concatenate([self.rows.pool, self.rows.test])
        coefs, levels = [], []
        for n in self.sizes:
            rows = self.rows.labelled[:n]
            mean, values, basis = spectrum(X[rows])
            y = self.labels[rows]
            coef = ridge_path(values, basis, (X[rows] - mean).T @ (y - y.mean(axis=0)) / n, alphas)
            coefs.append(coef)
            levels.append(np.repeat(y.mean(axis=0), len(alphas)) - mean @ coef)
        shape = (len(self.noises), len(self.sizes), len(alphas))
        predicted = X[asked] @ np.hstack(coefs) + np.concatenate(levels)
        # Fitted n by n; kept by noise level first.
        order = np.arange(predicted.shape[1]).reshape(shape[1], shape[0], shape[2])
        predicted = predicted[:, order.transpose(1, 0, 2).ravel()]
        self.keep(f"single/{which}", predicted[len(self.rows.pool) :], shape)
        return predicted[: len(self.rows.pool)]

    def ceiling(self, which: str) -> None:
        """Measure fits of a feature set on the labelled rows and the pool with all their labels.

        Parameters
        ----------
        which : str
            The set.
        """
        X, alphas = shifted(self.name, which), penalties(self.name, which)
        ones, pool = self.rows.labelled, self.rows.pool
        gram = {n: X[ones[:n]].T @ X[ones[:n]] for n in self.sizes}
        pool_gram = dict(zip(self.pools, self.nested(X), strict=True))
        test = X[self.rows.test]
        shape = (len(self.noises), len(self.sizes), len(self.pools), len(alphas))
        out = np.empty((len(test), *shape))
        for i, n in enumerate(self.sizes):
            for j, N in enumerate(self.pools):
                rows = np.concatenate([ones[:n], pool[:N]])
                mean, values, basis = spectrum(X[rows], (gram[n] + pool_gram[N]) / (n + N))
                y = self.labels[rows]
                coef = ridge_path(values, basis, X[rows].T @ (y - y.mean(axis=0)) / (n + N), alphas)
                level = np.repeat(y.mean(axis=0), len(alphas)) - mean @ coef
                out[:, :, i, j] = (test @ coef + level).reshape(len(test), shape[0], shape[3])
        self.keep(f"ceiling/{which}", out.reshape(len(test), -1), shape)

    def nested(
        self, left: Float[np.ndarray, "rows d"], right: Float[np.ndarray, "N k"] | None = None
    ) -> Iterator[np.ndarray]:
        """Add up products over the pools, each of which holds the smaller ones.

        Parameters
        ----------
        left : ndarray, shape (rows, d)
            Features of all rows.
        right : ndarray, shape (N, k), optional
            Values of the rows of the largest pool; by default the features.

        Yields
        ------
        ndarray, shape (d, k)
            Sums of products, smallest pool first.
        """
        total: Any = 0.0
        for start, stop in zip([0, *self.pools], self.pools, strict=False):
            block = left[self.rows.pool[start:stop]]
            total = total + block.T @ (block if right is None else right[start:stop])
            yield total

    def students(self, which: str, pseudo: dict[str, Float[np.ndarray, "N k"]]) -> None:
        """Measure the students of a feature set.

        Parameters
        ----------
        which : str
            The set.
        pseudo : dict of str to ndarray of shape (N, l * i * a)
            Pseudo-labels of the pool by teacher.
        """
        X, alphas = shifted(self.name, which), penalties(self.name, which)
        test, b = X[self.rows.test], len(alphas)
        scatter = None if self.signs else test.T @ test / len(test)
        cross = {teacher: list(self.nested(X, values)) for teacher, values in pseudo.items()}
        columns = next(iter(pseudo.values())).shape[1]
        out = {teacher: np.empty((columns, b, len(self.pools), 1 + self.signs)) for teacher in pseudo}
        for j, (N, second) in enumerate(zip(self.pools, self.nested(X), strict=True)):
            mean, values, basis = spectrum(X[self.rows.pool[:N]], second / N)
            judge = _judge(self, test, scatter, mean, basis)
            for teacher, labels in pseudo.items():
                level = labels[:N].mean(axis=0)
                covariance = basis.T @ (cross[teacher][j] / N - np.outer(mean, level))
                theta = covariance[:, :, None] / (values[:, None] + alphas)[:, None, :]
                judged = judge(theta.reshape(len(values), -1), np.repeat(level, b))
                out[teacher][:, :, j] = judged.reshape(columns, b, -1)
        plan = PLAN[self.name]
        shape = (len(self.noises), len(self.sizes), len(plan["alphas"]), b, len(self.pools))
        for teacher, made in out.items():
            for kind, values in zip(("risk", "accuracy"), np.moveaxis(made, -1, 0), strict=False):
                # From (l, i, a, b, j).
                ordered = values.reshape(shape).transpose(0, 1, 4, 2, 3)
                self.found[f"student/{which}/{teacher}/{kind}"] = ordered


def _judge(
    seed: Seed, test: np.ndarray, scatter: np.ndarray | None, mean: np.ndarray, basis: np.ndarray
) -> Any:
    if scatter is None:
        rows, truth = (test - mean) @ basis, seed.truth[:, None]

        def predict(theta: np.ndarray, level: np.ndarray) -> np.ndarray:
            predicted = rows @ theta + level
            right = np.mean(predicted * truth > 0, axis=0)
            predicted -= truth
            return np.stack([np.einsum("tk,tk->k", predicted, predicted) / len(rows), right], axis=1)

        return predict
    # Risk as a quadratic form: E (level + z' theta - truth)^2 with z the test rows about the pool's mean.
    test_mean = test.mean(axis=0)
    offset = test_mean - mean
    about = scatter - np.outer(test_mean, test_mean) + np.outer(offset, offset)
    square = basis.T @ about @ basis
    centre = float(seed.truth.mean())
    spread = float(seed.truth.var()) - seed.floor
    shift = basis.T @ offset
    towards = basis.T @ ((test - mean).T @ (seed.truth - centre) / len(test))

    def form(theta: np.ndarray, level: np.ndarray) -> np.ndarray:
        gap = level - centre
        # About the means of truth and level, so that no large numbers cancel.
        risk = np.einsum("rk,rk->k", theta, square @ theta) + 2 * (gap * (shift @ theta) - towards @ theta)
        return (risk + gap**2 + spread)[:, None]

    return form


def measure(name: str, seed: int) -> dict[str, np.ndarray]:
    """Measure all models of a corpus on one partition.

    Parameters
    ----------
    name : str
        The corpus.
    seed : int
        The seed.

    Returns
    -------
    dict of str to ndarray
        "single/SET/risk" (l, i, a), "ceiling/SET/risk" (l, i, j, b), "student/SET/TEACHER/risk"
        (l, i, j, a, b); for sst2 "accuracy" likewise.
    """
    work = Seed(name, seed)
    pseudo = {which: work.single(which) for which in PLAN[name]["sets"]}
    for student, teachers in PLAN[name]["pairs"].items():
        work.ceiling(student)
        work.students(student, {teacher: pseudo[teacher] for teacher in teachers})
    return work.found


def gather(name: str) -> None:
    """Write one file per pair from those of the seeds.

    Parameters
    ----------
    name : str
        The corpus.
    """
    plan, known = PLAN[name], corpus(name)
    files = [np.load(part_file(name, seed)) for seed in range(plan["seeds"])]
    kinds = ("risk",) if known.raters is not None else ("risk", "accuracy")
    for student, teachers in plan["pairs"].items():
        for teacher in teachers:
            kept: dict[str, Any] = {
                "noises": np.array(list(plan["noise"])),
                "n": np.array(plan["labelled"]),
                "N": np.array(plan["pool"]),
                "alphas_w": penalties(name, teacher),
                "alphas_s": penalties(name, student),
                # None becomes NaN.
                "sigma2": np.array([known.noise_variance(noise) for noise in plan["noise"]], dtype=float),
            }
            keys = (
                f"single/{teacher}",
                f"student/{student}/{teacher}",
                f"single/{student}",
                f"ceiling/{student}",
            )
            for part, key in zip(PARTS, keys, strict=True):
                for kind in kinds:
                    values = np.stack([file[f"{key}/{kind}"] for file in files], axis=-1)
                    called = part if kind == "risk" else f"{part}_{kind}"
                    kept[called] = values
                    kept[f"{called}_mean"] = values.mean(axis=-1)
                    kept[f"{called}_se"] = values.std(axis=-1, ddof=1) / np.sqrt(len(files))
            save(pair_file(name, teacher, student), kept)
    for file in files:
        file.close()


def show(name: str, teacher: str, student: str, n: int, N: int) -> None:
    """Print the best measured risks of one pair at one n and N.

    Parameters
    ----------
    name : str
        The corpus.
    teacher, student : str
        Feature sets.
    n, N : int
        Sizes.
    """
    kept = load(name, teacher, student)
    i, j = list(kept["n"]).index(n), list(kept["N"]).index(N)
    print(f"{name}: {teacher} -> {student}, n = {n}, N = {N}; alphas in units of the mean column variance")
    for l, noise in enumerate(kept["noises"]):
        at = {"teacher": (l, i), "student": (l, i, j), "baseline": (l, i), "ceiling": (l, i, j)}
        for part in PARTS:
            means, errors = kept[f"{part}_mean"][at[part]], kept[f"{part}_se"][at[part]]
            best = np.unravel_index(int(np.argmin(means)), means.shape)
            units = ", ".join(f"{PLAN[name]['alphas'][k]:g}" for k in best)
            print(f"  {noise:10}{part:10}{means[best]:8.4f} +- {errors[best]:.4f}   at alpha {units}")


def main() -> None:
    """Measure what is missing, gather it, or check it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("corpus", nargs="*", default=list(PLAN), help="movies, sst2 (default: both)")
    parser.add_argument("--check", action="store_true", help="refit a sample of what was measured")
    parser.add_argument("--cells", type=int, default=CELLS, help="cells to refit")
    asked = parser.parse_args()
    for name in asked.corpus:
        missing = [
            w for w, e in PLAN[name]["sets"].items() if "of" not in e and not set_file(name, w).exists()
        ]
        if missing:
            sys.exit(f"{name} lacks {', '.join(missing)}: run features.py first")
    if asked.check:
        sys.exit(0 if check(asked.corpus, asked.cells) else 1)
    for name in asked.corpus:
        for seed in range(PLAN[name]["seeds"]):
            if measured(name, seed):
                continue
            start = time.perf_counter()
            save(part_file(name, seed), {"plan": np.array(plan_digest(name)), **measure(name, seed)})
            print(f"{name}: seed {seed} in {time.perf_counter() - start:.0f} s", flush=True)
        gather(name)
    if "movies" in asked.corpus:
        show("movies", "minilm-l6", "mpnet", 400, 6000)


if __name__ == "__main__":
    main()
