"""The best use of n labels and a pool: how settings and the route are to be chosen, on the movie reviews.

Twelve ordered pairs of encoders, one rater per label, N = 6,000. A rule estimates the risk of every setting
of every route from the labels, takes the best setting of each route, then the route of least estimate. What
that risks on test rows is divided by the least of teacher, W2S student and baseline in the same draw, each at
the penalties that turn out best on average over the draws, which nobody could know. Prints the mean and the
95th percentile by rule, routes and n, then by pair and n for the rules of `SHOWN`; all of it goes to
best_use.csv (of choices, those among all routes). Estimates and risks are those of best_use_scan.py, which is
run first for what is missing.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np
from best_use_scan import FOLDS, LABELS, NOISE, PAIRS, Draw, corpus, keep, scan_file
from jaxtyping import Float, Int

OUT = Path(__file__).with_suffix(".csv")

SEEDS = 10
"""Draws of rows and labels."""

ROUTES = ("teacher", "student", "baseline", "union", "joint")


class Rule(NamedTuple):
    """How settings are compared: a mean of forecast and leave-one-out, plus standard errors."""

    forecast: float
    """Weight of the forecast; the rest is leave-one-out's."""

    caution: float
    """Jackknife standard errors added before settings are compared; routes are compared without."""


RULES = {
    "leave-one-out": Rule(0.0, 0.0),
    "leave-one-out, cautious": Rule(0.0, 1.0),
    "forecast": Rule(1.0, 0.0),
    "forecast, cautious": Rule(1.0, 1.0),
    "mean of both": Rule(0.5, 0.0),
    "mean of both, half cautious": Rule(0.5, 0.5),
    "mean of both, cautious": Rule(0.5, 1.0),
}

AS_RUN = "as `outgrow run`"
"""Leave-one-out for every route, but for the joint student's settings the mean of both. Routes are compared
by their means here; the verdict of a run takes the cheapest that no other one beats by an interval."""

CHOICES = {
    "all": ROUTES,
    "no joint": ROUTES[:4],
    "no union": ("teacher", "student", "baseline", "joint"),
    "three": ROUTES[:3],
}
"""Routes to choose from. The union needs both encoders at prediction time."""

SHOWN = (("mean of both, cautious", "all"), ("leave-one-out", "all"))
"""What is shown by pair."""

Estimates = dict[str, Float[np.ndarray, "p s R k"]]


class Cell:
    """All pairs and draws at one n: estimates with replicates, and risks, by route."""

    def __init__(self, n: int, seeds: int) -> None:
        files = [scan_file(seed, n) for seed in range(seeds)]
        draws = [np.load(file) for file in files if file.exists()]
        self.n, self.seeds = n, len(draws)
        self.risk: dict[str, np.ndarray] = {}
        self.forecast: Estimates = {}
        self.loo: Estimates = {}
        for route in ROUTES:
            # The last weight is the student's.
            cut = slice(None, -1) if route == "joint" else slice(None)
            for part, kept, lead in (
                ("risk", self.risk, 1),
                ("forecast", self.forecast, 2),
                ("loo", self.loo, 2),
            ):
                values = np.stack([draw[f"{part}/{route}"] for draw in draws], axis=1).astype(float)
                if route == "joint":
                    values = values[(slice(None),) * (lead + 1) + (cut,)]
                kept[route] = values.reshape(*values.shape[: lead + 1], -1)
        tuned = {}
        for route in ROUTES:
            best = self.risk[route].mean(axis=1).argmin(axis=1)
            tuned[route] = np.take_along_axis(self.risk[route], best[:, None, None], axis=2)[..., 0]
        self.tuned = tuned
        self.least = np.minimum.reduce([tuned[route] for route in CHOICES["three"]])
        means = np.stack([tuned[route].mean(axis=1) for route in CHOICES["three"]])
        every = np.stack([tuned[route] for route in CHOICES["three"]])
        self.least_on_average = np.take_along_axis(every, means.argmin(axis=0)[None, :, None], axis=0)[0]

    def estimate(self, route: str, rule: Rule) -> Float[np.ndarray, "p s R k"]:
        """Give the estimates that a rule compares."""
        return rule.forecast * self.forecast[route] + (1 - rule.forecast) * self.loo[route]

    def setting(self, route: str, rule: Rule) -> Int[np.ndarray, "p s 1"]:
        """Choose a route's setting."""
        found = self.estimate(route, rule)
        bound = found[:, :, 0]
        if rule.caution:
            around = found[:, :, 1:] - found[:, :, 1:].mean(axis=2, keepdims=True)
            bound = bound + rule.caution * np.sqrt((FOLDS - 1) / FOLDS * np.sum(around**2, axis=2))
        return np.where(np.isnan(bound), np.inf, bound).argmin(axis=2)[:, :, None]

    def recommended(self, name: str, routes: tuple[str, ...]) -> Float[np.ndarray, "p s"]:
        """Give the risk of the route that a rule recommends, at the settings it chooses."""
        risks, estimates = [], []
        for route in routes:
            rule = RULES["leave-one-out" if name == AS_RUN else name]
            tuning = RULES["mean of both"] if name == AS_RUN and route == "joint" else rule
            at = self.setting(route, tuning)
            risks.append(np.take_along_axis(self.risk[route], at, axis=2)[..., 0])
            estimates.append(np.take_along_axis(self.estimate(route, rule)[:, :, 0], at, axis=2)[..., 0])
        best = np.stack(estimates).argmin(axis=0)
        return np.take_along_axis(np.stack(risks), best[None], axis=0)[0]

    def honest(self, rule: Rule) -> tuple[float, float]:
        """Give two mean losses of the joint student, over its risk: see the last table of `main`."""
        n = self.n
        sizes = np.bincount(np.arange(n) % FOLDS, minlength=FOLDS)
        loo, both = self.loo["joint"], self.estimate("joint", rule)
        total = loo[:, :, 0]
        own, naive = np.zeros(total.shape[:2]), self.setting("joint", rule)
        for fold, size in enumerate(sizes):
            best = both[:, :, 1 + fold].argmin(axis=2)[:, :, None]
            lost = n * total - (n - size) * loo[:, :, 1 + fold]
            own += np.take_along_axis(lost, best, axis=2)[..., 0] / n
        sigma2 = corpus("movies").noise_variance(NOISE)
        assert sigma2 is not None
        # Settings that no draw chose: what the draws themselves do to losses and risks.
        fixed = np.broadcast_to(self.risk["joint"].mean(axis=1).argmin(axis=1)[:, None, None], naive.shape)

        def mean(of: np.ndarray, at: np.ndarray) -> float:
            return float(np.take_along_axis(of, at, axis=2).mean())

        usual = (mean(total, fixed) - sigma2) / mean(self.risk["joint"], fixed)
        over = mean(self.risk["joint"], naive) * usual
        return float(own.mean() - sigma2) / over, (mean(total, naive) - sigma2) / over


def said(ratio: np.ndarray) -> str:
    """Format mean and 95th percentile."""
    return f"{ratio.mean():.3f} {np.quantile(ratio, 0.95):.3f}"


def main() -> None:
    """Scan what is missing, then print and write the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--labels", type=int, nargs="*", default=LABELS)
    parser.add_argument("--as-is", action="store_true", help="take the scans that are there")
    given = parser.parse_args()
    for seed in () if given.as_is else range(given.seeds):
        missing = [n for n in given.labels if not scan_file(seed, n).exists()]
        draw = Draw(seed) if missing else None
        for n in missing:
            assert draw is not None
            keep(draw, seed, n)
    cells = [Cell(n, given.seeds) for n in given.labels]
    rows: list[tuple[object, ...]] = []

    def line(name: str, routes: str, risks: list[np.ndarray]) -> None:
        ratios = [risk / cell.least for risk, cell in zip(risks, cells, strict=True)]
        pooled = np.concatenate([ratio.ravel() for ratio in ratios])
        average = np.concatenate(
            [(risk / cell.least_on_average).ravel() for risk, cell in zip(risks, cells, strict=True)]
        )
        print(f"{name:28}{routes:10}" + "".join(f"  {said(r)}" for r in ratios) + f" | {said(pooled)}"
              f" | {said(average)}")  # fmt: skip
        if routes not in (*ROUTES, "all"):
            return
        for cell, ratio in zip(cells, ratios, strict=True):
            for pair, values in zip(PAIRS, ratio, strict=True):
                rows.append(
                    (name, routes, *pair, cell.n, cell.seeds, f"{values.mean():.4f}",
                     f"{np.quantile(values, 0.95):.4f}")
                )  # fmt: skip

    print("draws: " + ", ".join(f"{cell.seeds} at n = {cell.n}" for cell in cells))
    print("risk over the least of teacher, student and baseline in the draw: mean and 95th percentile at n =")
    print(
        f"{'':38}" + "".join(f"{cell.n:>13}" for cell in cells) + " | pooled      | over the least on average"
    )
    for route in ROUTES:
        line("best settings in hindsight", route, [cell.tuned[route] for cell in cells])
    for name in (*RULES, AS_RUN):
        line(name, "joint", [cell.recommended(name, ("joint",)) for cell in cells])
    for routes, which in CHOICES.items():
        for name in (*RULES, AS_RUN) if "joint" in which else RULES:
            line(name, routes, [cell.recommended(name, which) for cell in cells])
    for name, routes in SHOWN:
        print(f"\n{name}, {routes}: by pair (teacher, student)")
        for p, pair in enumerate(PAIRS):
            found = [cell.recommended(name, CHOICES[routes])[p] / cell.least[p] for cell in cells]
            print(f"{pair[0]:14}{pair[1]:24}" + "".join(f"  {said(ratio)}" for ratio in found))
    print("\njoint student: loss of each row at settings chosen without its fold, less noise, over its risk;")
    print("in brackets at settings chosen with it; both over what fixed settings show in the same draws")
    for name in ("leave-one-out", "mean of both"):
        shown = [cell.honest(RULES[name]) for cell in cells]
        print(f"{name:38}" + "".join(f" {honest:.3f}({naive:.3f})"[:13] for honest, naive in shown))
    with OUT.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("rule", "routes", "teacher", "student", "n", "draws", "mean", "p95"))
        writer.writerows(rows)


if __name__ == "__main__":
    main()
