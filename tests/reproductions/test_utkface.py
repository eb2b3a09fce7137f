"""Ages from faces: the published way equals plain refits, and only like is held against what is printed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from outgrow.config import LabelConfig, ReproduceConfig
from outgrow.reproductions import utkface
from outgrow.reproductions.at_hand import models_at_hand
from outgrow.reproductions.experiment import Sizes
from outgrow.reproductions.runner import run
from outgrow.reproductions.utkface import UTKFACE
from outgrow.study.sources import NOTHING, Permissions
from outgrow.sweeps import sketched
from outgrow.sweeps.grid import SweepGrid
from outgrow.sweeps.layout import cut

FACES = 300

CODE = """
import numpy as np
from PIL import Image

def _pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"), dtype=float)

def small(paths):
    return np.array([_pixels(path)[:4, :3, 0].ravel() for path in paths])

def large(paths):
    return np.array([_pixels(path)[:4, :4, :1].ravel() for path in paths])
"""

CALLABLES = ("own_faces:small", "own_faces:large")
"""Two encoders: cheap, and of the user's own."""


def asked(config, **options):
    return ReproduceConfig(**dict(config), **options)


def reproduce(config, permissions=NOTHING, experiment=UTKFACE):
    return run(experiment, config, permissions, jobs=1)


def names_of(ages):
    return [f"{age}_{i % 2}_{i % 5}_{20170109:08d}{i:09d}.jpg" for i, age in enumerate(ages)]


@pytest.fixture
def folder(tmp_path, rng, needs):
    """A folder in UTKFace's layout: older faces are lighter. One name lacks a part, as three published do."""
    needs("PIL")
    from PIL import Image

    ages = rng.integers(1, 100, FACES)
    pictures = 2 * ages[:, None, None, None] + rng.integers(0, 50, (FACES, 8, 8, 3))
    place = tmp_path / "faces"
    place.mkdir()
    for name, picture in zip(names_of(ages), pictures.astype(np.uint8), strict=True):
        Image.fromarray(picture).save(place / name, quality=95)
    (place / "61_1_20170109150557335.jpg").write_bytes((place / names_of(ages)[0]).read_bytes())
    return place


@pytest.fixture
def features(written, rng):
    """Features by id, one set per encoder, and a table of ages."""
    latent = rng.standard_normal((FACES, 10))
    ages = 40 + 8 * latent[:, 0] + 6 * latent[:, 1] + 4 * latent[:, 9] + 5 * rng.standard_normal(FACES)
    views = {
        "ResNet_18": latent[:, :5] + 0.4 * rng.standard_normal((FACES, 5)) + 1,
        "resnet50": latent[:, :7] + 0.4 * rng.standard_normal((FACES, 7)) + 1,
        "clip-b32": latent[:, 1:] @ rng.standard_normal((9, 9)) + 2,
    }
    return written(views, [f"face-{i}" for i in range(FACES)], label=ages)


def published_by_hand(config, options, at):
    """PGR and OPR of one pair by refitting with scikit-learn, a mean over trials of ratios."""
    rows = models_at_hand(config, utkface.SHARE)
    teacher, student = rows.teachers[0], rows.student
    X_w, X_s = (rows.views[name].astype(float) for name in (teacher, student))
    y = np.zeros(len(X_w))
    y[rows.train], y[rows.test] = rows.labels.draw(0.0, 0)[:, 0], rows.truth[:, 0]
    grid = SweepGrid(rows.pairs, options.n, options.N, seeds=options.seeds)
    cuts = cut(len(rows.train), grid)
    n, N = at
    pgr, opr = [], []
    for seed in range(options.seeds):
        layout = cuts.deal(max(options.n), max(options.N), seed)
        own, pool = rows.train[layout.labelled[:n]], rows.train[layout.pool[:N]]

        def mse(X, model):
            return np.mean((model.predict(X[rows.test]) - y[rows.test]) ** 2)

        def fit(X, target):
            return Ridge(alpha=utkface.RIDGE, fit_intercept=False).fit(X, target)

        weak = fit(X_w[own], y[own])
        taught = mse(X_s, fit(X_s[pool], weak.predict(X_w[pool])))
        both = np.concatenate([own, pool])
        ceiling, baseline = mse(X_s, fit(X_s[both], y[both])), mse(X_s, fit(X_s[own], y[own]))
        pgr.append((mse(X_w, weak) - taught) / (mse(X_w, weak) - ceiling))
        opr.append(baseline / taught)
    return np.mean(pgr), np.mean(opr)


def test_the_published_way_equals_plain_refits(features):
    options = asked(features, seeds=3, n=(40, 60), N=(90, 150), noise=(0.0,))
    found = reproduce(options)
    (ways,) = (table.columns for table in found.tables if table.name == "ways")
    assert ways["way"][:2] == ["as published", "our way"] and (ways["n"][0], ways["N"][0]) == (40, 150)
    pgr, opr = published_by_hand(features, options, (40, 150))
    assert ways["pgr_mean_of_ratios"][0] == pytest.approx(pgr, rel=1e-6)
    assert ways["opr_mean_of_ratios"][0] == pytest.approx(opr, rel=1e-6)


def test_wide_sets_go_through_a_sketch_as_published_and_not_our_way(features, monkeypatch):
    options = asked(features, seeds=2, n=(40,), N=(150,), noise=(0.0,), alphas=(0.1,))
    monkeypatch.setattr(sketched, "OVERSAMPLING", 0)
    tables = []
    for rank in (utkface.SKETCH, 6):
        # Teachers have 5 and 7 columns, the student 9.
        monkeypatch.setattr(utkface, "SKETCH", rank)
        found = reproduce(options)
        tables.append(next(table.columns for table in found.tables if table.name == "ways"))
    for column in ("mse_teacher", "mse_ceiling"):
        exact, through = (np.array(table[column]) for table in tables)
        apart = abs(through / exact - 1)
        # Rows are ResNet-18 and ResNet-50, each as published and our way.
        assert (apart[[1, 3]] < 1e-12).all() and apart[2] > 1e-3, column
        assert (apart[0] > 1e-3) == (column == "mse_ceiling")


def test_pictures_and_the_users_encoders(folder, own_module):
    own_module("own_faces", CODE)
    config = LabelConfig(
        input=str(folder), weak=(f"ResNet-18=callable:{CALLABLES[0]}",), strong=f"big=callable:{CALLABLES[1]}"
    )
    options = asked(config, seeds=3, noise=(0.0, 20.0), alphas=(1e-3, 0.1))
    found = reproduce(options, Permissions(CALLABLES))
    assert found.verdict == "not compared"
    assert "300 pictures instead of 23,708" in found.because
    assert "the student is big instead of CLIP-B/32" in found.because
    assert all(each.ours is None and "300 pictures" in each.reason for each in found.comparisons)
    assert [each.published for each in found.comparisons[:2]] == [0.520, 0.541]
    assert "253 / 19,997" in found.setting and "n = 25 or N = 127" in found.setting
    (unread,) = (check for check in found.checks if check.code == "OG107")
    assert "61_1_20170109150557335.jpg" in unread.detail
    # Like with like first; as many groups as there are levels, and one of levels.
    groups = list(dict.fromkeys(panel.group for panel in found.panels))
    first = [group for group in groups if group.startswith("As published")]
    assert groups[: len(first)] == first and len(first) < len(groups)
    for level in (0, 20):
        assert any(f"noise sd {level}: " in group for group in first)
    lines = {curve.series for panel in found.panels for curve in panel.curves}
    assert any(line.startswith("ResNet-18 (d_sw/d_w = ") for line in lines)
    assert {"noise sd 0", "noise sd 20"} <= lines
    assert all(curve.kind != "published" for panel in found.panels for curve in panel.curves)
    # Lighter is older: both ways find it, and the ratios are of errors far below the ages' own variance.
    (ways,) = (table.columns for table in found.tables if table.name == "ways")
    assert max(ways["mse_ceiling"]) < 100


@pytest.fixture
def as_if_published(monkeypatch):
    """Lets the small data stand for the published data, at its own sizes."""
    sizes = {"TEST": 47, "SHARE": 47 / FACES, "LABELS": 40, "POOL": 150, "TRIALS": 2}
    for name, value in {"FACES": (FACES, FACES), **sizes}.items():
        monkeypatch.setattr(utkface, name, value)


def reproduce_small(config):
    sizes = Sizes((20, 40, 60), (60, 150), (utkface.LABELS, utkface.POOL), FACES - 47)
    return reproduce(config, experiment=replace(UTKFACE, sizes=sizes))


def test_like_data_are_held_against_what_is_printed(features, as_if_published, monkeypatch):
    options = asked(features, seeds=4, noise=(0.0, 5.0))
    first = reproduce_small(options)
    numbers = {each.what: each for each in first.comparisons}
    own = numbers["PGR, ResNet-18, no added noise, n = 40, N = 150"]
    low, high = own.interval
    assert own.ours == pytest.approx((low + high) / 2)
    assert own.tolerance == pytest.approx(5e-4 + 2**0.5 * (high - low) / 2)
    assert numbers["OPR, ResNet-34, no added noise, n = 40, N = 150"].reason.endswith(
        "no ResNet-34 is at hand"
    )
    assert numbers["PGR, ResNet-50, noise sd 20, n = 40, N = 150"].reason.endswith("not asked for")
    assert numbers["PGR, ResNet-50, noise sd 5, n = 40, N = 150"].ours is not None
    compared = [each for each in first.comparisons if each.ours is not None]
    assert len(compared) == 6
    assert "of 6 printed numbers" in first.because

    # Had ours been printed, they would match; and a printed number far away does not.
    keys = (("ResNet-18", 0.0), ("ResNet-50", 0.0), ("ResNet-50", 5.0))
    pairs = zip(compared[::2], compared[1::2], strict=True)
    printed = {key: (pgr.ours, opr.ours) for key, (pgr, opr) in zip(keys, pairs, strict=True)}
    monkeypatch.setattr(utkface, "PRINTED", {**utkface.PRINTED, **printed})
    again = reproduce_small(options)
    assert (again.verdict, again.because[:6]) == ("matches", "6 of 6")
    monkeypatch.setattr(utkface, "PRINTED", {**utkface.PRINTED, keys[2]: (9.0, 9.0)})
    assert reproduce_small(options).verdict == "partly matches"

    # Printed numbers are marks on the line of their own teacher or level, where they belong.
    marks = {
        (panel.title, curve.series): (curve.x, curve.y)
        for panel in again.panels
        for curve in panel.curves
        if curve.kind == "published"
    }
    at = next(key for key in marks if key[1].startswith("ResNet_18") and key[0].startswith("PGR against n"))
    assert marks[at] == ((40.0,), (compared[0].ours,))
    at = next(
        key for key in marks if key[1] == "noise sd 5" and "against N" in key[0] and "PGR" not in key[0]
    )
    assert marks[at] == ((150.0,), (compared[5].ours,))
    noisy = [panel for panel in again.panels if panel.group.startswith("As published, noise sd 5: ")]
    assert noisy and all(curve.kind == "measured" for panel in noisy for curve in panel.curves)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"TEST": 48}, "47 test pictures instead of 48"),
        ({"LABELS": 100}, "n = 60 and N = 150 instead of 100 and 150"),
        ({"TRIALS": 3}, "2 trials instead of 3"),
        ({"STUDENT": "CLIP-L/14"}, "the student is clip-b32 instead of CLIP-L/14"),
        ({"PRINTED": {("VGG", 0.0): (0.5, 0.5), ("VGG", 5.0): (0.5, 0.5)}}, "no teacher is one of VGG"),
    ],
)
def test_each_difference_is_a_reason_not_to_compare(features, as_if_published, monkeypatch, changes, reason):
    for name, value in changes.items():
        monkeypatch.setattr(utkface, name, value)
    found = reproduce_small(asked(features, seeds=2, noise=(0.0,), alphas=(0.1,)))
    assert found.verdict == "not compared" and reason in found.because
