"""The published table is arithmetic; that at hand equals plain refits, and says what PGR leaves out."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from outgrow.config import ReproduceConfig
from outgrow.errors import ConfigError
from outgrow.reproductions.ceiling_table import CEILING_TABLE, at_hand_table, doubts, published, recovered
from outgrow.reproductions.experiment import MeasuredWay
from outgrow.reproductions.rated_rows import liked_or_not
from outgrow.reproductions.runner import run
from outgrow.results import Estimate, Undefined
from outgrow.sweeps.grid import SweepGrid
from outgrow.sweeps.layout import cut
from outgrow.sweeps.sweep_outcome import PairDimensions
from outgrow.sweeps.table import KINDS
from outgrow.worlds.rated_movies import load_movies


def test_the_published_table_is_arithmetic():
    first, second = published()
    assert (first.published, second.published) == (0.671, 0.575)
    assert first.ours == pytest.approx(5.3 / 7.9) and second.ours == pytest.approx(10.0 / 17.4)
    assert first.matches and second.matches
    assert first.tolerance == second.tolerance == 5e-4


def test_rounding_and_images_bound_what_three_numbers_say(rng):
    columns = doubts().columns
    for row, accuracies in enumerate(((56.6, 61.9, 64.5), (56.6, 66.6, 74.0))):
        low, high = columns["rounding_low"][row], columns["rounding_high"][row]
        inside = [
            recovered(*(value + move for value, move in zip(accuracies, moves, strict=True)))
            for moves in itertools.product(np.linspace(-0.05, 0.05, 5), repeat=3)
        ]
        assert (min(inside), max(inside)) == pytest.approx((low, high))
        # Binomial test sets: the interval of level .90 holds the table's own PGR about so often.
        draws = rng.binomial(10_000, np.array(accuracies) / 100, (20_000, 3)) / 100
        spread = np.quantile([recovered(*draw) for draw in draws], (0.05, 0.95))
        ends = columns["images_low"][row], columns["images_high"][row]
        assert ends == pytest.approx(spread, abs=0.004)
        assert ends[0] < low < high < ends[1]


def reproduce(config=None, **options):
    return run(CEILING_TABLE, ReproduceConfig(**dict(config or {}), **options), jobs=1)


def table_of(accuracy):
    """A sweep's table of one pair and cell, by model and seed; risks are the shares of wrong classes."""
    rows = {name: [] for name in KINDS}
    for model, by_seed in accuracy.items():
        for seed, right in enumerate(by_seed):
            row = {
                "model": model,
                "weak": "w" if model in ("teacher", "student") else "",
                "strong": "" if model == "teacher" else "s",
                "n": 10,
                "N": 20 if model in ("student", "ceiling") else -1,
                "noise": 0.0,
                "alpha_w": 0.0 if model in ("teacher", "student") else np.nan,
                "alpha_s": np.nan if model == "teacher" else 0.0,
                "seed": seed,
                "risk": 1 - right,
                "accuracy": right,
                "solver": "moments",
                "condition": 1.0,
            }
            for name, value in row.items():
                rows[name].append(value)
    return {name: np.array(values, dtype=KINDS[name]) for name, values in rows.items()}


GRID = SweepGrid((("w", "s"),), n=(10,), N=(20,), seeds=6)


def test_pgr_of_accuracies_is_a_ratio_of_means_with_an_interval(rng):
    centres = {"teacher": 0.6, "student": 0.7, "baseline": 0.65, "ceiling": 0.8}
    accuracy = {model: centre + 0.01 * rng.standard_normal(6) for model, centre in centres.items()}
    pair = PairDimensions("w", "s", 4, 8, 4, 8, Estimate(3.0), 3.1, None, None)
    columns = at_hand_table(MeasuredWay.of("", GRID, table_of(accuracy)), [pair])
    means = {model: np.mean(values) for model, values in accuracy.items()}
    (pgr,) = columns["pgr_of_accuracies"]
    assert pgr == pytest.approx(recovered(means["teacher"], means["student"], means["ceiling"]))
    assert columns["pgr_of_accuracies_low"][0] < pgr < columns["pgr_of_accuracies_high"][0]
    assert columns["pgr_of_squared_errors"][0] == pytest.approx(pgr)
    assert columns["accuracy_student"] == [pytest.approx(means["student"])]
    assert columns["d_sw_by_d_w"] == [0.75]


def test_a_gap_that_is_not_resolved_has_no_pgr():
    wide = np.linspace(-0.2, 0.2, 6)
    accuracy = {
        "teacher": 0.7 + wide, "student": 0.7 - wide, "baseline": 0.7 + wide, "ceiling": 0.701 - wide,
    }  # fmt: skip
    bare = PairDimensions("w", "s", 4, 8, 4, 8, Undefined("too few rows", ""), None, None, None)
    columns = at_hand_table(MeasuredWay.of("", GRID, table_of(accuracy)), [bare])
    assert columns["pgr_of_accuracies"] == [None] and "OG205" in columns["pgr_of_accuracies_undefined"][0]
    assert columns["d_sw"] == [None] and columns["d_sw_by_d_w"] == [None]


@pytest.fixture(scope="module")
def reviews():
    return reproduce(seeds=6)


def test_the_embedded_reviews_have_the_same_table(reviews):
    assert reviews.verdict == "matches"
    columns = next(table.columns for table in reviews.tables if table.name == "at_hand")
    assert columns["teacher"] == ["minilm-l3", "minilm-l6", "mpnet-layer8"] and set(columns["n"]) == {400}
    first = {name: values[0] for name, values in columns.items()}
    assert first["accuracy_teacher"] < first["accuracy_student"] < first["accuracy_ceiling"]
    # PGR is well above one half, and labels alone would have done better: the note says so.
    assert 0.5 < first["pgr_of_accuracies"] < 0.65
    assert first["accuracy_baseline"] > first["accuracy_student"] + 0.02
    (said,) = (note for note in reviews.notes if "labelled rows alone" in note)
    assert "minilm-l3 (PGR 0." in said and "minilm-l6 (PGR 0." in said and "layer8" not in said
    assert any("one who took a side" in note for note in reviews.notes)
    # The figure shows PGR over the gap that it divides by.
    (panel,) = reviews.panels
    assert [curve.kind for curve in panel.curves] == ["published"] * 2 + ["measured"] * 3
    assert panel.curves[0].x == pytest.approx((7.9,)) and panel.curves[0].y == (0.671,)
    last, gap = panel.curves[-1], columns["accuracy_ceiling"][2] - columns["accuracy_teacher"][2]
    assert (last.x[0], last.y) == (pytest.approx(100 * gap), (columns["pgr_of_accuracies"][2],))


def test_reviews_equal_plain_refits_on_raters_votes(reviews):
    """The teacher at one penalty, refitted with numpy on the votes of the same raters."""
    rows = liked_or_not()
    votes = rows.labels
    y, majority = votes.draw(0.0, 1), load_movies().rating[rows.train] > 0
    share = np.mean(y.argmax(axis=1) == majority)
    assert 0.9 < share < 0.97  # raters' noise is real, and no vote is a tie
    assert (votes.draw(0.0, 2) != y).any() and (votes.draw(0.0, 1) == y).all()
    one = reproduce(seeds=2, alphas=(0.1,))
    columns = next(table.columns for table in one.tables if table.name == "at_hand")
    cuts = cut(len(rows.train), SweepGrid(rows.pairs, (400,), (4_000,)))
    right = []
    X = rows.views["minilm-l3"].astype(np.float64)
    penalty = 0.1 * X[rows.train].var(axis=0).mean()
    for seed in (0, 1):
        own = cuts.deal(400, 4_000, seed).labelled
        Z, target = X[rows.train[own]], votes.draw(0.0, seed)[own]
        centre, level = Z.mean(axis=0), target.mean(axis=0)
        gram = (Z - centre).T @ (Z - centre) / 400 + penalty * np.eye(Z.shape[1])
        theta = np.linalg.solve(gram, (Z - centre).T @ (target - level) / 400)
        scores = (X[rows.test] - centre) @ theta + level
        right.append(np.mean(scores.argmax(axis=1) == rows.truth.argmax(axis=1)))
    assert columns["accuracy_teacher"][0] == pytest.approx(np.mean(right), abs=1e-9)


@pytest.fixture
def own(written, rng):
    latent = rng.standard_normal((400, 6))
    kind = (latent[:, :3] + 0.7 * rng.standard_normal((400, 3))).argmax(axis=1)
    views = {"small": latent[:, :2] + 0.3 * rng.standard_normal((400, 2)), "large": latent}
    return written(views, kind=[("ape", "bee", "cat")[k] for k in kind], number=kind / 7)


def test_the_users_own_feature_sets(own):
    rows = own.model_copy(update={"label_column": "kind"})
    found = reproduce(rows, seeds=5, n=(30,), N=(200,))
    columns = next(table.columns for table in found.tables if table.name == "at_hand")
    assert columns["teacher"] == ["small"] and columns["student"] == ["large"]
    # The small set lacks one of three directions that decide; chance is a third.
    assert columns["accuracy_ceiling"][0] > 0.6 > columns["accuracy_teacher"][0] > 0.4
    assert "320, 80 test rows" in found.setting
    assert not any("raters" in note for note in found.notes)
    assert found.config["label_column"] == "kind" and (found.config["n"], found.config["N"]) == (30, 200)
    # Sizes are in proportion where none are named: 400 and 4,000 of 7,605.
    usual = reproduce(rows, seeds=2, alphas=(0.1,))
    assert (usual.config["n"], usual.config["N"]) == (17, 168)
    with pytest.raises(ConfigError, match="accuracies are of classes"):
        reproduce(own.model_copy(update={"label_column": "number", "task": "regression"}))
