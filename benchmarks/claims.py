"""Three published statements, held against measurement: docs/reproduction.md quotes what this prints.

    python benchmarks/claims.py [similarity] [peak] [ridge]

similarity: ||V_s' V_w||^2 in feature coordinates, between unrelated networks and between layers of one.
peak: the ridgeless OPR around n = d_s, and the OPR there once penalties are chosen.
ridge: the ridge bound as a talk printed it, and corrected, against simulated students.

The first two read the full features of the movie reviews where OUTGROW_DATA names them, else the embedded
leading components, whose widths are smaller.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from outgrow.data.features_file import read_features
from outgrow.reproductions.rated_rows import embedded_rows
from outgrow.sweeps.dimensions import dimensions
from outgrow.sweeps.grid import SweepData, SweepGrid
from outgrow.sweeps.measured_grid import measure_sweep
from outgrow.sweeps.summary import cells_of
from outgrow.theory.ridge_guarantee import as_printed, corrected
from outgrow.theory.terms import PairSpectra
from outgrow.worlds.rated_movies import load_movies

SETS = ("minilm-l3", "minilm-l6", "mpnet-layer8", "mpnet")


def reviews() -> SweepData:
    """Read the movie reviews: full features where they are at hand, else the embedded components."""
    data, folder = embedded_rows(), os.environ.get("OUTGROW_DATA")
    if not folder:
        return data
    ids = load_movies().ids
    tables = {name: read_features(Path(folder) / "movies" / f"{name}.parquet", name=name) for name in SETS}
    places = {name: {row: i for i, row in enumerate(table.ids.tolist())} for name, table in tables.items()}
    views = {
        name: table.values[[places[name][row] for row in ids]].astype(np.float32)
        for name, table in tables.items()
    }
    return replace(data, views=views)


def similarity() -> None:
    """Print the published similarity beside its chance level and what is shared in sample space."""
    data = reviews()
    pairs = [(weak, strong) for strong in SETS for weak in SETS if weak < strong]
    print(
        "similarity of feature coordinates, leading directions with .90 of the variance;\n"
        "d_sw of all directions, corrected for chance\n"
        f"{'weak':13}{'strong':14}{'published':>10}{'chance':>8}{'d_sw':>8} of {'d_w':>4}"
    )
    for one in dimensions(data, pairs):
        print(
            f"{one.weak:13}{one.strong:14}{one.published:10.1f}{one.chance:8.1f}"
            f"{one.d_sw.value:8.1f} of {one.d_w:4}"  # type: ignore[union-attr]
        )


def peak() -> None:
    """Print the ridgeless OPR around n = d_s, then with penalties chosen."""
    data = reviews()
    pair = ("minilm-l3", "mpnet")
    width = data.views["mpnet"].shape[1]
    n = tuple(sorted(round(width * share) for share in (0.5, 0.8, 0.95, 1.0, 1.05, 1.3, 2.0, 3.0)))
    grid = SweepGrid((pair,), n=n, N=(4000,), seeds=10, joint=False)
    tuned = replace(grid, alphas_w=(0.1, 1.0, 10.0), alphas_s=(0.1, 1.0, 10.0))
    print(f"{pair[0]} -> {pair[1]}, d_s = {width}, N = 4,000, 10 seeds, one rater per label; excess risks")
    print(f"{'n':>6}  {'ridgeless OPR':>28}  {'baseline':>9}{'student':>9}   {'OPR, penalties chosen':>28}")
    found = [cells_of(measure_sweep(data, one), one, excess=True) for one in (grid, tuned)]
    for size in n:
        texts = []
        for cells in found:
            row = {
                name: np.flatnonzero((cells["quantity"] == name) & (cells["n"] == size))[0]
                for name in ("opr", "baseline", "student")
            }
            value, low, high = (cells[end][row["opr"]] for end in ("value", "low", "high"))
            texts.append((f"{value:8.2f} [{low:.2f}, {high:.2f}]", cells["value"][row["baseline"]],
                          cells["value"][row["student"]]))  # fmt: skip
        print(f"{size:6}  {texts[0][0]:>28}  {texts[0][1]:9.2f}{texts[0][2]:9.2f}   {texts[1][0]:>28}")


def ridge() -> None:
    """Print the ridge bound as printed and corrected, against simulated students."""
    rng = np.random.default_rng(0)
    sigma2, n = 1.0, 10
    values = np.array([1.0, 0.5, 0.25, 0.125])
    d = len(values)
    truth = np.zeros(d)
    truth[0] = 1.0
    pair = PairSpectra(values_w=values, values_s=values, C=np.eye(d))
    t = np.sqrt(values) * truth
    print(f"shared features of variances {values.tolist()}, one label variance of noise, n = {n}")
    for N in (50, 500, 5000):
        printed = as_printed(1.0, 1.0, float(values @ values), sigma2, n, N)
        bound = corrected(pair, t, t, float(t @ t), sigma2, n, N)
        lines = [f"N = {N:5,}: as printed {printed.bound:.4f}"]
        for name, penalties in (("as printed", printed), ("corrected", bound)):
            risks = []
            for _ in range(300):
                X = rng.standard_normal((n, d)) * np.sqrt(values)
                teacher = np.linalg.solve(
                    X.T @ X / n + penalties.alpha_w * np.eye(d),  # type: ignore[union-attr]
                    X.T @ (X @ truth + np.sqrt(sigma2) * rng.standard_normal(n)) / n,
                )
                Z = rng.standard_normal((N, d)) * np.sqrt(values)
                S = Z.T @ Z / N
                student = np.linalg.solve(S + penalties.alpha_s * np.eye(d), S @ teacher)  # type: ignore[union-attr]
                risks.append((student - truth) ** 2 @ values)
            error = np.std(risks) / np.sqrt(len(risks))
            lines.append(f"risk at the penalties {name} {np.mean(risks):.3f} ± {1.645 * error:.3f}")
        print(f"{'; '.join(lines)}; corrected bound {bound.bound:.3f}")  # type: ignore[union-attr]


def main() -> None:
    """Show what is asked for, or all."""
    shows = {"similarity": similarity, "peak": peak, "ridge": ridge}
    wrong = [name for name in sys.argv[1:] if name not in shows]
    if wrong:
        raise SystemExit(f"no claim is called {wrong[0]}; there are {', '.join(shows)}")
    for name in sys.argv[1:] or shows:
        shows[name]()
        print()


if __name__ == "__main__":
    main()
