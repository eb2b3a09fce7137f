"""Golden experiments, each done once."""

from __future__ import annotations

import runpy
from functools import cache
from pathlib import Path

import pytest

MAKER = runpy.run_path(str(Path(__file__).resolve().parents[2] / "scripts" / "golden.py"))


@cache
def made(name):
    return MAKER["MAKERS"][name]()


@pytest.fixture
def small_movies():
    """Give the reproduction of the movies that the golden file is of."""
    return made("movies")[0]


@pytest.fixture
def golden():
    """Give the golden results of an experiment, by name."""
    return lambda name: MAKER["plain"](*made(name))
