"""How often the verdict's intervals hold on the movie reviews, with and without widening.

For each pair of encoders and number of labels, rows and raters are drawn anew many times; every route is
trained and judged as in a run, and each interval for a difference of two routes is compared with the
difference of their errors on the test rows. Printed: the share of draws in which all intervals hold at once
(the level is .90), and how often each decision was taken. docs/decisions.md, 4, rests on it.
"""

from __future__ import annotations

import argparse
from collections import Counter

import numpy as np

from outgrow.data.movies import Movies, load_movies
from outgrow.probes import routes as ways
from outgrow.probes.two_stage import Pool
from outgrow.study.training import FOLDS
from outgrow.study.verdict import decide, widening

CASES = (("mpnet-layer8", 100), ("mpnet-layer8", 400), ("minilm-l3", 100), ("minilm-l3", 400))


def one_draw(movies: Movies, weak_name: str, n: int, seed: int) -> tuple[str, bool, bool]:
    """Draw labels and rows once.

    Parameters
    ----------
    movies : Movies
        The data.
    weak_name : str
        The teacher's encoder.
    n : int
        Labelled rows.
    seed : int
        Of the draw.

    Returns
    -------
    tuple of (str, bool, bool)
        Decision; whether all intervals hold as they are, and without widening.
    """
    rng = np.random.default_rng(seed)
    sets = {
        "weak": movies.features[weak_name].astype(float),
        "strong": movies.features["mpnet"].astype(float),
    }
    weak, strong = sets["weak"], sets["strong"]
    labels = movies.noisy_labels(seed)[:, None]
    rows = rng.permutation(np.flatnonzero(~movies.is_test))
    labelled, pool_rows = rows[:n], rows[n:]
    folds = np.array_split(rng.permutation(n), FOLDS)
    known = ways.Labelled(strong[labelled], labels[labelled], folds)
    pool = Pool.from_rows(weak[pool_rows], strong[pool_rows])
    found = [
        ways.baseline(known),
        *ways.with_teacher(weak_name, weak[labelled], pool, known),
        ways.union(weak_name, weak[labelled], known),
    ]
    judged = [route for route in found if route.kind in ways.COST_ORDER]
    verdict = decide(judged, None, seed)
    error = {}
    for route in judged:
        read = np.hstack([sets[which][movies.is_test] for which in route.features])
        predicted = route.model.predict(read)[:, 0]
        error[route.name] = float(np.mean((predicted - movies.rating[movies.is_test]) ** 2))
    holds = {True: True, False: True}
    for comparison in verdict.comparisons:
        assert comparison.difference.interval is not None
        reach = comparison.difference.interval[1] - comparison.difference.value
        off = abs(comparison.difference.value - (error[comparison.first] - error[comparison.second]))
        holds[True] &= off <= reach
        holds[False] &= off <= reach / widening(n)
    return verdict.decision, holds[True], holds[False]


def main() -> None:
    """Print a line per case."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--draws", type=int, default=50)
    draws = options.parse_args().draws
    movies = load_movies()
    print(f"all intervals at once, {draws} draws each, level .90")
    for weak, n in CASES:
        seen = [one_draw(movies, weak, n, seed) for seed in range(draws)]
        widened, plain = np.mean([one[1] for one in seen]), np.mean([one[2] for one in seen])
        decided = ", ".join(
            f"{name} {count}" for name, count in Counter(one[0] for one in seen).most_common()
        )
        print(
            f"{weak:>12} -> mpnet, n = {n}: widened {widened:.2f}, plain {plain:.2f}; {decided}", flush=True
        )


if __name__ == "__main__":
    main()
