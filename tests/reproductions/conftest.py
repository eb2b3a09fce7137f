"""Golden experiments, each done once; feature files as a user has them."""

from __future__ import annotations

import runpy
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from outgrow.config import LabelConfig

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


@pytest.fixture
def written(tmp_path, rng):
    """Write feature sets by id, each in an order of its own, the student last; and a table of labels."""

    def write(views, ids=None, **columns):
        count = len(next(iter(views.values())))
        ids = np.array([f"row-{i}" for i in range(count)] if ids is None else ids, dtype=str)
        for name, view in views.items():
            order = rng.permutation(count)
            np.savez(tmp_path / f"{name}.npz", ids=ids[order], features=view[order])
        rows = [",".join(map(str, row)) for row in zip(ids, *columns.values(), strict=True)]
        (tmp_path / "labels.csv").write_text("\n".join([",".join(["id", *columns]), *rows]) + "\n")
        *weak, strong = (str(tmp_path / f"{name}.npz") for name in views)
        return LabelConfig(weak=tuple(weak), strong=strong, labels=str(tmp_path / "labels.csv"))

    return write


@pytest.fixture
def own_module(tmp_path, monkeypatch):
    """Put a user's module of encoders on the path."""
    names = []

    def put(name, code):
        (tmp_path / f"{name}.py").write_text(code)
        names.append(name)

    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("OUTGROW_CACHE", str(tmp_path / "cache"))
    yield put
    for name in names:
        sys.modules.pop(name, None)
