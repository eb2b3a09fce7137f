"""Coloured digits: a noise level has pictures of its own; features given have their noise in the labels."""

from __future__ import annotations

import struct
import sys

import numpy as np
import pytest

from outgrow.config import LabelConfig, ReproduceConfig
from outgrow.errors import ConfigError
from outgrow.reproductions.coloredmnist import COLOREDMNIST
from outgrow.reproductions.runner import run
from outgrow.study.sources import NOTHING, Permissions
from outgrow.sweeps import measured_grid as measure

PICTURES = 600

CODE = """
import numpy as np

def colour(pictures):
    means = np.array([[one[..., 0].mean(), one[..., 1].mean()] for one in pictures]) / 128
    return np.hstack([means, means**2])

def shape(pictures):
    return np.array([one.max(axis=2)[::3, ::3].ravel() for one in pictures]) / 128

def both(pictures):
    return np.hstack([colour(pictures), shape(pictures)])
"""

CALLABLES = tuple(f"own_digits:{name}" for name in ("colour", "shape", "both"))
"""What sees only colour, what sees only shape, and a student that sees both."""


def asked(config, **options):
    return ReproduceConfig(**dict(config), **options)


def reproduce(config, permissions=NOTHING, progress=None):
    return run(COLOREDMNIST, config, permissions, progress, jobs=1)


def idx(path, array):
    head = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    path.write_bytes(head + array.astype(np.uint8).tobytes())


@pytest.fixture
def folder(tmp_path, rng, own_module):
    """idx files of 9 x 9 digits, the small ones light above and the others below; and encoders."""
    digits = rng.integers(0, 10, PICTURES)
    pictures = rng.integers(60, 120, (PICTURES, 9, 9))
    half = np.where(digits[:, None] < 5, np.arange(9) < 5, np.arange(9) > 3)
    pictures += 120 * half[:, :, None]
    place = tmp_path / "digits"
    place.mkdir()
    idx(place / "train-images-idx3-ubyte", pictures[:400])
    idx(place / "train-labels-idx1-ubyte", digits[:400])
    idx(place / "t10k-images-idx3-ubyte", pictures[400:])
    idx(place / "t10k-labels-idx1-ubyte", digits[400:])
    own_module("own_digits", CODE)
    return place


def pictures_config(folder, **changes):
    names = ("ResNet-18=callable:own_digits:colour", "resnet101=callable:own_digits:shape")
    own = {"input": str(folder), "weak": names, "strong": "student=callable:own_digits:both"}
    return LabelConfig(**(own | changes))


def cell(found, quantity, weak, noise):
    (cells,) = (table.columns for table in found.tables if table.name == "cells")
    rows = zip(*(cells[name] for name in ("quantity", "weak", "noise", "value")), strict=True)
    return np.array([value for q, w, level, value in rows if (q, w, level) == (quantity, weak, noise)])


def test_every_noise_level_has_its_own_pictures(folder):
    options = asked(pictures_config(folder), seeds=3, noise=(0.3, 0.0), alphas=(0.01, 1.0))
    told = []
    found = reproduce(options, Permissions(CALLABLES), lambda what, share: told.append((what, share)))
    assert found.verdict == "not compared" and "figures" in found.because
    assert "540 pictures to train on and 60 to test on" in found.setting and "540 / 63,000" in found.setting
    # Each level has its own half of the scale; of that, measuring has the second half.
    for what, share in told:
        start = 0.5 * what.startswith("flipped labels 0.3: ") + 0.25 * ("parts" in what)
        assert start <= share <= (start + 0.25 if "parts" in what else start + 0.5)
    assert told[0][0].startswith("flipped labels 0: ") and told[-1] == (
        "flipped labels 0.3: student: 3 of 3 parts",
        1.0,
    )

    # Shape tells the digit, not the flipped label: three in ten are lost to it at that level.
    clean, noisy = (cell(found, "accuracy_of_ceiling", "resnet101", level) for level in (0.0, 0.3))
    assert clean.max() == 1.0
    assert 0.55 < noisy.max() < 0.85
    # Colour follows the flipped label in 60 % of the pictures, whatever the noise.
    colour = [cell(found, "accuracy_of_teacher", "ResNet-18", level).max() for level in (0.0, 0.3)]
    assert all(0.45 < value < 0.75 for value in colour)

    groups = list(dict.fromkeys(panel.group for panel in found.panels))
    for level in ("0", "0.3"):
        assert any(group.startswith(f"Flipped labels {level}: student student") for group in groups)
    lines = {curve.series for panel in found.panels for curve in panel.curves}
    assert {"flipped labels 0", "flipped labels 0.3"} <= lines
    # Levels are drawn of ResNet-101, whatever the order of the teachers.
    assert any(group.startswith("resnet101 → student") for group in groups)
    assert [table.name for table in found.tables] == ["dimensions", "dimensions_0_3", "cells"]
    assert {"n": found.config["n"], "noise": found.config["noise"]} == {
        "n": [5, 17, 51, 103, 154], "noise": [0.0, 0.3],
    }  # fmt: skip


def test_features_given_have_their_noise_in_the_labels_trained_on(written, rng):
    latent = rng.standard_normal((500, 6))
    positive = latent[:, 0] + 0.3 * latent[:, 1] > 0
    config = written({"weak": latent[:, :3], "strong": latent}, label=positive.astype(int))
    options = asked(config, seeds=3, n=(60,), N=(200, 300), noise=(0.0, 0.3), alphas=(0.01, 1.0))
    found = reproduce(options)
    assert [table.name for table in found.tables] == ["dimensions", "cells"]
    # Test labels are not flipped: a ceiling on 30 % flipped labels still finds the classes.
    assert cell(found, "accuracy_of_ceiling", "weak", 0.3).min() > 0.8
    gone = cell(found, "ceiling", "weak", 0.3) - cell(found, "ceiling", "weak", 0.0)
    assert (gone > 0.05).all()
    assert any("left as they are" in note for note in found.notes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"n": (300,), "N": (400,)}, "n = 300 with N = 400 takes 700 rows, and 540"),
        ({"pictures": 100, "N": (10, 89)}, r"takes \d+ rows, and 90"),
        ({"alphas": (0.0,), "head": "logistic"}, "without a penalty a logistic fit has no end"),
    ],
)
def test_what_cannot_be_measured_is_not_encoded(folder, changes, said):
    told = []
    with pytest.raises(ConfigError, match=said):
        reproduce(
            asked(pictures_config(folder), **changes),
            Permissions(CALLABLES),
            lambda what, share: told.append(what),
        )
    assert not told and "own_digits" not in sys.modules


def test_any_number_of_pictures_takes_few_blocks(folder, monkeypatch):
    """Sizes in proportion leave no row unused, and blocks stay few however badly they divide."""
    cuts, own = [], measure.cut
    monkeypatch.setattr(measure, "cut", lambda *given: cuts.append(own(*given)) or cuts[-1])
    options = asked(pictures_config(folder), seeds=2, noise=(0.0,), alphas=(0.1,), pictures=317)
    found = reproduce(options, Permissions(CALLABLES))
    assert "285 pictures to train on and 32 to test on" in found.setting
    assert max(found.config["n"]) + max(found.config["N"]) >= 284
    assert cuts and all(each.count <= measure.MOST_BLOCKS for each in cuts)


def test_what_cannot_be_is_said(folder):
    with pytest.raises(ConfigError, match=r"--labels: labels and parts of coloured digits are drawn"):
        reproduce(asked(pictures_config(folder, labels="labels.csv")))
    with pytest.raises(ConfigError, match="allow-code"):
        reproduce(asked(pictures_config(folder)))
    assert "own_digits" not in sys.modules
