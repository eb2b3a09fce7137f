"""Sentiment of phrases: one phrase of each sentence, risks by refitting, answers in kind as by hand."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
from scipy.stats import permutation_test, spearmanr
from sklearn.linear_model import Ridge

from outgrow.config import LabelConfig, ReproduceConfig
from outgrow.data.texts import read_texts
from outgrow.errors import ConfigError, DataError
from outgrow.reproductions.at_hand import models_at_hand
from outgrow.reproductions.experiment import MeasuredWay
from outgrow.reproductions.in_kind import chance_of, in_kind, rank_correlation
from outgrow.reproductions.runner import run
from outgrow.reproductions.sst2 import SST2, accuracy_cells, longest_of_each, read
from outgrow.results import Estimate, Undefined
from outgrow.study.sources import NOTHING, Permissions
from outgrow.sweeps.grid import SweepGrid
from outgrow.sweeps.layout import cut
from outgrow.sweeps.measured_grid import measure_sweep
from outgrow.sweeps.summary import Tuned
from outgrow.sweeps.sweep_outcome import PairDimensions

SENTENCES = 260

CODE = """
import numpy as np

SEEN = []

def short(texts):
    SEEN.append(sorted(texts))
    return np.array([[text.count("good"), len(text)] for text in texts], dtype=float)

def long(texts):
    return np.array([[text.count("good"), text.count("bad"), len(text), len(text) ** 2] for text in texts])
"""


def reproduce(config, **options):
    return run(SST2, ReproduceConfig(**dict(config), **options), jobs=1)


def read_rows(config, permissions=NOTHING):
    return read(config, 0.0, permissions, None)


@pytest.fixture
def table(tmp_path, rng):
    """A table as GLUE has it: phrases without ids, those of a sentence all over the place."""
    rows = []
    for i in range(SENTENCES):
        liked = int(rng.integers(2))
        words = [f"film{i}", "is", *rng.permutation(["very", "rather", "so"])[:2].tolist()]
        words += ["good" if liked else "bad", "in", f"scene{i}"]
        sentence = " ".join(words) + " "
        rows += [(sentence, liked), (" ".join(words[:5]) + " ", liked), (" ".join(words[4:]), liked)]
    order = rng.permutation(len(rows))
    path = tmp_path / "train.tsv"
    path.write_text("sentence\tlabel\n" + "".join(f"{rows[i][0]}\t{rows[i][1]}\n" for i in order))
    return path


@pytest.fixture
def features(written, table, rng):
    """Features of every phrase, by the ids that its text gives it."""
    phrases = read_texts(table, text_column="sentence")
    liked = phrases.labels - 0.5
    latent = np.column_stack([liked, rng.standard_normal((len(liked), 9))])
    views = {
        "tiny": latent[:, :4] + 0.8 * rng.standard_normal((len(liked), 4)),
        "other": latent[:, :5] + 0.5 * rng.standard_normal((len(liked), 5)),
        "strong": latent + 0.3 * rng.standard_normal((len(liked), 10)),
    }
    return written(views, phrases.ids).model_copy(update={"labels": str(table)})


def test_one_phrase_of_each_sentence(features, table):
    rows = read_rows(features)
    assert rows.rows == SENTENCES and rows.notes[0].startswith(f"{2 * SENTENCES} phrases")
    assert len(rows.test) == math.ceil(SENTENCES / 5)
    kept = longest_of_each(read_texts(table, text_column="sentence"))
    assert all(text.startswith("film") and "scene" in text for text in kept.items)
    # Labels and features of the same phrases: the strong set's first column is the label and a little noise.
    for here, codes in ((rows.train, rows.labels.draw(0.0, 0)), (rows.test, rows.truth)):
        assert np.corrcoef(rows.views["strong"][here, 0], codes[:, 1])[0, 1] > 0.8


def test_equal_texts_are_one_sentence(tmp_path):
    path = tmp_path / "twice.csv"
    path.write_text("id,sentence,label\na,fine film ,1\nb,film,1\nc,fine  film,0\nd,bad one,0\n")
    kept = longest_of_each(read_texts(path, text_column="sentence"))
    assert kept.ids.tolist() == ["a", "d"] and kept.labels.tolist() == [1.0, 0.0]


def test_measured_risks_and_accuracies_are_those_of_refitting(features):
    rows = read_rows(features)
    grid = SweepGrid(rows.pairs, (40,), (120,), (0.0,), (1.0,), (0.1,), seeds=3, joint=False)
    table = measure_sweep(rows, grid, jobs=1)
    cells = accuracy_cells(Tuned(table, grid, "accuracy"), grid)
    X_w, X_s = rows.views["tiny"], rows.views["strong"]
    cuts = cut(len(rows.train), grid)
    y = np.zeros((len(rows.views["tiny"]), 2))
    y[rows.train], y[rows.test] = rows.labels.draw(0.0, 0), rows.truth
    wrong = {"teacher": [], "student": [], "ceiling": []}
    for seed in range(3):
        layout = cuts.deal(40, 120, seed)
        own, pool = rows.train[layout.labelled], rows.train[layout.pool]

        def fit(X, here, target, alpha):
            scale = np.var(X[rows.train], axis=0).mean()
            return Ridge(alpha=alpha * scale * len(here)).fit(X[here], target)

        teacher = fit(X_w, own, y[own], 1.0)
        both = np.concatenate([own, pool])
        models = {
            "teacher": (teacher, X_w),
            "student": (fit(X_s, pool, teacher.predict(X_w[pool]), 0.1), X_s),
            "ceiling": (fit(X_s, both, y[both], 0.1), X_s),
        }
        for name, (model, X) in models.items():
            said = model.predict(X[rows.test]).argmax(axis=1)
            wrong[name].append(np.mean(said != y[rows.test].argmax(axis=1)))
    means = {name: np.mean(values) for name, values in wrong.items()}
    cell = (cells["quantity"] == "pgr") & (cells["weak"] == "tiny")
    expected = (means["teacher"] - means["student"]) / (means["teacher"] - means["ceiling"])
    assert cells["value"][cell] == pytest.approx([expected])


def test_the_reproduction_as_a_whole(features):
    found = reproduce(features, seeds=3, noise=(0.3, 0.0), alphas=(0.1, 1.0))
    assert (found.verdict, found.comparisons) == ("not compared", ())
    assert "no numbers printed are at hand" in found.because
    assert "2 teachers are too few to ask" in found.because
    assert "with 30% of labels swapped" in found.because and "of 2 teachers" in found.because
    assert list(found.config["noise"]) == [0.0, 0.3] and "208 / 5,508" in found.setting
    assert any(note.startswith("520 phrases that are part of a longer one") for note in found.notes)
    ratios = {f"ratio of {of} (baseline / student)" for of in ("raw test errors", "shares wrong")}
    assert {panel.y_name for panel in found.panels} == {"PGR", "PGR of accuracies", *ratios}
    lines = {curve.series for panel in found.panels for curve in panel.curves}
    assert {"swapped labels 0", "swapped labels 0.3"} <= lines
    assert any(line.startswith("tiny (d_sw/d_w = ") for line in lines)
    tables = {table.name: table.columns for table in found.tables}
    assert set(tables) == {"dimensions", "in_kind", "cells", "cells_by_accuracy"}
    assert tables["in_kind"]["reason"][:2] == ["fewer than 4 teachers say nothing of an order"] * 2


def test_logistic_heads(features):
    found = reproduce(features, seeds=2, n=(40,), N=(100,), noise=(0.0,), head="logistic", alphas=(1.0,))
    assert "logistic heads" in found.setting and any("cross-entropies" in note for note in found.notes)
    cells = next(table.columns for table in found.tables if table.name == "cells")
    risk = dict(zip(zip(cells["quantity"], cells["weak"], strict=True), cells["value"], strict=True))
    # Better than knowing nothing, which is log 2.
    assert 0 < risk["ceiling", "tiny"] < math.log(2)


def test_only_phrases_that_are_kept_are_encoded(table, own_module):
    own_module("own_words", CODE)
    names = ("own_words:short", "own_words:long")
    config = LabelConfig(input=str(table), weak=(f"a=callable:{names[0]}",), strong=f"b=callable:{names[1]}")
    rows = read_rows(config, Permissions(names))
    seen = {text for part in sys.modules["own_words"].SEEN for text in part}
    assert rows.rows == SENTENCES and rows.notes[0].startswith(f"{2 * SENTENCES} phrases")
    kept = set(longest_of_each(read_texts(table, text_column="sentence")).items)
    # Models are probed on long texts, too, which are several of these together.
    assert kept <= seen and all(text.count("scene") > 1 for text in seen - kept)


def test_tables_without_phrases_say_so(features, table, tmp_path):
    phrases = read_texts(table, text_column="sentence")
    lines = [f"{name},{int(label)}" for name, label in zip(phrases.ids, phrases.labels, strict=True)]
    (tmp_path / "labels.csv").write_text("id,label\n" + "\n".join(lines) + "\n")
    bare = features.model_copy(update={"labels": str(tmp_path / "labels.csv")})
    rows = read_rows(bare)
    assert rows.rows == 3 * SENTENCES and rows.notes[0].startswith("The table holds no phrases")
    same = models_at_hand(bare.model_copy(update={"task": "classification"}), 0.2)
    np.testing.assert_array_equal(rows.test, same.test)
    found = reproduce(bare, seeds=2, n=(40,), N=(100,), noise=(0.0,), alphas=(1.0,))
    assert any(note.startswith("The table holds no phrases") for note in found.notes)


def test_what_cannot_be_is_said(features, tmp_path):
    with pytest.raises(ConfigError, match="neither phrases nor labels are named"):
        read_rows(features.model_copy(update={"labels": None}))
    (tmp_path / "bare.csv").write_text("id,sentence\na,fine\nb,bad\n")
    with pytest.raises(DataError, match="the phrases have no labels"):
        read_rows(features.model_copy(update={"labels": str(tmp_path / "bare.csv")}))


@pytest.mark.parametrize("count", [4, 5])
def test_rank_correlations_and_their_chance(rng, count):
    x, y = rng.standard_normal((2, count))
    y[1] = y[0]
    assert rank_correlation(x, y) == pytest.approx(spearmanr(x, y).statistic, abs=1e-9)
    exact = permutation_test(
        (x,), lambda a: rank_correlation(a, y), permutation_type="pairings", alternative="less",
        n_resamples=np.inf, vectorized=False,
    )  # fmt: skip
    assert chance_of(x, y) == pytest.approx(exact.pvalue)
    # Of more teachers than can be enumerated, orders are drawn.
    many = rng.standard_normal(9)
    assert chance_of(many, many) == 1 and chance_of(many, -many) < 1e-3


class Told(Tuned):
    """Stands for tuned risks: every model's by teacher and level, with a spread over seeds."""

    def __init__(self, gains, ratios):
        self.gains, self.ratios = gains, ratios

    def of(self, model, weak, _strong):
        student = 2.0 - self.gains[weak]
        baselines = np.array(self.ratios[weak]) * student
        values = {"teacher": 2.0, "ceiling": 1.0, "student": student, "baseline": baselines}[model]
        return np.broadcast_to(values, 2)[:, None, None, None] * np.array([0.99, 1.0, 1.01])


def test_answers_in_kind():
    names = ["a", "b", "c", "d"]
    gains = dict(zip(names, (0.9, 0.7, 0.5, 0.3), strict=True))
    ratios = {"a": (0.5, 0.8), "b": (0.5, 0.5), "c": (0.5, 0.4), "d": (0.5, 0.9)}
    grid = SweepGrid(tuple((name, "s") for name in names), (40,), (100,), (0.0, 0.3), seeds=3)
    pairs = [
        PairDimensions(name, "s", 10, 10, 10, 10, Estimate(float(place)), None, None, None)
        for place, name in enumerate(names, 1)
    ]
    way = MeasuredWay("", grid, {}, {}, Told(gains, ratios), {})
    table, said = in_kind(way, pairs, (40, 100), "swapped labels")
    columns = table.columns
    assert columns["value"][:2] == [-1.0, -1.0] and columns["chance"][0] == 1 / 24
    assert columns["low"][0] == columns["high"][0] == -1.0
    assert columns["value"][2:] == pytest.approx([0.3, 0.0, -0.1, 0.4])
    assert "is -1.00 (-1.00 to -1.00" in said and "4.2% have it as low" in said
    assert "for 2 of 4 teachers" in said
    pairs[0] = PairDimensions("a", "s", 10, 10, 10, 10, Undefined("too few rows", ""), None, None, None)
    few, told = in_kind(way, pairs, (40, 100), "swapped labels")
    assert few.columns["value"][0] is None and "3 teachers are too few" in told


@pytest.mark.slow
def test_real_phrases_share_no_sentence(shared_data):
    phrases = read_texts(shared_data / "sst2" / "train.tsv", text_column="sentence")
    kept = longest_of_each(phrases)
    assert (len(phrases.ids), len(kept.ids)) == (67_349, 6_885)
    words = [f" {' '.join(text.split())} " for text in kept.items]
    whole = "\n".join(words)
    assert all(whole.count(text) == 1 for text in words)
