"""How accuracy forecasts hold: error rates forecast from m labels beside those of trained heads.

    OUTGROW_DATA=... python benchmarks/accuracy.py [--mnist DIR] [--sst2 DIR] [--only NAME ...] [--draws 8]

DIR as benchmarks/class_features.py makes them. For every draw of m labels each route is forecast at n = 100,
400 and 2,000 and N = 500 and 2,500. Measured is the mean error rate on all further rows, over other draws of
n labels and N unlabelled rows, of heads trained at the penalties that the forecast chose. Printed are both,
by data set, route, m and n, how often the 90 % interval holds, and the same for scores taken to be Gaussian
within classes. Feature sets are cut to their leading 200 principal components: a case takes some minutes.
"""

from __future__ import annotations

import argparse
import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from scipy.special import ndtr

from outgrow.data.splits import jackknife_groups
from outgrow.forecasts.accuracy_forecast import AccuracyForecast, LabelledRows
from outgrow.forecasts.forecast import Forecast
from outgrow.geometry.pairs import pair_of
from outgrow.intervals.jackknife import jackknife_interval
from outgrow.linalg.moments import moments_of
from outgrow.results import Estimate
from outgrow.theory.equivalents import single_risks, student_risks
from outgrow.theory.label_terms import label_terms
from outgrow.theory.margins import variance_with_intercept
from outgrow.theory.surface import RELATIVE
from outgrow.theory.whitening import whiten

SIZES, POOLS = (100, 400, 2000), (500, 2500)
TRAININGS = {100: 40, 400: 20, 2000: 10}
"""Draws that measured errors are means of: few labels leave the error of one training a spread of a sixth."""

COLUMNS = 200
STEP = float(np.sqrt(2))
"""Distance of the codes of two classes, as `outgrow forecast` codes them."""

ROUTES = ("teacher", "student", "baseline", "ceiling")


@dataclass(frozen=True)
class Case:
    """One data set: weak and strong features, class of every row."""

    weak: np.ndarray
    strong: np.ndarray
    classes: np.ndarray

    @property
    def coded(self) -> np.ndarray:
        """Classes as labels: one column for two of them, else one each."""
        if self.classes.max() == 1:
            return STEP * (self.classes[:, None] == 1)
        return np.eye(self.classes.max() + 1)[self.classes]


@dataclass(frozen=True)
class Said:
    """One route at one design, forecast from one draw of labels: error rates with their intervals."""

    m: int
    route: str
    n: int
    N: int
    settings: tuple[float, ...]
    error: tuple[float, float, float]
    gaussian: tuple[float, float, float] | None


def leading(features: np.ndarray) -> np.ndarray:
    """Give the leading principal components of all rows."""
    centred = np.asarray(features, dtype=np.float64)
    centred = centred - centred.mean(axis=0)
    values, vectors = np.linalg.eigh(centred.T @ centred / len(centred))
    kept = np.flatnonzero(values > 1e-8 * values[-1])[::-1][:COLUMNS]
    return centred @ vectors[:, kept]


def movies(weak: str, strong: str) -> Case:
    """Reviews rated above zero or not."""
    folder = Path(os.environ["OUTGROW_DATA"]) / "movies"
    reviews = pq.read_table(folder / "reviews.parquet", columns=["id", "rating"])
    sets = []
    for name in (weak, strong):
        table = pq.read_table(folder / f"{name}.parquet")
        place = {row: i for i, row in enumerate(table["id"].to_pylist())}
        values = np.stack(table["features"].to_numpy(zero_copy_only=False))
        sets.append(leading(values[[place[row] for row in reviews["id"].to_pylist()]]))
    return Case(*sets, (np.array(reviews["rating"]) > 0).astype(int))


def arrays(folder: Path, weak: str, strong: str, labels: str, to: Callable[[np.ndarray], np.ndarray]) -> Case:
    """What benchmarks/class_features.py has written."""
    weak_rows, strong_rows, classes = (np.load(folder / f"{name}.npy") for name in (weak, strong, labels))
    return Case(leading(weak_rows), leading(strong_rows), to(classes).astype(int))


def cases(mnist: Path | None, sst2: Path | None) -> dict[str, Callable[[], Case]]:
    """Name the data sets at hand."""
    found: dict[str, Callable[[], Case]] = {}
    if "OUTGROW_DATA" in os.environ:
        found["movies"] = lambda: movies("minilm-l6", "mpnet")
        found["movies-layer8"] = lambda: movies("minilm-l3", "mpnet-layer8")
    if sst2 is not None:
        found["sst2"] = lambda: arrays(sst2, "l3", "l6", "labels", lambda y: y)
    if mnist is not None:
        names = ("mnist_pixels", "mnist_efficientnet", "mnist_labels")
        found["mnist-parity"] = lambda: arrays(mnist, *names, lambda y: y % 2)
        for digit in (3, 8):
            found[f"mnist-{digit}-or-not"] = lambda digit=digit: arrays(mnist, *names, lambda y: y == digit)
        found["mnist-digits"] = lambda: arrays(mnist, *names, lambda y: y)
    return found


def forecast_from(case: Case, m: int, seed: int) -> Iterator[Said]:
    """Forecast every design from one draw of labels."""
    order = np.random.default_rng([3, seed]).permutation(len(case.classes))
    rows, pool = order[:m], order[m : m + max(POOLS)]
    moments = moments_of(pair_of(case.weak, case.strong), splits={"pool": pool}).select()
    white = whiten(moments)
    Z_w, Z_s, y = white.weak(case.weak[rows]), white.strong(case.strong[rows]), case.coded[rows]
    folds = jackknife_groups(rows.astype(str), seed=seed)
    pair = white.pair.with_lengths(Z_w, Z_s)
    one = Forecast(
        weak="weak",
        strong="strong",
        pair=pair,
        target=label_terms(white.pair, Z_w, Z_s, y, folds),
        m=m,
        penalties_w=pair.values_w.mean() * RELATIVE,
        penalties_s=pair.values_s.mean() * RELATIVE,
        union=False,
    )
    named = AccuracyForecast(one, LabelledRows(Z_w, Z_s, y, folds))
    for n in SIZES:
        for N in POOLS:
            used = one.best_alphas(n, N)
            for route, found in named.at(n, N).items():
                if not isinstance(found, Estimate) or (route in ("teacher", "baseline") and max(POOLS) != N):
                    continue
                assert found.interval is not None
                low, high = found.interval
                settings = (used.alpha_w, used.alpha_s) if route == "student" else (getattr(used, route),)
                error = (1 - found.value, 1 - high, 1 - low)
                gaussian = with_gaussian_scores(one, route, n, N, settings, y)
                yield Said(m, route, n, N, settings, error, gaussian)


def with_gaussian_scores(
    one: Forecast, route: str, n: int, N: int, settings: tuple[float, ...], y: np.ndarray
) -> tuple[float, float, float] | None:
    """The same by fits that are Gaussian within classes; None for more than two classes."""
    if y.shape[1] > 1:
        return None
    target, values_w, values_s = one.target, one.pair.values_w, one.pair.values_s
    penalties = [np.array([alpha]) for alpha in settings]
    if route == "student":
        fits = one.stages(values_w, [n], penalties[0]), one.stages(values_s, [N], penalties[1])
        moments = student_risks(one.pair, target, *fits)
    elif route == "teacher":
        moments = single_risks(one.stages(values_w, [n], penalties[0]), target.weak(), target)
    else:
        size = n + N if route == "ceiling" else n
        moments = single_risks(one.stages(values_s, [size], penalties[0]), target.strong(), target)
    share = float(np.mean(y > 0))
    # Distance of the fit's means in the two classes; what is left of its variance is within classes.
    apart = moments.signal / (share * (1 - share) * STEP)
    within = variance_with_intercept(moments, target) - share * (1 - share) * apart**2
    middle, sd = STEP * (share - 0.5), np.sqrt(np.maximum(within, 1e-300))
    above, below = middle + (1 - share) * apart, middle - share * apart
    wrong = (share * ndtr(-above / sd) + (1 - share) * ndtr(below / sd)).ravel()
    return float(wrong[0]), *jackknife_interval(float(wrong[0]), wrong[1:])


class Ridge:
    """Ridge of one feature set at any penalty, from one factorization."""

    def __init__(self, X: np.ndarray) -> None:
        self.mean = X.mean(axis=0)
        self.rows = X - self.mean
        values, self.vectors = np.linalg.eigh(self.rows.T @ self.rows / len(X))
        self.values = np.maximum(values, 0.0)

    def predict(self, y: np.ndarray, alpha: float, at: np.ndarray) -> np.ndarray:
        """Fit labels and read rows."""
        cross = self.vectors.T @ (self.rows.T @ (y - y.mean(axis=0))) / len(y)
        theta = self.vectors @ (cross / (self.values + alpha)[:, None])
        return np.asarray((at - self.mean) @ theta + y.mean(axis=0))


def measure(case: Case, said: list[Said]) -> dict[tuple[object, ...], float]:
    """Train every design at every penalty that was chosen for it, and count errors."""
    wanted = {(one.route, one.n, one.N, one.settings) for one in said}
    errors: dict[tuple[object, ...], list[float]] = defaultdict(list)
    for draw in range(max(TRAININGS.values())):
        order = np.random.default_rng([7, draw]).permutation(len(case.classes))
        labelled, pool, test = np.split(order, np.cumsum([max(SIZES), max(POOLS)]))
        students = {N: Ridge(case.strong[pool[:N]]) for N in POOLS}
        for n in (size for size, draws in TRAININGS.items() if draw < draws):
            L = labelled[:n]
            weak, strong = Ridge(case.weak[L]), Ridge(case.strong[L])
            both = {N: np.concatenate([L, pool[:N]]) for N in POOLS}
            ceilings = {N: Ridge(case.strong[rows]) for N, rows in both.items()}
            for key in sorted(wanted):
                route, size, N, settings = key
                if size != n:
                    continue
                if route == "teacher":
                    scores = weak.predict(case.coded[L], settings[0], case.weak[test])
                elif route == "baseline":
                    scores = strong.predict(case.coded[L], settings[0], case.strong[test])
                elif route == "ceiling":
                    scores = ceilings[N].predict(case.coded[both[N]], settings[0], case.strong[test])
                else:
                    pseudo = weak.predict(case.coded[L], settings[0], case.weak[pool[:N]])
                    scores = students[N].predict(pseudo, settings[1], case.strong[test])
                two = scores.shape[1] == 1
                named = (scores[:, 0] > STEP / 2).astype(int) if two else scores.argmax(axis=1)
                errors[key].append(float(np.mean(named != case.classes[test])))
    return {key: float(np.mean(values)) for key, values in errors.items()}


def line(title: str, pairs: list[tuple[Said, float]]) -> str:
    """Sum up forecasts beside what was measured."""
    true = np.array([measured for _, measured in pairs])
    text = f"{title:44}{len(pairs):5}  measured {true.mean():.3f}"
    for name in ("error", "gaussian"):
        found = [(getattr(one, name), measured) for one, measured in pairs if getattr(one, name) is not None]
        if not found:
            continue
        ends, seen = np.array([one for one, _ in found]), np.array([measured for _, measured in found])
        held = np.mean((ends[:, 1] <= seen) & (seen <= ends[:, 2]))
        text += (
            f"  | {'forecast' if name == 'error' else 'Gaussian'} {ends[:, 0].mean():.3f}"
            f" (x{ends[:, 0].mean() / seen.mean():.2f}), interval holds {held:.2f}"
        )
    return text


def main() -> None:
    """Print a line for every data set, route, m and n, and sums."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--mnist", type=Path)
    options.add_argument("--sst2", type=Path)
    options.add_argument("--only", nargs="+")
    options.add_argument("--draws", type=int, default=8)
    given = options.parse_args()
    every: list[tuple[Said, float]] = []
    for name, make in cases(given.mnist, given.sst2).items():
        if given.only and name not in given.only:
            continue
        case = make()
        said = [one for m in SIZES for seed in range(given.draws) for one in forecast_from(case, m, seed)]
        measured = measure(case, said)
        pairs = [(one, measured[one.route, one.n, one.N, one.settings]) for one in said]
        for route in ROUTES:
            for m in SIZES:
                for n in SIZES:
                    here = [pair for pair in pairs if (pair[0].route, pair[0].m, pair[0].n) == (route, m, n)]
                    if here:
                        print(line(f"{name}: {route}, m = {m:,}, n = {n:,}", here))
        for m in SIZES:
            print(line(f"{name}: m = {m:,}, n = m", [p for p in pairs if p[0].m == m == p[0].n]))
            print(line(f"{name}: m = {m:,}, other n", [p for p in pairs if p[0].m == m != p[0].n]))
        print(line(f"{name}: all", pairs), flush=True)
        every += pairs
    print(line("all data sets", every))


if __name__ == "__main__":
    main()
