"""Wall time and peak memory of ``outgrow rank``: twenty teachers of 10,000 x 384 for one student of 768.

Features are made and written first; timed is the command as a user runs it, reading and report included, from
400 labels. Fails above 60 s or 2 GB on two cores, or when the ranking misses a teacher made to be worse.

With ``--measured`` the ranking is held against trained students instead: the movie reviews in $OUTGROW_DATA,
teachers made of their four encoders and of leading columns of these, 400 single raters as labels. For several
draws of the labelled rows every teacher's student is trained with tuned penalties and scored on the mean
ratings of the test rows; rank correlation, and whether teachers declared tied or apart are so, are printed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

LIMIT_S, LIMIT_GB = 60.0, 2.0
COMMAND = Path(sys.executable).with_name("outgrow")
TEACHERS, ROWS, LABELS, WIDTH_W, WIDTH_S = 20, 10_000, 400, 384, 768


def write_features(path: Path, values: np.ndarray, ids: list[str] | None = None) -> None:
    """Write a feature set as a table of ids and lists.

    Parameters
    ----------
    path : Path
        A Parquet file.
    values : array of shape (rows, width)
        Features.
    ids : list of str, optional
        Of the rows; numbers by default.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    flat = pa.array(np.ascontiguousarray(values, dtype=np.float32).ravel())
    lists = pa.FixedSizeListArray.from_arrays(flat, values.shape[1])
    names = [f"r{row}" for row in range(len(values))] if ids is None else ids
    pq.write_table(pa.table({"id": names, "features": lists}), path)


def make(folder: Path) -> list[str]:
    """Make a world where teachers differ by the noise in their features, and write it.

    Parameters
    ----------
    folder : Path
        Where the files shall stand.

    Returns
    -------
    list of str
        Options of the command that name them.
    """
    rng = np.random.default_rng(0)
    latent = rng.standard_normal((ROWS, WIDTH_S)) / np.sqrt(1 + np.arange(WIDTH_S))
    target = latent @ (rng.standard_normal(WIDTH_S) / np.sqrt(1 + np.arange(WIDTH_S) / 20))
    write_features(folder / "strong.parquet", latent @ rng.standard_normal((WIDTH_S, WIDTH_S)) / WIDTH_S**0.5)
    weak = []
    for number in range(TEACHERS):
        # In pairs, so that there are ties to be found.
        noise = 0.01 * 1.35 ** (number // 2)
        mixed = latent @ rng.standard_normal((WIDTH_S, WIDTH_W)) / WIDTH_S**0.5
        weak.append(folder / f"w{number:02d}.parquet")
        write_features(weak[-1], mixed + noise * rng.standard_normal(mixed.shape))
    noisy = target + 0.7 * target.std() * rng.standard_normal(ROWS)
    lines = [
        f"r{row},{value:.6g},labelled" if row < LABELS else f"r{row},,unlabelled"
        for row, value in enumerate(noisy.tolist())
    ]
    (folder / "labels.csv").write_text("\n".join(["id,label,split", *lines]) + "\n", encoding="utf-8")
    return [
        "--weak",
        *map(str, weak),
        "--strong",
        str(folder / "strong.parquet"),
        "--labels",
        str(folder / "labels.csv"),
        "--label-column",
        "label",
        "--split-column",
        "split",
        "--task",
        "regression",
    ]


def timed() -> int:
    """Time the command once and print what it took.

    Returns
    -------
    int
        Exit status: the command's own if it failed, else 1 if over a limit.
    """
    with tempfile.TemporaryDirectory() as name, (Path(name) / "output.txt").open("w+") as output:
        options = make(Path(name))
        start = time.perf_counter()
        process = subprocess.Popen(
            [COMMAND, "rank", *options, "--out", "ranking"], cwd=name, stdout=output, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        code = process.returncode = os.waitstatus_to_exitcode(status)
        if code:
            output.seek(0)
            print(output.read())
            return code if code > 0 else 1
        found = json.loads((Path(name) / "ranking" / "rank.json").read_text(encoding="utf-8"))
    # Linux counts ru_maxrss in KiB, macOS in bytes.
    gigabytes = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e9
    cpu = usage.ru_utime + usage.ru_stime
    print(f"outgrow rank, {TEACHERS} teachers of {ROWS:,} x {WIDTH_W}, student of {WIDTH_S}, {LABELS} labels")
    print(f"{seconds:.1f} s (limit {LIMIT_S:.0f} s), {cpu:.1f} s of processor time")
    print(f"peak memory: {gigabytes:.2f} GB (limit {LIMIT_GB} GB)")
    order = [teacher["weak"] for teacher in found["teachers"]]
    print(f"order: {' '.join(order)}; may be the best: {' '.join(found['tied'])}")
    noisiest = {f"w{number:02d}" for number in range(TEACHERS - 2, TEACHERS)}
    wrong = bool(noisiest & set(found["tied"])) or not noisiest <= set(order[TEACHERS // 2 :])
    return int(seconds > LIMIT_S or gigabytes > LIMIT_GB or wrong)


DRAWS_OF_LABELS, TEST = 8, 2_605
"""Draws that the truth is averaged over (its standard error is then below .02), and test rows."""

FORECAST_DRAWS = 4
"""Of them, those that a ranking is made from as well."""

NOISE, TRUTH_ERROR = 0.945, 0.053
"""Variance of a single rater, and of the mean of all raters of a text."""

SUBSETS = {
    "minilm-l3": (24, 96, 384),
    "minilm-l6": (24, 96, 384),
    "mpnet-layer8": (24, 96, 768),
    "mpnet": (24, 96, 384),
}
"""Leading columns of the encoders that are teachers: the narrower, the weaker."""

RELATIVE = np.geomspace(1e-4, 1e2, 13)
"""Penalties tried for trained models, in units of mean variance per direction; two per decade."""


def read_movies(folder: Path) -> tuple[dict[str, np.ndarray], list[str], np.ndarray, list[list[int]]]:
    """Read features, ids, mean ratings and raters.

    Parameters
    ----------
    folder : Path
        With movies/.

    Returns
    -------
    dict of str to array
        Features by encoder.
    list of str
        Ids.
    array
        Mean ratings.
    list of list of int
        Raters of each text.
    """
    import pyarrow.parquet as pq

    texts = pq.read_table(folder / "movies" / "reviews.parquet").to_pydict()
    features = {}
    for name in SUBSETS:
        table = pq.read_table(folder / "movies" / f"{name}.parquet")
        lists = table.column(table.column_names[-1]).combine_chunks()
        values = lists.flatten().to_numpy(zero_copy_only=False).reshape(len(lists), -1).astype(np.float64)
        place = {key: row for row, key in enumerate(table.column("id").to_pylist())}
        features[name] = values[[place[key] for key in texts["id"]]]
    return features, texts["id"], np.array(texts["rating"]), texts["raters"]


def trained_risks(
    weak: np.ndarray, strong: np.ndarray, y: np.ndarray, truth: np.ndarray, parts: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Train teacher and student for every pair of penalties, and measure both.

    Parameters
    ----------
    weak, strong : array of shape (rows, d)
        Features.
    y, truth : array of shape (rows,)
        Labels of the labelled rows, truth of the test rows.
    parts : list of integer arrays
        Labelled, unlabelled and test rows.

    Returns
    -------
    array of shape (a, b)
        Excess risk of the student.
    array of shape (b,)
        Excess risk of the strong baseline.
    """
    labelled, pool, test = parts

    def path(X: np.ndarray, targets: np.ndarray) -> np.ndarray:
        # All penalties from one decomposition; coefficients of shape (a, d, k).
        values, vectors = np.linalg.eigh(X.T @ X / len(X))
        moved = vectors.T @ (X.T @ targets / len(X))
        penalties = RELATIVE * values[values > 1e-9 * values[-1]].mean()
        return np.stack([vectors @ (moved / (values[:, None] + alpha)) for alpha in penalties])

    X_w, X_s = weak[labelled] - weak[labelled].mean(axis=0), strong[pool] - strong[pool].mean(axis=0)
    mean = y[labelled].mean()
    teacher = path(X_w, (y[labelled] - mean)[:, None])[:, :, 0]
    pseudo = (weak[pool] - weak[labelled].mean(axis=0)) @ teacher.T
    level = pseudo.mean(axis=0)
    students = path(X_s, pseudo - level)
    seen = strong[test] - strong[pool].mean(axis=0)
    found = np.stack([seen @ student + level + mean for student in students], axis=-1)
    risks = np.mean((found - truth[test][:, None, None]) ** 2, axis=0) - TRUTH_ERROR
    own = strong[labelled] - strong[labelled].mean(axis=0)
    base = path(own, (y[labelled] - mean)[:, None])[:, :, 0]
    given = (strong[test] - strong[labelled].mean(axis=0)) @ base.T + mean
    return risks, np.mean((given - truth[test][:, None]) ** 2, axis=0) - TRUTH_ERROR


def measured(folder: Path) -> int:
    """Hold rankings from 400 labels against trained students.

    Parameters
    ----------
    folder : Path
        With movies/.

    Returns
    -------
    int
        1 when a rank correlation is below .9.
    """
    from scipy.stats import spearmanr

    from outgrow.config import RankConfig
    from outgrow.forecasts.rank import rank

    features, ids, rating, raters = read_movies(folder)
    teachers = {f"{name}-{k}": features[name][:, :k] for name, widths in SUBSETS.items() for k in widths}
    strong = features["mpnet"]
    risks: dict[str, list[np.ndarray]] = {name: [] for name in teachers}
    baseline, rankings = [], []
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        for teacher, values in {**teachers, "strong": strong}.items():
            write_features(place / f"{teacher}.parquet", values, ids)
        for draw in range(DRAWS_OF_LABELS):
            rng = np.random.default_rng(draw)
            order = rng.permutation(len(ids))
            parts = [order[:LABELS], order[LABELS:-TEST], order[-TEST:]]
            y = np.array([rng.choice(own) for own in raters], dtype=float)
            for teacher, values in teachers.items():
                student, base = trained_risks(values, strong, y, rating, parts)
                risks[teacher].append(student)
            baseline.append(base)
            if draw >= FORECAST_DRAWS:
                continue
            split = np.full(len(ids), "unlabelled", dtype=object)
            split[parts[0]], split[parts[2]] = "labelled", ""
            lines = [
                f"{ids[row]},{y[row] if split[row] == 'labelled' else ''},{split[row]}"
                for row in range(len(ids))
                if split[row]
            ]
            (place / "labels.csv").write_text("\n".join(["id,label,split", *lines]) + "\n", encoding="utf-8")
            config = RankConfig(
                weak=tuple(str(place / f"{teacher}.parquet") for teacher in teachers),
                strong=str(place / "strong.parquet"),
                labels=str(place / "labels.csv"),
                label_column="label",
                split_column="split",
                task="regression",
                noise_variance=NOISE,
            )
            rankings.append(rank(config).outcome)
    # Penalties of least average risk; the average is what a forecast speaks of.
    truth = {teacher: float(np.mean(found, axis=0).min()) for teacher, found in risks.items()}
    spread = {
        teacher: float(np.std(found, axis=0, ddof=1).ravel()[np.mean(found, axis=0).argmin()])
        for teacher, found in risks.items()
    }
    best = min(truth, key=lambda teacher: truth[teacher])
    print(f"student mpnet, {LABELS} labels, truth over {DRAWS_OF_LABELS} draws of labels")
    for teacher in sorted(truth, key=lambda teacher: truth[teacher]):
        shown = [next(t for t in found.teachers if t.weak == teacher) for found in rankings]
        said = ", ".join(f"{getattr(t.student, 'value', np.nan):.2f}{'*' if t.tied else ''}" for t in shown)
        error = spread[teacher] / DRAWS_OF_LABELS**0.5
        print(f"{teacher:18} measured {truth[teacher]:.3f} +- {error:.3f}; forecasts {said}")
    print(f"strong baseline    measured {np.mean(baseline, axis=0).min():.3f}")
    low, covered, count, regret = 1.0, 0, 0, []
    for found in rankings:
        forecast = {t.weak: getattr(t.student, "value", np.nan) for t in found.teachers}
        names = list(forecast)
        rho = float(spearmanr([forecast[t] for t in names], [truth[t] for t in names]).statistic)
        low = min(low, rho)
        for t in found.teachers:
            start, end = (t.behind.interval if t.behind else None) or (0.0, np.inf)
            covered += start <= truth[t.weak] - truth[best] <= end
            count += 1
        regret.append(truth[names[0]] / truth[best] - 1)
        tied = ", ".join(found.tied)
        held = "holds" if best in found.tied else "misses"
        print(f"Spearman {rho:.3f}; may be the best: {tied} ({held} the best measured); {found.decision}")
    print(
        f"distances behind the best inside their intervals: {covered} of {count};"
        f" the first of each ranking is {max(regret):.1%} above the best measured at most"
    )
    return int(low < 0.9)


def main() -> int:
    """Time the command, or hold rankings against trained students.

    Returns
    -------
    int
        Exit status.
    """
    if "--measured" not in sys.argv[1:]:
        return timed()
    folder = os.environ.get("OUTGROW_DATA")
    if not folder or not (Path(folder) / "movies").is_dir():
        print("OUTGROW_DATA names no folder with movies/: nothing is measured")
        return 0
    return measured(Path(folder))


if __name__ == "__main__":
    sys.exit(main())
