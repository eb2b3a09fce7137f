"""Whatever a user mistakes is one line on standard error and status 2, and leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

RUN = "run --config run.toml"
FORECAST = "forecast --config ahead.toml"
RANK = "rank --config ahead.toml"
PLAN = "plan --config plan.toml"
PRICES = f"{PLAN} --unlabelled-cost 0.02"
BUDGET = f"{PRICES} --budget 100"
SWEEP = "sweep sweep.toml"

OPTIONS = [
    (RUN, "--n -4", "--n: input should be greater than 0"),
    (RUN, "--head rigid", "--head: input should be 'ridge' or 'ridgeless'"),
    (RUN, "--tets 3", "Did you mean --test?"),
    (RUN, "--n 1000", "1000"),
    (RUN, "--label-column score", "label"),
    (RUN, "--strong strnog.npy", "strnog.npy: no such file. Did you mean 'strong.npy'?"),
    (FORECAST, "--n 1", "--n: input should be greater than or equal to 2"),
    (FORECAST, "--N 0", "--N: input should be greater than or equal to 2"),
    (FORECAST, f"--n {'9' * 25}", "n: input should be less than or equal to"),
    (FORECAST, "--noise-variance inf", "--noise-variance: input should be a finite number"),
    (FORECAST, "--retrospective", "uses test labels, and there are none"),
    (FORECAST, "--unlabelled 2", "2 unlabelled rows hold no covariance"),
    (FORECAST, "--alpha-w -1", "--alpha-w: input should be greater than or equal to 0"),
    (FORECAST, "--pseudo-labels third", "no pseudo-label column 'third'"),
    (FORECAST, "--noise-variance 1 --repeat-column second", "both give the noise variance"),
    (FORECAST, "--repeat-column third", "third"),
    (FORECAST, "--m 1000", "1000"),
    (RANK, "--pseudo-labels label", "holds the labels themselves"),
    (RANK, "--m 3", "Give at least 4"),
    (RANK, "--labels none.csv", "none.csv"),
    (RANK, "--weak copy=weak.npy copy=other.npy", "two weak feature sets have the same name"),
    (PLAN, "--unlabelled-cost 0.02", "Give one of --budget and --target-risk"),
    (BUDGET, "--target-risk 1", "Give one of --budget and --target-risk"),
    (PLAN, "--budget 100", "--unlabelled-cost is missing"),
    (PLAN, "--budget 100 --unlabelled-cost 0", "unlabelled cost must be positive, not 0"),
    (BUDGET, "--label-cost -1", "label cost must be positive, not -1"),
    (PRICES, "--budget -5", "--budget: must be a number above 0, not -5"),
    (PRICES, "--budget nan", "--budget: must be a number above 0"),
    (PRICES, "--budget 1", "predicting the mean; the cheapest design that does costs"),
    (PRICES, "--target-risk 0.001", "with as many rows as can be had, the best route"),
    (PRICES, "--target-risk 100", "predicting the mean of the labels reaches it"),
    (BUDGET, "--have-labels 50 --most-labels 20", "50 are at hand"),
    (BUDGET, "--have-labels -1", "--have-labels"),
    (BUDGET, f"--have-labels {'9' * 20}", "--have-labels"),
    (BUDGET, "--label-cost 1e-9", "an unlabelled row costs more than 100 times as much"),
    (SWEEP, "--n 100 --N 200", "n = 100 with N = 200 takes 300 rows, and 210 with labels are there"),
    (SWEEP, "--n 100 --N 200", "With n up to 100, N may go up to 110; or draw fewer test rows."),
    (SWEEP, "--n 1000", "n = 1,000 with N = 50 takes 1,050 rows"),
    (SWEEP, "--n 1000", "Together they may take 210; or draw fewer test rows."),
    (SWEEP, "--N 50 1000", "n = 20 with N = 1,000 takes 1,020 rows"),
    (SWEEP, "--n many", "--n: input should be a valid integer"),
    (SWEEP, "--n 40 40", "--n: sizes do not increase. Name each once, in increasing order."),
    (SWEEP, "--noise inf", "--noise: input should be a finite number"),
    (SWEEP, "--head logistic", "a logistic head is for classes. Use squared, or --task classification."),
    (SWEEP, "--alpha 1", "Did you mean --alpha-w?"),
    (SWEEP, "--weak weak.npy weak.npy", "weak.npy: is named twice. Name each once."),
    (SWEEP, "--weak a=weak.npy a=other.npy", "two weak feature sets have the same name"),
    (SWEEP, "--test 0", "a sweep scores every model on test rows, and there are none. Draw some with --test"),
    (SWEEP, "--seeds 1 --alpha-w 0.1 1", "Ask for 2 at least, or for one penalty."),
    (SWEEP, "--jobs 0", "--jobs: 0 jobs do nothing. Use 1, or -1 for one per core."),
    (SWEEP, "--rank 0", "--rank: input should be greater than 0"),
    (SWEEP, "--truth-variance 1", "--truth-variance is given without --truth-column"),
    (SWEEP, "other.toml", "nothing asks for 'other.toml'"),
    ("run", "", "--strong is missing"),
    ("run", "--weak weak.npy", "--strong is missing"),
    ("forecast", "", "there is nothing to forecast"),
    ("forecast", "--weak weak.npy", "--strong is missing"),
    ("forecast", "--strong strong.npy --labels labels.csv", "--weak is missing"),
    ("forecast", "nowhere", "there is no such run"),
    ("rank", "--strong strong.npy --labels labels.csv", "--weak is missing"),
    ("predict", "nowhere", "--input is missing"),
    ("run", "--config none.toml", "none.toml: cannot be read (No such file or directory). Give a TOML file."),
    ("sweep", "none.toml", "none.toml: cannot be read (No such file or directory). Give a TOML file."),
    ("sweep", ".", ".: cannot be read (Is a directory)"),
    ("sweep", "weak.npy", "is not UTF-8 text"),
    ("run", "--config", "--config names no file"),
]


@pytest.mark.parametrize(("command", "change", "line"), OPTIONS)
def test_wrong_options_are_one_line_and_leave_nothing(files, refused, command, change, line):
    before = sorted(files.iterdir())
    out = [] if change == "--config" else ["--out", "out"]
    assert line in refused([*command.split(), *change.split(), *out])
    assert sorted(files.iterdir()) == before


def features(change, name="strong.npy"):
    np.save(name, change(np.load(name)))


def scaled(factor):
    features(lambda X: X * np.float32(factor))


def labels(change):
    y = np.loadtxt("labels.csv", skiprows=1)
    Path("labels.csv").write_text("label\n" + "\n".join(map(str, change(y))) + "\n")


def nan(X):
    X[7, 3] = np.nan
    return X


def equal_at_first(X):
    X[:50] = 1.0
    labels(lambda y: np.where(np.arange(300) < 50, y, np.nan))
    return X


def truths(label, truth):
    y = np.loadtxt("labels.csv", skiprows=1)
    Path("labels.csv").write_text("label,truth\n" + "\n".join(f"{label(v)},{truth(v)}" for v in y) + "\n")


def pickled():
    np.save("strong.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)


SMALL = [f"{RUN} --n 100", f"{RUN} --n 100 --head ridgeless", "measure --weak weak.npy --strong strong.npy"]
TRUTH = f"{RUN} --n 100 --truth-column truth"
FILES = [
    (RUN, lambda: features(nan), "row 7, column 3"),
    (RUN, pickled, "pickle"),
    *((words, lambda: features(np.ones_like), "strong: the features do not vary") for words in SMALL),
    *((words, lambda: scaled(1e30), "too large to be squared") for words in SMALL),
    *((words, lambda: scaled(1e-30), "too little to be squared") for words in SMALL),
    (RUN, lambda: features(equal_at_first), "strong, labelled rows: the features do not vary"),
    (RUN, lambda: labels(lambda y: y * 1e200), "Scale the labels."),
    (RUN, lambda: labels(lambda y: y * 1e-200), "Scale the labels."),
    (TRUTH, lambda: truths(float, lambda v: "good"), "column 'truth': the label 'good'"),
    (TRUTH, lambda: truths(lambda v: int(v > 0), float), "--truth-column is of a regression"),
    (FORECAST, lambda: labels(lambda y: [3] * 300), "all 300 labels belong to one class"),
    (f"{FORECAST} --task regression", lambda: labels(lambda y: [4] + [3] * 299), "Label rows that differ."),
    (RANK, lambda: features(lambda X: X[:-3], "weak.npy"), "weak.npy: 297 rows, but strong.npy has 300"),
    (
        f"{SWEEP} --noise 0.1 1.5",
        lambda: labels(lambda y: np.where(y > 0, "good", "bad")),
        "--noise: 1.5 is no share of classes swapped, from 0 to 1",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("command", "spoil", "line"), FILES)
def test_files_that_are_wrong_are_one_line_and_leave_nothing(files, refused, command, spoil, line):
    spoil()
    before = sorted(files.iterdir())
    out = [] if command.startswith("measure") else ["--out", "out"]
    assert line in refused([*command.split(), *out])
    assert sorted(files.iterdir()) == before
