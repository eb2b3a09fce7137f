"""Coverage of forecast intervals on one pair, over all twenty draws of rows and labels.

The other scripts forecast every pair from a few draws, which the pairs share; here one pair is forecast from
each draw, on fewer cells. Intervals are those of the product.
"""

from __future__ import annotations

import argparse

import numpy as np
from forecast import forecast, target_of, whitened
from measure import labels_of, load

from features import PLAN, corpus
from outgrow.intervals.replicates import MODEL, interval, pgr
from outgrow.results import Estimate

LABELS = (100, 400, 2000)
SIZES, POOLS, PENALTIES = (1, 3, 5), (1, -1), (0, 3, 4, 5, 6)
"""Places on the axes of calibration.toml: small to large, one penalty of 0 among them."""


def main() -> None:
    """Print the share of draws and cells in which the target lies inside."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", nargs="?", default="movies")
    parser.add_argument("teacher", nargs="?", default="minilm-l6")
    parser.add_argument("student", nargs="?", default="mpnet")
    given = parser.parse_args()
    name, teacher, student = given.corpus, given.teacher, given.student
    noise = next(iter(PLAN[name]["noise"]))
    measured = load(name, teacher, student)
    sigma2 = corpus(name).noise_variance(noise) or 0.0
    i, j, k = list(SIZES), list(POOLS), list(PENALTIES)
    axes = {
        "n": measured["n"][i],
        "N": measured["N"][j],
        "alphas_w": measured["alphas_w"][k],
        "alphas_s": measured["alphas_s"][k],
    }
    W = measured["teacher_mean"][0][np.ix_(i, k)]
    S = measured["student_mean"][0][np.ix_(i, j, k, k)]
    tops = measured["ceiling_mean"][0][np.ix_(i, j, k)]
    best = tops.argmin(axis=-1)
    top = np.take_along_axis(tops, best[..., None], axis=-1)[..., 0]
    true_pgr = (W[:, None, :, None] - S) / (W[:, None, :, None] - top[..., None, None])
    for m in LABELS:
        inside: dict[tuple[str, str], list[bool]] = {}
        for seed in range(PLAN[name]["seeds"]):
            white = whitened(name, teacher, student, seed)
            pair, target = target_of(white, name, teacher, student, *labels_of(name, noise, seed, m))
            found = forecast(pair, target, axes)
            for at in np.ndindex(S.shape):
                cells = "penalised" if at[2] and at[3] else "minimum norm"
                w, s = found["teacher"][:, at[0], at[2]], found["student"][:, *at]
                c = found["ceiling"][:, at[0], at[1], best[at[0], at[1]]]
                low, high = interval(s - sigma2, MODEL * (float(s[0]) - sigma2)) or (np.nan, np.nan)
                inside.setdefault(("student", cells), []).append(bool(low <= S[at] <= high))
                made = pgr(w - sigma2, s - sigma2, c - sigma2, m, "")
                if isinstance(made, Estimate) and made.interval is not None:
                    low, high = made.interval
                    inside.setdefault(("PGR", cells), []).append(bool(low <= true_pgr[at] <= high))
        said = ", ".join(f"{what} ({cells}) {np.mean(every):.2f}" for (what, cells), every in inside.items())
        print(f"{teacher} -> {student}, m = {m}: {said}", flush=True)


if __name__ == "__main__":
    main()
