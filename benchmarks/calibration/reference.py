"""How well any forecast from m labels could do: the same estimator in worlds whose law it knows.

For a pair of the movies a Gaussian world is made with the covariances of all rows, a target linear in both
sets (ridge of the raters' mean, its penalty by leave-one-out) plus independent misfit, and the raters' noise
variance. There the equivalents hold, the spectra are given and only the m labels are random: what is left is
the sampling error of labels. On the real rows everything else comes on top.
"""

from __future__ import annotations

import argparse

import numpy as np
from forecast import FOLDS, forecast, forecast_file, ratio
from measure import load
from summary import Pair

from features import corpus, matrix, penalties
from outgrow.linalg.spectrum import spectrum_of_covariance
from outgrow.theory.label_terms import label_terms
from outgrow.theory.terms import PairSpectra, Target

PAIRS = (("minilm-l6", "mpnet"), ("minilm-l3", "mpnet-layer8"), ("mpnet-layer8", "mpnet"))
"""Teacher and student: unlike, unlike and alike."""

DRAWS = 10
"""Draws of m labels."""

GRID = slice(2, 8)
"""Penalties of the benchmark that are neither zero nor useless."""


def world(teacher: str, student: str) -> tuple[PairSpectra, np.ndarray, np.ndarray, float, float]:
    """Make a world like a pair: spectra, root of the joint covariance, target, misfit and label noise."""
    data = corpus("movies")
    blocks = [matrix("movies", which).astype(np.float64) for which in (teacher, student)]
    whitened, values = [], []
    for block in blocks:
        centred = block - block.mean(axis=0)
        found = spectrum_of_covariance(centred.T @ centred / len(centred), len(centred))
        kept = found.rank
        whitened.append(centred @ (found.vectors[:, :kept] / np.sqrt(found.values[:kept])))
        values.append(found.values[:kept])
    Z = np.hstack(whitened)
    joint = Z.T @ Z / len(Z)
    d_w = whitened[0].shape[1]
    pair = PairSpectra(values_w=values[0], values_s=values[1], C=joint[d_w:, :d_w])
    # The target: ridge on both sets in their own units, each of unit total variance.
    scale = np.concatenate([np.sqrt(v / v.sum()) for v in values])
    y = data.truth - data.truth.mean()
    eigenvalues, vectors = np.linalg.eigh(joint * np.outer(scale, scale))
    keep = eigenvalues > 1e-10
    eigenvalues, vectors = eigenvalues[keep], vectors[:, keep]
    scores = (Z * scale) @ vectors
    best = (np.inf, 0.0, np.zeros(len(scale)))
    for penalty in np.geomspace(1e-5, 1e-1, 13):
        shrunk = 1 / (eigenvalues + penalty)
        coefficients = shrunk * (scores.T @ y) / len(y)
        own = 1 - (scores**2) @ shrunk / len(y)
        loss = float(np.mean(((y - scores @ coefficients) / own) ** 2))
        best = min(best, (loss, penalty, scale * (vectors @ coefficients)), key=lambda found: found[0])
    misfit = best[0] - float(data.truth_variance.mean())
    root = np.linalg.cholesky(joint + 1e-10 * np.eye(len(joint)))
    assert data.label_variance is not None
    return pair, root, best[2], misfit, data.label_variance


def main() -> None:
    """Print the error of PGR in the world that is known, and on the real rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=DRAWS)
    given = parser.parse_args()
    for teacher, student in PAIRS:
        measured = load("movies", teacher, student)
        axes = {
            "n": measured["n"],
            "N": measured["N"],
            "alphas_w": penalties("movies", teacher)[GRID],
            "alphas_s": penalties("movies", student)[GRID],
        }
        pair, root, beta, misfit, sigma2 = world(teacher, student)
        joint = root @ root.T
        d_w = len(pair.values_w)
        t = joint @ beta
        truth = Target.known(t[:d_w], t[d_w:], float(beta @ t) + misfit, sigma2)
        best_c = measured["ceiling_mean"][0][..., GRID].argmin(axis=-1)

        def pgr(found: dict[str, np.ndarray], best_c: np.ndarray = best_c) -> np.ndarray:
            top = np.take_along_axis(found["ceiling"], best_c[None, ..., None], axis=-1)[..., 0]
            w = found["teacher"][:, :, None, :, None]
            over, under = w - found["student"], w - top[..., None, None] + 0 * found["student"]
            return ratio(over, under)[0] if len(over) > 2 else (over / under)[0]

        known = pgr(forecast(pair, truth, axes))
        real = Pair("movies", teacher, student, "rater")
        usable = real.resolved[:, :, GRID, GRID]
        rng = np.random.default_rng(0)
        for m in (100, 200, 400, 800, 2000):
            errors = []
            for _ in range(given.draws):
                Z = rng.standard_normal((m, len(root))) @ root.T
                y = Z @ beta + np.sqrt(misfit + sigma2) * rng.standard_normal(m)
                target = label_terms(pair, Z[:, :d_w], Z[:, d_w:], y[:, None], np.arange(m) % FOLDS)
                errors.append(np.abs(pgr(forecast(pair, target, axes)) - known)[usable])
            known_error = np.nanmedian(errors)
            line = (
                f"{teacher} -> {student}, m = {m}: median |error| of PGR {known_error:.3f} in the known world"
            )
            if forecast_file("movies", teacher, student, "rater").exists():
                told = real.found[f"m{m}/pgr"][:, :, :, GRID, GRID]
                off = np.nanmedian(np.abs(told - real.pgr[:, :, GRID, GRID])[:, usable])
                line += f", {off:.3f} on the real rows"
            print(line, flush=True)


if __name__ == "__main__":
    main()
