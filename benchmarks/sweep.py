"""A sweep against refitting every model, in one run: 10 n x 10 N, 10 seeds, 384 -> 384.

The naive side fits teacher, student, baseline and ceiling of every cell with scikit-learn, as notebooks do.
One of its ten seeds is timed, with LinearRegression and with Ridge(solver="cholesky"), and multiplied by ten.
Both sides run on one thread, so seconds are processor seconds; risks are compared cell by cell. Aims: 150 and
40 times faster. Then, for ours alone, what more of each thing costs, and the memory of the largest.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
import tracemalloc
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.linear_model import LinearRegression, Ridge
from threadpoolctl import threadpool_limits

from outgrow.sweeps.grid import SweepData, SweepGrid
from outgrow.sweeps.layout import cut
from outgrow.sweeps.measured_grid import measure_sweep, memory_of
from outgrow.sweeps.noisy_labels import NoisyLabels
from outgrow.sweeps.summary import arrays_of

ROWS, TEST, HIDDEN = 12_000, 3_000, 200

GRID = SweepGrid(
    (("weak", "strong"),), n=tuple(range(200, 2001, 200)), N=tuple(range(1000, 10_001, 1000)), seeds=10
)
"""What the mission's 738 processor seconds were measured on: 1,000 cells."""

PENALTY = 100.0
"""scikit-learn's, for the ridge side: of the size of the features' variance times a few rows."""

AIMS = {"LinearRegression": 150, "Ridge(solver='cholesky')": 40}


def world(rows: int = ROWS, d: int = 384, teachers: int = 1, seed: int = 0) -> SweepData:
    """Draw features that share directions, and a target.

    Parameters
    ----------
    rows, d, teachers : int
        Rows to train on, width of every set, and number of weak sets.
    seed : int
        Of the draw.

    Returns
    -------
    SweepData
        Views weak, weak1, ... and strong, float32 as encoders give them.
    """
    rng = np.random.default_rng(seed)
    hidden = rng.standard_normal((rows + TEST, HIDDEN))
    names = ["strong", "weak", *(f"weak{i}" for i in range(1, teachers))]
    views = {
        name: (hidden @ rng.standard_normal((HIDDEN, d)) / 14 + rng.standard_normal((rows + TEST, d))).astype(
            np.float32
        )
        for name in names
    }
    y = (hidden[:, :50].sum(axis=1) / 7 + rng.standard_normal(rows + TEST))[:, None]
    return SweepData(views, np.arange(rows), np.arange(rows, rows + TEST), NoisyLabels(y[:rows]), y[rows:])


def naive(data: SweepData, grid: SweepGrid, seed: int, model: Any) -> tuple[float, dict[str, np.ndarray]]:
    """Refit one seed cell by cell.

    Parameters
    ----------
    data : SweepData
        The rows.
    grid : SweepGrid
        The axes.
    seed : int
        Whose rows.
    model : callable
        Makes an unfitted regression.

    Returns
    -------
    seconds : float
        Processor time.
    risks : dict of str to array of shape (n, N)
        Test errors by model.
    """
    layout = cut(len(data.train), grid).deal(max(grid.n), max(grid.N), seed)
    # In float64, as what they are compared with: in float32 scikit-learn computes in float32.
    weak, strong = (data.views[name].astype(np.float64) for name in ("weak", "strong"))
    y, truth = data.labels.draw(0.0, seed)[:, 0], data.truth[:, 0]
    shape = len(grid.n), len(grid.N)
    risks = {name: np.empty(shape) for name in ("teacher", "student", "baseline", "ceiling")}
    start = time.process_time()
    for i, n in enumerate(grid.n):
        for j, N in enumerate(grid.N):
            own, pool = layout.labelled[:n], layout.pool[:N]
            both = np.concatenate([own, pool])
            teacher = model().fit(weak[own], y[own])
            fits = {
                "teacher": teacher,
                "student": model().fit(strong[pool], teacher.predict(weak[pool])),
                "baseline": model().fit(strong[own], y[own]),
                "ceiling": model().fit(strong[both], y[both]),
            }
            for name, fitted in fits.items():
                X = (weak if name == "teacher" else strong)[data.test]
                risks[name][i, j] = np.mean((fitted.predict(X) - truth) ** 2)
    return time.process_time() - start, risks


def ours(data: SweepData, grid: SweepGrid) -> tuple[float, Any]:
    """Measure the whole grid, joint students included.

    Parameters
    ----------
    data : SweepData
        The rows.
    grid : SweepGrid
        The axes.

    Returns
    -------
    seconds : float
        Processor time.
    table : SweepTable
        Every seed.
    """
    start = time.process_time()
    table = measure_sweep(data, grid, jobs=1)
    return time.process_time() - start, table


def growth() -> None:
    """Print what more of each thing costs."""
    small = replace(GRID, n=(200, 500, 1000), N=(2000, 6000), seeds=5)
    print("\nours alone, processor seconds (3 n x 2 N x 5 seeds unless said; rows 12,000, d 384, 1 teacher)")
    data = world()

    def axis(values: list[float]) -> dict[str, tuple[float, ...]]:
        return {"alphas_w": tuple(values), "alphas_s": tuple(values)}

    Runs = list[tuple[int, SweepData, SweepGrid]]
    cases: dict[str, Runs] = {
        "width d": [(d, world(d=d), small) for d in (192, 384, 768)],
        "sizes n": [(k, data, replace(small, n=GRID.n[:k])) for k in (3, 6, 10)],
        "sizes N": [(k, data, replace(small, N=GRID.N[:k])) for k in (2, 5, 10)],
        "rows": [(k, world(k), replace(small, N=(k // 6, k // 2))) for k in (12_000, 24_000, 48_000)],
        "seeds": [(k, data, replace(small, seeds=k)) for k in (5, 10, 20, 40)],
        "penalties": [
            (k * k, data, replace(small, **axis([0.1 * 2.0**i for i in range(k)]))) for k in (1, 2, 4)
        ],
        "noise levels": [(k, data, replace(small, noise=tuple(map(float, range(k))))) for k in (1, 2, 4)],
    }
    many = world(teachers=8)
    pairs = [("weak" + (str(i) if i else ""), "strong") for i in range(8)]
    cases["teachers"] = [(k, many, replace(small, pairs=tuple(pairs[:k]))) for k in (1, 2, 4, 8)]
    for name, runs in cases.items():
        times = [(size, ours(rows, grid)[0]) for size, rows, grid in runs]
        print(f"  {name:14}" + "   ".join(f"{size:>6,}: {took:6.2f}" for size, took in times))


def memory() -> dict[str, float]:
    """Measure, in a process of its own, what a sweep takes beyond its rows.

    Returns
    -------
    dict of str to float
        Megabytes: the rows, the blocks stated before it starts, and the most that was taken beyond the rows.
    """
    data = world()
    ours(data, replace(GRID, seeds=1, n=(200,), N=(1000,)))
    stated, _ = memory_of(data, GRID)
    tracemalloc.start()
    ours(data, GRID)
    _, peak = tracemalloc.get_traced_memory()
    return {"rows": stated.rows / 1e6, "blocks": stated.blocks / 1e6, "more": peak / 1e6}


def main() -> None:
    """Time both sides, compare them, and fail if an aim is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--memory", action="store_true", help="print the memory as JSON and stop")
    with threadpool_limits(1):
        if parser.parse_args().memory:
            print(json.dumps(memory()))
            return
        data = world()
        missed = []
        warm = replace(GRID, n=(500,), N=(1000,), seeds=1)
        sides = (
            ("LinearRegression", LinearRegression, GRID),
            (
                "Ridge(solver='cholesky')",
                lambda: Ridge(PENALTY, solver="cholesky"),
                replace(GRID, alphas_w=(PENALTY,), alphas_s=(PENALTY,), unit="total"),
            ),
        )
        for name, model, grid in sides:
            naive(data, replace(warm, alphas_w=grid.alphas_w), 0, model)
            ours(data, warm)
            # The four models that the naive side fits; joint students come on top.
            like = replace(grid, joint=False)
            took, table = min((ours(data, like) for _ in range(3)), key=lambda pair: pair[0])
            whole, _ = ours(data, grid)
            once, risks = naive(data, grid, 0, model)
            factor = once * grid.seeds / took
            found = arrays_of(table, like)
            same = {
                "teacher": found["teacher", "weak"][0, :, 0, 0][:, None] / risks["teacher"],
                "student": found["student", "weak", "strong"][0, :, :, 0, 0, 0] / risks["student"],
                "baseline": found["baseline", "strong"][0, :, 0, 0][:, None] / risks["baseline"],
                "ceiling": found["ceiling", "strong"][0, :, :, 0, 0] / risks["ceiling"],
            }
            worst = max(float(np.abs(ratio - 1).max()) for ratio in same.values())
            print(f"{name}: 100 cells of one seed {once:.1f} s, so {once * grid.seeds:.0f} s for ten")
            print(
                f"  ours, all ten seeds: {took:.2f} s ({whole:.2f} s with joint students);"
                f" {factor:.0f} times faster (aim {AIMS[name]});"
                f" largest relative difference of a risk {worst:.1e}"
            )
            if factor < AIMS[name] or worst > 1e-6:
                missed.append(name)
        growth()
    found_memory = subprocess.run(
        [sys.executable, __file__, "--memory"], check=True, capture_output=True, text=True
    )
    taken = json.loads(found_memory.stdout)
    print(
        f"\nmemory of the grid above: rows {taken['rows']:.0f} MB, blocks {taken['blocks']:.0f} MB stated;"
        f" at most {taken['more']:.0f} MB beyond the rows at any time"
    )
    if missed:
        raise SystemExit(f"missed: {', '.join(missed)}")


if __name__ == "__main__":
    main()
