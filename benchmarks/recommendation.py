"""How good the recommendation of `outgrow run` is, beside rules that anyone could follow.

    python benchmarks/recommendation.py [--movies FOLDER] [--classes FOLDER ...] [--draws 4] [--only TASK ...]

Rows, labels and test rows are drawn anew many times; each time the steps of a run (prepare, train, decide)
give a recommendation and answers, and the test rows say what each route came to. Printed by task and number
of labels: the recommended route's risk over the least of the five routes (mean and 95th percentile) beside
"always both models", "always labels-only" and "least leave-one-out"; how often "does the student outgrow its
teacher?" is answered where the truth differs by more than 10 %, how often the answers are true, and how often
the interval of the difference holds the measured one. Risks are excess risks on the movies, squared errors of
scores elsewhere.

FOLDERs: full features of the movie reviews (OUTGROW_DATA/movies, or data/movies), and what class_features.py
writes. Every draw is kept in build/recommendation.csv, and what stands there is not done again.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import tempfile
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from outgrow.config import RunConfig
from outgrow.data.features_file import read_features
from outgrow.heads.routes import COST_ORDER
from outgrow.study.evaluate import on_rows
from outgrow.study.prepare import prepare
from outgrow.study.training import train, training_rows
from outgrow.study.verdict import decide

KEPT = Path(__file__).resolve().parents[1] / "build" / "recommendation.csv"
LABELS = (50, 100, 200, 400, 1000)
TESTS, POOL = 2_000, 4_000
FAR = 0.1
"""Relative difference of student and teacher from which an answer is expected."""

NOISE = 0.945
"""Variance of one rater's label of a movie review (its data card)."""


@dataclass(frozen=True)
class Task:
    """Feature sets of the same rows, labels by draw, and the truth that test rows are scored against."""

    sets: dict[str, np.ndarray]
    pairs: tuple[tuple[str, str], ...]
    labels: Callable[[int], np.ndarray]
    truth: np.ndarray | None = None
    truth_variance: float = 0.0


@cache
def movies(folder: Path) -> Task:
    """Four encoders of the movie reviews; one rater's value a label."""
    table = pq.read_table(folder / "reviews.parquet")
    ids = table["id"].to_pylist()
    raters = [np.array(row, dtype=float) for row in table["raters"].to_pylist()]
    sets = {}
    for name in ("minilm-l3", "minilm-l6", "mpnet-layer8", "mpnet"):
        found = read_features(folder / f"{name}.parquet")
        place = {str(row): i for i, row in enumerate(found.ids)}
        sets[name] = np.asarray(found.values)[[place[row] for row in ids]].astype(np.float32)

    def labels(seed: int) -> np.ndarray:
        rng = np.random.default_rng(10_000 + seed)
        return np.array([row[rng.integers(len(row))] for row in raters])

    names = tuple(sets)
    pairs = [(names[0], names[3]), (names[1], names[3]), (names[2], names[3])]
    pairs += [(names[0], names[1]), (names[1], names[2]), (names[3], names[1])]
    error = float(np.mean([row.var(ddof=1) / len(row) for row in raters]))
    return Task(sets, tuple(pairs), labels, table["rating"].to_numpy(), error)


def of_classes(folder: Path, prefix: str, names: tuple[str, ...], of_label: Callable) -> Task:
    """Sets that class_features.py wrote, those that are there."""
    held = {name: folder / f"{prefix}{name}.npy" for name in names}
    sets = {name: np.load(path).astype(np.float32) for name, path in held.items() if path.exists()}
    labels = np.array([f"c{x}" for x in of_label(np.load(folder / f"{prefix}labels.npy"))])
    present = list(sets)
    pairs = tuple((a, b) for a in present for b in present if a != b)
    return Task(sets, pairs, lambda _seed: labels)


def tasks(options: argparse.Namespace) -> dict[str, Callable[[], Task]]:
    """Everything that the folders given hold."""
    made: dict[str, Callable[[], Task]] = {}
    if options.movies and (options.movies / "reviews.parquet").exists():
        made["movies"] = lambda: movies(options.movies)
    images, texts = ("pixels", "efficientnet"), ("l3", "l6", "mpnet")
    for folder in options.classes:
        if (folder / "mnist_labels.npy").exists():
            made["mnist"] = cache(lambda f=folder: of_classes(f, "mnist_", images, lambda x: x))
            made["parity"] = cache(lambda f=folder: of_classes(f, "mnist_", images, lambda x: x % 2))
        if (folder / "l3.npy").exists():
            made["sst2"] = cache(lambda f=folder: of_classes(f, "", texts, lambda x: x))
    return made


def one_draw(task: Task, weak: str, strong: str, n: int, seed: int) -> dict[str, object]:
    """Draw rows and labels once, recommend, and measure."""
    rng = np.random.default_rng(seed)
    drawn = np.sort(rng.permutation(len(task.sets[strong]))[: TESTS + POOL + n])
    test = np.isin(drawn, rng.permutation(drawn)[:TESTS])
    y = task.labels(seed)[drawn]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for which in (weak, strong):
            np.save(folder / f"{which}.npy", task.sets[which][drawn])
        with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(("label", "truth", "split"))
            truth = y if task.truth is None else task.truth[drawn]
            writer.writerows(zip(y, truth, np.where(test, "test", ""), strict=True))
        config = RunConfig(
            weak=(str(folder / f"{weak}.npy"),),
            strong=str(folder / f"{strong}.npy"),
            labels=str(folder / "labels.csv"),
            label_column="label",
            split_column="split",
            truth_column=None if task.truth is None else "truth",
            truth_variance=task.truth_variance,
            task="classification" if task.truth is None else "regression",
            n=n,
            seed=seed,
        )
        data = prepare(config)
        rows = training_rows(data, data.split.labelled, head="ridge", rank=(), seed=seed)
        unknown = data.y.copy()
        unknown[data.split.unlabelled] = np.nan
        trained, _ = train(replace(rows, y=unknown))
    routes = [item for item in trained if item.route.kind in COST_ORDER]
    verdict = decide([item.route for item in routes], n)
    losses = on_rows(data, routes, data.split.test)
    scored = losses.against_truth or losses.squared
    kinds = {item.route.name: item.route.kind for item in routes}
    risks = {kinds[name]: float(loss.mean()) - task.truth_variance for name, loss in scored.items()}
    left_out = {item.route.kind: float(item.route.expected.leave_one_out[0]) for item in routes}  # type: ignore[union-attr]
    (one,) = verdict.outgrown
    return {
        "risks": risks,
        "leave_one_out": left_out,
        "recommended": kinds[verdict.recommended],
        "answer": one.answer,
        "difference": one.difference.value,
        "interval": one.difference.interval,
        "probability": getattr(one.probability, "value", None),
        "at_stake": verdict.at_stake,
    }


def summary(found: list[dict]) -> dict[str, float]:
    """What the tables show of some draws."""
    risks = [draw["risks"] for draw in found]
    least = np.array([min(r.values()) for r in risks])
    rules = {
        "outgrow run": [draw["recommended"] for draw in found],
        "both models": ["union"] * len(found),
        "labels-only": ["baseline"] * len(found),
        "least leave-one-out": [min(d["leave_one_out"], key=d["leave_one_out"].get) for d in found],
    }
    made = {}
    for rule, chosen in rules.items():
        ratio = np.array([r[c] for r, c in zip(risks, chosen, strict=True)]) / least
        made[f"{rule}: mean"], made[f"{rule}: p95"] = ratio.mean(), np.quantile(ratio, 0.95)
    true = np.array([r["student"] - r["teacher"] for r in risks])
    far = np.abs(true) > FAR * np.array([r["teacher"] for r in risks])
    said = np.array([draw["answer"] for draw in found])
    claims = said != "cannot tell"
    right = np.where(said == "yes", true < 0, true > 0)
    ends = np.array([draw["interval"] for draw in found])
    made["cannot tell, where it matters"] = np.mean(~claims[far]) if far.any() else np.nan
    made["answers that are true"] = right[claims].mean() if claims.any() else np.nan
    made["intervals that hold"] = np.mean((ends[:, 0] <= true) & (true <= ends[:, 1]))
    stake = np.array([draw["at_stake"] for draw in found])
    lost = np.array([r[d["recommended"]] for r, d in zip(risks, found, strict=True)]) - least
    made["losses within what is said to be at stake"] = np.mean(lost <= stake + 1e-12)
    return made


def main() -> None:
    """Draw what is missing, then print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    data = Path(os.environ.get("OUTGROW_DATA", "data"))
    parser.add_argument("--movies", type=Path, default=data / "movies")
    parser.add_argument("--classes", type=Path, nargs="*", default=[])
    parser.add_argument("--draws", type=int, default=4)
    parser.add_argument("--labels", type=int, nargs="*", default=LABELS)
    parser.add_argument("--only", nargs="*")
    options = parser.parse_args()
    kept: dict[tuple, dict] = {}
    if KEPT.exists():
        with KEPT.open(encoding="utf-8") as file:
            for task, weak, strong, n, seed, found in csv.reader(file):
                kept[task, weak, strong, int(n), int(seed)] = json.loads(found)
    KEPT.parent.mkdir(exist_ok=True)
    wanted = []
    for name, load in tasks(options).items():
        if options.only and name not in options.only:
            continue
        for n in options.labels:
            for seed in range(options.draws):
                for pair in load().pairs:
                    key = (name, *pair, n, seed)
                    if key not in kept:
                        kept[key] = one_draw(load(), *pair, n, seed)
                        with KEPT.open("a", encoding="utf-8", newline="") as file:
                            csv.writer(file).writerow((*key, json.dumps(kept[key])))
                    wanted.append(key)
    groups = defaultdict(list)
    for key in wanted:
        for group in ((key[0], key[3]), (key[0], 0), ("all tasks", key[3]), ("all tasks", 0)):
            groups[group].append(kept[key])
    lines = {group: summary(found) for group, found in groups.items()}
    for (task, n), made in sorted(lines.items()):
        print(f"\n{task}, {f'n = {n}' if n else 'all n'} ({len(groups[task, n])} draws)")
        for rule in ("outgrow run", "both models", "labels-only", "least leave-one-out"):
            print(f"  {rule:44}{made[f'{rule}: mean']:7.3f}{made[f'{rule}: p95']:7.3f}")
        for name, value in made.items():
            if ":" not in name:
                print(f"  {name:44}{value:7.2f}")


if __name__ == "__main__":
    main()
