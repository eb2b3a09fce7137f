"""Every experiment refuses what it cannot do, before anything is read."""

from __future__ import annotations

import pytest

from outgrow.config import ReproduceConfig
from outgrow.errors import ConfigError
from outgrow.reproductions.recipes import RECIPES, reproduce

FILES = {"weak": ("weak.npz",), "strong": "strong.npz", "labels": "labels.csv"}


@pytest.mark.parametrize("name", [name for name in RECIPES if name != "synthetic"])
def test_one_trial_has_no_interval(name):
    with pytest.raises(ConfigError, match="one trial has no interval"):
        reproduce(name, ReproduceConfig(**FILES, seeds=1))


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("mvies", {}, "there is no experiment 'mvies'.*Did you mean movies"),
        ("sst2", {}, "sst2 needs your copy of its data"),
        ("synthetic", FILES, "synthetic takes no feature sets, models or labels"),
        ("synthetic", {"head": "squared"}, "synthetic takes no --head"),
        ("movies", {"pictures": 3}, "movies takes no --pictures"),
        ("utkface", {**FILES, "head": "logistic"}, "utkface takes no --head"),
        ("ceiling-table", {"noise": (0.1,)}, "ceiling-table takes no --noise"),
        ("ceiling-table", {"N": (3, 4)}, "--N: ceiling-table takes one size"),
    ],
)
def test_what_an_experiment_does_not_take(name, options, said):
    with pytest.raises(ConfigError, match=said):
        reproduce(name, ReproduceConfig(**options))
