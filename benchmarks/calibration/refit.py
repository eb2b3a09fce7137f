"""Measurements against models fitted one by one, row by row, by scikit-learn and numpy.

measure.py shares one decomposition among thousands of models and never sees most of their predictions. Here a
sample of its cells is fitted the plain way: penalised models by scikit-learn's Ridge, minimum-norm ones by
numpy's least squares, students on the predictions of a teacher that was itself fitted here.
"""

from __future__ import annotations

import numpy as np
from cells import measured, part_file, partition
from jaxtyping import Float

from features import PLAN, corpus, matrix, penalties

CELLS = 30
"""Cells refitted by ``measure.py --check``, of all corpora together: a third with both stages penalised, a
third without a penalty in stage one, a third without one in stage two."""

AGREE = 1e-6
"""Relative deviation of a risk that is allowed. A minimum-norm fit divides by variances down to 1e-10 of the
largest, of which a covariance matrix holds six digits; their share in a risk is one direction of hundreds.
Found in 90 cells: 5e-14 with penalties, 2e-8 without."""


def check(names: list[str], cells: int) -> bool:
    """Refit a sample of cells with scikit-learn (penalties) and numpy (minimum norm), row by row.

    Parameters
    ----------
    names : list of str
        Corpora; those of their seeds that are measured are drawn from.
    cells : int
        How many cells, each of four models.

    Returns
    -------
    bool
        Whether all agree.
    """
    rng = np.random.default_rng(0)
    worst = {False: 0.0, True: 0.0}
    for cell in range(cells):
        name = names[cell % len(names)]
        plan, known = PLAN[name], corpus(name)
        seed = int(rng.choice([s for s in range(plan["seeds"]) if measured(name, s)]))
        student = str(rng.choice(list(plan["pairs"])))
        teacher = str(rng.choice(plan["pairs"][student]))
        l, i, j = (int(rng.integers(len(plan[key]))) for key in ("noise", "labelled", "pool"))
        a, b = (int(rng.integers(1, len(plan["alphas"]))) for _ in range(2))
        # Thirds of the cells: both penalised, no penalty in stage one, none in stage two.
        kind = cell // len(names) % 3
        a, b = (0 if kind == 1 else a), (0 if kind == 2 else b)
        rows, n, N = partition(name, seed), plan["labelled"][i], plan["pool"][j]
        y = known.labels(list(plan["noise"])[l], seed)
        weak, strong = (np.asarray(matrix(name, which), dtype=np.float64) for which in (teacher, student))
        alpha_w, alpha_s = penalties(name, teacher)[a], penalties(name, student)[b]
        ones, pool, test = rows.labelled[:n], rows.pool[:N], rows.test
        both = np.concatenate([ones, pool])
        said = refit(weak[ones], y[ones], alpha_w, weak[np.concatenate([pool, test])])
        predicted = {
            f"single/{teacher}": (said[N:], (l, i, a), a == 0),
            f"student/{student}/{teacher}": (
                refit(strong[pool], said[:N], alpha_s, strong[test]),
                (l, i, j, a, b),
                a == 0 or b == 0,
            ),
            f"single/{student}": (refit(strong[ones], y[ones], alpha_s, strong[test]), (l, i, b), b == 0),
            f"ceiling/{student}": (refit(strong[both], y[both], alpha_s, strong[test]), (l, i, j, b), b == 0),
        }
        with np.load(part_file(name, seed)) as kept:
            for key, (values, place, bare) in predicted.items():
                floor = known.truth_variance[test].mean()
                risk = float(np.mean((values - known.truth[test]) ** 2) - floor)
                gap = abs(float(kept[f"{key}/risk"][place]) / risk - 1)
                worst[bare] = max(worst[bare], gap)
                if gap > AGREE:
                    print(f"{name} seed {seed} {key} n={n} N={N} {place}: {risk:.8g}, off by {gap:.1e}")
                if known.raters is None:
                    right = float(np.mean(values * known.truth[test] > 0))
                    # A prediction of almost 0 may fall on either side.
                    if abs(float(kept[f"{key}/accuracy"][place]) - right) > 1.5 / len(test):
                        print(f"{name} seed {seed} {key} {place}: accuracy {right:.4f} is not as measured")
                        worst[bare] = np.inf
    print(
        f"{cells} cells of four models; largest relative deviation of a risk: {worst[False]:.1e} with "
        f"penalties, {worst[True]:.1e} without (allowed: {AGREE:.0e})"
    )
    return max(worst.values()) <= AGREE


def refit(
    X: Float[np.ndarray, "m d"],
    y: Float[np.ndarray, " m"],
    alpha: float,
    new: Float[np.ndarray, "t d"],
) -> Float[np.ndarray, " t"]:
    """Fit rows and predict others, by other means than above.

    Parameters
    ----------
    X : ndarray, shape (m, d)
        Features.
    y : ndarray, shape (m,)
        Targets.
    alpha : float
        This project's alpha.
    new : ndarray, shape (t, d)
        Rows to predict.

    Returns
    -------
    ndarray, shape (t,)
        Predictions.
    """
    from sklearn.linear_model import Ridge

    if alpha > 0:
        model = Ridge(alpha=alpha * len(X), solver="cholesky").fit(X, y)
        return np.asarray(model.predict(new))
    mean = X.mean(axis=0)
    # Singular values of float16 directions are 1e-6 of the largest and more, those of rounding 1e-14.
    coef = np.linalg.lstsq(X - mean, y - y.mean(), rcond=1e-11)[0]
    return np.asarray((new - mean) @ coef + y.mean())
